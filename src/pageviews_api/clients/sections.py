"""The sections of an answer: which other series and days each of them is made of."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pageviews_api.clients.sources import Learned, Sources
from pageviews_api.daterange import DateRange
from pageviews_api.schemas.points import DayPoint
from pageviews_api.schemas.query import Access, Align, Compare, Series, SeriesQuery, SplitBy
from pageviews_api.schemas.sections import (
    AccessSplit,
    AgentSplit,
    Comparison,
    PerMillion,
    UnusualDays,
)
from pageviews_api.series.comparison import compared, paired, range_of
from pageviews_api.series.parts import ACCESSES, AGENTS, split_by_access, split_by_agent
from pageviews_api.series.per_million import per_million
from pageviews_api.series.reach import around
from pageviews_api.series.unusual import (
    Marks,
    Surroundings,
    known_views,
    mark,
    unusual_days,
    weeks_before,
)

NO_BASE = "No data go back to the days to compare with: they begin on 2015-07-01."
NO_LEAP_DAY = "The year before has no 29 February."

NOTHING = Learned([])


def parts_of(query: SeriesQuery) -> list[Series]:
    """Name the series into which one is split, if that was asked for."""
    if query.sections.split is SplitBy.ACCESS:
        return [replace(query.series, access=access) for access in ACCESSES]
    if query.sections.split is SplitBy.AGENT:
        return [replace(query.series, agent=agent) for agent in AGENTS]
    return []


class Sections:
    """Makes the sections that a query asks for, of days that ``points`` tells already.

    There are no points where the range holds no day yet: then there are no numbers.
    """

    def __init__(self, query: SeriesQuery, points: Sequence[DayPoint], sources: Sources) -> None:
        self._query = query
        self._points = points
        self._sources = sources
        self._days = DateRange(points[0].date, points[-1].date) if points else None
        self._around = self._days and around(self._days, query.sections)

    async def told(self) -> dict[str, Any]:
        """Tell each section by its name, all at the same time."""
        asked = self._query.sections
        wanted: dict[str, Callable[[], Awaitable[object]]] = {}
        if asked.compare:
            wanted["comparison"] = self._comparison
        if asked.split:
            wanted["split"] = self._split
        if asked.per_million:
            wanted["per_million"] = self._per_million
        if asked.unusual:
            wanted["unusual"] = self._unusual
        told = await asyncio.gather(*(make() for make in wanted.values()))
        return dict(zip(wanted, told, strict=True))

    async def _comparison(self) -> Comparison:
        asked = self._query.sections
        assert asked.compare is not None
        pairs = paired(self._days, asked.compare, asked.align) if self._days else {}
        base = await self._learn(self._query.series, range_of(pairs))
        return compared(
            self._points,
            base.points,
            pairs,
            self._query.granularity,
            compare=asked.compare,
            align=asked.align,
            reason=base.reason or (None if pairs else self._why_no_base()),
        )

    def _why_no_base(self) -> str | None:
        """Say why none of the days has one to be compared with."""
        asked, days = self._query.sections, self._days
        if days is None:
            return None
        by_calendar = (asked.compare, asked.align) == (Compare.YEAR, Align.DATE)
        alone = days.start == days.end and (days.start.month, days.start.day) == (2, 29)
        return NO_LEAP_DAY if by_calendar and alone else NO_BASE

    async def _split(self) -> AccessSplit | AgentSplit:
        learned = await self._learn_around(parts_of(self._query))
        points, reason = [self._asked(part) for part in learned], _first_reason(learned)
        granularity = self._query.granularity
        if self._query.sections.split is SplitBy.ACCESS:
            by_access = dict(zip(ACCESSES, points, strict=True))
            return split_by_access(by_access, granularity, reason)
        return split_by_agent(dict(zip(AGENTS, points, strict=True)), granularity, reason)

    async def _per_million(self) -> PerMillion:
        (whole,) = await self._learn_around([self._total])
        return per_million(self._points, self._asked(whole), self._query.granularity, whole.reason)

    async def _unusual(self) -> UnusualDays:
        before = await self._learn(self._query.series, self._days and weeks_before(self._days))
        views = known_views([*before.points, *self._points])
        marks = mark([point.date for point in self._points], views)
        return unusual_days(marks, await self._surroundings(marks), reason=before.reason)

    async def _surroundings(self, marks: Marks) -> Surroundings:
        """Ask what is known beside the marked days; without any, nothing is asked."""
        if not marks.days:
            return Surroundings()
        series = self._query.series
        whole = [self._total] if series.article is not None else []
        split = series.access is Access.ALL_ACCESS
        parts = [replace(series, access=access) for access in ACCESSES] if split else []
        learned = await self._learn_around([*whole, *parts])
        by_access = [known_views(part.points) for part in learned[len(whole) :]]
        return Surroundings(
            project=known_views(learned[0].points) if whole else None,
            by_access=dict(zip(ACCESSES, by_access, strict=True)) if split else None,
        )

    @property
    def _total(self) -> Series:
        """Name the project's views with the same access and agent."""
        return replace(self._query.series, article=None)

    async def _learn(self, series: Series, days: DateRange | None) -> Learned:
        return await self._sources.learned(series, days) if days else NOTHING

    async def _learn_around(self, series: Iterable[Series]) -> list[Learned]:
        """Learn other series, each over the same days for all sections: it is fetched once."""
        return await asyncio.gather(*(self._learn(one, self._around) for one in series))

    def _asked(self, learned: Learned) -> list[DayPoint]:
        """Take the days asked for, with which what is around them ends."""
        return learned.points[len(learned.points) - len(self._points) :]


def _first_reason(learned: Iterable[Learned]) -> str | None:
    return next((one.reason for one in learned if one.reason), None)
