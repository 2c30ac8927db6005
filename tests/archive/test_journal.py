"""How far a run has come: what was fetched once is not fetched again, whatever lies there."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from pageviews_api.archive import journal as module
from pageviews_api.archive.document import Archive, Observed, order
from pageviews_api.archive.encoding import decode, encode
from pageviews_api.archive.journal import MAX_FAILED_READS, PIECE, READS_AT_ONCE, Journal
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveDeniedError,
    ArchiveError,
    ArchiveUnavailableError,
)
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Series
from tests.support.small_archives import Views, archive_of, record_of, series_of

TODAY = date(2026, 11, 22)
WINDOW = DateRange(TODAY - timedelta(days=3), TODAY - timedelta(days=1))


class MemoryStore(FolderArchiveStore):
    """Keeps pieces in memory, and can be told to fail, or to wait; it counts what is read."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.pieces: dict[int, bytes] = {}
        self.failure: ArchiveError | None = None
        self.unreadable: dict[int, ArchiveError] = {}
        self.reads = 0
        self.reads_at_once = 0
        self.most_reads_at_once = 0
        self.hold: asyncio.Event | None = None
        self.writing = asyncio.Event()

    async def save_progress(self, slot: int, body: bytes) -> None:
        """Keep a piece, or fail."""
        self.writing.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        self.pieces[slot] = body

    async def progress(self) -> list[int]:
        """List the pieces, or fail."""
        if self.failure is not None:
            raise self.failure
        return sorted(self.pieces)

    async def read_progress(self, slot: int) -> bytes | None:
        """Read a piece, or fail."""
        self.reads += 1
        self.reads_at_once += 1
        self.most_reads_at_once = max(self.most_reads_at_once, self.reads_at_once)
        await asyncio.sleep(0)
        self.reads_at_once -= 1
        if slot in self.unreadable:
            raise self.unreadable[slot]
        return self.pieces.get(slot)


@pytest.fixture
def store() -> MemoryStore:
    """Give a store without a piece."""
    return MemoryStore()


def several(count: int, *, first: int = 0) -> list[Series]:
    """Name some series."""
    return [series_of(f"Title_{number}") for number in range(first, first + count)]


def seen(views: Views, *, window: DateRange = WINDOW, on: date = TODAY) -> Observed:
    """Observe some days."""
    return Observed(record_of(window, views).days, on)


async def noted(
    store: MemoryStore, observed: Mapping[Series, Observed], *, flush: bool = True
) -> Journal:
    """Let a run observe this, with what earlier ones did in mind."""
    journal = Journal(store)
    await journal.recall(dict.fromkeys(observed, WINDOW))
    for series, one in observed.items():
        await journal.note(series, one)
    if flush:
        await journal.flush()
    return journal


async def recalled(
    store: MemoryStore, *series: Series, needed: DateRange = WINDOW
) -> dict[Series, Observed]:
    """Let another run, in another process, recall what is needed of these series."""
    return await Journal(store).recall(dict.fromkeys(series, needed))


async def test_recall__nothing_yet(store: MemoryStore) -> None:
    """The first run ever has nothing to go by."""
    assert await recalled(store, *several(3)) == {}


async def test_recall__as_observed(store: MemoryStore) -> None:
    """What a run observed the next one knows, and when that was; zeros and holes are known days."""
    observed = {
        series_of("A"): seen([1, 2, 3]),
        series_of("B"): seen([0, 0, 0]),
        series_of("C"): seen([4, DayStatus.HOLE, 5]),
        series_of(None): seen([7, 8, 9], on=TODAY + timedelta(days=1)),
    }
    await noted(store, observed)

    assert await recalled(store, *observed) == observed
    assert await recalled(store, series_of("A")) == {series_of("A"): observed[series_of("A")]}


async def test_note__a_piece_at_a_time(store: MemoryStore) -> None:
    """A run writes down what it observed whenever a piece is full; the rest on being stopped."""
    journal = await noted(
        store, dict.fromkeys(several(2 * PIECE + 3), seen([1, 2, 3])), flush=False
    )
    assert len(store.pieces) == 2
    assert len(await recalled(store, *several(100))) == 2 * PIECE

    await journal.flush()

    assert len(await recalled(store, *several(100))) == 2 * PIECE + 3
    await journal.flush()
    assert len(store.pieces) == 3


async def test_note__failed_series(store: MemoryStore) -> None:
    """A series that could not be had is not written down: the next run asks for it."""
    journal = await noted(store, {series_of("A"): Observed(None, TODAY, reason="was cut off")})

    assert store.pieces == {}
    assert await recalled(store, series_of("A")) == {}
    await journal.flush()


@pytest.mark.parametrize("status", [DayStatus.NOT_LOADED, DayStatus.MISSING])
async def test_recall__day_unknown(store: MemoryStore, status: DayStatus) -> None:
    """A series with a needed day that may yet come is asked for again; another day is no matter."""
    observed = {series_of("A"): seen([1, 2, status])}
    await noted(store, observed)

    assert await recalled(store, series_of("A")) == {}
    before = DateRange(WINDOW.start, WINDOW.end - timedelta(days=1))
    assert await recalled(store, series_of("A"), needed=before) == observed


@pytest.mark.parametrize(("earlier", "later"), [(1, 0), (0, 1), (1, 1)])
async def test_recall__more_days_needed(store: MemoryStore, earlier: int, later: int) -> None:
    """What tells only a part of the needed days is of no use: the series is asked for again."""
    await noted(store, {series_of("A"): seen([1, 2, 3])})
    needed = DateRange(WINDOW.start - timedelta(days=earlier), WINDOW.end + timedelta(days=later))

    assert await recalled(store, series_of("A"), needed=needed) == {}


async def test_recall__observed_twice(store: MemoryStore) -> None:
    """Of two observations of a series the later one counts, wherever it lies."""
    later = seen([7, 8, 9], on=TODAY + timedelta(days=1))
    await noted(store, {series_of("A"): later})
    first = dict(store.pieces)
    store.pieces.clear()
    await noted(store, {series_of("A"): seen([1, 2, 3])})
    (piece,), (newer,) = store.pieces.values(), first.values()

    for pieces in ({0: piece, 1: newer}, {0: newer, 1: piece}):
        store.pieces = pieces
        assert await recalled(store, series_of("A")) == {series_of("A"): later}


async def test_flush__observed_on_two_days(store: MemoryStore) -> None:
    """What was observed before midnight and after it keeps its date."""
    observed = {
        one: seen([1, 2, 3], on=TODAY + timedelta(days=number % 2))
        for number, one in enumerate(several(10))
    }
    await noted(store, observed)

    assert await recalled(store, *observed) == observed


# What else may lie there


def signed(body: bytes) -> bytes:
    """Put the right SHA-256 before whatever it is."""
    return hashlib.sha256(body).hexdigest().encode() + b" " + body


HEAD = f"{TODAY} {WINDOW.start} {WINDOW.end}\n".encode()


def good_piece() -> bytes:
    """Make a piece as it is written: the SHA-256, what it tells, and an archive."""
    return signed(HEAD + encode(archive_of(TODAY, {"A": [1, 2, 3]})))


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"\n",
        b"{}",
        b"\xff" * 100,
        good_piece()[1:],
        good_piece()[:-1],
        good_piece().replace(b'"views":3', b'"views":9'),
        good_piece().replace(b" 2026-11-19 ", b" 2026-11-18 "),
        good_piece().replace(HEAD, b"\n"),
        signed(b""),
        signed(b"{}"),
        signed(b"a shopping list"),
        signed(HEAD),
        signed(HEAD + b"a shopping list"),
        signed(HEAD.replace(b"-", b"") + encode(archive_of(TODAY, {"A": [1, 2, 3]}))[:-40]),
        signed(HEAD + encode(archive_of(TODAY, {"A": [1, 2, 3]}))[:-40]),
        b"0" * 64 + b"\n" + encode(archive_of(TODAY, {"A": [1, 2, 3]})),  # of a version before
    ],
)
async def test_recall__damaged_piece(store: MemoryStore, piece: bytes) -> None:
    """Of a damaged, empty or foreign piece nothing is believed, and the others are read."""
    await noted(store, {series_of("B"): seen([4, 5, 6])})
    store.pieces |= {7: piece, 8: good_piece()}
    assert set(await recalled(store, series_of("A"), series_of("B"))) == {
        series_of("A"),
        series_of("B"),
    }

    del store.pieces[8]

    assert set(await recalled(store, series_of("A"), series_of("B"))) == {series_of("B")}


@given(
    st.binary(max_size=300)
    | st.binary(max_size=300).map(signed)
    | st.binary(max_size=300).map(lambda body: signed(HEAD + body))
)
def test_recall__any_bytes(piece: bytes) -> None:
    """Whatever lies in a slot, it is no error."""
    store = MemoryStore()
    store.pieces[0] = piece

    assert asyncio.run(recalled(store, series_of("A"))) == {}


async def test_recall__old_pieces(store: MemoryStore) -> None:
    """What was observed of earlier days, or of series that nobody wants now, is not recalled."""
    earlier = DateRange(WINDOW.start - timedelta(days=30), WINDOW.end - timedelta(days=30))
    await noted(store, {series_of("A"): seen([1, 2, 3], window=earlier)})
    await noted(store, {series_of("B"): seen([1, 2, 3])})

    assert await recalled(store, series_of("A")) == {}


async def test_recall__days_that_are_not_needed(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece of other days is told by its first line: of a backfill's pieces none is decoded."""
    earlier = DateRange(WINDOW.start - timedelta(days=30), WINDOW.end - timedelta(days=30))
    everything = several(3 * PIECE)
    await noted(store, dict.fromkeys(everything, seen([1, 2, 3], window=earlier)))
    await noted(store, {series_of("B"): seen([1, 2, 3])})
    decoded = 0

    def count(day: date | None, body: bytes) -> Archive:
        nonlocal decoded
        decoded += 1
        return decode(day, body)

    monkeypatch.setattr(module, "decode", count)

    assert set(await recalled(store, *everything, series_of("B"))) == {series_of("B")}
    assert decoded == 1


async def test_recall__few_at_a_time(store: MemoryStore) -> None:
    """However many pieces there are, few of them are in memory at once."""
    everything = several(40 * PIECE)
    await noted(store, dict.fromkeys(everything, seen([1, 2, 3])))

    assert len(await recalled(store, *everything)) == 40 * PIECE
    assert store.reads == 40
    assert 1 < store.most_reads_at_once <= READS_AT_ONCE


@pytest.mark.parametrize(
    "failure",
    [ArchiveCorruptError("checksum differs"), ArchiveUnavailableError("x"), ArchiveDeniedError("")],
)
async def test_recall__one_that_cannot_be_read(store: MemoryStore, failure: ArchiveError) -> None:
    """One piece that cannot be read costs what it held, and none of the others."""
    everything = several(4 * PIECE)
    await noted(store, dict.fromkeys(everything, seen([1, 2, 3])))
    store.unreadable = {1: failure}
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), format="")

    known = await recalled(store, *everything)

    logger.remove(sink)
    assert set(everything) - set(known) == set(several(PIECE, first=PIECE))
    assert lines.count("progress of an earlier run cannot be read") == 1


async def test_recall__none_can_be_read(store: MemoryStore) -> None:
    """A store that fails each time is not asked for hundreds of pieces; none is written over."""
    await noted(store, dict.fromkeys(several(40 * PIECE), seen([1, 2, 3])))
    store.unreadable = dict.fromkeys(range(40), ArchiveUnavailableError("down"))
    journal = Journal(store)

    assert await journal.recall(dict.fromkeys(several(100), WINDOW)) == {}

    assert store.reads <= MAX_FAILED_READS + READS_AT_ONCE
    await journal.note(series_of("A"), seen([1, 2, 3]))
    await journal.flush()
    store.unreadable = {}
    assert len(await recalled(store, *several(40 * PIECE), series_of("A"))) == 40 * PIECE + 1


# Slots


async def test_slots__of_a_run_that_was_stopped(store: MemoryStore) -> None:
    """A run of other days, or of other series, does not cost a stopped run what it had fetched."""
    stopped = several(4 * PIECE)
    await noted(store, dict.fromkeys(stopped, seen([1, 2, 3])))
    earlier = DateRange(WINDOW.start - timedelta(days=9), WINDOW.end - timedelta(days=9))
    for window, others in ((earlier, stopped), (WINDOW, several(3 * PIECE, first=1000))):
        journal = Journal(store)
        assert await journal.recall(dict.fromkeys(others, window)) == {}
        for one in others:
            await journal.note(one, seen([4, 5, 6], window=window))
        await journal.flush()

    assert len(await recalled(store, *stopped)) == 4 * PIECE
    assert len(await recalled(store, *stopped, needed=earlier)) == 4 * PIECE


async def test_slots__no_more_than_there_is_room_for(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all slots are held, what was observed first goes first, and what is of use last."""
    monkeypatch.setattr(module, "MAX_SLOTS", 6)
    oldest, older, ours = (several(2 * PIECE, first=first) for first in (0, 100, 200))
    for on, part in ((TODAY - ONE_DAY, oldest), (TODAY, older), (TODAY - ONE_DAY, ours)):
        await noted(store, dict.fromkeys(part, seen([1, 2, 3], on=on)))
    assert len(store.pieces) == 6
    more = several(2 * PIECE, first=300)
    journal = Journal(store)
    assert len(await journal.recall(dict.fromkeys(ours + more, WINDOW))) == len(ours)

    for number, left in enumerate((oldest[PIECE:], []), start=1):
        for one in more[(number - 1) * PIECE : number * PIECE]:
            await journal.note(one, seen([4, 5, 6]))
        assert sorted(await recalled(store, *oldest), key=order) == sorted(left, key=order)
        assert len(await recalled(store, *older, *ours)) == 4 * PIECE

    await noted(store, dict.fromkeys(several(7 * PIECE, first=400), seen([7, 8, 9])))
    assert sorted(store.pieces) == [0, 1, 2, 3, 4, 5]
    assert len(await recalled(store, *several(7 * PIECE, first=400))) == 6 * PIECE


async def test_slots__store_could_not_be_listed(store: MemoryStore) -> None:
    """Where the pieces could not be listed at first they are before one is written."""
    await noted(store, dict.fromkeys(several(2 * PIECE), seen([1, 2, 3])))
    journal = Journal(store)
    store.failure = ArchiveUnavailableError("down")
    assert await journal.recall(dict.fromkeys(several(100), WINDOW)) == {}
    store.failure = None

    await journal.note(series_of("A"), seen([1, 2, 3]))
    await journal.flush()

    assert len(await recalled(store, *several(100), series_of("A"))) == 2 * PIECE + 1


async def test_slots__damaged_ones_go_first(store: MemoryStore) -> None:
    """A slot that holds nothing of use to anybody is written over before a free one is taken."""
    await noted(store, dict.fromkeys(several(3 * PIECE), seen([1, 2, 3])))
    store.pieces[1] = b"damaged"

    await noted(store, {series_of("A"): seen([1, 2, 3])})

    assert sorted(store.pieces) == [0, 1, 2]
    assert set(await recalled(store, series_of("A"))) == {series_of("A")}


async def test_slots__bounded_over_many_runs(store: MemoryStore) -> None:
    """Run after run, day after day, the pieces of three days ago are written over."""
    for number in range(20):
        shift = timedelta(days=number)
        window = DateRange(WINDOW.start + shift, WINDOW.end + shift)
        observed = dict.fromkeys(
            several(3 * PIECE), seen([1, 2, 3], window=window, on=TODAY + shift)
        )
        journal = Journal(store)
        assert await journal.recall(dict.fromkeys(observed, window)) == {}
        for series, one in observed.items():
            await journal.note(series, one)
        await journal.flush()
        assert len(await recalled(store, *observed, needed=window)) == 3 * PIECE

    assert sorted(store.pieces) == list(range(9))


async def test_slots__of_a_run_that_is_gone_on_with(store: MemoryStore) -> None:
    """What is still of use is not written over by the run that goes on."""
    await noted(store, dict.fromkeys(several(2 * PIECE), seen([1, 2, 3])))
    journal = Journal(store)
    everything = several(4 * PIECE)
    known = await journal.recall(dict.fromkeys(everything, WINDOW))
    assert len(known) == 2 * PIECE
    for series in everything:
        if series not in known:
            await journal.note(series, seen([4, 5, 6]))
    await journal.flush()

    assert len(await recalled(store, *everything)) == 4 * PIECE
    assert sorted(store.pieces) == [0, 1, 2, 3]


# A store that fails


@pytest.mark.parametrize("failure", [ArchiveUnavailableError("down"), ArchiveDeniedError("no")])
async def test_store__refuses(store: MemoryStore, failure: ArchiveError) -> None:
    """A store that refuses progress costs the progress, and no run."""
    store.failure = failure

    await noted(store, dict.fromkeys(several(PIECE + 1), seen([1, 2, 3])))

    assert store.pieces == {}
    store.failure = None
    await noted(store, dict.fromkeys(several(2, first=50), seen([1, 2, 3])))
    assert set(await recalled(store, *several(100))) == set(several(2, first=50))


async def test_note__many_at_once(store: MemoryStore) -> None:
    """Two fetches that end together lose nothing of each other."""
    journal = Journal(store)
    everything = several(4 * PIECE)
    await asyncio.gather(*(journal.note(one, seen([1, 2, 3])) for one in everything))
    await journal.flush()

    assert len(await recalled(store, *everything)) == len(everything)


async def test_note__stopped_while_writing(store: MemoryStore) -> None:
    """A run that is stopped while it writes a piece loses that piece at the most."""
    journal = await noted(store, dict.fromkeys(several(PIECE), seen([1, 2, 3])))
    store.hold, store.writing = asyncio.Event(), asyncio.Event()
    for one in several(PIECE - 1, first=100):
        await journal.note(one, seen([1, 2, 3]))
    writing = asyncio.create_task(journal.note(series_of("last"), seen([1, 2, 3])))
    await store.writing.wait()
    await journal.note(series_of("after"), seen([1, 2, 3]))
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    store.hold.set()

    async with asyncio.timeout(30):
        await journal.flush()

    known = await recalled(store, *several(200), series_of("last"), series_of("after"))
    assert set(several(PIECE)) | {series_of("after")} <= set(known)
