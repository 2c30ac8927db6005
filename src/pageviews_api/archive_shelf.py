"""The archive store seen as documents: which there are, and how one is put there for good.

Two writers at once make one archive; a lesser one never replaces a better one.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from loguru import logger
from pydantic import ValidationError

from pageviews_api.archive import differing_days, encode, is_better
from pageviews_api.clients.archive_store import ArchiveStore, StoredArchive
from pageviews_api.clock import Clock
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveError,
    ArchiveExistsError,
    ArchiveUnavailableError,
)
from pageviews_api.schemas.archive import ArchiveDocument

FIRST_RETRY = 1.0
LAST_RETRY = 300.0
TRIES = 12
"""Tries to write an archive: waiting 1 s, 2 s, … 5 min between them, about 17 minutes in all."""

FINISH_WITHIN = 4.0
"""Seconds that the write in hand may take when the service stops."""

LISTED_WITHIN = 2.0
"""Seconds that whoever only wants to tell of the archives waits for their list."""

LISTING_KEPT = 60.0
"""Seconds for which that list is told again."""


class DayOutcome(StrEnum):
    """What a run did for a day."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DayResult:
    """How a day's archive stands after a run; ``document`` is None where there is none."""

    day: date
    outcome: DayOutcome
    document: ArchiveDocument | None = None
    key: str | None = None
    size: int = 0
    sha256: str | None = None
    reason: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether a complete archive of the day is in the store."""
        stored = self.outcome in {DayOutcome.WRITTEN, DayOutcome.UNCHANGED}
        return stored and self.document is not None and self.document.complete


@dataclass(slots=True)
class Standing:
    """How the archives of some days stand; ``archived`` are all days that have one."""

    archived: tuple[date, ...] = ()
    complete: set[date] = field(default_factory=set)
    incomplete: dict[date, ArchiveDocument] = field(default_factory=dict)
    corrupt: list[DayResult] = field(default_factory=list)

    def nothing_to_add(self) -> dict[date, bool]:
        """Tell for each archived day whether it is to be left alone: complete, or corrupt."""
        done = self.complete | {result.day for result in self.corrupt}
        return dict.fromkeys(done, True) | dict.fromkeys(self.incomplete, False)


class ArchiveShelf:
    """Reads and keeps archives. Every change of the store is logged."""

    def __init__(
        self,
        store: ArchiveStore,
        *,
        clock: Clock,
        tries: int = TRIES,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tries = tries
        self._jitter = jitter
        self._known_complete: set[date] = set()
        self._unsaved: dict[date, ArchiveDocument] = {}

    @property
    def location(self) -> str:
        """Where the archives are, for people and logs."""
        return self._store.location

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
        standing.incomplete |= self._unsaved
        return standing

    async def read(self, day: date) -> ArchiveDocument | None:
        """Read a day's archive; None if there is none.

        Raises
        ------
        ArchiveCorruptError
            It is not what was written, or no archive of this day.
        ArchiveError
            The store cannot be read.
        """
        stored = await self._store.read(day)
        return None if stored is None else _decode(day, stored)

    async def newest_of(self, days: Iterable[date]) -> ArchiveDocument | None:
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
        return self._result(DayOutcome.UNCHANGED, _decode(day, stored), stored.body)

    async def keep(self, document: ArchiveDocument, *, run_id: str) -> DayResult:
        """Put an archive into the store, unless what is there tells as much.

        A store that fails is tried again for a while. What could not be stored is kept in memory,
        and ``look`` tells of it. A write in hand goes on for up to 4 s when it is cancelled.
        """
        day = document.date
        self._unsaved[day] = document
        try:
            result = await self._write_repeatedly(document, run_id)
        except ArchiveError as e:
            logger.bind(day=day, key=self._store.key(day), reason=str(e)).error(
                "archive not written"
            )
            return DayResult(day, DayOutcome.FAILED, document, reason=str(e))
        del self._unsaved[day]
        if result.document is not None and result.document.complete:
            self._known_complete.add(day)
        return result

    async def _judge(self, day: date, standing: Standing) -> None:
        if day in self._known_complete:
            standing.complete.add(day)
            return
        try:
            document = await self.read(day)
        except ArchiveCorruptError as e:
            logger.bind(day=day, reason=str(e)).critical("archive is corrupt, left as it is")
            standing.corrupt.append(DayResult(day, DayOutcome.FAILED, reason=str(e)))
            return
        if document is not None and document.complete:
            standing.complete.add(day)
        elif document is not None:
            standing.incomplete[day] = document

    async def _write_repeatedly(self, document: ArchiveDocument, run_id: str) -> DayResult:
        delay = FIRST_RETRY
        for _ in range(self._tries - 1):
            try:
                return await _to_its_end(self._write(document, run_id))
            except ArchiveUnavailableError as e:
                pause = delay * (0.5 + self._jitter() / 2)
                logger.bind(day=document.date, reason=str(e), delay_s=round(pause, 1)).warning(
                    "archive store failed, trying again"
                )
            await self._clock.sleep(pause)
            delay = min(2 * delay, LAST_RETRY)
        return await _to_its_end(self._write(document, run_id))

    async def _write(self, document: ArchiveDocument, run_id: str) -> DayResult:
        day, body = document.date, encode(document)
        stored = await self._store.read(day)
        if stored is not None and not is_better(document, earlier := _decode(day, stored)):
            return self._leave(document, earlier, stored)
        try:
            if stored is None:
                await self._store.create(day, body, run_id=run_id)
            else:
                await self._store.replace(day, body, run_id=run_id, version=stored.version)
        except ArchiveExistsError as e:
            # Another writer came between: look again, and decide anew.
            raise ArchiveUnavailableError("another archive was written meanwhile") from e
        result = self._result(DayOutcome.WRITTEN, document, body)
        # The store has read back what it wrote and compared it: see ``ArchiveStore.create``.
        logger.bind(
            day=day,
            key=result.key,
            bytes=result.size,
            sha256=result.sha256,
            complete=document.complete,
            replaced=stored is not None,
        ).info("archive written, read back and compared")
        return result

    def _leave(
        self, document: ArchiveDocument, first: ArchiveDocument, stored: StoredArchive
    ) -> DayResult:
        """Leave what was there first; where it differs, say by how much."""
        differing = differing_days(document, first)
        logger.bind(
            day=document.date, key=self._store.key(document.date), differing_days=differing
        ).log("WARNING" if differing and first.complete else "INFO", "archive kept as it is")
        return self._result(DayOutcome.UNCHANGED, first, stored.body)

    def _result(self, outcome: DayOutcome, document: ArchiveDocument, body: bytes) -> DayResult:
        key, digest = self._store.key(document.date), hashlib.sha256(body).hexdigest()
        return DayResult(document.date, outcome, document, key, len(body), digest)


class ArchiveListing:
    """Tells which days are archived: cheaply, and without ever failing."""

    def __init__(self, store: ArchiveStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._days: list[date] | None = None
        self._listed_at: float | None = None

    async def days(self) -> list[date] | None:
        """List the archived days, oldest first, as they were at most a minute ago.

        None where the store cannot be listed within 2 s; that, too, is told for a minute.
        """
        async with self._one_at_a_time:
            now = self._clock.monotonic()
            if self._listed_at is None or now >= self._listed_at + LISTING_KEPT:
                self._days = await self._list()
                self._listed_at = self._clock.monotonic()
            return self._days

    async def _list(self) -> list[date] | None:
        try:
            async with asyncio.timeout(LISTED_WITHIN):
                return await self._store.days()
        except (ArchiveError, TimeoutError) as e:
            logger.bind(store=self._store.location, reason=str(e)).warning("archives not listed")
            return None


def _decode(day: date, stored: StoredArchive) -> ArchiveDocument:
    try:
        document = ArchiveDocument.model_validate_json(stored.body)
    except ValidationError as e:
        raise ArchiveCorruptError(f"the archive of {day} is no archive") from e
    if document.date != day:
        raise ArchiveCorruptError(f"the archive of {day} is one of {document.date}")
    return document


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
