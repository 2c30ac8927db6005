"""Headers that keep browsers from guessing, and from doing with an answer what it is not for."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    # What is no page loads nothing, runs nothing and stands in no frame. A page says what it needs.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Anybody may show a chart of ours as an image. Which origins' scripts may read an answer is
    # for CORS to say; the same answer goes to everybody, so nothing leaks without it.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer has, unless it says otherwise. (Strict-Transport-Security is the platform's:
it ends TLS.)"""


class SecurityHeadersMiddleware:
    """Adds to every answer the security headers that it does not set itself."""

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
