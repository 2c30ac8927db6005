"""Wikimedia's Analytics Query Service (AQS): daily views and top lists.

The contract: https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/. All parameters
are path segments; both dates are included; days without a view are left out; a 404 means no view,
unknown, or not loaded yet, and AQS cannot tell which. Its ETag is the same on every answer, so it
is neither sent nor read.
"""

import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import quote

from pageviews_api.budget import (
    WINDOW,
    CircuitBreaker,
    Priority,
    RequestGate,
    SlidingWindow,
)
from pageviews_api.clients.base import Answer, Model, NotFound, UpstreamClient
from pageviews_api.clock import Clock
from pageviews_api.daterange import DateRange, aqs_stamp
from pageviews_api.exceptions import (
    UpstreamInvalidError,
    UpstreamThrottledError,
    UpstreamTransientError,
)
from pageviews_api.schemas.aqs import SeriesAnswer, SeriesItem, TopAnswer, TopRow
from pageviews_api.schemas.aqs_questions import Body, Question
from pageviews_api.schemas.query import Access, Month, Series

UPSTREAM = "aqs"

TRY_TIMEOUT = 3.0
"""Seconds for one try; two retries fit into a caller's 8 seconds."""

MAX_RETRIES = 2

MAX_RETRIES_PER_MINUTE = 15
"""A tenth of the budget: when much fails, retries must not become the load."""

ARCHIVE_SHARE = 0.8
"""The part of a minute's requests that the archive may use: callers need not wait for a minute."""

ARCHIVE_PERIOD = 10.0
"""Seconds over which the archive's requests are spread, so that room for callers comes soon."""

LEAST_TRY = 0.25
"""Seconds that a retry must have: with less it would only time out, and hide what was wrong."""

RETRY_DELAY = 0.5
"""Seconds that the first retry waits at the most; the next one twice that."""


@dataclass(frozen=True, slots=True)
class DailyViews:
    """Views by day, oldest first; a day that AQS left out is absent.

    Empty where AQS answered 404. ``age`` is how old the answer was at Wikimedia's edge already.
    """

    views: dict[date, int]
    age: timedelta


class AqsClient:
    """Asks AQS, within the budget, and checks that the answer is the one to the question."""

    def __init__(
        self,
        upstream: UpstreamClient,
        *,
        gate: RequestGate,
        breaker: CircuitBreaker,
        clock: Clock,
        timeout: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._upstream = upstream
        self._gate = gate
        self._breaker = breaker
        self._clock = clock
        self._timeout = timeout
        self._jitter = jitter
        self._retries = SlidingWindow(MAX_RETRIES_PER_MINUTE, clock)
        part = int(gate.limit * ARCHIVE_SHARE * ARCHIVE_PERIOD / WINDOW)
        self._for_archive = SlidingWindow(max(part, 1), clock, period=ARCHIVE_PERIOD)

    def now(self) -> datetime | None:
        """Tell the time by AQS' clock; None if it has not told it yet."""
        return self._upstream.now()

    async def daily_views(
        self, series: Series, days: DateRange, *, priority: Priority = Priority.CALLER
    ) -> DailyViews:
        """Ask for an article's daily views (``per-article``), or a project's (``aggregate``).

        Raises
        ------
        UpstreamError
            There is no answer, or it is not one to this question: another project or article,
            a day outside ``days``, a day twice.
        """
        scope = (series.project, series.access, series.agent)
        span = ("daily", aqs_stamp(days.start), aqs_stamp(days.end))
        if series.article is None:
            path = _path("pageviews", "aggregate", *scope, *span)
        else:
            path = _path("pageviews", "per-article", *scope, series.article, *span)
        answer = await self._ask(path, SeriesAnswer, priority)
        if isinstance(answer, NotFound):
            return DailyViews({}, answer.age)
        return DailyViews(_views(answer.body.items, series, days), answer.age)

    async def top(
        self,
        project: str,
        access: Access,
        period: date | Month,
        *,
        priority: Priority = Priority.CALLER,
    ) -> tuple[TopRow, ...]:
        """Ask for the most viewed articles (``top``) by rank; empty where AQS answered 404.

        Raises
        ------
        UpstreamError
            There is no answer, or it is not one to this question.
        """
        first = period.first_day if isinstance(period, Month) else period
        day = "all-days" if isinstance(period, Month) else f"{first:%d}"
        asked = (project, str(access), f"{first:%Y}", f"{first:%m}", day)
        answer = await self._ask(_path("pageviews", "top", *asked), TopAnswer, priority)
        if isinstance(answer, NotFound):
            return ()
        (item,) = answer.body.items
        if (item.project, item.access, item.year, item.month, item.day) != asked:
            raise UpstreamInvalidError(UPSTREAM, "answered with another list")
        return tuple(sorted(item.articles, key=lambda row: (row.rank, row.article)))

    async def ask(
        self, question: Question[Body], *, priority: Priority = Priority.CALLER
    ) -> Body | None:
        """Pass a question on; None where AQS answered 404.

        Raises
        ------
        UpstreamError
            There is no answer, or it is not one to this question.
        """
        answer = await self._ask(_path(*question.path), question.model, priority)
        if isinstance(answer, NotFound):
            return None
        if not question.is_met_by(answer.body):
            raise UpstreamInvalidError(UPSTREAM, "answered another question")
        return answer.body

    async def _ask(
        self, path: str, model: type[Model], priority: Priority
    ) -> Answer[Model] | NotFound:
        with self._breaker.watch(priority) as check:
            return await self._try(path, model, priority, check)

    async def _try(
        self, path: str, model: type[Model], priority: Priority, check: Callable[[], None]
    ) -> Answer[Model] | NotFound:
        """Try, and try again what may pass, until the deadline. The archive has none.

        What only renews what is held is not tried again, nor is what finds out whether AQS is back.
        """
        retries = 0 if priority is Priority.REFRESH or self._breaker.is_trying else MAX_RETRIES
        patience = math.inf if priority is Priority.ARCHIVE else self._timeout
        deadline = self._clock.monotonic() + patience
        for attempt in itertools.count():
            try:
                return await self._try_once(path, model, priority, deadline, check)
            except UpstreamTransientError as e:
                delay = self._delay(attempt, e)
                late = self._clock.monotonic() + delay + LEAST_TRY >= deadline
                if late or attempt == retries or not self._retries.take():
                    raise
                await self._clock.sleep(delay)
        raise AssertionError  # the loop has no end

    async def _try_once(
        self,
        path: str,
        model: type[Model],
        priority: Priority,
        deadline: float,
        check: Callable[[], None],
    ) -> Answer[Model] | NotFound:
        if priority is Priority.ARCHIVE:
            while not self._for_archive.take():
                await self._clock.sleep(self._for_archive.ready_in())
        left = deadline - self._clock.monotonic()
        async with self._gate.slot(priority, within=None if math.isinf(left) else left):
            check()  # the circuit may have opened while we waited
            left = max(deadline - self._clock.monotonic(), 0.0)
            try:
                return await self._upstream.get(path, model, timeout=min(left, TRY_TIMEOUT))
            except UpstreamThrottledError as e:
                self._gate.pause(e.retry_after)  # before the slot is free for the next one
                raise

    def _delay(self, attempt: int, error: UpstreamTransientError) -> float:
        if isinstance(error, UpstreamThrottledError):
            return error.retry_after
        return self._jitter() * RETRY_DELAY * (1 << attempt)


def _path(*segments: str) -> str:
    return "/".join(("/metrics", *(quote(segment, safe="") for segment in segments)))


def _views(items: list[SeriesItem], series: Series, days: DateRange) -> dict[date, int]:
    views: dict[date, int] = {}
    for item in items:
        if (item.project, item.access, item.agent, item.article) != (
            series.project,
            series.access,
            series.agent,
            series.article,
        ):
            raise UpstreamInvalidError(UPSTREAM, "answered with another series")
        day = _day(item)
        if day not in days or day in views:
            raise UpstreamInvalidError(UPSTREAM, "answered with a day twice or not asked for")
        views[day] = item.views
    return dict(sorted(views.items()))


def _day(item: SeriesItem) -> date:
    try:
        return item.day
    except ValueError as e:
        raise UpstreamInvalidError(UPSTREAM, "answered with a day that is none") from e
