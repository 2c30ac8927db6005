"""One gate for many processes: each gate here has a Redis client of its own, as a process has."""

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from loguru import logger
from redis.asyncio import Redis

from pageviews_api.budget import Priority
from pageviews_api.clock import SystemClock
from pageviews_api.exceptions import BudgetExhaustedError, CircuitOpenError
from pageviews_api.shared import open_shared
from pageviews_api.shared_gate import BEATS_MISSED, Limits, SharedGate
from tests.support.redis_server import RedisServer

EVERY = 0.1
"""Seconds between heartbeats: ten times as quick as in life."""

LIMITS = Limits(max_concurrency=3, requests_per_minute=30, processes=3, longest=0.1)
"""The usual limits, with a minute of its own length; a request takes 0.1 s at most."""

SHORT = Limits(max_concurrency=3, requests_per_minute=30, processes=3, longest=0.2, period=1.2)
"""The same with a minute of 1.2 s, to see many of them; a request takes 0.2 s at most."""


@asynccontextmanager
async def process(
    redis: RedisServer, limits: Limits = LIMITS, *, every: float = EVERY
) -> AsyncIterator[SharedGate]:
    """Open the gate as one process does."""
    clock = SystemClock()
    async with open_shared(redis.url, clock, every=every) as shared:
        gate = SharedGate("aqs", shared, limits=limits, clock=clock)
        await gate.beat()
        yield gate
        await gate.aclose()


@asynccontextmanager
async def processes(
    redis: RedisServer, count: int, limits: Limits = LIMITS, *, every: float = EVERY
) -> AsyncIterator[list[SharedGate]]:
    """Open the gates of several processes."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(process(redis, limits, every=every))
            for _ in range(count)
        ]


@pytest.fixture
async def admin(redis: RedisServer) -> AsyncIterator[Redis]:
    """Give a client that sees every key and may change the server's settings."""
    async with Redis.from_url(redis.url) as client:
        yield client


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Collect what is logged of gates, without what is logged of Redis."""
    lines: list[str] = []
    sink = logger.add(
        lambda line: lines.append(line.strip()),
        format="{level} {message} {extra}",
        filter=lambda record: record["message"].startswith("gate"),
    )
    yield lines
    logger.remove(sink)


@dataclass
class Upstream:
    """What the other end of the gates sees."""

    arrivals: list[float] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0
    durations: Iterator[float] = field(default_factory=lambda: itertools.cycle([0, 0.02, 0.005]))

    async def answer(self) -> None:
        """Take a request: it travels, arrives and is answered.

        All is timed from its start: when the loop stands still for a while, nothing takes longer
        for that, and what is due happens in the order in which it is.
        """
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        arrives = time.monotonic() + next(self.durations)
        ends = arrives + next(self.durations)
        self.arrivals.append(arrives)
        ended = asyncio.Event()
        asyncio.get_running_loop().call_at(ends, ended.set)
        await ended.wait()
        self.in_flight -= 1

    def fullest(self, period: float) -> int:
        """Count the requests in the fullest window."""
        return max(
            sum(start <= moment < start + period for moment in self.arrivals)
            for start in self.arrivals
        )


@asynccontextmanager
async def load(gates: list[SharedGate], upstream: Upstream) -> AsyncIterator[None]:
    """Have every process ask as much as it may meanwhile, callers and background work."""

    async def work(gate: SharedGate, priority: Priority) -> None:
        while True:
            async with gate.slot(priority, within=None):
                await upstream.answer()

    tasks = [
        asyncio.create_task(work(gate, priority))
        for gate in gates
        for priority in [*Priority, Priority.CALLER, Priority.CALLER]
    ]
    yield
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Request:
    """A request at a gate, which stays in flight until it is told to end."""

    def __init__(
        self, gate: SharedGate, priority: Priority = Priority.CALLER, within: float | None = None
    ) -> None:
        self.gate = gate
        self.entered = asyncio.Event()
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._run(priority, within))

    async def _run(self, priority: Priority, within: float | None) -> None:
        async with self.gate.slot(priority, within=within):
            self.entered.set()
            await self._end.wait()

    async def in_flight(self) -> None:
        """Wait until it has been let in."""
        async with asyncio.timeout(30):
            await self.entered.wait()

    async def end(self) -> None:
        """Let it end."""
        self._end.set()
        await self.task


async def started(*gates: SharedGate, priority: Priority = Priority.CALLER) -> list[Request]:
    """Start a request at each of these gates, one after the other."""
    requests = []
    for gate in gates:
        requests.append(Request(gate, priority))
        await requests[-1].in_flight()
    return requests


async def end_all(*requests: Request) -> None:
    """End what is left of the requests, and look at none of their errors."""
    for request in requests:
        request.task.cancel()
    await asyncio.gather(*(request.task for request in requests), return_exceptions=True)


async def is_kept_out(*requests: Request, seconds: float = 0.15) -> bool:
    """See that none of the requests is let in for a few polls."""
    await asyncio.sleep(seconds)
    return not any(request.entered.is_set() for request in requests)


async def passes(gate: SharedGate, *, within: float = 30.0) -> None:
    """Make a request that takes no time."""
    async with gate.slot(Priority.CALLER, within=within):
        pass


def alone(gate: SharedGate) -> bool:
    """Tell whether a gate is on its own, by its limit."""
    return gate.limit < LIMITS.requests_per_minute


async def until_alone(*gates: SharedGate, be: bool = True) -> None:
    """Wait until every gate is on its own, or none is."""
    await until(lambda: all(alone(gate) is be for gate in gates))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something comes true by heartbeats or by what waits at the gates."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # it tells no event
            await asyncio.sleep(0.005)


async def until_waiting(admin: Redis, count: int) -> None:
    """Wait until Redis knows of so many that wait."""
    async with asyncio.timeout(30):
        while await waiting(admin) != count:  # noqa: ASYNC110  # as in `until`
            await asyncio.sleep(0.005)


async def waiting(admin: Redis) -> int:
    """Count those that wait, as Redis knows."""
    return len([place async for place in admin.hscan_iter("pageviews:gate:aqs", match="w:*")])


# While Redis is there


@pytest.mark.parametrize("count", [1, 4])
async def test_gates__any_load(redis: RedisServer, count: int) -> None:
    """All processes together stay within both limits, and use them."""
    upstream = Upstream()
    async with processes(redis, count, SHORT, every=2 * EVERY) as gates, load(gates, upstream):
        await asyncio.sleep(3)
        await until(lambda: upstream.most >= 3 and upstream.fullest(SHORT.period) >= 10)
    assert upstream.most == 3
    assert upstream.fullest(SHORT.period) <= 30


async def test_gates__full(redis: RedisServer) -> None:
    """The fourth request waits, whosever it is, until one of three has ended."""
    async with processes(redis, 2) as (a, b):
        holders = await started(a, b, a)
        fourth = Request(b)
        assert await is_kept_out(fourth)
        await holders[0].end()
        await fourth.in_flight()
        await end_all(fourth, *holders)


async def test_gates__callers_first(redis: RedisServer, admin: Redis) -> None:
    """A place goes to the caller of one process before the background work of another."""
    async with processes(redis, 3) as (a, b, c):
        holders = await started(a, a, a)
        archive = Request(b, Priority.ARCHIVE)
        refresh = Request(b, Priority.REFRESH, within=50)
        await until_waiting(admin, 2)
        caller = Request(c)
        assert await is_kept_out(archive, refresh, caller)
        await holders[0].end()
        await caller.in_flight()
        await holders[1].end()
        assert await is_kept_out(archive, refresh)
        await holders[2].end()
        await refresh.in_flight()
        assert await is_kept_out(archive)
        await end_all(caller, archive, refresh, *holders)


async def test_gates__order(redis: RedisServer, admin: Redis) -> None:
    """Whosever they are: callers first, then refreshes, then the archive; then who came first."""
    arriving = [Priority.ARCHIVE, Priority.REFRESH, Priority.CALLER] * 2
    served: list[tuple[Priority, int]] = []

    async def request(gate: SharedGate, number: int, priority: Priority) -> None:
        async with gate.slot(priority, within=None):
            served.append((priority, number))

    limits = Limits(max_concurrency=1, requests_per_minute=30, processes=6, longest=0.1)
    async with processes(redis, 7, limits) as gates:
        (holder,) = await started(gates[6])
        tasks = []
        for number, priority in enumerate(arriving):
            tasks.append(asyncio.create_task(request(gates[number], number, priority)))
            await until_waiting(admin, number + 1)
        await holder.end()
        await asyncio.gather(*tasks)
    assert served == sorted(served)


async def test_gates__background_work(redis: RedisServer) -> None:
    """The background work of all leaves one place free for a caller."""
    async with processes(redis, 3) as (a, b, c):
        behind = await started(a, b, priority=Priority.ARCHIVE)
        third = Request(c, Priority.ARCHIVE)
        assert await is_kept_out(third)
        await passes(c, within=0.0)
        await end_all(third, *behind)


async def test_gates__minute_used_up(redis: RedisServer) -> None:
    """What others asked counts, and who would wait too long is told so at once."""
    async with processes(redis, 2) as (a, b):
        for _ in range(30):
            await passes(a)
        began = time.monotonic()
        with pytest.raises(BudgetExhaustedError) as raised:
            await passes(b, within=30)
        assert time.monotonic() - began < 8  # not the 30 that it could have waited
        assert 30 < raised.value.retry_after <= 60


async def test_gates__deadline_passes(redis: RedisServer, admin: Redis) -> None:
    """Who waits in vain behind others' requests is turned away in time, and leaves no trace."""
    async with processes(redis, 2) as (a, b):
        holders = await started(a, a, a)
        began = time.monotonic()
        with pytest.raises(BudgetExhaustedError):
            async with asyncio.timeout(30):  # the holders stay for ever
                await passes(b, within=0.1)
        assert time.monotonic() - began >= 0.1
        assert await waiting(admin) == 0
        await holders[0].end()
        await passes(a, within=0.0)
        await end_all(*holders)


async def test_gates__nothing_asked(redis: RedisServer) -> None:
    """Who was let in and then did not ask, does not use up anybody's minute."""
    async with processes(redis, 2, Limits(3, 1, 2, 0.1)) as (a, b):
        for gate in (a, b) * 3:
            with pytest.raises(CircuitOpenError):
                async with gate.slot(Priority.CALLER, within=30):
                    raise CircuitOpenError("aqs", 30)
        await passes(b)


async def test_gates__counted_from_the_end(redis: RedisServer) -> None:
    """A request counts until a minute after it ended: it may have arrived that late."""
    limits = Limits(3, 1, 2, 0.1, period=2)
    async with processes(redis, 2, limits, every=60) as (a, b):
        async with a.slot(Priority.CALLER, within=30):
            await asyncio.sleep(1.5)
            ended = time.monotonic()
        await passes(b)
        assert time.monotonic() - ended >= 2 - 0.01  # counted from its start: 0.5


async def test_gates__waiter_cancelled(redis: RedisServer, admin: Redis) -> None:
    """A waiter that is cancelled neither keeps a place nor its place in the queue."""
    async with processes(redis, 2) as (a, b):
        holders = await started(a, a, a)
        waiters = [Request(b) for _ in range(3)]
        await until_waiting(admin, 3)
        await end_all(*waiters)
        await holders[0].end()
        archive = Request(a, Priority.ARCHIVE)
        await holders[1].end()
        await archive.in_flight()
        await end_all(archive, *holders)


@pytest.mark.parametrize("turns", range(0, 40, 5))
async def test_gates__cancelled_at_any_moment(redis: RedisServer, turns: int) -> None:
    """Whenever somebody is cancelled, the place comes back, without a heartbeat's help."""
    limits = Limits(3, 30, 2, 0.1, lease=60)
    async with process(redis, limits, every=60) as a, process(redis, limits, every=60) as b:
        request = Request(a)
        for _ in range(turns):
            await asyncio.sleep(0)
        await end_all(request)
        for each in await started(b, b, b):
            await each.end()


async def test_gates__process_dies(redis: RedisServer) -> None:
    """The places of a process that died come back when their leases are over."""
    limits = Limits(3, 30, 2, 0.1, lease=2.0)
    async with process(redis, limits) as b:
        async with open_shared(redis.url, SystemClock(), every=EVERY) as dying:
            a = SharedGate("aqs", dying, limits=limits, clock=SystemClock())
            requests = await started(a, a, a)
            died = time.monotonic()
        dying._lost = True  # it is dead: it tells nobody anything
        async with asyncio.timeout(30), b.slot(Priority.CALLER, within=None):
            assert time.monotonic() - died > 0.5
        await b.beat()
        assert b.remaining == 30 - 4  # a dead process' requests may have been made
        await end_all(*requests)


async def test_gates__longer_than_the_lease(redis: RedisServer) -> None:
    """A process that lives keeps its places for as long as it takes."""
    async with processes(redis, 2, Limits(3, 30, 2, 0.1, lease=1.5)) as (a, b):
        holders = await started(a, a, a)
        fourth = Request(b)
        assert await is_kept_out(fourth, seconds=2.2)
        await end_all(fourth, *holders)


async def test_gates__paused(redis: RedisServer, admin: Redis) -> None:
    """A pause holds for all from the moment at which its place is free: no call slips in (A16)."""
    async with processes(redis, 2) as (a, b):
        holders = await started(a, a, b)
        others = [Request(gate) for gate in (a, b, b)]
        await until_waiting(admin, 3)
        paused_at = time.monotonic()
        a.pause(3)
        await holders[0].end()
        assert await is_kept_out(*others, seconds=0.4)
        await until(lambda: a.paused and b.paused)
        with pytest.raises(BudgetExhaustedError):
            await passes(b, within=0.05)
        await until(lambda: any(request.entered.is_set() for request in others))
        assert time.monotonic() - paused_at >= 3
        await end_all(*others, *holders)


async def test_gates__refresh_during_a_pause(redis: RedisServer) -> None:
    """A refresh does not wait for a pause that another process was told of."""
    async with processes(redis, 2) as (a, b):
        async with a.slot(Priority.CALLER, within=30):
            a.pause(20)
        with pytest.raises(BudgetExhaustedError):
            async with b.slot(Priority.REFRESH, within=50):
                pass


async def test_gates__remaining(redis: RedisServer) -> None:
    """Each process knows, since its last heartbeat, how much all may ask."""
    async with processes(redis, 2) as (a, b):
        await passes(a)
        holders = await started(a, b)
        await a.beat()
        await b.beat()
        assert (a.limit, a.remaining, b.remaining) == (30, 27, 27)
        await end_all(*holders)


async def test_state__has_prefix_and_end(redis: RedisServer, admin: Redis) -> None:
    """All that is kept is one key with the prefix, and it expires, a pause included."""
    async with processes(redis, 2) as (a, b):
        holders = await started(a, b)
        a.pause(600)
        await holders[0].end()
        await b.beat()
        assert [key async for key in admin.scan_iter()] == [b"pageviews:gate:aqs"]
        assert 600_000 < await admin.pttl("pageviews:gate:aqs") < 900_000
        await end_all(*holders)


async def test_gate__closed(redis: RedisServer) -> None:
    """Closing leaves no task behind."""
    async with processes(redis, 2) as (a, b):
        await end_all(*await started(a, b, a))
    assert asyncio.all_tasks() == {asyncio.current_task()}


# When Redis is lost


@pytest.mark.parametrize("how", ["kill", "hang", "flush"])
async def test_redis__lost_under_load(redis: RedisServer, admin: Redis, how: str) -> None:
    """However Redis goes and comes back, no minute and no moment has more than is allowed."""
    upstream = Upstream()
    async with processes(redis, 3, SHORT, every=2 * EVERY) as gates, load(gates, upstream):
        await asyncio.sleep(1.4)
        if how == "flush":
            await admin.flushall()
            await asyncio.sleep(1.2)
        else:
            await lose(redis, gates, upstream, hang=how == "hang")
        before = len(upstream.arrivals)
        await asyncio.sleep(2)
        await until(lambda: len(upstream.arrivals) > before + 15)
    assert upstream.most == 3
    assert upstream.fullest(SHORT.period) <= 30


async def lose(
    redis: RedisServer, gates: list[SharedGate], upstream: Upstream, *, hang: bool
) -> None:
    """Lose Redis for two minutes, in which every process goes on by itself."""
    if hang:
        redis.hang()
    else:
        redis.kill()
    await until_alone(*gates)
    before = len(upstream.arrivals)
    await asyncio.sleep(2.4)
    await until(lambda: len(upstream.arrivals) > before + 10)
    if hang:
        redis.go_on()
    else:
        redis.start()
    await until_alone(*gates, be=False)


async def test_redis__lost_after_much_was_asked(redis: RedisServer) -> None:
    """What one process had asked is held against all: each has its part of what is left."""
    async with processes(redis, 3, Limits(3, 300, 3, 0.1)) as gates:
        for _ in range(150):
            await passes(gates[0])
        began = time.monotonic()
        await asyncio.gather(*(gate.beat() for gate in gates))
        redis.kill()
        await asyncio.gather(*(gate.beat() for gate in gates))
        beats = math.ceil((time.monotonic() - began) / EVERY)
        # 150 were asked; as many as can have been begun since the last heartbeat count, too.
        left = [gate.remaining for gate in gates]
        assert all(50 - 10 * beats <= each <= 40 for each in left), left


async def test_gates__burst(redis: RedisServer) -> None:
    """Between two heartbeats no more is begun than others take for granted on a loss."""
    limits = Limits(3, 30, 2, 0.1)
    async with process(redis, limits, every=60) as a, process(redis, limits, every=60) as b:
        for gate in (a, b) * 3:
            await passes(gate)
        with pytest.raises(BudgetExhaustedError):
            await passes(a, within=0.1)
        redis.kill()
        await asyncio.gather(a.beat(), b.beat())
        assert (a.limit, a.remaining, b.remaining) == (15, 12, 12)


async def test_redis__goes_on(redis: RedisServer, admin: Redis) -> None:
    """What a Redis that stood still was sent meanwhile comes late, and does nothing."""
    async with process(redis, every=60) as gate:
        before = await admin.hgetall("pageviews:gate:aqs")
        redis.hang()
        await gate.beat()
        assert alone(gate)
        await gate._shared.settle()  # a second look at it is in vain, too
        redis.go_on()
        assert await admin.hgetall("pageviews:gate:aqs") == before


async def test_redis__lost_when_nobody_asks(redis: RedisServer) -> None:
    """A gate on its own has one place and its share of the minute, and says so."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{level} {message} {extra}", level="WARNING")
    async with processes(redis, 2, Limits(3, 30, 2, 0.1, period=0.5)) as (a, b):
        redis.kill()
        await until_alone(a, b)
        assert (a.limit, b.limit) == (15, 15)
        await asyncio.sleep(0.7)
        assert a.remaining == 15
        (first,) = await started(a)
        second = Request(a)
        assert await is_kept_out(second)
        await first.end()
        await second.in_flight()
        await end_all(second)
        redis.start()
        await until_alone(a, b, be=False)
    logger.remove(sink)
    told = [line.strip() for line in lines if " gate " in line]
    assert sorted(told) == [
        *["WARNING gate is on its own {'upstream': 'aqs', 'requests_per_minute': 15}"] * 2,
        *["WARNING gate is shared again {'upstream': 'aqs'}"] * 2,
    ]


async def test_redis__lost_with_requests_in_flight(redis: RedisServer) -> None:
    """The first request of one's own waits until what others have in flight must have ended."""
    async with processes(redis, 2, Limits(3, 300, 2, 0.4)) as (a, b):
        holders = await started(a, a, a)
        redis.kill()
        lost_at = time.monotonic()
        await passes(b)
        assert time.monotonic() - lost_at >= 0.4
        with pytest.raises(BudgetExhaustedError):
            await passes(a, within=0.1)  # its own are in flight still
        await end_all(*holders)


async def test_redis__lost_during_a_pause(redis: RedisServer) -> None:
    """A pause that another process was told of goes on without Redis."""
    async with processes(redis, 2) as (a, b):
        async with a.slot(Priority.CALLER, within=30):
            a.pause(60)
        await until(lambda: b.paused)
        redis.kill()
        await until_alone(b)
        with pytest.raises(BudgetExhaustedError) as raised:
            await passes(b, within=1)
        assert raised.value.retry_after > 30


async def test_redis__lost_and_callers_first(redis: RedisServer) -> None:
    """On its own, too, a process lets callers go first."""
    async with process(redis, Limits(3, 300, 1, 0.1)) as gate:
        redis.kill()
        (holder,) = await started(gate)
        archive = Request(gate, Priority.ARCHIVE)
        await asyncio.sleep(0.02)
        caller = Request(gate)
        await asyncio.sleep(0.02)
        await holder.end()
        await caller.in_flight()
        assert await is_kept_out(archive)
        await end_all(caller, archive)


async def test_redis__down_at_the_start(redis: RedisServer) -> None:
    """A process that begins without Redis has its share, and finds Redis later."""
    redis.kill()
    async with process(redis) as gate:
        assert alone(gate)
        await passes(gate)
        redis.start()
        await until_alone(gate, be=False)
        await passes(gate)
        await gate.beat()
        assert gate.remaining == 28


async def test_redis__back(redis: RedisServer) -> None:
    """What a process did and does on its own is told before it asks Redis again, and counts."""
    async with processes(redis, 2, Limits(3, 30, 2, 0.05)) as (a, b):
        redis.kill()
        await passes(a)
        await passes(a)
        (in_flight,) = await started(a)
        redis.start()
        await until_alone(a, b, be=False)
        await b.beat()
        assert b.remaining == 30 - 3
        others = await started(b, b)
        fourth = Request(b)
        assert await is_kept_out(fourth)
        await in_flight.end()
        await fourth.in_flight()
        await end_all(fourth, *others)


async def test_redis__back_for_one_first(redis: RedisServer) -> None:
    """Nobody is let in before the others can have told what they did by themselves."""
    limits, every = Limits(3, 30, 2, 0.05), 0.6
    async with process(redis, limits, every=every) as a, AsyncExitStack() as stack:
        clock = SystemClock()
        shared = await stack.enter_async_context(open_shared(redis.url, clock, every=60))
        b = SharedGate("aqs", shared, limits=limits, clock=clock)
        await b.beat()
        redis.hang()
        await until_alone(a)
        await shared.get("x")  # its heartbeat is late: it finds out here
        await shared.settle()
        await asyncio.sleep(BEATS_MISSED * every)  # so long a process can be silent, and be well
        (in_flight,) = await started(b)
        redis.go_on()
        await until_alone(a, be=False)
        with pytest.raises(BudgetExhaustedError):
            await passes(a, within=0.0)
        await in_flight.end()
        await b.aclose()


async def test_redis__hangs_while_somebody_asks(redis: RedisServer) -> None:
    """What was asked of a Redis that stood still takes no place when it goes on.

    Nor does what was let in before, and did not ask in the end.
    """
    async with processes(redis, 2, Limits(3, 300, 2, 0.05, lease=60)) as (a, b):
        holder = a.slot(Priority.CALLER, within=30)
        await holder.__aenter__()
        redis.hang()
        for _ in range(2):
            with pytest.raises(BudgetExhaustedError):
                await passes(a, within=0.02)
        await asyncio.gather(
            *(passes(gate, within=0.3) for gate in (a, a, a, b, b, b)), return_exceptions=True
        )
        error = CircuitOpenError("aqs", 30)
        await holder.__aexit__(type(error), error, None)
        redis.go_on()
        await until_alone(a, b, be=False)
        await end_all(*await started(a, b, a))


async def test_redis__full(redis: RedisServer, admin: Redis, log: list[str]) -> None:
    """A Redis that takes no more lets the gate's few bytes pass."""
    async with processes(redis, 2) as (a, b):
        await admin.config_set("maxmemory", "1")
        for gate in (a, b) * 3:
            await passes(gate)
        await asyncio.gather(a.beat(), b.beat())
        assert a.remaining == b.remaining == 24
    assert log == []


async def test_redis__flushed(redis: RedisServer, admin: Redis) -> None:
    """What Redis forgot is told anew, also what is in flight, before anybody is let in."""
    async with processes(redis, 2, every=4 * EVERY) as (a, b):
        await passes(a)
        holders = await started(a, a, b)
        await admin.flushall()
        fourth = Request(b)
        assert await is_kept_out(fourth, seconds=1.6)
        await b.beat()
        assert b.remaining == 30 - 4
        await end_all(fourth, *holders)


def test_limits__of_one_process() -> None:
    """The share of a process is never nothing, and a burst never less than two rounds."""
    assert Limits(3, 150, 4, 3.0).share == 37
    assert Limits(1, 2, 64, 3.0).share == 1
    assert [Limits(3, 150, 4, 3.0).burst, Limits(3, 10, 1, 3.0).burst] == [15, 6]
