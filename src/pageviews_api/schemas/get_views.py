"""What older frontends ask for: recent views and those before, in one answer. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date as Date  # noqa: N812  # a field below is called date
from datetime import timedelta
from enum import StrEnum
from itertools import groupby
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from pageviews_api.daterange import DateRange
from pageviews_api.schemas.pageviews import AnswerModel, ArticleSeries, DayPoint, DayStatus
from pageviews_api.schemas.query import Granularity, QueryParameters

DAYS_OF_WEEK = 7


class Period(StrEnum):
    """How many days are asked for, each time."""

    DAYS_30 = "30"
    DAYS_90 = "90"
    DAYS_365 = "365"

    @property
    def days(self) -> int:
        """The days of the period; those before are as many."""
        return int(self)

    @property
    def granularity(self) -> Granularity:
        """What one item of the answer covers."""
        match self:
            case Period.DAYS_30:
                return Granularity.DAILY
            case Period.DAYS_90:
                return Granularity.WEEKLY
            case Period.DAYS_365:
                return Granularity.MONTHLY


class RecentViewsParameters(QueryParameters):
    """The query part of the URL."""

    period: Annotated[
        Period,
        Field(description="Days: 30 are told daily, 90 weekly, 365 monthly.", examples=["90"]),
    ]


class RecentBucket(AnswerModel):
    """The views of one day, seven days, or one month's days within the period."""

    date: Annotated[Date, Field(description="The first day counted in.")]
    views: Annotated[
        int | None,
        Field(
            ge=0,
            description="The sum over the days that are known; `null` if none is, or one could "
            "not be learned now.",
        ),
    ]


class RecentViews(AnswerModel):
    """An article's recent views, and those of as many days before; oldest first.

    Sevens of days are counted back from the last day, so that the first bucket may be shorter; of
    a month those days count that lie within.
    """

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "current": [
                        {"date": "2016-12-18", "views": 57255},
                        {"date": "2016-12-25", "views": 53923},
                    ],
                    "previous": [
                        {"date": "2016-09-19", "views": 56661},
                        {"date": "2016-09-26", "views": 50124},
                    ],
                    "periodType": "weekly",
                }
            ]
        },
    )

    current: list[RecentBucket]
    previous: list[RecentBucket]
    period_type: Annotated[
        Granularity, Field(alias="periodType", description="What one item covers.")
    ]

    @classmethod
    def of(cls, period: Period, series: ArticleSeries) -> Self:
        """Tell the newest days of a daily series, and those before.

        Days that it does not reach back to are not known. Where no day is loaded, there is nothing
        to tell.
        """
        known = {point.date: point for point in series.items if isinstance(point, DayPoint)}
        newest = series.end
        return cls(
            current=_buckets(newest, period, known),
            previous=_buckets(newest and newest - timedelta(days=period.days), period, known),
            period_type=period.granularity,
        )


def _buckets(
    newest: Date | None, period: Period, known: Mapping[Date, DayPoint]
) -> list[RecentBucket]:
    if newest is None:
        return []

    def bucket_of(day: Date) -> object:
        match period.granularity:
            case Granularity.DAILY:
                return day
            case Granularity.WEEKLY:
                return (newest - day).days // DAYS_OF_WEEK
        return day.year, day.month

    days = DateRange(newest - timedelta(days=period.days - 1), newest)
    return [_bucket(list(some), known) for _, some in groupby(days, key=bucket_of)]


def _bucket(days: Sequence[Date], known: Mapping[Date, DayPoint]) -> RecentBucket:
    points = [known[day] for day in days if day in known]
    counts = [point.views for point in points if point.views is not None]
    unknown = not counts or any(point.status is DayStatus.MISSING for point in points)
    return RecentBucket(date=days[0], views=None if unknown else sum(counts))
