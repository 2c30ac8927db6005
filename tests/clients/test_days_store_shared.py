"""Two processes' worth of the service with one real Redis: what one knows, both know."""

import asyncio
import os
import pickle
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.conftest import YESTERDAY, Service
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs
from tests.support.redis_fixtures import watch_commands
from tests.support.redis_server import RedisServer

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"
BLOCK = "pageviews:days/fr.wikipedia/all-access/user/Strasbourg"
CALENDAR = "pageviews:calendar/en.wikipedia/all-access/user/Main_Page"
CORRECTIONS = "pageviews:corrections/fr.wikipedia"


@asynccontextmanager
async def running(
    settings: Settings, aqs: FakeAqs, clock: FakeClock, redis: RedisServer
) -> AsyncIterator[Service]:
    """Run one service of those that share this Redis."""
    app = create_app(settings.model_copy(update={"redis_url": SecretStr(redis.url)}), clock=clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield Service(client, app, aqs, clock)


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give settings under which neither a caller nor a lock runs out of time on a busy machine."""
    monkeypatch.setattr("pageviews_api.cache.LEASE", 60.0)
    return settings.model_copy(update={"aqs_timeout": 60.0, "rate_limit": 10_000})


@pytest.fixture
async def both(
    settings: Settings, aqs: FakeAqs, clock: FakeClock, redis: RedisServer
) -> AsyncIterator[tuple[Service, Service]]:
    """Run two services that share one Redis."""
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(running(settings, aqs, clock, redis)) for _ in range(2)
        ]
        yield one, other


@pytest.fixture
async def redis_client(redis: RedisServer) -> AsyncIterator["Redis"]:
    """Look into that Redis from outside."""
    async with Redis.from_url(redis.url) as client:
        yield client


async def ask(service: Service, **parameters: str) -> dict[str, Any]:
    """Ask for Strasbourg's days."""
    response = await service.client.get(STRASBOURG, params=parameters)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def test_shared__asked_by_one(both: tuple[Service, Service]) -> None:
    """What one process has fetched, another one tells without asking AQS, in the same words."""
    one, other = both
    first = await ask(one)
    assert one.aqs.count() == 3
    assert await ask(other) == first
    assert one.aqs.count() == 3


async def test_shared__many_callers(both: tuple[Service, Service]) -> None:
    """Row B1: 500 callers of each process for one cold series cost one fetch, and each check."""
    one, other = both
    one.aqs.delay = 0.05
    answers = await asyncio.gather(*(ask(service) for _ in range(500) for service in both))
    assert all(answer == answers[0] for answer in answers)
    assert one.series_fetches("Strasbourg") == 1
    assert other.aqs.count() == 3


async def test_shared__new_day(both: tuple[Service, Service], clock: FakeClock) -> None:
    """A day that one process fetched is added to what the other one holds."""
    one, other = both
    await ask(one)
    await ask(other, range="latest-90")
    today = YESTERDAY + timedelta(days=1)
    clock.advance(86_400)
    for project, title in (("en.wikipedia", "Main_Page"), ("fr.wikipedia", "Strasbourg")):
        days = {YESTERDAY - timedelta(days=back): 7 for back in range(400)} | {today: 8}
        one.aqs.set_views(project, title, "all-access", "user", days)
    one.aqs.loaded_through = today
    await ask(one)
    one.aqs.forget()
    answer = await ask(other)
    assert (answer["end"], answer["items"][-1]["views"]) == (str(today), 8)
    assert one.aqs.count() == 0


async def test_shared__restated(both: tuple[Service, Service], clock: FakeClock) -> None:
    """A restatement that one process noticed counts for the other one, too."""
    one, other = both
    await ask(one)
    await ask(other)
    day = date(2026, 11, 3)
    restated = {YESTERDAY - timedelta(days=back): 1_000 for back in range(400)} | {day: 42}
    totals = {YESTERDAY - timedelta(days=back): 20_000_000 for back in range(400)}
    one.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", restated)
    one.aqs.set_views("fr.wikipedia", None, "all-access", "user", totals)
    clock.advance(7200)
    await ask(one)
    one.aqs.forget()
    answer = await ask(other)
    assert {item["date"]: item["views"] for item in answer["items"]}[str(day)] == 42
    assert one.series_fetches("Strasbourg") == 0


async def test_shared__known_project(both: tuple[Service, Service]) -> None:
    """A project that one process knows is known to the one that tells its days."""
    one, other = both
    await ask(one)
    await ask(other)
    response = await other.client.get("/api/v1/articles/fr.wikipedia/No_such")
    assert response.json()["type"] == "/problems/article-never-viewed"
    listed = (await other.client.get("/api/v1/projects")).json()["items"]
    assert "fr.wikipedia" in [item["project"] for item in listed]


async def test_shared__keys(both: tuple[Service, Service], redis_client: "Redis") -> None:
    """Each key has the prefix, and expires."""
    await ask(both[0])
    await both[0].client.get("/api/v1/articles/fr.wikipedia/No_such")
    keys = [key.decode() async for key in redis_client.scan_iter()]
    assert {BLOCK, CALENDAR, CORRECTIONS} <= set(keys)
    for key in keys:
        assert key.startswith("pageviews:")
        assert 0 < await redis_client.pttl(key) <= 31 * 86_400_000


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("key", [BLOCK, CALENDAR, CORRECTIONS])
@pytest.mark.parametrize("junk", ["empty", "text", "header only", "other format", "pickle"])
async def test_shared__junk(
    both: tuple[Service, Service], redis_client: "Redis", tmp_path: Path, key: str, junk: str
) -> None:
    """Row B12: what cannot be read is a miss, is dropped, and never unpickled."""
    one, other = both
    expected = await ask(one)
    good = await redis_client.get(key)
    assert isinstance(good, bytes)
    trap = tmp_path / "unpickled"
    value = {
        "empty": b"",
        "text": b"junk " * 50,
        "header only": good[:18],
        "other format": bytes([good[0] + 1]) + good[1:],
        "pickle": good[:18] + pickle.dumps(Trap(trap)),
    }[junk]
    await redis_client.set(key, value, px=60_000)
    assert await ask(other) == expected
    assert await redis_client.get(key) != value
    assert not trap.exists()


async def test_shared__flushed(both: tuple[Service, Service], redis_client: "Redis") -> None:
    """Row B11: when Redis forgets everything, what a process holds itself is told, and no other."""
    one, other = both
    expected = await ask(one)
    await redis_client.flushall()
    assert await ask(one) == expected
    assert one.aqs.count() == 3
    assert await ask(other) == expected
    assert one.series_fetches("Strasbourg") == 2


async def test_shared__full(both: tuple[Service, Service], redis_client: "Redis") -> None:
    """Row B11: a Redis that takes nothing more fails nobody."""
    await redis_client.config_set("maxmemory", "1mb")
    one, other = both
    assert (await ask(one))["summary"] == (await ask(other))["summary"]
    assert not one.resources.shared.lost if one.resources.shared else False


@pytest.mark.parametrize("fault", ["killed", "hung"])
async def test_shared__lost(
    both: tuple[Service, Service],
    redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """Row B11: without Redis what is held is told; callers wait for it 0.25 s at most, and once."""
    one, other = both
    expected = await ask(one)
    await ask(other)
    assert one.resources.shared is not None
    events = watch_commands(monkeypatch, one.resources.shared)
    redis.kill() if fault == "killed" else redis.hang()
    try:
        assert await ask(one) == expected
        one.aqs.forget()
        started = time.perf_counter()
        for title in ("Paris", "Lyon", "Metz"):
            response = await one.client.get(f"/api/v1/articles/fr.wikipedia/{title}")
            assert response.status_code == 404
        assert time.perf_counter() - started < 10
        assert one.resources.shared.lost
        # All that was ever waited for began before the first of it was given up, after 0.25 s.
        assert "begins" in events
        assert "begins" not in events[events.index("ends") :]
    finally:
        redis.go_on() if fault == "hung" else redis.start()


async def test_shared__back(
    both: tuple[Service, Service], redis: RedisServer, redis_client: "Redis"
) -> None:
    """A Redis that is back is used again, by itself."""
    one, _ = both
    redis.kill()
    await ask(one)
    redis.start()
    assert one.resources.shared is not None
    await one.resources.shared.beat()
    await one.client.get("/api/v1/articles/fr.wikipedia/Strasbourg?access=desktop")
    assert [key async for key in redis_client.scan_iter("pageviews:days/*")]
