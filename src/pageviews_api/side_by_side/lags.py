"""By how many days one series follows another. Pure.

What was decided, and by which numbers: ``docs/decisions/0020-side-by-side.md``.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist, StatisticsError, correlation, median

FARTHEST = 7
"""Days of the longest lag that is told, either way."""

LEAST_DAYS = 56
"""Days that must be known of both: eight weeks, so that each weekday has a median of eight."""

LEAST_CORRELATION = 0.3
"""What the best lag's must exceed, however many days there are: below it the ranks of one side
tell less than a tenth of the other's variance."""

LEVEL = 0.05
"""How often chance alone may put one lag so far ahead of another."""

FULL = 0.99
"""From which correlation on one is as good as another: two trends without noise reach it, too."""

LEAST_APART = 8
"""Days that must differ from the most common value, without their weekdays, on each side: any two
single days are some days apart, and say nothing."""

_BEYOND = FARTHEST + 1
"""The best of the told lags must also be ahead of the next ones, or it may be a slope's edge."""

_LEAST_PAIRS = LEAST_DAYS - _BEYOND
"""Pairs that ``LEAST_DAYS`` days without a gap have at the longest lag."""

_OF_RANKS = 1.06
"""By this the variance of Fisher's z of a rank correlation is larger than 1 / (pairs - 3): Fieller,
Hartley and Pearson, Tests for Rank Correlation Coefficients, Biometrika 44 (1957)."""

_AHEAD = NormalDist().inv_cdf(1 - LEVEL)
"""Standard errors by which one lag is ahead of another by chance that rarely."""

TOO_FEW = "Too few days are known of both: {days}, and {least} are needed."
TOO_FEW_PAIRS = "So many days are unknown that some lags have too few pairs of days."
STILL = "Without the weekdays one of the two hardly changes: too few days stand out."
NONE_HIGH = "No lag has a correlation above {least}."
NONE_AHEAD = "No lag is clearly ahead of all others, the next ones beyond 7 days included."

Views = Mapping[date, int]
"""The known numbers of a series."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """How alike the ranks of two series are, if the second is taken ``lag`` days later.

    ``pairs`` are the days that this is told by; ``value`` is None where they do not suffice.
    """

    lag: int
    value: float | None
    pairs: int

    @property
    def z(self) -> float:
        """Fisher's z of it, which is spread evenly whatever the value is; 0 if there is none."""
        return math.atanh(max(-FULL, min(self.value or 0.0, FULL)))

    @property
    def variance(self) -> float:
        """The variance of ``z`` where every day stands for itself."""
        return _OF_RANKS / (self.pairs - 3)


@dataclass(frozen=True, slots=True)
class Lags:
    """The correlation at each lag from -7 to 7, and the one that is clearly ahead, or why none."""

    correlations: tuple[Correlation, ...]
    lag: int | None
    reason: str | None


def compare(first: Views, second: Views) -> Lags:
    """Tell by how many days ``second`` follows ``first``; negative where it goes before."""
    common = len(first.keys() & second.keys())
    enough = common >= LEAST_DAYS
    one, other = without_weekdays(first), without_weekdays(second)
    lags = range(-_BEYOND, _BEYOND + 1)
    every = [_correlation(one, other, lag, enough=enough) for lag in lags]
    told = tuple(every[1:-1])
    if not enough:
        return Lags(told, None, TOO_FEW.format(days=common, least=LEAST_DAYS))
    if any(_is_still(series.values()) for series in (one, other)):
        return Lags(told, None, STILL)
    return Lags(told, *_clearly_ahead(every))


def without_weekdays(views: Views) -> dict[date, float]:
    """Tell how far each day is from the median of its weekday, as a logarithm.

    So it is relative: a Sunday that has half of its usual views is as far off as a Monday that has
    half of its own, and one wild day does not move what is usual.
    """
    weekdays = defaultdict(list)
    for day, count in views.items():
        weekdays[day.weekday()].append(math.log1p(count))
    usual = {weekday: median(logs) for weekday, logs in weekdays.items()}
    # What is equal must not be ordered by the last bits, which differ by weekday.
    return {day: round(math.log1p(count) - usual[day.weekday()], 9) for day, count in views.items()}


def _is_still(values: Collection[float]) -> bool:
    ((_, most),) = Counter(values).most_common(1)
    return len(values) - most < LEAST_APART


def _correlation(
    one: Mapping[date, float], other: Mapping[date, float], lag: int, *, enough: bool
) -> Correlation:
    later = timedelta(days=lag)
    pairs = [(value, other[day + later]) for day, value in one.items() if day + later in other]
    told = enough and len(pairs) >= _LEAST_PAIRS
    return Correlation(lag, rank_correlation(pairs) if told else None, len(pairs))


def rank_correlation(pairs: Iterable[tuple[float, float]]) -> float | None:
    """Tell Spearman's; equal values share the mean of their ranks. None if a side is constant."""
    one, other = zip(*pairs, strict=True)
    try:
        return correlation(_ranks(one), _ranks(other))
    except StatisticsError:
        return None


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [
        (bisect_left(ordered, value) + bisect_right(ordered, value) + 1) / 2 for value in values
    ]


def _clearly_ahead(every: Sequence[Correlation]) -> tuple[int | None, str | None]:
    """Tell the one of the told lags that is ahead of all others, or why there is none."""
    if any(one.pairs < _LEAST_PAIRS for one in every):
        return None, TOO_FEW_PAIRS
    if any(one.value is None for one in every):
        return None, STILL
    best = max(every[1:-1], key=lambda one: one.value or 0.0)
    if (best.value or 0.0) <= LEAST_CORRELATION:
        return None, NONE_HIGH.format(least=LEAST_CORRELATION)
    if not all(_is_ahead(best, one) for one in every if one is not best):
        return None, NONE_AHEAD
    return best.lag, None


def _is_ahead(best: Correlation, other: Correlation) -> bool:
    """Tell whether the difference is more than chance makes, as if the two were independent.

    Where a series resembles itself a day later, neighbours rise and fall together, and their
    difference varies by less than this: it asks too much rather than too little.
    """
    return best.z - other.z > _AHEAD * math.sqrt(best.variance + other.variance)
