"""Compares archives for who asks: one pair at a time, the last one kept."""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pageviews_api.archive.comparison import Change, Comparison, Lone, compare
from pageviews_api.archive.deadline import in_time
from pageviews_api.archive.encoding import decode
from pageviews_api.archive.index import ArchiveIndex, Entry
from pageviews_api.archive.reader import ArchiveReader, ReadArchive
from pageviews_api.exceptions import (
    ArchiveUnavailableError,
    FieldError,
    InvalidParameterError,
    NotArchivedError,
)
from pageviews_api.schemas.archive_answers import (
    ArchiveDifferences,
    ChangedDay,
    ChangeKind,
    ComparedArchive,
    DifferenceCounts,
    LoneSeries,
    Span,
)
from pageviews_api.schemas.archive_query import DifferencesParameters, Place

MOST_WAITING = 8
"""Pairs that wait to be compared; further ones are refused. A pair of 17 MB takes two seconds."""

MOST_KEPT = 100_000
"""A comparison with more changes than that is made anew for each page, and not kept."""

MOST_NAMED = 1_000
"""Series that are named as being in one archive only; more are counted."""

Pair = tuple[str, str]
"""The SHA-256 of what was observed first, and of the other."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Two archives as they were read, and what changed between them."""

    earlier: Entry
    later: Entry
    comparison: Comparison

    @property
    def pair(self) -> Pair:
        """What was compared."""
        return self.earlier.sha256, self.later.sha256

    @property
    def name(self) -> str:
        """Tell this pair from others, in 8 hexadecimal digits."""
        return hashlib.sha256(" ".join(self.pair).encode()).hexdigest()[:8]


class ArchiveComparisons:
    """Tells what changed between two archives.

    What takes longer than ``deadline`` goes on, and is there for the next who asks. ``notice`` is
    said in every answer.
    """

    def __init__(
        self,
        index: ArchiveIndex,
        reader: ArchiveReader,
        *,
        deadline: timedelta,
        notice: str | None = None,
    ) -> None:
        self._index = index
        self._reader = reader
        self._deadline = deadline.total_seconds()
        self._notice = notice
        self._one_at_a_time = asyncio.Lock()
        self._comparing: dict[Pair, asyncio.Task[Compared]] = {}
        self._last: Compared | None = None

    async def differences(self, asked: DifferencesParameters) -> ArchiveDifferences:
        """Tell what changed, from the archive that was observed first to the other.

        Raises
        ------
        NotArchivedError
            There is no archive of one of the days.
        InvalidParameterError
            The cursor is one of other archives, or of what they were before they were replaced.
        ArchiveCorruptError
            One of them is not what was written.
        ArchiveError
            The store cannot be read, or not in time.
        """
        async with in_time(self._deadline):
            compared = await self._compared([await self._entry(day) for day in asked.archives])
        place = asked.place or Place(0, compared.name)
        if place.of != compared.name:
            reason = "is of archives that are others now: ask without it"
            raise InvalidParameterError(FieldError(("query", "cursor"), reason))
        found, end = compared.comparison, place.offset + asked.limit
        return ArchiveDifferences(
            earlier=_archive(compared.earlier),
            later=_archive(compared.later),
            days=Span(start=found.days.start, end=found.days.end) if found.days else None,
            counts=_counts(found),
            changed=[_changed_day(change) for change in found.changes[place.offset : end]],
            only_in_earlier=_named(found.only_in_earlier),
            only_in_later=_named(found.only_in_later),
            next_cursor=str(Place(end, place.of)) if end < len(found.changes) else None,
            notice=self._notice,
        )

    async def aclose(self) -> None:
        """End what is being compared."""
        tasks = list(self._comparing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _entry(self, day: date) -> Entry:
        entry = await self._index.entry(day)
        if entry is None:
            raise NotArchivedError(f"There is no archive of {day}.")
        return entry

    async def _compared(self, entries: Iterable[Entry]) -> Compared:
        """Compare two archives, or tell it as it was told last."""
        earlier, later = sorted(entries, key=lambda one: (one.facts.observed_on, one.day))
        pair = earlier.sha256, later.sha256
        if self._last is not None and self._last.pair == pair:
            return self._last
        if pair not in self._comparing:
            if len(self._comparing) >= MOST_WAITING:
                raise ArchiveUnavailableError("too many archives are being compared")
            # A task of its own: what took too long for one caller is there for the next.
            self._comparing[pair] = asyncio.create_task(self._compare(earlier.day, later.day))
            self._comparing[pair].add_done_callback(lambda task: self._end(pair, task))
        return await asyncio.shield(self._comparing[pair])

    async def _compare(self, earlier: date, later: date) -> Compared:
        async with self._one_at_a_time:
            first, second = await self._reader.read(earlier), await self._reader.read(later)
            comparison = await asyncio.to_thread(_compare, first, second)
        return Compared(first.entry, second.entry, comparison)

    def _end(self, pair: Pair, task: "asyncio.Task[Compared]") -> None:
        del self._comparing[pair]
        if task.cancelled() or task.exception() is not None:
            return  # an error is told to those who wait; there may be none
        if len(task.result().comparison.changes) <= MOST_KEPT:
            self._last = task.result()


def _compare(earlier: ReadArchive, later: ReadArchive) -> Comparison:
    return compare(decode(earlier.entry.day, earlier.body), decode(later.entry.day, later.body))


def _archive(entry: Entry) -> ComparedArchive:
    return ComparedArchive(
        date=entry.day,
        observed_on=entry.facts.observed_on,
        late=entry.late,
        complete=entry.facts.complete,
    )


def _counts(found: Comparison) -> DifferenceCounts:
    return DifferenceCounts(
        compared_series=found.compared,
        restated=found.kinds[ChangeKind.RESTATED],
        loaded=found.kinds[ChangeKind.LOADED],
        withdrawn=found.kinds[ChangeKind.WITHDRAWN],
        only_in_earlier=len(found.only_in_earlier),
        only_in_later=len(found.only_in_later),
    )


def _changed_day(change: Change) -> ChangedDay:
    return ChangedDay(
        project=change.series.project,
        article=change.series.article,
        access=change.series.access,
        agent=change.series.agent,
        date=change.day,
        before=change.before,
        before_status=change.before_status,
        after=change.after,
        after_status=change.after_status,
        change=change.change,
        kind=change.kind,
    )


def _named(lone: tuple[Lone, ...]) -> list[LoneSeries]:
    return [
        LoneSeries(
            project=series.project,
            article=series.article,
            access=series.access,
            agent=series.agent,
            elsewhere=elsewhere,
        )
        for series, elsewhere in lone[:MOST_NAMED]
    ]
