"""The words of AQS's paths, read as AQS reads them.

Each is a path segment, still percent-encoded. What AQS refuses is refused in its words
(wikimedia/analytics-aqs ``lib/aqsUtil.js``; device-analytics for those of AQS 2.0).
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, NoReturn
from urllib.parse import unquote_to_bytes

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import FieldError, InvalidParameterError
from pageviews_api.schemas.aqs_questions import AccessSite, DevicesGranularity
from pageviews_api.schemas.names import exact_article
from pageviews_api.schemas.query import Access, Agent, Month

_PROJECT = re.compile(r"[a-z0-9_.\-]+")
_STAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([01][0-9]|2[0-3])?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_YEAR = re.compile(r"[0-9]{4}")
_ONE_OR_TWO_DIGITS = re.compile(r"[0-9]{1,2}")


class ArticleGranularity(StrEnum):
    """What one item of an article's views covers."""

    DAILY = "daily"
    MONTHLY = "monthly"


class TotalGranularity(StrEnum):
    """What one item of a project's views covers."""

    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"


def decoded(segment: str) -> str:
    """Decode a path segment, once; bytes that are no UTF-8 become lone surrogates."""
    sent = segment.encode("utf-8", "surrogateescape")
    return unquote_to_bytes(sent).decode("utf-8", "surrogateescape")


def _read_project(segment: str) -> str:
    """As aqs-node's ``normalizeProject``. What no project is called may pass: it is a 404."""
    name = decoded(segment).strip().lower().removeprefix("www.").removesuffix(".org")
    if not _PROJECT.fullmatch(name):
        # The misspelling is AQS's.
        raise PydanticCustomError("aqs", "The parameter `project` contains invalid charaters.")
    return name


def _read_article(segment: str) -> str:
    try:
        return exact_article(decoded(segment))
    except PydanticCustomError as e:
        msg = "The parameter `article` {reason}."
        raise PydanticCustomError("aqs", msg, {"reason": e.message()}) from e


def _word(name: str, words: type[StrEnum]) -> Callable[[str], str]:
    allowed = ", ".join(sorted(words))

    def read(segment: str) -> str:
        if (word := decoded(segment)) in set(words):
            return word
        raise PydanticCustomError(
            "aqs",
            "{name} should be equal to one of the allowed values: [{allowed}]",
            {"name": name, "allowed": allowed},
        )

    return read


def _granularity(words: type[StrEnum]) -> Callable[[str], str]:
    def read(segment: str) -> str:
        if (word := decoded(segment).lower()) in set(words):
            return word
        raise PydanticCustomError("aqs", "Invalid granularity")

    return read


def _stamp(name: str) -> Callable[[str], str]:
    def read(segment: str) -> str:
        try:
            hour_of(decoded(segment))
        except ValueError:
            raise PydanticCustomError(
                "aqs",
                "{name} timestamp is invalid, must be a valid date in YYYYMMDD format",
                {"name": name},
            ) from None
        return decoded(segment)

    return read


AqsProject = Annotated[
    str,
    AfterValidator(_read_project),
    Field(description="A Wikimedia project, with or without `.org`.", examples=["en.wikipedia"]),
]
"""What may be a project's name, in AQS's form."""

AqsArticle = Annotated[
    str,
    AfterValidator(_read_article),
    Field(
        description="A title with underscores or spaces; a slash in it is `%2F`. Upper and lower "
        "case count.",
        examples=["HIV%2FAIDS"],
    ),
]

AqsAccess = Annotated[
    Access,
    BeforeValidator(_word("access", Access)),
    Field(description="How the page was reached.", examples=["all-access"]),
]

AqsAgent = Annotated[
    Agent,
    BeforeValidator(_word("agent", Agent)),
    Field(description="Who looked.", examples=["user"]),
]

AqsAccessSite = Annotated[
    AccessSite,
    BeforeValidator(lambda segment: _word("access-site", AccessSite)(segment.lower())),
    Field(description="Which of the project's sites was visited.", examples=["all-sites"]),
]

AqsArticleGranularity = Annotated[
    ArticleGranularity,
    BeforeValidator(_granularity(ArticleGranularity)),
    Field(description="What one item covers.", examples=["daily"]),
]

AqsTotalGranularity = Annotated[
    TotalGranularity,
    BeforeValidator(_granularity(TotalGranularity)),
    Field(description="What one item covers.", examples=["daily"]),
]

AqsDevicesGranularity = Annotated[
    DevicesGranularity,
    BeforeValidator(_granularity(DevicesGranularity)),
    Field(description="What one item covers.", examples=["daily"]),
]

AqsStart = Annotated[
    str,
    AfterValidator(_stamp("start")),
    Field(
        description="The first day, `YYYYMMDD` or `YYYYMMDDHH`; the hour counts, and is needed, "
        "where the granularity is `hourly`.",
        examples=["20250815"],
    ),
]

AqsEnd = Annotated[
    str,
    AfterValidator(_stamp("end")),
    Field(description="The last day, included; written as the first.", examples=["20250819"]),
]

AqsYear = Annotated[str, Field(description="`YYYY`", examples=["2015"])]

AqsMonth = Annotated[str, Field(description="`MM`; one digit will do.", examples=["10"])]

AqsDay = Annotated[str, Field(description="`DD`; one digit will do.", examples=["10"])]

AqsDayOrAll = Annotated[
    str, Field(description="`DD`, one digit will do; or `all-days`.", examples=["10"])
]

AqsCountry = Annotated[
    str,
    AfterValidator(decoded),
    Field(description="ISO 3166-1 alpha-2, in upper case.", examples=["FR"]),
]


def is_country(text: str) -> bool:
    """Tell whether this may be a country's code; AQS knows none in lower case."""
    return _COUNTRY.fullmatch(text) is not None


def hour_of(stamp: str) -> datetime:
    """Read ``YYYYMMDD`` or ``YYYYMMDDHH`` (UTC, naive).

    Raises
    ------
    ValueError
        It is neither, or not in the calendar.
    """
    match = _STAMP.fullmatch(stamp)
    if match is None:
        raise ValueError("is no stamp")
    year, month, day, hour = (int(part or 0) for part in match.groups())
    return datetime(year, month, day, hour)  # noqa: DTZ001  # all of AQS is UTC


def read_days(start: str, end: str) -> DateRange:
    """Read a range of days, of which hours are ignored.

    Raises
    ------
    InvalidParameterError
        ``start`` is after ``end``.
    """
    first, last = hour_of(start).date(), hour_of(end).date()
    if first > last:
        refuse("start", "start timestamp should be before the end timestamp")
    return DateRange(first, last)


def read_hours(start: str, end: str) -> tuple[datetime, datetime]:
    """Read a range of hours, both included.

    Raises
    ------
    InvalidParameterError
        One has no hour, or ``start`` is after ``end``.
    """
    for name, stamp in (("start", start), ("end", end)):
        if len(stamp) != len("YYYYMMDDHH"):
            refuse(name, f"{name} timestamp is invalid, must be a valid date in YYYYMMDDHH format")
    first, last = hour_of(start), hour_of(end)
    if first > last:
        refuse("start", "start timestamp should be before the end timestamp")
    return first, last


def read_month(year: str, month: str) -> Month:
    """Read a month; one digit will do.

    Raises
    ------
    InvalidParameterError
        It is none.
    """
    return Month(_read_date(year, month, "1", "Given year/month is invalid date"))


def read_day(year: str, month: str, day: str) -> date | Month:
    """Read a day, or a whole month where that is ``all-days``; one digit will do.

    Raises
    ------
    InvalidParameterError
        It is none.
    """
    if decoded(day) == "all-days":
        return read_month(year, month)
    return _read_date(year, month, day, "Given year/month/day is invalid date")


def _read_date(year: str, month: str, day: str, msg: str) -> date:
    year, month, day = decoded(year), decoded(month), decoded(day)
    if not (_YEAR.fullmatch(year) and all(map(_ONE_OR_TWO_DIGITS.fullmatch, (month, day)))):
        refuse("month", msg)
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        refuse("month", msg)


def refuse(name: str, msg: str) -> NoReturn:
    """Refuse a word of the path.

    Raises
    ------
    InvalidParameterError
        Always.
    """
    raise InvalidParameterError(FieldError(("path", name), msg))
