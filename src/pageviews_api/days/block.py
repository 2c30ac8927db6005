"""What is known of a series: one count for each day, and when each stretch was learned. Pure."""

import struct
import zlib
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise

from pageviews_api.daterange import ONE_DAY, DateRange

ABSENT = -1
"""Stands for a day that AQS left out, among counts."""

_FORMAT = 3
_HEADER = struct.Struct(">BIH")
"""Format, first day, number of stretches."""
_STRETCH = struct.Struct(">HI")
"""Days of a stretch, with the highest bit set where it is settled; and when it was learned, in
seconds since 1970."""
_SETTLED = 1 << 15
_BYTES_OF_COUNT = 8


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive days that one answer of AQS told.

    ``learned_at`` is when Wikimedia's edge had that answer made, to the second. ``settled``: its
    days were restated, and the answer showed their new numbers.
    """

    days: DateRange
    learned_at: datetime
    settled: bool = False


@dataclass(frozen=True)
class Block:
    """The views of consecutive days of one series.

    ``counts`` has one number for each day, ``ABSENT`` where AQS left the day out. ``stretches``
    lie side by side, oldest first, and cover all of the block.
    """

    stretches: tuple[Stretch, ...]
    counts: "array[int]"

    @classmethod
    def learned(cls, days: DateRange, views: Mapping[date, int], learned_at: datetime) -> "Block":
        """Keep what one answer told of ``days``; a day that is not in ``views`` was left out."""
        moment = learned_at.replace(microsecond=0)
        counts = array("q", (views.get(day, ABSENT) for day in days))
        return cls((Stretch(days, moment),), counts)

    @cached_property
    def days(self) -> DateRange:
        """All days that the block covers."""
        return DateRange(self.stretches[0].days.start, self.stretches[-1].days.end)

    @property
    def is_empty(self) -> bool:
        """Whether AQS left out every day."""
        return self.newest is None

    @cached_property
    def oldest(self) -> date | None:
        """The oldest day that AQS told."""
        return next((day for day, count in self._told()), None)

    @cached_property
    def newest(self) -> date | None:
        """The newest day that AQS told."""
        back = next((n for n, count in enumerate(reversed(self.counts)) if count != ABSENT), None)
        return None if back is None else self.days.end - timedelta(days=back)

    @property
    def views(self) -> dict[date, int]:
        """The days that AQS told, oldest first."""
        return dict(self._told())

    def count(self, day: date) -> int:
        """Tell the views of a covered day, or ``ABSENT``."""
        return self.counts[(day - self.stretches[0].days.start).days]

    def counts_of(self, days: DateRange) -> "array[int]":
        """Tell the counts of covered days."""
        offset = (days.start - self.stretches[0].days.start).days
        return self.counts[offset : offset + len(days)]

    def tells(self, days: DateRange) -> bool:
        """Tell whether AQS told the views of some of these days."""
        start, end = max(days.start, self.days.start), min(days.end, self.days.end)
        return start <= end and max(self.counts_of(DateRange(start, end))) != ABSENT

    def stretches_of(self, days: DateRange) -> Iterable[Stretch]:
        """Tell the stretches that hold some of these days, oldest first."""
        return (
            stretch
            for stretch in self.stretches
            if stretch.days.start <= days.end and stretch.days.end >= days.start
        )

    def touches(self, other: "Block") -> bool:
        """Tell whether there is no day between two blocks that neither covers."""
        mine, theirs = self.days, other.days
        return mine.start <= theirs.end + ONE_DAY and theirs.start <= mine.end + ONE_DAY

    def merged(self, other: "Block") -> "Block":
        """Join two blocks that touch; each day is told by the answer that was learned later.

        Raises
        ------
        ValueError
            There are days between them that neither covers.
        """
        if not self.touches(other):
            raise ValueError("blocks do not touch")
        cuts = sorted(
            {stretch.days.start for stretch in (*self.stretches, *other.stretches)}
            | {stretch.days.end + ONE_DAY for stretch in (*self.stretches, *other.stretches)}
        )
        stretches: list[Stretch] = []
        counts = array("q")
        for first, after in pairwise(cuts):
            days = DateRange(first, after - ONE_DAY)
            block, known = self._later(other, days)
            counts += block.counts_of(days)
            if stretches and replace(known, days=stretches[-1].days) == stretches[-1]:
                days = DateRange(stretches.pop().days.start, days.end)
            stretches.append(replace(known, days=days))
        return Block(tuple(stretches), counts)

    def encode(self) -> bytes:
        """Write the block compactly: a year takes about 1 KB."""
        header = _HEADER.pack(_FORMAT, self.days.start.toordinal(), len(self.stretches))
        stretches = b"".join(
            _STRETCH.pack(
                len(stretch.days) | stretch.settled * _SETTLED,
                int(stretch.learned_at.timestamp()),
            )
            for stretch in self.stretches
        )
        return header + stretches + zlib.compress(self.counts.tobytes())

    @classmethod
    def decode(cls, data: bytes) -> "Block":
        """Read what ``encode`` wrote.

        Raises
        ------
        ValueError
            It is not what this version writes.
        """
        try:
            return cls._decode(data)
        except (struct.error, zlib.error, OverflowError) as e:
            raise ValueError("is no block") from e

    @classmethod
    def _decode(cls, data: bytes) -> "Block":
        format_, ordinal, number = _HEADER.unpack_from(data)
        if format_ != _FORMAT:
            raise ValueError(f"is a block of format {format_}")
        packed = _HEADER.size + number * _STRETCH.size
        first = start = date.fromordinal(ordinal)
        stretches = []
        for coded, learned_at in _STRETCH.iter_unpack(data[_HEADER.size : packed]):
            length, settled = coded & ~_SETTLED, bool(coded & _SETTLED)
            if not length:
                raise ValueError("has a stretch without days")
            days = DateRange(first, first + timedelta(days=length - 1))
            stretches.append(Stretch(days, datetime.fromtimestamp(learned_at, UTC), settled))
            first = days.end + ONE_DAY
        size = (first - start).days * _BYTES_OF_COUNT
        counts = array("q")
        counts.frombytes(zlib.decompressobj().decompress(data[packed:], size + 1))
        if not stretches or len(counts) * _BYTES_OF_COUNT != size or min(counts) < ABSENT:
            raise ValueError("is a broken block")
        return cls(tuple(stretches), counts)

    def _told(self) -> Iterable[tuple[date, int]]:
        start = self.stretches[0].days.start
        return (
            (start + timedelta(days=offset), count)
            for offset, count in enumerate(self.counts)
            if count != ABSENT
        )

    def _later(self, other: "Block", days: DateRange) -> tuple["Block", Stretch]:
        """Tell which of the two knows these days, which no stretch divides, from a later answer."""
        found = [
            (block, stretch) for block in (other, self) for stretch in block.stretches_of(days)
        ]
        return max(found, key=lambda pair: pair[1].learned_at)
