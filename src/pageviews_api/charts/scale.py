"""From days and numbers to places in the picture."""

from dataclasses import dataclass
from datetime import date

from pageviews_api.charts.marks import Mark

TENTHS = 10
"""Places are whole tenths of a pixel, so that steps between them add up exactly."""

Place = tuple[int, int]
"""From the left and from the top, in tenths of a pixel."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the picture, in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """How wide it is."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """How high it is."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Scale:
    """Puts days from ``first`` to ``last`` and numbers from ``low`` to ``high`` into a box.

    Where all days or all numbers are the same, they stand in the middle.
    """

    box: Box
    first: date
    last: date
    low: int
    high: int

    def place(self, mark: Mark) -> Place:
        """Tell where a mark stands."""
        return self.x(mark.day), self.y(mark.views)

    def x(self, day: date) -> int:
        """Tell how far from the left a day stands, in tenths of a pixel."""
        part = _part((day - self.first).days, (self.last - self.first).days)
        return self.box.left * TENTHS + round(part * self.box.width * TENTHS)

    def y(self, views: int) -> int:
        """Tell how far from the top a number stands, in tenths of a pixel."""
        part = _part(views - self.low, self.high - self.low)
        return self.box.bottom * TENTHS - round(part * self.box.height * TENTHS)


def _part(distance: int, whole: int) -> float:
    return distance / whole if whole else 0.5
