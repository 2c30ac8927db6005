"""Read a chart back: strictly, as XML, and its paths as the places that they lead to."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

NAMESPACE = "{http://www.w3.org/2000/svg}"

_COMMAND = re.compile(r"([MlhvHVz])([^A-Za-z]*)")
_NUMBER = re.compile(r" ?(-?(?:[0-9]+(?:\.[0-9])?|\.[0-9]))")
"""By the grammar of SVG 2 §9.3.9: a sign or a second point parts two numbers, too."""

Line = list[tuple[float, float]]


def read(document: str) -> ET.Element:
    """Parse a chart; what is no well-formed XML raises ``ParseError``."""
    return ET.fromstring(document)  # noqa: S314  # our own


def texts(chart: ET.Element) -> list[str]:
    """Tell what is written in a chart, in its order."""
    return [element.text or "" for element in chart.iter(f"{NAMESPACE}text")]


def paths(chart: ET.Element, style: str | None = None) -> list[str]:
    """Tell the data of the paths, of all or of those of one class."""
    return [
        element.attrib["d"]
        for element in chart.iter(f"{NAMESPACE}path")
        if style in {None, element.attrib["class"]}
    ]


def lines(data: str) -> list[Line]:
    """Follow a path: each of its parts as the places that it leads through."""
    assert _COMMAND.sub("", data) == ""
    found: list[Line] = []
    for command, written in _COMMAND.findall(data):
        numbers = list(_numbers(written))
        if command == "M":
            x, y = numbers
            found.append([(x, y)])
            continue
        x, y = found[-1][-1]
        match command, numbers:
            case "l", [*_]:
                for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
                    x, y = round(x + dx, 1), round(y + dy, 1)
                    found[-1].append((x, y))
            case "h", [dx]:
                found[-1].append((round(x + dx, 1), y))
            case "v", [dy]:
                found[-1].append((x, round(y + dy, 1)))
            case "H", [x]:
                found[-1].append((x, y))
            case "V", [y]:
                found[-1].append((x, y))
            case "z", []:
                pass
            case other:
                raise AssertionError(other)
    return found


def _numbers(written: str) -> Iterator[float]:
    position = 0
    while position < len(written):
        match = _NUMBER.match(written, position)
        assert match is not None, written
        yield float(match[1])
        position = match.end()
