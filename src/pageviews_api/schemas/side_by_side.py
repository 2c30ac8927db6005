"""A site's page beside an article: what is asked, and what is answered."""

import unicodedata
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from pageviews_api.daterange import RANGE_PATTERN, DateRange, NamedRange
from pageviews_api.schemas.names import Article, ArticleProject
from pageviews_api.schemas.points import AnswerModel, DayStatus
from pageviews_api.schemas.query import (
    Access,
    Agent,
    AskedAccess,
    AskedAgent,
    Day,
    DaysParameters,
    FormatParameters,
    RangeName,
    Series,
    refuse,
)
from pageviews_api.schemas.site_answers import SiteAnswer

MOST_DAYS = 400
"""Days of a comparison at the most: more than a year, and within what a provider tells in one."""

MOST_IN_A_PATH = 2000
"""Characters of a path at the most, as in a site's list of pages."""

DEFAULT_RANGE = "latest-90"
"""Long enough for lags, with a month to spare."""


def read_path(text: str) -> str:
    """Read the path of a page, as a list of pages tells it, or percent-encoded as browsers do.

    It stays as it is: only once may it be decoded.

    Raises
    ------
    PydanticCustomError
        It does not begin with a slash, holds a query string, control characters or what is no
        UTF-8, or is too long.
    """
    if "?" in text:
        reason = "holds a query string: pages are told without; in a path a ? is written %3F"
        raise PydanticCustomError("path", reason)
    try:
        path = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise PydanticCustomError("path", "is not percent-encoded UTF-8") from None
    if not path.startswith("/"):
        raise PydanticCustomError("path", "does not begin with /")
    if len(path) > MOST_IN_A_PATH:
        raise PydanticCustomError("path", "is longer than 2000 characters")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in path):
        raise PydanticCustomError("path", "holds a control character or invalid Unicode")
    return text


PagePath = Annotated[
    str,
    AfterValidator(read_path),
    Field(json_schema_extra={"pattern": "^/[^?]*$", "maxLength": MOST_IN_A_PATH}),
]
"""The path of a page of a site, decoded or not, without a query string."""


def _may_be_too_long(name: str) -> bool:
    _, _, number = name.partition("latest-")
    return int(number) > MOST_DAYS if number else name == "all-time"


class SideBySideParameters(DaysParameters, FormatParameters):
    """The query part of a URL that asks for a page of a site beside an article."""

    project: ArticleProject
    article: Article
    path: Annotated[
        PagePath | None,
        Field(
            description="The page of the site: its path, from `/` on, as in the site's list of "
            "pages or percent-encoded as browsers show it. No query string. Default: all pages.",
            examples=["/wiki/Earth"],
        ),
    ] = None
    start: Annotated[
        Day | None,
        Field(
            description="The first date, from 2015-07-01 on: of the article a UTC day, of the "
            "site a day of its own time zone. Comes with `end`.",
            examples=["2016-10-01"],
        ),
    ] = None
    end: Annotated[
        Day | None,
        Field(
            description="The last date, included; at most 400 days in all. Comes with `start`.",
            examples=["2016-12-31"],
        ),
    ] = None
    range: Annotated[
        RangeName | None,
        Field(
            description="Days that move with time, in place of `start` and `end`, up to the newest "
            "that is over both in UTC and at the site: `latest-N` (N from 1 to 400), `this-week`, "
            "`last-week`, `this-month`, `last-month`, `this-year`, `last-year`. "
            "Default: `latest-90`.",
            examples=["latest-90"],
            json_schema_extra={"pattern": RANGE_PATTERN},
        ),
    ] = None
    access: AskedAccess = None
    agent: AskedAgent = None

    @model_validator(mode="after")
    def _not_too_many_days(self) -> Self:
        if self.range is not None and _may_be_too_long(self.range):
            refuse("range", f"can lead to more than {MOST_DAYS} days")
        if self.start and self.end and (self.end - self.start).days >= MOST_DAYS:
            refuse("end", f"is more than {MOST_DAYS} days from start, both included")
        return self

    @property
    def days(self) -> DateRange | NamedRange:
        """The days asked for.

        Raises
        ------
        InvalidDateRangeError
            ``start`` is after ``end``.
        """
        return super().days if self.start or self.range else NamedRange(DEFAULT_RANGE)


@dataclass(frozen=True, slots=True)
class SideBySideQuery:
    """Which days of an article are asked for beside a page of a site; None is all its pages.

    A ``path`` is written as the site's list of pages tells it.
    """

    series: Series
    path: str | None
    days: DateRange | NamedRange


class SiteDayStatus(StrEnum):
    """What is known of a site's day."""

    OK = "ok"
    ZERO = "zero"
    PARTIAL = "partial"
    MISSING = "missing"


class BothDays(AnswerModel):
    """A date: the site's day of its own time zone, and the article's UTC day."""

    date: Annotated[Date, Field(description="Of a day at the site, and of a UTC day.")]
    site_views: Annotated[
        int | None,
        Field(ge=0, description="Views on the site; `null` where they are not known."),
    ]
    site_status: Annotated[
        SiteDayStatus,
        Field(
            description="`ok`: the provider's number. `zero`: it counted nothing. `partial`: "
            "the day was not over at the site when it was asked about; it counts nowhere. "
            "`missing`: it could not be learned now."
        ),
    ]
    article_views: Annotated[
        int | None, Field(ge=0, description="Views of the article; `null` where not known.")
    ]
    article_status: Annotated[
        DayStatus, Field(description="What is known of them, as in the article's own series.")
    ]
    site_day_hours: Annotated[
        int | float,
        WithJsonSchema({"type": "number"}),
        Field(description="How long the site's day is: 24 hours, or 23 or 25 if clocks change."),
    ]
    site_utc_offset: Annotated[
        str,
        Field(
            pattern=r"^[+-][0-9]{2}:[0-9]{2}$",
            description="How far the site's clock is ahead of UTC when its day begins. With "
            "`+01:00` its day begins an hour before the article's of the same date.",
        ),
    ]


class BothSummary(AnswerModel):
    """Both sides over the days that are over, and whose number is known of both."""

    site_views: Annotated[int | None, Field(description="`null` where there is no such day.")]
    article_views: Annotated[int | None, Field(description="`null` where there is no such day.")]
    days_common: Annotated[int, Field(description="How many such days there are.")]
    days_in_range: int
    complete: Annotated[bool, Field(description="Whether every asked day is one.")]


class LagValue(AnswerModel):
    """How alike both sides are if the article is taken some days later."""

    lag: Annotated[
        int,
        Field(
            description="Days: the site's day is beside the article's so many days later. "
            "Negative: earlier."
        ),
    ]
    correlation: Annotated[
        float | None,
        Field(
            ge=-1,
            le=1,
            description="Spearman's rank correlation after the weekdays are taken out, to four "
            "decimals; `null` where too few days are known, or one side does not change.",
        ),
    ]
    days: Annotated[int, Field(description="Pairs of days that it is told by.")]


class LagSection(AnswerModel):
    """By how many days the article follows the site, where that can be told."""

    lag: Annotated[
        int | None,
        Field(
            ge=-7,
            le=7,
            description="Days by which the article is later than the site; negative where the "
            "site is later. `null` unless one lag is clearly ahead of all others.",
        ),
    ]
    reason: Annotated[str | None, Field(description="Why `lag` is `null`, where it is.")]
    values: Annotated[list[LagValue], Field(description="Every lag, from -7 to 7.")]


class _Asked(AnswerModel):
    path: Annotated[
        str | None,
        Field(description="The page, as the site's list of pages tells it; `null` is all pages."),
    ]
    project: str
    article: str
    access: Access
    agent: Agent
    start: Annotated[Date | None, Field(description="`null` where no day of the range is over.")]
    end: Date | None
    reason: Annotated[str | None, Field(description="Why `items` is empty, where it is.")] = None


class _Sides(AnswerModel):
    site_reason: Annotated[
        str | None,
        Field(description="Why the site's side could not be told, where that is so."),
    ] = None
    article_reason: Annotated[
        str | None,
        Field(description="Why the article's side could not be told, where that is so."),
    ] = None


class _Told(AnswerModel):
    notice: Annotated[
        str | None, Field(description="What else to know; set where the data are a sample.")
    ] = None
    summary: BothSummary
    items: Annotated[list[BothDays], Field(description="Oldest first, without gaps.")]
    lag: LagSection


# Pydantic orders fields from the last base to the first.
class SideBySide(_Told, _Sides, _Asked, SiteAnswer):
    """A page of a site, or all of them, beside an article.

    A site's day is one of its own time zone, an article's is a UTC day: those of one date overlap,
    and do not coincide unless the offset is zero. ``checked_at`` is that of the side that was
    checked longest ago.
    """

    # The site's numbers are a real Matomo's. No article's of these days was recorded, and none is
    # invented.
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "site": "blog",
                    "provider": "matomo",
                    "timezone": "Europe/Berlin",
                    "checked_at": "2026-11-22T12:00:00Z",
                    "stale": True,
                    "path": None,
                    "project": "en.wikipedia",
                    "article": "Earth",
                    "access": "all-access",
                    "agent": "user",
                    "start": "2026-11-08",
                    "end": "2026-11-10",
                    "reason": None,
                    "site_reason": None,
                    "article_reason": "aqs gave no complete answer in time.",
                    "notice": None,
                    "summary": {
                        "site_views": None,
                        "article_views": None,
                        "days_common": 0,
                        "days_in_range": 3,
                        "complete": False,
                    },
                    "items": [
                        {
                            "date": f"2026-11-{day:02}",
                            "site_views": views,
                            "site_status": "ok" if views else "zero",
                            "article_views": None,
                            "article_status": "missing",
                            "site_day_hours": 24,
                            "site_utc_offset": "+01:00",
                        }
                        for day, views in ((8, 0), (9, 0), (10, 17))
                    ],
                    "lag": {
                        "lag": None,
                        "reason": "Too few days are known of both: 0, and 56 are needed.",
                        "values": [
                            {"lag": lag, "correlation": None, "days": 0} for lag in range(-7, 8)
                        ],
                    },
                }
            ]
        }
    )
