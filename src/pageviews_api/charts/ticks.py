"""What stands at the axes: round numbers, and days, months or years."""

from collections.abc import Iterator
from datetime import date

from pageviews_api.schemas.query import Granularity

_UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "k"))

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_MONTHS_IN_YEAR = 12

_DAY_STEPS = {
    Granularity.DAILY: (1, 2, 7, 14, 4),
    Granularity.WEEKLY: (7, 14),
    Granularity.MONTHLY: (),
}
"""Days from tick to tick, the liked first: those of weeks are Mondays; no month is cut."""

_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)

Tick = tuple[date, str]
"""A day, and what is written at it."""


def number_ticks(highest: int, *, most: int) -> list[int]:
    """Tell the round numbers from 0 to the first that is not below ``highest``.

    They are 1, 2 or 5 times a power of ten apart, in at most ``most`` steps (1 or more); there are
    at least two of them.
    """
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            steps = max(1, -(-highest // step))
            if steps <= most:
                return [step * number for number in range(steps + 1)]
        power *= 10


def short_number(number: int) -> str:
    """Write a round number in few letters: ``500``, ``1.5k``, ``2M``."""
    for unit, letter in _UNITS:
        if number >= unit:
            return f"{number / unit:g}{letter}"
    return str(number)


def day_ticks(first: date, last: date, granularity: Granularity, *, most: int) -> list[Tick]:
    """Tell days to be named, oldest first: at most ``most`` of them, evenly by the calendar.

    They are days, Mondays, or first days of months or years, as many as have room; two at the
    least where that can be. None from ``first`` to ``last`` may be one of these: then ``first`` is
    named.
    """
    if most < 1:
        return []
    found = [*_by_days(first, last, granularity), *_by_months(first, last)]
    found = [ticks for ticks in found if 0 < len(ticks) <= most]
    several = (ticks for ticks in found if ticks[1:])
    return next(several, None) or next(iter(found), [(first, first.isoformat())])


def _by_days(first: date, last: date, granularity: Granularity) -> Iterator[list[Tick]]:
    for step in _DAY_STEPS[granularity]:
        days = _every(step, first, last)
        yield [(day, f"{day.day} {_MONTHS[day.month - 1]}") for day in days]


def _by_months(first: date, last: date) -> Iterator[list[Tick]]:
    for step in _MONTH_STEPS:
        days = list(_months(step, first, last))
        yield [(day, _month_name(day, is_first=day == days[0])) for day in days]


def _every(step: int, first: date, last: date) -> Iterator[date]:
    # Day 1 of the calendar that Python counts by is a Monday.
    start = first.toordinal() + (1 - first.toordinal()) % step
    return map(date.fromordinal, range(start, last.toordinal() + 1, step))


def _months(step: int, first: date, last: date) -> Iterator[date]:
    number = first.year * _MONTHS_IN_YEAR + first.month - 1 + (first.day > 1)
    number += -number % step
    while (day := date(number // _MONTHS_IN_YEAR, number % _MONTHS_IN_YEAR + 1, 1)) <= last:
        yield day
        number += step


def _month_name(day: date, *, is_first: bool) -> str:
    if day.month == 1:
        return str(day.year)
    name = _MONTHS[day.month - 1]
    return f"{name} {day.year}" if is_first else name
