"""Ranges of days: what names mean, what texts are days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.daterange import (
    CALENDAR_RANGES,
    FIRST_DAY,
    DateRange,
    NamedRange,
    aqs_stamp,
    check_asked_days,
    month_end,
    parse_day,
    parse_month,
)
from pageviews_api.exceptions import InvalidDateRangeError

days = st.dates(FIRST_DAY, date(2099, 12, 31))


def spell(days: DateRange | None) -> str | None:
    """Write a range as its ends."""
    return None if days is None else f"{days.start}..{days.end}"


RANGES = [
    # name, today, newest loaded day, meaning
    ("latest-1", "2026-11-22", "2026-11-21", "2026-11-21..2026-11-21"),
    ("latest-30", "2026-11-22", "2026-11-21", "2026-10-23..2026-11-21"),
    ("latest-30", "2026-11-22", "2026-11-19", "2026-10-21..2026-11-19"),
    ("latest-366", "2024-03-01", "2024-02-29", "2023-03-01..2024-02-29"),
    ("latest-9999", "2026-11-22", "2026-11-21", "2015-07-01..2026-11-21"),
    ("latest-2", "2015-07-02", "2015-07-01", "2015-07-01..2015-07-01"),
    ("latest-2", "2015-07-01", "2015-06-30", None),
    # a Sunday, the Monday after it, the Tuesday
    ("this-week", "2026-11-22", "2026-11-21", "2026-11-16..2026-11-21"),
    ("this-week", "2026-11-23", "2026-11-22", None),
    ("this-week", "2026-11-24", "2026-11-23", "2026-11-23..2026-11-23"),
    ("this-week", "2026-11-24", "2026-11-22", None),
    ("last-week", "2026-11-22", "2026-11-21", "2026-11-09..2026-11-15"),
    ("last-week", "2026-11-23", "2026-11-21", "2026-11-16..2026-11-22"),
    # ISO weeks over new year: 2021-01-01 is a Friday of week 53, 2024-12-30 a Monday of week 1
    ("this-week", "2021-01-01", "2020-12-31", "2020-12-28..2020-12-31"),
    ("last-week", "2021-01-01", "2020-12-31", "2020-12-21..2020-12-27"),
    ("last-week", "2021-01-04", "2021-01-03", "2020-12-28..2021-01-03"),
    ("this-week", "2025-01-01", "2024-12-31", "2024-12-30..2024-12-31"),
    # months, with the first and the last day of one, and February
    ("this-month", "2026-11-22", "2026-11-21", "2026-11-01..2026-11-21"),
    ("this-month", "2026-12-01", "2026-11-30", None),
    ("this-month", "2026-12-02", "2026-11-30", None),
    ("this-month", "2026-12-02", "2026-12-01", "2026-12-01..2026-12-01"),
    ("this-month", "2026-11-30", "2026-11-29", "2026-11-01..2026-11-29"),
    ("last-month", "2026-12-01", "2026-11-29", "2026-11-01..2026-11-30"),
    ("last-month", "2026-03-31", "2026-03-30", "2026-02-01..2026-02-28"),
    ("last-month", "2024-03-31", "2024-03-30", "2024-02-01..2024-02-29"),
    ("last-month", "2026-01-15", "2026-01-14", "2025-12-01..2025-12-31"),
    # years
    ("this-year", "2026-11-22", "2026-11-21", "2026-01-01..2026-11-21"),
    ("this-year", "2026-01-01", "2025-12-31", None),
    ("last-year", "2026-01-01", "2025-12-31", "2025-01-01..2025-12-31"),
    ("last-year", "2016-05-05", "2016-05-04", "2015-07-01..2015-12-31"),
    ("last-year", "2015-08-01", "2015-07-31", None),
    ("all-time", "2026-11-22", "2026-11-20", "2015-07-01..2026-11-20"),
    ("all-time", "2015-07-01", "2015-06-30", None),
]


@pytest.mark.parametrize(("name", "today", "newest", "meaning"), RANGES)
def test_named_range__resolved(name: str, today: str, newest: str, meaning: str | None) -> None:
    """Each name means these days; None where no day of it is loaded yet."""
    resolved = NamedRange.parse(name).resolve(
        today=date.fromisoformat(today), complete_through=date.fromisoformat(newest)
    )
    assert spell(resolved) == meaning


def test_named_range__table_is_complete() -> None:
    """The table above has every name."""
    assert {name for name, *_ in RANGES if "latest" not in name} == set(CALENDAR_RANGES)


@given(
    name=st.one_of(st.sampled_from(CALENDAR_RANGES), st.integers(1, 9999).map("latest-{}".format)),
    today=days,
    behind=st.integers(1, 40),
)
def test_named_range__any_day(name: str, today: date, behind: int) -> None:
    """No name means a day before the first or one to come; running ones end with what is loaded."""
    newest = today - timedelta(days=behind)
    resolved = NamedRange.parse(name).resolve(today=today, complete_through=newest)
    if resolved is not None:
        assert FIRST_DAY <= resolved.start <= resolved.end < today
        assert name.startswith("last-") or resolved.end <= newest


@pytest.mark.parametrize(
    "text",
    [
        *("", "latest", "latest-", "latest-0", "latest-10000", "latest-01", "latest--1"),
        *("latest-1_0", "latest-٣", "latest-1.0", " latest-30", "latest-30\n", "LATEST-30"),
        *("next-week", "this-day", "last-7", "all", "this_week", "30"),
    ],
)
def test_named_range__unknown(text: str) -> None:
    """Other texts are no range, and the parameter is named."""
    with pytest.raises(InvalidDateRangeError) as raised:
        NamedRange.parse(text)
    assert raised.value.errors[0].loc == ("query", "range")


@given(start=days, length=st.integers(1, 800))
def test_range__any(start: date, length: int) -> None:
    """A range has both its ends and every day between, once and in order."""
    span = DateRange(start, start + timedelta(days=length - 1))
    listed = list(span)
    assert listed == sorted(set(listed))
    assert (listed[0], listed[-1], len(listed)) == (span.start, span.end, len(span))
    assert all(day in span for day in listed)
    assert span.start - timedelta(days=1) not in span
    assert span.end + timedelta(days=1) not in span


def test_range__start_after_end() -> None:
    """A range that ends before it starts is refused, by its start."""
    with pytest.raises(InvalidDateRangeError) as raised:
        DateRange(date(2026, 11, 22), date(2026, 11, 21))
    assert raised.value.errors[0].loc == ("query", "start")


@given(end=days, length=st.integers(1, 9999))
def test_range__ending(end: date, length: int) -> None:
    """So many days that end with a day begin at the first day at the earliest."""
    span = DateRange.ending(end, days=length)
    assert (span.end, len(span)) == (end, min(length, (end - FIRST_DAY).days + 1))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2016-12-31", date(2016, 12, 31)),
        ("20161231", date(2016, 12, 31)),
        ("2016123100", date(2016, 12, 31)),
        ("2016123123", date(2016, 12, 31)),
        ("2024-02-29", date(2024, 2, 29)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
    ],
)
def test_parse_day__accepted(text: str, day: date) -> None:
    """ISO dates and AQS's stamps, with the hour or without, are days."""
    assert parse_day(text) == day


@pytest.mark.parametrize(
    "text",
    [
        *("", "today", "2016", "201612", "2016-12", "2016-1-1", "16-12-31", "31.12.2016"),
        *("2016/12/31", "2016-1231", "201612-31", "2016-12-31T00:00", "2016-12-31Z"),
        *("2016123124", "2016123199", "201612310", "20161231000", "2016-12-3100"),
        *(" 2016-12-31", "2016-12-31 ", "2016-12-31\n", "+2016-12-31", "-2016-12-31"),
        *("２０１６-12-31", "٢٠١٦-12-31", "2016-W52-6", "2016−12−31"),  # noqa: RUF001  # digits and a minus that look alike are the point
        *("2026-02-30", "2023-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "0000-01-01"),
        *("20260230", "0000010100", "2026139900"),
    ],
)
def test_parse_day__refused(text: str) -> None:
    """What is written otherwise, or is on no calendar, is refused in words for the caller."""
    with pytest.raises(ValueError, match=r"^is not a (date such as 2016-12-31|day of the cal)"):
        parse_day(text)


@given(text=st.text(max_size=12))
def test_parse_day__any_text(text: str) -> None:
    """A text that is accepted is the day in one of the three spellings."""
    try:
        day = parse_day(text)
    except ValueError:
        return
    spellings = {day.isoformat(), day.isoformat().replace("-", "")}
    assert text in spellings or text[:8] in spellings


@given(day=days)
def test_parse_day__round_trip(day: date) -> None:
    """A day that is written as an AQS stamp, or as an ISO date, is read as that day."""
    assert parse_day(aqs_stamp(day)) == parse_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "text",
    ["", "2016", "2016-13", "2016-00", "0000-01", "2016-1", "201612", "2016-12-01", "٢٠١٦-12"],
)
def test_parse_month__refused(text: str) -> None:
    """What is no month of the calendar, written ``2016-12``, is refused."""
    with pytest.raises(ValueError, match=r"^is not a month such as 2016-12$"):
        parse_month(text)


@given(day=days)
def test_month__of_a_day(day: date) -> None:
    """A month is named by its first day, and ends the day before the next one."""
    first = parse_month(f"{day:%Y-%m}")
    last = month_end(day)
    assert first == day.replace(day=1)
    assert (last.year, last.month) == (day.year, day.month)
    assert (last + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("2015-07-01", "2026-11-22", None),
        ("2026-11-22", "2026-11-22", None),
        ("2015-06-30", "2026-11-22", "start"),
        ("2015-07-01", "2026-11-23", "end"),
        ("2026-11-23", "2026-11-23", "start"),
        ("2015-06-30", "2026-11-23", "start"),
    ],
)
def test_asked_days__outside(start: str, end: str, field: str | None) -> None:
    """Days before the first, or after today, are refused by the field they came in."""
    asked = DateRange(date.fromisoformat(start), date.fromisoformat(end))
    if field is None:
        check_asked_days(asked, today=date(2026, 11, 22))
    else:
        with pytest.raises(InvalidDateRangeError) as raised:
            check_asked_days(asked, today=date(2026, 11, 22))
        assert raised.value.errors[0].loc == ("query", field)
