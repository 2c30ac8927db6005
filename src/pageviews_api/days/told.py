"""What a caller is told of each day. Pure."""

from array import array
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pageviews_api.daterange import DateRange
from pageviews_api.days.block import ABSENT, Block
from pageviews_api.days.corrections import Corrections
from pageviews_api.days.load_calendar import UNSETTLED, LoadCalendar
from pageviews_api.schemas.pageviews import DayPoint, DayStatus

STATUSES = tuple(DayStatus)
"""What the bytes of ``Days.statuses`` stand for."""

_CODES = {status: code for code, status in enumerate(STATUSES)}


@dataclass(frozen=True, slots=True)
class Days:
    """What is told of consecutive days, in columns.

    ``views`` holds ``ABSENT`` where no number is known; ``statuses`` holds a byte for each day,
    an index into ``STATUSES``.
    """

    start: date
    views: "array[int]"
    statuses: bytes

    def __len__(self) -> int:
        return len(self.views)

    def points(self) -> list[DayPoint]:
        """Tell the days one by one, oldest first."""
        return [
            DayPoint(
                date=self.start + timedelta(days=offset),
                views=None if count == ABSENT else count,
                status=STATUSES[code],
            )
            for offset, (count, code) in enumerate(zip(self.views, self.statuses, strict=True))
        ]

    def any_missing(self) -> bool:
        """Tell whether some day could not be learned."""
        return _CODES[DayStatus.MISSING] in self.statuses

    def all_missing(self) -> bool:
        """Tell whether nothing at all could be learned."""
        return self.statuses.count(_CODES[DayStatus.MISSING]) == len(self.statuses)


def tell(
    asked: DateRange,
    block: Block | None,
    calendar: LoadCalendar | None,
    corrections: Corrections | None = None,
    *,
    missing_from: date | None = None,
) -> Days:
    """Tell each asked day, oldest first.

    ``block`` is None where nothing could be had. Without a ``calendar`` only days that AQS has
    told are known. ``corrections`` tell which days the project has lost. Days from
    ``missing_from`` on were learned too long ago to be told.
    """
    views = _known(asked, block, missing_from)
    statuses = bytearray(len(views))
    uncounted = calendar is not None and asked.start < calendar.counted_from
    if min(views) <= 0 or uncounted:
        for offset, count in enumerate(views):
            if count > 0 and not uncounted:
                continue
            day = asked.start + timedelta(days=offset)
            status = _status(day, count, block, calendar, missing_from)
            if status is DayStatus.ZERO and count == ABSENT and corrections:
                status = _of_project(day, corrections)
            statuses[offset] = _CODES[status]
            if status is DayStatus.ZERO:
                views[offset] = 0
            elif status is not DayStatus.OK:
                views[offset] = ABSENT
    return Days(asked.start, views, bytes(statuses))


def day_points(
    asked: DateRange,
    block: Block | None,
    calendar: LoadCalendar | None,
    corrections: Corrections | None = None,
    *,
    missing_from: date | None = None,
) -> list[DayPoint]:
    """Tell each asked day as a point. See ``tell``."""
    return tell(asked, block, calendar, corrections, missing_from=missing_from).points()


def first_unsettled(today: date) -> date:
    """Tell the first of the days whose number may still change."""
    return today - UNSETTLED


def _known(asked: DateRange, block: Block | None, missing_from: date | None) -> "array[int]":
    """Tell the counts of the asked days, ``ABSENT`` also where they are not covered."""
    unknown = array("q", [ABSENT])
    if block is None:
        return unknown * len(asked)
    start, end = max(asked.start, block.days.start), min(asked.end, block.days.end)
    if missing_from is not None:
        end = min(end, missing_from - timedelta(days=1))
    if start > end:
        return unknown * len(asked)
    before, after = (start - asked.start).days, (asked.end - end).days
    return unknown * before + block.counts_of(DateRange(start, end)) + unknown * after


def _status(
    day: date,
    count: int,
    block: Block | None,
    calendar: LoadCalendar | None,
    missing_from: date | None,
) -> DayStatus:
    too_old = missing_from is not None and day >= missing_from
    if block is None or too_old:
        return DayStatus.MISSING
    if calendar is not None and day < calendar.counted_from:
        return DayStatus.HOLE
    if count != ABSENT:
        return DayStatus.OK if count else DayStatus.ZERO
    # A day before the calendar's first may be a hole.
    if calendar is None or day < calendar.known_from:
        return DayStatus.MISSING
    return _status_of_absent(day, block, calendar)


def _status_of_absent(day: date, block: Block, calendar: LoadCalendar) -> DayStatus:
    covered = day in block.days
    if not covered and day <= calendar.complete_through:
        return DayStatus.MISSING
    if day in calendar.holes:
        return DayStatus.HOLE
    loaded = covered and calendar.has(day) and calendar.is_loaded(day, learned_at=_at(day, block))
    return DayStatus.ZERO if loaded else DayStatus.NOT_LOADED


def _of_project(day: date, corrections: Corrections) -> DayStatus:
    """Tell what a loaded day is that a series lacks: nobody looked, or the project has lost it."""
    if corrections.has_lost(day):
        return DayStatus.HOLE
    if corrections.can_tell(day):
        return DayStatus.ZERO
    # Older than the totals that we have; or newer, when it may yet come or turn out to be lost.
    newest = corrections.totals.newest
    older = newest is not None and day < newest
    return DayStatus.MISSING if older else DayStatus.NOT_LOADED


def _at(day: date, block: Block) -> datetime:
    (stretch,) = block.stretches_of(DateRange(day, day))
    return stretch.learned_at
