"""What happens to every request before and after its route."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.types import ASGIApp, Receive, Scope, Send

from pageviews_api import middleware
from pageviews_api.config import Settings
from pageviews_api.main import create_app
from pageviews_api.middleware.defaults import HEADERS
from pageviews_api.middleware.errors import CatchAllMiddleware
from pageviews_api.middleware.path import LosslessPathMiddleware
from tests.support.asgi import PAGE, app_with, ask, scope_of
from tests.support.clock import FakeClock
from tests.support.serving import serve


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


@examples(max_examples=200)
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


async def test_cors__of_any_origin_is_one_answer() -> None:
    """Where any origin may read, the answer is the same for all, so that it is kept only once."""
    app = app_with(allowed_origins=("*",))
    plain = await ask(app, scope_of(PAGE, [("host", "a")]))
    other = await ask(app, scope_of(PAGE, [("host", "a"), ("origin", "https://ok.example")]))
    for answer in (plain, other):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "ETag" in answer.headers["access-control-expose-headers"]
        assert "Origin" not in answer.headers.get("vary", "")


async def test_cors__of_nobody(app: ASGIApp) -> None:
    """Without a setting no foreign origin may read an answer."""
    answer = await ask(app, scope_of(PAGE, [("host", "a"), ("origin", "https://ok.example")]))
    assert "access-control-allow-origin" not in answer.headers
    assert "vary" not in answer.headers  # one copy in a cache is good for all


@pytest.mark.parametrize(
    ("method", "allowed"), [("GET", True), ("HEAD", True), ("POST", True), ("DELETE", False)]
)
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


@pytest.mark.parametrize("origins", [("https://ok.example",), ("*",)])
async def test_cors__preflight_refused_in_our_words(origins: tuple[str, ...]) -> None:
    """A preflight that is refused is a problem like any other, in AQS's shape below its paths."""
    app = app_with(allowed_origins=origins)
    headers = [
        ("host", "a"),
        ("origin", "https://ok.example"),
        ("access-control-request-method", "DELETE"),
        ("access-control-request-headers", "x-api-key"),
    ]
    answer = await ask(app, scope_of(PAGE, headers, method="OPTIONS"))
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert "GET" in answer.headers["access-control-allow-methods"]
    problem = json.loads(answer.body)
    assert problem["type"] == "/problems/preflight-refused"
    assert problem["detail"] == "Not allowed to scripts of other sites: method, headers."
    below = "/api/rest_v1/metrics/pageviews/top/fr.wikipedia/all-access/2026/11/01"
    told = await ask(app, scope_of(below, headers, method="OPTIONS"))
    assert (told.status, json.loads(told.body)["title"]) == (400, "Bad Request")


async def test_cors__preflight_of_headers() -> None:
    """A script may send what our routes understand, and nothing else."""
    app = app_with(allowed_origins=("https://ok.example",))
    for names, status in [
        ("if-none-match, x-request-id", 200),
        ("content-type", 200),
        ("api-user-agent", 200),
        ("authorization,content-type", 400),
        ("x-api-key", 400),
    ]:
        headers = [
            ("host", "a"),
            ("origin", "https://ok.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", names),
        ]
        answer = await ask(app, scope_of(PAGE, headers, method="OPTIONS"))
        assert (names, answer.status) == (names, status)
        assert "access-control-allow-credentials" not in answer.headers


async def test_cors__exposes_what_a_frontend_needs() -> None:
    """A script may read how fresh an answer is, where to go on, and how much it may still ask."""
    app = app_with(allowed_origins=("https://ok.example",))
    answer = await ask(app, scope_of(PAGE, [("host", "a"), ("origin", "https://ok.example")]))
    exposed = set(answer.headers["access-control-expose-headers"].split(", "))
    assert exposed == {
        "Cache-Status",
        "Content-Disposition",
        "ETag",
        "Link",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-Request-ID",
    }


# Security headers


@pytest.mark.parametrize(
    "path", [PAGE, "/none", "/healthz", "/docs", "/docs/assets/favicon.png", "/openapi.json"]
)
async def test_security_headers__are_everywhere(app: ASGIApp, path: str) -> None:
    """No browser guesses a type or tells where it came from; nothing names the server (row D8)."""
    answer = await ask(app, scope_of(path))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


@pytest.mark.parametrize("origins", [("https://ok.example",), ("*",)])
async def test_security_headers__of_preflights(origins: tuple[str, ...]) -> None:
    """A preflight, allowed or not, says what every other answer says (row D8)."""
    app = app_with(allowed_origins=origins)
    for method, status in (("GET", 200), ("DELETE", 400)):
        headers = [
            ("host", "a"),
            ("origin", "https://ok.example"),
            ("access-control-request-method", method),
        ]
        answer = await ask(app, scope_of(PAGE, headers, method="OPTIONS"))
        assert answer.status == status
        own = {"Cache-Control": "no-store"} if status == 400 else {}  # as every error
        for name, value in (HEADERS | own).items():
            assert answer.headers[name.lower()] == value


async def test_security_headers__of_what_is_no_page(app: ASGIApp) -> None:
    """What is no page of ours may do nothing at all; the docs page says what it needs."""
    for path in (PAGE, "/none", "/healthz", "/openapi.json"):
        policy = (await ask(app, scope_of(path))).headers["content-security-policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"
    policy = (await ask(app, scope_of("/docs"))).headers["content-security-policy"]
    assert "script-src 'self'" in policy


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

    def respond(_: Exception, __: Scope) -> ASGIApp:
        raise AssertionError

    with pytest.raises(RuntimeError):
        await ask(CatchAllMiddleware(app, respond), scope_of())


def test_probes__are_those_of_the_platform() -> None:
    """What is neither limited nor logged is what the platform asks for, and nothing else."""
    assert {"/healthz", "/readyz"} == middleware.PROBES
