"""One request to an ASGI app, by hand: with just these headers, from whom we say."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.support.clock import FakeClock

PAGE = "/problems/not-found"
"""A page that needs nothing but the app itself."""

HeaderList = Iterable[tuple[str, str | bytes]]


@dataclass
class Answer:
    """What an app sent."""

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""


def scope_of(
    path: str = PAGE,
    headers: HeaderList = (("host", "testserver"),),
    *,
    method: str = "GET",
    client: tuple[str, int] | None = ("203.0.113.1", 5000),
) -> dict[str, Any]:
    """Make a request's scope, with these headers and no others."""
    raw = [(k.encode(), v if isinstance(v, bytes) else v.encode()) for k, v in headers]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": raw,
        "client": client,
        "server": ("127.0.0.1", 80),
        "root_path": "",
    }


async def ask(app: ASGIApp, scope: dict[str, Any]) -> Answer:
    """Ask an app; an exception that leaves it fails the test."""
    answer = Answer()

    requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if not requests:
            await asyncio.Event().wait()  # the client stays
        return requests.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = Headers(raw=message["headers"])
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer


def app_with(clock: FakeClock | None = None, **settings: object) -> ASGIApp:
    """Put the application together; its pages about problems need nothing else."""
    return create_app(
        Settings.model_validate(
            {
                **Settings.model_construct().model_dump(),
                "aqs_contact": "tests@example.org",
                "rate_limit": 1_000_000,
                **settings,
            }
        ),
        clock=clock or FakeClock(),
    )
