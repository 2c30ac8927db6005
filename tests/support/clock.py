"""A clock that stands still until it is told to move."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""When a test begins, if it does not say: a Sunday, long after the day's data are loaded."""


class FakeClock:
    """Shows the time it was set to. Whoever sleeps is woken by ``advance``."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 1_000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Tell the wall time."""
        return self._now

    def monotonic(self) -> float:
        """Tell the seconds that only ``advance`` moves."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced by so much."""
        self.slept.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move, and whoever has slept long enough wakes up."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
        while self._sleepers and self._sleepers[0][0] <= self._monotonic + 1e-9:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

    def jump(self, seconds: float) -> None:
        """Set the wall clock forward or back, as an administrator does: no time passes."""
        self._now += timedelta(seconds=seconds)

    def set(self, now: datetime) -> None:
        """Let time pass until ``now``."""
        self.advance((now - self._now).total_seconds())


class SkippingClock(FakeClock):
    """A clock on which sleeping takes no time: it moves on by itself."""

    async def sleep(self, seconds: float) -> None:
        """Move on by so much at once."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


async def settle() -> None:
    """Let everything run that can run without waiting for the clock or the network."""
    for _ in range(50):
        await asyncio.sleep(0)
