"""What we answer about the operator's sites."""

from datetime import date as Date  # noqa: N812  # a field below is called date
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from pageviews_api.schemas.left_out import is_none
from pageviews_api.schemas.points import AnswerModel
from pageviews_api.schemas.site_metrics import (
    CurrentVisitors,
    Interval,
    Provider,
    SiteFigures,
    SitePoint,
    TopPages,
)

_SITE: dict[str, Any] = {
    "site": "matomo",
    "provider": "matomo",
    "timezone": "Europe/Berlin",
    "checked_at": "2026-11-22T12:00:00Z",
    "stale": False,
}

_DAY: dict[str, Any] = {"start": "2026-11-21", "end": "2026-11-21", "partial": False}

_FIGURES: dict[str, Any] = {
    "visitors": 9,
    "visits": 9,
    "pageviews": 15,
    "bounce_rate": 55.56,
    "visit_duration": 256.33,
    "views_per_visit": 1.67,
}
"""Of one day of a real Matomo (``tests/data/matomo``)."""


class SiteName(AnswerModel):
    """A site that can be asked about."""

    name: Annotated[str, Field(description="Its name in URLs.", examples=["matomo"])]
    provider: Provider
    timezone: Annotated[str, Field(description="Its time zone (IANA).", examples=["Europe/Berlin"])]


class SiteList(AnswerModel):
    """The sites that are configured."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "name": "matomo",
                            "provider": "matomo",
                            "timezone": "Europe/Berlin",
                        }
                    ]
                }
            ]
        }
    )

    items: list[SiteName]


class SiteAnswer(AnswerModel):
    """Whose numbers they are, and how current."""

    site: Annotated[str, Field(description="The site's name.")]
    provider: Provider
    timezone: Annotated[str, Field(description="The site's time zone (IANA); days are its own.")]
    checked_at: Annotated[
        datetime, Field(description="When the provider last told of everything in this answer.")
    ]
    stale: Annotated[
        bool,
        Field(
            description="True where that is longer ago than it should be: the provider is slow, "
            "or fails."
        ),
    ]
    fetched: Annotated[bool, Field(exclude=True, description="Whether it was asked just now.")]
    left: Annotated[
        timedelta, Field(exclude=True, description="For how much longer it is current.")
    ]


class SiteDaysAnswer(SiteAnswer):
    """The same, of which days."""

    start: Date
    end: Date
    partial: Annotated[
        bool,
        Field(description="Whether the last day was not over when the provider was asked."),
    ]


class Change(AnswerModel):
    """How much a figure has grown."""

    change: Annotated[
        float | None,
        Field(description="The figure less the one compared with; `null` where one is."),
    ]
    change_percent: Annotated[
        float | None,
        Field(
            description="The same in percent of what it is compared with, to two decimals; "
            "`null` where that is 0 or `null`."
        ),
    ]


class SiteChange(AnswerModel):
    """How much each figure has grown."""

    visitors: Change
    visits: Change
    pageviews: Change
    bounce_rate: Change
    visit_duration: Change
    views_per_visit: Change


class _Compared(AnswerModel):
    compare: Annotated[
        Literal["previous"], Field(description="`previous`: with as many days just before.")
    ] = "previous"
    current_start: Annotated[
        Date | None,
        Field(description="The first day that is compared; `null` where no day is over yet."),
    ]
    current_end: Annotated[
        Date | None,
        Field(description="The last of them: today is left out, as it is not over."),
    ]
    base_start: Annotated[Date | None, Field(description="The first day compared with.")]
    base_end: Annotated[Date | None, Field(description="The last of them, included.")]
    reason: Annotated[str | None, Field(description="Why nothing is compared, where so.")] = None


class SiteComparison(_Compared):
    """The days of a range that are over, beside as many just before."""

    current: Annotated[
        SiteFigures | None, Field(description="The figures of the days that are compared.")
    ]
    base: Annotated[SiteFigures | None, Field(description="Those of the days compared with.")]
    change: SiteChange | None


class ComparedSiteDay(AnswerModel):
    """A day, and the one that is as many days before as the range is long."""

    date: Annotated[Date, Field(description="The day, in the site's time zone.")]
    base_date: Annotated[Date, Field(description="The day it is compared with.")]
    base: Annotated[SiteFigures, Field(description="The figures of `base_date`.")]


class SiteSeriesComparison(_Compared):
    """Each day of a range that is over, beside one of as many just before."""

    items: list[ComparedSiteDay]


class SiteSummary(SiteDaysAnswer):
    """The figures of some days together."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_SITE, **_DAY, "summary": _FIGURES}]}
    )

    summary: SiteFigures
    comparison: Annotated[SiteComparison | None, Field(exclude_if=is_none)] = None


class SiteSeries(SiteDaysAnswer):
    """The figures of each day or month, oldest first, without gaps."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_SITE,
                    **_DAY,
                    "interval": "day",
                    "items": [{**_FIGURES, **_DAY}],
                }
            ]
        }
    )

    interval: Annotated[Interval, Field(description="What one item covers.")]
    items: list[SitePoint]
    comparison: Annotated[SiteSeriesComparison | None, Field(exclude_if=is_none)] = None


# Pydantic orders fields from the last base to the first.
class SitePages(TopPages, SiteDaysAnswer):
    """The most viewed pages, the most viewed first; ties by path."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_SITE,
                    **_DAY,
                    "start": "2026-11-01",
                    "items": [
                        {
                            "path": "/wiki/Earth",
                            "visitors": 42,
                            "visits": 42,
                            "pageviews": 50,
                            "bounce_rate": 38.1,
                            "time_on_page": 114,
                        }
                    ],
                    "other_pageviews": None,
                }
            ]
        }
    )


class SiteVisitors(CurrentVisitors, SiteAnswer):
    """How many are there now."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_SITE, "visitors": 3, "window_minutes": 30}]}
    )
