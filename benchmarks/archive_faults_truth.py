"""What AQS has in the simulation, at every moment: a pure function of a seed.

Nothing of the product is used here, for the judge believes it.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

PROJECT = "en.wikipedia"

WITNESS = "Main_Page"
"""The article whose days come first; the others' come up to 90 minutes later."""

NAMED = ("AC/DC", "Hapax_legomenon")
"""The articles that are archived by name. The second one has days without any view."""

LISTED = ("Cat", "Dog", "Горностай", "星野源")
"""The articles of which the top list names some each day."""

TOP = 2
"""How many titles of the list are archived."""

TOTAL = None
"""Stands for a title where the project's total is meant."""

PAST = timedelta(days=100)
"""For how long before the first day there are data, all loaded when it begins: a clock that is 45
days behind asks for the 30 days before."""

FUTURE = timedelta(days=60)
"""For how long after the last day there are, so that the simulation may end later."""

LATE = 0.12
"""The part of the days that are loaded up to three days late."""

LOST = 0.01
"""The part of the days that are never loaded."""

RESTATED = 0.1
"""The part of the days whose numbers change within three weeks after they are loaded."""

ONE_DAY = timedelta(days=1)

Title = str | None


class Step(NamedTuple):
    """From when on AQS has a number for a day; None: nobody looked."""

    since: datetime
    views: int | None


@dataclass(frozen=True, slots=True)
class _Day:
    """A day: when it comes for each series and what is in it then, when and how it changes.

    It never comes where that is None.
    """

    came: dict[Title, datetime | None]
    views: dict[Title, int | None]
    restated: tuple[datetime, float] | None
    list_came: datetime | None
    titles: tuple[str, ...]


class Truth:
    """What AQS has from 100 days before ``start`` to 60 days after the ``days`` that follow."""

    def __init__(self, seed: int, *, start: date, days: int) -> None:
        self.seed = seed
        self.start = start
        self.first_day = start - PAST
        self.last_day = start + timedelta(days=days) + FUTURE
        self._days = {
            day: _make_day(seed, day, long_ago=day < start)
            for day in _each(self.first_day, self.last_day)
        }

    def came(self, title: Title, day: date) -> datetime | None:
        """Tell when a day is loaded for a series; None if it never is."""
        known = self._days.get(day)
        return known.came.get(title) if known else None

    def steps(self, title: Title, day: date) -> list[Step]:
        """Tell all that AQS ever says of a day, oldest first; empty if it is never loaded."""
        known, came = self._days.get(day), self.came(title, day)
        if known is None or came is None:
            return []
        views = known.views[title]
        steps = [Step(came, views)]
        if known.restated and views:
            since, factor = known.restated
            steps.append(Step(max(since, came), int(views * factor) + 1))
        return steps

    def views(self, title: Title, days: Iterable[date], at: datetime) -> dict[date, int]:
        """Tell what AQS says of some days at a moment; of others it says nothing."""
        said: dict[date, int] = {}
        for day in days:
            there = [step.views for step in self.steps(title, day) if step.since <= at]
            if there and there[-1] is not None:
                said[day] = there[-1]
        return said

    def list_came(self, day: date) -> datetime | None:
        """Tell when a day's top list is there; None if it never is."""
        known = self._days.get(day)
        return known.list_came if known else None

    def titles(self, day: date) -> tuple[str, ...]:
        """Tell the titles of a day's top list, whether or not it is there already."""
        known = self._days.get(day)
        return known.titles if known else ()

    def top(self, day: date) -> list[tuple[int, str, int]]:
        """Tell its rows: rank, title, views."""
        titles = enumerate(self.titles(day), start=1)
        return [(rank, title, 9_000 - rank) for rank, title in titles]


def midnight(day: date) -> datetime:
    """Tell when a day begins."""
    return datetime.combine(day, time(), UTC)


def seeded(*words: object) -> random.Random:
    """Draw repeatably: the same words give the same numbers."""
    return random.Random("/".join(map(str, words)))  # noqa: S311  # repeatable, not secret


def _each(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))


def _make_day(seed: int, day: date, *, long_ago: bool) -> _Day:
    draw = seeded(seed, "day", day)
    hours = draw.uniform(10, 72) if draw.random() < LATE else draw.uniform(1, 9)
    came: datetime | None = midnight(day + ONE_DAY) + timedelta(hours=hours)
    list_came = midnight(day + ONE_DAY) + timedelta(hours=hours + draw.uniform(0, 3))
    if draw.random() < LATE:
        list_came += timedelta(hours=draw.uniform(10, 72))
    list_is_lost = draw.random() < LOST
    if long_ago:
        came = list_came = midnight(day + ONE_DAY)
    elif draw.random() < LOST:
        came = None
    series: tuple[Title, ...] = (TOTAL, WITNESS, *NAMED, *LISTED)
    after = {title: timedelta(hours=draw.uniform(0, 1.5)) for title in series}
    after[WITNESS] = timedelta(0)
    views: dict[Title, int | None] = {title: draw.randint(1_000, 9_000) for title in series}
    views[NAMED[1]] = draw.choice((None, None, 0, 1, 2, 3))
    views[TOTAL] = draw.randint(10**8, 2 * 10**8)
    restated = None
    if came is not None and draw.random() < RESTATED:
        restated = (came + timedelta(days=draw.uniform(0.1, 20)), draw.uniform(0.5, 1.5))
    return _Day(
        came={title: came and came + delay for title, delay in after.items()},
        views=views,
        restated=restated,
        list_came=None if list_is_lost and not long_ago else list_came,
        titles=tuple(draw.sample(LISTED, 3)),
    )
