"""Archives read for who asks: checked, once for many, and kept within bounds."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from pageviews_api.archive import reader as reader_module
from pageviews_api.archive.encoding import encode
from pageviews_api.archive.facts import Facts
from pageviews_api.archive.index import ArchiveIndex
from pageviews_api.archive.reader import READS_AT_ONCE, ArchiveReader
from pageviews_api.clients.archive_store import StoredArchive, sha256
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveDeniedError,
    ArchiveError,
    ArchiveUnavailableError,
    NotArchivedError,
)
from tests.support.clock import FakeClock, settle
from tests.support.small_archives import archive_of, put, series_of, top_of

DAY = date(2026, 11, 22)
BEFORE = date(2026, 11, 21)
SMALL = archive_of(DAY, {"A": [1, 2, 3]}, complete=False, top=(top_of(BEFORE, "A", "B"),))
BETTER = archive_of(
    DAY,
    {"A": [1, 2, 3], "B": [4, 5, 6]},
    observed_on=date(2026, 11, 24),
    top=(top_of(BEFORE, "A", "B", "C"),),
)


class WatchedStore(FolderArchiveStore):
    """A folder that counts its reads, and can be told to fail or to wait."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reads = self.reading = self.most_reading = 0
        self.failure: ArchiveError | None = None
        self.hold: asyncio.Event | None = None

    async def read(self, day: date) -> StoredArchive | None:
        """Read an archive, in time or not."""
        self.reads += 1
        self.reading += 1
        self.most_reading = max(self.most_reading, self.reading)
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.failure is not None:
                raise self.failure
            return await super().read(day)
        finally:
            self.reading -= 1


@pytest.fixture
def store(tmp_path: Path) -> WatchedStore:
    """Give an empty folder."""
    return WatchedStore(tmp_path / "archives")


@pytest.fixture
def index(store: WatchedStore, clock: FakeClock) -> ArchiveIndex:
    """Give its index."""
    return ArchiveIndex(store, clock=clock)


@pytest.fixture
async def reader(store: WatchedStore, index: ArchiveIndex) -> AsyncIterator[ArchiveReader]:
    """Give its reader."""
    reader = ArchiveReader(store, index)
    yield reader
    await reader.aclose()


async def write(store: WatchedStore, *days: date, title: str = "A") -> None:
    """Archive some days, and forget that this was counted."""
    for day in days:
        await put(store, archive_of(day, {title: [day.day]}))
    store.reads = store.most_reading = 0


def damage(store: WatchedStore) -> None:
    """Change a number of the day's archive."""
    file = Path(store.location) / f"{DAY}.json"
    file.write_bytes(file.read_bytes().replace(b'"views":3', b'"views":9'))


def copy_in(store: WatchedStore, day: date, body: bytes) -> None:
    """Put a file there as an operator does."""
    folder = Path(store.location)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{day}.json").write_bytes(body)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(30):
        while not condition():
            await settle()


async def test_read__as_written(reader: ArchiveReader, store: WatchedStore) -> None:
    """An archive is told byte for byte, with what is told of it; whole, or one series of it."""
    body = await put(store, SMALL)

    read = await reader.read(DAY)

    assert read.body == body
    assert (read.entry.sha256, read.entry.facts) == (sha256(body), Facts.of(SMALL))
    assert await read.series(series_of("A")) == SMALL.series[series_of("A")]
    assert await read.series(series_of("B")) is None
    assert await reader.top(DAY) == SMALL.top


async def test_read__no_archive(reader: ArchiveReader) -> None:
    """A day without archive is named."""
    ways: list[Callable[[], Awaitable[object]]] = [
        lambda: reader.read(DAY),
        lambda: reader.top(DAY),
        lambda: reader.top_of(DAY, "en.wikipedia"),
    ]
    for way in ways:
        with pytest.raises(NotArchivedError, match="2026-11-22"):
            await way()


async def test_read__hundred_at_once(reader: ArchiveReader, store: WatchedStore) -> None:
    """A hundred readers of one archive make one reading of it, and later ones none."""
    await write(store, DAY)
    store.hold = asyncio.Event()
    readers = [asyncio.create_task(reader.read(DAY)) for _ in range(100)]
    await until(lambda: store.reading > 0)
    store.hold.set()

    told = await asyncio.gather(*readers)

    assert len({one.body for one in told}) == 1
    assert store.reads == 1
    for _ in range(3):
        await reader.read(DAY)
        await reader.top(DAY)
    assert store.reads == 1


async def test_read__few_at_a_time(reader: ArchiveReader, store: WatchedStore) -> None:
    """Of many archives no more than two are read from the store at a time."""
    days = [date(2026, 11, number) for number in range(1, 11)]
    await write(store, *days)

    told = await asyncio.gather(*map(reader.read, days))

    assert [one.entry.day for one in told] == days
    assert (store.reads, store.most_reading) == (10, READS_AT_ONCE)


async def test_read__reader_goes_away(reader: ArchiveReader, store: WatchedStore) -> None:
    """A reader who leaves spoils nothing for the others, be he the first."""
    await write(store, DAY)
    store.hold = asyncio.Event()
    readers = [asyncio.create_task(reader.read(DAY)) for _ in range(3)]
    await until(lambda: store.reading > 0)
    readers[0].cancel()
    await settle()
    store.hold.set()

    first, *others = await asyncio.gather(*readers, return_exceptions=True)

    assert isinstance(first, asyncio.CancelledError)
    assert not any(isinstance(one, BaseException) for one in others)
    assert store.reads == 1


async def test_read__all_go_away(reader: ArchiveReader, store: WatchedStore) -> None:
    """What is read for nobody any more is kept, or its failure forgotten, without a word."""
    await write(store, DAY)
    store.hold = asyncio.Event()
    store.failure = ArchiveUnavailableError("down")
    reading = asyncio.create_task(reader.read(DAY))
    await until(lambda: store.reading > 0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    store.hold.set()
    await until(lambda: not reader._reading)

    store.failure = None
    assert (await reader.read(DAY)).entry.day == DAY


@pytest.mark.parametrize("failure", [ArchiveUnavailableError("down"), ArchiveDeniedError("no")])
async def test_read__store_fails(
    reader: ArchiveReader, store: WatchedStore, failure: ArchiveError
) -> None:
    """A failure is told to all who wait, and is not kept (F23)."""
    await write(store, DAY)
    store.failure = failure
    told = await asyncio.gather(*(reader.read(DAY) for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in told} == {type(failure)}
    store.failure = None

    assert (await reader.read(DAY)).entry.day == DAY


async def test_read__corrupt(reader: ArchiveReader, store: WatchedStore) -> None:
    """What does not pass its check is never told, in whatever way one asks (F13, F23)."""
    await put(store, SMALL)
    damage(store)

    ways: list[Callable[[], Awaitable[object]]] = [
        lambda: reader.read(DAY),
        lambda: reader.top(DAY),
        lambda: reader.top_of(DAY, "en.wikipedia"),
    ]
    for way in ways:
        with pytest.raises(ArchiveCorruptError):
            await way()
    assert not reader._kept


async def test_read__copied_in_by_hand(reader: ArchiveReader, store: WatchedStore) -> None:
    """An archive with nothing beside it is told as it is; what is none is corrupt."""
    copy_in(store, DAY, encode(SMALL))
    copy_in(store, BEFORE, b"a shopping list")

    assert (await reader.read(DAY)).body == encode(SMALL)
    with pytest.raises(ArchiveCorruptError):
        await reader.read(BEFORE)


async def test_read__replaced_by_another_process(
    reader: ArchiveReader, index: ArchiveIndex, store: WatchedStore
) -> None:
    """Bytes are told with what is told of them, also in the minute after they were replaced."""
    await put(store, SMALL)
    assert await index.entry(DAY) is not None
    await put(store, BETTER)

    read = await reader.read(DAY)

    assert read.body == encode(BETTER)
    assert read.entry.sha256 == sha256(read.body)
    assert read.entry.facts == Facts.of(BETTER)
    assert await reader.top(DAY) == BETTER.top


async def test_read__gone_since_it_was_listed(
    reader: ArchiveReader, index: ArchiveIndex, store: WatchedStore
) -> None:
    """An archive that somebody removed a moment ago is an error of ours, and no fault."""
    await put(store, SMALL)
    assert await index.entry(DAY) is not None
    shutil.rmtree(store.location)

    with pytest.raises((ArchiveUnavailableError, NotArchivedError)):
        await reader.read(DAY)
    with pytest.raises(NotArchivedError):
        await reader.read(DAY)


# Bounds


async def test_kept__within_bytes(
    reader: ArchiveReader, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many bytes are kept at the most, those that were read last."""
    days = [date(2026, 11, number) for number in range(10, 16)]
    await write(store, *days)
    size = len((await reader.read(days[0])).body)
    monkeypatch.setattr(reader_module, "KEPT_BYTES", 3 * size + size // 2)
    for day in days:
        await reader.read(day)
        await reader.read(days[0])  # asked for again and again: it stays
        assert reader._kept_bytes == sum(len(one.body) for one in reader._kept.values())
        assert reader._kept_bytes <= reader_module.KEPT_BYTES

    assert [day for day, _ in reader._kept] == [days[4], days[5], days[0]]
    reads = store.reads
    await reader.read(days[5])
    assert store.reads == reads
    await reader.read(days[1])
    assert store.reads == reads + 1


async def test_kept__too_large(
    reader: ArchiveReader, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that alone is larger is told, is not kept, and drives nothing else out."""
    await put(store, archive_of(DAY, {f"Title_{number}": [1] * 30 for number in range(10)}))
    await write(store, BEFORE)
    await reader.read(BEFORE)
    monkeypatch.setattr(reader_module, "KEPT_BYTES", 2000)

    assert len((await reader.read(DAY)).body) > 2000

    assert [day for day, _ in reader._kept] == [BEFORE]


async def test_top__kept_without_the_archive(
    reader: ArchiveReader, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Top lists stay when their archives do not: many days' lists are asked for together."""
    monkeypatch.setattr(reader_module, "KEPT_BYTES", 0)
    await put(store, SMALL)
    store.reads = 0

    lists = [await reader.top(DAY) for _ in range(3)]

    assert lists == [SMALL.top] * 3
    assert store.reads == 1


async def test_aclose__while_reading(store: WatchedStore, index: ArchiveIndex) -> None:
    """What is being read ends with the service."""
    await write(store, DAY)
    store.hold = asyncio.Event()
    reader = ArchiveReader(store, index)
    reading = asyncio.create_task(reader.read(DAY))
    await until(lambda: store.reading > 0)

    await reader.aclose()

    with pytest.raises(asyncio.CancelledError):
        await reading
    assert store.reading == 0
    await reader.aclose()
