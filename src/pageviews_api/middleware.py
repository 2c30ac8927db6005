"""What happens to every request before and after its route, as plain ASGI.

From the outside in: request id, log line, CORS, security headers, catch-all, host, rate limit,
size, HEAD, compression (a library's), path. The catch-all stands inside CORS: a browser shows a
500 without CORS headers as a network error.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from time import perf_counter
from urllib.parse import unquote_to_bytes

from asgi_correlation_id import correlation_id
from loguru import logger
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api.clock import Clock
from pageviews_api.exceptions import (
    ContentTooLargeError,
    QueryTooLongError,
    TooManyRequestsError,
    UnknownHostError,
)

PROBES = frozenset({"/healthz", "/readyz"})
"""Paths that the platform asks for: not logged, not limited."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

MAX_QUERY_BYTES = 2_000
"""More than any meaningful query; a longer one would only cost time to refuse name by name."""

MAX_CLIENTS = 10_000
"""Clients whose requests are counted; beyond, the longest silent one is forgotten."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HOST = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")


def is_request_id(text: str) -> bool:
    """Tell whether a client's own request id may go into our logs and headers."""
    return _REQUEST_ID.fullmatch(text) is not None


class LogMiddleware:
    """Writes one line for each answered request, and puts its id on every line in between."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        started, status = perf_counter(), 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with logger.contextualize(request_id=correlation_id.get()):
            try:
                await self.app(scope, receive, note_status)
            finally:
                logger.bind(
                    method=scope["method"],
                    route=getattr(scope.get("route"), "path", None),
                    path=scope["raw_path"].decode("ascii", "backslashreplace"),
                    status=status,
                    duration_ms=round((perf_counter() - started) * 1000, 1),
                ).info("request")


class SecurityHeadersMiddleware:
    """Adds to every answer the headers that keep browsers from guessing."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, add_headers)


class CatchAllMiddleware:
    """Answers whatever is raised inside with what ``respond`` makes of it.

    An answer that has begun cannot be taken back; the error then goes on to the server, which
    closes the connection.
    """

    def __init__(self, app: ASGIApp, respond: Callable[[Exception], ASGIApp]) -> None:
        self.app = app
        self.respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def note_begin(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, note_begin)
        except Exception as e:
            if begun or scope["type"] != "http":
                raise
            await self.respond(e)(scope, receive, send)


class HostMiddleware:
    """Refuses requests for other sites: the Host must be there once, and be one of ours.

    An empty ``allowed_hosts`` allows any. Probes pass: the platform asks by address.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: tuple[str, ...]) -> None:
        self.app = app
        self.allowed_hosts = frozenset(allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            hosts = Headers(scope=scope).getlist("host")
            match = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
            if match is None or (self.allowed_hosts and match[1] not in self.allowed_hosts):
                raise UnknownHostError("The Host header does not name this service.")
        await self.app(scope, receive, send)


class RateLimitMiddleware:
    """Lets each client ask so often a minute; a burst may use up the minute at once.

    A client is told by its address, or by what the last trusted proxy says of it.
    """

    def __init__(self, app: ASGIApp, *, per_minute: int, proxy_hops: int, clock: Clock) -> None:
        self.app = app
        self.per_minute = per_minute
        self.proxy_hops = proxy_hops
        self.clock = clock
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            self._take(client_address(scope, proxy_hops=self.proxy_hops))
        await self.app(scope, receive, send)

    def _take(self, client: str) -> None:
        now, per_second = self.clock.monotonic(), self.per_minute / 60
        tokens, then = self._tokens.pop(client, (float(self.per_minute), now))
        tokens = min(tokens + (now - then) * per_second, self.per_minute)
        allowed = tokens >= 1
        self._tokens[client] = (tokens - allowed, now)
        if len(self._tokens) > MAX_CLIENTS:
            self._tokens.popitem(last=False)
        if not allowed:
            raise TooManyRequestsError(retry_after=(1 - tokens) / per_second)


def client_address(scope: Scope, *, proxy_hops: int) -> str:
    """Tell who asks. Each trusted proxy appended one address to ``X-Forwarded-For``.

    What stands before those addresses was sent by the client, and is not believed.
    """
    peer = scope["client"][0] if scope.get("client") else "unknown"
    if proxy_hops == 0:
        return str(peer)
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    addresses = [address.strip() for address in forwarded.split(",") if address.strip()]
    return addresses[-proxy_hops][:64] if len(addresses) >= proxy_hops else str(peer)


class SizeMiddleware:
    """Refuses requests that carry a body, which no route expects, or a query that none needs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if len(scope["query_string"]) > MAX_QUERY_BYTES:
                raise QueryTooLongError(f"The query is longer than {MAX_QUERY_BYTES} bytes.")
            if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
                raise ContentTooLargeError("No body is expected here.")
        await self.app(scope, receive, send)


class HeadMiddleware:
    """Answers HEAD as GET without the body (RFC 9110 §9.3.2), and says so in ``Allow``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_as_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                _allow_head(MutableHeaders(scope=message))
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        changes = {"method": "GET"} if is_head else {}
        await _call_changed(self.app, scope, receive, send_as_head, **changes)


def _allow_head(headers: MutableHeaders) -> None:
    methods = headers.get("allow", "").split(", ")
    if "GET" in methods and "HEAD" not in methods:
        headers["allow"] = ", ".join([*methods, "HEAD"])


class LosslessPathMiddleware:
    """Decodes the path so that nothing is lost: bytes that are no UTF-8 stay apart from U+FFFD.

    Servers put U+FFFD in their place, so ``%ff`` could not be told from ``%ef%bf%bd``. Here they
    become lone surrogates, which no title may hold.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("raw_path") is not None:
            path = unquote_to_bytes(scope["raw_path"]).decode("utf-8", "surrogateescape")
            await _call_changed(self.app, scope, receive, send, path=path)
        else:
            await self.app(scope, receive, send)


async def _call_changed(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, **changes: str
) -> None:
    """Call with a changed copy of the scope; of it, only the route that was found is kept."""
    inner = {**scope, **changes}
    try:
        await app(inner, receive, send)
    finally:
        scope["route"] = inner.get("route")
