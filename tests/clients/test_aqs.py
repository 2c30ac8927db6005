"""Wikimedia's AQS, asked within the budget and not believed without a look."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import respx
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from pageviews_api import __version__
from pageviews_api.budget import MAX_PAUSE, CircuitBreaker, CircuitState, Gate, Priority
from pageviews_api.clients.aqs import MAX_RETRIES_PER_MINUTE, AqsClient, DailyViews
from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clock import Clock, SystemClock
from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange, parse_day
from pageviews_api.exceptions import (
    BudgetExhaustedError,
    CircuitOpenError,
    UpstreamError,
    UpstreamFailedError,
    UpstreamInvalidError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    UpstreamUntrustedError,
)
from pageviews_api.resources.upstream import http_client
from pageviews_api.schemas.query import Access, Agent, Month, Series
from tests.conftest import CONTACT
from tests.support import aqs_faults
from tests.support.aqs_faults import Behaviour
from tests.support.clock import FakeClock, SkippingClock, settle
from tests.support.fake_aqs import FakeAqs
from tests.support.raw_aqs import RawMode, serve_raw

DATA = Path(__file__).parents[1] / "data"
BASE = "https://aqs.test/api/rest_v1"
STRASBOURG = Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER, "Strasbourg")
TOTAL = Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER)
HIV = Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "HIV/AIDS")
WEEK = DateRange(date(2026, 11, 15), date(2026, 11, 21))
SOME_DAY = DateRange(date(2025, 8, 15), date(2025, 8, 15))
TIMEOUT = 8.0


class Asker:
    """An AQS client with all that it works within."""

    def __init__(
        self, base_url: str, http: httpx.AsyncClient, clock: Clock, *, timeout: float = TIMEOUT
    ) -> None:
        self._clock = clock
        self.gate = Gate("aqs", max_concurrency=3, requests_per_minute=150, clock=clock)
        self.breaker = CircuitBreaker("aqs", clock)
        self.aqs = AqsClient(
            UpstreamClient("aqs", base_url, http, clock),
            gate=self.gate,
            breaker=self.breaker,
            clock=clock,
            timeout=timeout,
            jitter=lambda: 0.5,
        )

    async def ask(
        self,
        series: Series = STRASBOURG,
        days: DateRange = WEEK,
        priority: Priority = Priority.CALLER,
    ) -> DailyViews:
        """Ask for daily views."""
        return await self.aqs.daily_views(series, days, priority=priority)

    async def outcomes(self, times: int, *, every: float = 0.0) -> Counter[str]:
        """Ask so often, one after the other; count by error, or ``good``."""
        return Counter([await self._outcome(every) for _ in range(times)])

    async def _outcome(self, every: float) -> str:
        if every:
            await self._clock.sleep(every)
        try:
            await self.ask()
        except UpstreamError as e:
            return type(e).__name__
        return "good"


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock on which waiting takes no time."""
    return SkippingClock()


@pytest.fixture
async def http(aqs: FakeAqs) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client of the fake AQS, in the same process."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(aqs)) as http:
        yield http


@pytest.fixture
async def asker(http: httpx.AsyncClient, clock: FakeClock) -> AsyncIterator[Asker]:
    """Give a client that asks the fake AQS."""
    asker = Asker("http://aqs.test", http, clock)
    yield asker
    await asker.gate.aclose()


@pytest.fixture
async def standing(http: httpx.AsyncClient) -> AsyncIterator[tuple[Asker, FakeClock]]:
    """Give a client whose clock stands still until it is advanced."""
    clock = FakeClock()
    asker = Asker("http://aqs.test", http, clock)
    yield asker, clock
    await asker.gate.aclose()


@asynccontextmanager
async def asking(
    base_url: str,
) -> AsyncIterator[Asker]:
    """Give a client that asks over real connections."""
    async with httpx.AsyncClient(trust_env=False) as http:
        yield Asker(base_url, http, SkippingClock())


# What is sent


PATHS: list[tuple[Series, str]] = [
    (STRASBOURG, "per-article/fr.wikipedia/all-access/user/Strasbourg/daily/2026111500/2026112100"),
    (HIV, "per-article/en.wikipedia/all-access/user/HIV%2FAIDS/daily/2026111500/2026112100"),
    (
        Series("de.wikipedia", Access.MOBILE_WEB, Agent.SPIDER, "A?b#c%2F"),
        "per-article/de.wikipedia/mobile-web/spider/A%3Fb%23c%252F/daily/2026111500/2026112100",
    ),
    (TOTAL, "aggregate/fr.wikipedia/all-access/user/daily/2026111500/2026112100"),
]


@pytest.mark.parametrize(("series", "path"), PATHS)
@respx.mock
async def test_request__of_a_series(series: Series, path: str) -> None:
    """A series is asked for under AQS's path, every word of which is encoded as one segment."""
    path = f"/metrics/pageviews/{path}"
    route = respx.get(url=BASE + path).respond(json={"items": []})
    async with asking(BASE) as asker:
        await asker.ask(series)
    assert route.calls.last.request.url.raw_path.decode() == "/api/rest_v1" + path


@pytest.mark.parametrize(
    ("period", "words"),
    [(date(2015, 7, 1), "2015/07/01"), (Month(date(2015, 7, 1)), "2015/07/all-days")],
)
@respx.mock
async def test_request__of_a_top_list(period: date | Month, words: str) -> None:
    """A list is asked for by a padded date; a month's day is ``all-days``."""
    url = f"{BASE}/metrics/pageviews/top/en.wikipedia/all-access/{words}"
    item = dict(zip(("year", "month", "day"), words.split("/"), strict=True))
    item |= {"project": "en.wikipedia", "access": "all-access"}
    route = respx.get(url=url).respond(json={"items": [item | {"articles": []}]})
    async with asking(BASE) as asker:
        assert await asker.aqs.top("en.wikipedia", Access.ALL_ACCESS, period) == ()
    assert route.called


async def test_request__headers(settings: Settings, aqs: FakeAqs) -> None:
    """The client that the service opens names itself and its operator, and wants gzip."""
    async with http_client(settings) as http:  # what every request is sent with
        await Asker(settings.aqs_base_url, http, SkippingClock()).ask()
    (request,) = aqs.requests
    assert (
        request.user_agent == f"pageviews_api/{__version__} ({CONTACT}) httpx/{httpx.__version__}"
    )
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "gzip"


async def test_request__no_cookies(settings: Settings, aqs: FakeAqs) -> None:
    """Wikimedia's cookies are neither kept nor sent, and its ETag is not sent back."""
    cookie = "WMF-Uniq=x; Path=/; Max-Age=31536000"

    def set_cookie(response: httpx.Response | Any) -> Any:  # noqa: ANN401  # Starlette's response
        response.headers["set-cookie"] = cookie
        return response

    aqs.behave(Behaviour("cookie", set_cookie))
    async with http_client(settings) as http:  # what every request is sent with
        asker = Asker(settings.aqs_base_url, http, SkippingClock())
        for _ in range(3):
            await asker.ask()
        assert not list(http.cookies.jar)
    for request in aqs.requests:
        assert not {"cookie", "if-none-match", "if-modified-since"} & set(request.headers)


TITLES: list[dict[str, str]] = json.loads((DATA / "titles.json").read_text(encoding="utf-8"))


async def test_titles__round_trip(settings: Settings, aqs: FakeAqs) -> None:
    """Every real title that is hard on URLs arrives at AQS exactly, and gets its own numbers."""
    assert len(TITLES) >= 100
    for views, title in enumerate(TITLES, start=1):
        numbers = {WEEK.start: views}
        aqs.set_views(title["project"], title["article"], "all-access", "user", numbers)
    series = [
        Series(title["project"], Access.ALL_ACCESS, Agent.USER, title["article"])
        for title in TITLES
    ]
    async with http_client(settings) as http:  # over real connections, as in the service
        asker = Asker(settings.aqs_base_url, http, SkippingClock())
        answers = await asyncio.gather(*(asker.ask(one) for one in series))
    assert [answer.views for answer in answers] == [
        {WEEK.start: views} for views in range(1, len(TITLES) + 1)
    ]
    segments = [request.raw_path.split("/") for request in aqs.requests]
    assert {len(path) for path in segments} == {11}
    assert sorted(path[7] for path in segments) == sorted(
        quote(title["article"], safe="") for title in TITLES
    )


# What is recorded


def recorded(pattern: str) -> dict[str, Any]:
    """Read recorded exchanges, by the name of their file."""
    files = sorted((DATA / "aqs").glob(pattern))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


ARTICLES = recorded("per_article_*.json")
ERRORS = recorded("errors.json")["errors"]
TOP = recorded("top_*.json")["top_en.wikipedia_2015-10-10_first100"]


@pytest.mark.parametrize("name", ARTICLES)
@respx.mock
async def test_recorded__article(name: str) -> None:
    """A real exchange is repeated: the same path is asked, and every number is read."""
    exchange = ARTICLES[name]
    path, response = exchange["request"]["path"], exchange["response"]
    _, project, access, agent, title, _, start, end = path.split("/")[3:]
    headers = {k: v for k, v in response["headers"].items() if k != "content-length"}
    body = response["body"].encode()
    respx.get(url=BASE + path).respond(response["status"], headers=headers, content=body)
    series = Series(project, Access(access), Agent(agent), httpx.URL("/" + title).path[1:])
    async with asking(BASE) as asker:
        answer = await asker.ask(series, DateRange(parse_day(start), parse_day(end)))
    items = json.loads(body).get("items", [])
    assert list(answer.views.values()) == [item["views"] for item in items]
    assert bool(items) == (response["status"] == 200)


@respx.mock
async def test_recorded__top_list() -> None:
    """A real top list is read whole, with the ranks that it gives."""
    respx.get(url=BASE + TOP["request"]["path"]).respond(
        content=TOP["body"].encode(), headers={"content-type": "application/json"}
    )
    async with asking(BASE) as asker:
        rows = await asker.aqs.top("en.wikipedia", Access.ALL_ACCESS, date(2015, 10, 10))
    listed = json.loads(TOP["body"])["items"][0]["articles"]
    assert len(rows) == len(listed) == 100
    assert {row.article: (row.views, row.rank) for row in rows} == {
        row["article"]: (row["views"], row["rank"]) for row in listed
    }
    assert [row.rank for row in rows] == sorted(row.rank for row in rows)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error["case"])
@respx.mock
async def test_recorded__error(error: dict[str, Any]) -> None:
    """Real error documents, old and new: a 404 is empty, any other status an error of ours."""
    if "body" in error:
        body, media_type = json.dumps(error["body"]), "application/problem+json"
    else:
        body, media_type = error["body_text"], "text/plain"
    respx.get().respond(error["status"], content=body, headers={"content-type": media_type})
    async with asking(BASE) as asker:
        if error["status"] == 404:
            assert (await asker.ask()).views == {}
        else:
            expected = UpstreamThrottledError if error["status"] == 429 else UpstreamRejectedError
            with pytest.raises(expected):
                await asker.ask()


# What is believed


async def test_answer__of_a_week(asker: Asker, aqs: FakeAqs) -> None:
    """The days come oldest first, however they were sent, with the age of the answer."""
    aqs.behave(aqs_faults.with_reversed_days())
    answer = await asker.ask()
    assert list(answer.views) == list(WEEK)
    assert answer.age == timedelta(0)
    aqs.behave(aqs_faults.aged(14_000))
    assert (await asker.ask()).age == timedelta(seconds=14_000)


@pytest.mark.parametrize(
    "fault",
    [
        aqs_faults.of_other_article(),
        aqs_faults.of_other_project(),
        aqs_faults.of_other_agent(),
        aqs_faults.with_stray_day(WEEK.end + timedelta(days=1)),
        aqs_faults.with_stray_day(WEEK.start - timedelta(days=1)),
        aqs_faults.with_doubled_day(),
        aqs_faults.renamed(),
        aqs_faults.renamed("article", "page_title"),
        aqs_faults.renamed("timestamp", "date"),
        aqs_faults.cut(),
        aqs_faults.html_page(),
        aqs_faults.throttling_notice(),
        aqs_faults.empty(),
        aqs_faults.deep_json(),
        aqs_faults.with_views("NaN"),
        aqs_faults.redirecting(),
    ],
    ids=str,
)
async def test_answer__not_to_the_question(asker: Asker, aqs: FakeAqs, fault: Behaviour) -> None:
    """An answer that is wrong, or to another question, is refused, and not asked for again."""
    aqs.behave(fault)
    with pytest.raises(UpstreamInvalidError):
        await asker.ask()
    assert len(aqs.requests) == 1


async def test_answer__redirect(settings: Settings, aqs: FakeAqs) -> None:
    """The client that the service opens does not go where a redirect leads."""
    async with serve_raw(RawMode.GOOD) as elsewhere, http_client(settings) as http:
        aqs.behave(aqs_faults.redirecting(elsewhere.base_url))
        with pytest.raises(UpstreamInvalidError):
            await Asker(settings.aqs_base_url, http, SkippingClock()).ask()
    assert elsewhere.connections == 0


@pytest.mark.parametrize("stamp", ["2026113100", "0000000000", "2026000100"])
async def test_answer__impossible_day(asker: Asker, aqs: FakeAqs, stamp: str) -> None:
    """A timestamp of ten digits that is no day is refused."""
    aqs.behave(aqs_faults.other_json(json.dumps({"items": [item(timestamp=stamp)]})))
    with pytest.raises(UpstreamInvalidError):
        await asker.ask()


async def test_answer__article_in_a_total(asker: Asker, aqs: FakeAqs) -> None:
    """The views of an article are no answer to the question for a project's total."""
    aqs.behave(aqs_faults.other_json(json.dumps({"items": [item()]})))
    with pytest.raises(UpstreamInvalidError):
        await asker.ask(TOTAL)


@pytest.mark.parametrize(
    ("field", "value"),
    [("project", "de.wikipedia"), ("access", "desktop"), ("year", "2014"), ("day", "09")],
)
async def test_answer__other_top_list(asker: Asker, aqs: FakeAqs, field: str, value: str) -> None:
    """A list of another project, access or day is refused."""
    right: dict[str, object] = {"project": "en.wikipedia", "access": "all-access", "articles": []}
    right |= {"year": "2015", "month": "10", "day": "10"}
    aqs.behave(aqs_faults.other_json(json.dumps({"items": [right | {field: value}]})))
    with pytest.raises(UpstreamInvalidError):
        await asker.aqs.top("en.wikipedia", Access.ALL_ACCESS, date(2015, 10, 10))


def item(**changes: object) -> dict[str, object]:
    """Build a right item, but for the changes."""
    return {
        "project": "fr.wikipedia",
        "article": "Strasbourg",
        "granularity": "daily",
        "timestamp": "2026111500",
        "access": "all-access",
        "agent": "user",
        "views": 7,
    } | changes


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([*item().values(), "2026111600", "2026113100"]),
)
keys = st.sampled_from([*item(), "items"])
nested = st.lists(scalars, max_size=4) | st.dictionaries(keys, scalars, max_size=4)
anything = scalars | nested | st.lists(nested, max_size=3) | st.dictionaries(keys, nested)
changes = st.dictionaries(st.sampled_from([*item()]), anything, max_size=2)
nearly_items = changes.map(lambda changes: item(**changes))
answers = st.one_of(
    anything, st.builds(lambda items: {"items": items}, st.lists(nearly_items, max_size=3))
)


@settings(max_examples=300)
@given(answer=answers)
async def test_answer__any_json(answer: object) -> None:
    """Any JSON is an answer to the question or refused: no other error, no number made up."""
    body = json.dumps(answer).encode()

    def send(_: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200,
            headers={"content-type": "application/json"},
            stream=httpx.ByteStream(body),
        )

    async with httpx.AsyncClient(transport=httpx.MockTransport(send)) as http:
        asker = Asker(BASE, http, SkippingClock())
        try:
            views = (await asker.ask()).views
        except UpstreamInvalidError:
            return
    assert isinstance(answer, dict)
    assert sorted(views.values()) == sorted(item["views"] for item in answer["items"])
    assert all(day in WEEK and type(count) is int for day, count in views.items())


# What is tried again


async def test_not_found__is_an_answer(asker: Asker, aqs: FakeAqs) -> None:
    """A 404 is empty; it is not asked for again, and says nothing against the upstream."""
    aqs.behave(aqs_faults.absent())
    for _ in range(30):
        assert (await asker.ask()).views == {}
    assert len(aqs.requests) == 30
    assert asker.breaker.state is CircuitState.CLOSED
    assert await asker.aqs.top("en.wikipedia", Access.ALL_ACCESS, date(2015, 10, 10)) == ()


@pytest.mark.parametrize("status", [400, 401, 403, 405, 414, 422, 451])
async def test_rejected__not_tried_again(asker: Asker, aqs: FakeAqs, status: int) -> None:
    """A 4xx is never tried again; a 403, which blocks us, opens the circuit at once."""
    aqs.behave(aqs_faults.refusing(status))
    with pytest.raises(UpstreamRejectedError) as raised:
        await asker.ask()
    assert (raised.value.status, len(aqs.requests)) == (status, 1)
    opened = asker.breaker.state is CircuitState.OPEN
    assert opened == (status == 403)


async def test_tls__not_tried_again() -> None:
    """A certificate of an unknown authority is refused, and its server asked only once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    connections = 0

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with suppress(ssl.SSLError, ConnectionError):
            await writer.start_tls(context)
        writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, asking(f"https://127.0.0.1:{port}") as asker:
        with pytest.raises(UpstreamUntrustedError):
            await asker.ask()
        await settle()
    assert connections == 1


@pytest.mark.parametrize(
    "mode", [RawMode.SHORT_LENGTH, RawMode.SHORT_CHUNK, RawMode.RESET, RawMode.REFUSE]
)
async def test_broken_off__once(mode: RawMode) -> None:
    """An answer that broke off is asked for again, and the whole one counts."""
    async with serve_raw(mode, RawMode.GOOD) as raw, asking(raw.base_url) as asker:
        assert (await asker.ask(HIV, SOME_DAY)).views == {SOME_DAY.start: 2097}
    assert raw.connections == 2


async def test_broken_off__always() -> None:
    """What breaks off each time is tried three times in all."""
    async with serve_raw(RawMode.SHORT_LENGTH) as raw, asking(raw.base_url) as asker:
        with pytest.raises(UpstreamUnreachableError):
            await asker.ask(HIV, SOME_DAY)
    assert raw.connections == 3


async def test_mute__then_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A try that gets no answer in its time leaves time for another."""
    monkeypatch.setattr("pageviews_api.clients.aqs.TRY_TIMEOUT", 1.0)
    async with serve_raw(RawMode.MUTE, RawMode.GOOD) as raw, asking(raw.base_url) as asker:
        assert (await asker.ask(HIV, SOME_DAY)).views == {SOME_DAY.start: 2097}
    assert raw.connections == 2


async def test_mute__always(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never answers is tried three times in all."""
    monkeypatch.setattr("pageviews_api.clients.aqs.TRY_TIMEOUT", 0.5)
    async with serve_raw(RawMode.MUTE) as raw, asking(raw.base_url) as asker:
        with pytest.raises(UpstreamTimeoutError):
            await asker.ask(HIV, SOME_DAY)
    assert raw.connections == 3


async def test_mute__deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tries together end at the caller's deadline."""
    monkeypatch.setattr("pageviews_api.clients.aqs.TRY_TIMEOUT", 100)
    async with serve_raw(RawMode.MUTE) as raw, httpx.AsyncClient(trust_env=False) as http:
        asker = Asker(raw.base_url, http, SystemClock(), timeout=0.5)
        async with asyncio.timeout(20):
            with pytest.raises(UpstreamTimeoutError):
                await asker.ask(HIV, SOME_DAY)
    assert raw.connections == 1


async def test_failing__one_call(asker: Asker, aqs: FakeAqs, clock: FakeClock) -> None:
    """A call that keeps failing is tried three times, with growing delays between."""
    aqs.behave(aqs_faults.failing())
    with pytest.raises(UpstreamFailedError):
        await asker.ask()
    assert len(aqs.requests) == 3
    assert clock.slept == [0.25, 0.5]


async def test_failing__deadline(http: httpx.AsyncClient, aqs: FakeAqs) -> None:
    """A retry that would come after the caller's deadline is not made."""
    asker = Asker("http://aqs.test", http, SkippingClock(), timeout=1.0)
    aqs.behave(aqs_faults.failing())
    with pytest.raises(UpstreamFailedError):
        await asker.ask()
    assert len(aqs.requests) == 2


async def test_failing__burst(asker: Asker, aqs: FakeAqs, clock: FakeClock) -> None:
    """Ten calls that fail open the circuit: then there are no calls, but one probe each 30 s."""
    aqs.behave(aqs_faults.failing())
    assert await asker.outcomes(10) == {"UpstreamFailedError": 10}
    assert len(aqs.requests) == 10 + MAX_RETRIES_PER_MINUTE
    aqs.forget()
    assert await asker.outcomes(200) == {"CircuitOpenError": 200}
    assert len(aqs.requests) == 0

    clock.advance(60)
    assert await asker.outcomes(20) == {"UpstreamFailedError": 1, "CircuitOpenError": 19}
    assert len(aqs.requests) == 1  # a probe has no retries
    aqs.recover()
    clock.advance(30)
    assert await asker.outcomes(20) == {"good": 20}


async def test_failing__refresh(asker: Asker, aqs: FakeAqs) -> None:
    """What only renews what is held is not tried again: nobody is helped by that."""
    aqs.behave(aqs_faults.failing())
    for priority, tries in ((Priority.REFRESH, 1), (Priority.CALLER, 3), (Priority.ARCHIVE, 3)):
        aqs.forget()
        with pytest.raises(UpstreamFailedError):
            await asker.ask(priority=priority)
        assert len(aqs.requests) == tries


async def test_failing__refresh_while_open(asker: Asker, aqs: FakeAqs, clock: FakeClock) -> None:
    """A refresh finds out after two minutes whether AQS is back, who waits after 30 seconds."""
    aqs.behave(aqs_faults.failing())
    await asker.outcomes(10)
    aqs.recover()
    clock.advance(119)
    with pytest.raises(CircuitOpenError):
        await asker.ask(priority=Priority.REFRESH)
    clock.advance(1)
    assert (await asker.ask(priority=Priority.REFRESH)).views
    assert await asker.outcomes(3) == {"good": 3}


async def test_failing__many_at_once(asker: Asker, aqs: FakeAqs) -> None:
    """When it opens, who still waits at the gate is not sent after the others."""
    aqs.behave(aqs_faults.failing())
    outcomes = await asyncio.gather(*(asker.ask() for _ in range(100)), return_exceptions=True)
    counted = Counter(type(outcome) for outcome in outcomes)
    assert set(counted) == {UpstreamFailedError, CircuitOpenError}
    assert counted[CircuitOpenError] >= 85
    assert len(aqs.requests) <= 15 + MAX_RETRIES_PER_MINUTE
    assert aqs.max_in_flight <= 3


async def test_open__probe_waits_for_a_slot(asker: Asker, aqs: FakeAqs, clock: FakeClock) -> None:
    """While the probe is under way, all others are turned away without a call."""
    aqs.behave(aqs_faults.failing())
    await asker.outcomes(10)
    clock.advance(60)
    aqs.recover()
    aqs.forget()
    aqs.behave(aqs_faults.slow())
    probe = asyncio.create_task(asker.ask())
    async with asyncio.timeout(30):
        await aqs.until_in_flight(1)
    assert await asker.outcomes(50) == {"CircuitOpenError": 50}
    assert len(aqs.requests) == 1
    aqs.release.set()
    assert len((await probe).views) == 7
    assert asker.breaker.state is CircuitState.CLOSED


def every_second() -> Callable[[str], bool]:
    """Build a condition that holds for every second request."""
    count = 0

    def holds(_: str) -> bool:
        nonlocal count
        count += 1
        return count % 2 == 0

    return holds


async def test_flapping__slow(asker: Asker, aqs: FakeAqs) -> None:
    """When every second call fails, and few are made, all are answered at twice the cost."""
    aqs.behave(aqs_faults.failing(), when=every_second())
    outcomes = await asker.outcomes(200, every=4.5)
    assert outcomes["good"] >= 198
    assert len(aqs.requests) <= 2.1 * 200
    assert asker.breaker.state is CircuitState.CLOSED


async def test_flapping__fast(asker: Asker, aqs: FakeAqs) -> None:
    """When every second call fails, and many are made, retries do not become the load."""
    aqs.behave(aqs_faults.failing(), when=every_second())
    calls = 600
    outcomes = await asker.outcomes(calls, every=0.5)  # in 5 minutes
    assert outcomes["good"] > 0
    minutes = 6  # a window more than full minutes
    assert len(aqs.requests) <= calls + minutes * MAX_RETRIES_PER_MINUTE
    assert (
        outcomes["good"] + outcomes["UpstreamFailedError"] + outcomes["CircuitOpenError"] == calls
    )


# What is throttled


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_throttled__shortly(asker: Asker, aqs: FakeAqs, clock: FakeClock, form: str) -> None:
    """A caller who can wait as long as asked gets the answer, at one more call."""
    until = clock.now() + timedelta(seconds=7)
    header = "7" if form == "seconds" else format_datetime(until, usegmt=True)
    aqs.script(aqs_faults.throttled(header))
    assert len((await asker.ask()).views) == 7
    assert len(aqs.requests) == 2
    assert clock.now() == until


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("100", 100),
        ("Sun, 22 Nov 2026 12:01:40 GMT", 100),
        (str(10 * 365 * 86_400), MAX_PAUSE),
        ("Mon, 22 Nov 9999 12:00:00 GMT", MAX_PAUSE),
    ],
)
async def test_throttled__for_long(
    standing: tuple[Asker, FakeClock], aqs: FakeAqs, header: str, pause: float
) -> None:
    """The whole host is left alone until then, and callers hear how long that is."""
    asker, clock = standing
    aqs.script(aqs_faults.throttled(header))
    with pytest.raises(UpstreamThrottledError) as raised:
        await asker.ask()
    assert raised.value.retry_after == pause
    for elapsed in (0, pause / 2, pause / 2 - 10):
        clock.advance(elapsed)
        for series in (STRASBOURG, TOTAL, HIV):
            with pytest.raises(BudgetExhaustedError):
                await asker.ask(series)
    assert len(aqs.requests) == 1
    clock.advance(10)
    assert len((await asker.ask()).views) == 7


@pytest.mark.parametrize("header", [None, "nonsense", "-1"])
async def test_throttled__without_a_time(
    asker: Asker, aqs: FakeAqs, clock: FakeClock, header: str | None
) -> None:
    """A 429 that does not say for how long means five seconds."""
    began = clock.monotonic()
    aqs.script(aqs_faults.throttled(header))
    await asker.ask()
    assert clock.monotonic() - began == 5


async def test_throttled__others_wait(standing: tuple[Asker, FakeClock], aqs: FakeAqs) -> None:
    """Those who wait at the gate when a 429 comes are not let through before its time."""
    asker, clock = standing
    aqs.behave(aqs_faults.slow())
    asked = [asyncio.create_task(asker.ask()) for _ in range(2)]
    async with asyncio.timeout(30):
        await aqs.until_in_flight(2)
        aqs.delay = 0.02
        aqs.script(aqs_faults.throttled("6"))
        asked += [asyncio.create_task(asker.ask()) for _ in range(4)]
        await aqs.until_in_flight(3)
        await aqs.until_in_flight(2)
    await settle()
    assert len(aqs.requests) == 3
    aqs.recover()
    clock.advance(5)
    await settle()
    assert len(aqs.requests) == 3
    clock.advance(1)
    assert all(len(answer.views) == 7 for answer in await asyncio.gather(*asked))
    assert len(aqs.requests) == 7


async def test_throttled__always(asker: Asker, aqs: FakeAqs) -> None:
    """An upstream that never stops throttling, without a pause even, gets few calls."""
    aqs.behave(aqs_faults.throttled("0"))
    assert await asker.outcomes(100) == {"UpstreamThrottledError": 100}
    assert len(aqs.requests) == 100 + MAX_RETRIES_PER_MINUTE
    assert asker.breaker.state is CircuitState.CLOSED


async def test_throttled__archive(asker: Asker, aqs: FakeAqs, clock: FakeClock) -> None:
    """The archive, which has no deadline, waits ten minutes at the most, not ten years."""
    began = clock.monotonic()
    aqs.script(aqs_faults.throttled(str(10 * 365 * 86_400)))
    answer = await asker.ask(priority=Priority.ARCHIVE)
    assert len(answer.views) == 7
    assert clock.monotonic() - began == MAX_PAUSE


# What the archive asks


async def test_archive__leaves_room_for_callers(
    standing: tuple[Asker, FakeClock], aqs: FakeAqs
) -> None:
    """The archive asks at most 20 times in any 10 seconds; a caller need not wait for it."""
    asker, clock = standing
    archiving = [asyncio.create_task(asker.ask(priority=Priority.ARCHIVE)) for _ in range(45)]
    await _until_asked(aqs, 20)

    await asker.ask()
    assert aqs.count() == 21
    for _ in range(30):  # and others at once
        await asker.ask()

    clock.advance(10)
    await _until_asked(aqs, 31 + 40)
    clock.advance(9)
    await settle()
    assert aqs.count() == 31 + 40
    clock.advance(1)
    await asyncio.gather(*archiving)
    assert aqs.count() == 31 + 45


async def _until_asked(aqs: FakeAqs, times: int) -> None:
    async with asyncio.timeout(30):
        while aqs.count() < times:  # noqa: ASYNC110  # the fake tells no event
            await asyncio.sleep(0)
    await settle()
    assert aqs.count() == times
