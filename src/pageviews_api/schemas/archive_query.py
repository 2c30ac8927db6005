"""What is asked of the archive: the words of the URL, and the frozen queries made of them."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from pageviews_api.daterange import DateRange, NamedRange
from pageviews_api.schemas.names import Article
from pageviews_api.schemas.query import (
    AskedAccess,
    AskedAgent,
    Day,
    DaysParameters,
    FormatParameters,
    LayoutParameters,
    Series,
    refuse,
)

MOST_ARCHIVES = 100
"""Archives that one page tells of at the most."""

MOST_CHANGES = 1_000
"""Changed days that one page tells at the most."""

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[0-9]{1,6}")
_PLACE = re.compile(r"([0-9]{1,8})-([0-9a-f]{8})")


def _read_iso_day(value: object) -> object:
    """Read a day in the one form that archives are named by: digits and hyphens, no more."""
    if not isinstance(value, str):
        return value
    if not _ISO_DAY.fullmatch(value):
        raise ValueError("is not a date such as 2016-12-31")
    try:
        return date.fromisoformat(value)
    except ValueError as e:
        raise ValueError("is not a day of the calendar") from e


def _read_number(value: object) -> object:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("is not a whole number")
    return value


ArchiveDay = Annotated[
    date,
    BeforeValidator(_read_iso_day),
    Field(description="The archive's UTC day, as `2017-01-01`.", examples=["2017-01-01"]),
]


class ArchiveListParameters(FormatParameters):
    """The query part of a URL that asks which archives there are."""

    limit: Annotated[
        int,
        Field(ge=1, le=MOST_ARCHIVES, description="How many to tell of at the most."),
        BeforeValidator(_read_number),
    ] = 30
    cursor: Annotated[
        ArchiveDay | None,
        Field(description="Where to go on: `next_cursor` of the page before."),
    ] = None


class ObservedParameters(LayoutParameters):
    """The query part of a URL that asks for a series as it was observed."""

    access: AskedAccess = None
    agent: AskedAgent = None


@dataclass(frozen=True, slots=True)
class ObservedQuery:
    """Which series is asked for, as the archive of which day has it."""

    day: date
    series: Series


@dataclass(frozen=True, slots=True)
class Place:
    """Where to go on in what changed between two archives; ``of`` tells between which."""

    offset: int
    of: str

    def __str__(self) -> str:
        return f"{self.offset}-{self.of}"


def _read_place(value: object) -> object:
    if not isinstance(value, str):
        return value
    if _PLACE.fullmatch(value) is None:
        raise ValueError("is none that this service has given")
    return value


class DifferencesParameters(FormatParameters):
    """The query part of a URL that asks what changed between two archives."""

    start: Annotated[Day, Field(description="The day of one archive.", examples=["2017-01-01"])]
    end: Annotated[Day, Field(description="The day of the other.", examples=["2017-01-02"])]
    limit: Annotated[
        int,
        Field(ge=1, le=MOST_CHANGES, description="How many changed days to tell at the most."),
        BeforeValidator(_read_number),
    ] = MOST_CHANGES
    cursor: Annotated[
        str | None,
        BeforeValidator(_read_place),
        Field(description="Where to go on: `next_cursor` of the page before."),
    ] = None

    @model_validator(mode="after")
    def _two_archives(self) -> Self:
        if self.start == self.end:
            refuse("end", "is the same day as start: an archive does not differ from itself")
        return self

    @property
    def archives(self) -> tuple[date, date]:
        """The days of the two archives, as they were asked for."""
        return self.start, self.end

    @property
    def place(self) -> Place | None:
        """Where to go on; None means at the beginning."""
        match = _PLACE.fullmatch(self.cursor or "")
        return None if match is None else Place(int(match[1]), match[2])


class TopHistoryParameters(DaysParameters, FormatParameters):
    """The query part of a URL that asks for an article's ranks."""

    article: Annotated[
        Article, Field(description="The title, with spaces or underscores.", examples=["Paris"])
    ]


@dataclass(frozen=True, slots=True)
class TopHistoryQuery:
    """Whose ranks are asked for, in which project's archived top lists."""

    project: str
    article: str
    days: DateRange | NamedRange
