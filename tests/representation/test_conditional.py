"""Whether a caller has the answer already (row B15)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.representation.conditional import has, weak_etag

TAG = weak_etag(b'{"views":1}')


@pytest.mark.parametrize(
    ("sent", "is_it"),
    [
        (TAG, True),
        (TAG.removeprefix("W/"), True),
        (f'"other", {TAG}', True),
        (f'"a,b" ,, {TAG} ,', True),
        ("*", True),
        (" * ", True),
        (None, False),
        ("", False),
        ('"other"', False),
        (TAG.strip('W/"'), False),
        (f"{TAG} and more", False),
        (f"w/{TAG[2:]}", False),
        ("**", False),
        (TAG[:-1], False),
    ],
)
def test_has__a_header(sent: str | None, *, is_it: bool) -> None:
    """A tag is found weakly and in a list; ``*`` is any; nonsense is none."""
    assert has(sent, TAG) is is_it


@given(st.text())
def test_has__any_text(sent: str) -> None:
    """Whatever is sent is read; only a star, or what holds the tag, can name it."""
    if sent.strip(" \t") != "*" and TAG[2:] not in sent:
        assert not has(sent, TAG)


def test_weak_etag__a_check_that_finds_nothing_new() -> None:
    """The moment of the check does not count; numbers, statuses and staleness do."""
    body = b'{"a":"\\"checked_at\\":\\"x\\"","checked_at":"%b","stale":%b,"views":%b}'
    at_ten = weak_etag(body % (b"2017-01-01T10:00:00Z", b"false", b"1"))
    assert at_ten == weak_etag(body % (b"2017-01-01T11:00:00Z", b"false", b"1"))
    assert at_ten != weak_etag(body % (b"2017-01-01T10:00:00Z", b"false", b"2"))
    assert at_ten != weak_etag(body % (b"2017-01-01T10:00:00Z", b"true", b"1"))


def test_weak_etag__a_title_that_looks_like_it() -> None:
    """Within a title, the words of the field are only text."""
    one, other = (
        weak_etag(b'{"article":"\\"checked_at\\":\\"%b\\","}' % text) for text in (b"a", b"b")
    )
    assert one != other
