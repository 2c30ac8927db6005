"""What is known of Wikipedia's days: stretches of them, and top lists, fetched once and kept.

Whole stretches are kept, not answers to single questions: every range of an article is cut out
of the same block, the recent one (``AQS_SPAN_DAYS``) or the whole history (docs/decisions/0001).
"""

import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
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

AUTOMATED_FROM = date(2020, 4, 1)
"""Since when suspected bots are counted apart (wikimedia/restbase, change of 2020-04-29)."""

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
        self._last_calendars: dict[Series, LoadCalendar] = {}
        self._projects = {witness.project}

    def is_recent(self, day: date) -> bool:
        """Tell whether the recent stretch surely covers the day."""
        return day >= self._recent().start + SPARE

    async def recent(self, series: Series, *, until: date | None = None) -> Known:
        """Tell the recent days of a series.

        What is held and stale serves at once where it covers the days up to ``until``.
        """
        return await self._stretch(_recent_key(series), series, self._recent(), until)

    async def history(self, series: Series, *, until: date | None = None) -> Known:
        """Tell all days of a series. See ``recent``."""
        days = DateRange(FIRST_DAY, self._today())
        return await self._stretch(_history_key(series), series, days, until)

    async def holds_views(self, series: Series) -> bool:
        """Tell whether views of a series are held; AQS is not asked."""
        held = [await self._cache.get(key(series)) for key in (_recent_key, _history_key)]
        return any(one is not None and Block.decode(one.value).views for one in held)

    async def has_project(self, project: str) -> bool:
        """Tell whether AQS has ever told a number of a project."""
        if project not in self._projects:
            await self.history(_total(project))
        return project in self._projects

    async def has_totals(self, project: str) -> bool:
        """Tell whether AQS has totals of a project."""
        return bool((await self.history(_total(project))).block.views)

    async def calendar(self) -> KnownCalendar:
        """Tell which days of articles are loaded, as the witness shows."""
        return await self.calendar_of(self._witness)

    async def calendar_of(self, series: Series, *, since: date | None = None) -> KnownCalendar:
        """Tell which days are loaded for a series; with its holes from ``since`` on.

        For articles the witness tells, for a project's totals the sum over its access and agents.
        """
        witness = self._witness if series.article is not None else _total(series.project)
        known = await self.recent(witness)
        if not known.block.views:
            known = await self.history(witness)
        calendar = LoadCalendar.of(known.block, before=self._last_calendars.get(witness))
        if calendar is None:
            raise UpstreamUnreachableError(UPSTREAM, "has no views that tell which days it has")
        self._last_calendars[witness] = calendar
        if since is not None and not self.is_recent(since):
            calendar = calendar.with_history((await self.history(witness)).block)
        if series.agent is Agent.AUTOMATED:
            calendar = replace(calendar, counted_from=AUTOMATED_FROM)
        return KnownCalendar(calendar, known.held)

    async def top(self, project: str, access: Access, period: date | Month) -> KnownTop:
        """Tell the top list of a day or a month."""

        async def fetch(priority: Priority) -> Filled:
            rows = await self._aqs.top(project, access, period, priority=priority)
            if rows:
                self._projects.add(project)
            return self._filled(zlib.compress(_rows.dump_json(rows)), found=bool(rows))

        return _top(
            await self._cache.get_or_fill(_top_key(project, access, period), _urgent(fetch))
        )

    async def held_top(self, project: str, access: Access, period: date | Month) -> KnownTop | None:
        """Tell the top list of a day or a month if it is held; AQS is not asked."""
        held = await self._cache.get(_top_key(project, access, period))
        return None if held is None else _top(held)

    async def observe(self, series: Series, days: DateRange) -> Observation:
        """Ask AQS for these very days anew, for the archive: after everybody else."""
        calendar = (await self.calendar_of(series, since=days.start)).calendar
        answer = await self._aqs.daily_views(series, days, priority=Priority.ARCHIVE)
        block = Block(days, answer.views, self._clock.now() - answer.age)
        points = day_points(days, block, calendar)
        return Observation(tuple(points), no_data=not answer.views)

    async def _stretch(
        self, key: str, series: Series, days: DateRange, until: date | None
    ) -> Known:
        async def fetch(priority: Priority) -> Filled:
            answer = await self._aqs.daily_views(series, days, priority=priority)
            block = Block(days, answer.views, self._clock.now() - answer.age)
            if answer.views:
                self._projects.add(series.project)
            if key == _recent_key(self._witness):
                return Filled(block.encode(), self._witness_fresh_for(block))
            return self._filled(block.encode(), found=bool(answer.views))

        def suffices(value: bytes) -> bool:
            return until is None or Block.decode(value).days.end >= until

        held = await self._cache.get_or_fill(key, _urgent(fetch), suffices=suffices)
        return Known(Block.decode(held.value), held)

    def _filled(self, value: bytes, *, found: bool) -> Filled:
        """Give an answer its time. A 404 is not believed any longer, even when AQS is down."""
        if found:
            return Filled(value, self._freshness)
        return Filled(value, min(self._freshness, NOT_FOUND_FRESH), lasting=False)

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


def _top(held: Held) -> KnownTop:
    return KnownTop(_rows.validate_json(zlib.decompress(held.value)), held)


def _top_key(project: str, access: Access, period: date | Month) -> str:
    return f"top/{project}/{access}/{period}"


def _total(project: str) -> Series:
    return Series(project, Access.ALL_ACCESS, Agent.ALL_AGENTS)


def _recent_key(series: Series) -> str:
    return f"recent/{series.key}"


def _history_key(series: Series) -> str:
    return f"history/{series.key}"
