"""Which days a dataset has. Pure.

AQS leaves out days without a view, days it has not loaded and days it has lost, and answers 404
for all of them alike (https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/,
*Troubleshooting*). What tells them apart is a *witness*: a series so busy that a day is absent
from it only if the day is not there for anybody. Each dataset is loaded once a day, for all
projects together (wikimedia/analytics-refinery, ``hql/cassandra/daily``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from pydantic import TypeAdapter

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange

LOAD_MARGIN = timedelta(hours=2)
"""How long after the witness shows a day an article's answer may still lack it."""

UNSETTLED = timedelta(days=3)
"""The newest days, which may still arrive or be restated."""

LEARNED_ANEW = timedelta(days=30)
"""After this time everything is asked for again, whatever else is known."""

OUTSTANDING_FRESH = timedelta(minutes=30)
"""How often the witness is asked while yesterday is outstanding."""

EARLY_FRESH = timedelta(hours=1)
"""The same as long as no day of the last month has come so early."""

HOLE_FRESH = timedelta(hours=2)
"""How often it is asked while only a recent hole is."""


@dataclass(frozen=True, slots=True)
class LoadCalendar:
    """Which days a dataset has, as its witness tells.

    ``complete_through`` is the newest loaded day, ``oldest`` the oldest that was shown. ``holes``
    are the days between them that never came; they are known from ``known_from`` on.
    ``shown_at`` tells of days that came while we watched when the witness first showed them; a
    day that is not in it was loaded long before. ``learned_at`` is when all that is known was
    learned. ``counted_from`` is the first day that was counted at all; the days before it are
    holes.
    """

    complete_through: date
    holes: frozenset[date]
    shown_at: Mapping[date, datetime] = field(default_factory=dict)
    known_from: date = FIRST_DAY
    oldest: date = FIRST_DAY
    learned_at: datetime = datetime(9999, 12, 31, tzinfo=UTC)
    counted_from: date = FIRST_DAY

    @classmethod
    def of(
        cls, shown: Iterable[date], *, asked: DateRange, learned_at: datetime
    ) -> "LoadCalendar | None":
        """Read the calendar off the witness's first answer; None where it shows no day at all.

        A recent day counts as loaded only just now.
        """
        days = set(shown)
        if not days:
            return None
        learned_at = learned_at.replace(microsecond=0)  # as blocks have it
        recent = learned_at.date() - UNSETTLED
        newest = max(days)
        return cls(
            complete_through=newest,
            holes=frozenset(day for day in DateRange(min(days), newest) if day not in days),
            shown_at={day: learned_at for day in sorted(days) if day >= recent},
            known_from=_known_from(asked, min(days)),
            oldest=min(days),
            learned_at=learned_at,
        )

    def after(
        self, shown: Iterable[date], *, asked: DateRange, learned_at: datetime
    ) -> "LoadCalendar":
        """Add what the witness told of ``asked``.

        What was shown once stays loaded, also where an older copy of Wikimedia's edge lacks it.
        """
        days = set(shown)
        through = max(days | {self.complete_through})
        oldest = min(days | {self.oldest})
        learned_at = learned_at.replace(microsecond=0)
        lacking = _between(oldest, self.oldest - ONE_DAY)
        lacking |= _between(self.complete_through + ONE_DAY, through)
        came = {day for day in days if day > self.complete_through or day in self.holes}
        shown_at = {**self.shown_at, **dict.fromkeys(sorted(came), learned_at)}
        return replace(
            self,
            complete_through=through,
            holes=(self.holes | lacking) - days,
            shown_at={
                day: moment
                for day, moment in shown_at.items()
                if moment > learned_at - LEARNED_ANEW - ONE_DAY
            },
            known_from=min(self.known_from, _known_from(asked, oldest)),
            oldest=oldest,
            learned_at=learned_at if asked.start <= self.known_from else self.learned_at,
        )

    def has(self, day: date) -> bool:
        """Tell whether the dataset holds the day."""
        return self.counted_from <= day <= self.complete_through and day not in self.holes

    def is_loaded(self, day: date, *, learned_at: datetime) -> bool:
        """Tell whether an answer of that moment must have had the day, if anybody looked."""
        shown_at = self.shown_at.get(day)
        return shown_at is None or learned_at >= shown_at + LOAD_MARGIN

    def is_final(self, today: date) -> bool:
        """Tell whether nothing can come before the next midnight."""
        return self.complete_through >= today - ONE_DAY and not self._recent_holes(today)

    def fresh_for(self, now: datetime) -> timedelta:
        """Tell how long it need not be checked again."""
        today = now.date()
        midnight = datetime.combine(today + ONE_DAY, time(), UTC) - now
        if self.complete_through < today - ONE_DAY:
            early = self._earliest - (now - datetime.combine(today, time(), UTC))
            return min(max(OUTSTANDING_FRESH, early), EARLY_FRESH)
        return min(HOLE_FRESH, midnight) if self._recent_holes(today) else midnight

    def to_ask(self, now: datetime, *, since: date) -> DateRange:
        """Tell which days to ask the witness for; one request brings them all.

        Those that are outstanding; all where the holes from ``since`` on are not known, and all
        that is known where that is too long ago.
        """
        yesterday = now.date() - ONE_DAY
        if since < self.known_from or self.learned_at < now - LEARNED_ANEW:
            return DateRange(FIRST_DAY if since < self.known_from else self.known_from, yesterday)
        outstanding = self.complete_through + ONE_DAY
        return DateRange(min([*self._recent_holes(now.date()), outstanding, yesterday]), yesterday)

    @property
    def _earliest(self) -> timedelta:
        """How long after midnight a day came at the earliest, of those that came in time."""
        took = [
            shown_at - datetime.combine(day + ONE_DAY, time(), UTC)
            for day, shown_at in self.shown_at.items()
        ]
        return min((delay for delay in took if delay < ONE_DAY), default=timedelta(0))

    def _recent_holes(self, today: date) -> list[date]:
        return [day for day in self.holes if day >= today - LEARNED_ANEW]

    def encode(self) -> bytes:
        """Write the calendar."""
        return _FORMAT + _adapter.dump_json(self)

    @classmethod
    def decode(cls, data: bytes) -> "LoadCalendar":
        """Read what ``encode`` wrote.

        Raises
        ------
        ValueError
            It is not what this version writes.
        """
        if not data.startswith(_FORMAT):
            raise ValueError("is no calendar of this format")
        return _adapter.validate_json(data[len(_FORMAT) :])


_FORMAT = b"2\n"
_adapter = TypeAdapter(LoadCalendar)


def _known_from(asked: DateRange, oldest: date) -> date:
    """Tell from when on holes are known: a lost first day looks like one before the witness."""
    return asked.start if asked.start == FIRST_DAY else oldest


def _between(start: date, end: date) -> set[date]:
    return set(DateRange(start, end)) if start <= end else set()
