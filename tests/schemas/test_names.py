"""Projects and titles: every spelling of one thing is one string, and two things never are."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from pageviews_api.schemas.names import (
    MAX_TITLE_BYTES,
    exact_article,
    has_devices,
    is_article,
    is_project,
    normalise_article,
    normalise_project,
)

TITLES = Path(__file__).parents[1] / "data" / "titles.json"


def real_titles() -> list[str]:
    """Read the titles of real pages."""
    entries = json.loads(TITLES.read_text(encoding="utf-8"))
    return [entry["article"] for entry in entries]


@pytest.mark.parametrize(
    ("text", "project"),
    [
        ("en.wikipedia", "en.wikipedia"),
        ("EN.Wikipedia.ORG", "en.wikipedia"),
        (" www.en.wikipedia.org ", "en.wikipedia"),
        ("www.wikidata.org", "wikidata"),
        ("commons.wikimedia", "commons.wikimedia"),
        ("zh-min-nan.wikipedia", "zh-min-nan.wikipedia"),
        ("be-x-old.wikipedia.org", "be-x-old.wikipedia"),
        ("test2.wikipedia", "test2.wikipedia"),
        ("all-projects", "all-projects"),
    ],
)
def test_normalise_project__spellings(text: str, project: str) -> None:
    """A project's name comes out in AQS's form (row B7)."""
    assert normalise_project(text) == project


@pytest.mark.parametrize(
    "text",
    [
        "",
        "enwiki",
        "wikipedia",
        "evil.com",
        "169.254.169.254",
        "en.wikipedia@evil.com",
        "localhost:6379",
        "en.wikipedia/../..",
        "еn.wikipedia",  # noqa: RUF001  # a Cyrillic letter
        "en.wikipedia\n",
        "en..wikipedia",
        "-.wikipedia",
        "a" * 10_000 + ".wikipedia",
    ],
)
def test_normalise_project__no_project(text: str) -> None:
    """What no Wikimedia project can be called is refused (row C1)."""
    with pytest.raises(PydanticCustomError):
        normalise_project(text)


@given(st.text(max_size=40))
def test_normalise_project__any_text(text: str) -> None:
    """A normalised name is its own normal form, and has no character that a path could mistake."""
    try:
        project = normalise_project(text)
    except PydanticCustomError:
        return
    assert normalise_project(project) == project
    assert set(project) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")


@pytest.mark.parametrize("title", real_titles())
def test_normalise_article__real_titles(title: str) -> None:
    """A real title comes out as it went in, and so does its spelling with spaces (row C5)."""
    assert normalise_article(title) == title
    assert normalise_article(title.replace("_", " ")) == title
    assert normalise_article(unicodedata.normalize("NFD", title)) == title


@pytest.mark.parametrize(
    "title",
    [
        "",
        ".",
        "..",
        "a\x00b",
        "a\nb",
        "a\x85b",
        "a\u202eb",
        "a\u2028b",
        "a\ud800b",
        "é" * 128,
        "a" * 256,
        "a" * 1_000_000,
    ],
)
def test_normalise_article__no_title(title: str) -> None:
    """What no article can be called is refused (rows C2, C3, C4)."""
    with pytest.raises(PydanticCustomError):
        normalise_article(title)
    assert not is_article(title)


@given(st.text(min_size=1, max_size=80))
def test_normalise_article__any_text(text: str) -> None:
    """A title is changed in nothing but spaces and composition, once and for all (row B7)."""
    try:
        title = normalise_article(text)
    except PydanticCustomError:
        return
    assert normalise_article(title) == title
    assert is_article(title)
    assert " " not in title
    assert len(title.encode()) <= MAX_TITLE_BYTES
    assert title == unicodedata.normalize("NFC", text.replace(" ", "_"))


@given(st.text(max_size=90))
def test_exact_article__differs_by_composition_only(text: str) -> None:
    """What AQS reads and what we read is the same title, or both refuse it; spaces are gone."""
    try:
        exact = exact_article(text)
    except PydanticCustomError:
        with pytest.raises(PydanticCustomError):
            normalise_article(text)
        return
    assert exact == text.replace(" ", "_")
    assert normalise_article(text) == unicodedata.normalize("NFC", exact)


@pytest.mark.parametrize(
    ("name", "project", "devices"),
    [
        ("fr.wikipedia", True, True),
        ("wikidata", True, True),
        ("all-projects", True, False),
        ("all-wikipedia-projects", False, True),
        ("all-wikidata-projects", False, False),
        ("FR.wikipedia", False, False),
        ("www.fr.wikipedia", False, False),
        ("enwiki", False, False),
        ("a" * 300 + ".wikipedia", False, False),
    ],
)
def test_is_project__by_its_exact_name(name: str, project: bool, devices: bool) -> None:
    """Names in AQS's form are projects, the sums of a family have devices only."""
    assert (is_project(name), has_devices(name)) == (project, devices)
