"""How a provider of site analytics is asked: within its limits, left alone when it fails.

The limits and the table of errors: what Plausible and Matomo document, and
``docs/decisions/0018-site-providers.md``.
"""

import itertools
import math
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

from pageviews_api.budget import CircuitBreaker, CircuitState, Gate, Priority
from pageviews_api.clients.base import Call, Model, NotFound, UpstreamClient
from pageviews_api.clock import Clock
from pageviews_api.exceptions import (
    UpstreamFailedError,
    UpstreamHeldBackError,
    UpstreamKeyRefusedError,
    UpstreamPlanError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTransientError,
    UpstreamUnreachableError,
)

TIMEOUT = 20.0
"""Seconds for everything: Matomo may put a report together only when it is asked for."""

CONNECT_WITHIN = 3.0

MAX_RETRIES = 2

RETRY_DELAY = 0.5
"""Seconds that the first retry waits at the most; the next one twice that."""

LEAST_TRY = 0.25
"""Seconds that a retry must have: with less it would only time out, and hide what was wrong."""

MAY_PASS = {
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
"""What is tried again: somebody in between could not reach the provider."""


class SiteRequests:
    """Asks one provider, through gates of its own.

    A 429 has no header that says for how long to stay away (Plausible sets none). ``stay_away``
    tells it, by how many waves of them have come in a row; meanwhile nobody is let through.
    """

    def __init__(
        self,
        name: str,
        upstream: UpstreamClient,
        *,
        gates: Sequence[Gate],
        stay_away: Callable[[int], float],
        clock: Clock,
        timeout: float = TIMEOUT,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._upstream = upstream
        self._gates = gates
        self._stay_away = stay_away
        self._clock = clock
        self._timeout = timeout
        self._jitter = jitter
        self._breaker = CircuitBreaker(name, clock)
        self._throttled_in_a_row = 0
        self._throttled_at = -math.inf
        self._paused_until = -math.inf

    @property
    def circuit(self) -> CircuitState:
        """Whether the provider is left alone because it failed."""
        return self._breaker.state

    async def ask(self, call: Call, model: type[Model]) -> Model:
        """Ask, and try again what may pass: reads only, so that twice does no harm.

        Raises
        ------
        UpstreamKeyRefusedError, UpstreamPlanError, UpstreamRejectedError
            It answered 401 or 403, 402, or another 4xx.
        UpstreamHeldBackError
            It was not asked: it has failed too often, has asked us to slow down, or what we may
            ask is used up.
        UpstreamError
            There is no answer, or not the documented one; see ``UpstreamClient.ask``.
        """
        with self._breaker.watch() as check:
            return await self._try(call, model, check)

    async def _try(self, call: Call, model: type[Model], check: Callable[[], None]) -> Model:
        retries = 0 if self._breaker.is_trying else MAX_RETRIES
        deadline = self._clock.monotonic() + self._timeout
        for attempt in itertools.count():
            try:
                return await self._try_once(call, model, deadline, check)
            except UpstreamTransientError as e:
                delay = self._jitter() * RETRY_DELAY * (1 << attempt)
                late = self._clock.monotonic() + delay + LEAST_TRY >= deadline
                if attempt == retries or late or not _may_pass(e):
                    raise
                await self._clock.sleep(delay)
        raise AssertionError  # the loop has no end

    async def _try_once(
        self, call: Call, model: type[Model], deadline: float, check: Callable[[], None]
    ) -> Model:
        self._check_pause()
        async with self._slot(deadline):
            check()  # the circuit may have opened while we waited
            self._check_pause()
            asked_at = self._clock.monotonic()
            try:
                answer = await self._upstream.ask(
                    call,
                    model,
                    timeout=max(deadline - asked_at, 0.0),
                    connect_within=CONNECT_WITHIN,
                )
            except UpstreamThrottledError as e:
                self._pause(e, asked_at)
                raise UpstreamThrottledError(self._name, max(self._pause_left(), 1.0)) from e
            except UpstreamRejectedError as e:
                raise refusal(self._name, e.status) from e
            if isinstance(answer, NotFound):
                raise UpstreamRejectedError(self._name, HTTPStatus.NOT_FOUND)
        if asked_at > self._throttled_at:
            self._throttled_in_a_row = 0
        return answer.body

    @asynccontextmanager
    async def _slot(self, deadline: float) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for gate in self._gates:
                within = deadline - self._clock.monotonic()
                await stack.enter_async_context(gate.slot(Priority.CALLER, within=within))
            yield

    def _check_pause(self) -> None:
        if (wait := self._pause_left()) > 0:
            raise UpstreamHeldBackError(self._name, "has asked us to slow down", wait)

    def _pause_left(self) -> float:
        return self._paused_until - self._clock.monotonic()

    def _pause(self, error: UpstreamThrottledError, asked_at: float) -> None:
        if asked_at <= self._throttled_at:
            return  # it set out before we knew: nothing new
        self._throttled_in_a_row += 1
        self._throttled_at = self._clock.monotonic()
        pause = max(self._stay_away(self._throttled_in_a_row), error.retry_after)
        self._paused_until = self._throttled_at + pause

    async def aclose(self) -> None:
        """Stop what runs behind. Nobody must be waiting any more."""
        for gate in self._gates:
            await gate.aclose()


def refusal(upstream: str, status: int) -> UpstreamRejectedError:
    """Tell what a 4xx status says about the key, the plan, or our request."""
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return UpstreamKeyRefusedError(upstream, status)
        case HTTPStatus.PAYMENT_REQUIRED:
            return UpstreamPlanError(upstream, status)
        case _:
            return UpstreamRejectedError(upstream, status)


def _may_pass(error: UpstreamTransientError) -> bool:
    match error:
        case UpstreamUnreachableError(is_connected=False):
            return True
        case UpstreamFailedError(status=status):
            return status in MAY_PASS
        case _:
            return False
