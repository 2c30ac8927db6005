"""Requests that are changed on their way in."""

from starlette.types import ASGIApp, Receive, Scope, Send


async def call_changed(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, **changes: str
) -> None:
    """Call with a changed copy of the scope; of it, only the route that was found is kept."""
    inner = {**scope, **changes}
    try:
        await app(inner, receive, send)
    finally:
        scope["route"] = inner.get("route")
