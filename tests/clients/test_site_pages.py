"""Paths that visitors made up, written in one way; and pages added up by them."""

import unicodedata
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pageviews_api.clients.site_pages import (
    MAX_PATH,
    PageCounts,
    most_viewed,
    path_asked,
    path_of_url,
    path_told,
)

ODD = st.text(st.sampled_from("/aé%25C2?#0A\n\x85\u2028\u202e\x00 F<&\ud800"), max_size=40)
"""What is hard: escapes, halves of them, and what must not be shown."""


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://example.org/wiki/Caf%C3%A9", "/wiki/Café"),
        ("http://example.org/wiki/Café", "/wiki/Café"),
        ("https://example.org:8080/a/b?c=/d#e", "/a/b"),
        ("http://example.org", "/"),
        ("http://example.org?x=1", "/"),
        ("http://example.org/#frag", "/"),
        ("http://example.org/R&D/<x>\"y'?a=1&b=2", "/R&D/<x>\"y'"),
        ("http://[broken/a", "/a"),
        ("//example.org/a", "//example.org/a"),
        ("/a", "/a"),
        ("a/b", "/a/b"),
        ("", "/"),
        ("http://example.org/100%25", "/100%25"),
        ("http://example.org/100%", "/100%25"),
        ("http://example.org/who%3F", "/who%3F"),
        ("http://example.org/C%23", "/C%23"),
        ("http://example.org/a%0D%0Ab%00", "/a%0D%0Ab%00"),
        ("http://example.org/a\r\nb", "/a%0D%0Ab"),
        ("http://example.org/\u2028\x85", "/%E2%80%A8%C2%85"),
        ("http://example.org/\u202eexe\u200f", "/%E2%80%AEexe%E2%80%8F"),
        ("http://example.org/%ff", "/\ufffd"),
        ("http://example.org/a?u=http://b/c", "/a"),
        ("javascript:alert(1)", "/javascript:alert(1)"),
    ],
)
def test_path__of_a_url(url: str, path: str) -> None:
    """Of a URL the path is left, decoded save for what would mean something else."""
    assert path_of_url(url) == path


@given(st.one_of(st.text(max_size=60), ODD))
def test_path__read_again(text: str) -> None:
    """A path as we tell it is asked for as it is told, and shows nothing that cannot be shown."""
    told = path_told(text)
    assert path_asked(told) == told
    assert told.startswith("/")
    assert not {unicodedata.category(char) for char in told} & {"Cc", "Cs", "Zl", "Zp"}
    assert path_of_url(f"http://example.org{told}") == told


@given(st.text(st.sampled_from("aé%\x85\n"), min_size=MAX_PATH - 50, max_size=MAX_PATH + 50))
@example("a" * (MAX_PATH - 2) + "\x85")
@example("%" * MAX_PATH)
def test_path__of_any_length(text: str) -> None:
    """A path is never longer than it may be, and is not cut within an escape."""
    told = path_told(text)
    assert len(told) <= MAX_PATH
    assert path_told(told) == told


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=40))
def test_path__encoded_or_not(text: str) -> None:
    """A path is the same whether its URL was encoded or not."""
    plain = "/" + "".join(char for char in text if char not in "%?#")
    assert path_of_url(f"http://h{plain}") == path_of_url(f"http://h{quote(plain)}")
    assert path_of_url(f"http://h{quote(plain)}") == path_told(
        urlsplit(f"http://h{quote(plain)}").path
    )


COUNTS = st.builds(
    PageCounts,
    pageviews=st.integers(1, 100),
    visitors=st.none() | st.integers(0, 100),
    visits=st.integers(0, 100),
    entries=st.integers(0, 10),
    bounces=st.integers(0, 10),
    seconds=st.none() | st.integers(0, 1000),
)
PATHS = st.sampled_from(["/", "/a", "/b", "/é", "/c"])


@given(st.lists(st.tuples(PATHS, COUNTS), max_size=30), st.integers(1, 10))
def test_most_viewed__against_a_model(pages: list[tuple[str, PageCounts]], limit: int) -> None:
    """However rows are split and ordered, each page is told once, with all that was counted."""
    model = []
    for path in {path for path, _ in pages}:
        rows = [counts for name, counts in pages if name == path]
        known = [row.visitors for row in rows if row.visitors is not None]
        visitors = sum(known) if len(known) == len(rows) else None
        entries, bounces = (
            sum(row.entries or 0 for row in rows),
            sum(row.bounces or 0 for row in rows),
        )
        rate = min(round(100 * bounces / entries, 2), 100) if entries else None
        model.append((path, sum(row.pageviews for row in rows), visitors, rate))
    model.sort(key=lambda page: (-page[1], page[0]))
    for told in (most_viewed(pages, limit), most_viewed(reversed(pages), limit)):
        assert [(p.path, p.pageviews, p.visitors, p.bounce_rate) for p in told] == model[:limit]
