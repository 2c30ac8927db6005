"""Text in a picture."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.charts.lettering import as_many_as_fit, escaped, fitted, runs_leftwards, width
from tests.support import svg


@given(st.text())
def test_escaped__any_text(text: str) -> None:
    """Whatever the text, it comes out of a strict parser as text, and as nothing else."""
    element = svg.read(f'<a b="{escaped(text)}">{escaped(text)}</a>')
    assert list(element) == []
    assert len(element.text or "") == len(text)


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_escaped__what_xml_cannot_hold(character: str) -> None:
    """A character that no XML document may hold, escaped or not, is replaced."""
    with pytest.raises((ET.ParseError, UnicodeEncodeError)):
        svg.read(f"<a>{character}</a>")
    assert escaped(f"x{character}") == "x\ufffd"


def test_width__of_scripts() -> None:
    """Letters of Chinese or Japanese take a whole em, accents of their own take nothing."""
    assert width("星野源", 10) > width("abc", 10)
    assert width("e\u0301", 10) == width("e", 10)


def test_fitted__where_there_is_room() -> None:
    """A text that has room stays as it is; another is cut, and says so."""
    assert fitted("Strasbourg", size=12, room=200) == "Strasbourg"
    cut = fitted("Strasbourg", size=12, room=50)
    assert cut.endswith("…")
    assert "Strasbourg".startswith(cut[:-1])
    assert 0 < width(cut, 12) <= 50


def test_as_many_as_fit__drops_from_the_end() -> None:
    """Parts that have no room are left out whole; only the first may be cut."""
    parts = ["fr.wikipedia", "1,234,567 views"]
    whole = "fr.wikipedia, 1,234,567 views"
    assert as_many_as_fit(parts, ", ", size=12, room=300) == whole
    assert as_many_as_fit(parts, ", ", size=12, room=width(whole, 12) - 1) == "fr.wikipedia"
    assert as_many_as_fit(parts, ", ", size=12, room=40).endswith("…")


def test_runs_leftwards__by_the_first_letter() -> None:
    """Arabic and Hebrew run leftwards, also behind a bracket or a digit; Latin does not."""
    assert runs_leftwards("القدس")
    assert runs_leftwards("(1) ירושלים")
    assert not runs_leftwards("Jerusalem (القدس)")
    assert not runs_leftwards("1984")
