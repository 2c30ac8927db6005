"""Round numbers and days at the axes."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.charts.ticks import day_ticks, number_ticks, short_number
from pageviews_api.schemas.aqs import MAX_COUNT
from pageviews_api.schemas.query import Granularity

DAYS = st.dates(date(2015, 7, 1), date(2040, 12, 31))


@pytest.mark.parametrize(
    ("highest", "most", "numbers"),
    [
        (0, 4, [0, 1]),
        (1, 4, [0, 1]),
        (3, 4, [0, 1, 2, 3]),
        (5, 4, [0, 2, 4, 6]),
        (1950, 4, [0, 500, 1000, 1500, 2000]),
        (1950, 3, [0, 1000, 2000]),
        (2001, 1, [0, 5000]),
        (18_793_503, 4, [0, 5_000_000, 10_000_000, 15_000_000, 20_000_000]),
    ],
)
def test_number_ticks__round(highest: int, most: int, numbers: list[int]) -> None:
    """They are 1, 2 or 5 times a power of ten apart."""
    assert number_ticks(highest, most=most) == numbers


@given(st.integers(0, MAX_COUNT), st.integers(1, 30))
def test_number_ticks__any_number(highest: int, most: int) -> None:
    """They begin at zero, reach the highest number with the last of them, and are not too many."""
    numbers = number_ticks(highest, most=most)
    steps = {later - earlier for earlier, later in pairwise(numbers)}
    assert numbers[0] == 0
    assert numbers[-1] >= highest
    assert len(numbers) == 2 or numbers[-2] < highest
    assert 1 <= len(numbers) - 1 <= most
    (step,) = steps
    assert str(step).rstrip("0") in {"1", "2", "5"}


@given(st.integers(0, 10**14), st.integers(1, 30))
def test_short_number__any_tick(highest: int, most: int) -> None:
    """What is written at a tick is its exact number."""
    units = {"k": 10**3, "M": 10**6, "B": 10**9}
    for number in number_ticks(highest, most=most):
        text = short_number(number)
        digits, unit = (text[:-1], units[text[-1]]) if text[-1].isalpha() else (text, 1)
        assert round(float(digits) * unit) == number


def test_short_number__as_people_write_it() -> None:
    """A thousand is 1k, two millions are 2M."""
    written = [short_number(number) for number in (0, 999, 1000, 1500, 2 * 10**6, 10**9)]
    assert written == ["0", "999", "1k", "1.5k", "2M", "1B"]


@pytest.mark.parametrize(
    ("first", "last", "granularity", "most", "names"),
    [
        ("2016-12-29", "2016-12-31", "daily", 9, ["29 Dec", "30 Dec", "31 Dec"]),
        ("2016-12-20", "2017-01-01", "daily", 5, ["23 Dec", "27 Dec", "31 Dec"]),
        ("2016-12-20", "2017-01-01", "daily", 2, ["26 Dec"]),
        ("2016-12-02", "2016-12-31", "daily", 9, ["5 Dec", "12 Dec", "19 Dec", "26 Dec"]),
        ("2016-12-02", "2016-12-31", "weekly", 99, ["5 Dec", "12 Dec", "19 Dec", "26 Dec"]),
        ("2016-12-02", "2017-02-28", "daily", 4, ["2017", "Feb"]),
        (
            "2015-07-15",
            "2016-02-01",
            "monthly",
            9,
            ["Aug 2015", "Sep", "Oct", "Nov", "Dec", "2016", "Feb"],
        ),
        ("2015-07-01", "2016-12-31", "daily", 6, ["Jul 2015", "Oct", "2016", "Apr", "Jul", "Oct"]),
        ("2015-07-01", "2026-11-21", "daily", 6, ["2016", "2018", "2020", "2022", "2024", "2026"]),
        ("2015-07-15", "2015-07-31", "monthly", 9, ["2015-07-15"]),
        ("2015-07-01", "2026-11-21", "daily", 0, []),
    ],
)
def test_day_ticks__by_the_calendar(
    first: str, last: str, granularity: str, most: int, names: list[str]
) -> None:
    """Days, Mondays, months or years are named, the finest that has room."""
    ticks = day_ticks(
        date.fromisoformat(first), date.fromisoformat(last), Granularity(granularity), most=most
    )
    assert [name for _, name in ticks] == names


@given(DAYS, st.integers(0, 9000), st.sampled_from(Granularity), st.integers(0, 30))
def test_day_ticks__any_range(first: date, days: int, granularity: Granularity, most: int) -> None:
    """They lie in the range, are in order and not too many; where one has room, there is one."""
    last = first + timedelta(days=days)
    found = [day for day, _ in day_ticks(first, last, granularity, most=most)]
    assert all(first <= day <= last for day in found)
    assert found == sorted(set(found))
    assert min(1, most) <= len(found) <= most
