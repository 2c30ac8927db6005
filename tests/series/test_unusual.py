"""Unusual days: medians and scores against pandas, and the floors under them."""

import math
from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, DateRange
from pageviews_api.schemas.query import Access
from pageviews_api.schemas.sections import AccessShare, Direction
from pageviews_api.series.parts import ACCESSES
from pageviews_api.series.unusual import (
    Surroundings,
    known_views,
    mark,
    unusual_days,
    weeks_before,
)
from tests.support.pandas_oracle import PANDAS, START_DAYS, numbers, points, series

DAY = date(2026, 11, 20)


def weekly(*views: int | None, day: date = DAY) -> dict[date, int]:
    """Give the numbers of one weekday, the newest last."""
    dates = [day - timedelta(weeks=back) for back in reversed(range(len(views)))]
    return {one: count for one, count in zip(dates, views, strict=True) if count is not None}


@PANDAS
@given(start=START_DAYS, views=numbers(1, 120), asked=st.integers(0, 60))
def test_mark__against_pandas(start: date, views: list[int | None], asked: int) -> None:
    """Median, deviation, score and verdict are those of pandas' rolling windows by weekday."""
    days = points(start, views)
    told = mark([point.date for point in days[asked:]], known_views(days))

    numbers = series(days)
    judged = 0
    marked: dict[date, tuple[float, float, float]] = {}
    for weekday in range(7):
        same = numbers[numbers.index.day_of_week == weekday]
        before = same.shift(1).rolling(8, min_periods=4)
        median = before.median()
        deviation = before.apply(lambda window: (window - window.median()).abs().median())
        noise = median.pow(0.5).clip(lower=1)
        scale = pd.concat([1.4826 * deviation, noise], axis=1).max(axis=1, skipna=False)
        score = ((same - median) / scale)[
            same.index >= pd.Timestamp(start) + pd.Timedelta(days=asked)
        ]
        judged += int(score.notna().sum())
        far = score[score.abs() >= 3.5]
        marked |= {
            day.date(): (value, median[day], before.count()[day]) for day, value in far.items()
        }
    assert told.judged == judged
    assert told.judged + told.not_judged == max(len(days) - asked, 0)
    assert [one.date for one in told.days] == sorted(marked)
    for one in told.days:
        score, median, weeks = marked[one.date]
        assert one.score == pytest.approx(score)
        assert (one.expected, one.weeks_used) == (median, weeks)


def test_mark__too_few_weeks() -> None:
    """With three known weeks a day is not judged, with four it is."""
    three = mark([DAY], weekly(None, 5, None, 5, None, 5, None, None, 900))
    four = mark([DAY], weekly(5, 5, None, 5, None, 5, None, None, 900))

    assert (three.days, three.judged, three.not_judged) == ((), 0, 1)
    assert (four.judged, four.not_judged) == (1, 0)
    (marked,) = four.days
    assert (marked.weeks_used, marked.expected) == (4, 5)


def test_mark__older_weeks_are_not_used() -> None:
    """What was nine weeks ago says nothing."""
    told = mark([DAY], weekly(5, *[None] * 5, 5, 5, 5, 900))

    assert (told.days, told.not_judged) == ((), 1)


def test_mark__other_weekdays_are_not_used() -> None:
    """A Sunday is judged by Sundays: that it has half of Saturday's views is usual."""
    views = {DAY - timedelta(days=back): 1000 if back % 7 else 500 for back in range(80)}

    assert mark([DAY], views).days == ()
    assert mark([DAY - timedelta(days=1)], views).days == ()


@pytest.mark.parametrize(
    ("usual", "views", "marked"),
    [
        (0, 3, False),  # one view is one, even where there are usually none
        (0, 4, True),
        (1, 4, False),
        (100, 134, False),  # the root of 100 is 10
        (100, 135, True),
        (100, 66, False),
        (100, 65, True),
        (10_000, 10_349, False),
        (10_000, 10_350, True),
    ],
)
def test_mark__steady_weeks(usual: int, views: int, *, marked: bool) -> None:
    """Where all weeks are equal, the noise of counting is the scale."""
    told = mark([DAY], weekly(*[usual] * 8, views))

    assert bool(told.days) is marked


def test_mark__own_number_and_earlier_outliers() -> None:
    """One wild week before does not hide a wild day: the median does not mind."""
    (marked,) = mark([DAY], weekly(100, 104, 96, 9000, 98, 102, 100, 100, 400)).days

    assert marked.expected == 100
    assert marked.score == pytest.approx(300 / max(1.4826 * 2, 10))


def test_mark__down() -> None:
    """A day that is far below is marked, too, with a negative score."""
    marks = mark([DAY], weekly(*[900] * 8, 300))
    (item,) = unusual_days(marks, Surroundings()).items

    assert item.direction is Direction.DOWN
    assert item.score == round((300 - 900) / math.sqrt(900), 2)


def test_weeks_before__first_days() -> None:
    """The weeks before are not looked for where there are no data."""
    assert weeks_before(DateRange.only(FIRST_DAY)) is None
    second = FIRST_DAY + timedelta(days=1)
    assert weeks_before(DateRange.only(second)) == DateRange.only(FIRST_DAY)
    assert weeks_before(DateRange.only(DAY)) == DateRange(
        DAY - timedelta(days=56), DAY - timedelta(days=1)
    )


def test_evidence__project_and_access() -> None:
    """The project is held against its own weekdays, each access against its usual share."""
    marks = mark([DAY], weekly(*[100] * 8, 400))
    by_access = {
        Access.DESKTOP: weekly(*[50] * 8, 350),
        Access.MOBILE_WEB: weekly(*[40] * 8, 40),
        Access.MOBILE_APP: weekly(*[10] * 8, 10),
    }
    project = weekly(*[1000] * 8, 1250)
    (item,) = unusual_days(marks, Surroundings(project, by_access)).items

    assert item.evidence.project_change_percent == 25.0
    assert item.evidence.access == [
        AccessShare(access=Access.DESKTOP, share=87.5, usual_share=50.0),
        AccessShare(access=Access.MOBILE_WEB, share=10.0, usual_share=40.0),
        AccessShare(access=Access.MOBILE_APP, share=2.5, usual_share=10.0),
    ]


def test_evidence__unknown() -> None:
    """What is not known is null: no day of the project, three weeks of it, a part untold."""
    marks = mark([DAY], weekly(*[100] * 8, 400))
    untold = Surroundings(weekly(*[1000] * 8, None), {access: {} for access in ACCESSES})
    short = Surroundings(weekly(1000, 1000, 1000, 1250), None)

    for surroundings in (Surroundings(), untold, short):
        (item,) = unusual_days(marks, surroundings).items
        assert item.evidence.project_change_percent is None
        assert item.evidence.access is None


def test_evidence__usual_share_unknown() -> None:
    """A day's own shares are told where those of the weeks before are not known."""
    marks = mark([DAY], weekly(*[100] * 8, 400))
    by_access = {access: {DAY: 1} for access in ACCESSES}
    (item,) = unusual_days(marks, Surroundings(None, by_access)).items

    assert item.evidence.access is not None
    assert {(one.share, one.usual_share) for one in item.evidence.access} == {(33.33, None)}
