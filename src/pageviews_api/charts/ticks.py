"""What stands at the axes: round numbers, and days, months or years."""

from collections.abc import Iterator
from datetime import date

from pageviews_api.schemas.query import Granularity

_UNITS = ((10**9, "B"), (10**6, "M"), (10**3, "k"))

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_MONTHS_IN_YEAR = 12

_DAY_STEPS = {
    Granularity.DAILY: (1, 2, 7, 14),
    Granularity.WEEKLY: (7, 14),
    Granularity.MONTHLY: (),
}
"""Days from tick to tick: those of weeks are Mondays, and a month is not ticked inside."""

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

    Every day or second day, Mondays, or first days of months; the finest that has room. Of the
    days from ``first`` to ``last`` none may be one of these: then it is ``first`` that is named.
    """
    if most < 1:
        return []
    for step in _DAY_STEPS[granularity]:
        days = list(_every(step, first, last))
        if 0 < len(days) <= most:
            return [(day, f"{day.day} {_MONTHS[day.month - 1]}") for day in days]
    for step in _MONTH_STEPS:
        days = list(_months(step, first, last))
        if 0 < len(days) <= most:
            return [(day, _month_name(day, is_first=day == days[0])) for day in days]
    return [(first, first.isoformat())]


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
