"""Which archives are due, and which days each covers: no store and no network."""

from datetime import date, timedelta

import pytest

from pageviews_api.archive.due import days_due, window_of
from pageviews_api.daterange import FIRST_DAY

TODAY = date(2026, 11, 22)


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


@pytest.mark.parametrize(
    ("held", "first", "today_due", "due"),
    [
        pytest.param({}, None, True, [0], id="an empty store gets today's only"),
        pytest.param({}, None, False, [], id="and that not before its time"),
        pytest.param({0: True}, 0, True, [], id="a complete one is left alone"),
        pytest.param({0: False}, 0, True, [0], id="an incomplete one is not"),
        pytest.param({2: True}, 2, True, [0, 1], id="missed days, newest first"),
        pytest.param({2: True}, 2, False, [1], id="missed days do not wait for today's time"),
        pytest.param({0: True, 2: True}, 2, True, [1], id="a gap behind the newest"),
        pytest.param({1: True, 5: False}, 5, True, [0, 2, 3, 4, 5], id="incomplete ones of before"),
        pytest.param({}, 400, True, list(range(31)), id="at most 30 days back"),
    ],
)
def test_days_due__by_what_is_held(
    held: dict[int, bool], first: int | None, today_due: bool, due: list[int]
) -> None:
    """Due are today and what is missing or incomplete of the last 30 days, newest first (F1)."""
    days = days_due(
        {ago(back): complete for back, complete in held.items()},
        first=None if first is None else ago(first),
        today=TODAY,
        today_due=today_due,
    )

    assert days == [ago(back) for back in due]


@pytest.mark.parametrize("day", [date(2028, 1, 1), date(2028, 2, 29), date(2028, 12, 31)])
def test_window_of__any_day(day: date) -> None:
    """An archive covers the 30 days before its day, that day not included."""
    window = window_of(day, length=30)

    assert len(window) == 30
    assert window.end == day - timedelta(days=1)


@pytest.mark.parametrize("length", [1, 30, 366])
def test_window_of__length(length: int) -> None:
    """It covers as many days as the operator says, and ends with the day before."""
    window = window_of(TODAY, length=length)

    assert (len(window), window.end) == (length, ago(1))


def test_window_of__when_the_data_begin() -> None:
    """In July 2015 it covers fewer days: Wikimedia's data begin then."""
    window = window_of(date(2015, 7, 11), length=30)

    assert (window.start, len(window)) == (FIRST_DAY, 10)
