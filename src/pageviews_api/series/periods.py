"""Totals, weeks and months out of days. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby
from statistics import median
from typing import TypeVar

from pageviews_api.daterange import DateRange, month_end
from pageviews_api.schemas.points import DayPoint, DayStatus, Extreme, PeriodPoint, Summary
from pageviews_api.schemas.query import Granularity

T = TypeVar("T")


def summarise(points: Sequence[DayPoint]) -> Summary:
    """Add up the days whose number is known; the first day wins where extremes are equal."""
    counted = _counted(points)
    views = [count for _, count in counted]
    lowest = min(counted, key=lambda pair: pair[1], default=None)
    highest = max(counted, key=lambda pair: pair[1], default=None)
    return Summary(
        total=sum(views) if views else None,
        average=round(sum(views) / len(views), 2) if views else None,
        median=median(views) if views else None,
        minimum=_extreme(lowest),
        maximum=_extreme(highest),
        days_counted=len(counted),
        days_in_range=len(points),
        complete=len(counted) == len(points) > 0,
    )


def by_period(
    points: Sequence[DayPoint], granularity: Granularity
) -> list[DayPoint] | list[PeriodPoint]:
    """Tell consecutive days as they are, or add up those of each ISO week or calendar month.

    What comes is ordered as the days are. A week or month that is cut at either end of them
    starts and ends with its first and last day among them, and is partial.
    """
    if granularity is Granularity.DAILY:
        return list(points)
    return [_period(days, whole) for whole, days in _parted(points, granularity, _date_of)]


def parted(
    items: Iterable[T], granularity: Granularity, day_of: Callable[[T], date]
) -> list[list[T]]:
    """Part what is told of consecutive days by week or month, as ``by_period`` does."""
    return [part for _, part in _parted(items, granularity, day_of)]


def _parted(
    items: Iterable[T], granularity: Granularity, day_of: Callable[[T], date]
) -> Iterator[tuple[DateRange, list[T]]]:
    whole_of = _week_of if granularity is Granularity.WEEKLY else _month_of
    for whole, part in groupby(items, key=lambda item: whole_of(day_of(item))):
        yield whole, list(part)


def _date_of(point: DayPoint) -> date:
    return point.date


def _week_of(day: date) -> DateRange:
    monday = day - timedelta(days=day.weekday())
    return DateRange(monday, monday + timedelta(days=6))


def _month_of(day: date) -> DateRange:
    return DateRange(day.replace(day=1), month_end(day))


def _period(points: list[DayPoint], whole: DateRange) -> PeriodPoint:
    counted = _counted(points)
    total = sum(count for _, count in counted)
    unknown = not counted or any(point.status is DayStatus.MISSING for point in points)
    return PeriodPoint(
        start=points[0].date,
        end=points[-1].date,
        views=None if unknown else total,
        days_counted=len(counted),
        days_in_period=len(whole),
        partial=len(counted) < len(whole),
        per_day=None if unknown else round(total / len(counted), 2),
    )


def _counted(points: Iterable[DayPoint]) -> list[tuple[DayPoint, int]]:
    return [(point, point.views) for point in points if point.views is not None]


def _extreme(pair: tuple[DayPoint, int] | None) -> Extreme | None:
    return None if pair is None else Extreme(date=pair[0].date, views=pair[1])
