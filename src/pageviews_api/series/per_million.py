"""An article's views for each million of its project. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from pageviews_api.schemas.points import DayPoint
from pageviews_api.schemas.query import Granularity
from pageviews_api.schemas.sections import DayPerMillion, PeriodPerMillion, PerMillion
from pageviews_api.series.periods import parted
from pageviews_api.series.ratios import ratio, total

MILLION = 1_000_000

DIGITS = 4
"""Decimals: one view of a day of English Wikipedia, some 250 million, is 0.004 in a million."""


def per_million(
    article: Iterable[DayPoint],
    project: Iterable[DayPoint],
    granularity: Granularity,
    reason: str | None = None,
) -> PerMillion:
    """Set an article's days beside the same days of its project."""
    days = [
        _Day(one.date, one.views, whole.views) for one, whole in zip(article, project, strict=True)
    ]
    counted = [day for day in days if day.counts]
    return PerMillion(
        per_million=_share(counted),
        views=total(day.views for day in counted),
        project_views=total(day.project_views for day in counted),
        days_counted=len(counted),
        items=_items(days, granularity),
        complete=len(counted) == len(days) > 0,
        reason=reason,
    )


@dataclass(frozen=True, slots=True)
class _Day:
    date: date
    views: int | None
    project_views: int | None

    @property
    def counts(self) -> bool:
        """Whether both numbers are known."""
        return None not in {self.views, self.project_views}


def _share(counted: Sequence[_Day]) -> float | None:
    views, whole = total(day.views for day in counted), total(d.project_views for d in counted)
    return ratio(views, whole, of=MILLION, digits=DIGITS)


def _items(
    days: Sequence[_Day], granularity: Granularity
) -> list[DayPerMillion] | list[PeriodPerMillion]:
    if granularity is Granularity.DAILY:
        return [
            DayPerMillion(date=day.date, project_views=day.project_views, per_million=_share([day]))
            for day in days
        ]
    return [_period(part) for part in parted(days, granularity, lambda day: day.date)]


def _period(days: Sequence[_Day]) -> PeriodPerMillion:
    counted = [day for day in days if day.counts]
    return PeriodPerMillion(
        start=days[0].date,
        end=days[-1].date,
        project_views=total(day.project_views for day in counted),
        per_million=_share(counted),
        days_counted=len(counted),
    )
