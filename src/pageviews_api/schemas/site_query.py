"""What is asked about sites: the words of the URL, and the frozen queries made of them."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pageviews_api.daterange import ONE_DAY, DateRange, NamedRange
from pageviews_api.exceptions import InvalidDateRangeError
from pageviews_api.schemas.query import (
    Day,
    DaysParameters,
    FormatParameters,
    RangeName,
    refuse,
)
from pageviews_api.schemas.site_metrics import Interval

MOST_DAYS = 400
"""Days that one question about a site may span."""

EARLIEST = date(2000, 1, 1)
"""The first day that can be asked for; no provider is as old."""

_RANGE = "^(?:latest-(?:[1-9][0-9]?|[1-3][0-9]{2}|400)|(?:this|last)-(?:week|month|year))$"

DEFAULT_PAGES = 10

MOST_PAGES = 100
"""Pages that a list has at the most."""


@dataclass(frozen=True, slots=True)
class SiteSummaryQuery:
    """Days of a site's own time zone, and whether they are compared with as many before."""

    days: DateRange
    compared: bool = False


@dataclass(frozen=True, slots=True)
class SiteSeriesQuery:
    """Days of a site, in what steps, and whether compared with as many before."""

    days: DateRange
    interval: Interval
    compared: bool = False


@dataclass(frozen=True, slots=True)
class SitePagesQuery:
    """Days of a site, and how many of its pages are asked for."""

    days: DateRange
    limit: int


def _read_number(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("is not a whole number")
    return value


class SiteDaysParameters(DaysParameters):
    """The part of a query that names days of a site's own time zone."""

    start: Annotated[
        Day | None,
        Field(
            description="The first day, in the site's time zone. Comes with `end`.",
            examples=["2016-12-02"],
        ),
    ] = None
    end: Annotated[
        Day | None,
        Field(
            description="The last day, included; today at the latest, and at most 400 days in all. "
            "Comes with `start`.",
            examples=["2016-12-31"],
        ),
    ] = None
    range: Annotated[
        RangeName | None,
        Field(
            description="Days that move with the site's calendar, in place of `start` and `end`: "
            "`latest-N` (the N days that ended with yesterday, N from 1 to 400), `last-week`, "
            "`last-month`, `last-year`, and up to today `this-week`, `this-month`, `this-year`. "
            "Default: `latest-30`.",
            examples=["latest-30"],
            json_schema_extra={"pattern": _RANGE},
        ),
    ] = None

    @model_validator(mode="after")
    def _not_too_many_days(self) -> Self:
        if self.range == "all-time":
            refuse("range", "cannot be all-time: nobody knows when a site's numbers begin")
        _, _, number = (self.range or "").partition("latest-")
        if number and int(number) > MOST_DAYS:
            refuse("range", f"is more than {MOST_DAYS} days")
        if self.start and self.end and (self.end - self.start).days >= MOST_DAYS:
            refuse("end", f"is more than {MOST_DAYS} days from start, both included")
        return self

    def on(self, today: date) -> DateRange:
        """Tell the days that are asked for.

        Named ranges that run (``this-…``) end with today, which is not over; all others with a
        day that is.

        Raises
        ------
        InvalidDateRangeError
            ``start`` is after ``end`` or before 2000, or ``end`` after today.
        """
        asked = self.days
        if isinstance(asked, NamedRange):
            through = today - ONE_DAY if asked.name.startswith("latest-") else today
            days = asked.resolve(today=today, complete_through=through)
            assert days is not None  # the clock does not show a day before 2015
            return days
        if asked.start < EARLIEST:
            raise InvalidDateRangeError("start", f"is before {EARLIEST}")
        if asked.end > today:
            raise InvalidDateRangeError("end", f"is after today, {today} where the site is")
        return asked


Compared = Annotated[
    Literal["previous"] | None,
    Field(
        description="Compare with as many days just before. A day that is not over is left out: "
        "it would look like a fall. Comes as `comparison`."
    ),
]


class SiteSummaryParameters(SiteDaysParameters, FormatParameters):
    """The query part of a URL that asks for a site's figures."""

    compare: Compared = None


class SiteSeriesParameters(SiteDaysParameters, FormatParameters):
    """The query part of a URL that asks for a site's series."""

    interval: Annotated[
        Interval, Field(description="One item for each day, or calendar month.")
    ] = Interval.DAY
    compare: Compared = None

    @model_validator(mode="after")
    def _days_are_compared(self) -> Self:
        if self.compare and self.interval is not Interval.DAY:
            refuse("compare", "has a meaning only with interval=day")
        return self


class SitePagesParameters(SiteDaysParameters, FormatParameters):
    """The query part of a URL that asks for a site's pages."""

    limit: Annotated[
        int,
        Field(ge=1, le=MOST_PAGES, description="How many pages to tell at the most."),
        BeforeValidator(_read_number),
    ] = DEFAULT_PAGES
