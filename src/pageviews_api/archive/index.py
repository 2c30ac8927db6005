"""Which archives there are and what is told of each, without reading them: cheap, asked often."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from typing import Any

from loguru import logger

from pageviews_api.archive.facts import Facts
from pageviews_api.archive.form import PAGEVIEWS, Form
from pageviews_api.clients.archive_store import ArchiveStore, ListedArchive, sha256
from pageviews_api.clock import Clock
from pageviews_api.exceptions import ArchiveCorruptError, ArchiveError, ArchiveUnavailableError

LISTED_WITHIN = 2.0
"""Seconds that whoever only wants to tell of the archives waits for their list."""

LISTING_KEPT = 60.0
"""Seconds for which that list is told again."""

ASKED_AGAIN_AFTER = 5.0
"""Seconds after which a store that could not be listed is asked again."""

OUTAGE_BRIDGED = 900.0
"""Seconds for which the last list is told while the store cannot be listed."""

READS_AT_ONCE = 2
"""Archives that are read at a time where nothing is told beside them: one may take 17 MB."""

MAX_ENTRIES = 4_000
"""Archives whose facts are kept in memory: more than ten years, a few hundred bytes each."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An archive that is stored, and what is told of it. ``tag`` differs when it was replaced."""

    day: date
    size: int
    tag: str
    sha256: str
    facts: Facts

    @property
    def late(self) -> bool:
        """Whether it was observed after its day."""
        return self.facts.observed_on > self.day


class ArchiveIndex:
    """Knows the archives, all of one form, by their listing and by what is kept beside them."""

    def __init__(self, store: ArchiveStore, *, clock: Clock, form: Form[Any] = PAGEVIEWS) -> None:
        self._store = store
        self._form = form
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._looking_inside = asyncio.Lock()
        self._listed: dict[date, ListedArchive] = {}
        self._listed_at: float | None = None
        self._failure: ArchiveError | None = None
        self._due: float | None = None
        self._entries: OrderedDict[tuple[date, str], Entry] = OrderedDict()

    def forget(self) -> None:
        """List anew at the next question: something was written just now."""
        self._due = None

    async def days(self) -> list[date] | None:
        """List the archived days, oldest first, as they were at most a minute ago.

        None where the store could not be listed when it was asked last, within 2 s.
        """
        try:
            listed = await self.listed()
        except ArchiveError:
            return None
        return list(listed) if self._failure is None else None

    async def listed(self) -> dict[date, ListedArchive]:
        """List the archives by their days, oldest first, as they were at most a minute ago.

        While the store cannot be listed within 2 s it is asked every 5 s, and the archives are told
        as they were, for 15 minutes.

        Raises
        ------
        ArchiveError
            It cannot be listed, and was not in the last 15 minutes.
        """
        # In an outage one caller waits for the store, the others are told what is known.
        if not (self._bridges() and self._one_at_a_time.locked()):
            async with self._one_at_a_time:
                if self._due is None or self._clock.monotonic() >= self._due:
                    await self._list()
        if self._failure is not None and not self._bridges():
            raise self._failure
        return self._listed

    async def entry(self, day: date) -> Entry | None:
        """Tell of one archive; None where there is none.

        Raises
        ------
        ArchiveCorruptError
            It can only be told by reading it, and it is not what was written.
        ArchiveError
            The store cannot be read.
        """
        listed = (await self.listed()).get(day)
        if listed is None:
            return None
        known = self._entries.get((day, listed.tag))
        if known is None:
            known = await self._look(listed)
            if known is None:
                return None
            self._remember(known)
        return known

    async def _look(self, listed: ListedArchive) -> Entry | None:
        notes = await self._store.notes(listed.day)
        if notes is None:
            return None
        facts, digest = Facts.from_notes(notes), notes.get("sha256")
        if facts is None or digest is None:
            return await self._look_inside(listed)
        if notes.get("bytes", str(listed.size)) != str(listed.size):
            raise ArchiveCorruptError(f"{self._store.key(listed.day)} is not as long as written")
        return Entry(listed.day, listed.size, listed.tag, digest, facts)

    async def _look_inside(self, listed: ListedArchive) -> Entry | None:
        """Read an archive that somebody copied in by hand; one at a time, for it may be large."""
        async with self._looking_inside:
            known = self._entries.get((listed.day, listed.tag))
            if known is not None:
                return known
            async with self._reads:
                stored = await self._store.read(listed.day)
                if stored is None:
                    return None
                facts = await asyncio.to_thread(self._form.facts_in, listed.day, stored.body)
                digest = await asyncio.to_thread(sha256, stored.body)
            entry = Entry(listed.day, listed.size, listed.tag, digest, facts)
            self._remember(entry)
        return entry

    def _remember(self, entry: Entry) -> None:
        self._entries[entry.day, entry.tag] = entry
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)

    def _bridges(self) -> bool:
        """Tell whether the store fails, and was listed lately."""
        if self._failure is None or self._listed_at is None:
            return False
        return self._clock.monotonic() < self._listed_at + OUTAGE_BRIDGED

    async def _list(self) -> None:
        now = self._clock.monotonic()
        self._due = now + LISTING_KEPT  # before: ``forget`` may be called meanwhile
        try:
            async with asyncio.timeout(LISTED_WITHIN):
                listed = {one.day: one for one in await self._store.listed()}
        except ArchiveError as e:
            self._fail(e)
        except TimeoutError:
            self._fail(ArchiveUnavailableError("the store gave no list in time"))
        except BaseException:
            self.forget()
            raise
        else:
            self._listed, self._listed_at, self._failure = listed, now, None

    def _fail(self, failure: ArchiveError) -> None:
        self._failure = failure
        self._due = self._clock.monotonic() + ASKED_AGAIN_AFTER
        logger.bind(store=self._store.location, reason=str(failure)).warning("archives not listed")
