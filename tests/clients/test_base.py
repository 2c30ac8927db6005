"""The one request path to every upstream, in front of servers that behave badly."""

import asyncio
import os
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import httpx
import psutil
import pytest
import respx
import trustme
from hypothesis import example, given, settings
from hypothesis import strategies as st
from loguru import logger
from pydantic import BaseModel

from pageviews_api.budget import MAX_PAUSE, Gate, Priority
from pageviews_api.clients.base import (
    DEFAULT_RETRY_AFTER,
    MAX_BODY_BYTES,
    Answer,
    Call,
    NotFound,
    UpstreamClient,
    retry_after_seconds,
)
from pageviews_api.exceptions import (
    UpstreamError,
    UpstreamFailedError,
    UpstreamInvalidError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamTransientError,
    UpstreamUnreachableError,
    UpstreamUntrustedError,
)
from pageviews_api.schemas.aqs import SeriesAnswer
from tests.support import aqs_faults
from tests.support.aqs_faults import Behaviour
from tests.support.clock import NOON, FakeClock, settle
from tests.support.fake_aqs import FakeAqs
from tests.support.raw_aqs import RawMode, serve_raw
from tests.support.serving import serve

PATH = "/metrics/pageviews/per-article/en.wikipedia/all-access/user/HIV%2FAIDS/daily"
WEEK = f"{PATH}/2025081500/2025082100"
BASE = "https://aqs.test/api/rest_v1"
SHORT = 0.1
"""Seconds that a server gets here which never answers."""

DAY_SECONDS = 86_400
JSON = {"content-type": "application/json"}
FORM = "application/x-www-form-urlencoded"
GZIP = {"content-encoding": "gzip"}


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Open a client as plain as can be: what it must not do, the code under test sees to."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        yield http


@pytest.fixture
async def upstream(aqs: FakeAqs) -> AsyncIterator[UpstreamClient]:
    """Give a client of the fake AQS, which has two days of the article of ``WEEK``."""
    views = {date(2025, 8, day): 2000 + day for day in (15, 16)}
    aqs.set_views("en.wikipedia", "HIV/AIDS", "all-access", "user", views)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(aqs)) as http:
        yield UpstreamClient("aqs", "http://aqs.test", http, FakeClock())


async def ask(
    upstream: UpstreamClient,
    path: str = WEEK,
    *,
    timeout: float = 30,  # noqa: ASYNC109  # it is what is tested
) -> list[int] | None:
    """Ask for the views in an answer; None for a 404."""
    answer = await upstream.get(path, SeriesAnswer, timeout=timeout)
    return None if isinstance(answer, NotFound) else [item.views for item in answer.body.items]


@asynccontextmanager
async def answering(
    body: bytes, headers: dict[str, str], status: int = 200
) -> AsyncIterator[UpstreamClient]:
    """Give a client of an upstream that always sends this, undecoded and however wrong."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        yield UpstreamClient("aqs", BASE, http, FakeClock())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition holds, for 30 seconds at the most."""
    async with asyncio.timeout(30):
        while not condition():
            await settle()


# The request


@respx.mock
async def test_request__exact(http: httpx.AsyncClient) -> None:
    """A request is a GET of the very path, whose slashes in titles stay encoded."""
    route = respx.get(url=BASE + WEEK).respond(json={"items": []})
    upstream = UpstreamClient("aqs", BASE, http, FakeClock())
    assert await ask(upstream) == []
    request = route.calls.last.request
    assert request.method == "GET"
    assert request.url.raw_path == f"/api/rest_v1{WEEK}".encode()
    assert b"%2F" in request.url.raw_path
    assert request.content == b""


@respx.mock
async def test_request__never_conditional(http: httpx.AsyncClient) -> None:
    """AQS's ETag, the same on all answers, is not sent back: that would be a 304 for any body."""
    headers = {"etag": 'W/"20-da39a3ee5e6b4b0d3255bfef95601890afd80709"', "last-modified": "x"}
    route = respx.get(url=BASE + WEEK).respond(json={"items": []}, headers=headers)
    upstream = UpstreamClient("aqs", BASE, http, FakeClock())
    for _ in range(3):
        await ask(upstream)
    for call in route.calls:
        assert not {"if-none-match", "if-modified-since"} & set(call.request.headers)


async def test_request__client_is_borrowed(
    upstream: UpstreamClient, http: httpx.AsyncClient
) -> None:
    """The HTTP client is left open, and its connection is used again."""
    for _ in range(3):
        await ask(upstream)
    assert not http.is_closed


async def test_age__of_an_answer(aqs: FakeAqs, upstream: UpstreamClient) -> None:
    """``Age`` tells for how long an answer lay at the edge; without it, or with nonsense, none."""
    ages = []
    for header in (4321, 0):
        aqs.behave(aqs_faults.aged(header))
        answer = await upstream.get(WEEK, SeriesAnswer, timeout=30)
        assert answer is not None
        ages.append(answer.age)
    assert ages == [timedelta(seconds=4321), timedelta(0)]


@pytest.mark.parametrize("age", ["-5", "1.5", "nonsense", "9" * 5000, ""])
async def test_age__nonsense(age: str) -> None:
    """An ``Age`` that is no number of seconds is no age."""
    async with answering(b'{"items":[]}', JSON | {"age": age}) as upstream:
        answer = await upstream.get(WEEK, SeriesAnswer, timeout=30)
    assert answer is not None
    assert answer.age == timedelta(0)


# No connection


async def test_connection__refused(http: httpx.AsyncClient) -> None:
    """A port where nobody listens is an upstream that cannot be reached."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    upstream = UpstreamClient("aqs", f"http://127.0.0.1:{port}", http, FakeClock())
    with pytest.raises(UpstreamUnreachableError) as raised:
        await ask(upstream)
    assert "127.0.0.1" not in str(raised.value)
    assert isinstance(raised.value.__cause__, httpx.ConnectError)


@pytest.mark.parametrize("mode", [RawMode.REFUSE, RawMode.RESET])
async def test_connection__reset(http: httpx.AsyncClient, mode: RawMode) -> None:
    """A connection that is reset, before the request or after it, is one that broke off."""
    async with serve_raw(mode) as raw:
        with pytest.raises(UpstreamUnreachableError):
            await ask(UpstreamClient("aqs", raw.base_url, http, FakeClock()))


async def test_connection__name_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that the DNS does not know is an upstream that cannot be reached."""

    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    # The machine's resolver may be slow, or absent, or make up answers.
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with httpx.AsyncClient(trust_env=False) as http:
        upstream = UpstreamClient("aqs", "http://nosuch.invalid", http, FakeClock())
        with pytest.raises(UpstreamUnreachableError):
            await ask(upstream)


# TLS


@dataclass(slots=True)
class TlsServer:
    """A server that counts what gets through its handshake."""

    base_url: str = ""
    requests: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request with no items."""
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
        writer.write(head + b'{"items":[]}')
        writer.close()


@asynccontextmanager
async def tls_server(certificate: trustme.LeafCert) -> AsyncIterator[TlsServer]:
    """Serve with a certificate on a loopback port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    tls = TlsServer()
    server = await asyncio.start_server(tls.serve, "127.0.0.1", 0, ssl=context)
    tls.base_url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield tls
        await settle()  # the server, too, has to see that a handshake has failed


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make a certificate authority."""
    return trustme.CA()


@pytest.fixture
async def trusting(authority: trustme.CA) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client that trusts the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with httpx.AsyncClient(verify=context, timeout=30, trust_env=False) as http:
        yield http


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

CERTIFICATES: dict[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    "expired": lambda ca: ca.issue_cert(
        "127.0.0.1", not_before=LONG_AGO, not_after=LONG_AGO + timedelta(days=90)
    ),
    "wrong host": lambda ca: ca.issue_cert("wikimedia.org"),
    "unknown CA": lambda _: trustme.CA().issue_cert("127.0.0.1"),
}


async def test_tls__good_certificate(authority: trustme.CA, trusting: httpx.AsyncClient) -> None:
    """A certificate that holds is accepted, so that the tests below refuse for their reason."""
    async with tls_server(authority.issue_cert("127.0.0.1")) as tls:
        assert await ask(UpstreamClient("aqs", tls.base_url, trusting, FakeClock())) == []


@pytest.mark.parametrize("fault", CERTIFICATES)
async def test_tls__bad_certificate(
    authority: trustme.CA, trusting: httpx.AsyncClient, fault: str
) -> None:
    """A certificate that does not hold is an error of its own, and no request is sent."""
    async with tls_server(CERTIFICATES[fault](authority)) as tls:
        with pytest.raises(UpstreamUntrustedError) as raised:
            await ask(UpstreamClient("aqs", tls.base_url, trusting, FakeClock()))
    assert not isinstance(raised.value, UpstreamTransientError)
    assert tls.requests == []


# Too slow


@pytest.mark.parametrize("mode", [RawMode.MUTE, RawMode.DRIP])
async def test_time__never_a_whole_answer(http: httpx.AsyncClient, mode: RawMode) -> None:
    """Silence, or a byte now and then, ends at the deadline, and the connection is dropped."""
    async with serve_raw(mode) as raw:
        upstream = UpstreamClient("aqs", raw.base_url, http, FakeClock())
        async with asyncio.timeout(30):  # and not for ever
            with pytest.raises(UpstreamTimeoutError):
                await ask(upstream, timeout=1)  # far more than between two bytes
        await until(lambda: raw.open_connections == 0)


async def test_time__late_first_byte(aqs: FakeAqs, upstream: UpstreamClient) -> None:
    """An answer whose first byte comes too late is not waited for."""
    aqs.behave(aqs_faults.slow())
    with pytest.raises(UpstreamTimeoutError, match=r"within 0\.1 s"):
        await ask(upstream, timeout=SHORT)


async def test_time__hundred_mute_requests() -> None:
    """After 100 requests that got no answer, neither connections nor places are used up.

    The pool has no bound, as the service's: a place in it can be lost by a request that is
    cancelled while it connects.
    """
    clock = FakeClock()
    gate = Gate("aqs", max_concurrency=10, requests_per_minute=150, clock=clock)
    limits = httpx.Limits(max_connections=None)
    async with (
        serve_raw(RawMode.MUTE) as raw,
        httpx.AsyncClient(limits=limits, trust_env=False) as http,
    ):
        upstream = UpstreamClient("aqs", raw.base_url, http, clock)

        async def request(timeout: float) -> list[int] | None:  # noqa: ASYNC109  # as in ``ask``
            async with gate.slot(Priority.CALLER, within=100):
                return await ask(upstream, timeout=timeout)

        outcomes = await asyncio.gather(*(request(0.2) for _ in range(100)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {UpstreamTimeoutError}
        raw.behave(RawMode.GOOD)
        assert await asyncio.gather(*(request(30) for _ in range(10))) == [[2097]] * 10
    assert raw.max_open_connections <= 20  # new ones may come before the end of the old is seen


# Broken answers


@pytest.mark.parametrize("mode", [RawMode.SHORT_LENGTH, RawMode.SHORT_CHUNK])
async def test_body__truncated(http: httpx.AsyncClient, mode: RawMode) -> None:
    """A body that ends before its end is an answer that broke off."""
    async with serve_raw(mode) as raw:
        with pytest.raises(UpstreamUnreachableError):
            await ask(UpstreamClient("aqs", raw.base_url, http, FakeClock()))


async def test_body__truncated_gzip() -> None:
    """A gzip body without its end is an answer that broke off."""
    packed = zlib.compress(b'{"items":[]}' + b" " * 1000, wbits=31)
    async with answering(packed, JSON | GZIP) as upstream:
        assert await ask(upstream) == []
    async with answering(packed[:-6], JSON | GZIP) as upstream:
        with pytest.raises(UpstreamUnreachableError):
            await ask(upstream)


NOT_AN_ANSWER: list[Behaviour] = [
    aqs_faults.html_page(),
    aqs_faults.throttling_notice(),
    aqs_faults.mistyped(),
    aqs_faults.empty(),
    aqs_faults.cut(),
    aqs_faults.deep_json(),
    aqs_faults.renamed(),
    *(aqs_faults.with_views(literal) for literal in ("-1", "1.5", "NaN", "1e3", '"7"', "9" * 5000)),
    *(
        aqs_faults.other_json(text)
        for text in ("null", "[]", "{}", '{"items":{}}', '{"items":[1]}')
    ),
]


@pytest.mark.parametrize("fault", NOT_AN_ANSWER, ids=str)
async def test_body__not_the_documented_answer(
    aqs: FakeAqs, upstream: UpstreamClient, fault: Behaviour
) -> None:
    """A 200 that is not what is documented is refused, whatever it is."""
    aqs.behave(fault)
    with pytest.raises(UpstreamInvalidError):
        await ask(upstream)


async def test_body__lone_surrogate(aqs: FakeAqs, upstream: UpstreamClient) -> None:
    """Text that is no Unicode is refused."""
    item = (
        '{"project":"en.wikipedia","article":"\\ud800","granularity":"daily",'
        '"timestamp":"2025081500","access":"all-access","agent":"user","views":1}'
    )
    aqs.behave(aqs_faults.other_json(f'{{"items":[{item}]}}'))
    with pytest.raises(UpstreamInvalidError):
        await ask(upstream)


@pytest.fixture
def debug_log() -> Iterator[list[str]]:
    """Collect what is logged for debugging, with its fields."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), format="{message} {extra}", level=0)
    yield lines
    logger.remove(sink)


async def test_body__in_the_log(
    aqs: FakeAqs, upstream: UpstreamClient, debug_log: list[str]
) -> None:
    """Of an undocumented body 200 escaped bytes go to the debug log, and none into the error."""
    aqs.behave(aqs_faults.other_json("EVIL\r\n\x1b[31m" + "é" * 500 + "END"))
    with pytest.raises(UpstreamInvalidError) as raised:
        await ask(upstream)
    assert "EVIL" not in str(raised.value)
    (line,) = debug_log
    assert "EVIL\\\\r\\\\n" in line
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert "END" not in line


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "no such"])
async def test_body__unasked_encoding(encoding: str) -> None:
    """A body in an encoding that was not asked for is refused."""
    async with answering(b'{"items":[]}', JSON | {"content-encoding": encoding}) as upstream:
        with pytest.raises(UpstreamInvalidError, match="not asked for"):
            await ask(upstream)


async def test_body__broken_gzip() -> None:
    """A body that claims to be gzip and is not is refused."""
    async with answering(b'{"items":[]}', JSON | GZIP) as upstream:
        with pytest.raises(UpstreamInvalidError, match="broken gzip"):
            await ask(upstream)


class Anything(BaseModel):
    """A shape that any object has."""


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("over", [0, 1])
async def test_body__of_the_greatest_length(*, packed: bool, over: int) -> None:
    """A body of just the greatest length is read; with one byte more it is refused."""
    body = b"{" + b" " * (MAX_BODY_BYTES + over - 2) + b"}"
    headers = JSON | (GZIP if packed else {})
    body = zlib.compress(body, wbits=31) if packed else body
    async with answering(body, headers) as upstream:
        if over:
            with pytest.raises(UpstreamInvalidError, match="over 2000000 bytes"):
                await upstream.get(WEEK, Anything, timeout=30)
        else:
            assert isinstance(await upstream.get(WEEK, Anything, timeout=30), Answer)


@contextmanager
def peak_growth() -> Iterator[list[int]]:
    """Measure by how many bytes the process grows meanwhile, at most."""
    process, stop, growth = psutil.Process(os.getpid()), threading.Event(), [0]
    before = process.memory_info().rss

    def watch() -> None:
        while not stop.wait(0.0005):
            growth[0] = max(growth[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield growth
    finally:
        stop.set()
        watcher.join()


@pytest.mark.parametrize("status", [200, 404])
async def test_body__gzip_bomb(
    aqs: FakeAqs, aqs_url: str, http: httpx.AsyncClient, status: int
) -> None:
    """A bomb of 200 MB is refused before it takes 10 MB of memory, as an error document too."""
    bomb = aqs_faults.gzip_bomb()
    response = bomb.change(aqs.service.answer("GET", WEEK))  # packed before memory is measured
    response.status_code = status
    aqs.behave(Behaviour("bomb", lambda _: response))
    with peak_growth() as growth, pytest.raises(UpstreamInvalidError, match="over"):
        await ask(UpstreamClient("aqs", aqs_url, http, FakeClock()))
    assert growth[0] <= 10_000_000


async def test_headers__endless(http: httpx.AsyncClient) -> None:
    """Headers without an end are cut off, and other work goes on meanwhile."""
    loop, stalls, done = asyncio.get_running_loop(), [0.0], asyncio.Event()

    async def tick() -> None:
        last = loop.time()
        while not done.is_set():
            await asyncio.sleep(0)
            stalls[0], last = max(stalls[0], loop.time() - last), loop.time()

    ticking = asyncio.create_task(tick())
    async with serve_raw(RawMode.ENDLESS_HEADERS) as raw:
        with pytest.raises(UpstreamUnreachableError):
            await ask(UpstreamClient("aqs", raw.base_url, http, FakeClock()))
    done.set()
    await ticking
    assert stalls[0] < 0.2


# Other statuses


@pytest.mark.parametrize(
    "location",
    [
        "{elsewhere}/latest/",
        "//{host}/latest/",
        "http://169.254.169.254/latest/",
        "file:///etc/passwd",
        "gopher://{host}/",
        "/api/rest_v1/other",
        "A:0",
        "",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect__anywhere(
    aqs: FakeAqs, upstream: UpstreamClient, location: str, status: int
) -> None:
    """A redirect is never followed, wherever it leads, and is no answer."""
    async with serve_raw(RawMode.GOOD) as elsewhere:
        host = elsewhere.base_url.removeprefix("http://")
        leads_to = location.format(elsewhere=elsewhere.base_url, host=host)
        aqs.behave(aqs_faults.redirecting(leads_to, status))
        with pytest.raises(UpstreamInvalidError):
            await ask(upstream)
    assert elsewhere.connections == 0
    assert len(aqs.requests) == 1


async def test_status__not_found(aqs: FakeAqs, upstream: UpstreamClient) -> None:
    """AQS's 404 is an answer: there is nothing."""
    aqs.behave(aqs_faults.absent())
    assert await ask(upstream) is None
    assert await upstream.get(WEEK, SeriesAnswer, timeout=30) == NotFound(timedelta(0))


async def test_status__not_found_of_others(aqs: FakeAqs, upstream: UpstreamClient) -> None:
    """A 404 with a web page is not AQS's, and tells nothing about views."""
    page = aqs_faults.failing(404)
    aqs.behave(page)
    with pytest.raises(UpstreamInvalidError):
        await ask(upstream)


@pytest.mark.parametrize("status", [400, 401, 403, 405, 406, 410, 414, 418, 422, 451, 499])
async def test_status__client_error(aqs: FakeAqs, upstream: UpstreamClient, status: int) -> None:
    """Any other 4xx is a rejection, which keeps its status and is not worth another try."""
    aqs.behave(aqs_faults.refusing(status))
    with pytest.raises(UpstreamRejectedError) as raised:
        await ask(upstream)
    assert raised.value.status == status
    assert not isinstance(raised.value, UpstreamTransientError)


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
async def test_status__server_error(aqs: FakeAqs, upstream: UpstreamClient, status: int) -> None:
    """Any 5xx is a failure that may pass."""
    aqs.behave(aqs_faults.failing(status))
    with pytest.raises(UpstreamFailedError) as raised:
        await ask(upstream)
    assert isinstance(raised.value, UpstreamTransientError)


@pytest.mark.parametrize("status", [201, 204, 206, 226, 304])
async def test_status__other(status: int) -> None:
    """A status that AQS never sends is no answer."""
    async with answering(b'{"items":[]}', JSON, status) as upstream:
        with pytest.raises(UpstreamInvalidError, match=f"status {status}"):
            await ask(upstream)


RETRY_AFTER: list[tuple[str | None, float]] = [
    ("0", 0),
    ("7", 7),
    (format_datetime(NOON + timedelta(seconds=90), usegmt=True), 90),
    (format_datetime(NOON - timedelta(seconds=90), usegmt=True), 0),
    (format_datetime((NOON + timedelta(seconds=90)).replace(tzinfo=None)), 90),
    (None, DEFAULT_RETRY_AFTER),
    ("", DEFAULT_RETRY_AFTER),
    ("nonsense", DEFAULT_RETRY_AFTER),
    ("-5", DEFAULT_RETRY_AFTER),
    ("1.5", DEFAULT_RETRY_AFTER),
    (str(10 * 365 * DAY_SECONDS), MAX_PAUSE),
    (str(10**18), MAX_PAUSE),
    (format_datetime(NOON.replace(year=9999), usegmt=True), MAX_PAUSE),
]


@pytest.mark.parametrize(("header", "expected"), RETRY_AFTER)
async def test_status__throttled(
    aqs: FakeAqs, upstream: UpstreamClient, header: str | None, expected: float
) -> None:
    """A 429 tells how long to wait: seconds or a date, else 5 s, and 10 minutes at the most."""
    aqs.behave(aqs_faults.throttled(header))
    with pytest.raises(UpstreamThrottledError) as raised:
        await ask(upstream)
    assert raised.value.retry_after == expected


DATE_WORDS = ["Sun,", "22", "Nov", "2026", "99999999999999999999", "12:00:00", "GMT", "+9999", "-"]


@settings(max_examples=300)
@given(
    header=st.one_of(
        st.text(), st.lists(st.sampled_from(DATE_WORDS), min_size=1, max_size=8).map(" ".join)
    )
)
@example("Sun, 22 Nov 99999999999999999999 12:00:00 GMT")
@example("Sun, 22 Nov 2026 12:00:00 +999999999999")
def test_retry_after__any_text(header: str) -> None:
    """Whatever the header says, the time to wait is from none to ten minutes."""
    assert 0 <= retry_after_seconds(header, now=NOON) <= MAX_PAUSE


@settings(max_examples=200)
@given(
    status=st.integers(200, 599),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "content-encoding", "retry-after", "age", "location"]),
        st.one_of(
            st.sampled_from(["application/json", "gzip", "text/html"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        ),
    ),
    body=st.binary(max_size=200),
)
async def test_answer__any(status: int, headers: dict[str, str], body: bytes) -> None:
    """Whatever an upstream sends is an answer or one of our errors, never another exception."""
    async with answering(body, headers, status) as upstream:
        with suppress(UpstreamError):  # any other exception fails the test
            assert await ask(upstream) in (None, [])


async def test_server__gone_in_between(http: httpx.AsyncClient, aqs: FakeAqs) -> None:
    """A kept connection whose server has gone is an upstream that cannot be reached."""
    aqs.set_views("en.wikipedia", "HIV/AIDS", "all-access", "user", {NOON.date(): 1})
    async with serve(aqs) as url:
        upstream = UpstreamClient("aqs", url, http, FakeClock())
        await ask(upstream)
    with pytest.raises(UpstreamUnreachableError):
        await ask(upstream)


# What time it is there


async def test_now__by_the_date_of_an_answer() -> None:
    """The upstream's time is known by the dates of its answers, however old they are."""
    dated = JSON | {"date": format_datetime(NOON, usegmt=True)}
    async with answering(b'{"items":[]}', dated) as upstream:
        assert upstream.now() is None
        await ask(upstream)
        assert upstream.now() == NOON
    async with answering(b'{"items":[]}', dated | {"age": "600"}) as upstream:
        await ask(upstream)
        assert upstream.now() == NOON + timedelta(minutes=10)


@pytest.mark.parametrize("status", [404, 429, 500, 403])
async def test_now__by_the_date_of_any_answer(status: int) -> None:
    """A refusal tells the time as well."""
    async with answering(b"{}", JSON | {"date": format_datetime(NOON)}, status) as upstream:
        with suppress(UpstreamError):
            await ask(upstream)
        assert upstream.now() == NOON


@pytest.mark.parametrize(
    "date_header",
    [
        "",
        "nonsense",
        "2026-11-22",
        "Sun, 99 Nov 2026 12:00:00 GMT",
        "Sun, 22 Nov 99999999999999999",
    ],
)
async def test_now__nonsense(date_header: str) -> None:
    """A date that is none is not heard, and spoils no answer."""
    async with answering(b'{"items":[]}', JSON | {"date": date_header}) as upstream:
        assert await ask(upstream) == []
        assert upstream.now() is None


async def test_now__other_zone() -> None:
    """A date with another zone, or with none, which is UTC, is read as what it is."""
    for header in ("Sun, 22 Nov 2026 13:00:00 +0100", "Sun, 22 Nov 2026 12:00:00 -0000"):
        async with answering(b'{"items":[]}', JSON | {"date": header}) as upstream:
            await ask(upstream)
            assert upstream.now() == NOON


# A call that carries something


@respx.mock
@pytest.mark.parametrize(
    ("call", "method", "content_type", "content"),
    [
        (Call("/x?y=1", json={"a": [1]}), "POST", "application/json", b'{"a":[1]}'),
        (Call("/x?y=1", form={"t": "a b&"}), "POST", FORM, b"t=a+b%26"),
        (Call("/x?y=1", headers={"authorization": "Bearer k"}), "GET", None, b""),
    ],
)
async def test_call__exact(
    http: httpx.AsyncClient, call: Call, method: str, content_type: str | None, content: bytes
) -> None:
    """What is to be sent goes where it belongs, and nothing of it into the URL."""
    route = respx.route(url=f"{BASE}/x?y=1").respond(json={"items": []})
    upstream = UpstreamClient("aqs", BASE, http, FakeClock())
    answer = await upstream.ask(call, SeriesAnswer, timeout=30)
    assert isinstance(answer, Answer)
    request = route.calls.last.request
    assert (request.method, request.content) == (method, content)
    assert request.headers.get("content-type") == content_type
    assert request.headers.get("authorization") == call.headers.get("authorization")


@pytest.mark.parametrize(
    ("call", "shown"),
    [(Call("/x"), True), (Call("/x", headers={"a": "k"}), False), (Call("/x", form={}), False)],
)
async def test_call__with_a_key_shows_no_answer(call: Call, shown: bool) -> None:
    """The beginning of a wrong answer is logged, but not where it may repeat a key."""
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(f"{message.record['extra']}"), level="DEBUG")
    async with answering(b"ECHO", JSON) as upstream:
        with pytest.raises(UpstreamInvalidError):
            await upstream.ask(call, SeriesAnswer, timeout=30)
    logger.remove(sink)
    assert ("ECHO" in "".join(lines)) is shown
    assert lines


async def test_redirect__though_the_client_would_follow(aqs: FakeAqs) -> None:
    """A redirect is not followed even by a client that is set to."""
    aqs.behave(aqs_faults.redirecting("http://aqs.test/elsewhere", 307))
    transport = httpx.ASGITransport(aqs)
    async with httpx.AsyncClient(transport=transport, follow_redirects=True) as http:
        with pytest.raises(UpstreamInvalidError):
            await ask(UpstreamClient("aqs", "http://aqs.test", http, FakeClock()))
    assert len(aqs.requests) == 1
