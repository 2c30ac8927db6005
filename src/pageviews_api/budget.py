"""What we may ask of an upstream, and when: the gate, the retry allowance, the circuit breaker.

Wikimedia allows an identified client 200 requests a minute and 3 at a time
(https://www.mediawiki.org/wiki/Wikimedia_APIs/Rate_limits). Every request passes one gate that
keeps below both, in every window of 60 seconds and not only on average.
"""

import asyncio
import heapq
import itertools
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol

from loguru import logger

from pageviews_api.clock import Clock
from pageviews_api.exceptions import (
    BudgetExhaustedError,
    CircuitOpenError,
    UpstreamError,
    UpstreamHeldBackError,
    UpstreamKeyRefusedError,
    UpstreamRejectedError,
    UpstreamThrottledError,
)

WINDOW = 60.0
"""Seconds of the window in which requests are counted."""

MAX_PAUSE = 600.0
"""Seconds for which a ``Retry-After`` is believed at most."""

MAX_WAITING = 1000
"""Callers that may wait at the gate; one more is turned away."""

FORBIDDEN = 403
"""How Wikimedia's edge answers a client that it has blocked (wikitech, Robot_policy)."""


class Priority(IntEnum):
    """Who goes first when there is not room for all."""

    CALLER = 0
    REFRESH = 1
    ARCHIVE = 2


class SlidingWindow:
    """Counts events of the last ``period`` seconds, exactly."""

    def __init__(
        self, limit: int, clock: Clock, *, period: float = WINDOW, stamps: Iterable[float] = ()
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._period = period
        self._stamps = deque(sorted(stamps))

    @property
    def limit(self) -> int:
        """How many events fit into one period."""
        return self._limit

    def remaining(self, *, ahead: int = 0) -> int:
        """Tell how many more events fit now, after ``ahead`` others that are sure."""
        self._forget()
        return max(self._limit - len(self._stamps) - ahead, 0)

    def add(self) -> None:
        """Count an event that happens now."""
        self._stamps.append(self._clock.monotonic())

    def ready_in(self, *, ahead: int = 0) -> float:
        """Tell the seconds until one more event fits, after ``ahead`` others that are sure."""
        now = self._forget()
        over = len(self._stamps) + ahead - self._limit
        if over < 0:
            return 0.0
        if over >= len(self._stamps):
            return self._period
        return self._stamps[over] + self._period - now

    def take(self) -> bool:
        """Count an event if it fits; tell whether it did."""
        if self.ready_in() > 0:
            return False
        self.add()
        return True

    def _forget(self) -> float:
        """Drop what has left the period; tell what time it is."""
        now = self._clock.monotonic()
        while self._stamps and self._stamps[0] <= now - self._period:
            self._stamps.popleft()
        return now


class RequestGate(Protocol):
    """What a client passes before each request: a ``Gate``, or one that processes share."""

    @property
    def paused(self) -> bool:
        """Whether the upstream has asked us to stay away for now."""
        ...

    @property
    def paused_for(self) -> float:
        """For how many seconds the upstream has asked us to stay away; 0: it has not."""
        ...

    @property
    def in_flight(self) -> int | None:
        """How many requests are being answered now; None where that is not known of all."""
        ...

    @property
    def limit(self) -> int:
        """How many requests fit into a minute."""
        ...

    @property
    def remaining(self) -> int:
        """How many more requests fit into the current minute."""
        ...

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long, at most 10 minutes; a longer pause is kept."""
        ...

    def slot(
        self, priority: Priority, *, within: float | None
    ) -> AbstractAsyncContextManager[None]:
        """Hold one place among the requests in flight, as ``Gate.slot`` says."""
        ...

    async def aclose(self) -> None:
        """Stop what runs behind. Nobody must be waiting any more."""
        ...


class _Waiting(NamedTuple):
    priority: Priority
    order: int
    admitted: "asyncio.Future[None]"


class Gate:
    """Lets requests through: so many at once, so many in any 60 seconds, none while paused.

    A request counts from its admission until 60 seconds after it has *ended*: whenever it may
    have reached the upstream in between, no window there can hold more than the limit. (Token
    buckets let through twice as much in their first minute.)
    """

    def __init__(
        self,
        upstream: str,
        *,
        max_concurrency: int,
        requests_per_minute: int,
        clock: Clock,
        period: float = WINDOW,
    ) -> None:
        self._upstream = upstream
        self._max_concurrency = max_concurrency
        self._clock = clock
        self._ended = SlidingWindow(requests_per_minute, clock, period=period)
        self._in_flight = 0
        self._paused_until = -math.inf
        self._waiting: list[_Waiting] = []
        self._order = itertools.count()
        self._timer: asyncio.Task[None] | None = None

    @property
    def paused(self) -> bool:
        """Whether the upstream has asked us to stay away for now."""
        return self.paused_for > 0

    @property
    def paused_for(self) -> float:
        """For how many seconds the upstream has asked us to stay away; 0: it has not."""
        return max(self._paused_until - self._clock.monotonic(), 0.0)

    @property
    def in_flight(self) -> int | None:
        """How many requests are being answered now."""
        return self._in_flight

    @property
    def limit(self) -> int:
        """How many requests fit into a minute."""
        return self._ended.limit

    @property
    def remaining(self) -> int:
        """How many more requests fit into the current minute."""
        return self._ended.remaining(ahead=self._in_flight)

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long, at most 10 minutes; a longer pause is kept."""
        until = self._clock.monotonic() + min(seconds, MAX_PAUSE)
        self._paused_until = max(self._paused_until, until)

    @asynccontextmanager
    async def slot(self, priority: Priority, *, within: float | None) -> AsyncIterator[None]:
        """Hold one place among the requests in flight.

        ``within`` is how many seconds the caller can wait; None: as long as it takes. Those who
        wait go by priority, then by arrival. Who leaves with an ``UpstreamHeldBackError`` has not
        asked, and is not counted.

        Raises
        ------
        BudgetExhaustedError
            There is no place in time, or too many wait already. It is raised at once where the
            clock alone tells so.
        """
        await self._enter(priority, within)
        asked = True
        try:
            yield
        except UpstreamHeldBackError:
            asked = False
            raise
        finally:
            self._leave(asked=asked)

    async def _enter(self, priority: Priority, within: float | None) -> None:
        if within is not None:
            ahead = sum(waiting.priority <= priority for waiting in self._waiting)
            delay = self._delay(ahead=ahead)
            too_late = delay > within or (self.paused and priority is Priority.REFRESH)
            if too_late or len(self._waiting) >= MAX_WAITING:
                raise BudgetExhaustedError(self._upstream, max(delay, 1.0))
        admitted = asyncio.get_running_loop().create_future()
        waiting = _Waiting(priority, next(self._order), admitted)
        heapq.heappush(self._waiting, waiting)
        self._admit()
        try:
            async with asyncio.timeout(within):
                await admitted
        except BaseException as e:
            if admitted.done() and not admitted.cancelled():
                self._leave(asked=False)
            elif waiting in self._waiting:
                # Who left is neither ahead of anybody nor part of a full queue.
                self._waiting.remove(waiting)
                heapq.heapify(self._waiting)
            if isinstance(e, TimeoutError):
                raise BudgetExhaustedError(self._upstream, max(self._delay(), 1.0)) from e
            raise

    def _leave(self, *, asked: bool) -> None:
        self._in_flight -= 1
        if asked:
            self._ended.add()
        self._admit()

    def _delay(self, *, ahead: int = 0) -> float:
        pause = self._paused_until - self._clock.monotonic()
        return max(pause, self._ended.ready_in(ahead=self._in_flight + ahead), 0.0)

    def _admit(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            if not first.admitted.done():
                if self._in_flight >= self._places(first.priority):
                    return
                if delay := self._delay():
                    self._admit_in(delay)
                    return
                self._in_flight += 1
                first.admitted.set_result(None)
            heapq.heappop(self._waiting)

    def _places(self, priority: Priority) -> int:
        """Background work leaves one place free, so that a caller never waits for it to end."""
        keep = priority > Priority.CALLER and self._max_concurrency > 1
        return self._max_concurrency - keep

    def _admit_in(self, delay: float) -> None:
        if self._timer is None:
            self._timer = asyncio.create_task(self._wake(delay))

    async def _wake(self, delay: float) -> None:
        await self._clock.sleep(delay)
        self._timer = None
        self._admit()

    async def aclose(self) -> None:
        """Stop the timer. Nobody must be waiting any more."""
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)


class CircuitState(StrEnum):
    """Whether requests may pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Leaves an upstream alone that has failed: 10 times in a row, or half of 20 in 30 s.

    After 30 seconds one request may try for which a caller waits, after 2 minutes also another;
    its outcome closes the circuit or keeps it open. What
    counts is the outcome after retries. A 404 is an answer, a 429 is the gate's business, a 403
    says that we are blocked, and any other 4xx is about one request only.
    """

    FAILURES_IN_A_ROW = 10
    WATCHED = 30.0
    LEAST_WATCHED = 20
    OPEN_FOR = 30.0
    OPEN_FOR_REFRESHES = 120.0

    def __init__(self, upstream: str, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> CircuitState:
        """Whether requests may pass now."""
        if self._opened_at is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if self._open_for() > 0 else CircuitState.HALF_OPEN

    @property
    def is_trying(self) -> bool:
        """Whether one request finds out just now if the upstream is back."""
        return self._probing

    @contextmanager
    def watch(self, priority: Priority = Priority.CALLER) -> Iterator[Callable[[], None]]:
        """Let one request pass and learn from how it ends.

        It gives a check to make before each try, for a request may wait long for its turn; the
        check raises, too. Once the circuit has opened, what set out before teaches nothing new.

        Raises
        ------
        CircuitOpenError
            The circuit is open, or another request is trying already.
        """
        self._let_pass(priority)
        since = self._opened_at
        error: BaseException | None = None
        try:
            yield lambda: self._check(since)
        except BaseException as e:
            error = e
            raise
        finally:
            if self._opened_at == since:
                self._learn(error)

    def _check(self, since: float | None) -> None:
        if self._opened_at not in {None, since}:
            raise CircuitOpenError(self._upstream, max(self._open_for(), 1.0))

    def _learn(self, error: BaseException | None) -> None:
        match error:
            case None:
                self._succeeded()
            case UpstreamHeldBackError() | UpstreamThrottledError() | UpstreamKeyRefusedError():
                pass  # a refused key is the operator's to mend, and no block
            case UpstreamRejectedError(status=status):
                # Any other 4xx is about one request: no caller's title may stop everybody's.
                if status == FORBIDDEN:
                    self._failed(blocked=True)
            case UpstreamError():
                self._failed(blocked=False)
        self._probing = False

    def _let_pass(self, priority: Priority) -> None:
        if self._opened_at is None:
            return
        wait = self.OPEN_FOR if priority is Priority.CALLER else self.OPEN_FOR_REFRESHES
        too_early = self._clock.monotonic() < self._opened_at + wait
        if too_early or self._probing:
            raise CircuitOpenError(self._upstream, max(self._open_for(), 1.0))
        self._probing = True

    def _open_for(self) -> float:
        assert self._opened_at is not None
        return self._opened_at + self.OPEN_FOR - self._clock.monotonic()

    def _succeeded(self) -> None:
        self._in_a_row = 0
        self._remember(succeeded=True)
        if self._opened_at is not None:
            self._opened_at = None
            self._outcomes.clear()
            logger.bind(upstream=self._upstream).warning("circuit closed")

    def _failed(self, *, blocked: bool) -> None:
        self._in_a_row += 1
        self._remember(succeeded=False)
        failures = sum(not succeeded for _, succeeded in self._outcomes)
        often = len(self._outcomes) >= self.LEAST_WATCHED and 2 * failures >= len(self._outcomes)
        if blocked or self._probing or often or self._in_a_row >= self.FAILURES_IN_A_ROW:
            self._open(blocked=blocked)

    def _open(self, *, blocked: bool) -> None:
        first = self._opened_at is None
        self._opened_at = self._clock.monotonic()
        log = logger.bind(upstream=self._upstream, failures_in_a_row=self._in_a_row)
        if blocked:
            log.error("circuit opened: we are blocked, look at the User-Agent's contact")
        elif first:
            log.warning("circuit opened")

    def _remember(self, *, succeeded: bool) -> None:
        now = self._clock.monotonic()
        self._outcomes.append((now, succeeded))
        while self._outcomes[0][0] <= now - self.WATCHED:
            self._outcomes.popleft()
