"""Which format a caller gets who names none."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.exceptions import NotAcceptableError
from pageviews_api.representation.negotiation import negotiate
from pageviews_api.schemas.query import Format


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        (None, Format.JSON),
        ("", Format.JSON),
        ("*/*", Format.JSON),
        ("application/json", Format.JSON),
        ("application/*", Format.JSON),
        ("text/csv", Format.CSV),
        ("text/*", Format.CSV),
        ("Text/CSV; charset=utf-8; header=present", Format.CSV),
        ("application/x-ndjson", Format.NDJSON),
        ("application/ndjson", Format.NDJSON),
        ("application/jsonl", Format.NDJSON),
        ("text/csv, application/json", Format.JSON),
        ("text/csv, application/json;q=0.9", Format.CSV),
        ("application/json;q=0, */*", Format.CSV),
        ("application/json;q=0.2, application/x-ndjson;q=0.25, text/csv;q=0", Format.NDJSON),
        # Browsers, as they send it.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.JSON),
        # What cannot be read counts as not sent.
        ("json", Format.JSON),
        (";;;,,,/", Format.JSON),
        ("text/csv;q=2", Format.CSV),
    ],
)
def test_negotiate__what_is_liked_best(accept: str | None, format_: Format) -> None:
    """The format with the highest weight is taken; JSON where several are as welcome."""
    assert negotiate(accept) is format_


@pytest.mark.parametrize(
    "accept", ["application/xml", "image/png, text/html;q=0.9", "*/*;q=0", "text/csv;q=0"]
)
def test_negotiate__none_is_taken(accept: str) -> None:
    """Who takes none of the formats is told which there are."""
    with pytest.raises(NotAcceptableError) as caught:
        negotiate(accept)
    assert caught.value.choices == ["application/json", "text/csv", "application/x-ndjson"]


@given(st.text())
def test_negotiate__any_text(accept: str) -> None:
    """Whatever is sent, nothing but the choices is ever raised."""
    with suppress(NotAcceptableError):
        assert negotiate(accept) in Format


def test_negotiate__long_header() -> None:
    """What stands after the first 1,000 characters is not read."""
    assert negotiate("x," * 400 + "text/csv") is Format.CSV
    assert negotiate("x," * 600 + "text/csv") is Format.JSON
