"""Which archives are due, which are lacking, and which days each covers. Pure."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from pageviews_api.daterange import ONE_DAY, DateRange

CATCH_UP_DAYS = 30
"""How far back a missed day is made up for."""


def days_due(
    held: Mapping[date, bool], *, first: date | None, today: date, today_due: bool
) -> list[date]:
    """Tell which days want archiving, newest first.

    ``held`` tells for each archived day of the last 30 whether nothing can be added to it;
    ``first`` is the first day ever archived. Due are the days of the last 30 that are missing or
    incomplete, from ``first`` on (a new archive does not begin in the past), and ``today`` if its
    time has come.
    """
    due = [today] if today_due and not held.get(today) else []
    if first is not None:
        past = (today - timedelta(days=back) for back in range(1, CATCH_UP_DAYS + 1))
        due += [day for day in past if day >= first and not held.get(day)]
    return due


def window_of(day: date, *, length: int) -> DateRange:
    """Tell the days that the archive of ``day`` covers: so many before it."""
    return DateRange.ending(day - ONE_DAY, days=length)


def gaps(archived: Collection[date], *, since: date, until: date) -> list[DateRange]:
    """Tell the days that have no archive, oldest first; consecutive ones are one range."""
    found: list[DateRange] = []
    day = since
    while day <= until:
        start = day
        while day <= until and day not in archived:
            day += ONE_DAY
        if start < day:
            found.append(DateRange(start, day - ONE_DAY))
        day += ONE_DAY
    return found
