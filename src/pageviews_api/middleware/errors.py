"""The last resort: whatever goes wrong inside is answered."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CatchAllMiddleware:
    """Answers whatever is raised inside with what ``respond`` makes of it.

    An answer that has begun cannot be taken back; the error then goes on to the server, which
    closes the connection.
    """

    def __init__(self, app: ASGIApp, respond: Callable[[Exception, Scope], ASGIApp]) -> None:
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
            await self.respond(e, scope)(scope, receive, send)
