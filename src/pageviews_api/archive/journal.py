"""How far a run has come, kept in the store: what was fetched is not fetched again.

A run of 10,000 series takes more than an hour. What it observes is written down in pieces; the
next run, in whichever process, reads them first. Nobody relies on a piece: one that is lost or
damaged costs fetches. There is room for so many; those that were observed first are written over.
"""

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from loguru import logger

from pageviews_api.archive.document import Archive, Observed, Record, order
from pageviews_api.archive.encoding import decode, encode
from pageviews_api.clients.archive_store import MAX_SLOTS, ArchiveStore
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.exceptions import ArchiveCorruptError, ArchiveError
from pageviews_api.schemas.archive import Outcome
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Series

PIECE = 25
"""Series in a piece: a run that is killed fetches at most so many again."""

READS_AT_ONCE = 4
"""Pieces that are read, and held in memory, at a time: one of a year takes 600 KB."""

MAX_FAILED_READS = 8
"""Pieces that the store may fail to give; then it is asked for no more of them."""

KEPT_FOR = timedelta(days=2)
"""How long a piece is kept where there is room for others, as in docs/deployment.md."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What a piece tells: when it was observed, and what of it is of use."""

    on: date
    useful: Mapping[Series, Observed]


class Journal:
    """What one run observes, and what runs before it did."""

    def __init__(self, store: ArchiveStore) -> None:
        self._store = store
        self._pending: dict[Series, Observed] = {}
        self._held: dict[int, date] | None = None
        """When what each slot holds was observed; None until they are listed."""
        self._ours: set[int] = set()
        """The slots of what is of use to this run, or was written by it."""
        self._failed_reads = 0
        self._writing = asyncio.Lock()

    async def recall(self, needed: Mapping[Series, DateRange]) -> dict[Series, Observed]:
        """Tell what earlier runs observed of these series, all of their needed days known.

        One piece that cannot be read does not sink the rest.
        """
        recalled: dict[Series, Observed] = {}
        windows = set(needed.values())
        try:
            held = await self._list()
        except ArchiveError as e:
            _warn_of(e)
            return {}
        queue = iter(sorted(held))

        async def work() -> None:
            for slot in queue:
                if self._failed_reads >= MAX_FAILED_READS:
                    return
                body = await self._body(slot)
                if body is None:
                    continue
                piece = await asyncio.to_thread(_read, body, needed, windows)
                held[slot] = piece.on
                if piece.useful:
                    self._ours.add(slot)
                _take(piece.useful, recalled)

        async with asyncio.TaskGroup() as workers:
            for _ in range(READS_AT_ONCE):
                workers.create_task(work())
        if recalled:
            logger.bind(series=len(recalled)).info("going on where an earlier run was")
        return recalled

    async def note(self, series: Series, observed: Observed) -> None:
        """Write down what was observed, a piece at a time; what failed is not."""
        if observed.days is None:
            return
        self._pending[series] = observed
        if len(self._pending) >= PIECE:
            await self.flush()

    async def flush(self) -> None:
        """Write down what is not yet."""
        async with self._writing:
            pending, self._pending = self._pending, {}
            by_day: dict[date, dict[Series, Observed]] = {}
            for series, observed in pending.items():
                by_day.setdefault(observed.on, {})[series] = observed
            try:
                for on, part in by_day.items():
                    await self._write(on, part)
            except asyncio.CancelledError:  # the run is being stopped, and flushes once more
                self._pending = pending | self._pending
                raise

    async def _body(self, slot: int) -> bytes | None:
        """Read a piece; None where the store fails. One that is gone or damaged tells nothing."""
        try:
            return await self._store.read_progress(slot) or b""
        except ArchiveCorruptError as e:
            _warn_of(e)
            return b""
        except ArchiveError as e:
            _warn_of(e)
            self._failed_reads += 1
            return None

    async def _write(self, on: date, part: Mapping[Series, Observed]) -> None:
        try:
            held = await self._list()
            slot = self._slot_for(on, held)
            held[slot] = on
            self._ours.add(slot)
            await self._store.save_progress(slot, await asyncio.to_thread(_piece, on, part))
        except ArchiveError as e:
            logger.bind(reason=str(e)).warning("progress not kept")

    async def _list(self) -> dict[int, date]:
        """Tell which slots are held; one of which nothing is known yet is not to go first."""
        if self._held is None:
            self._held = dict.fromkeys(await self._store.progress(), date.max)
        return self._held

    def _slot_for(self, on: date, held: Mapping[int, date]) -> int:
        """Choose where a piece is written: it costs no other its progress as long as it can.

        What is older than two days, or damaged, goes first; then the free slots; then whatever
        was observed first, and what is of use to this run last of all.
        """
        oldest = min(held, key=lambda slot: (slot in self._ours, held[slot], slot), default=None)
        if oldest is not None:
            is_old = oldest not in self._ours and held[oldest] < on - KEPT_FOR
            if is_old or len(held) >= MAX_SLOTS:
                return oldest
        return next(slot for slot in range(MAX_SLOTS) if slot not in held)


def _warn_of(failure: ArchiveError) -> None:
    logger.bind(reason=str(failure)).warning("progress of an earlier run cannot be read")


def _take(useful: Mapping[Series, Observed], recalled: dict[Series, Observed]) -> None:
    """Add what a piece tells; of two observations of a series the later one counts."""
    for series, observed in useful.items():
        known = recalled.get(series)
        if known is None or known.on < observed.on:
            recalled[series] = observed


def _piece(on: date, part: Mapping[Series, Observed]) -> bytes:
    """Write a piece as an archive of its own, after a line of what tells whether it is of use.

    That is the SHA-256 of all that follows it, the day of observing, and the window.
    """
    records = {
        series: Record(Outcome.OK, observed.days)
        for series, observed in sorted(part.items(), key=lambda pair: order(pair[0]))
    }
    window = _window(observed for observed in part.values())
    archive = encode(
        Archive(
            day=window.end + ONE_DAY,
            window=window,
            observed_on=on,
            complete=False,
            top=(),
            series=records,
        )
    )
    told = f"{on} {window.start} {window.end}\n".encode() + archive
    return hashlib.sha256(told).hexdigest().encode() + b" " + told


def _window(part: Iterable[Observed]) -> DateRange:
    (window,) = {observed.days.range for observed in part if observed.days}
    return window


_DAMAGED = _Piece(date.min, {})


def _read(
    piece: bytes, needed: Mapping[Series, DateRange], windows: Collection[DateRange]
) -> _Piece:
    """Read of a piece what tells all that is needed of a series; nothing of a damaged one.

    One whose days are not needed is told by its first line. ``windows`` are those of ``needed``.
    """
    digest, _, told = piece.partition(b" ")
    head, _, body = told.partition(b"\n")
    try:
        on, start, end = map(date.fromisoformat, head.decode("ascii").split(" "))
    except ValueError:
        return _DAMAGED
    if not any(start <= window.start and window.end <= end for window in windows):
        return _Piece(on, {})
    if hashlib.sha256(told).hexdigest().encode() != digest:
        return _DAMAGED
    try:
        archive = decode(None, body)
    except ArchiveCorruptError:
        return _DAMAGED
    useful = {
        series: Observed(record.days, archive.observed_on)
        for series, record in archive.series.items()
        if record.days and _tells(record, needed.get(series))
    }
    return _Piece(on, useful)


def _tells(record: Record, needed: DateRange | None) -> bool:
    if needed is None or record.days is None:
        return False
    told = record.days.range
    if not (told.start <= needed.start and needed.end <= told.end):
        return False
    return not record.days.within(needed).has(DayStatus.NOT_LOADED, DayStatus.MISSING)
