"""Lines as the text of SVG paths (SVG 2 §9.3), no longer than the picture needs."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from pageviews_api.charts.scale import TENTHS, Place


def thinned(places: Sequence[Place]) -> list[Place]:
    """Leave two places in each column of pixels: its highest and its lowest, in their order.

    The first and the last of all are left as well. At the picture's own size it looks the same.
    """
    kept: list[Place] = []
    for _, column in groupby(places, key=lambda place: place[0] // TENTHS):
        run = list(dict.fromkeys(column))
        extremes = {min(run, key=_height), max(run, key=_height)}
        kept += [place for place in run if place in extremes or place in (places[0], places[-1])]
    return kept


def line(places: Sequence[Place]) -> str:
    """Write a line through places, of which there are at least two."""
    return _moved(places[0]) + "l" + _steps(places)


def area(places: Sequence[Place], *, bottom: int) -> str:
    """Write the area between a line and the height ``bottom``, both to the whole pixel."""
    whole = [(_whole(x), _whole(y)) for x, y in places]
    return f"{line(whole)}V{bottom}H{number(whole[0][0])}z"


def points(places: Iterable[Place]) -> str:
    """Write lines of no length, which round caps turn into dots."""
    return "".join(f"{_moved(place)}h0" for place in places)


def number(tenths: int) -> str:
    """Write tenths of a pixel in pixels: ``12``, ``1.5``, ``-.3``."""
    sign = "-" if tenths < 0 else ""
    whole, rest = divmod(abs(tenths), TENTHS)
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole or ''}.{rest}"


def _moved(place: Place) -> str:
    return "M" + _joined([place])


def _steps(places: Sequence[Place]) -> str:
    return _joined((x - x0, y - y0) for (x0, y0), (x, y) in pairwise(places))


def _height(place: Place) -> int:
    return place[1]


def _whole(tenths: int) -> int:
    return round(tenths / TENTHS) * TENTHS


def _joined(pairs: Iterable[Place]) -> str:
    """Write numbers one after another; a sign parts them as well as a space.

    So does a point where there was one before: no number has two.
    """
    written: list[str] = []
    for tenths in (tenths for pair in pairs for tenths in pair):
        text = number(tenths)
        is_parted = not written or text[0] == "-" or (text[0] == "." and "." in written[-1])
        written.append(text if is_parted else f" {text}")
    return "".join(written)
