"""A range beside earlier days: which they are by the calendar, and the sums against pandas."""

from collections.abc import Sequence
from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, DateRange
from pageviews_api.schemas.points import DayPoint, DayStatus
from pageviews_api.schemas.query import Align, Compare, Granularity
from pageviews_api.schemas.sections import ComparedDay, ComparedPeriod, Comparison
from pageviews_api.series.comparison import compared, paired, range_of
from tests.support.pandas_oracle import PANDAS, START_DAYS, numbers, points, series, whole

WAYS = [(compare, align) for compare in Compare for align in Align]


def days(start: str, end: str) -> DateRange:
    """Build a range."""
    return DateRange(date.fromisoformat(start), date.fromisoformat(end))


STEPS = [
    # asked; compare, align; the days compared with
    (("2026-11-01", "2026-11-07"), "previous", "weekday", ("2026-10-25", "2026-10-31")),
    (("2026-11-01", "2026-11-08"), "previous", "weekday", ("2026-10-18", "2026-10-25")),
    (("2026-10-23", "2026-11-21"), "previous", "weekday", ("2026-09-18", "2026-10-17")),
    (("2026-10-23", "2026-11-21"), "previous", "date", ("2026-09-23", "2026-10-22")),
    (("2026-11-21", "2026-11-21"), "previous", "weekday", ("2026-11-14", "2026-11-14")),
    (("2026-11-21", "2026-11-21"), "previous", "date", ("2026-11-20", "2026-11-20")),
    (("2026-11-01", "2026-11-30"), "year", "weekday", ("2025-11-02", "2025-12-01")),
    (("2026-11-01", "2026-11-30"), "year", "date", ("2025-11-01", "2025-11-30")),
    (("2024-02-28", "2024-03-01"), "year", "date", ("2023-02-28", "2023-03-01")),
    (("2025-02-28", "2025-03-01"), "year", "date", ("2024-02-28", "2024-03-01")),
    (("2015-07-06", "2015-07-10"), "previous", "date", ("2015-07-01", "2015-07-05")),
    (("2015-07-06", "2015-07-10"), "previous", "weekday", ("2015-07-01", "2015-07-03")),
    (("2024-02-29", "2024-02-29"), "year", "date", None),
    (("2015-07-01", "2015-07-31"), "previous", "date", None),
    (("2016-06-01", "2016-06-28"), "year", "weekday", None),
]


@pytest.mark.parametrize(("asked", "compare", "align", "base"), STEPS)
def test_paired__range(
    asked: tuple[str, str], compare: Compare, align: Align, base: tuple[str, str] | None
) -> None:
    """The days compared with are those of the calendar, and none is before the data begin."""
    pairs = paired(days(*asked), Compare(compare), Align(align))

    assert range_of(pairs) == (days(*base) if base else None)


@pytest.mark.parametrize(("compare", "align"), WAYS)
@PANDAS
@given(start=START_DAYS, length=st.integers(1, 800))
def test_paired__against_pandas(compare: Compare, align: Align, start: date, length: int) -> None:
    """By weekday the weekday is kept, by date the step is pandas' own, and no day comes twice."""
    asked = DateRange(start, start + timedelta(days=length - 1))
    pairs = paired(asked, compare, align)

    assert len(set(pairs.values())) == len(pairs)
    expected = {}
    for day in pd.date_range(asked.start, asked.end):
        if (compare, align) == (Compare.YEAR, Align.DATE):
            back = day - pd.DateOffset(years=1)
            back = back if back.day == day.day else None
        elif align is Align.WEEKDAY:
            weeks = 52 if compare is Compare.YEAR else (length + 6) // 7
            back = day - pd.Timedelta(weeks=weeks)
            assert back.day_of_week == day.day_of_week
        else:
            back = day - pd.Timedelta(days=364 if compare is Compare.YEAR else length)
        if back is not None and back >= pd.Timestamp(FIRST_DAY):
            expected[day.date()] = back.date()
    assert pairs == expected


def test_paired__29_february() -> None:
    """A 29 February has no day in the year before, and is none's counterpart in the year after."""
    leap = paired(days("2024-02-28", "2024-03-01"), Compare.YEAR, Align.DATE)
    after = paired(days("2025-02-28", "2025-03-01"), Compare.YEAR, Align.DATE)

    assert list(leap) == [date(2024, 2, 28), date(2024, 3, 1)]
    assert date(2024, 2, 29) not in after.values()


def compare_by(
    current: Sequence[DayPoint],
    base: Sequence[DayPoint],
    pairs: dict[date, date],
    granularity: Granularity = Granularity.DAILY,
) -> Comparison:
    """Compare days; how they were paired is said elsewhere."""
    return compared(
        current, base, pairs, granularity, compare=Compare.PREVIOUS, align=Align.WEEKDAY
    )


@pytest.mark.parametrize(("compare", "align"), WAYS)
@PANDAS
@given(start=START_DAYS, current=numbers(1, 60), before=numbers(1, 90), offset=st.integers(0, 30))
def test_compared__against_pandas(
    *,
    compare: Compare,
    align: Align,
    start: date,
    current: list[int | None],
    before: list[int | None],
    offset: int,
) -> None:
    """Sums, counts and percent are those of pandas over the days of which both are known."""
    asked = DateRange(start, start + timedelta(days=len(current) - 1))
    pairs = paired(asked, compare, align)
    base_days = range_of(pairs)
    # What is told of the base begins anywhere, and may end too early.
    first = (base_days.start if base_days else start) + timedelta(days=offset - 15)
    now, then = points(start, current), points(first, before)

    told = compared(now, then, pairs, Granularity.DAILY, compare=compare, align=align)

    frame = pd.DataFrame({"now": series(now)})
    frame["then"] = [
        series(then).get(pd.Timestamp(pairs[day])) if day in pairs else None for day in asked
    ]
    both = frame.astype("float64").dropna()
    assert told.days_compared == len(both)
    assert told.current.total == whole(both.now.sum(min_count=1))
    assert told.previous.total == whole(both.then.sum(min_count=1))
    assert told.current.days_counted == told.previous.days_counted == len(both)
    assert told.current.days_in_range == told.previous.days_in_range == len(asked)
    if len(both):
        assert told.current.median == both.now.median()
        assert told.previous.average == pytest.approx(both.then.mean(), abs=0.0051)
        assert told.change == int(both.now.sum() - both.then.sum())
    if len(both) and both.then.sum():
        percent = 100 * (both.now.sum() - both.then.sum()) / both.then.sum()
        assert told.change_percent == pytest.approx(percent, abs=0.0051)
    else:
        assert told.change_percent is None
    assert told.complete is (len(both) == len(asked))


@pytest.mark.parametrize("granularity", [Granularity.WEEKLY, Granularity.MONTHLY])
@PANDAS
@given(start=START_DAYS, current=numbers(1, 70), before=numbers(70, 70))
def test_compared__periods_against_pandas(
    granularity: Granularity, start: date, current: list[int | None], before: list[int | None]
) -> None:
    """Each week or month has the sums of pandas over its own pairs, in the order of the items."""
    asked = DateRange(start, start + timedelta(days=len(current) - 1))
    pairs = {day: day - timedelta(days=70) for day in asked}
    now, then = points(start, current), points(start - timedelta(days=70), before)

    told = compare_by(now, then, pairs, granularity)

    frame = pd.DataFrame({"now": series(now)})
    frame["then"] = series(then).to_numpy()[: len(frame)]
    period = frame.index.to_period("W-SUN" if granularity is Granularity.WEEKLY else "M")
    groups = [part for _, part in frame.groupby(period)]
    assert len(told.items) == len(groups)
    for item, part in zip(told.items, groups, strict=True):
        assert isinstance(item, ComparedPeriod)
        both = part.dropna()
        assert (item.start, item.end) == (part.index[0].date(), part.index[-1].date())
        assert item.base_start == item.start - timedelta(days=70)
        assert item.base_end == item.end - timedelta(days=70)
        assert item.days_counted == len(both)
        assert item.views == whole(both.then.sum(min_count=1))
        assert item.current_views == whole(both.now.sum(min_count=1))


def test_compared__base_of_zeros() -> None:
    """From nothing to something is no percentage, but a change."""
    start = date(2026, 11, 1)
    pairs = {start: start - timedelta(days=7)}
    told = compare_by(points(start, [5]), points(start - timedelta(days=7), [0]), pairs)

    assert (told.change, told.change_percent) == (5, None)
    assert told.previous.total == 0
    assert told.complete


def test_compared__without_counterpart() -> None:
    """A day without a counterpart is in neither sum, and its item says so."""
    start = date(2015, 7, 8)
    pairs = {date(2015, 7, 8): date(2015, 7, 1)}
    told = compare_by(points(start, [5, 7]), points(date(2015, 7, 1), [4]), pairs)

    assert (told.current.total, told.previous.total, told.days_compared) == (5, 4, 1)
    assert told.change_percent == 25.0
    assert not told.complete
    assert told.items == [
        ComparedDay(
            date=date(2015, 7, 8), base_date=date(2015, 7, 1), views=4, status=DayStatus.OK
        ),
        ComparedDay(date=date(2015, 7, 9), base_date=None, views=None, status=None),
    ]


def test_compared__untold() -> None:
    """Where nothing of the base is told there is no number, and least of all a zero."""
    start = date(2026, 11, 1)
    pairs = {start: start - timedelta(days=7)}
    told = compare_by(points(start, [5]), [], pairs)

    assert told.previous.total is told.current.total is told.change is None
    assert told.change_percent is None
    assert told.items == [
        ComparedDay(
            date=start,
            base_date=start - timedelta(days=7),
            views=None,
            status=DayStatus.MISSING,
        )
    ]
