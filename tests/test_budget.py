"""What may be asked of an upstream, and when."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger

from pageviews_api.budget import (
    MAX_PAUSE,
    MAX_WAITING,
    WINDOW,
    CircuitBreaker,
    CircuitState,
    Gate,
    Priority,
    SlidingWindow,
)
from pageviews_api.exceptions import (
    BudgetExhaustedError,
    CircuitOpenError,
    UpstreamFailedError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
)
from tests.support.clock import FakeClock, settle

PATIENT = 1000.0
"""Seconds that a caller would wait; none of these tests does."""


def new_gate(clock: FakeClock, *, at_once: int = 3, per_minute: int = 150) -> Gate:
    """Build a gate with nobody in it."""
    return Gate("aqs", max_concurrency=at_once, requests_per_minute=per_minute, clock=clock)


class Request:
    """A request at the gate, which stays in flight until it is told to end."""

    def __init__(
        self,
        gate: Gate,
        priority: Priority = Priority.CALLER,
        *,
        within: float | None = None,
    ) -> None:
        self._in_flight = False
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._run(gate, priority, within))

    async def _run(self, gate: Gate, priority: Priority, within: float | None) -> None:
        async with gate.slot(priority, within=within):
            self._in_flight = True
            try:
                await self._end.wait()
            finally:
                self._in_flight = False

    def in_flight(self) -> bool:
        """Tell whether it has been let in and has not ended."""
        return self._in_flight

    async def end(self) -> None:
        """Let the request end, and the next one in."""
        self._end.set()
        await self.task
        await settle()


async def pass_through(
    gate: Gate, times: int = 1, *, priority: Priority = Priority.CALLER, within: float = 0.0
) -> None:
    """Make requests that take no time, and are let in or turned away within a second or two."""
    async with asyncio.timeout(2):
        for _ in range(times):
            async with gate.slot(priority, within=within):
                pass


async def end_all(*requests: Request) -> None:
    """End what is left of the requests, and look at none of their errors."""
    for request in requests:
        request.task.cancel()
    await asyncio.gather(*(request.task for request in requests), return_exceptions=True)


@asynccontextmanager
async def full(gate: Gate, places: int = 3) -> AsyncIterator[list[Request]]:
    """Take every place meanwhile."""
    holders = [Request(gate) for _ in range(places)]
    await settle()
    assert all(holder.in_flight() for holder in holders)
    yield holders
    await end_all(*holders)


def test_window__at_its_limit(clock: FakeClock) -> None:
    """Events fit until the limit, and each leaves exactly one period after it came."""
    window = SlidingWindow(2, clock)
    assert window.take()
    clock.advance(20)
    assert window.take()
    assert not window.take()
    assert window.ready_in() == 40
    clock.advance(39.5)
    assert window.ready_in() == 0.5
    clock.advance(0.5)
    assert window.take()
    assert window.ready_in() == 20


def test_window__others_ahead(clock: FakeClock) -> None:
    """Those ahead take the places that come free first; past them all it is one period."""
    window = SlidingWindow(3, clock)
    for _ in range(3):
        window.add()
        clock.advance(10)
    assert [window.ready_in(ahead=ahead) for ahead in range(4)] == [30, 40, 50, 60]


@given(gaps=st.lists(st.integers(0, 200).map(lambda quarters: quarters / 4), max_size=60))
def test_window__any_arrivals(gaps: list[float]) -> None:
    """No stretch of one period ever holds more than the limit."""
    clock = FakeClock()
    window = SlidingWindow(4, clock)
    taken = []
    for gap in gaps:
        clock.advance(gap)
        if window.take():
            taken.append(clock.monotonic())
    assert most_in_a_window(taken) <= 4


def most_in_a_window(moments: list[float]) -> int:
    """Count the moments in the fullest half-open minute."""
    return max(
        (sum(start <= moment < start + WINDOW for moment in moments) for start in moments),
        default=0,
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """A request to come: when, how long it travels and is answered, in seconds, how urgent."""

    after: float
    way: float
    answer: float
    priority: Priority


seconds = st.integers(0, 360).map(lambda quarters: quarters / 4)
plans = st.builds(
    Plan,
    after=seconds,
    way=st.one_of(st.just(0.0), seconds),
    answer=st.one_of(st.just(0.0), seconds),
    priority=st.sampled_from(Priority),
)


class Server:
    """What the other end of the gate sees."""

    def __init__(self, clock: FakeClock) -> None:
        self.arrivals: list[float] = []
        self.most_in_flight = 0
        self._clock = clock
        self._in_flight = 0

    async def request(self, gate: Gate, plan: Plan) -> None:
        """Come when planned, wait at the gate, travel, be answered."""
        await self._clock.sleep(plan.after)
        async with gate.slot(plan.priority, within=None):
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            await self._clock.sleep(plan.way)
            self.arrivals.append(self._clock.monotonic())
            await self._clock.sleep(plan.answer)
            self._in_flight -= 1


async def run_to_end(clock: FakeClock, tasks: list["asyncio.Task[None]"]) -> None:
    """Move the clock from one sleeper to the next, until every task is done."""
    while not all(task.done() for task in tasks):
        for _ in range(8):
            await asyncio.sleep(0)
        # The heap of the clock's sleepers: nothing else tells when the next thing happens.
        if clock._sleepers:
            clock.advance(max(clock._sleepers[0][0] - clock.monotonic(), 0.0))


@settings(max_examples=60)
@given(plans=st.lists(plans, max_size=25), at_once=st.integers(1, 3), limit=st.integers(1, 6))
async def test_gate__any_load(plans: list[Plan], at_once: int, limit: int) -> None:
    """The server never has more at once, nor more in any minute, and everybody gets through."""
    clock = FakeClock()
    gate, server = new_gate(clock, at_once=at_once, per_minute=limit), Server(clock)
    await run_to_end(clock, [asyncio.create_task(server.request(gate, plan)) for plan in plans])
    await gate.aclose()
    assert len(server.arrivals) == len(plans)
    assert server.most_in_flight <= at_once
    assert most_in_a_window(server.arrivals) <= limit


async def test_gate__full(clock: FakeClock) -> None:
    """The fourth request waits until one of three has ended."""
    gate = new_gate(clock)
    async with full(gate) as holders:
        fourth = Request(gate, within=PATIENT)
        await settle()
        assert not fourth.in_flight()
        await holders[0].end()
        assert fourth.in_flight()
        await end_all(fourth)


async def test_gate__order(clock: FakeClock) -> None:
    """Callers go first, then refreshes, then the archive; among equals who came first."""
    gate = new_gate(clock, at_once=1)
    arriving = [Priority.ARCHIVE, Priority.REFRESH, Priority.CALLER] * 2
    served: list[tuple[Priority, int]] = []

    async def request(number: int, priority: Priority) -> None:
        async with gate.slot(priority, within=None):
            served.append((priority, number))

    async with full(gate, 1) as (holder,):
        tasks = [asyncio.create_task(request(*pair)) for pair in enumerate(arriving)]
        await settle()
        await holder.end()
        await asyncio.gather(*tasks)
    assert served == sorted(served)


@pytest.mark.parametrize("priority", [Priority.REFRESH, Priority.ARCHIVE])
async def test_gate__background_work(clock: FakeClock, priority: Priority) -> None:
    """Work behind takes two of three places, so that a caller gets in at once."""
    gate = new_gate(clock)
    behind = [Request(gate, priority) for _ in range(5)]
    await settle()
    assert [request.in_flight() for request in behind] == [True, True, False, False, False]
    caller = Request(gate, within=0.0)
    await settle()
    assert caller.in_flight()
    await end_all(caller, *behind)


async def test_gate__one_place_only(clock: FakeClock) -> None:
    """With a single place work behind still gets its turn."""
    gate = new_gate(clock, at_once=1)
    request = Request(gate, Priority.ARCHIVE)
    await settle()
    assert request.in_flight()
    await end_all(request)


async def test_gate__minute_used_up(clock: FakeClock) -> None:
    """Who would wait too long is told so at once, and when there is room; then there is."""
    gate = new_gate(clock, per_minute=2)
    await pass_through(gate, 2)
    clock.advance(30)
    with pytest.raises(BudgetExhaustedError) as raised:
        await pass_through(gate, within=29)
    assert raised.value.retry_after == 30
    clock.advance(30)
    await pass_through(gate)


async def test_gate__minute_used_up_by_waiters(clock: FakeClock) -> None:
    """Those who wait already count as well: they go first."""
    gate = new_gate(clock, per_minute=2)
    await pass_through(gate)
    clock.advance(10)
    await pass_through(gate)
    waiting = Request(gate)
    await settle()
    with pytest.raises(BudgetExhaustedError) as raised:
        await pass_through(gate, within=50)
    assert raised.value.retry_after == 60
    await end_all(waiting)
    await gate.aclose()


async def test_gate__counted_from_the_end(clock: FakeClock) -> None:
    """A request counts until a minute after it ended: it may have arrived that late."""
    gate = new_gate(clock, per_minute=1)
    async with gate.slot(Priority.CALLER, within=0.0):
        clock.advance(50)
    clock.advance(59)
    with pytest.raises(BudgetExhaustedError) as raised:
        await pass_through(gate)
    assert raised.value.retry_after == 1
    clock.advance(1)
    await pass_through(gate)


async def test_gate__waits_for_the_minute(clock: FakeClock) -> None:
    """Who can wait is let in as soon as the minute has room."""
    gate = new_gate(clock, per_minute=1)
    await pass_through(gate)
    request = Request(gate, within=PATIENT)
    await settle()
    clock.advance(59)
    await settle()
    assert not request.in_flight()
    clock.advance(1)
    await settle()
    assert request.in_flight()
    await end_all(request)


async def test_gate__paused(clock: FakeClock) -> None:
    """Nobody passes during a pause: the patient wait, the others hear how long it takes."""
    gate = new_gate(clock)
    gate.pause(20)
    waiting = Request(gate, Priority.ARCHIVE)
    await settle()
    with pytest.raises(BudgetExhaustedError) as raised:
        await pass_through(gate, within=19)
    assert (gate.paused, raised.value.retry_after) == (True, 20)
    clock.advance(19)
    await settle()
    assert not waiting.in_flight()
    clock.advance(1)
    await settle()
    assert (gate.paused, waiting.in_flight()) == (False, True)
    await end_all(waiting)


async def test_gate__paused_for_years(clock: FakeClock) -> None:
    """A pause of ten years is believed for ten minutes."""
    gate = new_gate(clock)
    gate.pause(10 * 365 * 86_400)
    clock.advance(MAX_PAUSE - 1)
    paused = gate.paused
    clock.advance(1)
    assert (paused, gate.paused) == (True, False)
    await pass_through(gate)


async def test_gate__paused_twice(clock: FakeClock) -> None:
    """A shorter pause does not end a longer one."""
    gate = new_gate(clock)
    gate.pause(30)
    gate.pause(1)
    clock.advance(29)
    assert gate.paused


async def test_gate__refresh_during_a_pause(clock: FakeClock) -> None:
    """A refresh does not wait for a pause to end, however short: the stale is served at once."""
    gate = new_gate(clock)
    gate.pause(2)
    with pytest.raises(BudgetExhaustedError):
        await pass_through(gate, priority=Priority.REFRESH, within=8)


async def test_gate__deadline_passes_in_the_queue(clock: FakeClock) -> None:
    """Who waits in vain behind slow requests is turned away in time, and leaves no trace."""
    gate = new_gate(clock)
    async with full(gate) as holders:
        with pytest.raises(BudgetExhaustedError):
            await pass_through(gate, within=0.02)
        await holders[0].end()
        await pass_through(gate, 5)


async def test_gate__waiter_cancelled(clock: FakeClock) -> None:
    """The place that a cancelled waiter would have had goes to the next one."""
    gate = new_gate(clock)
    async with full(gate) as holders:
        first, second = Request(gate), Request(gate)
        await settle()
        first.task.cancel()
        await settle()
        await holders[0].end()
        assert second.in_flight()
        await end_all(first, second)


async def test_gate__waiter_cancelled_while_admitted(clock: FakeClock) -> None:
    """A place that was given to a waiter in the moment it is cancelled comes back."""
    gate = new_gate(clock, at_once=1)
    async with full(gate, 1) as (holder,):
        first, second = Request(gate), Request(gate)
        await settle()
        holder._end.set()  # `end` would let the waiter run before it is cancelled
        await asyncio.sleep(0)
        first.task.cancel()
        await settle()
        assert (first.in_flight(), second.in_flight()) == (False, True)
        await end_all(first, second)


async def test_gate__many_waiters_cancelled(clock: FakeClock) -> None:
    """Those who left the queue are not counted as being ahead."""
    gate = new_gate(clock, per_minute=20)
    async with full(gate):
        left = [Request(gate, within=30) for _ in range(17)]
        await settle()
        await end_all(*left)
        new = Request(gate, within=30)
        await settle()
        assert not new.task.done()
        await end_all(new)


async def test_gate__queue_full(clock: FakeClock) -> None:
    """One more than the longest queue is turned away at once; who leaves makes room."""
    gate = new_gate(clock, per_minute=10_000)
    async with full(gate):
        waiting = [Request(gate, within=PATIENT) for _ in range(MAX_WAITING)]
        await settle()
        with pytest.raises(BudgetExhaustedError):
            await pass_through(gate, within=PATIENT)
        await end_all(waiting.pop())
        waiting.append(Request(gate, within=PATIENT))
        await settle()
        assert not waiting[-1].task.done()
        await end_all(*waiting)


async def test_gate__requests_fail(clock: FakeClock) -> None:
    """A place comes back however its request ends."""
    gate = new_gate(clock)
    for _ in range(10):
        with pytest.raises(ValueError, match="broken"):
            async with gate.slot(Priority.CALLER, within=0.0):
                raise ValueError("broken")
    async with full(gate):
        pass


async def test_gate__request_held_back(clock: FakeClock) -> None:
    """Who was let in and then did not ask, does not use up the minute."""
    gate = new_gate(clock, per_minute=1)
    for _ in range(3):
        with pytest.raises(CircuitOpenError):
            async with gate.slot(Priority.CALLER, within=0.0):
                raise CircuitOpenError("aqs", 30)
    await pass_through(gate)


async def test_gate__closed(clock: FakeClock) -> None:
    """Closing ends the timer, so that no task is left behind."""
    gate = new_gate(clock)
    gate.pause(60)
    waiting = Request(gate)
    await settle()
    await end_all(waiting)
    await gate.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# The circuit breaker


@pytest.fixture
def breaker(clock: FakeClock) -> CircuitBreaker:
    """Give a closed circuit."""
    return CircuitBreaker("aqs", clock)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Collect what is logged, with its level."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(line.strip()), format="{level} {message}")
    yield lines
    logger.remove(sink)


def state(breaker: CircuitBreaker) -> CircuitState:
    """Ask for the state anew: mypy believes that an attribute stays as it was."""
    return breaker.state


def fail(breaker: CircuitBreaker, times: int = 1, error: Exception | None = None) -> None:
    """Let requests pass that fail."""
    error = error or UpstreamFailedError("aqs", "failed with status 503")
    for _ in range(times):
        with pytest.raises(type(error)), breaker.watch():
            raise error


def succeed(breaker: CircuitBreaker, times: int = 1) -> None:
    """Let requests pass that are answered."""
    for _ in range(times):
        with breaker.watch():
            pass


def assert_no_call(breaker: CircuitBreaker) -> float:
    """See that no request passes; give what the caller is told to wait."""
    with pytest.raises(CircuitOpenError) as raised, breaker.watch():
        raise AssertionError
    return raised.value.retry_after


def test_circuit__ten_failures_in_a_row(breaker: CircuitBreaker) -> None:
    """The tenth failure in a row opens it, and no sooner."""
    fail(breaker, 9)
    assert state(breaker) is CircuitState.CLOSED
    fail(breaker)
    assert state(breaker) is CircuitState.OPEN
    assert assert_no_call(breaker) == 30


def test_circuit__a_success_between(breaker: CircuitBreaker, clock: FakeClock) -> None:
    """A success ends the row."""
    for _ in range(3):
        fail(breaker, 9)
        succeed(breaker)
        clock.advance(31)
    assert state(breaker) is CircuitState.CLOSED


def test_circuit__half_of_twenty_fail(breaker: CircuitBreaker) -> None:
    """It opens when half of at least twenty requests in 30 s failed."""
    for _ in range(9):
        succeed(breaker)
        fail(breaker)
    succeed(breaker)
    assert state(breaker) is CircuitState.CLOSED
    fail(breaker)
    assert state(breaker) is CircuitState.OPEN


def test_circuit__fewer_than_half_fail(breaker: CircuitBreaker) -> None:
    """It stays closed as long as more succeed than fail."""
    for _ in range(20):
        succeed(breaker, 2)
        fail(breaker)
    assert state(breaker) is CircuitState.CLOSED


def test_circuit__failures_long_ago(breaker: CircuitBreaker, clock: FakeClock) -> None:
    """What ended more than 30 s ago is not counted."""
    for _ in range(9):
        succeed(breaker)
        fail(breaker)
    clock.advance(30)
    succeed(breaker)
    fail(breaker)
    assert state(breaker) is CircuitState.CLOSED


def test_circuit__open(breaker: CircuitBreaker, clock: FakeClock) -> None:
    """For 30 seconds nothing passes, and everybody hears how long it takes."""
    fail(breaker, 10)
    assert [assert_no_call(breaker) for _ in range(100)] == [30] * 100
    clock.advance(20)
    assert assert_no_call(breaker) == 10
    clock.advance(10)
    assert state(breaker) is CircuitState.HALF_OPEN


def test_circuit__one_probe(breaker: CircuitBreaker, clock: FakeClock) -> None:
    """After 30 seconds one request tries, and the others do not until it has ended."""
    fail(breaker, 10)
    clock.advance(30)
    with breaker.watch():
        assert_no_call(breaker)
    assert state(breaker) is CircuitState.CLOSED
    succeed(breaker, 5)


def test_circuit__probe_fails(breaker: CircuitBreaker, clock: FakeClock) -> None:
    """A probe that fails leaves it open for another 30 seconds."""
    fail(breaker, 10)
    for _ in range(3):
        clock.advance(30)
        fail(breaker)
        assert assert_no_call(breaker) == 30


@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        BudgetExhaustedError("aqs", 5),
        UpstreamThrottledError("aqs", 5),
        RuntimeError("a bug"),
    ],
)
def test_circuit__probe_tells_nothing(
    breaker: CircuitBreaker, clock: FakeClock, error: BaseException
) -> None:
    """A probe that is cancelled or held back leaves the next one to try at once."""
    fail(breaker, 10)
    clock.advance(30)
    with pytest.raises(type(error)), breaker.watch():
        raise error
    assert state(breaker) is CircuitState.HALF_OPEN
    succeed(breaker)
    assert state(breaker) is CircuitState.CLOSED


def test_circuit__throttled(breaker: CircuitBreaker) -> None:
    """A 429 is the gate's business: it never opens the circuit."""
    fail(breaker, 50, UpstreamThrottledError("aqs", 1))
    assert state(breaker) is CircuitState.CLOSED


def test_circuit__rejected(breaker: CircuitBreaker) -> None:
    """Other 4xx than 403 count as failures like any other."""
    fail(breaker, 9, UpstreamRejectedError("aqs", 400))
    assert state(breaker) is CircuitState.CLOSED


def test_circuit__blocked(breaker: CircuitBreaker, log: list[str]) -> None:
    """A 403 opens it at once, and raises the alarm."""
    fail(breaker, 1, UpstreamRejectedError("aqs", 403))
    assert state(breaker) is CircuitState.OPEN
    assert log == ["ERROR circuit opened: we are blocked, look at the User-Agent's contact"]


def test_circuit__log(breaker: CircuitBreaker, clock: FakeClock, log: list[str]) -> None:
    """Each change is one line; what stays as it is says nothing."""
    fail(breaker, 10)
    for _ in range(5):
        assert_no_call(breaker)
        clock.advance(30)
        fail(breaker)
    clock.advance(30)
    succeed(breaker, 3)
    assert log == ["WARNING circuit opened", "WARNING circuit closed"]


def failure() -> UpstreamTimeoutError:
    """Build the error of a request that took too long."""
    return UpstreamTimeoutError("aqs", "gave no complete answer in time")


def refusal() -> UpstreamThrottledError:
    """Build the error of a request that came in too fast."""
    return UpstreamThrottledError("aqs", 1)


@pytest.mark.parametrize("error", [None, failure, refusal], ids=["good", "failed", "throttled"])
def test_circuit__late_outcome(
    breaker: CircuitBreaker, clock: FakeClock, error: Callable[[], Exception] | None
) -> None:
    """What set out before it opened neither closes it, nor prolongs it, nor frees the probe."""
    late = breaker.watch()
    late.__enter__()
    fail(breaker, 10)
    clock.advance(20)
    end(late.__exit__, error() if error else None)
    assert assert_no_call(breaker) == 10


def end(leave: Callable[..., bool | None], error: Exception | None) -> None:
    """Leave a context, with an error or without."""
    if error is None:
        leave(None, None, None)
    else:
        assert not leave(type(error), error, None)


def test_circuit__late_outcome_during_the_probe(breaker: CircuitBreaker, clock: FakeClock) -> None:
    """A request from before does not make room for a second probe."""
    late = breaker.watch()
    late.__enter__()
    fail(breaker, 10)
    clock.advance(30)
    with breaker.watch():
        end(late.__exit__, refusal())
        assert_no_call(breaker)


def test_circuit__opened_while_waiting(breaker: CircuitBreaker, clock: FakeClock) -> None:
    """Who passed before it opened, and waits still, is told so before the next try."""
    with breaker.watch() as make_sure:
        make_sure()
        fail(breaker, 10)
        with pytest.raises(CircuitOpenError):
            make_sure()
    assert_no_call(breaker)
    clock.advance(30)
    with breaker.watch() as make_sure:
        make_sure()
