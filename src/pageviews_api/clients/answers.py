"""Answers about a series, put together: the series itself, its sections, what is known of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pageviews_api.annotations import touching
from pageviews_api.clients.rescue import Told
from pageviews_api.clients.sections import Sections, parts_of
from pageviews_api.clients.sources import Sources, Tell
from pageviews_api.clock import Clock
from pageviews_api.schemas.annotations import Annotation
from pageviews_api.schemas.pageviews import ArticleSeries, ProjectSeries
from pageviews_api.schemas.query import SeriesQuery
from pageviews_api.series import by_period, summarise
from pageviews_api.series.reach import made_of

NO_DAY = "No day of this range is loaded yet."


class Answers:
    """Makes answers of what ``tell`` tells, all of one within ``deadline``."""

    def __init__(
        self, tell: Tell, *, clock: Clock, deadline: timedelta, notice: str | None
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._deadline = deadline
        self._notice = notice
        self._making = asyncio.Lock()

    async def article(self, query: SeriesQuery) -> ArticleSeries:
        """Tell an article's views in the days asked for, and what was asked for beside them.

        What ``tell`` raises of the series itself is raised. A section that cannot be told has no
        numbers, and says why.
        """
        assert query.series.article is not None
        return ArticleSeries(**await self._answer(query), article=query.series.article)

    async def project(self, query: SeriesQuery) -> ProjectSeries:
        """Tell the same of all pages of a project together."""
        return ProjectSeries(**await self._answer(query))

    async def _answer(self, query: SeriesQuery) -> dict[str, Any]:
        sources = Sources(self._tell, within=self._deadline, today=self._clock.now().date())
        told = await sources.told(query)
        if told.asked is not None:
            # What the range means now holds for all that is told beside it.
            query = replace(query, days=told.asked)
        async with self._making:  # one after the other, and others have their turn in between
            await asyncio.sleep(0)
            points = told.days.points() if told.days else []
        sections = await Sections(query, points, sources).told()
        return {
            "project": query.series.project,
            "access": query.series.access,
            "agent": query.series.agent,
            "granularity": query.granularity,
            "start": told.asked.start if told.asked else None,
            "end": told.asked.end if told.asked else None,
            "as_of": query.as_of,
            "reason": None if told.asked else NO_DAY,
            "complete_through": told.complete_through,
            "first_day": told.first_day,
            "summary": summarise(points),
            "items": by_period(points, query.granularity),
            "checked_at": sources.checked_at.replace(microsecond=0),
            "stale": sources.stale,
            "fetched": sources.fetched,
            "notice": self._notice,
            "annotations": _annotations(query, told),
            **sections,
        }


def _annotations(query: SeriesQuery, told: Told) -> list[Annotation]:
    if told.asked is None:
        return []
    days = made_of(told.asked, query.sections)
    return touching([query.series, *parts_of(query)], days)
