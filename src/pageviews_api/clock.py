"""What time it is, and how to wait: injected wherever either matters."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


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
