"""What of a chart has room, and where."""

from dataclasses import dataclass

from pageviews_api.charts.lettering import width
from pageviews_api.charts.scale import Box
from pageviews_api.charts.ticks import number_ticks, short_number
from pageviews_api.schemas.charts import ChartKind, Look

TEXT_SIZE = 12
HEADING_SIZE = 15
HEADING_WEIGHT = 1.17
"""How many times as wide its letters are as lighter ones."""

MARGIN = 4
"""Pixels that the line keeps from the edge: half a dot, and a little air."""

SIDE = 12
"""Pixels that texts keep from the edge."""

RIGHT = 20
"""Pixels from the end of the axis to the edge."""

_AXIS_HEIGHT = 28
_HEADER_HEIGHT = 60
_NOTE_HEIGHT = 24
_AXES_FROM = (140, 80)
_HEADER_FROM = (240, 150)
"""The width and height of the smallest charts that have these."""

_TICK_ROOM = (64, 34)
"""Pixels for each tick: from left to right, and from top to bottom."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the line goes, and which of the other parts there are."""

    plot: Box
    axes: bool
    header: bool
    note: bool
    numbers: list[int]
    """The ticks from bottom to top; the axis ends with the last one."""

    @property
    def most_days(self) -> int:
        """For how many days' names there is room."""
        return self.plot.width // _TICK_ROOM[0] if self.axes else 0


def lay_out(look: Look, *, highest: int, has_notes: bool) -> Layout:
    """Give each part its place. What has no room is left out: first the heading, then the axes."""
    is_line = look.kind is ChartKind.LINE
    axes = is_line and look.width >= _AXES_FROM[0] and look.height >= _AXES_FROM[1]
    header = axes and look.width >= _HEADER_FROM[0] and look.height >= _HEADER_FROM[1]
    note = header and has_notes
    if not axes:
        plot = Box(MARGIN, MARGIN, look.width - MARGIN, look.height - MARGIN)
        return Layout(plot, axes, header, note, [0, max(1, highest)])
    top = _HEADER_HEIGHT if header else SIDE
    bottom = look.height - _AXIS_HEIGHT - _NOTE_HEIGHT * note
    numbers = number_ticks(highest, most=max(1, (bottom - top) // _TICK_ROOM[1]))
    widest = max(width(short_number(number), TEXT_SIZE) for number in numbers)
    left = SIDE + round(widest) + 8
    return Layout(Box(left, top, look.width - RIGHT, bottom), axes, header, note, numbers)
