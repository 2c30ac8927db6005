"""What time it is, and how to wait: injected wherever either matters."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

NONSENSE = 9000
"""The first year that nobody is believed: soon after it there are no dates any more."""


class Clock(Protocol):
    """The time as one part of the service sees it."""

    def now(self) -> datetime:
        """Tell the wall time, aware and in UTC. It may jump."""
        ...

    def monotonic(self) -> float:
        """Tell seconds since some fixed moment. It never goes back and never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until ``monotonic()`` has moved on by ``seconds``."""
        ...


class SystemClock:
    """The machine's own clock, shifted by a fixed offset (the demo lives in 2017)."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self._offset = offset

    @classmethod
    def starting_at(cls, moment: datetime) -> "SystemClock":
        """Build a clock that shows ``moment`` now and runs on from there."""
        return cls(moment - datetime.now(UTC))

    def now(self) -> datetime:
        """Tell the wall time, aware and in UTC."""
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        """Tell seconds since some fixed moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        await asyncio.sleep(seconds)


class RemoteClock:
    """What time it is elsewhere, as the dates of answers tell.

    An answer can be old, never new: what is believed is the latest time that any has told, moved
    on by our monotonic clock. So a jump of our own wall clock shows at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: tuple[datetime, float] | None = None

    def hear(self, moment: datetime) -> None:
        """Take note that it was ``moment`` there, or later, just now; a year 9000 is nonsense."""
        if moment.year >= NONSENSE:
            return
        known = self.now()
        if known is None or moment > known:
            self._heard = moment, self._clock.monotonic()

    def now(self) -> datetime | None:
        """Tell the time there; None if nothing was heard."""
        if self._heard is None:
            return None
        moment, heard_at = self._heard
        return moment + timedelta(seconds=self._clock.monotonic() - heard_at)
