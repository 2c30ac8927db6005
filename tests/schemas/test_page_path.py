"""The path of a page, as it is read."""

import pytest
from pydantic_core import PydanticCustomError

from pageviews_api.schemas.side_by_side import MOST_IN_A_PATH, read_path


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/wiki/Earth",
        "/wiki/Café",
        "/wiki/Caf%C3%A9",
        "/100%",
        "/100%25",
        "/a%2520b",
        "/what%3F",
        "/C%23",
        "/" + "%C3%A9" * (MOST_IN_A_PATH - 1),
    ],
)
def test_path__stays_as_it_is(text: str) -> None:
    """A path is read as it was written: whoever looks for the page decodes it, once."""
    assert read_path(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin with /"),
        ("wiki/Earth", "does not begin with /"),
        ("https://example.org/", "does not begin with /"),
        ("/search?q=a", "holds a query string"),
        ("/?", "holds a query string"),
        ("/" + "a" * MOST_IN_A_PATH, "longer than 2000"),
        ("/a\nb", "control character"),
        ("/a%00b", "control character"),
        ("/a%C2%85b", "control character"),
        ("/a\u2028b", "control character"),
        ("/a\ud800", "invalid Unicode"),
        ("/caf%E9", "not percent-encoded UTF-8"),
    ],
)
def test_path__refused(text: str, why: str) -> None:
    """What is no path, holds a query string, or cannot be one is refused with the reason."""
    with pytest.raises(PydanticCustomError, match=why):
        read_path(text)
