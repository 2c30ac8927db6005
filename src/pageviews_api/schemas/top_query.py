"""What is asked of top lists: the words of the URL, and the frozen queries made of them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pageviews_api.daterange import DateRange, NamedRange
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
        Field(ge=1, le=MOST_ROWS, description="How many rows to tell at the most."),
        BeforeValidator(_read_number),
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
