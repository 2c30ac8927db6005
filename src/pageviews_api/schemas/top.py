"""Top lists: what is asked of them, and what is answered."""

from dataclasses import dataclass
from datetime import date
from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from pageviews_api.daterange import DateRange, NamedRange
from pageviews_api.schemas.pageviews import AnswerModel, DayStatus, Freshness
from pageviews_api.schemas.query import (
    Access,
    Agent,
    AskedAccess,
    Day,
    DaysParameters,
    FormatParameters,
    Month,
    MonthStart,
    RangeName,
    YesOrNo,
    refuse,
)

MOST_DAYS = 31
"""Days of a range at the most: each has a list of its own to be fetched."""

MOST_ROWS = 1000
"""Rows of an answer at the most: as many as Wikimedia's own lists have."""

_SHORT_RANGES = ("this-week", "last-week", "this-month", "last-month")


class Namespace(StrEnum):
    """Which pages are told: those in the main namespace, where the articles are, or all."""

    ALL = "all"
    MAIN = "main"


@dataclass(frozen=True, slots=True)
class ListName:
    """One of Wikimedia's lists: a project's by access, of a day or of a month."""

    project: str
    access: Access
    period: date | Month


@dataclass(frozen=True, slots=True)
class TopFilter:
    """What is left out of a list: pages of other namespaces, the main page."""

    namespace: Namespace = Namespace.ALL
    main_page: bool = True

    def __bool__(self) -> bool:
        return self.namespace is not Namespace.ALL or not self.main_page


@dataclass(frozen=True, slots=True)
class TopQuery:
    """What was viewed most is asked for: where, when (None is the newest day), and how told.

    ``compared``: with the rank in the period of the same length right before.
    """

    project: str
    access: Access
    period: date | Month | DateRange | NamedRange | None
    only: TopFilter = TopFilter()
    compared: bool = False
    limit: int = MOST_ROWS


def _read_number(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("is not a whole number")
    return value


def _may_be_too_long(name: str) -> bool:
    _, _, number = name.partition("latest-")
    return int(number) > MOST_DAYS if number else name not in _SHORT_RANGES


class TopParameters(DaysParameters, FormatParameters):
    """The query part of a URL that asks for what was viewed most."""

    date: Annotated[
        Day | None,
        Field(
            description="The day (UTC). Default: the newest that is loaded.",
            examples=["2015-10-10"],
        ),
    ] = None
    month: Annotated[
        MonthStart | None,
        Field(description="A whole calendar month, in place of `date`.", examples=["2015-10"]),
    ] = None
    start: Annotated[
        Day | None,
        Field(
            description="The first day (UTC) of a range, from 2015-07-01 on. Comes with `end`.",
            examples=["2015-10-09"],
        ),
    ] = None
    end: Annotated[
        Day | None,
        Field(
            description="The last day (UTC), included; at most 31 days in all. Comes with `start`.",
            examples=["2015-10-10"],
        ),
    ] = None
    range: Annotated[
        RangeName | None,
        Field(
            description="Days that move with the data, in place of `start` and `end`: "
            "`latest-N` (the N days that end with the newest list, N from 1 to 31), `this-week`, "
            "`last-week`, `this-month`, `last-month`.",
            examples=["latest-7"],
        ),
    ] = None
    access: AskedAccess = None
    agent: Annotated[
        Agent | None,
        Field(description="Only `user`: Wikimedia counts only people in its top lists."),
    ] = None
    namespace: Annotated[
        Namespace,
        Field(
            description="`main`: only articles. Pages of other namespaces (`Special:`, `User:`, "
            "also by their local names) are left out; the others keep their rank in a day's or a "
            "month's list."
        ),
    ] = Namespace.ALL
    main_page: Annotated[
        YesOrNo,
        Field(description="`false`: without the project's main page, which leads every list."),
    ] = True
    compare: Annotated[
        Literal["previous"] | None,
        Field(
            description="Beside each row, the rank in the day, month or range right before. This "
            "may cost as many requests again."
        ),
    ] = None
    limit: Annotated[
        int,
        BeforeValidator(_read_number),
        Field(ge=1, le=MOST_ROWS, description="How many rows to tell at the most."),
    ] = MOST_ROWS

    @model_validator(mode="after")
    def _what_aqs_has(self) -> Self:
        if self.agent not in {None, Agent.USER}:
            refuse("agent", "can only be user: Wikimedia counts only people in its top lists")
        return self

    @model_validator(mode="after")
    def _one_way_to_name_the_period(self) -> Self:
        others = [name for name in ("date", "month", "range", "start") if getattr(self, name)]
        if len(others) > 1:
            refuse(others[-1], f"cannot be combined with {others[0]}")
        if self.range is not None and _may_be_too_long(self.range):
            refuse("range", f"can lead to more than {MOST_DAYS} days")
        if self.start and self.end and (self.end - self.start).days >= MOST_DAYS:
            refuse("end", f"is more than {MOST_DAYS} days from start, both included")
        return self

    @property
    def period(self) -> Day | Month | DateRange | NamedRange | None:
        """The day, month or range asked for; None means the newest day.

        Raises
        ------
        InvalidDateRangeError
            ``start`` is after ``end``.
        """
        if self.month:
            return Month(self.month)
        return self.days if self.range or self.start else self.date

    @property
    def only(self) -> TopFilter:
        """What is left out."""
        return TopFilter(self.namespace, self.main_page)


class RankedArticle(AnswerModel):
    """One row of a list; ties share a rank, and the next ranks are skipped."""

    article: str
    views: int
    rank: int


_PREVIOUS_RANK = Field(
    description="The rank in the period before, found and filtered in the same way; `null` where "
    "it was in no list of it."
)
_IS_NEW = Field(
    description="Whether it was in no list of the period before; `null` where a list of it is "
    "missing and none of the others has it. New in the lists is not unseen before."
)


class ComparedArticle(AnswerModel):
    """A row of a list, beside its rank in the period before."""

    article: str
    views: int
    rank: int
    previous_rank: Annotated[int | None, _PREVIOUS_RANK]
    is_new: Annotated[bool | None, _IS_NEW]


_RANK = Field(
    description="The place by `views_min` among the rows told; ties share one, the next are "
    "skipped."
)
_VIEWS_MIN = Field(ge=0, description="The sum over the lists that have it: not less than this.")
_VIEWS_MAX = Field(
    ge=0,
    description="Not more than this: on a day whose list does not have it, it had at most as many "
    "views as that list's last row. `null` where a day's list is missing.",
)
_DAYS_LISTED = Field(description="On how many of the days it is in the list.")
_EXACT = Field(description="Whether both bounds are the same, so that this is the true sum.")


class RangedArticle(AnswerModel):
    """What is known of an article's views in a range: bounds, for no list has every article."""

    article: str
    rank: Annotated[int, _RANK]
    views_min: Annotated[int, _VIEWS_MIN]
    views_max: Annotated[int | None, _VIEWS_MAX]
    days_listed: Annotated[int, _DAYS_LISTED]
    exact: Annotated[bool, _EXACT]


class ComparedRangedArticle(AnswerModel):
    """The same, beside its rank in the range before."""

    article: str
    rank: Annotated[int, _RANK]
    views_min: Annotated[int, _VIEWS_MIN]
    views_max: Annotated[int | None, _VIEWS_MAX]
    days_listed: Annotated[int, _DAYS_LISTED]
    exact: Annotated[bool, _EXACT]
    previous_rank: Annotated[int | None, _PREVIOUS_RANK]
    is_new: Annotated[bool | None, _IS_NEW]


class MissingList(AnswerModel):
    """A day of which there is no list."""

    date: Date
    status: Annotated[
        Literal[DayStatus.NOT_LOADED, DayStatus.HOLE, DayStatus.MISSING],
        Field(
            description="`not_loaded`: Wikimedia has not published it yet. `hole`: it was lost at "
            "Wikimedia. `missing`: it could not be had now."
        ),
    ]


class PreviousPeriod(AnswerModel):
    """The period with which the ranks are compared."""

    start: Date
    end: Date
    complete: Annotated[bool, Field(description="Whether all of its lists are known.")]


class _Where(AnswerModel):
    project: str
    access: Access
    agent: Agent


class _TopList(_Where):
    date: Annotated[Date | None, Field(description="The day, where a day was asked for.")]
    month: Annotated[
        str | None, Field(description="The month (`2015-10`), where one was asked for.")
    ]


class _Told(AnswerModel):
    """What stands before the rows only where it was asked for."""

    filter_certain: Annotated[
        bool | None,
        Field(
            exclude_if=lambda value: value is None,
            description="There only with a filter. `false`: we do not know this project's own "
            "names of namespaces and of its main page, so that rows under these may be left.",
        ),
    ] = None
    previous: Annotated[
        PreviousPeriod | None,
        Field(
            exclude_if=lambda value: value is None,
            description="What is compared with; there only where it was asked for.",
        ),
    ] = None


class _Ranking(AnswerModel):
    items: Annotated[
        list[RankedArticle] | list[ComparedArticle],
        Field(description="By rank, which is Wikimedia's own, also where rows are left out."),
    ]


class TopArticles(_Ranking, _Told, Freshness, _TopList):
    """The most viewed pages of a day or a month, counted for people only.

    Wikimedia's list has at most 1,000 rows and holds special pages and the main page, too.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": "en.wikipedia",
                    "access": "all-access",
                    "agent": "user",
                    "date": "2015-10-10",
                    "month": None,
                    "checked_at": "2017-01-01T10:00:00Z",
                    "stale": False,
                    "notice": None,
                    "items": [
                        {"article": "Main_Page", "views": 18793503, "rank": 1},
                        {"article": "Special:Search", "views": 2629537, "rank": 2},
                        {"article": "Carlos_Hathcock", "views": 291358, "rank": 3},
                    ],
                }
            ]
        }
    )


class _Range(_Where):
    start: Annotated[Date | None, Field(description="`null` where the range holds no day yet.")]
    end: Date | None
    reason: Annotated[str | None, Field(description="Why `items` is empty, where it is.")] = None
    days_in_range: int
    days_missing: Annotated[
        list[MissingList],
        Field(description="The days of which there is no list, oldest first."),
    ]
    certain_through_rank: Annotated[
        int,
        Field(
            ge=0,
            description="Down to this rank the order is certain: no row behind one of these, and "
            "no page that is in no list, had more views than it. 0 where a list is missing.",
        ),
    ]
    unlisted_max: Annotated[
        int | None,
        Field(
            ge=0,
            description="The most views that a page can have had that is in none of the lists; "
            "`null` where a list is missing.",
        ),
    ]


class _Bounds(AnswerModel):
    items: Annotated[
        list[RangedArticle] | list[ComparedRangedArticle],
        Field(description="By `views_min`, most first; then by `views_max`, then by title."),
    ]


class TopRange(_Bounds, _Told, Freshness, _Range):
    """The most viewed pages of several days: within bounds, counted for people only.

    The sum of daily lists is too small for a page that was on some days behind the last row. So
    each row has the least and the most that its true sum can be.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": "en.wikipedia",
                    "access": "all-access",
                    "agent": "user",
                    "start": "2015-10-10",
                    "end": "2015-10-10",
                    "reason": None,
                    "days_in_range": 1,
                    "days_missing": [],
                    "certain_through_rank": 88,
                    "unlisted_max": 29060,
                    "checked_at": "2017-01-01T10:00:00Z",
                    "stale": False,
                    "notice": None,
                    "filter_certain": True,
                    "items": [
                        {
                            "article": "Carlos_Hathcock",
                            "rank": 1,
                            "views_min": 291358,
                            "views_max": 291358,
                            "days_listed": 1,
                            "exact": True,
                        },
                        {
                            "article": "UEFA_Euro_2016_qualifying",
                            "rank": 2,
                            "views_min": 143704,
                            "views_max": 143704,
                            "days_listed": 1,
                            "exact": True,
                        },
                        {
                            "article": "Web_scraping",
                            "rank": 3,
                            "views_min": 115672,
                            "views_max": 115672,
                            "days_listed": 1,
                            "exact": True,
                        },
                    ],
                }
            ]
        }
    )
