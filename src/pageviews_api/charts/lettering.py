"""Text in a picture: what it may hold, how wide it is, which way it runs."""

import html
import re
import unicodedata
from collections.abc import Sequence

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold (XML 1.0 §2.2), escaped or not; titles may hold U+FFFE."""

_NARROW = frozenset("fijlrtI.,:;'|!()[] \N{MIDDLE DOT}")

_MARKS = {"Mn", "Me", "Cf"}


def escaped(text: str) -> str:
    """Write text so that XML takes it for nothing but text, in an element or an attribute."""
    # A carriage return written as it is would be read as a line feed (XML 1.0 §2.11).
    return html.escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)).replace("\r", "&#13;")


def width(text: str, size: float) -> float:
    """Tell about how many pixels a text takes at a font's size; rather too many than too few.

    Nobody knows which font a reader has.
    """
    return sum(map(_em, text)) * size


def _em(character: str) -> float:
    if unicodedata.category(character) in _MARKS:
        return 0
    if unicodedata.east_asian_width(character) in {"W", "F"}:
        return 1.05
    if character in _NARROW:
        return 0.35
    return 0.75 if character.isupper() or character in "mwMW%@" else 0.6


def fitted(text: str, *, size: float, room: float) -> str:
    """Cut a text to the room in pixels that there is for it; it ends with ``…`` then."""
    if width(text, size) <= room:
        return text
    left = room - width("…", size)
    kept = ""
    for character in text:
        left -= width(character, size)
        if left < 0:
            break
        kept += character
    return kept.rstrip() + "…"


def as_many_as_fit(parts: Sequence[str], between: str, *, size: float, room: float) -> str:
    """Join as many of the parts, from the first on, as have room; the first is cut if need be.

    No other is cut: of a number, half its digits would be another number.
    """
    for count in range(len(parts), 1, -1):
        text = between.join(parts[:count])
        if width(text, size) <= room:
            return text
    return fitted(parts[0], size=size, room=room)


def runs_leftwards(text: str) -> bool:
    """Tell whether a text is of a script such as Arabic or Hebrew: by its first strong letter."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return False
            case "R" | "AL":
                return True
    return False
