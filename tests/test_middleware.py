"""What happens to every request before and after its route."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api import middleware
from pageviews_api.config import Settings
from pageviews_api.exceptions import TooManyRequestsError
from pageviews_api.main import create_app
from pageviews_api.middleware import (
    MAX_CLIENTS,
    CatchAllMiddleware,
    LosslessPathMiddleware,
    RateLimitMiddleware,
    client_address,
)
from tests.conftest import Service
from tests.support.clock import FakeClock
from tests.support.serving import serve

PAGE = "/problems/not-found"

HeaderList = Iterable[tuple[str, str | bytes]]


@dataclass
class Answer:
    """What an app sent."""

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


def scope_of(
    path: str = PAGE,
    headers: HeaderList = (("host", "testserver"),),
    *,
    method: str = "GET",
    client: tuple[str, int] | None = ("203.0.113.1", 5000),
) -> dict[str, Any]:
    """Make a request's scope, with these headers and no others."""
    raw = [(k.encode(), v if isinstance(v, bytes) else v.encode()) for k, v in headers]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": raw,
        "client": client,
        "server": ("127.0.0.1", 80),
        "root_path": "",
    }


async def ask(app: ASGIApp, scope: dict[str, Any]) -> Answer:
    """Ask an app; an exception that leaves it fails the test."""
    answer = Answer()

    requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if not requests:
            await asyncio.Event().wait()  # the client stays
        return requests.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = Headers(raw=message["headers"])
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer


def app_with(clock: FakeClock | None = None, **settings: object) -> ASGIApp:
    """Put the application together; its pages about problems need nothing else."""
    return create_app(
        Settings.model_validate(
            {
                **Settings.model_construct().model_dump(),
                "aqs_contact": "tests@example.org",
                "rate_limit": 1_000_000,
                **settings,
            }
        ),
        clock=clock or FakeClock(),
    )


@pytest.fixture(scope="module")
def app() -> ASGIApp:
    """Give the application as it is by default."""
    return app_with()


# Request id


async def test_request_id__is_taken_over(app: ASGIApp) -> None:
    """A caller's own id comes back, in the header and in a problem."""
    for one in ("a", "A.b_c-9", "x" * 64):
        answer = await ask(app, scope_of("/none", [("host", "a"), ("x-request-id", one)]))
        assert answer.headers["x-request-id"] == one
        assert f'"urn:request:{one}"'.encode() in answer.body


@examples(max_examples=200, deadline=None)
@given(one=st.binary(max_size=80) | st.text("ab\r\n \x00.,;-é", max_size=70).map(str.encode))
async def test_request_id__is_new_where_it_is_none(app: ASGIApp, one: bytes) -> None:
    """Whatever a caller sends, the id is short, harmless, and theirs only if it was so (D9)."""
    answer = await ask(app, scope_of("/none", [("host", "a"), ("x-request-id", one)]))
    given_back = answer.headers["x-request-id"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given_back)
    fits = re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", one)
    assert (given_back.encode() == one) is bool(fits)
    assert f'"urn:request:{given_back}"'.encode() in answer.body


async def test_request_id__of_10_kb(app: ASGIApp) -> None:
    """A long id is not taken over, nor is one with a line break at its end."""
    for one in ("x" * 10_240, "x" * 65, "x\n", "a b"):
        answer = await ask(app, scope_of(PAGE, [("host", "a"), ("x-request-id", one)]))
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_request_id__differs(app: ASGIApp) -> None:
    """Each request has an id of its own."""
    ids = {(await ask(app, scope_of())).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


# CORS

OTHER_ORIGINS = [
    "null",
    "",
    "https://ok.example.evil.com",
    "https://evil-ok.example",
    "http://ok.example",
    "https://ok.example/",
    "https://ok.example:8443",
    "https://OK.example",
    "https://ok.example, https://evil.com",
    "*",
]


async def test_cors__of_an_allowed_origin() -> None:
    """An origin of the list may read answers, without credentials."""
    app = app_with(allowed_origins=("https://ok.example", "https://also.example"))
    for origin in ("https://ok.example", "https://also.example"):
        answer = await ask(app, scope_of(PAGE, [("host", "a"), ("origin", origin)]))
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers


async def test_cors__of_other_origins() -> None:
    """Any other origin gets the answer without leave to read it (row D2)."""
    app = app_with(allowed_origins=("https://ok.example",))
    for origin in OTHER_ORIGINS:
        answer = await ask(app, scope_of(PAGE, [("host", "a"), ("origin", origin)]))
        assert answer.status == 200
        assert "access-control-allow-origin" not in answer.headers, origin
        assert "access-control-allow-credentials" not in answer.headers


async def test_cors__of_any_origin() -> None:
    """A star is sent as a star, never as the caller's origin, and without credentials (row D1)."""
    app = app_with(allowed_origins=("*",))
    for origin in ("https://evil.com", "null"):
        headers = [("host", "a"), ("origin", origin), ("cookie", "a=b")]
        for path in (PAGE, "/none"):
            answer = await ask(app, scope_of(path, headers))
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers


async def test_cors__of_nobody(app: ASGIApp) -> None:
    """Without a setting no foreign origin may read an answer."""
    answer = await ask(app, scope_of(PAGE, [("host", "a"), ("origin", "https://ok.example")]))
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("method", "allowed"), [("GET", True), ("HEAD", True), ("DELETE", False)])
async def test_cors__preflight(method: str, *, allowed: bool) -> None:
    """A preflight allows our methods for two hours, and no others."""
    app = app_with(allowed_origins=("https://ok.example",))
    headers = [
        ("host", "a"),
        ("origin", "https://ok.example"),
        ("access-control-request-method", method),
    ]
    answer = await ask(app, scope_of(PAGE, headers, method="OPTIONS"))
    assert answer.status == (200 if allowed else 400)
    assert answer.headers["access-control-max-age"] == "7200"
    assert "DELETE" not in answer.headers["access-control-allow-methods"]


async def test_cors__preflight_of_another_origin() -> None:
    """A preflight of another origin is refused."""
    app = app_with(allowed_origins=("https://ok.example",))
    headers = [("host", "a"), ("origin", "null"), ("access-control-request-method", "GET")]
    answer = await ask(app, scope_of(PAGE, headers, method="OPTIONS"))
    assert answer.status == 400
    assert "access-control-allow-origin" not in answer.headers


# Security headers


@pytest.mark.parametrize("path", [PAGE, "/none", "/healthz", "/docs", "/docs/assets/favicon.png"])
async def test_security_headers__are_everywhere(app: ASGIApp, path: str) -> None:
    """No browser guesses a type or tells where it came from; nothing names the server (row D8)."""
    answer = await ask(app, scope_of(path))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "server" not in answer.headers


# Host


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["ok.example"], 200),
        (["OK.example"], 200),
        (["ok.example:443"], 200),
        (["also.example"], 200),
        ([], 400),
        ([""], 400),
        (["ok.example", "ok.example"], 400),
        (["ok.example", "evil.example"], 400),
        (["evil.example"], 400),
        (["ok.example.evil.example"], 400),
        (["evil-ok.example"], 400),
        (["ok.example:443@evil.example"], 400),
        (["ok.example, evil.example"], 400),
        (["ok.example/evil"], 400),
        (["ok.example:999999"], 400),
        (["ok.example\n"], 400),
        (["[::1]"], 400),
    ],
)
async def test_host__where_some_are_allowed(hosts: list[str], status: int) -> None:
    """The Host must be there once and be one of ours; probes are answered in any case (C18)."""
    app = app_with(allowed_hosts=("ok.example", "also.example"))
    headers = [("host", host) for host in hosts]
    answer = await ask(app, scope_of(PAGE, headers))
    assert answer.status == status
    for probe in ("/healthz",):
        assert (await ask(app, scope_of(probe, headers))).status == 200


async def test_host__where_any_is_allowed(app: ASGIApp) -> None:
    """Without a list any one host name will do; none, two or nonsense will not."""
    for host in ("a", "evil.example", "10.0.0.1:8000", "[::1]:8000"):
        assert (await ask(app, scope_of(PAGE, [("host", host)]))).status == 200
    for headers in ([], [("host", "a"), ("host", "a")], [("host", "a b")], [("host", "é")]):
        answer = await ask(app, scope_of(PAGE, headers))
        assert answer.status == 400
        assert b"unknown-host" in answer.body


async def test_host__is_in_no_answer(app: ASGIApp) -> None:
    """No URL in an answer is made of the Host header."""
    headers = [("host", "evil.example"), ("x-forwarded-host", "evil.example")]
    for path in ("/", PAGE, "/none", "/healthz", "/docs", "/openapi.json"):
        answer = await ask(app, scope_of(path, headers))
        assert b"evil" not in answer.body
        assert all("evil" not in value for value in answer.headers.values())


class TestOnTheWire:
    """What only a real server can show."""

    @pytest.fixture
    async def address(self) -> AsyncIterator[tuple[str, int]]:
        """Serve on a real port, for one host name."""
        settings = Settings(
            _env_file=None,
            aqs_base_url="http://127.0.0.1:9",
            allowed_hosts="ok.example",
            archive_enabled=False,
        )
        async with serve(create_app(settings, clock=FakeClock())) as url:
            at = urlsplit(url)
            assert at.hostname is not None
            assert at.port is not None
            yield at.hostname, at.port

    async def _send(self, address: tuple[str, int], request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer

    async def test_wire__strange_requests(self, address: tuple[str, int]) -> None:
        """What is no plain request for our host is a 4xx, whoever finds out (rows C17, C18)."""
        page, end = PAGE.encode(), b"connection: close\r\n\r\n"
        ours = b"host: ok.example\r\n"
        good = b"GET " + page + b" HTTP/1.1\r\n" + ours + end
        assert (await self._send(address, good)).startswith(b"HTTP/1.1 200 ")
        for request in (
            b"GET " + page + b" HTTP/1.1\r\n" + end,
            b"GET " + page + b" HTTP/1.0\r\n\r\n",
            b"GET " + page + b" HTTP/1.1\r\n" + ours + ours + end,
            b"GET " + page + b" HTTP/1.1\r\nhost: evil.example\r\n" + end,
            b"GET http://evil.example" + page + b" HTTP/1.1\r\nhost: evil.example\r\n" + end,
            b"G@T " + page + b" HTTP/1.1\r\n" + ours + end,
            b"PURGE " + page + b" HTTP/1.1\r\n" + ours + end,
            b"GET " + page + b" HTTP/1.1\r\n" + ours + b"content-length: 1\r\n" + end + b"x",
            b"POST " + page + b" HTTP/1.1\r\n" + ours + b"content-length: 1000000000\r\n" + end,
            b"GET " + page + b" HTTP/1.1\r\n" + ours + b"x: a\r\n b\r\n" + end,
            b"GET " + page + b" HTTP/1.1\r\n" + ours + b"transfer-encoding: chunked\r\n"
            b"content-length: 1\r\n" + end + b"0\r\n\r\n",
        ):
            answer = await self._send(address, request)
            assert re.match(rb"HTTP/1.1 4\d\d ", answer), (request, answer[:80])

    async def test_wire__pipelined_requests(self, address: tuple[str, int]) -> None:
        """Requests sent all at once are answered in order, none mixed with another (row C17)."""
        lines = [
            b"GET /none HTTP/1.1\r\nhost: ok.example\r\nx-request-id: n%d\r\n" % number
            for number in range(100)
        ]
        request = b"\r\n".join(lines) + b"connection: close\r\n\r\n"
        answer = await self._send(address, request)
        asked = [f"n{number}" for number in range(100)]
        assert re.findall(r"urn:request:(n\d+)", answer.decode()) == asked


# Rate limit


async def test_rate_limit__of_one_client() -> None:
    """A client may use up its minute at once; then it is told how long to wait (row C14)."""
    clock = FakeClock()
    app = app_with(clock, rate_limit=3)
    assert [(await ask(app, scope_of())).status for _ in range(4)] == [200, 200, 200, 429]
    limited = await ask(app, scope_of(method="HEAD"))
    assert (limited.status, limited.headers["retry-after"]) == (429, "20")
    assert (await ask(app, scope_of(client=("203.0.113.2", 1)))).status == 200
    clock.advance(20)
    assert [(await ask(app, scope_of())).status for _ in range(2)] == [200, 429]
    clock.advance(3600)
    assert [(await ask(app, scope_of())).status for _ in range(4)] == [200, 200, 200, 429]


async def test_rate_limit__of_probes() -> None:
    """Probes are answered however often they ask."""
    app = app_with(rate_limit=1)
    await ask(app, scope_of())
    assert {(await ask(app, scope_of("/healthz"))).status for _ in range(5)} == {200}


async def test_rate_limit__forged_addresses() -> None:
    """What a client writes into X-Forwarded-For neither frees it nor names others (row C15)."""
    for hops, real in ((0, ""), (1, ", 203.0.113.1"), (2, ", 203.0.113.1, 198.51.100.1")):
        app = app_with(rate_limit=3, trusted_proxy_hops=hops)
        statuses = []
        for number in range(6):
            forged = f"10.0.0.{number}{real}"
            headers = [("host", "a"), ("x-forwarded-for", forged)]
            statuses.append((await ask(app, scope_of(PAGE, headers))).status)
        assert statuses == [200, 200, 200, 429, 429, 429]


async def _nothing(_: Scope, __: Receive, ___: Send) -> None:
    """Answer nothing."""


async def test_rate_limit__bounded_table() -> None:
    """The table never grows beyond its bound, and who keeps asking stays in it (row C15)."""
    limit = RateLimitMiddleware(_nothing, per_minute=1, proxy_hops=0, clock=FakeClock())
    await ask(limit, scope_of(client=("loud", 1)))
    for number in range(MAX_CLIENTS + 500):
        await ask(limit, scope_of(client=(f"client {number}", 1)))
        if number % 1000 == 0:
            with pytest.raises(TooManyRequestsError):
                await ask(limit, scope_of(client=("loud", 1)))
    # The size of the table cannot be seen from outside.
    assert len(limit._tokens) == MAX_CLIENTS
    with pytest.raises(TooManyRequestsError):
        await ask(limit, scope_of(client=("loud", 1)))


async def test_rate_limit__forged_addresses_evict_nobody() -> None:
    """However many addresses one client makes up, it has one place in the table (row C15)."""
    limit = RateLimitMiddleware(_nothing, per_minute=10_000, proxy_hops=1, clock=FakeClock())
    for number in range(500):
        forged = f"10.0.{number // 256}.{number % 256}, 203.0.113.9"
        await ask(limit, scope_of(PAGE, [("x-forwarded-for", forged)]))
    assert list(limit._tokens) == ["203.0.113.9"]


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        ([], 0, "203.0.113.1"),
        (["10.0.0.1"], 0, "203.0.113.1"),
        ([], 1, "203.0.113.1"),
        ([""], 1, "203.0.113.1"),
        ([" , ,"], 1, "203.0.113.1"),
        (["10.0.0.1"], 1, "10.0.0.1"),
        (["forged, 10.0.0.1"], 1, "10.0.0.1"),
        (["forged", "10.0.0.1"], 1, "10.0.0.1"),
        (["forged,10.0.0.1 "], 1, "10.0.0.1"),
        (["10.0.0.1"], 2, "203.0.113.1"),
        (["10.0.0.1, 10.0.0.2"], 2, "10.0.0.1"),
        (["forged, 10.0.0.1, 10.0.0.2"], 2, "10.0.0.1"),
        (["2001:db8::1"], 1, "2001:db8::1"),
        (["x" * 10_000], 1, "x" * 64),
    ],
)
def test_client_address__with_proxies(forwarded: list[str], hops: int, address: str) -> None:
    """The address is the one that the outermost trusted proxy saw, else the peer's."""
    scope = scope_of(PAGE, [("x-forwarded-for", value) for value in forwarded])
    assert client_address(scope, proxy_hops=hops) == address


def test_client_address__without_a_peer() -> None:
    """Over a Unix socket there is no address; all are one client."""
    assert client_address(scope_of(client=None), proxy_hops=0) == "unknown"


# The rest


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [
        (b"/a%2Fb", "/a/b"),
        (b"/%ff%fe", "/\udcff\udcfe"),
        (b"/%ef%bf%bd", "/\ufffd"),
        (b"/%C3%A9", "/é"),
        (b"/a%25b", "/a%b"),
        (b"/%zz", "/%zz"),
        (b"/a+b", "/a+b"),
        (None, "/as the server says"),
    ],
)
async def test_lossless_path__decodes_once(raw_path: bytes | None, path: str) -> None:
    """Inside, no two raw paths of different bytes are one; the server's scope stays as it was."""
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["path"])

    scope = scope_of() | {"path": "/as the server says", "raw_path": raw_path}
    await ask(LosslessPathMiddleware(app), scope)
    assert seen == [path]
    assert scope["path"] == "/as the server says"


async def test_catch_all__after_the_beginning() -> None:
    """An answer that has begun is not followed by a second one; the server is told."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    def respond(_: Exception) -> ASGIApp:
        raise AssertionError

    with pytest.raises(RuntimeError):
        await ask(CatchAllMiddleware(app, respond), scope_of())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("content-length", "0")], 200),
        ([("content-length", "1")], 413),
        ([("content-length", "1000000000")], 413),
        ([("content-length", "nonsense")], 413),
        ([("transfer-encoding", "chunked")], 413),
    ],
)
async def test_body__is_refused(app: ASGIApp, headers: list[tuple[str, str]], status: int) -> None:
    """A request that announces a body is refused before any of it is read (row C11)."""
    answer = await ask(app, scope_of(PAGE, [("host", "a"), *headers]))
    assert answer.status == status


def test_probes__are_those_of_the_platform() -> None:
    """What is neither limited nor logged is what the platform asks for, and nothing else."""
    assert {"/healthz", "/readyz"} == middleware.PROBES


async def test_query__longer_than_any_meaning(service: Service) -> None:
    """A query of thousands of names is refused at once, also where no limit counts (row C4)."""
    query = "&".join(f"a{number}=1" for number in range(5_000))
    for path in ("/healthz", "/api/v1/articles/fr.wikipedia/Strasbourg"):
        response = await service.client.get(f"{path}?{query}")
        assert response.status_code == 414
        assert response.json()["type"] == "/problems/uri-too-long"
        assert len(response.content) < 1000
