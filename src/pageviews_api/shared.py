"""What all processes of the service share: one Redis, which may be lost at any moment.

redis-py is used directly (docs/decisions/0008). Nothing here raises because of Redis, and nobody
waits long for it: what cannot be had is None, and whoever asked goes on by itself.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from loguru import logger
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from pageviews_api.clock import Clock

T = TypeVar("T")

SOCKET_TIMEOUT = 0.2
"""Seconds for one answer on an open connection, and for opening one."""

PATIENCE = 0.25
"""Seconds for one operation, whatever it consists of."""

BEAT = 1.0
"""Seconds between two looks whether Redis is there."""

CONNECTIONS = 10
"""Operations at once; more wait for their turn. The heartbeat has one more connection."""

POLL = 0.03
"""Seconds between two tries to get a lock."""

REFUSAL_TOLD_EVERY = 60.0
"""Seconds between two log lines that Redis refuses something; it may refuse all of them."""

# A lock is given back, or kept longer, only by the one who holds it. One that was forgotten (a
# restart without its data) is taken anew by its holder, if nobody else was quicker.
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class Shared:
    """One Redis, asked within 0.25 seconds or not at all.

    When an operation fails, Redis counts as lost: from then on every operation gives nothing at
    once, until the heartbeat finds Redis again. Every key has the prefix, and expires.
    """

    def __init__(
        self, redis: "Redis", *, clock: Clock, prefix: str = "pageviews:", every: float = BEAT
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._prefix = prefix
        self._every = every
        self._lost = False
        self._refusals_silent_until = float("-inf")
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._scripts: dict[str, Callable[..., Awaitable[Any]]] = {}
        self._beats: list[Callable[[], Awaitable[None]]] = []
        self._working: set[asyncio.Task[Any]] = set()

    @property
    def lost(self) -> bool:
        """Whether Redis is out of reach for now, as far as we know."""
        return self._lost

    @property
    def every(self) -> float:
        """Seconds between two heartbeats."""
        return self._every

    async def get(self, key: str) -> bytes | None:
        """Look up what is kept; None where nothing is, or Redis does not tell."""
        value = await self._ask(lambda: self._redis.get(self._prefix + key))
        assert value is None or isinstance(value, bytes)  # `decode_responses` is off
        return value

    async def put(self, key: str, value: bytes, *, keep_for: timedelta) -> None:
        """Keep a value for so long, if Redis takes it."""
        await self._ask(lambda: self._redis.set(self._prefix + key, value, px=keep_for))

    async def delete(self, key: str) -> None:
        """Forget a value, if Redis can be reached."""
        await self._ask(lambda: self._redis.delete(self._prefix + key))

    async def run(self, script: str, *, key: str, args: Sequence[str | float]) -> Any:  # noqa: ANN401  # what the script returns
        """Run a Lua script on one key; None where Redis is lost or refuses."""
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(script)
        registered = self._scripts[script]
        keys = [self._prefix + key]
        return await self._ask(lambda: registered(keys=keys, args=list(args)))

    @asynccontextmanager
    async def lock(self, name: str, *, lease: float, within: float) -> AsyncIterator[bool]:
        """Hold a lock that one process has at a time; yields whether we have it.

        It is not ours when nobody gave it back ``within`` so many seconds, or Redis is lost: then
        everybody goes ahead alone. It is given back at the end, or after ``lease`` seconds by
        itself, of which its holder is not told.
        """
        token = uuid.uuid4().hex
        try:
            yield await self._acquire(name, token, lease, within)
        finally:
            # Whether or not it is ours: who was cancelled in between does not know.
            await self._release(name, token)

    @asynccontextmanager
    async def hold(self, name: str, *, lease: float) -> AsyncIterator[bool]:
        """Hold a lock for as long as it takes; yields whether we may go on.

        It is tried once, and renewed every third of ``lease`` seconds. When Redis is lost,
        everybody may go on: without Redis each process works for itself.
        """
        token = uuid.uuid4().hex
        try:
            ours = await self._take(name, token, lease)
            if ours is False:
                yield False
                return
            renewing = asyncio.create_task(self._keep(name, token, lease))
            try:
                yield True
            finally:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)
        finally:
            await self._release(name, token)

    def on_beat(self, what: Callable[[], Awaitable[None]]) -> None:
        """Have something done at each heartbeat, whether it finds Redis or not."""
        self._beats.append(what)

    async def beat(self) -> None:
        """See whether Redis is there, and do what is done at each heartbeat."""
        if await self._try(self._redis.ping) and self._lost:
            self._lost = False
            logger.warning("redis is back")
        for what in self._beats:
            await what()

    async def keep_beating(self) -> None:
        """Beat until cancelled."""
        while True:
            await self._clock.sleep(self._every)
            await self.beat()

    async def settle(self) -> None:
        """Wait for what is under way; it takes no longer than an operation or two."""
        while self._working:
            await asyncio.wait(self._working)

    async def _ask(self, command: Callable[[], Awaitable[T]]) -> T | None:
        async with self._turn() as ours:
            return await self._try(command) if ours else None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        """Wait for a turn to ask; none comes if Redis is lost, maybe meanwhile."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._places.acquire()
        except TimeoutError:
            yield False  # too many of ours are asking: no fault of Redis
            return
        try:
            yield not self._lost
        finally:
            self._places.release()

    async def _try(self, command: Callable[[], Awaitable[T]]) -> T | None:
        """Do it whole, even if who waits for it is cancelled; that comes true right after.

        Redis does what it was sent, and on another connection it could do so after what is meant
        to undo it. And on Python 3.11 a cancellation within redis-py may get lost (``wait_for``).
        """
        task = self._start(self._bounded(command))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise

    async def _bounded(self, command: Callable[[], Awaitable[T]]) -> T | None:
        try:
            # The socket's time-out is for one answer; a command may need several.
            async with asyncio.timeout(PATIENCE):
                return await command()
        except ResponseError as e:
            self._refused(e)
        except (RedisError, OSError, TimeoutError) as e:
            self._lose(e)
        return None

    def _start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    def _lose(self, error: Exception) -> None:
        if not self._lost:
            self._lost = True
            # The kind alone: the text may hold the address.
            logger.bind(reason=type(error).__name__).warning("redis lost")
            # It may have been ourselves, busy for too long: then it is back at once.
            self._start(self.beat())

    def _refused(self, error: ResponseError) -> None:
        """Redis is there and says no, as when it is full: others may be served all the same."""
        now = self._clock.monotonic()
        if now >= self._refusals_silent_until:
            self._refusals_silent_until = now + REFUSAL_TOLD_EVERY
            logger.bind(reason=type(error).__name__).warning("redis refused")

    async def _take(self, name: str, token: str, lease: float) -> bool | None:
        """Try once to get a lock: got it, another has it, or Redis does not tell."""
        key, px = self._lock_key(name), timedelta(seconds=lease)

        async def take() -> bool:
            return bool(await self._redis.set(key, token, px=px, nx=True))

        return await self._ask(take)

    async def _acquire(self, name: str, token: str, lease: float, within: float) -> bool:
        until = asyncio.get_running_loop().time() + within
        while (ours := await self._take(name, token, lease)) is False:
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                break
            # Real time, not the clock's: the leases run by Redis' own.
            await asyncio.sleep(min(POLL, left))
        return ours is True

    async def _keep(self, name: str, token: str, lease: float) -> None:
        while True:
            await asyncio.sleep(lease / 3)
            await self.run(_RENEW, key=f"lock:{name}", args=[token, int(lease * 1000)])

    async def _release(self, name: str, token: str) -> None:
        await self.run(_RELEASE, key=f"lock:{name}", args=[token])

    def _lock_key(self, name: str) -> str:
        return f"{self._prefix}lock:{name}"


@asynccontextmanager
async def open_shared(url: str, clock: Clock, *, every: float = BEAT) -> AsyncIterator[Shared]:
    """Open a Redis by its URL, and look after it ``every`` so many seconds.

    One that is not there yet begins as lost.
    """
    redis = Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        retry=Retry(NoBackoff(), retries=0),  # by default it is asked ten more times
        health_check_interval=0,  # the heartbeat looks; a PING before commands costs each a trip
        protocol=2,  # no words of greeting, each of which costs a new connection a trip
        driver_info=None,
        decode_responses=False,
    )
    async with redis:
        shared = Shared(redis, clock=clock, every=every)
        await shared.beat()
        beating = asyncio.create_task(shared.keep_beating())
        try:
            yield shared
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            await shared.settle()
