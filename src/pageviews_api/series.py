"""Series maths: totals and months out of days. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from statistics import median

from pageviews_api.daterange import month_end
from pageviews_api.schemas.pageviews import DayPoint, DayStatus, Extreme, MonthPoint, Summary


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


def by_month(points: Iterable[DayPoint]) -> list[MonthPoint]:
    """Add up the days of each calendar month, oldest first."""
    months = groupby(points, key=lambda point: point.date.replace(day=1))
    return [_month(list(days)) for _, days in months]


def _month(points: list[DayPoint]) -> MonthPoint:
    counted = _counted(points)
    total = sum(count for _, count in counted)
    unknown = not counted or any(point.status is DayStatus.MISSING for point in points)
    days_in_period = month_end(points[0].date).day
    return MonthPoint(
        start=points[0].date,
        end=points[-1].date,
        views=None if unknown else total,
        days_counted=len(counted),
        days_in_period=days_in_period,
        partial=len(counted) < days_in_period,
        per_day=None if unknown else round(total / len(counted), 2),
    )


def _counted(points: Iterable[DayPoint]) -> list[tuple[DayPoint, int]]:
    return [(point, point.views) for point in points if point.views is not None]


def _extreme(pair: tuple[DayPoint, int] | None) -> Extreme | None:
    return None if pair is None else Extreme(date=pair[0].date, views=pair[1])
