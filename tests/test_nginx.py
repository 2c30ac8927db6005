"""A real cache in front of the service does what our headers promise."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.conftest import YESTERDAY
from tests.support import aqs_faults, raw_http
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs
from tests.support.nginx import nginx
from tests.support.raw_http import RawAnswer
from tests.support.serving import serve

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"

ORIGINS = ("https://ok.example", "https://also.example")

TTL = 7200


@dataclass
class Seen:
    """The service as the cache sees it: what it was asked, and what it answered."""

    app: ASGIApp
    asked: list[tuple[str, Headers]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, once it is ``open``."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.asked.append((scope["path"], Headers(scope=scope)))
        await self.open.wait()

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses.append(message["status"])
            await send(message)

        await self.app(scope, receive, note)


@dataclass
class Cached:
    """A service, and a cache before it."""

    url: str
    own_url: str
    seen: Seen
    aqs: FakeAqs
    clock: FakeClock
    stop: Callable[[], Awaitable[None]]

    async def get(self, target: str, **headers: str) -> RawAnswer:
        """Ask the cache."""
        fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return await raw_http.ask(self.url, target, fields)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what the cache does in its own time, by its own clock."""
        async with asyncio.timeout(60):
            while not await condition():  # noqa: ASYNC110  # nobody tells of it
                await asyncio.sleep(0.05)

    async def keep_for_a_second(self) -> RawAnswer:
        """Have the cache keep Strasbourg for the second that is left of our own freshness."""
        await raw_http.ask(self.own_url, STRASBOURG)
        self.clock.advance(TTL - 1)
        answer = await self.get(STRASBOURG)
        assert how(answer) == "MISS"
        assert (answer.header("cache-control") or "").startswith("public, max-age=1,")
        return answer


def how(answer: RawAnswer) -> str | None:
    """Tell what the cache did for an answer."""
    return answer.header("x-cache-status")


@pytest.fixture(params=[True])
async def cached(
    request: pytest.FixtureRequest,
    settings: Settings,
    aqs: FakeAqs,
    clock: FakeClock,
    tmp_path: Path,
) -> AsyncIterator[Cached]:
    """Serve it behind a cache; the parameter is whether that asks anew in the background."""
    update = {"allowed_origins": ORIGINS, "trusted_proxy_hops": 1, "rate_limit": 1000}
    seen = Seen(create_app(settings.model_copy(update=update), clock=clock))
    seen.open.set()
    folder = tmp_path / "nginx"
    folder.mkdir()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(seen, dated=True))
        service = stack.pop_all()
        stack.push_async_callback(service.aclose)
        with nginx(folder, url, background=request.param) as cache_url:
            yield Cached(cache_url, url, seen, aqs, clock, service.aclose)


async def test_cache__keeps_what_is_fresh(cached: Cached) -> None:
    """What is fresh is asked once; all who come get the same bytes, and how fresh they are."""
    first = await cached.get(STRASBOURG)
    again = [await cached.get(STRASBOURG) for _ in range(3)]
    assert [how(answer) for answer in (first, *again)] == ["MISS", "HIT", "HIT", "HIT"]
    assert len(cached.seen.asked) == 1
    for answer in again:
        assert answer.body == first.body
        for name in ("etag", "cache-control", "cache-status", "content-type", "vary"):
            assert answer.header(name) == first.header(name)
    assert (first.header("cache-control") or "").startswith(f"public, max-age={TTL},")


async def test_cache__answers_who_has_it_already(cached: Cached) -> None:
    """Our tag is good for the cache's own callers, too."""
    tag = (await cached.get(STRASBOURG)).header("etag")
    assert tag is not None
    answer = await cached.get(STRASBOURG, If_None_Match=tag)
    assert (answer.status, how(answer), answer.body) == (304, "HIT", b"")
    assert len(cached.seen.asked) == 1


async def test_cache__serves_stale_while_it_revalidates(cached: Cached) -> None:
    """What is no longer fresh is served at once, and asked anew behind: a 304 makes it fresh."""
    first = await cached.keep_for_a_second()
    cached.clock.advance(10)  # a check finds nothing new
    cached.seen.open.clear()

    async def is_stale() -> bool:
        return how(await cached.get(STRASBOURG)) != "HIT"

    await cached.until(is_stale)
    answer = await cached.get(STRASBOURG)  # nobody waits for us
    assert how(answer) in {"STALE", "UPDATING"}
    assert (answer.status, answer.body) == (200, first.body)
    cached.seen.open.set()

    async def is_fresh() -> bool:
        return how(await cached.get(STRASBOURG)) == "HIT"

    await cached.until(is_fresh)
    path, headers = cached.seen.asked[-1]
    assert (path, headers["if-none-match"]) == (STRASBOURG, first.header("etag"))
    assert cached.seen.statuses[-1] == 304
    assert len(cached.seen.asked) == 3


async def test_cache__takes_what_is_new(cached: Cached) -> None:
    """Where a check finds new numbers, the cache has them with the next question but one."""
    first = await cached.keep_for_a_second()
    cached.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", {YESTERDAY: 7})
    cached.clock.advance(40 * 86400)  # all is learned anew after 30 days

    async def is_new() -> bool:
        return (await cached.get(STRASBOURG)).body != first.body

    await cached.until(is_new)
    assert cached.seen.statuses[-1] == 200


@pytest.mark.parametrize("cached", [False], indirect=True)
async def test_cache__serves_stale_if_we_are_gone(cached: Cached) -> None:
    """While we cannot be reached, what the cache holds is served, and nothing else."""
    first = await cached.keep_for_a_second()
    await cached.stop()

    async def is_stale() -> bool:
        return how(await cached.get(STRASBOURG)) != "HIT"

    await cached.until(is_stale)
    answer = await cached.get(STRASBOURG)
    assert (answer.status, how(answer), answer.body) == (200, "STALE", first.body)
    assert (await cached.get("/problems/not-found")).status == 502


async def test_cache__keeps_no_error(cached: Cached) -> None:
    """No error but a 404 is kept: the next question is asked anew."""
    bad = f"{STRASBOURG}?range=none"
    for target, status in ((bad, 422), ("/api/v1/data-state", 200), (STRASBOURG, 502)):
        if status == 502:
            cached.aqs.behave(aqs_faults.html_page())
        cached.seen.asked.clear()
        answers = [await cached.get(target) for _ in range(3)]
        assert [(answer.status, how(answer)) for answer in answers] == [(status, "MISS")] * 3
        assert {answer.header("cache-control") for answer in answers} == {"no-store"}
        assert len(cached.seen.asked) == 3
    answer = await cached.get(STRASBOURG, Accept="application/xml")
    assert (answer.status, how(answer)) == (406, "MISS")


async def test_cache__keeps_a_404_for_a_minute(cached: Cached) -> None:
    """What is not there is asked once a minute at most."""
    for target in ("/none", "/api/v1/articles/fr.wikipedia/Nobody_reads_this"):
        answers = [await cached.get(target) for _ in range(3)]
        assert [(one.status, how(one)) for one in answers] == [
            (404, "MISS"),
            (404, "HIT"),
            (404, "HIT"),
        ]
        assert answers[-1].header("cache-control") == "public, max-age=60"


async def test_cache__mixes_no_two_forms(cached: Cached) -> None:
    """Whatever is asked for of one URL, and in whichever order, each gets what is theirs."""
    accepts = ("application/json", "text/csv", "application/x-ndjson", "*/*")
    codings = ("gzip", "br", "zstd", "identity")
    asked = list(product(accepts, codings, (*ORIGINS, "https://evil.example", None)))
    for turn in ("MISS", "HIT"):
        for accept, coding, origin in asked:
            headers = {"Accept": accept, "Accept_Encoding": coding}
            headers |= {"Origin": origin} if origin else {}
            answer = await cached.get(STRASBOURG, **headers)
            assert (answer.status, how(answer)) == (200, turn)
            form = "application/json" if accept == "*/*" else accept
            assert (answer.header("content-type") or "").startswith(form)
            assert (answer.header("content-encoding") or "identity") == coding
            allowed = answer.header("access-control-allow-origin")
            assert allowed == (origin if origin in ORIGINS else None)
        asked.reverse()
    assert len(cached.seen.asked) == len(asked)


async def test_cache__forms_by_name(cached: Cached) -> None:
    """A form that is asked for in the URL is one for all who accept anything."""
    for accept in ("text/html", "application/json", "text/csv"):
        answer = await cached.get(f"{STRASBOURG}?format=csv", Accept=accept)
        assert (answer.header("content-type") or "").startswith("text/csv")
    assert len(cached.seen.asked) == 1


async def test_limit__behind_a_cache(cached: Cached) -> None:
    """Clients are told apart behind the cache; what it answers by itself counts for nobody."""
    for _ in range(3):
        answer = await cached.get(STRASBOURG)
        assert answer.header("ratelimit") is None  # it is the first one's
    own = await raw_http.ask(cached.own_url, "/none", [("X-Forwarded-For", "127.0.0.1")])
    assert (own.header("ratelimit") or "").startswith('"default";r=998;')
