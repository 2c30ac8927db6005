"""One pass of the real job, in a forked process that may be killed.

A fork costs no start of an interpreter. Time-outs run 20 times as fast as real time, so that a
mute server costs 0.4 s in place of 8; waiting on the job's clock takes no time at all.
"""

import asyncio
import functools
import gc
import os
import random
import select
import selectors
import signal
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import botocore.session

from benchmarks.archive_faults_plan import Pass, WrongClock
from benchmarks.archive_faults_world import HOLD, TrueTime, World
from pageviews_api.config import Settings
from pageviews_api.exceptions import PageviewsApiError
from pageviews_api.resources import open_resources

FASTER = 20.0
"""How many seconds of the job's time-outs a real second has."""

STORE_TRIES = 3
"""How often the job tries to write an archive in one pass; in the service it is 12 times."""

HANGS_AFTER = 60.0
"""Real seconds after which a pass counts as broken: twenty minutes of its own."""

BROKEN = "broken"
"""How a pass has ended that raised what it must not, or never came to its end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pass ended: ``done``, ``failed``, ``killed`` or ``broken``; why; in real seconds."""

    how: str
    why: str
    took: float


class PassClock:
    """The job's clock: the true time and an error. To sleep on it takes no time."""

    def __init__(self, true_time: TrueTime, wrong: WrongClock) -> None:
        self._true_time = true_time
        self._wrong = wrong
        self._looks = 0
        self._slept = 1_000.0

    def now(self) -> datetime:
        """Tell the wall time, as this clock has it."""
        self._looks += 1
        wrong = self._wrong
        return self._true_time.now() + (wrong.then if self._looks > wrong.after else wrong.offset)

    def monotonic(self) -> float:
        """Tell the seconds that were slept."""
        return self._slept

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self._slept += seconds
        self._true_time.advance(seconds)
        await asyncio.sleep(0)


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop whose time-outs come 20 times as early."""

    def __init__(self) -> None:
        super().__init__(_FastSelector())

    def time(self) -> float:
        """Tell the loop's seconds."""
        return time.monotonic() * FASTER


class _FastSelector(selectors.DefaultSelector):
    """Waits no longer than the loop's seconds last."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for input."""
        return super().select(timeout and timeout / FASTER)


def warm_up(true_time: TrueTime, settings: Settings) -> None:
    """Have in this process what every pass would load anew: modules, and S3's model.

    With the certificates, which nobody needs here, that is most of what a short pass does.
    """
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    ssl.SSLContext.load_verify_locations = _nothing  # type: ignore[method-assign]

    async def open_and_close() -> None:
        async with open_resources(settings, PassClock(true_time, WrongClock())) as resources:
            with suppress(PageviewsApiError):
                await resources.archiver.run(today_due=False)

    asyncio.run(open_and_close())
    gc.collect()
    gc.freeze()  # or each child would copy all memory as it counts references


def _nothing(*_: object, **__: object) -> None:
    pass


def run_pass(
    one: Pass, world: World, true_time: TrueTime, settings: Settings, *, usual: float
) -> Ended:
    """Run one pass to its end, or kill it; ``usual`` is how many seconds one takes."""
    began = time.monotonic()
    world.prepare(one)
    result, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(result)
            os.write(told, _job(one, true_time, settings).encode()[:4000])
        finally:
            os._exit(0)  # a child must not go on as its parent
    os.close(told)
    kill_at = began + (one.kill.share * usual if one.kill.when == "time" else HANGS_AFTER)
    words = ""
    try:
        words = _await_end(result, world, kill_at) or ""
        if not words:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(result)
        os.waitpid(pid, 0)
    took = time.monotonic() - began
    if words:
        how, _, why = words.partition(" ")
        return Ended(how, why, took)
    if took > HANGS_AFTER:
        return Ended(BROKEN, "it did not end", took)
    return Ended("killed", one.kill.when, took)


def _await_end(result: int, world: World, kill_at: float) -> str | None:
    """Wait for what the job says at its end; None: it is to be killed now."""
    while (left := kill_at - time.monotonic()) > 0:
        watched = [result, world.channel.fileno()]
        ready, _, _ = select.select(watched, [], [], left)
        if result in ready:
            return os.read(result, 4000).decode() or f"{BROKEN} it ended without a word"
        if ready and world.channel.recv(1) == HOLD:
            return None
    return None


def _job(one: Pass, true_time: TrueTime, settings: Settings) -> str:
    random.seed(one.number)

    async def job() -> str:
        clock = PassClock(true_time, one.clock)
        async with open_resources(settings, clock, store_tries=STORE_TRIES) as resources:
            try:
                await resources.archiver.run(today_due=True)
            except PageviewsApiError as e:
                return f"failed {type(e).__name__}: {e}"
        return "done"

    try:
        with asyncio.Runner(loop_factory=FastLoop) as runner:
            return runner.run(job())
    except BaseException as e:  # noqa: BLE001  # whatever it is, it must not have come out
        return f"{BROKEN} {e!r}"
