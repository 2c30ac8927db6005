"""An event loop on which waiting takes no time: a month passes as fast as it can be computed.

Whatever is written with asyncio runs on it unchanged: sleeps, timeouts, locks. When nothing can
run, time jumps to the moment for which the next one waits, so that the same program always runs
in the same order.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time moves only when everybody waits, and then at once."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_NoInput(self))

    def time(self) -> float:
        """Tell the seconds that have passed, all of them skipped."""
        return self._virtual

    def skip(self, seconds: float) -> None:
        """Move on."""
        self._virtual += seconds


class _NoInput(selectors.SelectSelector):
    """Waits for no socket, for there is none: only for time to pass."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let the time pass.

        Raises
        ------
        RuntimeError
            Everybody waits for something that cannot come.
        """
        if timeout is None:
            raise RuntimeError("everybody waits, and nobody for a moment in time")
        self._loop.skip(timeout)
        return []


class VirtualClock:
    """A clock that shows the loop's time."""

    def __init__(self, loop: VirtualTimeLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> datetime:
        """Tell the wall time."""
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Tell the seconds since the loop was made."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Wait, which takes no time."""
        await asyncio.sleep(seconds)


def run(loop: VirtualTimeLoop, main: Coroutine[Any, Any, T]) -> T:
    """Run a program to its end, and close the loop."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)
