"""Wikipedia's pageviews for routers and archive: AQS behind the cache, with the status of each day.

Whole stretches of days are kept, not answers to single questions: every range of an article is
cut out of the same block, the recent one (``AQS_SPAN_DAYS``) or the whole history.
"""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import TypeAdapter

from pageviews_api.budget import Priority
from pageviews_api.cache import Cache, Filled, Held
from pageviews_api.clients.aqs import UPSTREAM, AqsClient
from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange, NamedRange
from pageviews_api.days import Block, LoadCalendar, day_points, first_unsettled, yesterday
from pageviews_api.exceptions import (
    ArticleNeverViewedError,
    TopListNotFoundError,
    UnknownProjectError,
    UpstreamError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.names import is_article
from pageviews_api.schemas.pageviews import (
    ArticleSeries,
    DayPoint,
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

NOT_FOUND_FRESH = timedelta(minutes=10)
"""How long a 404 is believed: as long as Wikimedia's edge keeps it (``s-maxage=600``)."""

WITNESS_FRESH = timedelta(minutes=15)
"""How often the witness is asked while yesterday is outstanding."""

TOP_LOOK_BACK = 7
"""Days among which the newest top list is looked for."""

_rows = TypeAdapter(tuple[TopRow, ...])


@dataclass(frozen=True, slots=True)
class PageviewsPolicy:
    """How long what is known counts as known.

    ``freshness``: how long after a check an answer is fresh. ``stale_limit``: how long after it
    the newest days are told at all. ``span_days``: the days that one fetch asks for at the least.
    ``witness``: the series whose days tell which days are loaded. ``notice``: what every answer
    says beside its numbers.
    """

    witness: Series
    freshness: timedelta
    stale_limit: timedelta
    span_days: int
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """A block, and what is to be said of how current it is."""

    block: Block
    held: Held


@dataclass(frozen=True, slots=True)
class _Calendar:
    calendar: LoadCalendar
    held: Held


@dataclass(frozen=True, slots=True)
class Observation:
    """A series as AQS told it just now: one point for each day, oldest first.

    ``no_data``: AQS answered 404 for the whole range.
    """

    points: tuple[DayPoint, ...]
    no_data: bool


class PageviewsClient:
    """Answers questions about views, asking AQS as little as it can."""

    def __init__(
        self, aqs: AqsClient, cache: Cache, *, clock: Clock, policy: PageviewsPolicy
    ) -> None:
        self._aqs = aqs
        self._cache = cache
        self._clock = clock
        self._policy = policy
        self._last_calendar: LoadCalendar | None = None
        self._known_projects = {policy.witness.project}

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
        known, calendar = await asyncio.gather(self._article(query), self._calendar_or_none(query))
        answer = self._answer(query, known, calendar)
        return ArticleSeries(**answer, article=series.article)

    async def project(self, query: SeriesQuery) -> ProjectSeries:
        """Tell the views of all pages of a project in the days asked for.

        Its own total is the witness for which of its days are loaded.

        Raises
        ------
        UnknownProjectError
            Wikimedia has no total of this project.
        UpstreamError
            No asked day can be told now.
        """
        known = await self._stretch(query.series, whole=self._needs_history(query.days))
        if not known.block.views:
            known = await self._stretch(query.series, whole=True)
        calendar = LoadCalendar.of(known.block)
        if calendar is None:
            raise UnknownProjectError(
                f"Wikimedia's API has no totals for {query.series.project!r}."
            )
        answer = self._answer(query, known, _Calendar(calendar, known.held))
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
        for period in [query.period] if query.period else self._newest_days():
            rows, held = await self._top(query.project, query.access, period)
            if rows:
                return self._top_answer(query, period, rows, held)
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
        return (await self._calendar()).calendar

    async def observe(self, series: Series, days: DateRange) -> Observation:
        """Ask AQS for these very days anew, for the archive: after everybody else.

        Raises
        ------
        UpstreamError
            They cannot be told now.
        """
        calendar = await self.calendar()
        answer = await self._aqs.daily_views(series, days, priority=Priority.ARCHIVE)
        block = Block(days, answer.views, self._clock.now() - answer.age)
        if series.article is None:
            calendar = LoadCalendar.of(block) or calendar
        points = day_points(days, block, calendar)
        return Observation(tuple(points), no_data=not answer.views)

    async def top_articles(self, project: str, day: date, count: int) -> tuple[str, ...]:
        """Tell the first titles of a day's top list; empty where Wikimedia has none.

        A row that cannot be asked for by its title is left out.

        Raises
        ------
        UpstreamError
            That cannot be told now.
        """
        rows, _ = await self._top(project, Access.ALL_ACCESS, day)
        return tuple(row.article for row in rows[:count] if is_article(row.article))

    def _answer(
        self, query: SeriesQuery, known: _Known, calendar: _Calendar | None
    ) -> dict[str, Any]:
        block, loaded = known.block, calendar.calendar if calendar else None
        through = loaded.complete_through if loaded else block.newest
        asked = self._resolve(query.days, through)
        points = (
            day_points(asked, block, loaded, missing_from=self._missing_from(known))
            if asked
            else []
        )
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

    def _top_answer(
        self, query: TopQuery, period: date | Month, rows: Sequence[TopRow], held: Held
    ) -> TopArticles:
        return TopArticles(
            project=query.project,
            access=query.access,
            agent=Agent.USER,
            date=None if isinstance(period, Month) else period,
            month=str(period) if isinstance(period, Month) else None,
            items=[RankedArticle(**row.model_dump()) for row in rows],
            **self._freshness([held], certain=True),
        )

    def _freshness(self, held: Sequence[Held], *, certain: bool) -> dict[str, Any]:
        return {
            "checked_at": min(part.checked_at for part in held),
            "stale": not certain or max(part.age for part in held) > self._policy.freshness,
            "notice": self._policy.notice,
        }

    def _resolve(self, days: DateRange | NamedRange, through: date | None) -> DateRange | None:
        if isinstance(days, DateRange):
            return days
        today = self._today()
        return days.resolve(today=today, complete_through=through or yesterday(today))

    def _missing_from(self, known: _Known) -> date | None:
        if known.held.age <= self._policy.stale_limit:
            return None
        return first_unsettled(known.held.checked_at.date())

    async def _article(self, query: SeriesQuery) -> _Known:
        series = query.series
        known = await self._stretch(series, whole=self._needs_history(query.days))
        if not known.block.views:
            known = await self._stretch(series, whole=True)
        if not known.block.views:
            await self._make_sure_of(series.project)
            raise ArticleNeverViewedError(await self._never_viewed(series))
        return known

    async def _never_viewed(self, series: Series) -> str:
        """Say so, and offer the capitalised title where we hold it: titles are case-sensitive."""
        title = series.article or ""
        detail = f"Wikimedia has never counted a view of {title!r} in {series.project}."
        other = replace(series, article=title[:1].upper() + title[1:])
        if other != series and await self._holds_views(other):
            detail += f" There is {other.article!r}: upper and lower case count."
        return detail

    async def _holds_views(self, series: Series) -> bool:
        held = [await self._cache.get(_key(series, whole=whole)) for whole in (False, True)]
        return any(one is not None and Block.decode(one.value).views for one in held)

    async def _make_sure_of(self, project: str) -> None:
        if project in self._known_projects:
            return
        total = Series(project, Access.ALL_ACCESS, Agent.ALL_AGENTS)
        if not (await self._stretch(total, whole=True)).block.views:
            raise UnknownProjectError(f"Wikimedia has never counted a view of {project!r}.")

    async def _calendar_or_none(self, query: SeriesQuery) -> _Calendar | None:
        """Without the witness we still can tell what AQS said of the article itself."""
        try:
            return await self._calendar(whole=self._needs_history(query.days))
        except UpstreamError:
            return None

    async def _calendar(self, *, whole: bool = False) -> _Calendar:
        known = await self._stretch(self._policy.witness, whole=False)
        if not known.block.views:
            known = await self._stretch(self._policy.witness, whole=True)
        calendar = LoadCalendar.of(known.block, before=self._last_calendar)
        if calendar is None:
            raise UpstreamUnreachableError(UPSTREAM, "has no views of the witness")
        self._last_calendar = calendar
        if whole:
            calendar = calendar.with_history(
                (await self._stretch(self._policy.witness, whole=True)).block
            )
        return _Calendar(calendar, known.held)

    def _needs_history(self, days: DateRange | NamedRange) -> bool:
        asked = self._resolve(days, None)
        # Ranges that move back with the calendar stay inside: a few days are to spare.
        spare = timedelta(days=TOP_LOOK_BACK)
        return asked is not None and asked.start < self._recent().start + spare

    def _recent(self) -> DateRange:
        """Tell the recent stretch. It ends today, to cover yesterday after midnight, too."""
        return DateRange.ending(self._today(), days=self._policy.span_days)

    async def _stretch(self, series: Series, *, whole: bool) -> _Known:
        days = DateRange(FIRST_DAY, self._today()) if whole else self._recent()

        async def fetch(held: bool) -> Filled:  # noqa: FBT001  # as the cache calls it
            priority = Priority.REFRESH if held else Priority.CALLER
            answer = await self._aqs.daily_views(series, days, priority=priority)
            block = Block(days, answer.views, self._clock.now() - answer.age)
            if answer.views:
                self._known_projects.add(series.project)
            return Filled(block.encode(), self._fresh_for(series, block))

        held = await self._cache.get_or_fill(_key(series, whole=whole), fetch)
        return _Known(Block.decode(held.value), held)

    def _fresh_for(self, series: Series, block: Block) -> timedelta:
        if series == self._policy.witness:
            return self._witness_fresh_for(block)
        freshness = self._policy.freshness
        return freshness if block.views else min(freshness, NOT_FOUND_FRESH)

    def _witness_fresh_for(self, block: Block) -> timedelta:
        now = self._clock.now()
        if yesterday(now.date()) not in block.views:
            return min(self._policy.freshness, WITNESS_FRESH)
        midnight = datetime.combine(now.date() + ONE_DAY, time(), UTC)
        return min(self._policy.freshness, midnight - now)

    async def _top(
        self, project: str, access: Access, period: date | Month
    ) -> tuple[tuple[TopRow, ...], Held]:
        async def fetch(held: bool) -> Filled:  # noqa: FBT001  # as the cache calls it
            priority = Priority.REFRESH if held else Priority.CALLER
            rows = await self._aqs.top(project, access, period, priority=priority)
            if rows:
                self._known_projects.add(project)
            fresh_for = self._policy.freshness if rows else NOT_FOUND_FRESH
            return Filled(zlib.compress(_rows.dump_json(rows)), fresh_for)

        held = await self._cache.get_or_fill(f"top/{project}/{access}/{period}", fetch)
        return _rows.validate_json(zlib.decompress(held.value)), held

    def _newest_days(self) -> list[date]:
        today = self._today()
        return [today - timedelta(days=back) for back in range(1, TOP_LOOK_BACK + 1)]

    def _today(self) -> date:
        return self._clock.now().date()


def _key(series: Series, *, whole: bool) -> str:
    return f"{'history' if whole else 'recent'}/{series.key}"
