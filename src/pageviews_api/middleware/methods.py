"""The methods that every path has beside those of its routes: HEAD and OPTIONS."""

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api.middleware.scopes import call_changed

_OF_ROUTES = ("GET", "POST")
"""The methods that routes of ours have."""


class MethodsMiddleware:
    """Answers HEAD as GET without the body, and OPTIONS with what a path has (RFC 9110 §9.3).

    Every 405 tells in ``Allow`` all that the path has, also where several routes share it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS" and (allow := _allow(scope)):
            await Response(status_code=204, headers={"Allow": allow})(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def send_as_asked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:  # noqa: PLR2004  # the status speaks for itself
                MutableHeaders(scope=message)["Allow"] = _allow(scope)
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        changes = {"method": "GET"} if is_head else {}
        await call_changed(self.app, scope, receive, send_as_asked, **changes)


def _allow(scope: Scope) -> str:
    """List the methods of a path; empty where there is no such path."""
    allowed = {
        method
        for method in _OF_ROUTES
        for route in scope["app"].routes
        if route.matches({**scope, "method": method})[0] is Match.FULL
        and not (isinstance(route, Mount) and method != "GET")  # it holds files
    }
    if "GET" in allowed:
        allowed.add("HEAD")
    return ", ".join(sorted(allowed | {"OPTIONS"})) if allowed else ""
