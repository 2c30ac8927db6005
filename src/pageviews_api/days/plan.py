"""What has to be asked for: the days that are not known, or not for sure any more. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.days.block import ABSENT, Block
from pageviews_api.days.corrections import BEHIND, Corrections
from pageviews_api.days.load_calendar import LEARNED_ANEW, LOAD_MARGIN, LoadCalendar

EDGE_COPY = timedelta(hours=4)
"""How long Wikimedia's edge hands out one and the same answer (``max-age=14400``)."""

EDGE_COPY_OF_404 = timedelta(minutes=10)
"""The same for a 404 (``s-maxage=600``)."""

ONE_SECOND = timedelta(seconds=1)
"""Moments are known to the second."""

UNWATCHED = timedelta(hours=2)
"""How long numbers hold of a project that has no totals, by which a restatement could be seen."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the regular checks tell about a series' days; None where a check was never made."""

    calendar: LoadCalendar | None = None
    corrections: Corrections | None = None

    def newest(self, now: datetime) -> date:
        """Tell the newest day that can be asked for."""
        return self.calendar.complete_through if self.calendar else now.date() - ONE_DAY


def days_to_ask(
    asked: DateRange, held: Block | None, checked: Checked, now: datetime, *, span_days: int
) -> DateRange | None:
    """Tell for which days AQS has to be asked to answer for ``asked``; None: for none.

    One request brings them all. Since it costs the same, it reaches back ``span_days`` from the
    newest day where older days lack, up to the newest day where newer ones do, and takes along
    whatever else is due. Nothing is asked for where the answer would be the copy that we hold.
    """
    newest = checked.newest(now)
    if asked.start > newest:
        return None
    asked = DateRange(asked.start, min(asked.end, newest))
    widened = min(asked.start, max(FIRST_DAY, newest - timedelta(days=span_days - 1)))
    if held is None:
        return DateRange(widened, newest)
    covered = held.days
    due = due_ranges(held, checked, now)
    lacks_older, lacks_newer = asked.start < covered.start, asked.end > covered.end
    is_due = any(days.start <= asked.end and days.end >= asked.start for days in due)
    if not (lacks_older or lacks_newer or is_due):
        return None
    if lacks_older:
        due.append(DateRange(widened, covered.start - ONE_DAY))
    if covered.end < newest:
        due.append(DateRange(covered.end + ONE_DAY, newest))
    days = DateRange.spanning(due)
    return None if _is_copy(days, held, now) else days


def due_ranges(held: Block, checked: Checked, now: datetime) -> list[DateRange]:
    """Tell which days of a block may not hold any more, oldest first."""
    corrections = checked.corrections
    too_old = now - LEARNED_ANEW
    if corrections:
        # What was learned before we began to watch may have been restated unseen.
        too_old = max(too_old, corrections.begun_at - ONE_SECOND)
        if not corrections.can_notice:
            too_old = now - UNWATCHED
    due = [stretch.days for stretch in held.stretches if stretch.learned_at <= too_old]
    kinds = {stretch.settled for stretch in held.stretches}
    doubts = {kind: _doubts(held, checked, now, settled=kind) for kind in kinds}
    days = {kind: list(since) for kind, since in doubts.items()}
    for stretch in held.stretches:
        if stretch.learned_at <= too_old:
            continue
        since, doubtful = doubts[stretch.settled], days[stretch.settled]
        start = bisect_left(doubtful, stretch.days.start)
        end = bisect_right(doubtful, stretch.days.end)
        due += [
            DateRange(day, day) for day in doubtful[start:end] if stretch.learned_at < since[day]
        ]
    return sorted(due)


def settle(answer: Block, held: Block, corrections: Corrections) -> Block:
    """Mark the restated days for which an answer shows another number than was held.

    They need not be asked for again when all articles must have the new ones.
    """
    (stretch,) = answer.stretches
    parts = groupby(stretch.days, lambda day: _is_news(day, answer, held, corrections))
    stretches = []
    for settled, days in parts:
        first, *others = days
        span = DateRange(first, others[-1] if others else first)
        stretches.append(replace(stretch, days=span, settled=settled))
    return replace(answer, stretches=tuple(stretches))


def _is_news(day: date, answer: Block, held: Block, corrections: Corrections) -> bool:
    noticed_at = corrections.noticed_at.get(day)
    if noticed_at is None or day not in held.days:
        return False
    (known,) = held.stretches_of(DateRange(day, day))
    was_due = known.learned_at < (noticed_at if known.settled else noticed_at + BEHIND)
    return was_due and answer.count(day) not in {held.count(day), ABSENT}


def is_restated(
    days: DateRange, learned_at: datetime, corrections: Corrections, now: datetime
) -> bool:
    """Tell whether an answer of that moment about several days may not hold any more."""
    if not corrections.can_notice:
        return learned_at <= now - UNWATCHED
    noticed = (
        _settled_by(noticed_at, now)
        for day, noticed_at in corrections.noticed_at.items()
        if day in days
    )
    return learned_at <= now - LEARNED_ANEW or any(learned_at < since for since in noticed)


def _doubts(
    held: Block, checked: Checked, now: datetime, *, settled: bool
) -> Mapping[date, datetime]:
    """Tell for doubtful days, in order, from which moment on an answer holds, a settled or not."""
    calendar, corrections = checked.calendar, checked.corrections
    doubts: dict[date, datetime] = {}
    if corrections:
        doubts.update(corrections.watched_since)
        for day, noticed_at in corrections.noticed_at.items():
            since = noticed_at if settled else _settled_by(noticed_at, now)
            doubts[day] = max(since, doubts.get(day, since))
    if calendar:
        covered = held.days
        for day, shown_at in calendar.shown_at.items():
            if covered.start <= day <= covered.end and held.count(day) == ABSENT:
                since = _needed_since(shown_at, now)
                doubts[day] = max(since, doubts.get(day, since))
    return dict(sorted(doubts.items()))


def _settled_by(noticed_at: datetime, now: datetime) -> datetime:
    """Tell from which moment on an answer holds about a day that was restated.

    It must have been made after that was noticed; and, once all numbers must be the new ones,
    after that.
    """
    settled_at = noticed_at + BEHIND
    return settled_at if settled_at <= now else noticed_at


def _needed_since(shown_at: datetime, now: datetime) -> datetime:
    """Tell from which moment on an answer without the day holds.

    It must have been made after the day was loaded; and, once the day must be there for
    everybody, after that.
    """
    loaded_at = shown_at + LOAD_MARGIN
    return loaded_at if loaded_at <= now else shown_at


def _is_copy(days: DateRange, held: Block, now: datetime) -> bool:
    """Tell whether Wikimedia's edge would hand out the very answer that we hold."""
    for stretch in held.stretches_of(days):
        if stretch.days == days:
            found = max(held.counts_of(days)) != ABSENT
            return now < stretch.learned_at + (EDGE_COPY if found else EDGE_COPY_OF_404)
    return False
