"""Bodies and queries: taken where a route has a use for them, refused everywhere else."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api.exceptions import (
    ContentTooLargeError,
    SlowRequestError,
    UnsupportedMediaTypeError,
)
from pageviews_api.middleware import size
from pageviews_api.middleware.size import BODIES, SizeMiddleware
from tests.conftest import Service
from tests.support.asgi import PAGE, app_with, ask, scope_of

BATCH = "/api/v1/articles/batch"

MOST = 1024 * 1024

JSON = ("content-type", "application/json")


@pytest.fixture(scope="module")
def app() -> ASGIApp:
    """Give the application as it is by default."""
    return app_with()


def posted(*headers: tuple[str, str], path: str = BATCH, method: str = "POST") -> dict[str, Any]:
    """Make the scope of a posted request."""
    return scope_of(path, [("host", "a"), *headers], method=method)


class Taker:
    """An app that takes a body, behind the limit on its size; it notes what it was given."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.read = 0

    async def __call__(self, _: Scope, receive: Receive, __: Send) -> None:
        """Read the body to its end, and see the client leave."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        assert (await receive())["type"] == "http.disconnect"

    async def post(self, scope: Scope, pieces: Iterable[bytes], *, whole: bool = True) -> None:
        """Post a body in pieces; one that is not whole breaks off."""
        messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        if whole:
            messages.append({"type": "http.request", "more_body": False})
        messages.append({"type": "http.disconnect"})

        async def receive() -> Message:
            self.read += 1
            return messages[self.read - 1]

        async def send(_: Message) -> None:
            raise AssertionError

        await SizeMiddleware(self)(scope, receive, send)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("content-length", "0")], 200),
        ([("content-length", "1")], 413),
        ([("content-length", "1000000000")], 413),
        ([("content-length", "nonsense")], 413),
        ([("transfer-encoding", "chunked")], 413),
    ],
)
async def test_body__is_refused(app: ASGIApp, headers: list[tuple[str, str]], status: int) -> None:
    """A request that announces a body is refused before any of it is read (row C11)."""
    answer = await ask(app, scope_of(PAGE, [("host", "a"), *headers]))
    assert answer.status == status


async def test_query__longer_than_any_meaning(service: Service) -> None:
    """A query of thousands of names is refused at once, also where no limit counts (row C4)."""
    query = "&".join(f"a{number}=1" for number in range(5_000))
    for path in ("/healthz", "/api/v1/articles/fr.wikipedia/Strasbourg"):
        response = await service.client.get(f"{path}?{query}")
        assert response.status_code == 414
        assert response.json()["type"] == "/problems/uri-too-long"
        assert len(response.content) < 1000


async def test_query__of_many_articles(service: Service) -> None:
    """Where many articles are named a query may be long, but not of any length (row C4)."""
    path = "/api/v1/articles?project=fr.wikipedia"
    for query, status in (
        ("&article=" + "x" * 30_000, 422),
        ("&article=" + "x" * 40_000, 414),
        ("&a=" * 98, 422),
        ("&a=" * 100, 414),
    ):
        response = await service.client.get(path + query)
        assert (len(query), response.status_code) == (len(query), status)
        assert len(response.content) < 20_000
    assert service.aqs.count() == 0


def test_bodies__are_taken_by_few() -> None:
    """The one path that takes a body is the documented one."""
    assert {BATCH: MOST} == BODIES


@pytest.mark.parametrize(
    "headers",
    [
        [JSON, ("content-length", str(MOST))],
        [("content-type", "Application/JSON; charset=utf-8"), ("content-length", str(MOST))],
        [JSON, ("transfer-encoding", "chunked")],
        [JSON, ("content-encoding", "identity"), ("transfer-encoding", "chunked")],
    ],
)
async def test_body__up_to_the_maximum(headers: list[tuple[str, str]]) -> None:
    """A body of the greatest length is handed on whole, however it came."""
    taker = Taker()
    await taker.post(posted(*headers), [b"x" * 1024] * 1024)
    assert taker.bodies == [b"x" * MOST]


@pytest.mark.parametrize("length", [str(MOST + 1), "1000000000", "9" * 5000, "-1", "1_0", "\xb2"])
async def test_body__announced_as_too_long(length: str) -> None:
    """A body that says how long it is, is refused before any of it is read (row C11)."""
    taker = Taker()
    with pytest.raises(ContentTooLargeError):
        await taker.post(posted(JSON, ("content-length", length)), [b"x"])
    assert (taker.read, taker.bodies) == (0, [])


async def test_body__longer_than_announced_nowhere() -> None:
    """A body in pieces is cut off with the first byte too many (row C11)."""
    taker = Taker()
    with pytest.raises(ContentTooLargeError, match="longer than 1048576 bytes"):
        await taker.post(
            posted(JSON, ("transfer-encoding", "chunked")), [b"x" * 1024] * 1025 + [b"never read"]
        )
    assert (taker.read, taker.bodies) == (1025, [])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", "")],
        [("content-type", "text/plain")],
        [("content-type", "application/jsonp")],
        [("content-type", "application/x-www-form-urlencoded")],
        [JSON, ("content-encoding", "gzip")],
    ],
)
async def test_body__of_another_kind(headers: list[tuple[str, str]]) -> None:
    """What is not plain JSON is refused before any of it is read (row C11)."""
    taker = Taker()
    with pytest.raises(UnsupportedMediaTypeError):
        await taker.post(posted(("content-length", "5"), *headers), [b"12345"])
    assert (taker.read, taker.bodies) == (0, [])


@pytest.mark.parametrize(
    ("method", "path"), [("GET", BATCH), ("HEAD", BATCH), ("PUT", BATCH), ("POST", f"{BATCH}/x")]
)
async def test_body__where_none_is_expected(method: str, path: str) -> None:
    """The same body with another method, or for another path, is refused (row C11)."""
    taker = Taker()
    with pytest.raises(ContentTooLargeError, match="No body is expected"):
        await taker.post(posted(JSON, ("content-length", "2"), path=path, method=method), [b"[]"])
    assert taker.read == 0


async def test_body__that_breaks_off() -> None:
    """Of a client that leaves in the middle nobody hears."""
    taker = Taker()
    headers = (JSON, ("content-length", "100"))
    await taker.post(posted(*headers), [b"[1, 2"], whole=False)
    assert taker.bodies == []


async def test_body__that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come in time is not waited for (row C16)."""
    monkeypatch.setattr(size, "READ_WITHIN", 0.0)
    scope = posted(JSON, ("content-length", "100"))

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    with pytest.raises(SlowRequestError):
        await SizeMiddleware(Taker())(scope, receive, send)


async def test_body__none_at_all() -> None:
    """A request that announces no body reaches the route, which says what it lacks."""
    taker = Taker()
    for headers in ([], [("content-length", "0")]):
        taker.read = 0
        await taker.post(posted(*headers), [])
    assert taker.bodies == [b"", b""]


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ([JSON, ("content-length", "1000000000")], 413, "content-too-large"),
        ([("content-length", "5")], 415, "unsupported-media-type"),
    ],
)
async def test_refused_body__is_a_problem(
    app: ASGIApp, headers: list[tuple[str, str]], status: int, slug: str
) -> None:
    """A refused body is a problem document like any other error."""
    answer = await ask(app, posted(*headers))
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert f"/problems/{slug}".encode() in answer.body
