"""What time it is where clocks differ: by the one that is furthest behind.

A clock that is ahead would have us archive a day that has not come.
"""

from datetime import date, datetime, timedelta
from typing import Protocol

from loguru import logger

from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY

WRONG_CLOCK = timedelta(minutes=5)
"""A clock that differs so much from those we talk to is told of."""


class TellsTime(Protocol):
    """Whoever answers us with the time by its own clock."""

    def now(self) -> datetime | None:
        """Tell it; None if it has not told it yet."""
        ...


class SlowestClock:
    """Our clock and those of ``others``, by their names."""

    def __init__(self, ours: Clock, **others: TellsTime) -> None:
        self._ours = ours
        self._others = others

    def now(self) -> datetime:
        """Tell the time by whichever clock is behind."""
        others = [now for now in self._told().values() if now.date() > FIRST_DAY]
        return min([self._ours.now(), *others])

    def today(self) -> date:
        """Tell the UTC day by the same clock."""
        return self.now().date()

    def tell_differences(self) -> None:
        """Tell where our clock differs from those that we talk to."""
        for whose, now in self._told().items():
            ahead = self._ours.now() - now
            if abs(ahead) > WRONG_CLOCK:
                seconds = round(ahead.total_seconds())
                logger.bind(whose=whose, ahead_s=seconds).warning("our clock differs")

    def _told(self) -> dict[str, datetime]:
        told = {whose: other.now() for whose, other in self._others.items()}
        return {whose: now for whose, now in told.items() if now is not None}
