"""What clients ask in 30 simulated days: who, when, for which days. Repeatable from a seed."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from pageviews_api.daterange import ONE_DAY, DateRange, NamedRange
from pageviews_api.schemas.query import Access, Agent, Series
from tests.support.simulated_aqs import History, Interval, Troubles, usual_history

START = datetime(2026, 6, 1, tzinfo=UTC)
"""When the simulation begins: midnight of a Monday."""

DAYS = 30

PAST_DAYS = 730
"""How far back anybody asks, from ``START`` on."""

PROJECTS = ("en.wikipedia", "de.wikipedia", "fr.wikipedia", "ja.wikipedia", "es.wikipedia")

WITNESS = Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "Main_Page")

ARTICLES = 500

RARE = 10
"""Every so many-th article has days without a view."""

MOVING = 0.5
"""The part of the requests whose range moves with the data."""

LATEST = (7, 14, 28, 30, 60, 90, 180, 365, 730)
"""Lengths of the ranges that move with the data."""

BUSY_HOURS = (3, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 5, 5, 4)
"""How requests spread over the hours of a day, UTC."""

OUTAGE = timedelta(hours=3)

STORM = timedelta(minutes=30)

RESTATED = 0.2
"""The part of the days on which something is restated."""

LOST_DAYS = 2
"""Days before the start that no article has; and days that one project lacks."""


class ClientRequest(NamedTuple):
    """One question of one client. ``at`` is in seconds since ``START``."""

    at: float
    series: Series
    days: DateRange | NamedRange


@dataclass(frozen=True, slots=True)
class Workload:
    """How many requests, for how many articles, in which access and agents."""

    name: str
    count: int
    access: tuple[Access, ...] = (Access.ALL_ACCESS,)
    agents: tuple[Agent, ...] = (Agent.USER,)
    articles: int = ARTICLES
    days: int = DAYS

    def requests(self, seed: int) -> Iterator[ClientRequest]:
        """Tell the requests, oldest first; the same for the same seed."""
        rng = random.Random(f"{seed}/{self.name}")  # noqa: S311  # a model, no secret
        titles = article_names(self.articles)
        zipf = list(itertools.accumulate(1 / rank for rank in range(1, self.articles + 1)))
        hours = list(itertools.accumulate(BUSY_HOURS))
        moments = sorted(
            86_400.0 * rng.randrange(self.days) + 3_600.0 * (hour + rng.random())
            for hour in rng.choices(range(24), cum_weights=hours, k=self.count)
        )
        moving = [NamedRange(f"latest-{days}") for days in LATEST]
        fixed = fixed_ranges()
        for at, (project, title) in zip(
            moments, rng.choices(titles, cum_weights=zipf, k=self.count), strict=True
        ):
            series = Series(project, rng.choice(self.access), rng.choice(self.agents), title)
            days = rng.choice(moving) if rng.random() < MOVING else rng.choice(rng.choice(fixed))
            yield ClientRequest(at, series, days)


def article_names(count: int) -> list[tuple[str, str]]:
    """Name the articles, the most asked for first, with their projects by turns."""
    return [(PROJECTS[rank % len(PROJECTS)], f"Article_{rank}") for rank in range(count)]


def fixed_ranges() -> list[list[DateRange]]:
    """Tell the weeks, months, quarters and years before the start, and all of the two years."""
    all_days = DateRange.ending(START.date() - ONE_DAY, days=PAST_DAYS)
    weeks = [day for day in all_days if day.weekday() == 0]
    months = [day for day in all_days if day.day == 1]
    quarters = [day for day in months if day.month in {1, 4, 7, 10}]
    years = [day for day in quarters if day.month == 1]
    return [*(_stretches(starts) for starts in (weeks, months, quarters, years)), [all_days]]


def _stretches(starts: Sequence[date]) -> list[DateRange]:
    return [DateRange(start, after - ONE_DAY) for start, after in itertools.pairwise(starts)]


def history_of(workload: Workload, seed: int) -> History:
    """Make the history that a workload asks about."""
    mean_views = {(WITNESS.project, WITNESS.article or ""): 5_000_000.0}
    for rank, name in enumerate(article_names(workload.articles), start=1):
        mean_views[name] = 20_000 / rank if rank % RARE else 0.5
    return usual_history(
        seed,
        start=START.date(),
        days=workload.days,
        past_days=PAST_DAYS + 10,
        mean_views=mean_views,
        restated=RESTATED,
        lost=LOST_DAYS,
    )


def troubles_of(workload: Workload) -> Troubles:
    """Tell when AQS does not answer: two outages of 3 hours, and half an hour of 429.

    One outage is at noon, one while a new day is being published.
    """
    begin = START + timedelta(days=workload.days // 3, hours=12)
    again = START + timedelta(days=2 * workload.days // 3, hours=5)
    storm = START + timedelta(days=workload.days // 2, hours=15)
    return Troubles(
        outages=(Interval(begin, begin + OUTAGE), Interval(again, again + OUTAGE)),
        storms=(Interval(storm, storm + STORM),),
    )
