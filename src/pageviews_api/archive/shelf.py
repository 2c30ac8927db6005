"""The archive store seen as documents: which there are, and how one is put there for good.

Two writers at once make one archive; a lesser one never replaces a better one.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Generic

from loguru import logger

from pageviews_api.archive.document import Archive
from pageviews_api.archive.facts import Facts
from pageviews_api.archive.form import PAGEVIEWS, D, Form
from pageviews_api.archive.journal import Journal
from pageviews_api.clients.archive_store import ArchiveStore, StoredArchive, sha256
from pageviews_api.clock import Clock
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveDeniedError,
    ArchiveError,
    ArchiveExistsError,
    ArchiveUnavailableError,
)

FIRST_RETRY = 1.0
LAST_RETRY = 300.0
TRIES = 12
"""Tries to write an archive: waiting 1 s, 2 s, … 5 min between them, about 17 minutes in all."""

MAX_UNSAVED = 2
"""Archives that could not be stored and are kept in memory, where one may take 10 MB."""

FINISH_WITHIN = 4.0
"""Seconds that the write in hand may take when the service stops."""


class DayOutcome(StrEnum):
    """What a run did for a day."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DayResult:
    """How a day's archive stands after a run; ``facts`` is None where there is none.

    ``refused`` says that the store refuses us: writing another one now is useless.
    """

    day: date
    outcome: DayOutcome
    facts: Facts | None = None
    key: str | None = None
    size: int = 0
    sha256: str | None = None
    reason: str | None = None
    refused: bool = False

    @property
    def is_done(self) -> bool:
        """Whether a complete archive of the day is in the store."""
        stored = self.outcome in {DayOutcome.WRITTEN, DayOutcome.UNCHANGED}
        return stored and self.facts is not None and self.facts.complete


@dataclass(slots=True)
class Standing:
    """How the archives of some days stand; ``archived`` are all days that have one."""

    archived: tuple[date, ...] = ()
    complete: set[date] = field(default_factory=set)
    incomplete: set[date] = field(default_factory=set)
    corrupt: list[DayResult] = field(default_factory=list)

    def nothing_to_add(self) -> dict[date, bool]:
        """Tell for each archived day whether it is to be left alone: complete, or corrupt."""
        done = self.complete | {result.day for result in self.corrupt}
        return dict.fromkeys(done, True) | dict.fromkeys(self.incomplete, False)


class Shelf(Generic[D]):
    """Reads and keeps archives of one form. Every change of the store is logged.

    ``wrote`` is called after each.
    """

    def __init__(
        self,
        store: ArchiveStore,
        form: Form[D],
        *,
        clock: Clock,
        tries: int = TRIES,
        jitter: Callable[[], float] = random.random,
        wrote: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._form = form
        self._wrote = wrote
        self._clock = clock
        self._tries = tries
        self._jitter = jitter
        self._known_complete: set[date] = set()
        self._unsaved: dict[date, D] = {}

    @property
    def location(self) -> str:
        """Where the archives are, for people and logs."""
        return self._store.location

    def now(self) -> datetime | None:
        """Tell the time by the store's own clock; None if it has not told it."""
        return self._store.now()

    async def look(self, days: Iterable[date]) -> Standing:
        """Look how the archives of these days stand.

        Those known to be complete are not read again. One that could not be stored yet stands
        for what is stored.

        Raises
        ------
        ArchiveError
            The store cannot be read.
        """
        archived = await self._store.days()
        newest = max(archived, default=None)
        logger.bind(archives=len(archived), newest=newest).info("archives listed")
        standing = Standing(tuple(archived))
        for day in sorted(set(archived) & set(days)):
            await self._judge(day, standing)
        self._known_complete |= standing.complete
        standing.incomplete |= self._unsaved.keys()
        return standing

    async def before(self, day: date) -> D | None:
        """Tell what earlier passes have of a day: what could not be stored yet, or is stored.

        Raises
        ------
        ArchiveError
            As for ``read``.
        """
        return self._unsaved.get(day) or await self.read(day)

    async def read(self, day: date) -> D | None:
        """Read a day's archive; None if there is none.

        Raises
        ------
        ArchiveCorruptError
            It is not what was written, or no archive of this day.
        ArchiveError
            The store cannot be read.
        """
        stored = await self._store.read(day)
        return None if stored is None else await self._decoded(day, stored)

    async def newest_of(self, days: Iterable[date]) -> D | None:
        """Read the newest archive of these days that can be read; None if none can.

        Raises
        ------
        ArchiveError
            The store cannot be read.
        """
        for day in sorted(days, reverse=True):
            with suppress(ArchiveCorruptError):  # ``look`` tells of it
                return await self.read(day)
        return None

    async def tell(self, day: date) -> DayResult:
        """Tell of an archive that is there already.

        Raises
        ------
        ArchiveError
            It is not, or cannot be read.
        """
        stored = await self._store.read(day)
        if stored is None:
            raise ArchiveUnavailableError(f"{self._store.key(day)} is gone")
        logger.bind(day=day, key=self._store.key(day)).info("archive is complete already")
        facts = self._form.facts(await self._decoded(day, stored))
        return await self._result(day, DayOutcome.UNCHANGED, facts, stored.body)

    async def keep(self, archive: D, *, run_id: str) -> DayResult:
        """Put an archive into the store, unless what is there tells as much.

        A store that fails is tried again for a while. Of what could not be stored the newest two
        are kept in memory, and ``look`` tells of them. A write in hand goes on for up to 4 s when
        it is cancelled.
        """
        day = archive.day
        self._unsaved[day] = archive
        for older in sorted(self._unsaved)[:-MAX_UNSAVED]:
            del self._unsaved[older]  # what was fetched for it is in the journal
        try:
            result = await self._write_repeatedly(archive, run_id)
        except ArchiveError as e:
            logger.bind(
                day=day, key=self._store.key(day), outcome=DayOutcome.FAILED, reason=str(e)
            ).error("archive not written")
            return DayResult(
                day,
                DayOutcome.FAILED,
                self._form.facts(archive),
                reason=str(e),
                refused=isinstance(e, ArchiveDeniedError),
            )
        self._unsaved.pop(day, None)
        if result.is_done:
            self._known_complete.add(day)
        return result

    async def _judge(self, day: date, standing: Standing) -> None:
        if day in self._known_complete:
            standing.complete.add(day)
            return
        try:
            archive = await self.read(day)
        except ArchiveCorruptError as e:
            logger.bind(day=day, reason=str(e)).critical("archive is corrupt, left as it is")
            standing.corrupt.append(DayResult(day, DayOutcome.FAILED, reason=str(e)))
            return
        if archive is not None:
            (standing.complete if archive.complete else standing.incomplete).add(day)

    async def _write_repeatedly(self, archive: D, run_id: str) -> DayResult:
        delay = FIRST_RETRY
        for _ in range(self._tries - 1):
            try:
                return await _to_its_end(self._write(archive, run_id))
            except ArchiveUnavailableError as e:
                pause = delay * (0.5 + self._jitter() / 2)
                logger.bind(day=archive.day, reason=str(e), delay_s=round(pause, 1)).warning(
                    "archive store failed, trying again"
                )
            await self._clock.sleep(pause)
            delay = min(2 * delay, LAST_RETRY)
        return await _to_its_end(self._write(archive, run_id))

    async def _write(self, archive: D, run_id: str) -> DayResult:
        day, started = archive.day, self._clock.monotonic()
        body = await asyncio.to_thread(self._form.encode, archive)
        stored = await self._store.read(day)
        if stored is not None:
            earlier = await self._decoded(day, stored)
            if not self._form.is_better(archive, earlier):
                return await self._leave(archive, earlier, stored)
        facts = self._form.facts(archive)
        try:
            if stored is None:
                await self._store.create(day, body, run_id=run_id, about=facts.as_notes())
            else:
                await self._store.replace(
                    day, body, run_id=run_id, version=stored.version, about=facts.as_notes()
                )
        except ArchiveExistsError as e:
            # Another writer came between: look again, and decide anew.
            raise ArchiveUnavailableError("another archive was written meanwhile") from e
        self._wrote()
        result = await self._result(day, DayOutcome.WRITTEN, facts, body)
        # The store has read back what it wrote and compared it: see ``ArchiveStore.create``.
        logger.bind(
            day=day,
            key=result.key,
            bytes=result.size,
            sha256=result.sha256,
            outcome=result.outcome,
            duration_ms=round((self._clock.monotonic() - started) * 1000),
            complete=archive.complete,
            replaced=stored is not None,
        ).info("archive written, read back and compared")
        return result

    async def _leave(self, archive: D, first: D, stored: StoredArchive) -> DayResult:
        """Leave what was there first; where it differs, say by how much."""
        day = archive.day
        result = await self._result(day, DayOutcome.UNCHANGED, self._form.facts(first), stored.body)
        differing = await asyncio.to_thread(self._form.differing_days, archive, first)
        logger.bind(
            day=day,
            key=result.key,
            bytes=result.size,
            sha256=result.sha256,
            outcome=result.outcome,
            differing_days=differing,
        ).log("WARNING" if differing and first.complete else "INFO", "archive kept as it is")
        return result

    async def _result(self, day: date, outcome: DayOutcome, facts: Facts, body: bytes) -> DayResult:
        digest = await asyncio.to_thread(sha256, body)
        return DayResult(day, outcome, facts, self._store.key(day), len(body), digest)

    async def _decoded(self, day: date, stored: StoredArchive) -> D:
        return await asyncio.to_thread(self._form.decode, day, stored.body)


class ArchiveShelf(Shelf[Archive]):
    """The shelf of the archives of Wikimedia's numbers."""

    def __init__(
        self,
        store: ArchiveStore,
        *,
        clock: Clock,
        tries: int = TRIES,
        jitter: Callable[[], float] = random.random,
        wrote: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(store, PAGEVIEWS, clock=clock, tries=tries, jitter=jitter, wrote=wrote)

    def journal(self) -> Journal:
        """Begin to keep the progress of a run."""
        return Journal(self._store)


async def _to_its_end(write: Coroutine[Any, Any, DayResult]) -> DayResult:
    """Let a write in hand end when the service stops: at most 4 seconds more."""
    writing = asyncio.create_task(write)
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing}, timeout=FINISH_WITHIN)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        raise
