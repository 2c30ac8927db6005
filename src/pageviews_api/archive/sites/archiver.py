"""The daily job of the sites: finds out what is due, asks each provider once, has it kept.

Running it twice changes nothing. It has nothing to do with the archive of Wikimedia's numbers:
neither waits for the other's data, nor fails with them.
"""

import asyncio
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import Protocol

from loguru import logger

from pageviews_api.archive.clocks import SlowestClock
from pageviews_api.archive.due import CATCH_UP_DAYS, days_due, window_of
from pageviews_api.archive.shelf import DayOutcome, DayResult, Shelf, Standing
from pageviews_api.archive.sites.document import (
    WINDOW_DAYS,
    NamedSite,
    ObservedSite,
    build,
    known_days,
    wanted_days,
)
from pageviews_api.archive.successes import JobState, Successes
from pageviews_api.clients.sites import Told
from pageviews_api.clock import Clock
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import ArchiveError, UpstreamError
from pageviews_api.schemas.site_archive import SiteOutcome, SitesDocument
from pageviews_api.schemas.site_metrics import Interval, SitePoint

ASKED_WITHIN = 60.0
"""Seconds that all tries to ask a provider may take: the next pass asks again."""

ASKED_AT_ONCE = 4
"""Sites that are asked for at a time."""

TRIES = 6
"""Tries to write a document: half a minute in all, as the archive of Wikimedia's numbers waits."""

NOT_YET = "the day has not come by the clock of the store"
"""Why a day is refused where our own clock is ahead."""

NO_ANSWER = "gave no answer in time"

FAULT = "could not be asked: a fault of this service"


class ArchivedSite(NamedSite, Protocol):
    """What is asked of a site: see ``clients.sites.Site``."""

    async def timeseries(
        self, start: date, end: date, interval: Interval, *, path: str | None = None
    ) -> Told[tuple[SitePoint, ...]]:
        """Tell the figures of each day, oldest first, without gaps."""
        ...


class ArchivedSites(Protocol):
    """The configured sites: see ``clients.sites.Sites``."""

    def names(self) -> tuple[str, ...]:
        """Tell their names."""
        ...

    def site(self, name: str) -> ArchivedSite:
        """Give the site of this name."""
        ...


class SitesArchiver:
    """Makes the documents that are due; none where no site is configured."""

    def __init__(self, sites: ArchivedSites, shelf: Shelf[SitesDocument], *, clock: Clock) -> None:
        self._sites = sites
        self._shelf = shelf
        self._clock = clock
        self._times = SlowestClock(clock, store=shelf)
        self.state = JobState()
        self._successes = Successes(self.state, job="sites archive", clock=clock, fault=_fault)

    @property
    def has_sites(self) -> bool:
        """Whether there is anything to archive."""
        return bool(self._sites.names())

    async def run(
        self, *, today_due: bool = True, only: DateRange | None = None
    ) -> list[DayResult]:
        """Archive every day that is due, or ``only`` some days; the newest comes first.

        ``today_due`` says that today's time has come. A day of a site that has not been over for
        an hour is left out, and a later run gets it. A site that cannot be had does not sink the
        rest.

        Raises
        ------
        ArchiveError
            The store cannot be read.
        """
        if not self.has_sites:
            return []
        run_id, started = uuid.uuid4().hex, self._clock.monotonic()
        if only is None:
            self.state.last_run = self._clock.now()
        with logger.contextualize(run_id=run_id):
            days = None if only is None else f"{only.start}/{only.end}"
            log = logger.bind(store=self._shelf.location, sites=self._sites.names(), only=days)
            log.info("sites archive run started")
            try:
                results = await self._run(run_id, today_due=today_due, only=only)
            except Exception as e:
                reason = str(e) if isinstance(e, ArchiveError) else type(e).__name__
                if only is None:
                    self._successes.note_failure(reason)
                logger.bind(reason=reason).error("sites archive run failed")
                raise
            if only is None:  # a day that somebody asks for says nothing of the daily job
                self._successes.note(results)
            self._times.tell_differences()
            outcomes = {result.day.isoformat(): str(result.outcome) for result in results}
            duration = round((self._clock.monotonic() - started) * 1000)
            logger.bind(outcomes=outcomes, duration_ms=duration).info("sites archive run finished")
        return results

    async def _run(
        self, run_id: str, *, today_due: bool, only: DateRange | None
    ) -> list[DayResult]:
        today = self._times.today()
        standing = await self._shelf.look(only or _recent(today))
        if only is None and self._times.today() != today:  # the store has told the time just now
            today = self._times.today()
            standing = await self._shelf.look(_recent(today))
        held = standing.nothing_to_add()
        results = list(standing.corrupt)
        if only is None:
            first = min(standing.archived, default=None)
            due = days_due(held, first=first, today=today, today_due=today_due)
        else:
            due = [day for day in sorted(only, reverse=True) if not held.get(day) and day <= today]
            results += [_refuse_future(day) for day in only if day > today]
            results += [await self._shelf.tell(day) for day in sorted(standing.complete)]
        if due:
            results += await self._make(due, standing, run_id)
        return results

    async def _make(self, due: list[date], standing: Standing, run_id: str) -> list[DayResult]:
        sites = [self._sites.site(name) for name in sorted(self._sites.names())]
        windows = {day: window_of(day, length=WINDOW_DAYS) for day in due}
        before = {
            day: await self._shelf.before(day) if day in standing.incomplete else None
            for day in due
        }
        observed = await self._observe(sites, windows, before)
        results: list[DayResult] = []
        for day, window in windows.items():
            document = build(
                day,
                window=window,
                sites=sites,
                observed=observed,
                today=self._times.today(),
                before=before[day],
            )
            result = await self._keep(document, run_id)
            results.append(result)
            if result.outcome is DayOutcome.FAILED and known_days(document):
                # The store fails: the other days wait for the next pass.
                rest = list(windows)[len(results) :]
                results += [replace(result, day=one, facts=None, key=None) for one in rest]
                break
        return results

    async def _keep(self, document: SitesDocument, run_id: str) -> DayResult:
        if document.day > self._times.today():  # the store has told the time since
            return _refuse_future(document.day)
        if not known_days(document):
            reasons = [one.reason for one in document.sites if one.reason]
            reason = f"no day is known: {reasons[0] if reasons else 'no site told any'}"
            logger.bind(day=document.day, reason=reason).warning("nothing is written")
            return DayResult(document.day, DayOutcome.FAILED, reason=reason)
        return await self._shelf.keep(document, run_id=run_id)

    async def _observe(
        self,
        sites: Iterable[ArchivedSite],
        windows: Mapping[date, DateRange],
        before: Mapping[date, SitesDocument | None],
    ) -> dict[str, ObservedSite]:
        """Ask once for each site that any of these days wants, for all of them together."""
        now, observed = self._times.now(), dict[str, ObservedSite]()
        places = asyncio.Semaphore(ASKED_AT_ONCE)

        async def observe(site: ArchivedSite, days: Collection[DateRange]) -> None:
            async with places:
                observed[site.name] = await self._observe_one(site, DateRange.spanning(days))

        async with asyncio.TaskGroup() as asking:
            for site in sites:
                asked = (
                    wanted_days(site, window, before[day], now=now)
                    for day, window in windows.items()
                )
                if days := [one for one in asked if one is not None]:
                    asking.create_task(observe(site, days))
        return observed

    async def _observe_one(self, site: ArchivedSite, days: DateRange) -> ObservedSite:
        log = logger.bind(site=site.name, start=days.start, end=days.end)
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(ASKED_WITHIN):
                told = await site.timeseries(days.start, days.end, Interval.DAY)
        except (TimeoutError, UpstreamError) as e:
            reason = e.reason if isinstance(e, UpstreamError) else NO_ANSWER
            log.bind(outcome=SiteOutcome.FAILED, reason=reason).warning("site not fetched")
            return ObservedSite(None, self._times.now(), reason)
        except Exception as e:  # noqa: BLE001  # a fault that one provider meets spares the others
            fault = type(e).__name__
            log.bind(outcome=SiteOutcome.FAILED, fault=fault).error("site not fetched")
            return ObservedSite(None, self._times.now(), FAULT)
        duration = round((self._clock.monotonic() - started) * 1000)
        log.bind(outcome=SiteOutcome.OK, stale=told.stale, duration_ms=duration).info(
            "site fetched"
        )
        # What was kept of an earlier answer was observed then, not now.
        asked_at = min(told.checked_at.astimezone(UTC), self._times.now())
        return ObservedSite(
            {point.start: point for point in told.value if not point.partial}, asked_at
        )


def _recent(today: date) -> DateRange:
    """Tell the days of which a document may be due."""
    return DateRange(today - timedelta(days=CATCH_UP_DAYS), today)


def _refuse_future(day: date) -> DayResult:
    logger.bind(day=day).error("the day has not come, nothing is written")
    return DayResult(day, DayOutcome.FAILED, reason=NOT_YET)


def _fault(result: DayResult) -> str | None:
    """Name what went wrong with a day; None where some of its days are just not over."""
    if result.outcome is DayOutcome.FAILED:
        return f"{result.day}: {result.reason}"
    facts = result.facts
    if facts is None or not facts.failed:
        return None
    return f"{result.day}: {facts.failed} of {facts.series} sites failed"
