"""Which origins' scripts may read answers (Fetch, *CORS protocol*): Starlette's, in our words."""

from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api.exceptions import PreflightRefusedError

Respond = Callable[[Exception, Scope], Response]

_REFUSED = b"Disallowed CORS "
"""How Starlette begins to say what is not allowed."""


class OriginsMiddleware(CORSMiddleware):
    """Lets scripts of some origins read answers; a preflight that is refused gets a problem."""

    def __init__(self, app: ASGIApp, /, *, respond: Respond, **allowed: Any) -> None:  # noqa: ANN401  # Starlette's
        super().__init__(app, **allowed)
        self._respond = respond

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer a preflight."""
        answer = super().preflight_response(request_headers)
        body = bytes(answer.body)
        if not body.startswith(_REFUSED):
            return answer
        return _Refusal(body.removeprefix(_REFUSED).decode(), answer.headers, self._respond)


class AnyOriginMiddleware(OriginsMiddleware):
    """Says in every answer that any script may read it, whoever asks.

    So the answer is one for all, and a cache in front needs to keep it only once: where it were
    told to those only who name an origin, it would vary by it (Fetch, *CORS protocol and HTTP
    caches*).
    """

    async def send(
        self,
        message: Message,
        send: Send,
        request_headers: Headers,  # noqa: ARG002  # whoever asks
    ) -> None:
        """Add the headers to the beginning of an answer."""
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(self.simple_headers)
        await send(message)


class _Refusal(Response):
    """A problem beside what a preflight says of CORS; its shape depends on the path."""

    def __init__(self, what: str, headers: Headers, respond: Respond) -> None:
        super().__init__()
        self._error = PreflightRefusedError(f"Not allowed to scripts of other sites: {what}.")
        self._told = headers
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._respond(self._error, scope)
        for name, value in self._told.items():
            if name == "vary" or name.startswith("access-control-"):
                answer.headers[name] = value
        await answer(scope, receive, send)
