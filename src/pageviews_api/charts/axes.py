"""Round numbers with thin lines across, and days below."""

from pageviews_api.charts import path
from pageviews_api.charts.layout import RIGHT, TEXT_SIZE, Layout
from pageviews_api.charts.lettering import escaped, width
from pageviews_api.charts.scale import TENTHS, Scale
from pageviews_api.charts.ticks import day_ticks, short_number
from pageviews_api.schemas.query import Granularity

_TICK = 4
"""Pixels that a tick reaches below the lowest line."""

_AIR = 2
"""Pixels between a day's name and the edge."""


def axes(layout: Layout, scale: Scale, granularity: Granularity) -> list[str]:
    """Draw both axes; nothing where there is no room for them."""
    return [*_numbers(layout, scale), *_days(layout, scale, granularity)] if layout.axes else []


def _numbers(layout: Layout, scale: Scale) -> list[str]:
    heights = [scale.y(number) for number in layout.numbers]
    across = "".join(
        f"M{layout.plot.left} {path.number(height)}h{layout.plot.width}" for height in heights
    )
    labels = (
        f'<text class="n" x="{layout.plot.left - 8}" y="{path.number(height + 4 * TENTHS)}">'
        f"{short_number(number)}</text>"
        for number, height in zip(layout.numbers, heights, strict=True)
    )
    return [f'<path class="r" d="{across}"/>', *labels]


def _days(layout: Layout, scale: Scale, granularity: Granularity) -> list[str]:
    bottom = layout.plot.bottom
    ticks = [
        (scale.x(day), name)
        for day, name in day_ticks(scale.first, scale.last, granularity, most=layout.most_days)
    ]
    strokes = "".join(f"M{path.number(x)} {bottom}v{_TICK}" for x, _ in ticks)
    labels = (
        f'<text class="d" x="{path.number(_inside(layout, x, name))}" y="{bottom + 18}">'
        f"{escaped(name)}</text>"
        for x, name in ticks
    )
    return [f'<path class="r" d="{strokes}"/>', *labels]


def _inside(layout: Layout, x: int, name: str) -> int:
    """Move the middle of a name so far from the edge that all of it is to be seen."""
    room = round((width(name, TEXT_SIZE) / 2 + _AIR) * TENTHS)
    return max(room, min(x, (layout.plot.right + RIGHT) * TENTHS - room))
