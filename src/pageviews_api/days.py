"""What is known of each day: blocks of counts, the load calendar, the status of a day. Pure.

AQS leaves out days without a view, days it has not loaded and days it has lost, and answers 404
for all of them alike (https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/,
*Troubleshooting*). What tells them apart is a *witness*: a series so busy that a day is absent
from it only if the day is not there for anybody.
"""

import struct
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.schemas.pageviews import DayPoint, DayStatus

LOAD_MARGIN = timedelta(hours=2)
"""How long after the witness shows a day an article's answer may still lack it."""

UNSETTLED = timedelta(days=3)
"""The newest days, which may still arrive or be restated."""

_FORMAT = 1
_HEADER = struct.Struct(">BIId")
_ABSENT = -1


@dataclass(frozen=True, slots=True)
class Block:
    """The views of consecutive days, as one answer of AQS told them.

    ``views`` holds the days that were in the answer; every other day of ``days`` was left out.
    ``learned_at`` is when Wikimedia's edge had the answer made.
    """

    days: DateRange
    views: Mapping[date, int]
    learned_at: datetime

    @property
    def newest(self) -> date | None:
        """The newest day that was in the answer."""
        return max(self.views, default=None)

    @property
    def oldest(self) -> date | None:
        """The oldest day that was in the answer."""
        return min(self.views, default=None)

    def encode(self) -> bytes:
        """Write the block compactly: a year takes about 1 KB."""
        counts = array("q", (self.views.get(day, _ABSENT) for day in self.days))
        header = _HEADER.pack(
            _FORMAT,
            self.days.start.toordinal(),
            len(self.days),
            self.learned_at.timestamp(),
        )
        return header + zlib.compress(counts.tobytes())

    @classmethod
    def decode(cls, data: bytes) -> "Block":
        """Read what ``encode`` wrote in this process."""
        _, first, length, learned_at = _HEADER.unpack_from(data)
        counts = array("q", zlib.decompress(data[_HEADER.size :]))
        start = date.fromordinal(first)
        views = {
            start + timedelta(days=offset): count
            for offset, count in enumerate(counts)
            if count != _ABSENT
        }
        days = DateRange(start, start + timedelta(days=length - 1))
        return cls(days, views, datetime.fromtimestamp(learned_at, UTC))


@dataclass(frozen=True, slots=True)
class LoadCalendar:
    """Which days a dataset has, as its witness tells.

    ``complete_through`` is the newest loaded day. ``holes`` are days that never came although
    later ones did. ``shown_at`` tells for recent days when the witness first showed them; a day
    that is not in it was loaded long before. ``counted_from`` is the first day that was counted
    at all; the days before it are holes.
    """

    complete_through: date
    holes: frozenset[date]
    shown_at: Mapping[date, datetime] = field(default_factory=dict)
    counted_from: date = FIRST_DAY

    @classmethod
    def of(cls, witness: Block, *, before: "LoadCalendar | None" = None) -> "LoadCalendar | None":
        """Read the calendar off the witness; None where the witness has no day at all.

        ``before`` is what was known so far: a day keeps the moment at which it was first shown.
        A day that is new to us and recent counts as loaded only just now; so does one that was a
        hole.
        """
        newest, oldest = witness.newest, witness.oldest
        if newest is None or oldest is None:
            return None
        if before is not None and before.complete_through > newest:
            # An older copy of the edge: what was shown once is loaded.
            return before
        known = before.shown_at if before else {}
        recent = witness.learned_at.date() - UNSETTLED
        shown_at = {
            day: known.get(day, witness.learned_at)
            for day in witness.views
            if day >= recent or day in known or (before and not before.has(day))
        }
        holes = frozenset(day for day in DateRange(oldest, newest) if day not in witness.views)
        return cls(newest, holes, shown_at)

    def with_history(self, witness: Block) -> "LoadCalendar":
        """Add the holes that a longer stretch of the witness shows."""
        if witness.oldest is None:
            return self
        span = DateRange(
            witness.oldest, min(witness.newest or witness.oldest, self.complete_through)
        )
        holes = frozenset(day for day in span if day not in witness.views)
        return replace(self, holes=self.holes | holes)

    def has(self, day: date) -> bool:
        """Tell whether the dataset holds the day."""
        return day <= self.complete_through and day not in self.holes

    def is_loaded(self, day: date, *, learned_at: datetime) -> bool:
        """Tell whether an answer of that moment must have had the day, if anybody looked."""
        shown_at = self.shown_at.get(day)
        return shown_at is None or learned_at >= shown_at + LOAD_MARGIN


def day_points(
    asked: DateRange,
    block: Block | None,
    calendar: LoadCalendar | None,
    *,
    missing_from: date | None = None,
) -> list[DayPoint]:
    """Tell each asked day, oldest first.

    ``block`` is None where nothing could be had. Without a ``calendar`` only days that AQS has
    told are known. Days from ``missing_from`` on were learned too long ago to be told.
    """
    return [
        _missing(day)
        if block is None or (missing_from is not None and day >= missing_from)
        else _point(day, block, calendar)
        for day in asked
    ]


def _point(day: date, block: Block, calendar: LoadCalendar | None) -> DayPoint:
    views = block.views.get(day)
    status = _status(day, views, block, calendar)
    if status is DayStatus.ZERO:
        views = 0
    return DayPoint(date=day, views=None if status is DayStatus.HOLE else views, status=status)


def _status(day: date, views: int | None, block: Block, calendar: LoadCalendar | None) -> DayStatus:
    if calendar is not None and (day < calendar.counted_from):
        return DayStatus.HOLE
    if views is not None:
        return DayStatus.OK if views else DayStatus.ZERO
    if calendar is None or (day not in block.days and day <= calendar.complete_through):
        return DayStatus.MISSING
    if day in calendar.holes:
        return DayStatus.HOLE
    loaded = calendar.has(day) and calendar.is_loaded(day, learned_at=block.learned_at)
    return DayStatus.ZERO if loaded else DayStatus.NOT_LOADED


def _missing(day: date) -> DayPoint:
    return DayPoint(date=day, views=None, status=DayStatus.MISSING)


def first_unsettled(today: date) -> date:
    """Tell the first of the days whose number may still change."""
    return today - UNSETTLED


def yesterday(today: date) -> date:
    """Tell the newest day that can be loaded at all."""
    return today - ONE_DAY
