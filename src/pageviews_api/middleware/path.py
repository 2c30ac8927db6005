"""What was asked for, byte for byte."""

from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from pageviews_api.middleware.scopes import call_changed
from pageviews_api.schemas.aqs_problem import is_aqs_path


class LosslessPathMiddleware:
    """Decodes the path so that nothing is lost: bytes that are no UTF-8 stay apart from U+FFFD.

    Servers put U+FFFD in their place, so ``%ff`` could not be told from ``%ef%bf%bd``. Here they
    become lone surrogates, which no title may hold. Under AQS's paths nothing is decoded: there a
    slash parts two segments, and ``%2F`` does not; who reads a segment decodes it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("raw_path") is not None:
            raw_path = scope["raw_path"]
            path = unquote_to_bytes(raw_path).decode("utf-8", "surrogateescape")
            if is_aqs_path(path):
                path = raw_path.decode("utf-8", "surrogateescape")
            await call_changed(self.app, scope, receive, send, path=path)
        else:
            await self.app(scope, receive, send)
