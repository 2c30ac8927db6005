"""Wikipedia's pageviews as routers and archive ask for them: answers made of what is known."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from pageviews_api.cache import Held
from pageviews_api.clients.aqs import UPSTREAM
from pageviews_api.clients.known_days import (
    Known,
    KnownCalendar,
    KnownDays,
    KnownTop,
    Observation,
)
from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY, DateRange, NamedRange
from pageviews_api.days import LoadCalendar, day_points, first_unsettled, yesterday
from pageviews_api.exceptions import (
    ArticleNeverViewedError,
    TopListNotFoundError,
    UnknownProjectError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.names import is_article
from pageviews_api.schemas.pageviews import (
    ArticleSeries,
    DayStatus,
    ProjectSeries,
    RankedArticle,
    TopArticles,
)
from pageviews_api.schemas.query import (
    Access,
    Agent,
    Granularity,
    Month,
    Series,
    SeriesQuery,
    TopQuery,
)
from pageviews_api.series import by_month, summarise

TOP_LOOK_BACK = 7
"""Days among which the newest top list is looked for."""


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What an answer may be made of, and what it says.

    ``freshness``: how long after a check an answer is fresh. ``stale_limit``: how long after it
    the newest days are told at all. ``deadline``: how long a caller waits at the most.
    ``notice``: what every answer says beside its numbers.
    """

    freshness: timedelta
    stale_limit: timedelta
    deadline: timedelta
    notice: str | None = None


class PageviewsClient:
    """Answers questions about views."""

    def __init__(self, known: KnownDays, *, clock: Clock, policy: AnswerPolicy) -> None:
        self._known = known
        self._clock = clock
        self._policy = policy

    async def article(self, query: SeriesQuery) -> ArticleSeries:
        """Tell an article's views in the days asked for.

        Raises
        ------
        ArticleNeverViewedError
            Wikimedia has never counted a view of this exact title.
        UnknownProjectError
            Nor of anything in this project.
        UpstreamError
            No asked day can be told now.
        """
        series = query.series
        assert series.article is not None
        async with self._in_time():
            known, calendar = await asyncio.gather(
                self._stretch(query), self._calendar_or_none(query)
            )
            if not known.block.views:
                await self._make_sure_of(series.project)
                raise ArticleNeverViewedError(await self._never_viewed(series))
        answer = self._answer(query, known, calendar)
        return ArticleSeries(**answer, article=series.article)

    async def project(self, query: SeriesQuery) -> ProjectSeries:
        """Tell the views of all pages of a project in the days asked for.

        The sum over its access and agents is the witness for which of its days are loaded.

        Raises
        ------
        UnknownProjectError
            Wikimedia has no total of this project.
        UpstreamError
            No asked day can be told now.
        """
        project = query.series.project
        async with self._in_time():
            known, calendar = await asyncio.gather(
                self._stretch(query), self._calendar_or_none(query)
            )
            if not known.block.views and not await self._known.has_totals(project):
                raise UnknownProjectError(f"Wikimedia's API has no totals for {project}.")
        answer = self._answer(query, known, calendar)
        return ProjectSeries(**answer)

    async def top(self, query: TopQuery) -> TopArticles:
        """Tell the most viewed pages of a day or a month, by rank.

        Raises
        ------
        TopListNotFoundError
            Wikimedia has no such list, or none of the last week where no day was named.
        UnknownProjectError
            Wikimedia has never told a number for this project.
        UpstreamError
            It cannot be told now.
        """
        async with self._in_time():
            for period in [query.period] if query.period else self._newest_days():
                try:
                    top = await self._known.top(query.project, query.access, period)
                except UpstreamError:
                    held = await self._newest_held_top(query)
                    if held is None:
                        raise
                    return held
                if top.rows:
                    return self._top_answer(query, period, top, certain=True)
            await self._make_sure_of(query.project)
        asked = query.period or f"the last {TOP_LOOK_BACK} days"
        raise TopListNotFoundError(
            f"Wikimedia has no top list of {query.project} ({query.access}) for {asked}."
        )

    async def calendar(self) -> LoadCalendar:
        """Tell which days are loaded, as the witness shows.

        Raises
        ------
        UpstreamError
            That cannot be told now.
        """
        return (await self._known.calendar()).calendar

    async def observe(self, series: Series, days: DateRange) -> Observation:
        """Ask AQS for these very days anew, for the archive: after everybody else.

        Raises
        ------
        UpstreamError
            They cannot be told now.
        """
        return await self._known.observe(series, days)

    async def top_articles(self, project: str, day: date, count: int) -> tuple[str, ...]:
        """Tell the first titles of a day's top list; empty where Wikimedia has none.

        A row that cannot be asked for by its title is left out.

        Raises
        ------
        UpstreamError
            That cannot be told now.
        """
        rows = (await self._known.top(project, Access.ALL_ACCESS, day)).rows
        return tuple(row.article for row in rows[:count] if is_article(row.article))

    async def _stretch(self, query: SeriesQuery) -> Known:
        """Find what covers the range; where that is without views, all there ever was."""
        until = self._until(query.days)
        if self._is_recent(query):
            try:
                known = await self._known.recent(query.series, until=until)
            except UpstreamError:
                if not await self._known.holds_views(query.series):
                    raise
            else:
                if known.block.views:
                    return known
        return await self._known.history(query.series, until=until)

    def _until(self, days: DateRange | NamedRange) -> date:
        """Tell the newest asked day that can be loaded at all."""
        newest = yesterday(self._today())
        return min(days.end, newest) if isinstance(days, DateRange) else newest

    async def _calendar_or_none(self, query: SeriesQuery) -> KnownCalendar | None:
        """Without the witness we still can tell what AQS said of the article itself."""
        asked = self._resolve(query.days, None)
        try:
            return await self._known.calendar_of(query.series, since=asked.start if asked else None)
        except UpstreamError:
            return None

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Let a caller wait no longer than agreed, in however many steps; fetches go on."""
        try:
            async with asyncio.timeout(self._policy.deadline.total_seconds()):
                yield
        except TimeoutError as e:
            raise UpstreamTimeoutError(UPSTREAM, "gave no complete answer in time") from e

    def _is_recent(self, query: SeriesQuery) -> bool:
        asked = self._resolve(query.days, None)
        return asked is None or self._known.is_recent(asked.start)

    def _resolve(self, days: DateRange | NamedRange, through: date | None) -> DateRange | None:
        if isinstance(days, DateRange):
            return days
        today = self._today()
        return days.resolve(today=today, complete_through=through or yesterday(today))

    async def _make_sure_of(self, project: str) -> None:
        if not await self._known.has_project(project):
            raise UnknownProjectError(f"Wikimedia has never counted a view of {project}.")

    async def _never_viewed(self, series: Series) -> str:
        """Say so, and offer the capitalised title where we hold it: titles are case-sensitive."""
        title = series.article or ""
        detail = f'Wikimedia has never counted a view of "{title}" in {series.project}.'
        other = replace(series, article=title[:1].upper() + title[1:])
        if other != series and await self._known.holds_views(other):
            detail += f' There is "{other.article}": upper and lower case count.'
        return detail

    def _answer(
        self, query: SeriesQuery, known: Known, calendar: KnownCalendar | None
    ) -> dict[str, Any]:
        block, loaded = known.block, calendar.calendar if calendar else None
        through = loaded.complete_through if loaded else None
        asked = self._resolve(query.days, through)
        missing_from = self._missing_from(known)
        points = day_points(asked, block, loaded, missing_from=missing_from) if asked else []
        if points and all(point.status is DayStatus.MISSING for point in points):
            raise UpstreamUnreachableError(UPSTREAM, "cannot be asked, and what we hold is too old")
        held = [known.held, calendar.held] if calendar else [known.held]
        monthly = query.granularity is Granularity.MONTHLY
        return {
            "project": query.series.project,
            "access": query.series.access,
            "agent": query.series.agent,
            "granularity": query.granularity,
            "start": asked.start if asked else None,
            "end": asked.end if asked else None,
            "reason": None if asked else "No day of this range is loaded yet.",
            "complete_through": through,
            "first_day": block.oldest if block.days.start == FIRST_DAY else None,
            "summary": summarise(points),
            "items": by_month(points) if monthly else points,
            **self._freshness(held, certain=calendar is not None),
        }

    async def _newest_held_top(self, query: TopQuery) -> TopArticles | None:
        """Tell the newest list that is held, where no day was named and AQS cannot be asked."""
        for day in () if query.period else self._newest_days():
            top = await self._known.held_top(query.project, query.access, day)
            if top is not None and top.rows:
                return self._top_answer(query, day, top, certain=False)
        return None

    def _top_answer(
        self, query: TopQuery, period: date | Month, top: KnownTop, *, certain: bool
    ) -> TopArticles:
        return TopArticles(
            project=query.project,
            access=query.access,
            agent=Agent.USER,
            date=None if isinstance(period, Month) else period,
            month=str(period) if isinstance(period, Month) else None,
            items=[RankedArticle(**row.model_dump()) for row in top.rows],
            **self._freshness([top.held], certain=certain),
        )

    def _freshness(self, held: Sequence[Held], *, certain: bool) -> dict[str, Any]:
        return {
            "checked_at": min(part.checked_at for part in held),
            "stale": not certain or max(part.age for part in held) > self._policy.freshness,
            "notice": self._policy.notice,
        }

    def _missing_from(self, known: Known) -> date | None:
        if known.held.age <= self._policy.stale_limit:
            return None
        return first_unsettled(known.held.checked_at.date())

    def _newest_days(self) -> list[date]:
        today = self._today()
        return [today - timedelta(days=back) for back in range(1, TOP_LOOK_BACK + 1)]

    def _today(self) -> date:
        return self._clock.now().date()
