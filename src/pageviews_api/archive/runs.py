"""Runs that somebody asks for: each is a task of its own, and every process tells how far it is.

What a run does is the archiver's business. Asking again while it runs changes nothing, and asking
again when it is over makes the archiver look for what is missing.
"""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from typing import Protocol

from loguru import logger
from pydantic import ValidationError

from pageviews_api.archive.archiver import DailyArchiver
from pageviews_api.archive.index import ArchiveIndex
from pageviews_api.archive.shelf import FINISH_WITHIN, DayResult
from pageviews_api.clock import Clock
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import (
    ArchiveError,
    NotArchivedError,
    TooManyRunsError,
    UpstreamError,
)
from pageviews_api.schemas.archive_runs import ArchiveRun, RunOutcome, RunState

MAX_OPEN = 30
"""Runs of one process that have not ended; more are refused."""

ASK_AGAIN_AFTER = 60.0
"""Seconds after which one that was refused may be asked for again."""

MAX_ENDED = 100
"""Runs that have ended, of which one process tells."""

POSTED_EVERY = 2.0
"""Seconds between two reports of a run to the other processes."""

OPEN_POSTED_FOR = timedelta(seconds=60)
"""How long such a report is believed: that of a process that has died must not hold up others."""

ENDED_POSTED_FOR = timedelta(days=1)
"""How long the others tell of a run that has ended."""

STOP_WITHIN = FINISH_WITHIN + 1
"""Seconds that all runs together may take to end when the service stops."""

STOPPED = "the service was stopped; asked for again, it goes on where it was"

_BEFORE_ALL = datetime.fromisoformat("0001-01-01T00:00:00Z")


class Board(Protocol):
    """What all processes can read and write; it may lose everything at any moment."""

    async def get(self, key: str) -> bytes | None:
        """Look up what is kept."""
        ...

    async def put(self, key: str, value: bytes, *, keep_for: timedelta) -> None:
        """Keep a value for so long."""
        ...


class ArchiveRuns:
    """Takes on runs, one for a day at a time, and tells of them.

    ``turn`` waits until no other process archives, and holds them off meanwhile. ``key`` names a
    day's archive in the store. Without a ``board`` only this process knows of its runs.
    """

    def __init__(
        self,
        archiver: DailyArchiver,
        index: ArchiveIndex,
        *,
        clock: Clock,
        key: Callable[[date], str],
        turn: Callable[[], AbstractAsyncContextManager[None]],
        board: Board | None,
    ) -> None:
        self._archiver = archiver
        self._index = index
        self._clock = clock
        self._key = key
        self._turn = turn
        self._board = board
        self._one_at_a_time = asyncio.Lock()
        self._runs: OrderedDict[date, ArchiveRun] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, day: date, *, by: str) -> ArchiveRun:
        """Have a day archived, unless a run for it has not ended yet; ``by`` is for the log.

        Raises
        ------
        TooManyRunsError
            So many have not ended yet.
        """
        known = await self._known(day)
        is_new = known is None or not known.is_open
        run = self._begin(day, after=known) if known is None or is_new else known
        logger.bind(day=day, by=by, run_id=run.run_id, new=is_new).info("archive run asked for")
        if is_new:
            await self._post(day)  # whichever process is asked next knows of it
        return run

    async def tell(self, day: date) -> ArchiveRun:
        """Tell how far the last run for a day is; where none is known, what is stored.

        Raises
        ------
        NotArchivedError
            Nothing is.
        ArchiveError
            The store cannot be read.
        """
        known = await self._known(day)
        if known is not None:
            return known
        entry = await self._index.entry(day)
        if entry is None:
            raise NotArchivedError(f"No run for {day} is known, and there is no archive of it.")
        return ArchiveRun(
            date=day,
            state=RunState.FINISHED,
            complete=entry.facts.complete,
            key=self._key(day),
            sha256=entry.sha256,
            bytes=entry.size,
        )

    async def aclose(self) -> None:
        """End all runs; the write in hand may take some seconds more."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_WITHIN)

    async def _known(self, day: date) -> ArchiveRun | None:
        """Tell of our run or of another process', whichever is to be told of."""
        posted = await self._posted(day)
        own = self._own(day)  # after the wait: in the meantime it may have been asked for
        if own is None or posted is None or own.run_id == posted.run_id:
            return own or posted
        return max(own, posted, key=lambda run: (run.is_open, run.requested_at or _BEFORE_ALL))

    def _own(self, day: date) -> ArchiveRun | None:
        run = self._runs.get(day)
        return self._with_progress(run) if run and run.is_open else run

    def _with_progress(self, run: ArchiveRun) -> ArchiveRun:
        state = self._archiver.state
        if state.run_id != run.run_id:
            return run  # it has not begun
        progress = {
            "state": RunState.RUNNING,
            "started_at": state.begun_at and state.begun_at.replace(microsecond=0),
            "series_to_ask": state.series_to_ask,
            "series_asked": state.series_asked,
        }
        return run.model_copy(update=progress)

    def _begin(self, day: date, *, after: ArchiveRun | None) -> ArchiveRun:
        if len(self._tasks) >= MAX_OPEN:
            raise TooManyRunsError(ASK_AGAIN_AFTER)
        run = ArchiveRun(
            date=day, state=RunState.QUEUED, run_id=uuid.uuid4().hex, requested_at=self._now()
        )
        self._keep(run)
        work = self._carry_out(run, after=after.run_id if after else None)
        task = asyncio.create_task(work, name=f"archive run for {day}")
        self._tasks.add(task)  # beside that of a run before, which may not have posted its end yet
        task.add_done_callback(lambda task: self._close(run, task))
        return run

    async def _carry_out(self, run: ArchiveRun, *, after: str | None) -> None:
        posting = asyncio.create_task(self._keep_posting(run.date))
        try:
            async with self._one_at_a_time, self._turn():
                self._keep(await self._done_elsewhere(run, after) or await self._run(run))
                await self._post_last(run.date, posting)  # before the next one's turn
        except asyncio.CancelledError:
            self._fail(run, STOPPED)
            raise
        finally:
            await self._post_last(run.date, posting)

    async def _run(self, run: ArchiveRun) -> ArchiveRun:
        day = run.date
        try:
            results = await self._archiver.run(
                only=DateRange.only(day), patient=False, run_id=run.run_id
            )
        except (ArchiveError, UpstreamError) as e:
            return self._ended(run, RunOutcome.FAILED, reason=str(e))
        return self._told(run, next(one for one in results if one.day == day))

    def _told(self, run: ArchiveRun, result: DayResult) -> ArchiveRun:
        ended = self._ended(run, RunOutcome(result.outcome), reason=result.reason)
        if result.key is None or result.facts is None:
            return ended
        stored = {
            "complete": result.facts.complete,
            "key": result.key,
            "sha256": result.sha256,
            "bytes": result.size,
        }
        return ended.model_copy(update=stored)

    def _ended(self, run: ArchiveRun, outcome: RunOutcome, *, reason: str | None) -> ArchiveRun:
        failed = outcome is RunOutcome.FAILED
        end = {
            "state": RunState.FAILED if failed else RunState.FINISHED,
            "finished_at": self._now(),
            "outcome": outcome,
            "reason": reason,
        }
        return self._with_progress(run).model_copy(update=end)

    def _close(self, run: ArchiveRun, task: "asyncio.Task[None]") -> None:
        """Forget the task. One that ended without a result had no time for it, or has a fault."""
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log = logger.bind(day=run.date, run_id=run.run_id)
            log.opt(exception=fault).error("archive run has a fault")
        self._fail(run, f"a fault of ours: {type(fault).__name__}" if fault else STOPPED)

    def _fail(self, run: ArchiveRun, reason: str) -> None:
        now = self._runs.get(run.date)
        if now is not None and now.is_open and now.run_id == run.run_id:
            self._keep(self._ended(run, RunOutcome.FAILED, reason=reason))

    def _keep(self, run: ArchiveRun) -> None:
        self._runs[run.date] = run
        self._runs.move_to_end(run.date)
        ended = [day for day, one in self._runs.items() if not one.is_open]
        for day in ended[:-MAX_ENDED]:
            del self._runs[day]

    async def _done_elsewhere(self, run: ArchiveRun, after: str | None) -> ArchiveRun | None:
        """Tell of the run by which another process has made the archive while ours waited.

        ``after`` names the last one before ours was asked for.
        """
        posted = await self._posted(run.date)
        if posted is None or posted.state is not RunState.FINISHED:
            return None
        return None if posted.run_id in {after, run.run_id} else posted

    async def _keep_posting(self, day: date) -> None:
        while self._board is not None:
            await asyncio.sleep(POSTED_EVERY)  # real time: what is posted runs out by Redis' own
            await self._post(day)

    async def _post_last(self, day: date, posting: "asyncio.Task[None]") -> None:
        """Post after all that is being posted."""
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
        await self._post(day)

    async def _post(self, day: date) -> None:
        run = self._own(day)
        if self._board is None or run is None:
            return
        if run.state is RunState.QUEUED:
            posted = await self._posted(day)
            if posted is not None and posted.is_open and posted.run_id != run.run_id:
                return  # asked for at the same moment, and further on
        keep_for = OPEN_POSTED_FOR if run.is_open else ENDED_POSTED_FOR
        await self._board.put(_name(day), run.model_dump_json().encode(), keep_for=keep_for)

    async def _posted(self, day: date) -> ArchiveRun | None:
        posted = None if self._board is None else await self._board.get(_name(day))
        try:
            return None if posted is None else ArchiveRun.model_validate_json(posted)
        except ValidationError:
            return None  # of another version of ours

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)


def _name(day: date) -> str:
    return f"archive-run:{day}"
