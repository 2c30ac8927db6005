"""What is known of Wikipedia's days: stretches of them, and top lists, fetched once and kept.

Whole stretches are kept, not answers to single questions: every range of an article is cut out
of the same block, the recent one (``AQS_SPAN_DAYS``) or the whole history (docs/decisions/0001).
"""

import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pydantic import TypeAdapter

from pageviews_api.budget import Priority
from pageviews_api.cache import Cache, Filled, Held
from pageviews_api.clients.aqs import UPSTREAM, AqsClient
from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.days import Block, LoadCalendar, day_points, yesterday
from pageviews_api.exceptions import UpstreamUnreachableError
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.pageviews import DayPoint
from pageviews_api.schemas.query import Access, Agent, Month, Series

NOT_FOUND_FRESH = timedelta(minutes=10)
"""How long a 404 is believed: as long as Wikimedia's edge keeps it (``s-maxage=600``)."""

WITNESS_FRESH = timedelta(minutes=15)
"""How often the witness is asked while yesterday is outstanding."""

SPARE = timedelta(days=7)
"""Days that the recent stretch has to spare, for ranges that move back with the calendar."""

_rows = TypeAdapter(tuple[TopRow, ...])


@dataclass(frozen=True, slots=True)
class Known:
    """A block, and how current it is."""

    block: Block
    held: Held


@dataclass(frozen=True, slots=True)
class KnownCalendar:
    """Which days are loaded, and how current that is."""

    calendar: LoadCalendar
    held: Held


@dataclass(frozen=True, slots=True)
class KnownTop:
    """A top list by rank, empty where AQS answered 404, and how current it is."""

    rows: tuple[TopRow, ...]
    held: Held


@dataclass(frozen=True, slots=True)
class Observation:
    """A series as AQS told it just now: one point for each day, oldest first.

    ``no_data``: AQS answered 404 for the whole range.
    """

    points: tuple[DayPoint, ...]
    no_data: bool


class KnownDays:
    """Tells what is known, and asks AQS for what is not, or not any more.

    ``witness`` is the series whose days tell which days are loaded; ``freshness`` is how long
    after a check something is fresh; ``span_days`` is what one fetch asks for at the least.
    Where nothing is held and nothing can be had, every method raises ``UpstreamError``.
    """

    def __init__(
        self,
        aqs: AqsClient,
        cache: Cache,
        *,
        clock: Clock,
        witness: Series,
        freshness: timedelta,
        span_days: int,
    ) -> None:
        self._aqs = aqs
        self._cache = cache
        self._clock = clock
        self._witness = witness
        self._freshness = freshness
        self._span_days = span_days
        self._last_calendar: LoadCalendar | None = None
        self._projects = {witness.project}

    def is_recent(self, day: date) -> bool:
        """Tell whether the recent stretch surely covers the day."""
        return day >= self._recent().start + SPARE

    async def recent(self, series: Series) -> Known:
        """Tell the recent days of a series."""
        return await self._stretch(_recent_key(series), series, self._recent())

    async def history(self, series: Series) -> Known:
        """Tell all days of a series."""
        days = DateRange(FIRST_DAY, self._today())
        return await self._stretch(_history_key(series), series, days)

    async def holds_views(self, series: Series) -> bool:
        """Tell whether views of a series are held; AQS is not asked."""
        held = [await self._cache.get(key(series)) for key in (_recent_key, _history_key)]
        return any(one is not None and Block.decode(one.value).views for one in held)

    async def has_project(self, project: str) -> bool:
        """Tell whether AQS has ever told a number of a project."""
        if project not in self._projects:
            await self.history(Series(project, Access.ALL_ACCESS, Agent.ALL_AGENTS))
        return project in self._projects

    async def calendar(self, *, since: date | None = None) -> KnownCalendar:
        """Tell which days are loaded, as the witness shows; with holes from ``since`` on."""
        known = await self.recent(self._witness)
        if not known.block.views:
            known = await self.history(self._witness)
        calendar = LoadCalendar.of(known.block, before=self._last_calendar)
        if calendar is None:
            raise UpstreamUnreachableError(UPSTREAM, "has no views of the witness")
        self._last_calendar = calendar
        if since is not None and not self.is_recent(since):
            calendar = calendar.with_history((await self.history(self._witness)).block)
        return KnownCalendar(calendar, known.held)

    async def top(self, project: str, access: Access, period: date | Month) -> KnownTop:
        """Tell the top list of a day or a month."""

        async def fetch(priority: Priority) -> Filled:
            rows = await self._aqs.top(project, access, period, priority=priority)
            if rows:
                self._projects.add(project)
            return Filled(zlib.compress(_rows.dump_json(rows)), self._fresh_for(bool(rows)))

        held = await self._cache.get_or_fill(f"top/{project}/{access}/{period}", _urgent(fetch))
        return KnownTop(_rows.validate_json(zlib.decompress(held.value)), held)

    async def observe(self, series: Series, days: DateRange) -> Observation:
        """Ask AQS for these very days anew, for the archive: after everybody else."""
        calendar = (await self.calendar(since=days.start)).calendar
        answer = await self._aqs.daily_views(series, days, priority=Priority.ARCHIVE)
        block = Block(days, answer.views, self._clock.now() - answer.age)
        if series.article is None:
            calendar = LoadCalendar.of(block) or calendar
        points = day_points(days, block, calendar)
        return Observation(tuple(points), no_data=not answer.views)

    async def _stretch(self, key: str, series: Series, days: DateRange) -> Known:
        async def fetch(priority: Priority) -> Filled:
            answer = await self._aqs.daily_views(series, days, priority=priority)
            block = Block(days, answer.views, self._clock.now() - answer.age)
            if answer.views:
                self._projects.add(series.project)
            if key == _recent_key(self._witness):
                return Filled(block.encode(), self._witness_fresh_for(block))
            return Filled(block.encode(), self._fresh_for(bool(answer.views)))

        held = await self._cache.get_or_fill(key, _urgent(fetch))
        return Known(Block.decode(held.value), held)

    def _fresh_for(self, found: bool) -> timedelta:  # noqa: FBT001  # the question is its name
        return self._freshness if found else min(self._freshness, NOT_FOUND_FRESH)

    def _witness_fresh_for(self, block: Block) -> timedelta:
        now = self._clock.now()
        if yesterday(now.date()) not in block.views:
            return min(self._freshness, WITNESS_FRESH)
        midnight = datetime.combine(now.date() + ONE_DAY, time(), UTC)
        return min(self._freshness, midnight - now)

    def _recent(self) -> DateRange:
        """Tell the recent stretch. It ends today, to cover yesterday after midnight, too."""
        return DateRange.ending(self._today(), days=self._span_days)

    def _today(self) -> date:
        return self._clock.now().date()


def _urgent(fetch: Callable[[Priority], Awaitable[Filled]]) -> Callable[[bool], Awaitable[Filled]]:
    """Let a fetch for which callers wait go before one that renews what is held."""
    return lambda held: fetch(Priority.REFRESH if held else Priority.CALLER)


def _recent_key(series: Series) -> str:
    return f"recent/{series.key}"


def _history_key(series: Series) -> str:
    return f"history/{series.key}"
