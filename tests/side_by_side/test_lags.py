"""Lags: each step against pandas, and the verdict against many made-up series."""

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.side_by_side.lags import (
    FARTHEST,
    LEAST_APART,
    LEAST_CORRELATION,
    LEAST_DAYS,
    NONE_AHEAD,
    NONE_HIGH,
    STILL,
    TOO_FEW_PAIRS,
    Lags,
    compare,
    rank_correlation,
    without_weekdays,
)
from tests.support.pandas_oracle import PANDAS, START_DAYS, numbers, points, series

DAY = date(2026, 3, 2)

SEEDS = range(200)

RARELY = 0.05
"""How often a lag may be claimed where there is none, or not found where there is one."""

WEEK = (0.0, 0.1, 0.1, 0.05, -0.1, -0.6, -0.5)
"""What weekdays add to the logarithm of a page's views."""

Logs = list[float]


def daily(values: Sequence[float], start: date = DAY) -> dict[date, int]:
    """Give consecutive days these numbers of views."""
    return {start + timedelta(days=n): round(value) for n, value in enumerate(values)}


def counted(logs: Logs, level: float = 1000) -> dict[date, int]:
    """Give days whose weekdays differ, around some level."""
    return daily([level * math.exp(log + WEEK[n % 7]) for n, log in enumerate(logs)])


def seeded(seed: object) -> Random:
    """Give random numbers that are the same each time."""
    return Random(str(seed))  # noqa: S311  # nothing is kept secret by them


def noise(random: Random, length: int, size: float = 0.3) -> Logs:
    """Draw days that have nothing to do with each other."""
    return [random.gauss(0, size) for _ in range(length)]


def persistent(random: Random, length: int, memory: float, size: float = 0.3) -> Logs:
    """Draw days that resemble the day before (AR(1)), none of them more than others."""
    log, logs = random.gauss(0, size), []
    for _ in range(length):
        log = memory * log + random.gauss(0, size * math.sqrt(1 - memory**2))
        logs.append(log)
    return logs


def wandering(random: Random, length: int) -> Logs:
    """Draw a random walk."""
    log, logs = 0.0, []
    for _ in range(length):
        log += random.gauss(0, 0.05)
        logs.append(log)
    return logs


def rising(random: Random, length: int) -> Logs:
    """Draw days that are ever more, with noise."""
    return [n / length + random.gauss(0, 0.2) for n in range(length)]


def waving(random: Random, length: int) -> Logs:
    """Draw slow waves of some period, with a little noise."""
    period, phase = random.uniform(20, 90), random.uniform(0, math.tau)
    waves = [0.5 * math.sin(math.tau * n / period + phase) for n in range(length)]
    return [wave + random.gauss(0, 0.05) for wave in waves]


def bursting(random: Random, length: int) -> Logs:
    """Draw noise, and a few events that fade."""
    logs = noise(random, length, 0.1)
    for _ in range(max(1, length // 30)):
        begin, half = random.randrange(length), random.uniform(1, 4)
        size = random.expovariate(0.5)
        for n in range(begin, length):
            logs[n] += size * math.exp(-(n - begin) / half)
    return logs


KINDS: dict[str, Callable[[Random, int], Logs]] = {
    "noise": noise,
    "a little persistent": lambda random, length: persistent(random, length, 0.5),
    "persistent": lambda random, length: persistent(random, length, 0.8),
    "very persistent": lambda random, length: persistent(random, length, 0.95),
    "wandering": wandering,
    "rising": rising,
    "waving": waving,
    "bursting": bursting,
}


def sparse(random: Random, length: int, busy: int) -> dict[date, int]:
    """Draw days of which only some have any views."""
    days = random.sample(range(length), busy)
    return daily([random.randint(1, 50) if n in days else 0 for n in range(length)])


def share_of(claimed: Sequence[bool]) -> float:
    """Tell which share is true."""
    return sum(claimed) / len(claimed)


@PANDAS
@given(
    pairs=st.lists(
        st.tuples(st.integers(-5, 5) | st.floats(-9, 9), st.integers(-5, 5)), min_size=2
    ).filter(lambda pairs: all(len(set(side)) > 1 for side in zip(*pairs, strict=True)))
)
def test_rank_correlation__against_pandas(pairs: list[tuple[float, float]]) -> None:
    """It is the correlation of pandas' average ranks."""
    ranks = pd.DataFrame(pairs).rank()
    assert rank_correlation(pairs) == pytest.approx(ranks[0].corr(ranks[1]), abs=1e-12)


def test_rank_correlation__constant() -> None:
    """Of a side that does not change nothing can be told."""
    assert rank_correlation([(1, 2), (1, 3)]) is None
    assert rank_correlation([(1, 3), (2, 3)]) is None


@PANDAS
@given(start=START_DAYS, views=numbers(1, 80))
def test_without_weekdays__against_pandas(start: date, views: list[int | None]) -> None:
    """It is the logarithm less pandas' median of each weekday, over the known days."""
    days = points(start, views)
    told = without_weekdays({one.date: one.views for one in days if one.views is not None})

    logs = series(days).dropna().map(math.log1p)
    weekdays = pd.DatetimeIndex(logs.index).day_of_week
    expected = logs - logs.groupby(weekdays).transform("median")
    assert list(told) == [day.date() for day in pd.DatetimeIndex(logs.index)]
    assert list(told.values()) == pytest.approx(list(expected), abs=1e-8)


def test_without_weekdays__equal_stays_equal() -> None:
    """Days that are as far from what their weekday usually has are equal to the last bit."""
    # 2^n - 1: the logarithms of what is one more are multiples of each other's, but for bits.
    levels = [2 ** (n % 7 + 3 + n // 7 % 2) - 1 for n in range(56)]
    assert len(set(without_weekdays(daily(levels)).values())) == 2


@PANDAS
@given(
    start=START_DAYS,
    first=numbers(70, 110),
    second=numbers(70, 110),
    offset=st.integers(-5, 5),
)
def test_compare__against_pandas(
    start: date, first: list[int | None], second: list[int | None], offset: int
) -> None:
    """Each lag's pairs and correlation are those of pandas' shifted series."""
    one, other = points(start, first), points(start + timedelta(days=offset), second)
    told = compare(
        {day.date: day.views for day in one if day.views is not None},
        {day.date: day.views for day in other if day.views is not None},
    )

    left, right = residuals(series(one)), residuals(series(other))
    enough = len(pd.concat([left, right], axis=1, join="inner")) >= LEAST_DAYS
    assert [value.lag for value in told.correlations] == list(range(-7, 8))
    for value in told.correlations:
        later = right.copy()
        later.index = later.index - pd.Timedelta(days=value.lag)
        both = pd.concat([left, later], axis=1, join="inner")
        assert value.pairs == len(both)
        expected = float("nan")
        if enough and len(both) >= LEAST_DAYS - FARTHEST - 1:
            ranks = both.rank()
            expected = ranks[0].corr(ranks[1])
        if pd.isna(expected):
            assert value.value is None
        else:
            assert value.value == pytest.approx(expected, abs=1e-6)


def residuals(numbers: "pd.Series[float]") -> "pd.Series[float]":
    """Give pandas' logarithms less the median of each weekday; ties are ties."""
    logs = numbers.dropna().map(math.log1p)
    usual = logs.groupby(pd.DatetimeIndex(logs.index).day_of_week).transform("median")
    return (logs - usual).round(9)


@pytest.mark.parametrize("length", [LEAST_DAYS, 90])
@pytest.mark.parametrize("kind", KINDS)
def test_compare__independent(kind: str, length: int) -> None:
    """Of series that know nothing of each other, hardly any pair has a lag."""
    draw = KINDS[kind]
    claimed = [
        compare(
            counted(draw(seeded(f"site {seed}"), length)),
            counted(draw(seeded(f"article {seed}"), length), level=90),
        ).lag
        is not None
        for seed in SEEDS
    ]
    assert share_of(claimed) < RARELY


@pytest.mark.parametrize("busy", [2, 4, 8, 14])
def test_compare__independent_and_sparse(busy: int) -> None:
    """That a few busy days are a few days apart is no lag."""
    claimed = [
        compare(
            sparse(seeded(f"site {seed}"), 90, busy), sparse(seeded(f"article {seed}"), 90, busy)
        ).lag
        is not None
        for seed in SEEDS
    ]
    assert share_of(claimed) < RARELY


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("length", [LEAST_DAYS, 90, 365])
def test_compare__shifted_copy(length: int, memory: float) -> None:
    """Of a series and a later or earlier copy, both with noise, the right lag is told."""
    seeds = SEEDS if length < 100 else SEEDS[:60]
    found = []
    for seed in seeds:
        random = seeded(seed)
        lag = random.randint(-FARTHEST, FARTHEST)
        logs = persistent(random, length + 2 * FARTHEST, memory)
        # A copy of what is more like itself a day later must be a better one to be told by it.
        size = 0.03 if memory > 0.5 else 0.1
        site = logs[FARTHEST : FARTHEST + length]
        article = logs[FARTHEST - lag : FARTHEST - lag + length]
        told = compare(
            counted([log + random.gauss(0, size) for log in site]),
            counted([log + random.gauss(0, size) for log in article], level=90_000),
        )
        assert told.lag in {lag, None}
        found.append(told.lag == lag)
    assert share_of(found) > 1 - RARELY


@pytest.mark.parametrize("lag", [-7, -1, 0, 3, 7])
def test_compare__sign(lag: int) -> None:
    """The lag is positive where the second is later, and each value has the lag that it says."""
    logs = noise(seeded(1), 110)
    told = compare(counted(logs[10:100]), counted(logs[10 - lag : 100 - lag]))
    assert (told.lag, told.reason) == (lag, None)
    (best,) = (value for value in told.correlations if value.lag == lag)
    assert best.value == max(value.value or 0 for value in told.correlations)
    assert best.pairs == 90 - abs(lag)


def test_compare__weekdays_only() -> None:
    """Series that share their weekdays and nothing else have no lag."""
    steady = daily([100 * math.exp(WEEK[n % 7]) for n in range(91)])
    exact = compare(steady, steady)
    assert (exact.lag, exact.reason) == (None, STILL)
    assert {value.value for value in exact.correlations} == {None}
    week = [3 * more for more in WEEK]
    claimed = [
        compare(
            daily([100 * math.exp(week[n % 7] + random.gauss(0, 0.1)) for n in range(90)]),
            daily([900 * math.exp(week[n % 7] + random.gauss(0, 0.1)) for n in range(90)]),
        ).lag
        is not None
        for random in map(seeded, SEEDS)
    ]
    assert share_of(claimed) < RARELY


def shifted(length: int, lag: int = 3, *, unknown: Sequence[int] = ()) -> Lags:
    """Compare a series with its copy, of which some days are unknown."""
    logs = noise(seeded(2), length + 20)
    article = counted(logs[10 - lag : 10 - lag + length])
    for day in unknown:
        del article[DAY + timedelta(days=day)]
    return compare(counted(logs[10 : 10 + length]), article)


def test_compare__days_known_of_both() -> None:
    """With 56 known days there is a lag, with 55 there is none and no correlation either."""
    assert shifted(LEAST_DAYS).lag == 3
    for told in (shifted(LEAST_DAYS - 1), shifted(LEAST_DAYS, unknown=[20])):
        assert told.lag is None
        assert told.reason == "Too few days are known of both: 55, and 56 are needed."
        assert {value.value for value in told.correlations} == {None}
        assert len(told.correlations) == 15
    assert shifted(LEAST_DAYS + 1, unknown=[20]).lag == 3
    assert compare({}, {}).reason == "Too few days are known of both: 0, and 56 are needed."


def test_compare__too_few_pairs_at_a_lag() -> None:
    """Where unknown days leave too little of one lag, none is said to be ahead of it."""
    even = {day: views for day, views in shifted_views().items() if day.toordinal() % 2}
    told = compare(even, even)
    assert told.correlations[FARTHEST].pairs >= LEAST_DAYS
    assert (told.correlations[FARTHEST + 1].pairs, told.correlations[FARTHEST + 1].value) == (
        0,
        None,
    )
    assert (told.lag, told.reason) == (None, TOO_FEW_PAIRS)


def shifted_views() -> dict[date, int]:
    """Give some days that differ."""
    return counted(noise(seeded(3), 130))


def test_compare__few_days_stand_out() -> None:
    """A few events, however high, tell no lag; one more day that differs, and they do."""
    days = [9 * n + n * n % 5 for n in range(LEAST_APART)]
    for count, lag in ((LEAST_APART - 1, None), (LEAST_APART, 2)):
        site = daily([100 + 50 * (n in days[:count]) for n in range(90)])
        article = daily([100 + 50 * (n - 2 in days[:count]) for n in range(90)])
        told = compare(site, article)
        assert (told.lag, told.reason) == (lag, None if lag else STILL)


def test_compare__weak() -> None:
    """However certain, a correlation of 0.3 at the most is not worth a lag."""
    random = seeded(4)
    logs = noise(random, 400)
    site = counted([log + random.gauss(0, 0.95) for log in logs])
    told = compare(site, counted(logs))
    best = max(value.value or 0 for value in told.correlations)
    assert 0.2 < best <= LEAST_CORRELATION
    assert (told.lag, told.reason) == (None, NONE_HIGH.format(least=LEAST_CORRELATION))


def test_compare__opposite() -> None:
    """That one falls whenever the other rises is no lag."""
    logs = noise(seeded(5), 90)
    told = compare(counted(logs), counted([-log for log in logs]))
    assert min(value.value or 0 for value in told.correlations) < -0.9
    assert (told.lag, told.reason) == (None, NONE_HIGH.format(least=LEAST_CORRELATION))


def test_compare__common_trend() -> None:
    """Where both rise all the time every lag is as good as the others."""
    for site, article in (
        (daily([1000 + 10 * n for n in range(90)]), daily([2000 + 7 * n for n in range(90)])),
        (daily([1000 * 1.01**n for n in range(90)]), daily([2000 * 1.02**n for n in range(90)])),
    ):
        told = compare(site, article)
        assert max(value.value or 0 for value in told.correlations) > 0.99
        assert (told.lag, told.reason) == (None, NONE_AHEAD)


@pytest.mark.parametrize("lag", [-8, 8])
def test_compare__beyond(lag: int) -> None:
    """The last of the lags is not taken for the right one where that is a day farther."""
    logs = persistent(seeded(6), 420, 0.8)
    told = compare(counted(logs[10:400]), counted(logs[10 - lag : 400 - lag]))
    edge = told.correlations[-1] if lag > 0 else told.correlations[0]
    assert edge.value == max(value.value or 0 for value in told.correlations)
    assert (told.lag, told.reason) == (None, NONE_AHEAD)


def test_compare__neighbours_alike() -> None:
    """Where the day beside is nearly as good, none of the two is told."""
    logs = persistent(seeded(7), 100, 0.5)
    between = [(one + other) / 2 for one, other in pairwise(logs[:91])]
    told = compare(counted(logs[:90]), counted(between))
    assert {value.lag for value in told.correlations if (value.value or 0) > 0.6} == {-1, 0}
    assert (told.lag, told.reason) == (None, NONE_AHEAD)
