"""Which archives there are, and what is told of each without reading it."""

import asyncio
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from pageviews_api.archive import index as index_module
from pageviews_api.archive.encoding import encode
from pageviews_api.archive.facts import Facts
from pageviews_api.archive.index import (
    ASKED_AGAIN_AFTER,
    LISTED_WITHIN,
    LISTING_KEPT,
    OUTAGE_BRIDGED,
    ArchiveIndex,
)
from pageviews_api.clients.archive_store import ListedArchive, StoredArchive, sha256
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.exceptions import ArchiveCorruptError, ArchiveError, ArchiveUnavailableError
from tests.support.clock import FakeClock, settle
from tests.support.small_archives import archive_of, put

DAY = date(2026, 11, 22)
BEFORE = date(2026, 11, 21)
SMALL = archive_of(DAY, {"A": [1, 2, 3]}, complete=False)
BETTER = archive_of(DAY, {"A": [1, 2, 3], "B": [4, 5, 6]})


class CountingStore(FolderArchiveStore):
    """A folder that counts what is asked of it, and can be told to fail or to wait."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.lists = self.heads = self.reads = self.reading = self.most_reading = 0
        self.failure: ArchiveError | None = None
        self.hold: asyncio.Event | None = None
        self.listed_once = asyncio.Event()

    async def listed(self) -> list[ListedArchive]:
        """List, or fail; what was listed is held back while told so."""
        self.lists += 1
        if self.failure is not None:
            raise self.failure
        listed = await super().listed()
        self.listed_once.set()
        if self.hold is not None:
            await self.hold.wait()
        return listed

    async def notes(self, day: date) -> Mapping[str, str] | None:
        """Read what lies beside an archive."""
        self.heads += 1
        return await super().notes(day)

    async def read(self, day: date) -> StoredArchive | None:
        """Read an archive."""
        self.reads += 1
        self.reading += 1
        self.most_reading = max(self.most_reading, self.reading)
        try:
            return await super().read(day)
        finally:
            self.reading -= 1


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    """Give an empty folder."""
    return CountingStore(tmp_path / "archives")


@pytest.fixture
def index(store: CountingStore, clock: FakeClock) -> ArchiveIndex:
    """Give its index."""
    return ArchiveIndex(store, clock=clock)


def copy_in(store: FolderArchiveStore, name: str, body: bytes) -> None:
    """Put a file there as an operator does."""
    folder = Path(store.location)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(body)


def damage_notes(store: FolderArchiveStore, told: str) -> None:
    """Write something else beside the only archive."""
    (beside,) = Path(store.location).glob("*.meta")
    beside.write_text(told)


# The list


async def test_listed__for_a_minute(
    index: ArchiveIndex, store: CountingStore, clock: FakeClock
) -> None:
    """The store is listed once a minute, for however many callers."""
    assert await index.days() == []
    await put(store, SMALL)
    clock.advance(LISTING_KEPT - 1)
    assert await asyncio.gather(*(index.days() for _ in range(20))) == [[]] * 20
    assert store.lists == 1

    clock.advance(1)

    assert await asyncio.gather(*(index.days() for _ in range(20))) == [[DAY]] * 20
    assert store.lists == 2


async def test_forget__something_was_written(index: ArchiveIndex, store: CountingStore) -> None:
    """What was written just now is told at once."""
    assert await index.days() == []
    await put(store, SMALL)

    index.forget()

    assert await index.days() == [DAY]


async def test_forget__while_it_is_listed(index: ArchiveIndex, store: CountingStore) -> None:
    """What is written while the store is being listed is not missed for a minute."""
    store.hold = asyncio.Event()
    listing = asyncio.create_task(index.days())
    await store.listed_once.wait()
    await put(store, SMALL)
    index.forget()
    store.hold.set()

    assert await listing == []
    assert await index.days() == [DAY]


async def test_listed__never_yet(
    index: ArchiveIndex, store: CountingStore, clock: FakeClock
) -> None:
    """A store that fails is asked every 5 seconds, and everybody is told why."""
    store.failure = ArchiveUnavailableError("down")
    for asked in (1, 2):
        for _ in range(5):
            with pytest.raises(ArchiveUnavailableError, match="down"):
                await index.listed()
            assert await index.days() is None
        with pytest.raises(ArchiveUnavailableError):
            await index.entry(DAY)
        assert store.lists == asked
        clock.advance(ASKED_AGAIN_AFTER)

    store.failure = None

    assert await index.days() == []


async def test_listed__bridges_an_outage(
    index: ArchiveIndex, store: CountingStore, clock: FakeClock
) -> None:
    """While the store fails the archives are told as they were, for 15 minutes; then why not."""
    await put(store, SMALL)
    assert await index.days() == [DAY]
    clock.advance(LISTING_KEPT)
    store.failure = ArchiveUnavailableError("down")

    assert list(await index.listed()) == [DAY]
    assert await index.entry(DAY) is not None
    assert await index.days() is None  # who asks how the archive does is told
    assert store.lists == 2
    clock.advance(OUTAGE_BRIDGED - LISTING_KEPT - 1)
    assert list(await index.listed()) == [DAY]
    assert store.lists == 3
    clock.advance(1)
    with pytest.raises(ArchiveUnavailableError, match="down"):
        await index.listed()


async def test_listed__after_one_failure(
    index: ArchiveIndex, store: CountingStore, clock: FakeClock
) -> None:
    """A single failure is over after 5 seconds: the list is told anew, and for a minute again."""
    await put(store, SMALL)
    assert await index.days() == [DAY]
    clock.advance(LISTING_KEPT)
    store.failure = ArchiveUnavailableError("one hiccup")
    assert list(await index.listed()) == [DAY]
    store.failure = None
    await put(store, archive_of(BEFORE, {"A": [1]}))

    clock.advance(ASKED_AGAIN_AFTER)

    assert await index.days() == [BEFORE, DAY]
    clock.advance(LISTING_KEPT - 1)
    assert await index.days() == [BEFORE, DAY]
    assert store.lists == 3


async def test_listed__nobody_waits_in_an_outage(
    index: ArchiveIndex, store: CountingStore, clock: FakeClock
) -> None:
    """While one caller waits for a store that fails, the others are told what is known."""
    await put(store, SMALL)
    assert await index.days() == [DAY]
    clock.advance(LISTING_KEPT)
    store.failure = ArchiveUnavailableError("down")
    assert list(await index.listed()) == [DAY]
    clock.advance(ASKED_AGAIN_AFTER)
    store.failure, store.hold = None, asyncio.Event()
    waiting = asyncio.create_task(index.listed())
    await settle()

    for _ in range(20):
        async with asyncio.timeout(1):
            assert list(await index.listed()) == [DAY]

    assert not waiting.done()
    store.hold.set()
    assert list(await waiting) == [DAY]
    assert store.lists == 3


async def test_listed__store_hangs(
    index: ArchiveIndex, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that gives no list holds nobody up for long; it is given 2 seconds."""
    assert LISTED_WITHIN == 2
    monkeypatch.setattr(index_module, "LISTED_WITHIN", 0.01)
    store.hold = asyncio.Event()

    async with asyncio.timeout(10):
        assert await asyncio.gather(*(index.days() for _ in range(10))) == [None] * 10
        with pytest.raises(ArchiveUnavailableError, match="in time"):
            await index.listed()

    assert store.lists == 1


async def test_listed__caller_goes_away(index: ArchiveIndex, store: CountingStore) -> None:
    """A caller that leaves while the store is listed spoils nothing for the next one."""
    await put(store, SMALL)
    store.hold = asyncio.Event()
    leaving = asyncio.create_task(index.days())
    await settle()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    store.hold = None

    assert await index.days() == [DAY]


# One archive


async def test_entry__without_reading(index: ArchiveIndex, store: CountingStore) -> None:
    """An archive is told of by what lies beside it, once for as long as it stays the same."""
    body = await put(store, SMALL)
    store.reads = 0

    told = [await index.entry(DAY) for _ in range(5)]

    entry = told[0]
    assert entry is not None
    assert told == [entry] * 5
    assert (entry.day, entry.size, entry.sha256) == (DAY, len(body), sha256(body))
    assert entry.facts == Facts.of(SMALL)
    assert not entry.late
    assert (store.heads, store.reads) == (1, 0)
    assert await index.entry(BEFORE) is None


async def test_entry__cut_by_hand(
    index: ArchiveIndex, store: CountingStore, tmp_path: Path
) -> None:
    """An archive that is not as long as it was written is corrupt, which its listing tells."""
    body = await put(store, SMALL)
    (file,) = tmp_path.rglob("2*.json")  # noqa: ASYNC240  # a small folder of this test's own
    file.write_bytes(body[:-1])
    store.reads = 0

    with pytest.raises(ArchiveCorruptError, match="not as long"):
        await index.entry(DAY)

    assert store.reads == 0


async def test_entry__late(index: ArchiveIndex, store: CountingStore) -> None:
    """An archive that was made up for later says so."""
    await put(store, archive_of(BEFORE, {"A": [1]}, observed_on=DAY))

    entry = await index.entry(BEFORE)

    assert entry is not None
    assert entry.late


async def test_entry__replaced(index: ArchiveIndex, store: CountingStore, clock: FakeClock) -> None:
    """What is told is that of the archive which is there, at most a minute later."""
    await put(store, SMALL)
    first = await index.entry(DAY)
    await put(store, BETTER)
    clock.advance(LISTING_KEPT)

    second = await index.entry(DAY)

    assert first is not None
    assert second is not None
    assert first.tag != second.tag
    assert (first.facts, second.facts) == (Facts.of(SMALL), Facts.of(BETTER))


async def test_entry__copied_in_by_hand(index: ArchiveIndex, store: CountingStore) -> None:
    """An archive with nothing beside it is read, once for all who ask, and told of as well."""
    body = encode(SMALL)
    copy_in(store, f"{DAY}.json", body)

    told = await asyncio.gather(*(index.entry(DAY) for _ in range(20)))

    assert {(one.sha256, one.size) for one in told if one} == {(sha256(body), len(body))}
    assert all(one is not None and one.facts == Facts.of(SMALL) for one in told)
    assert store.reads == 1


async def test_entry__many_copied_in_by_hand(index: ArchiveIndex, store: CountingStore) -> None:
    """Of those, one is read at a time: each may be large."""
    days = [date(2026, 11, number) for number in range(1, 11)]
    for day in days:
        copy_in(store, f"{day}.json", encode(archive_of(day, {"A": [1]})))

    told = await asyncio.gather(*map(index.entry, days))

    assert [one.day for one in told if one] == days
    assert (store.reads, store.most_reading) == (10, 1)


@pytest.mark.parametrize(
    "told", ["{}", "[]", "no JSON", '{"window": 5, "sha256": 7}', '{"a": "b"}']
)
async def test_entry__damaged_notes(index: ArchiveIndex, store: CountingStore, told: str) -> None:
    """What somebody damaged beside an archive costs a reading, and nothing else."""
    body = await put(store, SMALL)
    damage_notes(store, told)

    entry = await index.entry(DAY)

    assert entry is not None
    assert (entry.sha256, entry.facts) == (sha256(body), Facts.of(SMALL))


async def test_entry__no_archive_at_all(index: ArchiveIndex, store: CountingStore) -> None:
    """A file with an archive's name that is none is corrupt, and others are told of."""
    copy_in(store, f"{BEFORE}.json", b"a shopping list")
    copy_in(store, f"{DAY}.json", encode(SMALL))

    with pytest.raises(ArchiveCorruptError):
        await index.entry(BEFORE)
    assert await index.entry(DAY) is not None


async def test_entry__of_another_day(index: ArchiveIndex, store: CountingStore) -> None:
    """An archive that was copied to another day's name is corrupt."""
    copy_in(store, f"{BEFORE}.json", encode(SMALL))

    with pytest.raises(ArchiveCorruptError):
        await index.entry(BEFORE)


async def test_entry__gone_since_it_was_listed(index: ArchiveIndex, store: CountingStore) -> None:
    """An archive that somebody removed a moment ago is not told of."""
    await put(store, SMALL)
    assert await index.days() == [DAY]
    shutil.rmtree(store.location)

    assert await index.entry(DAY) is None


async def test_entries__bounded(
    index: ArchiveIndex, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than so many are remembered; those that are not are asked for again."""
    monkeypatch.setattr(index_module, "MAX_ENTRIES", 3)
    days = [date(2026, 11, number) for number in range(1, 6)]
    for day in days:
        await put(store, archive_of(day, {"A": [1]}))

    for day in days:
        assert await index.entry(day) is not None

    assert len(index._entries) == 3
    store.heads = 0
    assert await index.entry(days[-1]) is not None
    assert store.heads == 0
    assert await index.entry(days[0]) is not None
    assert store.heads == 1
