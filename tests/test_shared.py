"""What processes share through Redis, and what becomes of them when it is gone."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from loguru import logger
from redis.asyncio import Redis

from pageviews_api.clock import SystemClock
from pageviews_api.shared import CONNECTIONS, PATIENCE, Shared, open_shared
from tests.support.clock import FakeClock, settle
from tests.support.redis_fixtures import watch_commands
from tests.support.redis_server import RedisServer

MINUTE = timedelta(minutes=1)

SLACK = 5.0
"""Seconds that a busy machine may add to what is measured: far less than ``LONG``, or for ever."""


@pytest.fixture
async def shared(redis: RedisServer) -> AsyncIterator[Shared]:
    """Give one process' way to Redis, with a quick heartbeat."""
    async with process(redis) as one:
        yield one


@pytest.fixture
async def other(redis: RedisServer) -> AsyncIterator[Shared]:
    """Give the way of another process."""
    async with process(redis) as another:
        yield another


@pytest.fixture
async def admin(redis: RedisServer) -> AsyncIterator[Redis]:
    """Give a client that sees every key and may change the server's settings."""
    async with Redis.from_url(redis.url) as client:
        yield client


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Collect what is logged."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(line.strip()), format="{level} {message}")
    yield lines
    logger.remove(sink)


def process(redis: RedisServer) -> AbstractAsyncContextManager[Shared]:
    """Open Redis as one process does."""
    return open_shared(redis.url, SystemClock(), every=0.1)


async def until(condition: Callable[[], bool], *, within: float = 30.0) -> None:
    """Wait until something comes true that nothing tells us of."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  # it happens in Redis or in another process
            await asyncio.sleep(0.01)


async def until_kept(admin: Redis, key: str) -> None:
    """Wait until a key is there."""
    async with asyncio.timeout(30):
        while not await admin.exists(key):  # noqa: ASYNC110  # as in `until`
            await asyncio.sleep(0.01)


async def seconds(work: Awaitable[object]) -> float:
    """Measure how long something takes."""
    began = time.monotonic()
    await work
    return time.monotonic() - began


@asynccontextmanager
async def hanging(redis: RedisServer) -> AsyncIterator[None]:
    """Let Redis stand still meanwhile."""
    redis.hang()
    try:
        yield
    finally:
        redis.go_on()


async def test_value__kept(shared: Shared, other: Shared) -> None:
    """What one process keeps, the others find, until one forgets it."""
    assert await other.get("a") is None
    await shared.put("a", b"\x00\xff", keep_for=MINUTE)
    assert await other.get("a") == b"\x00\xff"
    await other.delete("a")
    assert await shared.get("a") is None


async def test_value__time_over(shared: Shared) -> None:
    """A value is kept as long as was said."""
    await shared.put("a", b"1", keep_for=timedelta(milliseconds=20))
    async with asyncio.timeout(30):
        while await shared.get("a"):  # noqa: ASYNC110  # as in `until`
            await asyncio.sleep(0.005)


async def test_keys__have_prefix_and_end(shared: Shared, admin: Redis) -> None:
    """Every key begins with the prefix and expires."""
    async with shared.lock("l", lease=60, within=0), shared.hold("h", lease=60):
        await shared.put("v", b"1", keep_for=MINUTE)
        keys = [key async for key in admin.scan_iter()]
        assert sorted(keys) == [b"pageviews:lock:h", b"pageviews:lock:l", b"pageviews:v"]
        assert all([await admin.pttl(key) > 0 for key in keys])


async def test_redis__killed(
    redis: RedisServer, shared: Shared, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks a dead Redis gets nothing at once; when it is back, it is found by itself."""
    tries: Counter[object] = Counter()
    connect = asyncio.open_connection

    async def counted(**options: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # noqa: ANN401  # as asyncio's
        tries[asyncio.current_task()] += 1
        return await connect(**options)

    monkeypatch.setattr(asyncio, "open_connection", counted)
    redis.kill()
    assert await seconds(ask(shared)) < SLACK
    assert set(tries.values()) == {1}  # each operation has a task of its own, and is tried once
    assert shared.lost
    redis.start()
    await until(lambda: not shared.lost)
    await shared.put("a", b"1", keep_for=MINUTE)
    assert await shared.get("a") == b"1"
    assert log == ["WARNING redis lost", "WARNING redis is back"]


async def ask(shared: Shared, times: int = 1) -> None:
    """Ask for something that is not there, so many at once."""
    found = await asyncio.gather(*(shared.get("a") for _ in range(times)))
    assert found == [None] * times


async def test_redis__hangs(
    redis: RedisServer, shared: Shared, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Redis that stands still costs its callers a quarter of a second, once."""
    assert PATIENCE == 0.25
    await ask(shared)
    events = watch_commands(monkeypatch, shared)
    async with hanging(redis):
        assert await seconds(ask(shared, 500)) < PATIENCE + SLACK  # 500 waits are 125 s
        tried = events.index("ends")  # all that were under way when the first one failed
        assert tried <= CONNECTIONS
        assert events == ["begins"] * tried + ["ends"] * tried
        await ask(shared, 500)
        async with shared.lock("l", lease=60, within=60) as ours:
            assert not ours
        assert len(events) == 2 * tried  # nothing more was tried
    await until(lambda: not shared.lost)
    assert log == ["WARNING redis lost", "WARNING redis is back"]


async def test_redis__hangs_and_nobody_asks(
    redis: RedisServer, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heartbeat finds it out, so that not even the first caller waits."""
    events = watch_commands(monkeypatch, shared)
    async with hanging(redis):
        await until(lambda: shared.lost)
        await ask(shared)
    assert events == []


async def test_redis__too_slow_once(redis: RedisServer, log: list[str]) -> None:
    """After a loss a second look is taken at once: it may have been ourselves that were busy."""

    async def too_slow() -> None:
        raise TimeoutError  # as a busy loop sees it

    async with open_shared(redis.url, SystemClock(), every=60) as shared:
        await shared._try(too_slow)
        await until(lambda: not shared.lost)
    assert log == ["WARNING redis lost", "WARNING redis is back"]


async def test_redis__hangs_within_a_command(
    shared: Shared, be_patient: Callable[[float], None]
) -> None:
    """What takes several answers is bounded as a whole: the socket's time-out is for one."""
    slow = "for i = 1, 100 do redis.call('PING') end return 1"
    assert await shared.run(slow, key="k", args=[]) == 1

    async def drip() -> None:
        for _ in range(100):
            await asyncio.sleep(PATIENCE / 2)

    be_patient(PATIENCE)
    await shared._try(drip)  # Redis cannot be made to drip
    assert shared.lost


async def test_redis__down_at_the_start(redis: RedisServer, log: list[str]) -> None:
    """A Redis that is not there yet is lost, and found later."""
    redis.kill()
    async with process(redis) as shared:
        assert shared.lost
        redis.start()
        await until(lambda: not shared.lost)
    assert log == ["WARNING redis lost", "WARNING redis is back"]


async def test_redis__full(shared: Shared, admin: Redis, log: list[str]) -> None:
    """A Redis that takes no more is no lost one: what it holds can be read. One line says it."""
    await shared.put("a", b"1", keep_for=MINUTE)
    await admin.config_set("maxmemory", "1")
    for _ in range(5):
        await shared.put("b", b"2", keep_for=MINUTE)
    assert (shared.lost, await shared.get("a"), await shared.get("b")) == (False, b"1", None)
    async with shared.lock("l", lease=60, within=60) as ours:
        assert not ours
    assert log == ["WARNING redis refused"]


async def test_redis__flushed(shared: Shared, admin: Redis) -> None:
    """What was flushed is gone, and nothing else is: scripts are loaded anew."""
    script = "return redis.call('INCR', KEYS[1])"
    assert await shared.run(script, key="n", args=[]) == 1
    await admin.flushall()
    await admin.script_flush()
    assert await shared.run(script, key="n", args=[]) == 1
    assert not shared.lost


async def test_connections__few(shared: Shared, admin: Redis) -> None:
    """However many ask at once, there are ten connections, and one for the heartbeat."""
    await ask(shared, 500)
    assert len(await admin.client_list()) <= 11 + 1


async def test_caller__leaves(shared: Shared) -> None:
    """Who leaves in the middle of a question spoils nobody's answer."""
    await shared.put("a", b"1", keep_for=MINUTE)
    for _ in range(20):
        leaving = [asyncio.create_task(shared.get("b")) for _ in range(20)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        assert await shared.get("a") == b"1"
        await asyncio.gather(*leaving, return_exceptions=True)
    assert not shared.lost


async def test_caller__is_cancelled(shared: Shared) -> None:
    """Who is cancelled hears of it, at whatever moment; redis-py swallows it at some."""

    async def ask_on() -> None:
        while True:
            await shared.get("a")

    for _ in range(100):
        task = asyncio.create_task(ask_on())
        await asyncio.sleep(0.001)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=30)
        assert done


async def test_heartbeat__by_the_clock(redis: RedisServer) -> None:
    """The heartbeat goes by the clock that is given."""
    clock, beats = FakeClock(), 0

    async def count() -> None:
        nonlocal beats
        beats += 1

    async with open_shared(redis.url, clock) as shared:
        shared.on_beat(count)
        for seen in range(3):
            await until(lambda seen=seen: beats == seen)  # type: ignore[misc]  # a default is no type
            await settle()
            clock.advance(1)
        await until(lambda: beats == 3)


# Locks


async def test_lock__held_by_one(shared: Shared, other: Shared) -> None:
    """One process has it at a time; the next gets it as soon as it is given back."""
    order = []

    async def work(process: Shared, name: int) -> None:
        async with process.lock("l", lease=60, within=60) as ours:
            assert ours
            order.append(name)
            await asyncio.sleep(0.01)
            order.append(name)

    await asyncio.gather(*(work(process, n) for n, process in enumerate([shared, other] * 3)))
    assert order[::2] == order[1::2]
    assert sorted(order) == sorted([*range(6)] * 2)


async def test_lock__not_in_time(shared: Shared, other: Shared) -> None:
    """Who waited in vain goes ahead without it, and does not take it from its holder."""
    async with shared.lock("l", lease=60, within=0) as first:
        async with other.lock("l", lease=60, within=0.1) as second:
            assert (first, second) == (True, False)
        async with other.lock("l", lease=60, within=0) as third:
            assert not third


async def test_lock__holder_dies(redis: RedisServer, shared: Shared) -> None:
    """The lock of a process that died is free when its lease is over."""
    async with process(redis) as dying:
        assert await dying._take("l", "dead", 2)  # nobody will give it back
    async with shared.lock("l", lease=60, within=0) as ours:
        assert not ours
    assert await seconds(until_ours(shared)) < 2 + SLACK


async def until_ours(shared: Shared) -> None:
    """Wait for the lock."""
    async with shared.lock("l", lease=60, within=60) as ours:
        assert ours


async def test_lock__outlives_its_lease(shared: Shared, other: Shared) -> None:
    """Who took longer than the lease does not give back what another holds by then."""
    late = shared.lock("l", lease=0.02, within=0)
    await late.__aenter__()
    async with other.lock("l", lease=60, within=60) as second:
        assert second
        await late.__aexit__(None, None, None)
        async with shared.lock("l", lease=60, within=0) as third:
            assert not third


@pytest.mark.parametrize("turns", range(8))
async def test_lock__waiter_or_holder_cancelled(shared: Shared, other: Shared, turns: int) -> None:
    """Whenever somebody is cancelled, nothing of the lock is left."""
    held = asyncio.Event()

    async def hold() -> None:
        async with shared.lock("l", lease=60, within=60):
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    for _ in range(turns):
        await asyncio.sleep(0)
    if turns == 7:
        await until(held.is_set)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with other.lock("l", lease=60, within=0) as ours:
        assert ours


async def test_lock__cancelled_while_waiting(
    shared: Shared, other: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A waiter that is cancelled leaves the lock to its holder."""
    events = watch_commands(monkeypatch, other)
    async with shared.lock("l", lease=60, within=0):
        task = asyncio.create_task(until_ours(other))
        await until(lambda: "ends" in events)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with other.lock("l", lease=60, within=0) as ours:
            assert not ours


async def test_hold__by_one(shared: Shared, other: Shared) -> None:
    """One process works, the others are told to let it be; then the next one may."""
    async with shared.hold("h", lease=60) as first:
        async with other.hold("h", lease=60) as second:
            assert (first, second) == (True, False)
        async with other.hold("h", lease=60) as second:
            assert not second
    async with other.hold("h", lease=60) as second:
        assert second


async def test_hold__longer_than_the_lease(shared: Shared, other: Shared) -> None:
    """It is kept for as long as it takes."""
    async with shared.hold("h", lease=2):
        for _ in range(10):
            await asyncio.sleep(0.3)
            async with other.hold("h", lease=2) as second:
                assert not second


async def test_hold__redis_flushed(shared: Shared, other: Shared, admin: Redis) -> None:
    """What Redis forgot is taken anew by its holder."""
    async with shared.hold("h", lease=3):
        await admin.flushall()
        await until_kept(admin, "pageviews:lock:h")
        async with other.hold("h", lease=60) as second:
            assert not second


async def test_hold__redis_lost(
    redis: RedisServer, shared: Shared, other: Shared, admin: Redis
) -> None:
    """Without Redis everybody may go on; when it is back, who works holds it."""
    redis.kill()
    async with shared.hold("h", lease=3) as first:
        assert first
        redis.start()
        await until(lambda: not (shared.lost or other.lost))
        await until_kept(admin, "pageviews:lock:h")
        async with other.hold("h", lease=60) as second:
            assert not second
