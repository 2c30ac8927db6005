"""Which days of a project were restated, as its total views tell. Pure.

Wikimedia restates days: a project's total of a day changes, and so may any of its articles'. One
small request for the totals tells for all articles of the project which days to ask for again.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from pydantic import TypeAdapter

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.days.block import ABSENT, Block
from pageviews_api.days.load_calendar import LEARNED_ANEW

BEHIND = timedelta(hours=4)
"""How long after a project's total the numbers of its articles may still be the old ones."""

WATCHED_DAYS = 30
"""The newest days, whose totals are compared at each check."""

HISTORY_EVERY = timedelta(days=7)
"""How often the totals of all days are compared."""


@dataclass(frozen=True, slots=True)
class _Moments:
    """When things were noticed, by day."""

    begun_at: datetime
    watched_since: Mapping[date, datetime] = field(default_factory=dict)
    noticed_at: Mapping[date, datetime] = field(default_factory=dict)
    history_learned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Corrections:
    """What the totals of a project tell of its restated days.

    ``totals`` is empty where AQS has none of the project: then nothing can be noticed.
    ``begun_at`` is when they were first asked for, ``watched_since`` when those of the newest days
    were; what was learned earlier may have been restated unseen.
    ``noticed_at`` tells for restated days when the new total was made. ``history_learned_at``:
    when all days were compared.
    """

    totals: Block
    begun_at: datetime
    watched_since: Mapping[date, datetime]
    noticed_at: Mapping[date, datetime]
    history_learned_at: datetime | None = None

    @classmethod
    def of(cls, totals: Block) -> "Corrections":
        """Begin to watch."""
        (stretch,) = totals.stretches
        moment = stretch.learned_at
        oldest = moment.date() - LEARNED_ANEW
        watched = {day: moment for day in totals.views if day >= oldest}
        return cls(totals, moment, watched, {}, moment if totals.days.start == FIRST_DAY else None)

    @property
    def can_notice(self) -> bool:
        """Whether AQS has totals of the project at all."""
        return not self.totals.is_empty

    def after(self, totals: Block) -> "Corrections":
        """Compare with newer totals."""
        (stretch,) = totals.stretches
        asked, moment = totals.days, stretch.learned_at
        if asked.start > self.totals.days.end + ONE_DAY or not self.can_notice:
            return Corrections.of(totals)
        noticed, watched = dict(self.noticed_at), dict(self.watched_since)
        for known in self.totals.stretches_of(asked):
            if known.learned_at >= moment:
                continue  # an older copy of Wikimedia's edge tells nothing new
            for day in _common(known.days, asked):
                before, now = self.totals.count(day), totals.count(day)
                if ABSENT not in {before, now} and before != now:
                    noticed[day] = moment
        for day in totals.views:
            if day not in self.totals.days or self.totals.count(day) == ABSENT:
                watched[day] = moment
        # What is older matters no more, for everything is learned anew after 30 days.
        oldest = moment.date() - LEARNED_ANEW
        long_ago = moment - LEARNED_ANEW - BEHIND - ONE_DAY
        whole = asked.start == FIRST_DAY
        return Corrections(
            self.totals.merged(totals),
            self.begun_at,
            {day: since for day, since in watched.items() if day >= oldest},
            {day: since for day, since in noticed.items() if since >= long_ago},
            moment if whole else self.history_learned_at,
        )

    def to_compare(self, *, through: date, checked_on: date, now: datetime) -> DateRange:
        """Tell which totals to ask for at a check, the last of which was on that day.

        The newest days', and those that were among them at the last check; once a week all.
        """
        compared_at = self.history_learned_at or self.begun_at
        if now >= compared_at + HISTORY_EVERY or not self.can_notice:
            return DateRange(FIRST_DAY, through)
        since = min(through, checked_on)
        return DateRange(DateRange.ending(since, days=WATCHED_DAYS).start, through)

    def has_lost(self, day: date) -> bool:
        """Tell whether the project lacks a day, though it has earlier and later ones."""
        oldest, newest = self.totals.oldest, self.totals.newest
        if oldest is None or newest is None or not oldest < day < newest:
            return False
        return self.totals.count(day) == ABSENT

    def can_tell(self, day: date) -> bool:
        """Tell whether it is known if the project has lost a day; without totals nothing is."""
        oldest, newest = self.totals.oldest, self.totals.newest
        if oldest is None or newest is None:
            return True
        # A first day that is lost looks like one before the project had any.
        is_whole = self.totals.days.start == FIRST_DAY
        return (is_whole or oldest <= day) and day <= newest

    def lacks(self, through: date) -> bool:
        """Tell whether there are days up to ``through`` whose totals are not known yet."""
        return self.can_notice and (self.totals.newest or FIRST_DAY) < through

    def encode(self) -> bytes:
        """Write it."""
        moments = _Moments(
            self.begun_at, self.watched_since, self.noticed_at, self.history_learned_at
        )
        packed = _adapter.dump_json(moments)
        return _HEADER.pack(_FORMAT, len(packed)) + packed + self.totals.encode()

    @classmethod
    def decode(cls, data: bytes) -> "Corrections":
        """Read what ``encode`` wrote.

        Raises
        ------
        ValueError
            It is not what this version writes.
        """
        try:
            format_, size = _HEADER.unpack_from(data)
        except struct.error as e:
            raise ValueError("are no corrections") from e
        if format_ != _FORMAT:
            raise ValueError(f"are corrections of format {format_}")
        end = _HEADER.size + size
        moments = _adapter.validate_json(data[_HEADER.size : end])
        return cls(
            Block.decode(data[end:]),
            moments.begun_at,
            moments.watched_since,
            moments.noticed_at,
            moments.history_learned_at,
        )


_FORMAT = 1
_HEADER = struct.Struct(">BI")
_adapter = TypeAdapter(_Moments)


def _common(one: DateRange, other: DateRange) -> DateRange:
    return DateRange(max(one.start, other.start), min(one.end, other.end))
