"""What every answer says, so that nobody has to guess what may be done with it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    # Without it, caches would make up for how long they keep an answer (RFC 9111 §4.2.2).
    "Cache-Control": "no-cache",
    # What is no page loads nothing, runs nothing and stands in no frame. A page says what it needs.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Anybody may show a chart of ours as an image. Which origins' scripts may read an answer is
    # for CORS to say; the same answer goes to everybody, so nothing leaks without it.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What an answer has, unless it says otherwise. Strict-Transport-Security is for those to say who
end TLS."""


class DefaultHeadersMiddleware:
    """Adds to every answer what it does not say itself."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, add_headers)
