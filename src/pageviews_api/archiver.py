"""The daily job: finds out what is due, fetches what that wants, has it kept.

Running it twice changes nothing. Every step is a log line with the run's id.
"""

import asyncio
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from loguru import logger

from pageviews_api.archive import (
    CATCH_UP_DAYS,
    KEPT_AFTER_LISTED,
    Observed,
    build,
    days_due,
    known_days,
    settled_series,
    window_of,
)
from pageviews_api.archive_shelf import ArchiveShelf, DayOutcome, DayResult, Standing
from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.clock import Clock
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.exceptions import ArchiveError, UpstreamError
from pageviews_api.schemas.archive import ArchiveDocument, ConsultedList, Outcome
from pageviews_api.schemas.query import Access, Agent, Series
from pageviews_api.schemas.selection import Selection

WAIT_FOR_DATA_UNTIL = time(20)
"""The UTC time from which a day is archived without its newest day, if that has not come."""

ASK_AGAIN_FOR_DATA = timedelta(minutes=15)
"""How often it is looked whether that day has come."""

FETCHES_AT_ONCE = 2
"""The gate lets background work have two places; more would only wait there."""

OVERDUE = timedelta(hours=24)
"""Without a run that succeeded for so long, somebody has to look."""


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


@dataclass(slots=True)
class ArchiveState:
    """What is to be said of the job from outside."""

    last_run: datetime | None = None
    last_success: datetime | None = None
    last_error: str | None = None
    last_results: tuple[DayResult, ...] = ()

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
    """What a day's archive wants: series by the day whose top list last named them."""

    series: dict[Series, date | None]
    lists: tuple[ConsultedList, ...]


class DailyArchiver:
    """Makes the archives that are due."""

    def __init__(
        self, pageviews: PageviewsClient, shelf: ArchiveShelf, *, clock: Clock, plan: ArchivePlan
    ) -> None:
        self._pageviews = pageviews
        self._shelf = shelf
        self._clock = clock
        self._plan = plan
        self._one_at_a_time = asyncio.Lock()
        self._begun_at = clock.now()
        self.state = ArchiveState()

    async def run(
        self, *, today_due: bool = True, only: date | None = None, patient: bool = True
    ) -> list[DayResult]:
        """Archive every day that is due, or ``only`` one day; the newest comes first.

        ``today_due`` says that today's time has come. A ``patient`` run leaves today alone until
        yesterday is loaded at Wikimedia, until 20:00 UTC at the latest.

        Raises
        ------
        ArchiveError
            The store cannot be read.
        UpstreamError
            It cannot be told which days are loaded.
        """
        run_id = uuid.uuid4().hex
        async with self._one_at_a_time:
            self.state.last_run = self._clock.now()
            with logger.contextualize(run_id=run_id):
                logger.bind(store=self._shelf.location, only=only).info("archive run started")
                try:
                    results = await self._run(
                        run_id, today_due=today_due, only=only, patient=patient
                    )
                except (ArchiveError, UpstreamError) as e:
                    self._note_failure(str(e))
                    logger.bind(reason=str(e)).error("archive run failed")
                    raise
                self._note(results)
                outcomes = {result.day.isoformat(): str(result.outcome) for result in results}
                logger.bind(outcomes=outcomes).info("archive run finished")
        return results

    async def _run(
        self, run_id: str, *, today_due: bool, only: date | None, patient: bool
    ) -> list[DayResult]:
        today = self._today()
        recent = DateRange(today - timedelta(days=CATCH_UP_DAYS), today)
        standing = await self._shelf.look(recent if only is None else [only])
        held = standing.nothing_to_add()
        first = min(standing.archived, default=None)
        due = days_due(held, first=first, today=today, today_due=today_due)
        results = list(standing.corrupt)
        if only is not None:
            due = [] if held.get(only) else [only]
            results += [await self._shelf.tell(day) for day in standing.complete]
        if due and patient and await self._waits(due[0], today):
            results.append(DayResult(due.pop(0), DayOutcome.WAITING))
        if due:
            results += await self._make(due, standing, today, run_id)
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
            return bool(await self._pageviews.top_articles(self._plan.project, day, 1))
        except UpstreamError:
            return True

    async def _make(
        self, due: list[date], standing: Standing, today: date, run_id: str
    ) -> list[DayResult]:
        before = standing.incomplete
        wanted = await self._wanted(sorted(due), standing.archived)
        asked = {
            series
            for day in due
            for series in wanted[day].series.keys() - settled_series(before.get(day))
        }
        windows = {day: window_of(day, length=self._plan.length) for day in due}
        union = DateRange(
            min(window.start for window in windows.values()),
            max(window.end for window in windows.values()),
        )
        observed = await self._observe(sorted(asked, key=lambda series: series.key), union)
        results = []
        for day, window in windows.items():
            document = build(
                day,
                window=window,
                wanted=wanted[day].series,
                observed=observed,
                lists=wanted[day].lists,
                today=today,
                before=before.get(day),
            )
            results.append(await self._keep(document, run_id))
        return results

    async def _keep(self, document: ArchiveDocument, run_id: str) -> DayResult:
        if known_days(document) == 0:
            logger.bind(day=document.date).error("no day is known, nothing is written")
            reason = "no day is known"
            return DayResult(document.date, DayOutcome.FAILED, reason=reason)
        return await self._shelf.keep(document, run_id=run_id)

    async def _wanted(self, due: Iterable[date], archived: tuple[date, ...]) -> dict[date, _Wanted]:
        """Tell for each day, oldest first, which series it wants and which lists said so."""
        selection, plan = self._plan.selection, self._plan
        named = dict.fromkeys(
            [plan.series(*pair) for pair in selection.articles]
            + [plan.series(project, None) for project in selection.totals]
        )
        wanted: dict[date, _Wanted] = {}
        listed: dict[str, date] = {}
        seen: date | None = None
        for day in due:
            if not selection.top:
                wanted[day] = _Wanted(dict(named), ())
                continue
            titles, consulted = await self._consult(day - ONE_DAY)
            # What was archived since the last due day was looked at names articles, too.
            since = [one for one in archived if (seen is None or one > seen) and one < day]
            listed |= await self._listed_in(since)
            listed |= dict.fromkeys(titles, day - ONE_DAY)
            seen = day
            oldest = day - ONE_DAY - KEPT_AFTER_LISTED
            by_list: dict[Series, date | None] = {
                plan.series(plan.project, title): listed_on
                for title, listed_on in listed.items()
                if listed_on >= oldest
            }
            wanted[day] = _Wanted(by_list | named, (consulted,))
        return wanted

    async def _listed_in(self, days: Iterable[date]) -> dict[str, date]:
        """Tell the titles of earlier top lists, from the newest archive of these days."""
        document = await self._shelf.newest_of(days)
        return {
            item.article: item.listed_on
            for item in (document.items if document else ())
            if item.article is not None and item.listed_on is not None
        }

    async def _consult(self, day: date) -> tuple[tuple[str, ...], ConsultedList]:
        project = self._plan.project
        titles: tuple[str, ...] = ()
        reason = None
        try:
            titles = await self._pageviews.top_articles(project, day, self._plan.selection.top)
        except UpstreamError as e:
            reason = e.reason
        outcome = Outcome.FAILED if reason else Outcome.OK if titles else Outcome.NO_DATA
        logger.bind(project=project, day=day, outcome=outcome, titles=len(titles)).info(
            "top list consulted"
        )
        return titles, ConsultedList(project=project, date=day, outcome=outcome, reason=reason)

    async def _observe(self, asked: Iterable[Series], days: DateRange) -> dict[Series, Observed]:
        """Ask for each series once; one that fails does not sink the rest."""
        observed: dict[Series, Observed] = {}
        queue = iter(asked)

        async def work() -> None:
            for series in queue:
                observed[series] = await self._observe_one(series, days)

        async with asyncio.TaskGroup() as workers:
            for _ in range(FETCHES_AT_ONCE):
                workers.create_task(work())
        return observed

    async def _observe_one(self, series: Series, days: DateRange) -> Observed:
        log = logger.bind(series=series.key, start=days.start, end=days.end)
        started = self._clock.monotonic()
        try:
            observation = await self._pageviews.observe(series, days)
        except UpstreamError as e:
            log.bind(outcome=Outcome.FAILED, reason=e.reason).warning("series not fetched")
            return Observed({}, self._today(), reason=e.reason)
        duration = round((self._clock.monotonic() - started) * 1000)
        outcome = Outcome.NO_DATA if observation.no_data else Outcome.OK
        log.bind(outcome=outcome, duration_ms=duration).info("series fetched")
        return Observed({point.date: point for point in observation.points}, self._today())

    def _note(self, results: Iterable[DayResult]) -> None:
        self.state.last_results = tuple(results)
        open_days = [one for one in self.state.last_results if not one.is_done]
        faults = [fault for one in open_days if (fault := _fault(one))]
        if faults:
            self._note_failure(faults[0])
        elif open_days:
            self._warn_if_overdue()  # what is missing is to come from Wikimedia
        else:
            self.state.last_success, self.state.last_error = self._clock.now(), None

    def _note_failure(self, reason: str) -> None:
        self.state.last_error = reason
        self._warn_if_overdue()

    def _warn_if_overdue(self) -> None:
        since = self._clock.now() - (self.state.last_success or self._begun_at)
        if since > OVERDUE:
            hours = round(since.total_seconds() / 3600)
            logger.bind(hours=hours).critical("no archive run has succeeded for over a day")

    def _today(self) -> date:
        return self._clock.now().date()


def _fault(result: DayResult) -> str | None:
    """Name what went wrong with a day; None where its data just have not come yet."""
    if result.outcome is DayOutcome.FAILED:
        return f"{result.day}: {result.reason}"
    document = result.document
    if document is None:
        return None
    outcomes = [item.outcome for item in document.items] + [one.outcome for one in document.lists]
    failed = outcomes.count(Outcome.FAILED)
    return f"{result.day}: {failed} of {len(outcomes)} fetches failed" if failed else None
