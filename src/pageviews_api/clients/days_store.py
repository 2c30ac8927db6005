"""The days store: what is known of Wikipedia's days, fetched once and kept.

Days are kept, not answers to questions. A question inside what is held costs nothing; outside it,
one request brings what is missing. Two small regular checks tell for all articles of a project at
once which days are there (the load calendar) and which were restated (the project's totals):
docs/decisions/0001 and 0009.
"""

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from pydantic import TypeAdapter

from pageviews_api.budget import Priority
from pageviews_api.cache import Cache, Filled, Held
from pageviews_api.clients.aqs import UPSTREAM, AqsClient
from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange, month_end
from pageviews_api.days import (
    Block,
    Checked,
    Corrections,
    Days,
    LoadCalendar,
    days_to_ask,
    is_restated,
    settle,
    tell,
)
from pageviews_api.exceptions import (
    UnknownProjectError,
    UpstreamError,
    UpstreamHeldBackError,
    UpstreamInvalidError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.query import Access, Agent, Month, Series

NOT_FOUND_FRESH = timedelta(minutes=10)
"""How long a 404 is believed: as long as Wikimedia's edge keeps it (``s-maxage=600``)."""

BLOCK_KEPT = timedelta(days=31)
"""How long a block is held: after 30 days everything is learned anew."""

NEW_TOTAL_FRESH = timedelta(hours=1)
"""How often a project's total of a new day is asked for, once the day is loaded for articles."""

NEW_TOTAL_PAUSE = timedelta(minutes=1)
"""The same where it was not asked for yet, or the answer was a 404 for all totals."""

ASKED_AGAIN = timedelta(minutes=15)
"""How long the same is not asked for again, even if the answer was an old copy of the edge."""

CHECKS_WITHIN = 0.5
"""The part of a caller's time for which the checks are waited for where none was ever made."""

AUTOMATED_FROM = date(2020, 4, 30)
"""Since when suspected bots are counted apart: the first day on which they left the views of people
(annotations/known.toml, ``2020-automated-apart``). A 0 of earlier days says nothing."""

MAX_PROJECTS = 2_000
"""Projects that are remembered as known: Wikimedia has about a thousand."""

T = TypeVar("T")

LISTED_FOR = timedelta(days=31)
"""How long it is remembered whether there was a top list of a day."""

_rows = TypeAdapter(tuple[TopRow, ...])

# Reading costs more than looking up; the same bytes are read again and again.
_read_block = lru_cache(maxsize=256)(Block.decode)
_read_calendar = lru_cache(maxsize=64)(LoadCalendar.decode)
_read_corrections = lru_cache(maxsize=64)(Corrections.decode)


@dataclass(frozen=True, slots=True)
class Checks:
    """What the regular checks tell, and when they were last made.

    ``checked_at`` is None where one of them never was; ``failure`` is why, if that is news. ``age``
    is by a clock that never jumps.
    """

    checked: Checked
    checked_at: datetime | None
    age: timedelta | None
    failure: UpstreamError | None = None


@dataclass(frozen=True, slots=True)
class KnownSeries:
    """What is held of a series.

    ``holds``: nothing that was asked for is missing, or due to be asked for again. ``fetched``: AQS
    was asked for it just now.
    """

    block: Block
    holds: bool
    fetched: bool


@dataclass(frozen=True, slots=True)
class KnownTop:
    """A top list by rank, empty where AQS answered 404, and how current it is.

    ``fetched``: AQS was asked for it just now.
    """

    rows: tuple[TopRow, ...]
    checked_at: datetime
    fresh: bool
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """A series as AQS told it just now.

    ``no_data``: AQS answered 404 for the whole range.
    """

    days: Days
    no_data: bool


@dataclass(frozen=True, slots=True)
class KnownDataset:
    """Which days a dataset has, as the views of ``project`` show, and when that was looked at.

    ``next_check_at`` is None where the next question is a reason to look.
    """

    project: str
    calendar: LoadCalendar
    checked_at: datetime
    next_check_at: datetime | None


@dataclass(frozen=True, slots=True)
class KnownCorrections:
    """What is known of a project's restated days, and when that was looked at."""

    project: str
    corrections: Corrections
    checked_at: datetime


class DaysStore:
    """Tells what is known, and asks AQS for what is not, or not for sure any more.

    ``witness`` is the series whose days tell which days of articles are loaded; ``freshness`` is
    how long after a check an answer is fresh; ``span_days`` is what the first fetch of a series
    asks for at the least. Where nothing is held and nothing can be had, every method raises
    ``UpstreamError``.
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
        self._projects: OrderedDict[str, None] = OrderedDict({witness.project: None})
        self._blank_until: dict[Series, float] = {}
        self._listed: OrderedDict[str, dict[date, datetime | None]] = OrderedDict()

    # The checks

    async def checks(
        self, series: Series, *, since: date, until: date | None, within: float | None
    ) -> Checks:
        """Tell which days are there for a series, and which were restated.

        A check that is due is waited for: not long where an earlier one tells the holes from
        ``since`` on and that ``until`` is loaded, else at most ``within`` seconds. One that cannot
        be made is told as it was, or as None.
        """
        keys = (_calendar_key(self._witness_of(series)), _corrections_key(series.project))
        known_to_fail = any(self._cache.is_failing(key) for key in keys)
        calendar, corrections = await asyncio.gather(
            _or_error(self._calendar(self._witness_of(series), since, until, within), within),
            _or_error(self._corrections(series.project, self._witness_of(series)), within),
        )
        if isinstance(calendar, UpstreamError) or isinstance(corrections, UpstreamError):
            # Without a check we still can tell what AQS said of the series itself.
            known = Checked(_found(calendar), _found(corrections))
            failure = next(e for e in (calendar, corrections) if isinstance(e, UpstreamError))
            news = None if known_to_fail else failure
            return Checks(_counted(known, series), None, None, news)
        through = calendar[0].complete_through
        corrections = await self._with_new_total(series.project, through, corrections)
        held = [corrections[1]]
        if not (calendar[1].fresh and calendar[0].is_final(self._today())):
            held.append(calendar[1])  # else nothing can have come since
        return Checks(
            _counted(Checked(calendar[0], corrections[0]), series),
            min(one.checked_at for one in held),
            max(one.age for one in held),
        )

    async def calendar(self) -> LoadCalendar:
        """Tell which days of articles are loaded, as the witness shows."""
        yesterday = self._today() - ONE_DAY
        calendar, _ = await self._calendar(self._witness, yesterday, None, None)
        return calendar

    def _witness_of(self, series: Series) -> Series:
        """Name what tells which days are loaded: for articles, or for a project's totals."""
        return self._witness if series.article is not None else _total(series.project)

    async def _calendar(
        self, witness: Series, since: date, until: date | None, within: float | None
    ) -> tuple[LoadCalendar, Held]:
        key = _calendar_key(witness)
        yesterday = self._today() - ONE_DAY
        since = min(since, yesterday)
        back_to = min(since, DateRange.ending(yesterday, days=self._span_days).start)

        async def fetch(priority: Priority) -> Filled:
            held = await self._cache.get(key, reads=_read_calendar)
            before = _read_calendar(held.value) if held else None
            asked = DateRange(back_to, yesterday)
            if before is not None:
                asked = before.to_ask(self._clock.now(), since=since)
            after = await self._ask_witness(witness, asked, before, priority)
            fresh_for = self._calendar_fresh_for(after, self._clock.now())
            return Filled(after.encode(), fresh_for, exact=True)

        def is_current(held: Held) -> bool:
            return held.fresh and _read_calendar(held.value).known_from <= since

        def suffices(value: bytes) -> bool:
            calendar = _read_calendar(value)
            reaches = until is None or min(until, yesterday) <= calendar.complete_through
            return reaches and calendar.known_from <= since

        async def fetch_in_turn(_: bool) -> Filled:  # noqa: FBT001  # as the cache calls it
            held = await self._cache.get(key, reads=_read_calendar)
            renews = held is not None and suffices(held.value)
            return await fetch(Priority.REFRESH if renews else Priority.CALLER)

        self._refuse_blank(witness)
        held = await self._cache.get_or_fill(
            key,
            fetch_in_turn,
            is_current=is_current,
            suffices=suffices,
            within=within,
            reads=_read_calendar,
        )
        return _read_calendar(held.value), held

    def _refuse_blank(self, witness: Series) -> None:
        """Tell that a witness has no day, for as long as a 404 is believed."""
        if self._clock.monotonic() < self._blank_until.get(witness, 0.0):
            raise UpstreamUnreachableError(UPSTREAM, "has no views that tell which days it has")

    def _calendar_fresh_for(self, calendar: LoadCalendar, now: datetime) -> timedelta:
        fresh_for = calendar.fresh_for(now)
        return fresh_for if calendar.is_final(now.date()) else min(fresh_for, self._freshness)

    async def _ask_witness(
        self,
        witness: Series,
        asked: DateRange,
        before: LoadCalendar | None,
        priority: Priority,
    ) -> LoadCalendar:
        answer = await self._aqs.daily_views(witness, asked, priority=priority)
        if before is None and not answer.views and asked.start > FIRST_DAY:
            asked = DateRange(FIRST_DAY, asked.end)
            answer = await self._aqs.daily_views(witness, asked, priority=priority)
        learned_at = self._made_at(answer.age)
        if answer.views:
            self._remember(witness.project)
        if before is not None:
            return before.after(answer.views, asked=asked, learned_at=learned_at)
        calendar = LoadCalendar.of(answer.views, asked=asked, learned_at=learned_at)
        if calendar is None:
            if len(self._blank_until) >= MAX_PROJECTS:
                self._blank_until.clear()
            until = self._clock.monotonic() + NOT_FOUND_FRESH.total_seconds()
            self._blank_until[witness] = until
            self._refuse_blank(witness)
        assert calendar is not None
        return calendar

    async def _corrections(self, project: str, witness: Series) -> tuple[Corrections, Held]:
        held = await self._cache.get(_calendar_key(witness), reads=_read_calendar)
        yesterday = self._today() - ONE_DAY
        through = _read_calendar(held.value).complete_through if held else yesterday
        return await self._compare(project, through, lambda held: held.fresh)

    async def _with_new_total(
        self, project: str, through: date, known: tuple[Corrections, Held]
    ) -> tuple[Corrections, Held]:
        """Have the total of a day as early as its views, so that no restatement goes unseen."""
        if not known[0].lacks(through):
            return known

        def is_current(held: Held) -> bool:
            known = _read_corrections(held.value)
            pause = NEW_TOTAL_FRESH if through in known.totals.days else NEW_TOTAL_PAUSE
            return held.fresh and (not known.lacks(through) or held.age < pause)

        return await self._compare(project, through, is_current)

    async def _compare(
        self, project: str, through: date, is_current: Callable[[Held], bool]
    ) -> tuple[Corrections, Held]:
        key = _corrections_key(project)
        totals = Series(project, Access.ALL_ACCESS, Agent.USER)

        async def fetch(priority: Priority) -> Filled:
            held = await self._cache.get(key, reads=_read_corrections)
            before = _read_corrections(held.value) if held else None
            asked = DateRange(FIRST_DAY, through)
            if held is not None and before is not None:
                checked_on, now = held.checked_at.date(), self._clock.now()
                asked = before.to_compare(through=through, checked_on=checked_on, now=now)
            block = await self._ask(totals, asked, priority)
            if before is None:
                after = Corrections.of(block)
            elif block.is_empty and before.can_notice:
                after = before  # a 404 does not take back totals that there were
            else:
                after = before.after(block)
            return Filled(after.encode(), self._freshness, exact=True)

        held = await self._cache.get_or_fill(
            key, _urgent(fetch), is_current=is_current, reads=_read_corrections
        )
        known = _read_corrections(held.value)
        if known.can_notice:
            self._remember(project)
        return known, held

    # Series

    async def series(
        self, series: Series, asked: DateRange, checked: Checked, *, within: float | None = None
    ) -> KnownSeries:
        """Tell what is held of the asked days, fetched first where that is needed and possible.

        Where some are held, the others are waited for at most ``within`` seconds.
        """
        key = _series_key(series)
        newest = checked.newest(self._clock.now())
        asked = DateRange(min(asked.start, newest), min(asked.end, newest))

        def wanted(block: Block | None) -> DateRange | None:
            now = self._clock.now()
            return days_to_ask(asked, block, checked, now, span_days=self._span_days)

        async def fetch(_: bool) -> Filled:  # noqa: FBT001  # as the cache calls it
            held = await self._cache.get(key, reads=_read_block)
            block = _read_block(held.value) if held else None
            days = wanted(block) or asked
            covered = block is not None and _covers(block, asked)
            priority = Priority.REFRESH if covered else Priority.CALLER
            answer = await self._ask(series, days, priority)
            if block and answer.is_empty and block.tells(days):
                return self._kept(block)  # a 404 does not take back numbers that there were
            if block and checked.corrections:
                answer = settle(answer, block, checked.corrections)
            return self._kept(block.merged(answer) if block else answer)

        def is_current(held: Held) -> bool:
            # Whatever AQS said just now, asking again at once would bring no other answer.
            block = _read_block(held.value)
            just_asked = held.age < ASKED_AGAIN and _covers(block, asked)
            return just_asked or wanted(block) is None

        def suffices(value: bytes) -> bool:
            return _covers(_read_block(value), asked)

        held = await self._cache.get_or_fill(
            key,
            fetch,
            is_current=is_current,
            suffices=suffices,
            within=within,
            reads=_read_block,
        )
        known = _read_block(held.value)
        if not known.is_empty:
            self._remember(series.project)
        return KnownSeries(known, holds=wanted(known) is None, fetched=held.fetched)

    async def series_after(
        self, checks: Checks, series: Series, asked: DateRange, *, within: float
    ) -> KnownSeries:
        """Tell the same by what the checks tell; who is held back since one failed is told that."""
        try:
            return await self.series(series, asked, checks.checked, within=within)
        except UpstreamHeldBackError:
            if checks.failure is not None:
                raise checks.failure from None
            raise

    def _kept(self, block: Block) -> Filled:
        """Give a block its time. A 404 is not believed for long, even when AQS is down."""
        if block.is_empty:
            return Filled(block.encode(), NOT_FOUND_FRESH, lasting=False)
        return Filled(block.encode(), BLOCK_KEPT, exact=True)

    async def _ask(self, series: Series, days: DateRange, priority: Priority) -> Block:
        answer = await self._aqs.daily_views(series, days, priority=priority)
        if answer.views:
            self._remember(series.project)
        return Block.learned(days, answer.views, self._made_at(answer.age))

    def _made_at(self, age: timedelta) -> datetime:
        """Tell when an answer was made that is of this age now.

        By AQS' clock where that is behind ours: a day that our clock takes for an old one may have
        been loaded just now.
        """
        ours, theirs = self._clock.now(), self._aqs.now()
        return (min(ours, theirs) if theirs else ours) - age

    async def whole(self, series: Series) -> KnownSeries:
        """Tell all days of a series.

        An answer without a view is not built upon: then all is asked for in one.
        """
        held = await self._cache.get(_series_key(series), reads=_read_block)
        if held is not None:
            block = _read_block(held.value)
            if block.is_empty and block.days.start > FIRST_DAY:
                await self._cache.discard(_series_key(series))
        return await self.series(series, DateRange(FIRST_DAY, self._today()), Checked())

    async def holds_views(self, series: Series) -> bool:
        """Tell whether views of a series are held; AQS is not asked."""
        held = await self._cache.get(_series_key(series), reads=_read_block)
        return held is not None and not _read_block(held.value).is_empty

    def now(self) -> datetime | None:
        """Tell the time by AQS' clock; None if it has not told it yet."""
        return self._aqs.now()

    async def observe(self, series: Series, days: DateRange) -> Observation:
        """Ask AQS for these very days anew, for the archive: after everybody else.

        What is held of the series is told the same. A 404 does not take back numbers that there
        were: it is an error.
        """
        checks = await self.checks(series, since=days.start, until=None, within=None)
        checked = checks.checked
        if checked.calendar is None or checked.corrections is None:
            raise checks.failure or UpstreamUnreachableError(UPSTREAM, "did not tell what it has")
        block = await self._ask(series, days, Priority.ARCHIVE)
        held = await self._cache.get(_series_key(series), reads=_read_block)
        if block.is_empty and held is not None and _read_block(held.value).tells(days):
            raise UpstreamInvalidError(UPSTREAM, "has no views any more of days that it told")
        await self._cache.amend(
            _series_key(series), lambda value: _amended(value, block), reads=_read_block
        )
        told = tell(days, block, checked.calendar, checked.corrections)
        return Observation(told, no_data=block.is_empty)

    # Projects

    async def has_project(self, project: str) -> bool:
        """Tell whether AQS has ever told a number of a project."""
        return project in self._projects or await self.has_totals(project)

    async def make_sure_of(self, project: str) -> None:
        """See that AQS has ever told a number of a project.

        Raises
        ------
        UnknownProjectError
            It has not.
        """
        if not await self.has_project(project):
            raise UnknownProjectError(f"Wikimedia has never counted a view of {project}.")

    async def has_totals(self, project: str) -> bool:
        """Tell whether AQS has totals of a project."""
        return not (await self.whole(_total(project))).block.is_empty

    @property
    def projects(self) -> tuple[str, ...]:
        """The projects of which AQS has told a number, by name."""
        return tuple(sorted(self._projects))

    def _remember(self, project: str) -> None:
        self._projects[project] = None
        self._projects.move_to_end(project)
        if len(self._projects) > MAX_PROJECTS:
            self._projects.popitem(last=False)

    async def articles_dataset(self) -> KnownDataset | None:
        """Tell which days of articles are loaded, as far as it is known; AQS is not asked."""
        return await self._known_dataset(self._witness)

    async def totals_dataset(self, project: str) -> KnownDataset | None:
        """Tell the same of a project's totals."""
        return await self._known_dataset(_total(project))

    async def _known_dataset(self, witness: Series) -> KnownDataset | None:
        held = await self._cache.get(_calendar_key(witness), reads=_read_calendar)
        if held is None:
            return None
        calendar = _read_calendar(held.value)
        fresh_for = self._calendar_fresh_for(calendar, held.checked_at)
        next_check_at = held.checked_at + fresh_for if held.fresh else None
        return KnownDataset(witness.project, calendar, held.checked_at, next_check_at)

    def listed_days(self, project: str) -> dict[date, datetime | None]:
        """Tell for which days a top list was asked lately, and when it was first there, if ever."""
        return dict(self._listed.get(project, {}))

    async def known_corrections(self, project: str) -> KnownCorrections | None:
        """Tell what is known of a project's restated days; AQS is not asked."""
        held = await self._cache.get(_corrections_key(project), reads=_read_corrections)
        if held is None:
            return None
        return KnownCorrections(project, _read_corrections(held.value), held.checked_at)

    # Top lists

    async def top(self, project: str, access: Access, period: date | Month) -> KnownTop:
        """Tell the top list of a day or a month."""
        outcome = await _or_error(self._corrections(project, self._witness))
        corrections = None if isinstance(outcome, UpstreamError) else outcome

        async def fetch(priority: Priority) -> Filled:
            return await self._fetch_top(project, access, period, priority)

        def is_current(held: Held) -> bool:
            return self._is_current_top(held, period, corrections)

        held = await self._cache.get_or_fill(
            _top_key(project, access, period),
            _urgent(fetch),
            is_current=is_current,
            reads=_read_rows,
        )
        return self._known_top(held, corrections, current=is_current(held))

    async def observe_top(self, project: str, day: date) -> tuple[TopRow, ...]:
        """Tell the top list of a day for the archive: what is held and current, else asked anew.

        It is asked after everybody else, and so by itself: a caller must not wait for it.
        """
        key = _top_key(project, Access.ALL_ACCESS, day)
        held = await self._cache.get(key, reads=_read_rows)
        if held is not None and self._is_current_top(held, day, None):
            return _read_rows(held.value)
        filled = await self._fetch_top(project, Access.ALL_ACCESS, day, Priority.ARCHIVE)

        async def fill(_: bool) -> Filled:  # noqa: FBT001  # as the cache calls it
            return filled

        kept = await self._cache.get_or_fill(
            key, fill, is_current=lambda held: held.value == filled.value, reads=_read_rows
        )
        return _read_rows(kept.value)

    async def _fetch_top(
        self, project: str, access: Access, period: date | Month, priority: Priority
    ) -> Filled:
        rows = await self._aqs.top(project, access, period, priority=priority)
        self._note_list(project, period, found=bool(rows))
        value = zlib.compress(_rows.dump_json(rows))
        if not rows:
            return Filled(value, min(self._freshness, NOT_FOUND_FRESH), lasting=False)
        self._remember(project)
        return Filled(value, BLOCK_KEPT, exact=True)

    async def held_top(self, project: str, access: Access, period: date | Month) -> KnownTop | None:
        """Tell the top list of a day or a month if it is held; AQS is not asked."""
        held = await self._cache.get(_top_key(project, access, period), reads=_read_rows)
        return None if held is None else self._known_top(held, None, current=False)

    def _is_current_top(
        self, held: Held, period: date | Month, corrections: tuple[Corrections, Held] | None
    ) -> bool:
        if not _read_rows(held.value):
            return held.fresh
        if held.age < ASKED_AGAIN:
            return True
        now = self._clock.now()
        if corrections is None:
            return held.age < self._freshness
        start = period.first_day if isinstance(period, Month) else period
        end = month_end(start) if isinstance(period, Month) else period
        learned_at = now - held.age
        return not is_restated(DateRange(start, end), learned_at, corrections[0], now)

    def _known_top(
        self, held: Held, corrections: tuple[Corrections, Held] | None, *, current: bool
    ) -> KnownTop:
        """Tell a list as of when it was fetched, or last known not to be restated."""
        seen = corrections[1] if corrections and corrections[1].age < held.age else held
        checked_at = seen.checked_at if current else held.checked_at
        return KnownTop(
            _read_rows(held.value),
            checked_at,
            fresh=current and seen.age <= self._freshness,
            fetched=held.fetched,
        )

    def _note_list(self, project: str, period: date | Month, *, found: bool) -> None:
        if isinstance(period, Month) or period < self._today() - LISTED_FOR:
            return  # it tells nothing of the newest days
        days = self._listed.setdefault(project, {})
        days[period] = days.get(period) or (self._clock.now() if found else None)
        for day in [day for day in days if day < self._today() - LISTED_FOR]:
            del days[day]
        if len(self._listed) > MAX_PROJECTS:
            self._listed.popitem(last=False)

    def _today(self) -> date:
        return self._clock.now().date()


Fetch = Callable[[Priority], Awaitable[Filled]]


def _urgent(fetch: Fetch) -> Callable[[bool], Awaitable[Filled]]:
    """Let a fetch for which callers wait go before one that renews what is held."""
    return lambda held: fetch(Priority.REFRESH if held else Priority.CALLER)


async def _or_error(check: Awaitable[T], within: float | None = None) -> T | UpstreamError:
    try:
        async with asyncio.timeout(None if within is None else within * CHECKS_WITHIN):
            return await check
    except UpstreamError as e:
        return e
    except TimeoutError:
        return UpstreamTimeoutError(UPSTREAM, "did not tell in time what it has")


def _found(outcome: "tuple[T, Held] | UpstreamError") -> T | None:
    return None if isinstance(outcome, UpstreamError) else outcome[0]


def _counted(checked: Checked, series: Series) -> Checked:
    """Have the calendar say since when the series' agent is counted."""
    if checked.calendar is None or series.agent is not Agent.AUTOMATED:
        return checked
    return replace(checked, calendar=replace(checked.calendar, counted_from=AUTOMATED_FROM))


def _covers(block: Block, asked: DateRange) -> bool:
    """Tell whether a block has every asked day, be it due or not."""
    return block.days.start <= asked.start and asked.end <= block.days.end


def _amended(value: bytes, observed: Block) -> bytes:
    held = _read_block(value)
    return held.merged(observed).encode() if held.touches(observed) else value


def _read_top(value: bytes) -> tuple[TopRow, ...]:
    try:
        return _rows.validate_json(zlib.decompress(value))
    except zlib.error as e:
        raise ValueError("is no top list") from e


# The lists of a range and of the one before it: reading one takes 5 ms, and holding it half a MB.
_read_rows = lru_cache(maxsize=64)(_read_top)


def _total(project: str) -> Series:
    return Series(project, Access.ALL_ACCESS, Agent.ALL_AGENTS)


def _series_key(series: Series) -> str:
    return f"days/{series.key}"


def _calendar_key(witness: Series) -> str:
    return f"calendar/{witness.key}"


def _corrections_key(project: str) -> str:
    return f"corrections/{project}"


def _top_key(project: str, access: Access, period: date | Month) -> str:
    return f"top/{project}/{access}/{period}"
