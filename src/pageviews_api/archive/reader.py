"""Reads archives for who asks: each checked, few at a time, those read lately kept for a while."""

import asyncio
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date

from pageviews_api.archive.document import Record
from pageviews_api.archive.encoding import (
    decode_series,
    decode_top,
    decode_without_series,
    without_series,
)
from pageviews_api.archive.index import ArchiveIndex, Entry
from pageviews_api.clients.archive_store import ArchiveStore, StoredArchive, sha256
from pageviews_api.exceptions import ArchiveUnavailableError, NotArchivedError
from pageviews_api.schemas.archive import ArchivedTop
from pageviews_api.schemas.query import Series

KEPT_BYTES = 64 * 1024 * 1024
"""Bytes of archives that are kept once read; one that is larger is not."""

READS_AT_ONCE = 2
"""Archives that are read from the store at a time: one may take 17 MB."""

KEPT_TOPS_BYTES = 32 * 1024 * 1024
"""Bytes of top lists that are kept once read, compressed: a list of 1,000 rows takes about 20 KB.

A year of lists of four projects has room. As objects, one list takes 600 KB.
"""


@dataclass(frozen=True, slots=True)
class ReadArchive:
    """An archive's checked bytes, and what is told of it."""

    entry: Entry
    body: bytes

    async def series(self, series: Series) -> Record | None:
        """Read one series of it; None if it is not in it."""
        return await asyncio.to_thread(decode_series, self.entry.day, self.body, series)


class ArchiveReader:
    """Reads archives. What does not pass its check is never told."""

    def __init__(self, store: ArchiveStore, index: ArchiveIndex) -> None:
        self._store = store
        self._index = index
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._reading: dict[tuple[date, str], asyncio.Task[ReadArchive]] = {}
        self._kept: OrderedDict[tuple[date, str], ReadArchive] = OrderedDict()
        self._kept_bytes = 0
        self._tops: OrderedDict[tuple[date, str], bytes] = OrderedDict()
        self._tops_bytes = 0

    async def read(self, day: date) -> ReadArchive:
        """Read the archive of a day.

        Raises
        ------
        NotArchivedError
            The day has none.
        ArchiveCorruptError
            It is not what was written.
        ArchiveError
            The store cannot be read.
        """
        entry = await self._entry(day)
        key = entry.day, entry.tag
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if key not in self._reading:
            # A task of its own: who goes away does not spoil it for the others.
            self._reading[key] = asyncio.create_task(self._fetch(entry))
            self._reading[key].add_done_callback(lambda task: self._end(key, task))
        return await asyncio.shield(self._reading[key])

    async def top(self, day: date) -> tuple[ArchivedTop, ...]:
        """Read the top lists of an archive: those of the day before. See ``read``."""
        lists = await self._lists(day)
        body = await asyncio.to_thread(zlib.decompress, lists)
        return (await asyncio.to_thread(decode_without_series, day, body)).top

    async def top_of(self, day: date, project: str) -> ArchivedTop | None:
        """Read one project's top list of an archive; None if it is not in it. See ``read``."""
        lists = await self._lists(day)
        return await asyncio.to_thread(lambda: decode_top(day, zlib.decompress(lists), project))

    async def aclose(self) -> None:
        """End what is being read."""
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    async def _entry(self, day: date) -> Entry:
        entry = await self._index.entry(day)
        if entry is None:
            raise NotArchivedError(f"There is no archive of {day}.")
        return entry

    async def _lists(self, day: date) -> bytes:
        key = day, (await self._entry(day)).tag
        if key in self._tops:
            self._tops.move_to_end(key)
            return self._tops[key]
        read = await self.read(day)
        lists = await asyncio.to_thread(lambda: zlib.compress(without_series(day, read.body), 1))
        self._keep_lists((day, read.entry.tag), lists)
        return lists

    def _keep_lists(self, key: tuple[date, str], lists: bytes) -> None:
        self._tops_bytes += len(lists) - len(self._tops.pop(key, b""))
        self._tops[key] = lists
        while self._tops_bytes > KEPT_TOPS_BYTES:
            _, dropped = self._tops.popitem(last=False)
            self._tops_bytes -= len(dropped)

    async def _fetch(self, entry: Entry) -> ReadArchive:
        stored = await self._stored(entry.day)
        if await _digest(stored) != entry.sha256:
            # It was replaced since it was listed: what is told of it must be its own.
            self._index.forget()
            entry = await self._entry(entry.day)
            stored = await self._stored(entry.day)
            if await _digest(stored) != entry.sha256:
                raise ArchiveUnavailableError(f"{self._store.key(entry.day)} is being replaced")
        read = ReadArchive(entry, stored.body)
        self._keep(read)
        return read

    async def _stored(self, day: date) -> StoredArchive:
        async with self._reads:
            stored = await self._store.read(day)
        if stored is None:
            self._index.forget()
            raise ArchiveUnavailableError(f"{self._store.key(day)} is gone")
        return stored

    def _keep(self, read: ReadArchive) -> None:
        if len(read.body) > KEPT_BYTES:
            return
        key = read.entry.day, read.entry.tag
        replaced = self._kept.pop(key, None)
        self._kept_bytes += len(read.body) - (len(replaced.body) if replaced else 0)
        self._kept[key] = read
        while self._kept_bytes > KEPT_BYTES:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped.body)

    def _end(self, key: tuple[date, str], task: "asyncio.Task[ReadArchive]") -> None:
        del self._reading[key]
        if not task.cancelled():
            task.exception()  # it is told to those who wait; there may be none


async def _digest(stored: StoredArchive) -> str:
    """Tell the SHA-256 that the store has checked; of what was copied in by hand, compute it."""
    told = stored.notes.get("sha256")
    return await asyncio.to_thread(sha256, stored.body) if told is None else told
