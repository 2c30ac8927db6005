"""What is asked: the words of the URL, and the frozen queries made of them."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Annotated, NoReturn, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pageviews_api.daterange import RANGE_PATTERN, DateRange, NamedRange, parse_day, parse_month
from pageviews_api.exceptions import FieldError, InvalidDateRangeError, InvalidParameterError


class Access(StrEnum):
    """How the page was reached."""

    ALL_ACCESS = "all-access"
    DESKTOP = "desktop"
    MOBILE_APP = "mobile-app"
    MOBILE_WEB = "mobile-web"


class Agent(StrEnum):
    """Who looked: people (``user``), declared bots (``spider``), suspected ones (``automated``)."""

    ALL_AGENTS = "all-agents"
    USER = "user"
    SPIDER = "spider"
    AUTOMATED = "automated"


class Granularity(StrEnum):
    """What one item of the answer covers."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Format(StrEnum):
    """In which form an answer comes."""

    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"


class Layout(StrEnum):
    """How CSV is laid out: a row for each number, or a row for each date."""

    LONG = "long"
    WIDE = "wide"


class Compare(StrEnum):
    """With which days a range is compared: those before it, or those of a year before."""

    PREVIOUS = "previous"
    YEAR = "year"


class Align(StrEnum):
    """Whether a day is compared with one of the same weekday, or of the same date."""

    WEEKDAY = "weekday"
    DATE = "date"


class SplitBy(StrEnum):
    """By what a series is told in parts."""

    ACCESS = "access"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Series:
    """One line of daily numbers: an article's, or a project's total where ``article`` is None."""

    project: str
    access: Access
    agent: Agent
    article: str | None = None

    @property
    def key(self) -> str:
        """A text that no other series has: only the last part, the title, may hold a slash."""
        scope = f"{self.project}/{self.access}/{self.agent}"
        return scope if self.article is None else f"{scope}/{self.article}"


@dataclass(frozen=True, slots=True)
class Sections:
    """What is asked for beside a series itself: each becomes a section of its answer."""

    compare: Compare | None = None
    align: Align = Align.WEEKDAY
    split: SplitBy | None = None
    per_million: bool = False
    unusual: bool = False


NO_SECTIONS = Sections()


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """Which days of a series are asked for, in what steps, and what beside them.

    ``as_of``: as they were known on that UTC day, from the archive; without sections.
    """

    series: Series
    days: DateRange | NamedRange
    granularity: Granularity = Granularity.DAILY
    as_of: date | None = None
    sections: Sections = NO_SECTIONS


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month, named by its first day."""

    first_day: date

    def __str__(self) -> str:
        return f"{self.first_day:%Y-%m}"


def _read_day(value: object) -> object:
    return parse_day(value) if isinstance(value, str) else value


def _read_month(value: object) -> object:
    return parse_month(value) if isinstance(value, str) else value


def _read_yes_or_no(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in {"true", "false"}:
        raise ValueError("is neither true nor false")
    return value == "true"


YesOrNo = Annotated[bool, BeforeValidator(_read_yes_or_no)]


def _check_range(value: str) -> str:
    try:
        return NamedRange.parse(value).name
    except InvalidDateRangeError as e:
        raise ValueError(e.errors[0].msg) from e


Day = Annotated[date, BeforeValidator(_read_day)]
MonthStart = Annotated[
    date, BeforeValidator(_read_month), Field(json_schema_extra={"format": "year-month"})
]

RangeName = Annotated[str, AfterValidator(_check_range)]

AskedAccess = Annotated[
    Access | None,
    Field(description="How the page was reached. Default: as the operator set it; `all-access`."),
]
AskedAgent = Annotated[
    Agent | None,
    Field(description="Who looked. Default: as the operator set it; `user`, which is people."),
]


class QueryParameters(BaseModel):
    """The query part of a URL. An unknown parameter is refused, by its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FormatParameters(QueryParameters):
    """The part of a query that names the form of the answer."""

    format: Annotated[
        Format | None,
        Field(
            description="The form of the answer: `json`, `csv` (RFC 4180, UTF-8, with a heading), "
            "or `ndjson` (a JSON object a line, with the same columns). It wins over `Accept`. "
            "Default: what `Accept` prefers; `json`."
        ),
    ] = None
    excel: Annotated[
        bool | None,
        BeforeValidator(_read_yes_or_no),
        Field(
            description="Only with `csv`: written for spreadsheets, with a byte order mark, and "
            "with an apostrophe before text that they would take for a formula."
        ),
    ] = None

    @model_validator(mode="after")
    def _excel_reads_csv(self) -> Self:
        if self.excel is not None and self.format is not Format.CSV:
            refuse("excel", "is for format=csv only")
        return self


class LayoutParameters(FormatParameters):
    """The same for views, which CSV can lay out in two ways."""

    layout: Annotated[
        Layout | None,
        Field(
            description="Only with `csv`: `long`, a row for each number (the default), or `wide`, "
            "a row for each date and a column for each series, and for what sections tell of it."
        ),
    ] = None

    @model_validator(mode="after")
    def _only_csv_has_layouts(self) -> Self:
        if self.layout is not None and self.format is not Format.CSV:
            refuse("layout", "is for format=csv only")
        return self


class DaysParameters(QueryParameters):
    """The part of a query that names days."""

    start: Annotated[
        Day | None,
        Field(
            description="The first day (UTC), from 2015-07-01 on. Comes with `end`.",
            examples=["2016-12-02"],
        ),
    ] = None
    end: Annotated[
        Day | None,
        Field(
            description="The last day (UTC), included. Comes with `start`.",
            examples=["2016-12-31"],
        ),
    ] = None
    range: Annotated[
        RangeName | None,
        Field(
            description="Days that move with the data, in place of `start` and `end`: "
            "`latest-N` (the N newest days, N from 1 to 9999), `this-week`, `last-week`, "
            "`this-month`, `last-month`, `this-year`, `last-year`, `all-time`. "
            "Default: `latest-30`.",
            examples=["latest-30"],
            json_schema_extra={"pattern": RANGE_PATTERN},
        ),
    ] = None

    @model_validator(mode="after")
    def _one_way_to_name_days(self) -> Self:
        if self.range is not None and (self.start or self.end):
            refuse("range", "cannot be combined with start and end")
        if self.start and not self.end:
            refuse("end", "is required with start")
        if self.end and not self.start:
            refuse("start", "is required with end")
        return self

    @property
    def days(self) -> DateRange | NamedRange:
        """The days asked for.

        Raises
        ------
        InvalidDateRangeError
            ``start`` is after ``end``.
        """
        if self.start and self.end:
            return DateRange(self.start, self.end)
        return NamedRange(self.range or "latest-30")


class GranularityParameters(QueryParameters):
    """The part of a query that names the steps of a series."""

    granularity: Annotated[
        Granularity,
        Field(description="One item for each day, ISO week (Monday to Sunday), or month."),
    ] = Granularity.DAILY


class SeriesParameters(DaysParameters, GranularityParameters, LayoutParameters):
    """The query part of a URL that asks for a series."""

    access: AskedAccess = None
    agent: AskedAgent = None
    as_of: Annotated[
        Day | None,
        Field(
            description="As it was known on this UTC day: answered from the archive alone, each "
            "day with `observed_on`. Wikimedia restates days.",
            examples=["2017-01-01"],
        ),
    ] = None


class SectionParameters(SeriesParameters):
    """The query part of a URL that asks for a series, and for more beside it."""

    compare: Annotated[
        Compare | None,
        Field(
            description="Compare with as many days before: `previous`, those just before; `year`, "
            "those of a year before. Comes as `comparison`."
        ),
    ] = None
    align: Annotated[
        Align | None,
        Field(
            description="How days are paired for `compare`. `weekday` (the default): each with "
            "one of the same weekday, by whole weeks back, of a year 364 days. `date`: by the "
            "length of the range back, of a year the same date."
        ),
    ] = None
    split: Annotated[
        SplitBy | None,
        Field(
            description="Tell all parts as well: `access` (desktop, mobile web, mobile app, and "
            "the mobile share) or `agent` (people, declared bots, suspected bots, and the "
            "latter's share)."
        ),
    ] = None
    unusual: Annotated[
        bool,
        BeforeValidator(_read_yes_or_no),
        Field(
            description="Mark the days that are far from what is usual on their weekday in the "
            "8 weeks before, with what speaks for and against bots. Only by day."
        ),
    ] = False

    @model_validator(mode="after")
    def _sections_that_go_together(self) -> Self:
        if self.align and not self.compare:
            refuse("align", "has a meaning only with compare")
        if self.split is SplitBy.ACCESS and self.access not in {None, Access.ALL_ACCESS}:
            refuse("access", "cannot be combined with split=access, which tells every access")
        if self.split is SplitBy.AGENT and self.agent not in {None, Agent.ALL_AGENTS}:
            refuse("agent", "cannot be combined with split=agent, which tells every agent")
        if self.unusual and self.granularity is not Granularity.DAILY:
            refuse("unusual", "has a meaning only with granularity=daily")
        if self.as_of and self.sections != NO_SECTIONS:
            refuse("as_of", "cannot be combined with compare, split, unusual or per_million")
        return self

    @property
    def sections(self) -> Sections:
        """What is asked for beside the series."""
        return Sections(
            compare=self.compare,
            align=self.align or Align.WEEKDAY,
            split=self.split,
            unusual=self.unusual,
        )


class ArticleParameters(SectionParameters):
    """The query part of a URL that asks for an article's views."""

    per_million: Annotated[
        bool,
        BeforeValidator(_read_yes_or_no),
        Field(
            description="Tell as well how many of a million views of the project, with the same "
            "access and agent on the same days, were of this article."
        ),
    ] = False

    @property
    def sections(self) -> Sections:
        """What is asked for beside the series."""
        return replace(super().sections, per_million=self.per_million)


def refuse(field: str, msg: str) -> NoReturn:
    """Refuse a parameter of the query, by its name.

    Raises
    ------
    InvalidParameterError
        Always.
    """
    raise InvalidParameterError(FieldError(("query", field), msg))
