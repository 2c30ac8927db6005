"""Totals, weeks and months out of days."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, DateRange
from pageviews_api.schemas.pageviews import DayPoint, DayStatus, Extreme, PeriodPoint, Summary
from pageviews_api.schemas.query import Granularity
from pageviews_api.series import by_period, summarise

START = date(2026, 1, 30)

UNKNOWN = {"n": DayStatus.NOT_LOADED, "h": DayStatus.HOLE, "m": DayStatus.MISSING}


def points(days: str, start: date = START) -> list[DayPoint]:
    """Build consecutive days: a number, or n(ot loaded), h(ole), m(issing)."""
    return [
        _point(start + timedelta(days=offset), word) for offset, word in enumerate(days.split())
    ]


def _point(day: date, word: str) -> DayPoint:
    if word in UNKNOWN:
        return DayPoint(date=day, views=None, status=UNKNOWN[word])
    return DayPoint(
        date=day, views=int(word), status=DayStatus.OK if word != "0" else DayStatus.ZERO
    )


def weeks(points: list[DayPoint]) -> list[PeriodPoint]:
    """Add up days by week."""
    return periods(points, Granularity.WEEKLY)


def periods(points: list[DayPoint], granularity: Granularity) -> list[PeriodPoint]:
    """Add up days by week or month."""
    added_up = by_period(points, granularity)
    listed = [period for period in added_up if isinstance(period, PeriodPoint)]
    assert len(listed) == len(added_up)
    return listed


def monthly(days: list[DayPoint]) -> list[PeriodPoint]:
    """Add up the days of each month."""
    return periods(days, Granularity.MONTHLY)


def extreme(offset: int, views: int) -> Extreme:
    """Build an extreme by its place in the range."""
    return Extreme(date=START + timedelta(days=offset), views=views)


SUMMARIES = [
    # days; total, average, median, minimum, maximum, counted, complete
    ("", None, None, None, None, None, 0, False),
    ("n", None, None, None, None, None, 0, False),
    ("m h n", None, None, None, None, None, 0, False),
    ("0", 0, 0.0, 0, (0, 0), (0, 0), 1, True),
    ("5", 5, 5.0, 5, (0, 5), (0, 5), 1, True),
    ("1 2", 3, 1.5, 1.5, (0, 1), (1, 2), 2, True),
    ("1 1 2", 4, 1.33, 1, (0, 1), (2, 2), 3, True),
    ("7 0 9 0 9", 25, 5.0, 7, (1, 0), (2, 9), 5, True),
    ("3 n", 3, 3.0, 3, (0, 3), (0, 3), 1, False),
    ("m 4 h 6", 10, 5.0, 5.0, (1, 4), (3, 6), 2, False),
    (
        "9007199254740991 9007199254740991",
        2**54 - 2,
        float(2**53 - 1),
        2**53 - 1,
        (0, 2**53 - 1),
        (0, 2**53 - 1),
        2,
        True,
    ),
]


@pytest.mark.parametrize(
    ("days", "total", "average", "median", "minimum", "maximum", "counted", "complete"), SUMMARIES
)
def test_summarise__table(  # the columns of the table
    *,
    days: str,
    total: int | None,
    average: float | None,
    median: float | None,
    minimum: tuple[int, int] | None,
    maximum: tuple[int, int] | None,
    counted: int,
    complete: bool,
) -> None:
    """Only known days are added up; the first day wins a tie; nothing known is no number."""
    assert summarise(points(days)) == Summary(
        total=total,
        average=average,
        median=median,
        minimum=extreme(*minimum) if minimum else None,
        maximum=extreme(*maximum) if maximum else None,
        days_counted=counted,
        days_in_range=len(days.split()),
        complete=complete,
    )


MONTHS = [
    # days from 2026-01-30 on; for each month: days, views, counted, per day
    ("1 2", [(2, 3, 2, 1.5)]),
    ("1 2 4 0", [(2, 3, 2, 1.5), (2, 4, 2, 2.0)]),
    ("1 n", [(2, 1, 1, 1.0)]),
    ("1 h 5", [(2, 1, 1, 1.0), (1, 5, 1, 5.0)]),
    ("1 m 5", [(2, None, 1, None), (1, 5, 1, 5.0)]),
    ("m m m", [(2, None, 0, None), (1, None, 0, None)]),
    ("1 2 n n", [(2, 3, 2, 1.5), (2, None, 0, None)]),
    ("0 0 1 1 0", [(2, 0, 2, 0.0), (3, 2, 3, 0.67)]),
    ("", []),
]


@pytest.mark.parametrize(("days", "months"), MONTHS)
def test_by_month__table(
    days: str, months: list[tuple[int, int | None, int, float | None]]
) -> None:
    """Each month adds up its known days, and has no sum where a day is missing or none is known."""
    expected, at = [], START
    for length, views, counted, per_day in months:
        end = at + timedelta(days=length - 1)
        expected.append(
            PeriodPoint(
                start=at,
                end=end,
                views=views,
                days_counted=counted,
                days_in_period={1: 31, 2: 28}[at.month],
                partial=True,
                per_day=per_day,
            )
        )
        at = end + timedelta(days=1)
    assert monthly(points(days)) == expected


@pytest.mark.parametrize(
    ("first", "length"), [(date(2024, 2, 1), 29), (date(2023, 2, 1), 28), (date(2026, 12, 1), 31)]
)
def test_by_month__whole_month(first: date, length: int) -> None:
    """A month is whole when each of its days is counted, and partial when one is not."""
    (whole,) = monthly(points("3 " * length, first))
    assert (whole.partial, whole.views, whole.days_in_period) == (False, 3 * length, length)
    (partial,) = monthly(points("h " + "3 " * (length - 1), first))
    assert (partial.partial, partial.days_counted) == (True, length - 1)


def test_by_period__daily() -> None:
    """By day, the days come as they are."""
    listed = points("1 n 0 m")
    assert by_period(listed, Granularity.DAILY) == listed


WEEKS = [
    # days from Friday, 2026-01-30 on; for each week: days, views, counted, partial, per day
    ("1", [(1, 1, 1, True, 1.0)]),
    ("1 2 4", [(3, 7, 3, True, 2.33)]),
    ("1 2 4 5", [(3, 7, 3, True, 2.33), (1, 5, 1, True, 5.0)]),
    ("1 1 1 3 3 3 3 3 3 3", [(3, 3, 3, True, 1.0), (7, 21, 7, False, 3.0)]),
    ("1 1 1 3 3 3 h 3 3 3", [(3, 3, 3, True, 1.0), (7, 18, 6, True, 3.0)]),
    ("1 1 1 3 3 3 m 3 3 3", [(3, 3, 3, True, 1.0), (7, None, 6, True, None)]),
    ("m 1 1 3 0 n n", [(3, None, 2, True, None), (4, 3, 2, True, 1.5)]),
    ("1 1 1 n n", [(3, 3, 3, True, 1.0), (2, None, 0, True, None)]),
    ("", []),
]


@pytest.mark.parametrize(("days", "expected"), WEEKS)
def test_by_period__weekly(
    days: str, expected: list[tuple[int, int | None, int, bool, float | None]]
) -> None:
    """A week is whole when each of its seven days is counted, and has no sum if one is missing."""
    told = weeks(points(days))
    figures = [(week.views, week.days_counted, week.partial, week.per_day) for week in told]
    assert figures == [row[1:] for row in expected]
    assert [len(DateRange(week.start, week.end)) for week in told] == [row[0] for row in expected]
    assert {week.days_in_period for week in told} <= {7}


def test_by_period__week_across_new_year() -> None:
    """The week from Monday, 2026-12-28 to Sunday, 2027-01-03 is one, though two years share it."""
    before, across, after = weeks(points("1 " * 9, date(2026, 12, 27)))
    assert (before.start, before.end) == (date(2026, 12, 27), date(2026, 12, 27))
    assert (across.start, across.end) == (date(2026, 12, 28), date(2027, 1, 3))
    assert [week.partial for week in (before, across, after)] == [True, False, True]
    assert across.views == 7
    assert (after.start, after.views) == (date(2027, 1, 4), 1)


def test_by_period__first_week_of_the_data() -> None:
    """The data begin on a Wednesday: their first week has five days and is partial."""
    first, second = weeks(points("2 " * 12, FIRST_DAY))
    assert (first.start, first.end) == (date(2015, 7, 1), date(2015, 7, 5))
    assert (first.views, first.days_counted, first.days_in_period) == (10, 5, 7)
    assert (first.partial, second.partial) == (True, False)


words = st.one_of(st.integers(0, 10**9).map(str), st.sampled_from(sorted(UNKNOWN)))


@given(days=st.lists(words, max_size=200).map(" ".join))
def test_by_month__any_days(days: str) -> None:
    """Months cover the range without a gap, and add up to its total where nothing is missing."""
    listed = points(days)
    months = monthly(listed)
    assert [month.start for month in months][1:] == [
        month.end + timedelta(days=1) for month in months[:-1]
    ]
    assert sum(month.days_counted for month in months) == summarise(listed).days_counted
    if "m" not in days:
        assert sum(month.views or 0 for month in months) == (summarise(listed).total or 0)


any_start = st.dates(FIRST_DAY, date(2040, 1, 1))


@given(days=st.lists(words, max_size=800).map(" ".join), start=any_start)
def test_by_period__any_weeks(days: str, start: date) -> None:
    """Weeks part the days as ``date.isocalendar`` does; only Monday to Sunday can be whole."""
    listed = points(days, start)
    told = weeks(listed)
    parts = [DateRange(week.start, week.end) for week in told]
    assert [day for part in parts for day in part] == [point.date for point in listed]
    for part in parts:
        assert len({day.isocalendar()[:2] for day in part}) == 1
    for one, next_one in pairwise(parts):
        assert one.end.isocalendar()[:2] != next_one.start.isocalendar()[:2]
    for week in told:
        weekdays = (week.start.isoweekday(), week.end.isoweekday())
        assert week.partial or weekdays == (1, 7)


@given(
    days=st.lists(words, max_size=800).map(" ".join),
    start=any_start,
    granularity=st.sampled_from([Granularity.WEEKLY, Granularity.MONTHLY]),
)
def test_by_period__adds_up(days: str, start: date, granularity: Granularity) -> None:
    """The parts add up to the summary's total, less the known days of parts that miss a day."""
    listed = points(days, start)
    told, whole = periods(listed, granularity), summarise(listed)
    untold = sum(
        point.views or 0
        for point in listed
        for part in told
        if part.views is None and part.start <= point.date <= part.end
    )
    assert sum(part.views or 0 for part in told) + untold == (whole.total or 0)
    assert sum(part.days_counted for part in told) == whole.days_counted
