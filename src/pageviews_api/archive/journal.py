"""How far a run has come, kept in the store: what was fetched is not fetched again.

A run of 10,000 series takes more than an hour. What it observes is written down in pieces; the
next run, in whichever process, reads them first. Pieces are written over by later runs, and
nobody relies on them: one that is lost or damaged costs fetches.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from datetime import date

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


class Journal:
    """What one run observes, and what runs before it did."""

    def __init__(self, store: ArchiveStore) -> None:
        self._store = store
        self._pending: dict[Series, Observed] = {}
        self._used: set[int] = set()
        self._writing = asyncio.Lock()

    async def recall(self, needed: Mapping[Series, DateRange]) -> dict[Series, Observed]:
        """Tell what earlier runs observed of these series, all of their needed days known."""
        try:
            pieces = await self._store.progress()
        except ArchiveError as e:
            logger.bind(reason=str(e)).warning("progress of an earlier run cannot be read")
            return {}
        recalled: dict[Series, Observed] = {}
        for slot, piece in sorted(pieces.items()):
            useful = await asyncio.to_thread(_useful, piece, needed)
            if useful:
                self._used.add(slot)
            for series, observed in useful.items():
                known = recalled.get(series)
                if known is None or known.on < observed.on:
                    recalled[series] = observed
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

    async def _write(self, on: date, part: Mapping[Series, Observed]) -> None:
        slot = next(slot for slot in range(MAX_SLOTS) if slot not in self._used)
        self._used.add(slot)
        try:
            await self._store.save_progress(slot, await asyncio.to_thread(_piece, on, part))
        except ArchiveError as e:
            logger.bind(reason=str(e)).warning("progress not kept")


def _piece(on: date, part: Mapping[Series, Observed]) -> bytes:
    """Write a piece as an archive of its own, after its SHA-256."""
    records = {
        series: Record(Outcome.OK, observed.days)
        for series, observed in sorted(part.items(), key=lambda pair: order(pair[0]))
    }
    window = _window(observed for observed in part.values())
    body = encode(
        Archive(
            day=window.end + ONE_DAY,
            window=window,
            observed_on=on,
            complete=False,
            top=(),
            series=records,
        )
    )
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def _window(part: Iterable[Observed]) -> DateRange:
    (window,) = {observed.days.range for observed in part if observed.days}
    return window


def _useful(piece: bytes, needed: Mapping[Series, DateRange]) -> dict[Series, Observed]:
    """Read of a piece what tells all that is needed of a series; nothing of a damaged one."""
    digest, _, body = piece.partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return {}
    try:
        archive = decode(None, body)
    except ArchiveCorruptError:
        return {}
    return {
        series: Observed(record.days, archive.observed_on)
        for series, record in archive.series.items()
        if record.days and _tells(record, needed.get(series))
    }


def _tells(record: Record, needed: DateRange | None) -> bool:
    if needed is None or record.days is None:
        return False
    told = record.days.range
    if not (told.start <= needed.start and needed.end <= told.end):
        return False
    return not record.days.within(needed).has(DayStatus.NOT_LOADED, DayStatus.MISSING)
