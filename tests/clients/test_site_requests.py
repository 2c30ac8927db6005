"""What can befall a question to either provider of site analytics, and what must never happen."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import date
from zoneinfo import ZoneInfo

import httpx
import psutil
import pytest
from loguru import logger
from starlette.responses import Response

from pageviews_api.budget import CircuitState, Gate, Priority
from pageviews_api.clients.base import MAX_BODY_BYTES, Call, UpstreamClient
from pageviews_api.clients.matomo import MatomoClient
from pageviews_api.clients.plausible import PlausibleClient
from pageviews_api.clients.site_requests import SiteRequests, refusal
from pageviews_api.exceptions import (
    BudgetExhaustedError,
    CircuitOpenError,
    UpstreamError,
    UpstreamFailedError,
    UpstreamHeldBackError,
    UpstreamInvalidError,
    UpstreamKeyRefusedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.plausible import RealtimeVisitors
from pageviews_api.schemas.site_metrics import Interval
from tests.support import aqs_faults
from tests.support.aqs_faults import Behaviour
from tests.support.clock import SkippingClock
from tests.support.fake_matomo import FakeMatomo
from tests.support.fake_plausible import FakePlausible
from tests.support.fake_provider import FakeProvider
from tests.support.raw_aqs import RawMode, serve_raw
from tests.support.serving import serve
from tests.support.site_logs import CANARY, Logs

DAY = date(2026, 11, 20)

Client = PlausibleClient | MatomoClient
Make = Callable[..., Client]

BERLIN = ZoneInfo("Europe/Berlin")


def plausible_client(
    url: str,
    http: httpx.AsyncClient,
    clock: SkippingClock,
    *,
    timeout: float = 20,
    jitter: float = 1.0,
) -> Client:
    """Make a client of Plausible, with the canary as its key."""
    return PlausibleClient(
        UpstreamClient("plausible", url, http, clock),
        key=CANARY,
        site_id="dummy.site",
        timezone=BERLIN,
        clock=clock,
        timeout=timeout,
        jitter=lambda: jitter,
    )


def matomo_client(
    url: str,
    http: httpx.AsyncClient,
    clock: SkippingClock,
    *,
    timeout: float = 20,
    jitter: float = 1.0,
) -> Client:
    """Make a client of Matomo, with the canary as its token."""
    return MatomoClient(
        UpstreamClient("matomo", url, http, clock),
        key=CANARY,
        site_id="1",
        timezone=BERLIN,
        clock=clock,
        timeout=timeout,
        jitter=lambda: jitter,
    )


FAKES: dict[str, tuple[Callable[[SkippingClock], FakeProvider], Make]] = {
    "plausible": (
        lambda clock: FakePlausible(clock, key=CANARY, timezone="Europe/Berlin"),
        plausible_client,
    ),
    "matomo": (lambda _: FakeMatomo(token=CANARY), matomo_client),
}


@pytest.fixture
def clock() -> SkippingClock:
    """Give a clock on which a retry's delay takes no time."""
    return SkippingClock()


@pytest.fixture(params=FAKES)
def provider(request: pytest.FixtureRequest) -> str:
    """Name one provider after the other."""
    return str(request.param)


@pytest.fixture
def fake(provider: str, clock: SkippingClock) -> FakeProvider:
    """Give its fake."""
    return FAKES[provider][0](clock)


@pytest.fixture
def make(provider: str) -> Make:
    """Give what makes its client."""
    return FAKES[provider][1]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Open a client that would follow redirects, if it were left to it."""
    async with httpx.AsyncClient(trust_env=False, timeout=30, follow_redirects=True) as http:
        yield http


@pytest.fixture
async def client(
    fake: FakeProvider, make: Make, http: httpx.AsyncClient, clock: SkippingClock
) -> AsyncIterator[Client]:
    """Give a client of the fake, on a real port."""
    async with serve(fake) as url:
        client = make(url, http, clock)
        yield client
        await client.aclose()


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Hear everything that is logged."""
    with Logs.hearing() as logs:
        yield logs


async def ask_all(client: Client) -> list[UpstreamError]:
    """Ask everything that there is, and tell the errors."""
    questions = (
        client.current_visitors(),
        client.summary(DAY, DAY),
        client.timeseries(DAY, DAY, Interval.DAY),
        client.timeseries(DAY, DAY, Interval.DAY, path="/wiki/Earth"),
        client.top_pages(DAY, DAY, 10),
        client.check(),
    )
    outcomes = [await _outcome(question) for question in questions]
    return [outcome for outcome in outcomes if isinstance(outcome, UpstreamError)]


async def _outcome(question: object) -> object:
    try:
        return await question  # type: ignore[misc]  # a coroutine of any kind
    except UpstreamError as e:
        return e


# The key


FAULTS: tuple[Behaviour, ...] = (
    aqs_faults.GOOD,
    aqs_faults.throttled(None),
    aqs_faults.failing(500),
    aqs_faults.failing(503),
    aqs_faults.blocked(),
    aqs_faults.refusing(400, f"the key {CANARY} is odd"),
    aqs_faults.refusing(401, f"the key {CANARY} is wrong"),
    aqs_faults.redirecting(),
    aqs_faults.html_page(),
    aqs_faults.other_json(f'{{"results":"{CANARY}"}}'),
    aqs_faults.other_json(f'{{"result":"error","message":"token {CANARY}"}}'),
    aqs_faults.other_json(f"{CANARY}"),
    Behaviour("echo", lambda _: Response(f"<p>{CANARY}", 200, media_type="text/html")),
)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_key__is_seen_nowhere(
    fake: FakeProvider, client: Client, logs: Logs, fault: Behaviour
) -> None:
    """The key is in no URL, log, error or repr, whatever the provider does or repeats."""
    fake.behave(fault)
    errors = await ask_all(client)
    for error in errors:
        logger.opt(exception=error).error("it failed")
    assert "HTTP Request" in logs.text  # httpx tells URLs
    shown = [logs.text, repr(client), *(f"{error} {error!r} {vars(error)}" for error in errors)]
    assert not [text for text in shown if CANARY in text]
    assert fake.requests
    for request in fake.requests:
        assert CANARY not in request.path + request.query
        assert (CANARY in f"{request.headers}") != (CANARY.encode() in request.body)


async def test_key__is_there(fake: FakeProvider, client: Client) -> None:
    """With the key every question is answered, so that the test above looks at real requests."""
    assert await ask_all(client) == []
    assert len(fake.requests) == 6


def test_call__shows_no_key() -> None:
    """What a request carries is not in its repr."""
    call = Call("/x", headers={"a": CANARY}, form={"b": CANARY}, json={"c": CANARY})
    assert CANARY not in repr(call)


async def test_errors__carry_no_address(
    client: Client, fake: FakeProvider, http: httpx.AsyncClient
) -> None:
    """An error tells neither where the provider is nor what it says."""
    fake.behave(aqs_faults.refusing(400, "SECRET WORDS"))
    errors = await ask_all(client)
    assert errors
    for error in errors:
        assert "127.0.0.1" not in f"{error}"
        assert "SECRET" not in f"{error}"
    assert not http.is_closed


# What a provider must not do to us


async def test_redirect__never_followed(
    fake: FakeProvider, make: Make, http: httpx.AsyncClient, clock: SkippingClock
) -> None:
    """A redirect is no answer, and nobody is asked there: the key would go along."""
    other = FAKES["plausible"][0](clock)
    async with serve(fake) as url, serve(other) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            fake.behave(aqs_faults.redirecting(elsewhere, status))
            client = make(url, http, clock)
            with pytest.raises(UpstreamInvalidError):
                await client.check()
            await client.aclose()
    assert other.requests == []


async def test_bomb__is_capped(fake: FakeProvider, client: Client) -> None:
    """A small answer that unpacks to 200 MB is refused before it takes 10 MB."""
    bomb = aqs_faults.gzip_bomb()
    packed = bomb.change(Response())
    fake.behave(Behaviour("bomb", lambda _: packed))
    with pytest.raises(UpstreamInvalidError):  # and whatever is imported late is there now
        await client.check()
    before = psutil.Process().memory_info().rss
    with pytest.raises(UpstreamInvalidError, match=f"over {MAX_BODY_BYTES} bytes"):
        await client.check()
    assert psutil.Process().memory_info().rss - before < 10_000_000


@pytest.mark.parametrize("mode", [RawMode.MUTE, RawMode.DRIP])
async def test_mute__is_bounded(
    make: Make, http: httpx.AsyncClient, clock: SkippingClock, mode: RawMode
) -> None:
    """Silence, or a byte now and then, ends at the deadline of the whole question."""
    async with serve_raw(mode) as raw:
        client = make(raw.base_url, http, clock, timeout=0.5)
        async with asyncio.timeout(60):  # it is mute for ever
            with pytest.raises(UpstreamTimeoutError):
                await client.check()
        await client.aclose()


@pytest.mark.parametrize(
    "fault",
    [
        aqs_faults.html_page(),
        aqs_faults.mistyped(),
        aqs_faults.empty(),
        aqs_faults.cut(),
        aqs_faults.deep_json(),
        aqs_faults.other_json("NaN"),
        aqs_faults.other_json("9" * 5000),
        aqs_faults.other_json('"text"'),
        aqs_faults.other_json("null"),
        aqs_faults.failing(404),
    ],
    ids=str,
)
async def test_answer__is_none(fake: FakeProvider, client: Client, fault: Behaviour) -> None:
    """HTML, under whatever status is no error of its own, and what is no JSON, is no answer."""
    fake.behave(fault)
    errors = await ask_all(client)
    assert len(errors) == 6
    kinds = (UpstreamInvalidError, UpstreamUnreachableError)
    assert all(isinstance(error, kinds) for error in errors)


# Trying again


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_retry__of_what_may_pass(fake: FakeProvider, client: Client, status: int) -> None:
    """What a proxy could not reach is asked for again, twice at the most."""
    fake.script(*[aqs_faults.failing(status)] * 2)
    await client.check()
    assert len(fake.requests) == 3
    fake.script(*[aqs_faults.failing(status)] * 3)
    with pytest.raises(UpstreamFailedError):
        await client.check()
    assert len(fake.requests) == 6


@pytest.mark.parametrize(
    "fault",
    [
        aqs_faults.failing(500),
        aqs_faults.failing(505),
        aqs_faults.throttled(None),
        aqs_faults.refusing(400),
        aqs_faults.cut(),
        aqs_faults.html_page(),
    ],
    ids=str,
)
async def test_retry__of_nothing_else(fake: FakeProvider, client: Client, fault: Behaviour) -> None:
    """Nothing else is asked for again."""
    fake.behave(fault)
    with pytest.raises(UpstreamError):
        await client.check()
    assert len(fake.requests) == 1


async def test_retry__of_a_connection(
    make: Make, http: httpx.AsyncClient, clock: SkippingClock
) -> None:
    """A connection that cannot be had is tried three times."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        client = make(f"http://127.0.0.1:{listener.getsockname()[1]}", http, clock)
        with pytest.raises(UpstreamUnreachableError):  # nobody listens there
            await client.check()
    assert clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("mode", [RawMode.RESET, RawMode.SHORT_LENGTH])
async def test_retry__of_no_answer_that_broke_off(
    make: Make, http: httpx.AsyncClient, clock: SkippingClock, mode: RawMode
) -> None:
    """A connection that breaks off later is not: the provider has done its work by then."""
    async with serve_raw(mode) as raw:
        client = make(raw.base_url, http, clock)
        with pytest.raises(UpstreamUnreachableError):
            await client.check()
        assert raw.connections == 1
        await client.aclose()


async def test_retry__fits_the_deadline(
    fake: FakeProvider, make: Make, http: httpx.AsyncClient, clock: SkippingClock
) -> None:
    """A retry for which there is no time is left out, and the error is the true one."""
    fake.behave(aqs_faults.failing(503))
    async with serve(fake) as url:
        client = make(url, http, clock, timeout=20, jitter=39.6)  # of half a second
        with pytest.raises(UpstreamFailedError):
            await client.check()
        await client.aclose()
    assert len(fake.requests) == 1


async def test_gates__one_after_the_other(clock: SkippingClock, http: httpx.AsyncClient) -> None:
    """Who has waited at one gate has less time for the next, and asks nothing when it is over."""
    first, second = (
        Gate("x", max_concurrency=4, requests_per_minute=1, clock=clock, period=period)
        for period in (18, 15)
    )
    async with first.slot(Priority.CALLER, within=0):
        pass
    clock.advance(10)
    async with second.slot(Priority.CALLER, within=0):
        pass
    fake = FAKES["plausible"][0](clock)
    async with serve(fake) as url:
        requests = SiteRequests(
            "x",
            UpstreamClient("x", url, http, clock),
            gates=[first, second],
            stay_away=lambda _: 10,
            clock=clock,
            timeout=10,
        )
        with pytest.raises(BudgetExhaustedError):  # places at 18 s and 25 s, and 20 s is the end
            await requests.ask(Call("/"), RealtimeVisitors)
        await requests.aclose()
    assert clock.slept == [8]
    assert fake.requests == []


async def test_connect__has_less_time_than_an_answer(clock: SkippingClock) -> None:
    """A connection may take three seconds, an answer twenty."""
    told: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request.extensions["timeout"])
        raise httpx.ConnectTimeout("x", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = plausible_client("http://p.test", http, clock)
        with pytest.raises(UpstreamTimeoutError, match=r"no connection within 3\.0 s"):
            await client.check()
        await client.aclose()
    assert [(timeout["connect"], timeout["read"]) for timeout in told] == [(3, 18)]


# Left alone


async def test_breaker__leaves_alone_what_fails(
    fake: FakeProvider, client: Client, clock: SkippingClock
) -> None:
    """After ten failures in a row nobody is asked for 30 seconds; the first answer ends it."""
    fake.behave(aqs_faults.failing(500))
    for _ in range(10):
        with pytest.raises(UpstreamFailedError):
            await client.current_visitors()
    for _ in range(5):
        with pytest.raises(CircuitOpenError):
            await client.current_visitors()
    assert len(fake.requests) == 10
    fake.behave(aqs_faults.GOOD)
    clock.advance(30)
    await client.current_visitors()
    await client.current_visitors()


async def test_breaker__tries_once(
    fake: FakeProvider, client: Client, clock: SkippingClock
) -> None:
    """Whether a provider is back is found out by one request, which is not tried again."""
    fake.behave(aqs_faults.failing(503))
    for _ in range(10):
        with pytest.raises(UpstreamFailedError):
            await client.current_visitors()
    assert len(fake.requests) == 30
    clock.advance(30)
    with pytest.raises(UpstreamFailedError):
        await client.current_visitors()
    with pytest.raises(CircuitOpenError):
        await client.current_visitors()
    assert len(fake.requests) == 31


async def test_breaker__knows_no_429(
    fake: FakeProvider, client: Client, clock: SkippingClock
) -> None:
    """A provider that asks for patience has not failed."""
    fake.behave(aqs_faults.throttled(None))
    for _ in range(12):
        with pytest.raises(UpstreamThrottledError):
            await client.current_visitors()
        clock.advance(3700)
    fake.behave(aqs_faults.GOOD)
    await client.current_visitors()


@pytest.mark.parametrize(
    ("fault", "failed_before", "error"),
    [
        (aqs_faults.throttled(None), 0, UpstreamHeldBackError),
        (aqs_faults.failing(500), 9, CircuitOpenError),
    ],
    ids=["throttled", "failing"],
)
async def test_turn__comes_too_late(
    fake: FakeProvider,
    client: Client,
    fault: Behaviour,
    failed_before: int,
    error: type[UpstreamError],
) -> None:
    """Whoever gets a turn when the provider is to be left alone does not ask."""
    fake.behave(aqs_faults.failing(500))
    for _ in range(failed_before):
        with pytest.raises(UpstreamFailedError):
            await client.current_visitors()
    fake.requests.clear()
    fake.behave(aqs_faults.slow(fault))
    at_once = {"plausible": 4, "matomo": 8}[client.provider]
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        asking = [
            group.create_task(_outcome(client.current_visitors())) for _ in range(at_once + 1)
        ]
        await fake.until_in_flight(at_once)
        fake.release.set()
    assert len(fake.requests) == at_once
    assert [type(task.result()) for task in asking].count(error) == 1


async def test_breakers__are_their_own(http: httpx.AsyncClient, clock: SkippingClock) -> None:
    """That one provider fails does not stop another."""
    failing, well = FAKES["matomo"][0](clock), FAKES["plausible"][0](clock)
    failing.behave(aqs_faults.failing(500))
    async with serve(failing) as one, serve(well) as two:
        matomo, plausible = matomo_client(one, http, clock), plausible_client(two, http, clock)
        for _ in range(11):
            with pytest.raises(UpstreamError):
                await matomo.check()
        await plausible.check()
        assert matomo._requests.circuit is CircuitState.OPEN
        assert plausible._requests.circuit is CircuitState.CLOSED


async def test_cancelled__at_once(fake: FakeProvider, client: Client) -> None:
    """Who is cancelled in mid-call is gone at once, and its connection with it."""
    fake.behave(aqs_faults.slow())
    asking = asyncio.create_task(client.check())
    async with asyncio.timeout(30):
        await fake.until_in_flight(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await fake.until_in_flight(0)
    fake.behave(aqs_faults.GOOD)
    await client.check()


def test_refusal__of_a_key() -> None:
    """Both ways to refuse a key are one."""
    assert type(refusal("x", 401)) is type(refusal("x", 403)) is UpstreamKeyRefusedError
