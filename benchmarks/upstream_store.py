"""The days store as a contender: the real parts, on a clock that skips what nobody waits for."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.upstream_judge import Judge, Outages
from benchmarks.upstream_workload import START, WITNESS, ClientRequest
from benchmarks.virtual_time import VirtualClock, VirtualTimeLoop, run
from pageviews_api.budget import CircuitBreaker, Gate
from pageviews_api.cache import Cache
from pageviews_api.clients.aqs import UPSTREAM, AqsClient
from pageviews_api.clients.days_store import DaysStore
from pageviews_api.clients.pageviews import AnswerPolicy, PageviewsClient
from pageviews_api.clients.rescue import Told
from pageviews_api.clock import Clock
from pageviews_api.exceptions import UpstreamError
from pageviews_api.schemas.query import SeriesQuery
from tests.support.no_archive import NoArchive
from tests.support.simulated_aqs import History, Kind, SimulatedAqs, Troubles

LATENCY = 0.15
"""Seconds that AQS takes for an answer."""

WARMED = 0.02
"""The part of the requests for which other clients have had the edge make a copy."""

AFTER = 60.0
"""Seconds after the last request in which what is under way comes to its end."""


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """What the days store asked, and how it answered."""

    series: int
    witness: int
    totals: int
    unanswered: int
    wrong: int
    falsely_zero: int
    falsely_fresh: int
    answered_in_outages: float
    examples: tuple[str, ...]


class _Clients:
    """Asks the store what clients ask, each request at its moment, and has the answers judged."""

    def __init__(
        self, pageviews: PageviewsClient, clock: Clock, history: History, troubles: Troubles
    ) -> None:
        self.judge = Judge(history, clock.now())
        self.outages = Outages(troubles)
        self.unanswered = 0
        self._pageviews = pageviews
        self._clock = clock
        self._asking: set[asyncio.Task[None]] = set()

    async def ask_all(self, requests: Iterable[ClientRequest]) -> None:
        for request in requests:
            await self._clock.sleep(request.at - self._clock.monotonic())
            asking = asyncio.create_task(self._ask(request))
            self._asking.add(asking)
            asking.add_done_callback(self._done)
        await self._clock.sleep(AFTER)

    async def _ask(self, request: ClientRequest) -> None:
        asked_at = self._clock.now()
        told = await self._told(SeriesQuery(request.series, request.days))
        if told is None:
            self.unanswered += 1
        else:
            self.judge.look_at(request.series, told, asked_at, self._clock.now())
        self.outages.look_at(request, asked_at, told)

    async def _told(self, query: SeriesQuery) -> Told | None:
        try:
            return await self._pageviews.told(query)
        except UpstreamError:
            return None

    def _done(self, asking: "asyncio.Task[None]") -> None:
        self._asking.remove(asking)
        asking.result()


def run_store(
    requests: Iterable[ClientRequest], history: History, troubles: Troubles, seed: int
) -> StoreFigures:
    """Let the days store answer the requests, and judge every answer."""
    loop = VirtualTimeLoop()
    clock = VirtualClock(loop, START)
    aqs = SimulatedAqs(
        history,
        clock,
        witness=WITNESS,
        seed=seed,
        warmed=WARMED,
        troubles=troubles,
        latency=LATENCY,
    )
    clients = _Clients(_pageviews(aqs, clock, seed), clock, history, troubles)
    run(loop, clients.ask_all(requests))
    return StoreFigures(
        series=aqs.count(Kind.SERIES),
        witness=aqs.count(Kind.WITNESS),
        totals=aqs.count(Kind.TOTALS),
        unanswered=clients.unanswered,
        wrong=clients.judge.wrong,
        falsely_zero=clients.judge.falsely_zero,
        falsely_fresh=clients.judge.falsely_fresh,
        answered_in_outages=clients.outages.share,
        examples=(*clients.judge.examples, *clients.outages.examples),
    )


def _pageviews(aqs: SimulatedAqs, clock: Clock, seed: int) -> PageviewsClient:
    """Put the store together as the service does, with its defaults."""
    jitter = random.Random(f"{seed}/jitter").random  # noqa: S311  # a model, no secret
    client = AqsClient(
        aqs,  # type: ignore[arg-type]  # it stands for the upstream client
        gate=Gate(UPSTREAM, max_concurrency=3, requests_per_minute=150, clock=clock),
        breaker=CircuitBreaker(UPSTREAM, clock),
        clock=clock,
        timeout=8.0,
        jitter=jitter,
    )
    cache = Cache(max_bytes=128_000_000, wait=timedelta(seconds=1), clock=clock, jitter=jitter)
    store = DaysStore(
        client,
        cache,
        clock=clock,
        witness=WITNESS,
        freshness=timedelta(hours=2),
        span_days=730,
    )
    policy = AnswerPolicy(
        freshness=timedelta(hours=2),
        stale_limit=timedelta(hours=26),
        deadline=timedelta(seconds=8),
    )
    return PageviewsClient(store, NoArchive(), clock=clock, policy=policy)
