"""Keeps answers: fresh for a while, stale for as long as there is room, fetched once for all.

aiocache is the storage; what is fresh, who fetches and who waits is decided here. Its decorators
are not used: they neither share a fetch nor bound the memory (docs/decisions/0003).
"""

import asyncio
import random
import struct
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

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

KEPT_SHARED = timedelta(days=31)
"""How long an entry stays where other processes find it; everything is learned anew before."""

LEASE = 10.0
"""Seconds for which one process fetches while the others wait: longer than a caller's deadline."""

_FORMAT = 2
_HEADER = struct.Struct(">B?ddd")
"""Format; whether it may be served stale; when it was fetched and until when it is fresh, by the
monotonic clock; when it was fetched, by the wall clock."""

_SHARED_HEADER = struct.Struct(">B?dd")
"""Format; whether it may be served stale; when it was fetched, by the wall clock, which all
processes have in common; seconds for which it is fresh."""


class SharedStore(Protocol):
    """Where processes find what another one has fetched. It never raises; it may hold nothing."""

    async def get(self, key: str) -> bytes | None:
        """Look up an entry."""
        ...

    async def put(self, key: str, value: bytes, *, keep_for: timedelta) -> None:
        """Keep an entry for others."""
        ...

    async def delete(self, key: str) -> None:
        """Drop an entry."""
        ...

    def lock(self, name: str, *, lease: float, within: float) -> AbstractAsyncContextManager[bool]:
        """Be the only one, of all processes; False where that cannot be had in time."""
        ...


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
    exact: bool = False
    """Whether it is fresh for just that long, and not up to a tenth less."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the cache holds: bytes, when they were fetched, and whether they still are fresh.

    ``age`` is by the monotonic clock, which never jumps; ``checked_at`` is for people.
    ``fetched``: it was not held when it was asked for.
    """

    value: bytes
    checked_at: datetime
    age: timedelta
    fresh: bool
    fetched: bool = False


Fill = Callable[[bool], Awaitable[Filled]]
"""Fetches a value. It is told whether something is held already, so that it is not urgent."""

Reads = Callable[[bytes], object]
"""Reads a value; a ``ValueError`` says that it cannot be read."""


class Cache:
    """Answers from what is held, and fetches once for everybody what is not.

    Values are bytes: no caller can change what another one gets. With a ``shared`` store a fetch
    is for all processes; it is looked into only when something has to be fetched.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        wait: timedelta,
        clock: Clock,
        jitter: Callable[[], float] = random.random,
        shared: SharedStore | None = None,
        lease: float = LEASE,
    ) -> None:
        """``lease``: see ``LEASE``; a fetch that may take longer needs another one."""
        self._store = BoundedMemoryCache(max_bytes)
        self._wait = wait
        self._clock = clock
        self._jitter = jitter
        self._shared = shared
        self._lease = lease
        self._fills: dict[str, asyncio.Task[Held]] = {}
        self._failures: OrderedDict[str, tuple[float, UpstreamError]] = OrderedDict()

    async def get(self, key: str, *, reads: Reads = bytes) -> Held | None:
        """Look up what is held here, fresh or not; None where nothing is.

        What cannot be read counts as not held, and is dropped.
        """
        entry = await self._store.get(key)
        if entry is None:
            return None
        _, lasting, fetched, fresh_until, checked_at = _HEADER.unpack_from(entry)
        now = self._clock.monotonic()
        if not lasting and now >= fresh_until:
            return None
        value = entry[_HEADER.size :]
        if not _readable(key, value, reads):
            await self._store.delete(key)
            return None
        return Held(
            value=value,
            checked_at=datetime.fromtimestamp(checked_at, UTC),
            age=timedelta(seconds=now - fetched),
            fresh=now < fresh_until,
        )

    async def get_or_fill(
        self,
        key: str,
        fill: Fill,
        *,
        is_current: Callable[[Held], bool] = lambda held: held.fresh,
        suffices: Callable[[bytes], bool] = lambda _: True,
        within: float | None = None,
        reads: Reads = bytes,
    ) -> Held:
        """Answer with a current value, or another one where a current is not to be had soon.

        All callers of one key share one fetch; it goes on when they leave. Who finds something
        not current that ``suffices`` waits at most the cache's ``wait`` for it; who finds something
        that does not, at most ``within`` seconds; who finds nothing, until it ends. Where that did
        not bring what ``is_current`` asks for, because it was made for another caller's question,
        another fetch is made.

        Raises
        ------
        UpstreamError
            Nothing is held and the fetch failed, now or in the last 30 seconds.
        """
        time = asyncio.get_running_loop().time
        until = None if within is None else time() + within
        held = await self.get(key, reads=reads)
        own = False
        while held is None or not (is_current(held) or own):
            if failure := self._remembered_failure(key):
                if held is not None:
                    return held
                raise failure.with_traceback(None)
            own = key not in self._fills
            filling = self._fills.get(key) or self._start(
                key, fill, held=held, is_current=is_current, reads=reads
            )
            if held is None:
                held = await self._result(filling)
                continue
            patience = None if until is None else max(until - time(), 0.0)
            if suffices(held.value):
                patience = self._wait.total_seconds()
            done, _ = await asyncio.wait({filling}, timeout=patience)
            if not done or not _succeeded(filling):
                return held
            held = filling.result()
        return held

    async def amend(
        self, key: str, change: Callable[[bytes], bytes], *, reads: Reads = bytes
    ) -> None:
        """Change what is held, here and where other processes find it; nothing where it is not.

        It keeps its age, and for how long it is fresh.
        """
        async with self._alone(key):
            await self._adopt(key, reads)
            entry = await self._store.get(key)
            if entry is None or await self.get(key, reads=reads) is None:
                return
            header, value = entry[: _HEADER.size], change(entry[_HEADER.size :])
            await self._store.set(key, header + value)
            await self._share(key, header, value)

    def is_failing(self, key: str) -> bool:
        """Tell whether a key is not asked for just now, since that failed a moment ago."""
        return self._remembered_failure(key) is not None

    async def discard(self, key: str) -> None:
        """Drop what is held, here and where other processes find it."""
        await self._store.delete(key)
        if self._shared is not None:
            await self._shared.delete(key)

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

    def _start(
        self,
        key: str,
        fill: Fill,
        *,
        held: Held | None,
        is_current: Callable[[Held], bool],
        reads: Reads,
    ) -> "asyncio.Task[Held]":
        filling = asyncio.create_task(self._run(key, fill, held, is_current, reads))
        self._fills[key] = filling
        filling.add_done_callback(lambda _: self._fills.pop(key, None))
        filling.add_done_callback(_look_at)
        return filling

    async def _run(
        self,
        key: str,
        fill: Fill,
        held: Held | None,
        is_current: Callable[[Held], bool],
        reads: Reads,
    ) -> Held:
        found = await self._adopt(key, reads)
        if found is not None and is_current(found):
            return found
        async with self._alone(key) as waited:
            if waited:
                found = await self._adopt(key, reads)
                if found is not None and is_current(found):
                    return found
            return await self._fetch(key, fill, held=(found or held) is not None)

    async def _fetch(self, key: str, fill: Fill, *, held: bool) -> Held:
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

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[bool]:
        """Keep other processes from fetching the same; tell whether there are any."""
        if self._shared is None:
            yield False
            return
        async with self._shared.lock(key, lease=self._lease, within=self._lease):
            yield True

    async def _adopt(self, key: str, reads: Reads) -> Held | None:
        """Take over what another process has fetched, where it is newer; tell what is held then."""
        held = await self.get(key, reads=reads)
        if self._shared is None:
            return held
        entry = await self._shared.get(key)
        if entry is None:
            return held
        value = entry[_SHARED_HEADER.size :]
        ours = len(entry) >= _SHARED_HEADER.size and entry[0] == _FORMAT
        if not ours or not _readable(key, value, reads):
            await self._shared.delete(key)
            return held
        _, lasting, checked_at, fresh_for = _SHARED_HEADER.unpack_from(entry)
        if held is None or checked_at >= held.checked_at.timestamp():
            age = max(self._clock.now().timestamp() - checked_at, 0.0)
            fetched = self._clock.monotonic() - age
            stamps = (_FORMAT, lasting, fetched, fetched + fresh_for, checked_at)
            await self._store.set(key, _HEADER.pack(*stamps) + value)
        return await self.get(key, reads=reads)

    async def _keep(self, key: str, filled: Filled) -> Held:
        now = self._clock.now().replace(microsecond=0)
        moment = self._clock.monotonic()
        shortened = 0.0 if filled.exact else MAX_JITTER * self._jitter()
        fresh_for = filled.fresh_for.total_seconds() * (1 - shortened)
        stamps = (_FORMAT, filled.lasting, moment, moment + fresh_for, now.timestamp())
        header = _HEADER.pack(*stamps)
        await self._store.set(key, header + filled.value)
        await self._share(key, header, filled.value)
        return Held(filled.value, now, timedelta(0), fresh=True, fetched=True)

    async def _share(self, key: str, header: bytes, value: bytes) -> None:
        if self._shared is None:
            return
        _, lasting, fetched, fresh_until, checked_at = _HEADER.unpack(header)
        fresh_for = fresh_until - fetched
        shared = _SHARED_HEADER.pack(_FORMAT, lasting, checked_at, fresh_for) + value
        keep_for = KEPT_SHARED if lasting else timedelta(seconds=max(fresh_for, 1.0))
        await self._shared.put(key, shared, keep_for=keep_for)

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


def _readable(key: str, value: bytes, reads: Reads) -> bool:
    try:
        reads(value)
    except ValueError as e:
        logger.bind(key=key, reason=str(e).splitlines()[0]).warning("entry cannot be read")
        return False
    return True


def _look_at(filling: "asyncio.Task[Held]") -> None:
    """Look at the error, which nobody may wait for; if it is no upstream's, it is our fault."""
    error = None if filling.cancelled() else filling.exception()
    if error is not None and not isinstance(error, UpstreamError):
        logger.opt(exception=error).error("fetch broke")


def _succeeded(filling: "asyncio.Task[Held]") -> bool:
    return not filling.cancelled() and filling.exception() is None
