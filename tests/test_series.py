"""Totals and months out of days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.schemas.pageviews import DayPoint, DayStatus, Extreme, MonthPoint, Summary
from pageviews_api.series import by_month, summarise

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
            MonthPoint(
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
    assert by_month(points(days)) == expected


@pytest.mark.parametrize(
    ("first", "length"), [(date(2024, 2, 1), 29), (date(2023, 2, 1), 28), (date(2026, 12, 1), 31)]
)
def test_by_month__whole_month(first: date, length: int) -> None:
    """A month is whole when each of its days is counted, and partial when one is not."""
    (whole,) = by_month(points("3 " * length, first))
    assert (whole.partial, whole.views, whole.days_in_period) == (False, 3 * length, length)
    (partial,) = by_month(points("h " + "3 " * (length - 1), first))
    assert (partial.partial, partial.days_counted) == (True, length - 1)


words = st.one_of(st.integers(0, 10**9).map(str), st.sampled_from(sorted(UNKNOWN)))


@given(days=st.lists(words, max_size=200).map(" ".join))
def test_by_month__any_days(days: str) -> None:
    """Months cover the range without a gap, and add up to its total where nothing is missing."""
    listed = points(days)
    months = by_month(listed)
    assert [month.start for month in months][1:] == [
        month.end + timedelta(days=1) for month in months[:-1]
    ]
    assert sum(month.days_counted for month in months) == summarise(listed).days_counted
    if "m" not in days:
        assert sum(month.views or 0 for month in months) == (summarise(listed).total or 0)
