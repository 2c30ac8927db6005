"""The line itself: solid, dashed, dots, and the area below."""

from collections.abc import Iterable

from pageviews_api.charts import path
from pageviews_api.charts.marks import Mark, Stretch, dots, lines
from pageviews_api.charts.scale import Place, Scale


def curve(found: list[Stretch], scale: Scale) -> list[str]:
    """Draw the known marks. Between those of two stretches there is nothing."""
    drawn = [(is_solid, _places(run, scale)) for one in found for is_solid, run in lines(one)]
    areas = (path.area(_places(one, scale), bottom=scale.box.bottom) for one in found if one[1:])
    lonely = _places(dots(found), scale)
    hollow = _places([mark for mark in dots(found) if not mark.whole], scale)
    return [
        *_path("a", areas),
        *_path("l", (path.line(places) for is_solid, places in drawn if is_solid)),
        *_path("l p", (path.line(places) for is_solid, places in drawn if not is_solid)),
        *_path("o", [path.points(lonely)]),
        *_path("i", [path.points(hollow)]),
    ]


def _places(marks: Iterable[Mark], scale: Scale) -> list[Place]:
    return path.thinned([scale.place(mark) for mark in marks])


def _path(style: str, pieces: Iterable[str]) -> list[str]:
    """Draw pieces that look alike as one path; none where there are none."""
    data = "".join(pieces)
    return [f'<path class="{style}" d="{data}"/>'] if data else []
