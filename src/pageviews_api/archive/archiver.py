"""The daily job: finds out what is due, fetches what that wants, has it kept.

Running it twice changes nothing. Every step is a log line with the run's id.
"""

import asyncio
import uuid
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice

from loguru import logger

from pageviews_api.archive.clocks import SlowestClock
from pageviews_api.archive.document import (
    KEPT_AFTER_LISTED,
    Archive,
    Observed,
    build,
    order,
    settled_series,
    unsettled_series,
)
from pageviews_api.archive.due import CATCH_UP_DAYS, days_due, window_of
from pageviews_api.archive.shelf import (
    FINISH_WITHIN,
    ArchiveShelf,
    DayOutcome,
    DayResult,
    Standing,
)
from pageviews_api.archive.successes import JobState, Successes
from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.clock import Clock
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.exceptions import ArchiveError, UpstreamError
from pageviews_api.schemas.archive import ArchivedTop, Outcome
from pageviews_api.schemas.names import has_articles, is_article
from pageviews_api.schemas.query import Access, Agent, Series
from pageviews_api.schemas.selection import Selection

WAIT_FOR_DATA_UNTIL = time(20)
"""The UTC time from which a day is archived without its newest day, if that has not come."""

ASK_AGAIN_FOR_DATA = timedelta(minutes=15)
"""How often it is looked whether that day has come."""

FETCHES_AT_ONCE = 2
"""The gate lets background work have two places; more would only wait there."""

NOT_YET = "the day has not come by the clock of Wikimedia or of the store"
"""Why a day is refused where our own clock is ahead."""


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What every archive holds: which series, and how many days of them."""

    selection: Selection
    project: str
    access: Access
    agent: Agent
    length: int

    def series(self, project: str, article: str | None) -> Series:
        """Name the series of an article, or of a project's total, as this plan archives them."""
        return Series(project, self.access, self.agent, article)

    @property
    def named(self) -> dict[Series, date | None]:
        """The series that are asked for by name; no list has named them."""
        articles = [self.series(*pair) for pair in self.selection.articles]
        totals = [self.series(project, None) for project in self.selection.totals]
        return dict.fromkeys(articles + totals)

    @property
    def projects(self) -> list[str]:
        """The projects whose top lists are kept, in order."""
        named = {project for project, _ in self.selection.articles}
        totals = {project for project in self.selection.totals if has_articles(project)}
        return sorted({self.project} | named | totals)


@dataclass(slots=True)
class ArchiveState(JobState):
    """What is to be said of the job from outside.

    ``last_…`` tell of the daily job. The others tell of the run that goes on, or went on last, be
    it the daily one or one that somebody asked for.
    """

    last_results: tuple[DayResult, ...] = ()
    run_id: str | None = None
    begun_at: datetime | None = None
    lists_to_ask: int = 0
    lists_asked: int = 0
    series_to_ask: int = 0
    series_asked: int = 0

    def incomplete(self, archived: Collection[date]) -> list[date] | None:
        """Tell which archived days the last run left in part, or could not read; newest first.

        None where no run has ended yet.
        """
        if self.last_success is None and not self.last_results:
            return None
        open_days = {result.day for result in self.last_results if not result.is_done}
        return sorted(open_days & set(archived), reverse=True)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a day's archive wants: series by the day whose top list last named them, and lists.

    The lists are packed: a year of them is had before the first archive is put together.
    """

    series: Mapping[Series, date | None]
    packed_top: tuple[bytes, ...]

    @property
    def top(self) -> tuple[ArchivedTop, ...]:
        """The lists, unpacked."""
        return tuple(
            ArchivedTop.model_validate_json(zlib.decompress(one)) for one in self.packed_top
        )

    def with_series(self, more: Mapping[Series, date | None]) -> "_Wanted":
        """Want some series more."""
        return _Wanted({**more, **self.series}, self.packed_top) if more else self

    @classmethod
    def of(cls, series: Mapping[Series, date | None], top: Iterable[ArchivedTop]) -> "_Wanted":
        """Pack the lists."""
        return cls(series, tuple(zlib.compress(one.model_dump_json().encode()) for one in top))


class DailyArchiver:
    """Makes the archives that are due.

    ``selection`` tells, at the start of each run, what is to be archived in place of what the plan
    says; it may raise ``ArchiveError``.
    """

    def __init__(
        self,
        pageviews: PageviewsClient,
        shelf: ArchiveShelf,
        *,
        clock: Clock,
        plan: ArchivePlan,
        selection: Callable[[], Awaitable[Selection]] | None = None,
    ) -> None:
        self._pageviews = pageviews
        self._shelf = shelf
        self._clock = clock
        self._times = SlowestClock(clock, store=shelf, aqs=pageviews)
        self._plan = plan
        self._selection = selection
        self._one_at_a_time = asyncio.Lock()
        self._archived: Collection[date] = ()
        self._earlier: asyncio.Task[Archive | None] | None = None
        self.state = ArchiveState()
        self._successes = Successes(self.state, job="archive", clock=clock, fault=_fault)

    async def run(
        self,
        *,
        today_due: bool = True,
        only: DateRange | None = None,
        patient: bool = True,
        run_id: str | None = None,
    ) -> list[DayResult]:
        """Archive every day that is due, or ``only`` some days; the newest comes first.

        ``today_due`` says that today's time has come. A ``patient`` run leaves today alone until
        yesterday is loaded at Wikimedia, until 20:00 UTC at the latest. A run that is stopped goes
        on where it was when it is run again, here or elsewhere. ``run_id`` names it in the log and
        beside what it writes; ``state`` tells of it while it bears that name.

        Raises
        ------
        ArchiveError
            The store cannot be read.
        UpstreamError
            It cannot be told which days are loaded.
        """
        run_id = run_id or uuid.uuid4().hex
        async with self._one_at_a_time:
            self.state.run_id, self.state.begun_at = run_id, self._clock.now()
            self.state.series_to_ask = self.state.series_asked = 0
            self.state.lists_to_ask = self.state.lists_asked = 0
            if only is None:
                self.state.last_run = self.state.begun_at
            with logger.contextualize(run_id=run_id):
                days = None if only is None else f"{only.start}/{only.end}"
                logger.bind(store=self._shelf.location, only=days).info("archive run started")
                started = self._clock.monotonic()
                try:
                    results = await self._run(
                        run_id, today_due=today_due, only=only, patient=patient
                    )
                except (ArchiveError, UpstreamError) as e:
                    if only is None:
                        self._successes.note_failure(str(e))
                    logger.bind(reason=str(e)).error("archive run failed")
                    raise
                if only is None:  # a day that somebody asks for says nothing of the daily job
                    self.state.last_results = tuple(results)
                    self._successes.note(self.state.last_results)
                self._times.tell_differences()
                outcomes = {result.day.isoformat(): str(result.outcome) for result in results}
                duration = round((self._clock.monotonic() - started) * 1000)
                logger.bind(outcomes=outcomes, duration_ms=duration).info("archive run finished")
        return results

    async def _run(
        self, run_id: str, *, today_due: bool, only: DateRange | None, patient: bool
    ) -> list[DayResult]:
        if self._selection is not None:
            self._plan = replace(self._plan, selection=await self._selection())
        today = self._today()
        standing = await self._shelf.look(only or _recent(today))
        if only is None and self._today() != today:  # the store has told the time just now
            today = self._today()
            standing = await self._shelf.look(_recent(today))
        held = standing.nothing_to_add()
        first = min(standing.archived, default=None)
        due = days_due(held, first=first, today=today, today_due=today_due)
        results = list(standing.corrupt)
        if only is not None:
            due = [day for day in sorted(only, reverse=True) if not held.get(day) and day <= today]
            results += [self._refuse_future(day) for day in only if day > today]
            results += [await self._shelf.tell(day) for day in sorted(standing.complete)]
        if due and patient and await self._waits(due[0], today):
            results.append(DayResult(due.pop(0), DayOutcome.WAITING))
        if due:
            results += await self._make(due, standing, run_id)
        return results

    async def _waits(self, newest: date, today: date) -> bool:
        now = self._clock.now()
        if newest != today or now.time() >= WAIT_FOR_DATA_UNTIL:
            return False
        complete_through = (await self._pageviews.calendar()).complete_through
        loaded = complete_through >= today - ONE_DAY
        listed = not self._plan.selection.top or await self._is_listed(today - ONE_DAY)
        if loaded and listed:
            return False
        logger.bind(day=today, complete_through=complete_through, top_list=listed).info(
            "waiting for data"
        )
        return True

    async def _is_listed(self, day: date) -> bool:
        """Tell whether the day's top list is there: it is loaded apart from the articles.

        One that cannot be asked for is not waited for; a later run gets it.
        """
        try:
            return bool(await self._pageviews.observe_top(self._plan.project, day))
        except UpstreamError:
            return True

    async def _make(self, due: list[date], standing: Standing, run_id: str) -> list[DayResult]:
        wanted = await self._wanted(due, standing)
        windows = {day: window_of(day, length=self._plan.length) for day in due}
        settled: dict[date, set[Series]] = {}
        for day in due:
            before = await self._before(day, standing)
            settled[day] = settled_series(before)
            wanted[day] = wanted[day].with_series(unsettled_series(before))
        needed = await asyncio.to_thread(_needed, wanted, settled, windows)
        self._earlier = None
        self._archived = standing.archived
        observed = await self._observe(needed, DateRange.spanning(windows.values()))
        expected = await self._expected(wanted.values(), standing.archived)
        results: list[DayResult] = []
        for day, window in windows.items():
            if results and results[-1].refused:  # it would be in vain, and each may be large
                results.append(replace(results[-1], day=day, facts=None, key=None))
                continue
            if day > self._today():
                results.append(self._refuse_future(day))
                continue
            archive = await asyncio.to_thread(
                build,
                day,
                window=window,
                wanted=wanted[day].series,
                observed=observed,
                top=wanted[day].top,
                expected=expected,
                today=self._today(),
                before=await self._before(day, standing),
            )
            results.append(await self._keep(archive, run_id))
        return results

    async def _before(self, day: date, standing: Standing) -> Archive | None:
        """Read what earlier passes have of a day; one at a time, for each may be large."""
        return await self._shelf.before(day) if day in standing.incomplete else None

    async def _keep(self, archive: Archive, run_id: str) -> DayResult:
        if archive.known_days() == 0:
            reason = f"no day is known: {_why_unknown(archive)}"
            logger.bind(day=archive.day, reason=reason).warning("nothing is written")
            return DayResult(archive.day, DayOutcome.FAILED, reason=reason)
        return await self._shelf.keep(archive, run_id=run_id)

    def _refuse_future(self, day: date) -> DayResult:
        logger.bind(day=day).error("the day has not come, nothing is written")
        return DayResult(day, DayOutcome.FAILED, reason=NOT_YET)

    async def _wanted(self, due: Collection[date], standing: Standing) -> dict[date, _Wanted]:
        """Tell for each day which series it wants, and get its top lists."""
        named, project = self._plan.named, self._plan.project
        wanted: dict[date, _Wanted] = {}
        listed: dict[str, date] = {}
        seen: date | None = None
        self.state.lists_to_ask = len(due) * len(self._plan.projects)
        for day in sorted(due):
            top = await self._lists(day, standing)
            if not self._plan.selection.top:
                wanted[day] = _Wanted.of(named, top)
                continue
            # What was archived since the last due day was looked at names articles, too.
            since = [one for one in standing.archived if (seen is None or one > seen) and one < day]
            listed |= await self._listed_in(since)
            listed |= dict.fromkeys(self._chosen(top), day - ONE_DAY)
            seen = day
            oldest = day - ONE_DAY - KEPT_AFTER_LISTED
            by_list: dict[Series, date | None] = {
                self._plan.series(project, title): listed_on
                for title, listed_on in listed.items()
                if listed_on >= oldest
            }
            wanted[day] = _Wanted.of(by_list | named, top)
        return wanted

    def _chosen(self, top: Iterable[ArchivedTop]) -> Iterable[str]:
        """Tell the titles that the default project's list asks for, without what is no title."""
        rows = (row for one in top if one.project == self._plan.project for row in one.articles)
        first = islice(rows, self._plan.selection.top)
        return (row.article for row in first if is_article(row.article))

    async def _listed_in(self, days: Iterable[date]) -> dict[str, date]:
        """Tell the titles of earlier top lists, from the newest archive of these days."""
        archive = await self._shelf.newest_of(days)
        return {
            series.article: record.listed_on
            for series, record in (archive.series.items() if archive else ())
            if series.project == self._plan.project
            and series.article is not None
            and record.listed_on is not None
        }

    async def _lists(self, day: date, standing: Standing) -> tuple[ArchivedTop, ...]:
        """Get the top lists of the day before ``day``, but for those that an earlier pass had."""
        before = await self._before(day, standing)
        had = {one.project: one for one in (before.top if before else ())}
        lists = []
        for project in self._plan.projects:
            known = had.get(project)
            if known is None or known.outcome is not Outcome.OK:
                known = await self._consult(project, day - ONE_DAY)
            lists.append(known)
            self.state.lists_asked += 1
        return tuple(lists)

    async def _consult(self, project: str, day: date) -> ArchivedTop:
        try:
            articles, reason = await self._pageviews.observe_top(project, day), None
        except UpstreamError as e:
            articles, reason = (), e.reason
        outcome = Outcome.FAILED if reason else Outcome.OK if articles else Outcome.NO_DATA
        logger.bind(
            project=project, day=day, outcome=outcome, reason=reason, titles=len(articles)
        ).info("top list consulted")
        return ArchivedTop(
            project=project,
            access=Access.ALL_ACCESS,
            date=day,
            outcome=outcome,
            reason=reason,
            articles=articles,
        )

    async def _expected(self, wanted: Iterable[_Wanted], archived: Collection[date]) -> set[str]:
        """Tell the projects whose lists are waited for: that choose articles, or had one lately."""
        expected = {self._plan.project} if self._plan.selection.top else set()
        absent = {
            one.project for day in wanted for one in day.top if one.outcome is Outcome.NO_DATA
        }
        if absent - expected:
            newest = await self._shelf.newest_of(archived)
            expected |= {one.project for one in (newest.top if newest else ()) if one.articles}
        return expected

    async def _observe(
        self, needed: Mapping[Series, DateRange], days: DateRange
    ) -> dict[Series, Observed]:
        """Ask for each series once; one that fails does not sink the rest.

        What an earlier run has asked is not asked again; what this one has asked is written down,
        also when it is stopped.
        """
        journal = self._shelf.journal()
        observed = await journal.recall(needed) if needed else {}
        state = self.state
        state.series_to_ask, state.series_asked = len(needed), len(observed)
        queue = iter(sorted(needed.keys() - observed.keys(), key=order))

        async def work() -> None:
            for series in queue:
                seen = observed[series] = await self._observe_one(series, days)
                state.series_asked += 1
                await journal.note(series, seen)

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(FETCHES_AT_ONCE):
                    workers.create_task(work())
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(FINISH_WITHIN):
                    await journal.flush()
            raise
        return observed

    async def _observe_one(self, series: Series, days: DateRange) -> Observed:
        log = logger.bind(series=series.key, start=days.start, end=days.end)
        started = self._clock.monotonic()
        try:
            observation = await self._pageviews.observe(series, days)
        except UpstreamError as e:
            log.bind(outcome=Outcome.FAILED, reason=e.reason).warning("series not fetched")
            return Observed(None, self._today(), reason=e.reason)
        if observation.no_data and await self._was_archived(series, days):
            # Wikimedia's 404 is now and then a fault of its own: it takes back no number.
            reason = "has no views any more of days that were archived"
            log.bind(outcome=Outcome.FAILED, reason=reason).warning("series not fetched")
            return Observed(None, self._today(), reason=reason)
        duration = round((self._clock.monotonic() - started) * 1000)
        outcome = Outcome.NO_DATA if observation.no_data else Outcome.OK
        log.bind(outcome=outcome, duration_ms=duration).info("series fetched")
        return Observed(observation.days, self._today())

    async def _was_archived(self, series: Series, days: DateRange) -> bool:
        """Tell whether the newest archive has views of a series in some of these days."""
        if self._earlier is None:  # read once in a run, and only if need be
            self._earlier = asyncio.create_task(self._shelf.newest_of(self._archived))
        try:
            archive = await asyncio.shield(self._earlier)
        except ArchiveError:
            return False
        record = archive.series.get(series) if archive else None
        known = record.days if record else None
        return known is not None and any(known.view_of(day) for day in days)

    def _today(self) -> date:
        """Tell the UTC day by whichever clock is behind: ours, the store's, or AQS'."""
        return self._times.today()


def _needed(
    wanted: Mapping[date, _Wanted],
    settled: Mapping[date, Collection[Series]],
    windows: Mapping[date, DateRange],
) -> dict[Series, DateRange]:
    """Tell the series that are to be asked for, each with the days that its archives want."""
    needed: dict[Series, DateRange] = {}
    for day, window in windows.items():
        for series in wanted[day].series:
            if series in settled[day]:
                continue
            known = needed.get(series)
            if known is None:
                needed[series] = window
            elif window.start < known.start or window.end > known.end:
                start, end = min(known.start, window.start), max(known.end, window.end)
                needed[series] = DateRange(start, end)
    return needed


def _recent(today: date) -> DateRange:
    """Tell the days of which an archive may be due."""
    return DateRange(today - timedelta(days=CATCH_UP_DAYS), today)


def _why_unknown(archive: Archive) -> str:
    """Tell why an archive tells no day: the reason that most of its series have."""
    reasons = Counter(record.reason for record in archive.series.values() if record.reason)
    return reasons.most_common(1)[0][0] if reasons else "Wikimedia has none of its window (yet)"


def _fault(result: DayResult) -> str | None:
    """Name what went wrong with a day; None where its data just have not come yet."""
    if result.outcome is DayOutcome.FAILED:
        return f"{result.day}: {result.reason}"
    facts = result.facts
    failed = facts.failed + facts.lists_failed if facts else 0
    if facts is None or not failed:
        return None
    asked = facts.series + facts.lists + facts.lists_failed
    return f"{result.day}: {failed} of {asked} fetches failed"
