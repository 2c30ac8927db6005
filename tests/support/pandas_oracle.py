"""Series as pandas holds them: what our own sums are held against."""

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st

from pageviews_api.schemas.points import DayPoint, DayStatus

PANDAS = settings(max_examples=60)
"""For tests that ask pandas, which takes its time."""

UNKNOWN = (DayStatus.NOT_LOADED, DayStatus.HOLE, DayStatus.MISSING)

START_DAYS = st.dates(date(2015, 7, 1), date(2026, 6, 1))

_views = st.one_of(
    st.none(),
    st.just(0),
    st.integers(0, 30),
    st.integers(0, 10_000_000),
)

_mostly_known = st.one_of(st.integers(0, 40), st.integers(100, 120), st.none())


def numbers(least: int, most: int) -> st.SearchStrategy[list[int | None]]:
    """Draw consecutive numbers, some of them unknown or 0."""
    return st.one_of(
        st.lists(_views, min_size=least, max_size=most),
        st.lists(_mostly_known, min_size=least, max_size=most),
    )


def points(start: date, views: Sequence[int | None]) -> list[DayPoint]:
    """Build consecutive days of numbers, unknown ones for changing reasons."""
    return [_point(start + timedelta(days=n), count, n) for n, count in enumerate(views)]


def _point(day: date, count: int | None, number: int) -> DayPoint:
    if count is None:
        return DayPoint(date=day, views=None, status=UNKNOWN[number % len(UNKNOWN)])
    return DayPoint(date=day, views=count, status=DayStatus.OK if count else DayStatus.ZERO)


def series(days: Sequence[DayPoint]) -> "pd.Series[float]":
    """Give days as pandas has them: an index of dates, NaN where nothing is known."""
    index = pd.DatetimeIndex([point.date for point in days])
    return pd.Series([point.views for point in days], index=index, dtype="float64")


def whole(number: float) -> int | None:
    """Give a sum of pandas as ours: an integer, or None for NaN."""
    return None if pd.isna(number) else int(number)
