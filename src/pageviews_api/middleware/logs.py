"""The line for each request, and the id that is on it."""

import re
from time import perf_counter

from asgi_correlation_id import correlation_id
from loguru import logger
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api.middleware import PROBES

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


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
