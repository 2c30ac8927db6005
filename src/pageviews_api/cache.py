"""Keeps answers: fresh for a while, stale for as long as there is room, fetched once for all.

aiocache is the storage; what is fresh, who fetches and who waits is decided here. Its decorators
are not used: they neither share a fetch nor bound the memory (docs/decisions/0003).
"""

import asyncio
import random
import struct
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiocache import SimpleMemoryCache
from loguru import logger

from pageviews_api.clock import Clock
from pageviews_api.exceptions import UpstreamError, UpstreamHeldBackError

FAILURE_REMEMBERED = timedelta(seconds=30)
"""How long a key that failed is not fetched again."""

MAX_FAILURES = 10_000
"""Keys whose failure is remembered at the most."""

MAX_JITTER = 0.1
"""The part of its freshness that an entry may lose, so that not all expire together."""

ENTRY_OVERHEAD = 350
"""Bytes that Python's objects around one key and value take, about (64-bit CPython 3.11)."""

_FORMAT = 1
_HEADER = struct.Struct(">B?ddd")
"""Format; whether it may be served stale; when it was fetched and until when it is fresh, by the
monotonic clock; when it was fetched, by the wall clock."""


class BoundedMemoryCache(SimpleMemoryCache):  # type: ignore[misc]  # aiocache carries no types
    """aiocache's memory store with a bound in bytes; the least recently used go first.

    It hooks into internals of aiocache 0.12 (hence the pin). Entries have no time to live here,
    so there are no timers to leak.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(timeout=0)  # nothing to time out in memory, and it costs
        self._max_bytes = max_bytes
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    async def _get(self, key: str, **_: object) -> bytes | None:
        value = self._cache.get(key)
        if value is not None:
            self._cache.move_to_end(key)
        return value

    async def _set(self, key: str, value: bytes, **_: object) -> bool:
        await self._delete(key)
        self._cache[key] = value
        self.size += _weight(key, value)
        while self.size > self._max_bytes:
            await self._delete(next(iter(self._cache)))
        return True

    async def _delete(self, key: str, **_: object) -> int:
        value = self._cache.pop(key, None)
        if value is None:
            return 0
        self.size -= _weight(key, value)
        return 1

    async def _clear(self, *_: object, **__: object) -> bool:
        self._cache.clear()
        self.size = 0
        return True


def _weight(key: str, value: bytes) -> int:
    return len(key.encode()) + len(value) + ENTRY_OVERHEAD


@dataclass(frozen=True, slots=True)
class Filled:
    """What a fetch brought: bytes, and for how long they count as fresh."""

    value: bytes
    fresh_for: timedelta
    lasting: bool = True
    """Whether it may be served when it is no longer fresh."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the cache holds: bytes, when they were fetched, and whether they still are fresh.

    ``age`` is by the monotonic clock, which never jumps; ``checked_at`` is for people.
    """

    value: bytes
    checked_at: datetime
    age: timedelta
    fresh: bool


Fill = Callable[[bool], Awaitable[Filled]]
"""Fetches a value. It is told whether something is held already, so that it is not urgent."""


class Cache:
    """Answers from what is held, and fetches once for everybody what is not.

    Values are bytes: no caller can change what another one gets.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        wait: timedelta,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = BoundedMemoryCache(max_bytes)
        self._wait = wait
        self._clock = clock
        self._jitter = jitter
        self._fills: dict[str, asyncio.Task[Held]] = {}
        self._failures: OrderedDict[str, tuple[float, UpstreamError]] = OrderedDict()

    async def get(self, key: str) -> Held | None:
        """Look up what is held, fresh or not; None where nothing is."""
        entry = await self._store.get(key)
        if entry is None:
            return None
        _, lasting, fetched, fresh_until, checked_at = _HEADER.unpack_from(entry)
        now = self._clock.monotonic()
        if not lasting and now >= fresh_until:
            return None
        return Held(
            value=entry[_HEADER.size :],
            checked_at=datetime.fromtimestamp(checked_at, UTC),
            age=timedelta(seconds=now - fetched),
            fresh=now < fresh_until,
        )

    async def get_or_fill(
        self, key: str, fill: Fill, *, suffices: Callable[[bytes], bool] = lambda _: True
    ) -> Held:
        """Answer with a fresh value, or a stale one where a fresh one is not to be had soon.

        All callers of one key share one fetch; it goes on when they leave. Who finds something
        stale that ``suffices`` waits at most the cache's ``wait`` for it; who does not, or finds
        nothing, waits until it ends.

        Raises
        ------
        UpstreamError
            Nothing is held and the fetch failed, now or in the last 30 seconds.
        """
        held = await self.get(key)
        if held is not None and held.fresh:
            return held
        if failure := self._remembered_failure(key):
            if held is not None:
                return held
            raise failure.with_traceback(None)
        filling = self._fills.get(key) or self._start(key, fill, held=held is not None)
        if held is None:
            return await self._result(filling)
        patience = self._wait.total_seconds() if suffices(held.value) else None
        done, _ = await asyncio.wait({filling}, timeout=patience)
        return filling.result() if done and _succeeded(filling) else held

    async def aclose(self) -> None:
        """Give up every fetch that is under way."""
        fills = list(self._fills.values())
        for filling in fills:
            filling.cancel()
        await asyncio.gather(*fills, return_exceptions=True)

    @staticmethod
    async def _result(filling: "asyncio.Task[Held]") -> Held:
        await asyncio.wait({filling})  # unlike awaiting the task, leaving does not cancel it
        error = filling.exception()
        if error is not None:
            # One error is raised in many callers: each gets its own trace, none grows.
            raise error.with_traceback(None)
        return filling.result()

    def _start(self, key: str, fill: Fill, *, held: bool) -> "asyncio.Task[Held]":
        filling = asyncio.create_task(self._run(key, fill, held=held))
        self._fills[key] = filling
        filling.add_done_callback(lambda _: self._fills.pop(key, None))
        filling.add_done_callback(_look_at)
        return filling

    async def _run(self, key: str, fill: Fill, *, held: bool) -> Held:
        try:
            filled = await fill(held)
        except UpstreamHeldBackError:
            raise  # it cost nothing, and may be over sooner than a failure is forgotten
        except UpstreamError as e:
            self._remember_failure(key, e)
            logger.bind(upstream=e.upstream, reason=e.reason, held=held).info("fetch failed")
            raise
        self._failures.pop(key, None)
        return await self._keep(key, filled)

    async def _keep(self, key: str, filled: Filled) -> Held:
        now = self._clock.now().replace(microsecond=0)
        moment = self._clock.monotonic()
        fresh_for = filled.fresh_for.total_seconds() * (1 - MAX_JITTER * self._jitter())
        header = _HEADER.pack(_FORMAT, filled.lasting, moment, moment + fresh_for, now.timestamp())
        await self._store.set(key, header + filled.value)
        return Held(filled.value, now, age=timedelta(0), fresh=True)

    def _remember_failure(self, key: str, error: UpstreamError) -> None:
        now = self._clock.monotonic()
        # Its causes and frames hold whole answers, which would stay in memory with it.
        error.__cause__ = error.__context__ = error.__traceback__ = None
        self._failures[key] = now + FAILURE_REMEMBERED.total_seconds(), error
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_FAILURES or self._oldest_failure_until() <= now:
            self._failures.popitem(last=False)

    def _oldest_failure_until(self) -> float:
        until, _ = next(iter(self._failures.values()))
        return until

    def _remembered_failure(self, key: str) -> UpstreamError | None:
        until, error = self._failures.get(key, (0.0, None))
        if error is None or self._clock.monotonic() < until:
            return error
        del self._failures[key]
        return None


def _look_at(filling: "asyncio.Task[Held]") -> None:
    """Look at the error, which nobody may wait for; if it is no upstream's, it is our fault."""
    error = None if filling.cancelled() else filling.exception()
    if error is not None and not isinstance(error, UpstreamError):
        logger.opt(exception=error).error("fetch broke")


def _succeeded(filling: "asyncio.Task[Held]") -> bool:
    return not filling.cancelled() and filling.exception() is None
