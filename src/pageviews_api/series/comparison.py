"""A range of days beside earlier ones. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from pageviews_api.daterange import FIRST_DAY, DateRange
from pageviews_api.schemas.points import DayPoint, DayStatus
from pageviews_api.schemas.query import Align, Compare, Granularity
from pageviews_api.schemas.sections import ComparedDay, ComparedPeriod, Comparison
from pageviews_api.series.periods import parted, summarise
from pageviews_api.series.ratios import percent, total

YEAR_OF_WEEKS = 364
"""Days of the 52 weeks that are nearest to a year."""

Pairs = Mapping[date, date]
"""For days of a range those that they are compared with; who has none is left out."""


def paired(asked: DateRange, compare: Compare, align: Align) -> dict[date, date]:
    """Tell for each day the one that it is compared with.

    By weekday the step back is the smallest number of whole weeks that holds the range; for a year
    it is 364 days. By date it is the range's length, or a year of the calendar. A day is left out
    that has no such day: a 29 February whose year before has none, or what would be before
    ``FIRST_DAY``.
    """
    if compare is Compare.YEAR and align is Align.DATE:
        pairs = {day: _a_year_before(day) for day in asked}
    else:
        back = timedelta(days=_step(len(asked), compare, align))
        pairs = {day: day - back for day in asked}
    return {day: base for day, base in pairs.items() if base is not None and base >= FIRST_DAY}


def range_of(pairs: Pairs) -> DateRange | None:
    """Tell the range of the days that are compared with; None if there are none."""
    return DateRange(min(pairs.values()), max(pairs.values())) if pairs else None


def compared(
    points: Iterable[DayPoint],
    base: Iterable[DayPoint],
    pairs: Pairs,
    granularity: Granularity,
    *,
    compare: Compare,
    align: Align,
    reason: str | None = None,
) -> Comparison:
    """Compare consecutive days with those that ``pairs`` names, as far as ``base`` tells them."""
    told = {point.date: point for point in base}
    beside = [_Pair.of(point, pairs.get(point.date), told) for point in points]
    current = summarise([_counted(pair.day, pair) for pair in beside])
    previous = summarise([_counted(pair.base or pair.day, pair) for pair in beside])
    change = None
    if current.total is not None and previous.total is not None:
        change = current.total - previous.total
    days = range_of(pairs)
    return Comparison(
        compare=compare,
        align=align,
        start=days.start if days else None,
        end=days.end if days else None,
        days_compared=current.days_counted,
        current=current,
        previous=previous,
        change=change,
        change_percent=percent(change, previous.total),
        items=_items(beside, granularity),
        complete=current.complete,
        reason=reason,
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """A day, and the one it is compared with: None if there is no such day."""

    day: DayPoint
    base: DayPoint | None

    @classmethod
    def of(cls, day: DayPoint, base_day: date | None, told: Mapping[date, DayPoint]) -> Self:
        if base_day is None:
            return cls(day, None)
        known = told.get(base_day)
        return cls(day, known or DayPoint(date=base_day, views=None, status=DayStatus.MISSING))

    @property
    def counts(self) -> bool:
        """Whether both numbers are known."""
        return None not in {self.day.views, self.base and self.base.views}


def _counted(point: DayPoint, pair: _Pair) -> DayPoint:
    return point if pair.counts else point.model_copy(update={"views": None})


def _items(
    beside: Iterable[_Pair], granularity: Granularity
) -> list[ComparedDay] | list[ComparedPeriod]:
    if granularity is Granularity.DAILY:
        return [_day(pair) for pair in beside]
    return [_period(part) for part in parted(beside, granularity, lambda pair: pair.day.date)]


def _day(pair: _Pair) -> ComparedDay:
    return ComparedDay(
        date=pair.day.date,
        base_date=pair.base.date if pair.base else None,
        views=pair.base.views if pair.base else None,
        status=pair.base.status if pair.base else None,
    )


def _period(pairs: list[_Pair]) -> ComparedPeriod:
    bases = [pair.base for pair in pairs if pair.base]
    views = [pair.base.views for pair in pairs if pair.counts and pair.base]
    current = [pair.day.views for pair in pairs if pair.counts]
    return ComparedPeriod(
        start=pairs[0].day.date,
        end=pairs[-1].day.date,
        base_start=bases[0].date if bases else None,
        base_end=bases[-1].date if bases else None,
        views=total(views),
        current_views=total(current),
        days_counted=len(views),
    )


def _step(length: int, compare: Compare, align: Align) -> int:
    if compare is Compare.YEAR:
        return YEAR_OF_WEEKS
    return length if align is Align.DATE else math.ceil(length / 7) * 7


def _a_year_before(day: date) -> date | None:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return None
