"""What a chart is made of: one mark for each day, week or month."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise

from pageviews_api.schemas.pageviews import DayPoint, PeriodPoint


@dataclass(frozen=True, slots=True)
class Mark:
    """One number at its day; a week or month stands at the first of its days that is counted.

    ``whole`` is false for a week or month of which not every day is counted: its sum is less than
    those beside it for that reason alone.
    """

    day: date
    views: int
    whole: bool = True


Stretch = list[Mark]
"""Marks with nothing unknown in between; never empty."""


def stretches(items: Iterable[DayPoint | PeriodPoint]) -> list[Stretch]:
    """Tell the known marks, parted where a number is not known, oldest first."""
    marks = groupby(map(_mark, items), key=lambda mark: mark is not None)
    return [[mark for mark in run if mark] for is_known, run in marks if is_known]


def span(items: Sequence[DayPoint] | Sequence[PeriodPoint]) -> tuple[date, date]:
    """Tell the first and the last day that marks can stand at; there is at least one item."""
    return _day(items[0]), _day(items[-1])


def _day(item: DayPoint | PeriodPoint) -> date:
    return item.date if isinstance(item, DayPoint) else item.start


def _mark(item: DayPoint | PeriodPoint) -> Mark | None:
    if item.views is None:
        return None
    is_whole = isinstance(item, DayPoint) or not item.partial
    return Mark(_day(item), item.views, whole=is_whole)


def lines(stretch: Sequence[Mark]) -> list[tuple[bool, Stretch]]:
    """Cut a stretch into lines that are drawn alike; each begins where the one before it ends.

    The first of each pair tells whether the line is solid: it leads from whole mark to whole mark.
    A stretch of one mark has no line.
    """
    steps = groupby(pairwise(stretch), key=lambda step: step[0].whole and step[1].whole)
    found = []
    for is_solid, run in steps:
        ends = list(run)
        found.append((is_solid, [ends[0][0], *(end for _, end in ends)]))
    return found


def dots(found: Iterable[Stretch]) -> list[Mark]:
    """Tell the marks that need a dot, as no solid line shows them: lonely ones and parts."""
    return [mark for run in found for mark in run if len(run) == 1 or not mark.whole]
