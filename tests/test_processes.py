"""Several real processes with one Redis: what holds for one holds for all together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

import aiohttp
import httpx

from tests.conftest import CONTACT, YESTERDAY
from tests.support.fake_aqs import FakeAqs
from tests.support.processes import PATIENT, environment, serving
from tests.support.redis_server import RedisServer

PROCESSES = 4

PER_MINUTE = 30

TITLES = [f"Article_{number}" for number in range(60)]
"""More than may be asked within a minute."""


@asynccontextmanager
async def started(
    count: int, aqs_url: str, redis: RedisServer, **settings: str
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Start so many servers with one Redis, which no busy machine loses; give clients of them."""
    env = environment(
        aqs_url, REDIS_URL=redis.url, AQS_CONTACT=CONTACT, REPLICAS=str(count), **settings
    )
    async with AsyncExitStack() as stack:
        servers = await asyncio.gather(
            *(stack.enter_async_context(serving(env, words=PATIENT)) for _ in range(count))
        )
        yield [
            await stack.enter_async_context(httpx.AsyncClient(base_url=server.url, timeout=60))
            for server in servers
        ]


def path(title: str) -> str:
    """Give the URL of an article's newest days."""
    return f"/api/v1/articles/fr.wikipedia/{title}?end={YESTERDAY}&start={YESTERDAY}"


async def ask(client: httpx.AsyncClient, titles: list[str]) -> list[int]:
    """Ask for all of these at once; give the status codes."""
    answers = await asyncio.gather(*(client.get(path(title)) for title in titles))
    return [answer.status_code for answer in answers]


def fullest_minute(aqs: FakeAqs) -> int:
    """Count the requests in the fullest minute that the AQS saw."""
    arrivals = [request.arrived for request in aqs.requests]
    return max(sum(start <= moment < start + 60 for moment in arrivals) for start in arrivals)


async def test_processes__under_load(aqs: FakeAqs, aqs_url: str, redis: RedisServer) -> None:
    """Four processes together ask as much as one may, and fail for nothing that they hold.

    That is so while Redis is there, and when it is killed in the middle.
    """
    aqs.delay = 0.02
    async with started(
        PROCESSES, aqs_url, redis, AQS_REQUESTS_PER_MINUTE=str(PER_MINUTE)
    ) as clients:
        for client in clients:
            assert await ask(client, ["Strasbourg"]) == [HTTPStatus.OK]
        await asyncio.gather(*(ask(client, TITLES[n::4]) for n, client in enumerate(clients)))
        assert aqs.max_in_flight <= 3
        assert 15 <= fullest_minute(aqs) <= PER_MINUTE

        redis.kill()
        codes = await asyncio.gather(*(ask(client, ["Strasbourg"] * 20) for client in clients))
        assert {code for each in codes for code in each} == {HTTPStatus.OK}
        await asyncio.gather(*(ask(client, TITLES[n::4]) for n, client in enumerate(clients)))
        assert fullest_minute(aqs) <= PER_MINUTE
        ready = [(await client.get("/readyz")) for client in clients]
        assert {answer.status_code for answer in ready} == {HTTPStatus.OK}
        assert {answer.json()["redis"]["status"] for answer in ready} == {"degraded"}


async def test_processes__redis_down_at_the_start(aqs_url: str, redis: RedisServer) -> None:
    """A process starts without its Redis, serves, and finds it when it comes."""
    redis.kill()
    async with started(1, aqs_url, redis) as (client,):
        assert await ask(client, ["Strasbourg"]) == [HTTPStatus.OK]
        assert (await client.get("/readyz")).json()["redis"] == {"status": "degraded"}
        redis.start()
        async with asyncio.timeout(30):
            while (await client.get("/readyz")).json()["redis"] != {"status": "ok"}:  # noqa: ASYNC110  # it happens in another process
                await asyncio.sleep(0.05)


async def test_processes__one_cold_series(aqs: FakeAqs, aqs_url: str, redis: RedisServer) -> None:
    """Row B1: two processes with 500 callers each for one cold series make one fetch."""
    aqs.delay = 0.2
    async with (
        started(2, aqs_url, redis, AQS_TIMEOUT="60") as clients,
        # httpx takes seconds of our own time for so many at once (encode/httpcore#1035).
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):

        async def call(url: str) -> int:
            async with session.get(url) as answer:
                await answer.read()
                return answer.status

        urls = [str(client.base_url.join(path("Strasbourg"))) for client in clients]
        codes = await asyncio.gather(*(call(url) for url in urls for _ in range(500)))
    assert set(codes) == {HTTPStatus.OK}
    assert aqs.count(when=lambda asked: "/Strasbourg/daily/" in asked) == 1
    assert aqs.count(when=lambda asked: "/Main_Page/daily/" in asked) == 1
    assert aqs.count(when=lambda asked: "/aggregate/" in asked) == 1
