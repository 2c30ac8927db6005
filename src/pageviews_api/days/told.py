"""What a caller is told of each day. Pure."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
class ArchivedDay:
    """A day as it was observed on some UTC day: ``archived`` with its number, or a ``hole``."""

    views: int | None
    status: DayStatus
    observed_on: date


@dataclass(frozen=True, slots=True)
class Days:
    """What is told of consecutive days, in columns.

    ``views`` holds ``ABSENT`` where no number is known; ``statuses`` holds a byte for each day,
    an index into ``STATUSES``. ``observed_on`` tells for days that come from the archive when they
    were observed.
    """

    start: date
    views: "array[int]"
    statuses: bytes
    observed_on: Mapping[date, date] = field(default_factory=dict)

    @classmethod
    def of(cls, points: Sequence[DayPoint]) -> "Days":
        """Put consecutive points, oldest first and at least one, into columns."""
        views = array("q", (ABSENT if one.views is None else one.views for one in points))
        statuses = bytes(_CODES[one.status] for one in points)
        observed_on = {one.date: one.observed_on for one in points if one.observed_on}
        return cls(points[0].date, views, statuses, observed_on)

    def __len__(self) -> int:
        return len(self.views)

    @property
    def range(self) -> DateRange:
        """The days that are told."""
        return DateRange(self.start, self.start + timedelta(days=len(self) - 1))

    def within(self, days: DateRange) -> "Days":
        """Take some of the days, all of which must be told here."""
        first = (days.start - self.start).days
        last = first + len(days)
        if first < 0 or last > len(self):
            raise ValueError("days that are not told")
        kept = {day: on for day, on in self.observed_on.items() if day in days}
        return Days(days.start, self.views[first:last], self.statuses[first:last], kept)

    def known(self) -> int:
        """Count the days whose number is known."""
        return len(self.views) - self.views.count(ABSENT)

    def has(self, *statuses: DayStatus) -> bool:
        """Tell whether some day has one of these statuses."""
        return any(_CODES[status] in self.statuses for status in statuses)

    def view_of(self, day: date) -> int | None:
        """Tell one day's number; None where it is not known or not told here."""
        offset = (day - self.start).days
        if not 0 <= offset < len(self.views) or self.views[offset] == ABSENT:
            return None
        return self.views[offset]

    def status_of(self, day: date) -> DayStatus:
        """Tell one day's status; the day must be told here."""
        return STATUSES[self.statuses[(day - self.start).days]]

    def points(self) -> list[DayPoint]:
        """Tell the days one by one, oldest first."""
        return [
            DayPoint(
                date=self.start + timedelta(days=offset),
                views=None if count == ABSENT else count,
                status=STATUSES[code],
                observed_on=self.observed_on.get(self.start + timedelta(days=offset)),
            )
            for offset, (count, code) in enumerate(zip(self.views, self.statuses, strict=True))
        ]

    @classmethod
    def unknown(cls, days: DateRange, *, today: date) -> "Days":
        """Tell nothing of some days: ``missing``, and ``not_loaded`` where they are not over."""
        statuses = (DayStatus.NOT_LOADED if day >= today else DayStatus.MISSING for day in days)
        views = array("q", [ABSENT]) * len(days)
        return cls(days.start, views, bytes(_CODES[status] for status in statuses))

    def missing(self) -> DateRange | None:
        """Tell the range in which all days lie that could not be learned; None if there is none."""
        code = bytes([_CODES[DayStatus.MISSING]])
        first, last = self.statuses.find(code), self.statuses.rfind(code)
        if first < 0:
            return None
        return DateRange(self.start + timedelta(days=first), self.start + timedelta(days=last))

    def with_archived(self, archived: Mapping[date, ArchivedDay]) -> "Days":
        """Tell what could not be learned as it was archived."""
        views, statuses = self.views[:], bytearray(self.statuses)
        observed_on = dict(self.observed_on)
        for day, known in archived.items():
            offset = (day - self.start).days
            inside = 0 <= offset < len(statuses)
            if inside and statuses[offset] == _CODES[DayStatus.MISSING]:
                views[offset] = ABSENT if known.views is None else known.views
                statuses[offset] = _CODES[known.status]
                observed_on[day] = known.observed_on
        return Days(self.start, views, bytes(statuses), observed_on)

    def filled(self, earlier: "Days") -> "Days":
        """Tell the days whose number is not known here as an earlier answer had them.

        Both tell the same days.
        """
        if self.range != earlier.range:
            raise ValueError("other days")
        views, statuses = self.views[:], bytearray(self.statuses)
        for offset, count in enumerate(earlier.views):
            if views[offset] == ABSENT and count != ABSENT:
                views[offset], statuses[offset] = count, earlier.statuses[offset]
        return Days(self.start, views, bytes(statuses), self.observed_on)

    def any_missing(self) -> bool:
        """Tell whether some day could not be learned."""
        return self.has(DayStatus.MISSING)

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
    views = known_counts(asked, block, missing_from)
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


def first_unsettled(today: date) -> date:
    """Tell the first of the days whose number may still change."""
    return today - UNSETTLED


def known_counts(
    asked: DateRange, block: Block | None, missing_from: date | None = None
) -> "array[int]":
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
