"""Ranges of UTC days: explicit, named, and in AQS's own stamps. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from pageviews_api.exceptions import InvalidDateRangeError

FIRST_DAY = date(2015, 7, 1)
"""The first day with pageviews in AQS (MusikAnimal/pageviews, ``pv_config.js``, ``minDate``)."""

ONE_DAY = timedelta(days=1)

_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_AQS_STAMP = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:[01][0-9]|2[0-3])?")
_ISO_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_LATEST = re.compile(r"latest-([1-9][0-9]{0,3})")

CALENDAR_RANGES = (
    "this-week",
    "last-week",
    "this-month",
    "last-month",
    "this-year",
    "last-year",
    "all-time",
)

RANGE_PATTERN = f"^(?:{_LATEST.pattern}|{'|'.join(CALENDAR_RANGES)})$"
"""What every range's name matches, and nothing else does."""


@dataclass(frozen=True, slots=True, order=True)
class DateRange:
    """Consecutive UTC days, ``start`` and ``end`` included.

    Raises
    ------
    InvalidDateRangeError
        ``start`` is after ``end``.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise InvalidDateRangeError("start", "is after end")

    def __len__(self) -> int:
        return (self.end - self.start).days + 1

    def __iter__(self) -> Iterator[date]:
        for offset in range(len(self)):
            yield self.start + timedelta(days=offset)

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end

    @classmethod
    def only(cls, day: date) -> "DateRange":
        """Build the range of one day."""
        return cls(day, day)

    @classmethod
    def spanning(cls, ranges: Iterable["DateRange"]) -> "DateRange":
        """Build the shortest range that holds all of these, of which there is at least one."""
        parts = list(ranges)
        return cls(min(part.start for part in parts), max(part.end for part in parts))

    @classmethod
    def ending(cls, end: date, *, days: int) -> "DateRange":
        """Build the range of so many days that ends with ``end``, cut at ``FIRST_DAY``."""
        return cls(max(FIRST_DAY, end - timedelta(days=days - 1)), end)


@dataclass(frozen=True, slots=True)
class NamedRange:
    """A range that moves with the data, such as ``latest-30``, ``this-month``, ``all-time``.

    Weeks are ISO weeks (Monday to Sunday). Use ``parse`` to build one from foreign text.
    """

    name: str

    @classmethod
    def parse(cls, text: str) -> "NamedRange":
        """Read a range's name.

        Raises
        ------
        InvalidDateRangeError
            There is no such name.
        """
        if text in CALENDAR_RANGES or _LATEST.fullmatch(text):
            return cls(text)
        names = ", ".join(CALENDAR_RANGES)
        raise InvalidDateRangeError("range", f"is none of latest-N (N from 1 to 9999), {names}")

    def resolve(self, *, today: date, complete_through: date) -> DateRange | None:
        """Tell the days that the name means now.

        Ranges that are still running (``latest-N``, ``this-…``, ``all-time``) end with
        ``complete_through``, the newest loaded day; finished ones (``last-…``) are whole even
        where their last days are not loaded yet. ``None`` means: no day of it is loaded yet.
        """
        if latest := _LATEST.fullmatch(self.name):
            if complete_through < FIRST_DAY:
                return None
            return DateRange.ending(complete_through, days=int(latest[1]))
        start, end = self._calendar_days(today)
        end = min(end, complete_through) if end >= today else end
        start = max(start, FIRST_DAY)
        return DateRange(start, end) if start <= end else None

    def _calendar_days(self, today: date) -> tuple[date, date]:
        if self.name == "all-time":
            return FIRST_DAY, today
        which, unit = self.name.split("-")
        start = _period_start(today, unit)
        if which == "this":
            return start, today
        return _period_start(start - ONE_DAY, unit), start - ONE_DAY


def _period_start(day: date, unit: str) -> date:
    match unit:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case _:
            return day.replace(month=1, day=1)


def month_end(day: date) -> date:
    """Tell the last day of the month that ``day`` is in."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - ONE_DAY


def parse_day(text: str) -> date:
    """Read a day: ``2016-12-31``, or AQS's stamps ``20161231`` and ``2016123100``.

    Raises
    ------
    ValueError
        The text is none of these, or no day of the calendar.
    """
    match = _ISO_DAY.fullmatch(text) or _AQS_STAMP.fullmatch(text)
    if match is None:
        raise ValueError("is not a date such as 2016-12-31")
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError as e:
        raise ValueError("is not a day of the calendar") from e


def parse_month(text: str) -> date:
    """Read a month (``2016-12``) as its first day.

    Raises
    ------
    ValueError
        The text is no such month.
    """
    match = _ISO_MONTH.fullmatch(text)
    if match is None or match[1] == "0000":
        raise ValueError("is not a month such as 2016-12")
    return date(int(match[1]), int(match[2]), 1)


def aqs_stamp(day: date) -> str:
    """Write a day as AQS's daily timestamp, ``YYYYMMDD00``."""
    return f"{day:%Y%m%d}00"


def check_asked_days(asked: DateRange, *, today: date) -> None:
    """Refuse days that cannot have views.

    Raises
    ------
    InvalidDateRangeError
        ``start`` is before ``FIRST_DAY`` or ``end`` after ``today``.
    """
    check_asked_day("start", asked.start, today=today)
    check_asked_day("end", asked.end, today=today)


def check_asked_day(field: str, day: date, *, today: date) -> None:
    """Refuse a day that cannot have views, naming the field it came in.

    Raises
    ------
    InvalidDateRangeError
        It is before ``FIRST_DAY`` or after ``today``.
    """
    if day < FIRST_DAY:
        raise InvalidDateRangeError(field, f"is before {FIRST_DAY}, when Wikimedia's data begin")
    if day > today:
        raise InvalidDateRangeError(field, f"is after today, {today} UTC")
