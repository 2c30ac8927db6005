"""How often one client may ask: in one process, in many with Redis, and when that is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pageviews_api.rate_limit import MAX_CLIENTS, RateLimit
from pageviews_api.shared import Shared, open_shared
from tests.support.clock import FakeClock
from tests.support.redis_server import RedisServer


def alone(per_minute: int, clock: FakeClock | None = None, *, processes: int = 1) -> RateLimit:
    """Make the limit of a process that has no Redis."""
    return RateLimit(
        per_minute, processes=processes, clock=clock or FakeClock(), shared=lambda: None
    )


@asynccontextmanager
async def together(
    url: str, per_minute: int, *, processes: int
) -> AsyncIterator[list[tuple[RateLimit, Shared]]]:
    """Make the limits of processes with one Redis, each with a clock that stands still."""
    async with (
        open_shared(url, FakeClock()) as one,
        open_shared(url, FakeClock()) as two,
    ):
        yield [(_sharing(per_minute, shared, processes), shared) for shared in (one, two)]


def _sharing(per_minute: int, shared: Shared, processes: int) -> RateLimit:
    return RateLimit(per_minute, processes=processes, clock=FakeClock(), shared=lambda: shared)


async def granted(limit: RateLimit, client: str, *, tries: int) -> int:
    """Count how many of so many requests are let through."""
    return sum([not (await limit.take(client)).refused for _ in range(tries)])


@pytest.mark.parametrize("per_minute", [1, 3, 7, 60, 600, 999_999])
async def test_limit__counts_each_request(per_minute: int) -> None:
    """What is left goes down by one with each request, whatever the limit, and comes back."""
    clock = FakeClock()
    limit = alone(per_minute, clock)
    tries = min(per_minute, 700)
    left = [(await limit.take("a")).left for _ in range(tries)]
    assert left == [per_minute - number for number in range(1, tries + 1)]
    clock.advance(60)
    assert (await limit.take("a")).left == per_minute - 1


@pytest.mark.parametrize("per_minute", [1, 7, 600])
async def test_limit__after_the_wait(per_minute: int) -> None:
    """Who waits as long as told gets exactly one more request, again and again."""
    clock = FakeClock()
    limit = alone(per_minute, clock)
    assert await granted(limit, "a", tries=per_minute + 5) == per_minute
    for _ in range(5):
        refused = await limit.take("a")
        assert refused.refused
        assert (refused.left, refused.resets_in) == (0, -(-60 // per_minute))
        clock.advance(refused.retry_after)
        assert await granted(limit, "a", tries=3) == 1


async def test_limit__of_silent_clients() -> None:
    """The table never grows beyond its bound, and who keeps asking stays in it (row C14)."""
    limit = alone(1)
    await limit.take("loud")
    for number in range(MAX_CLIENTS + 500):
        await limit.take(f"client {number}")
        if number % 1000 == 0:
            assert (await limit.take("loud")).refused
    # The size of the table cannot be seen from outside.
    assert len(limit._share._full_at) == MAX_CLIENTS
    assert (await limit.take("loud")).refused


async def test_limit__of_addresses_of_one_network() -> None:
    """An IPv6 host has 2^64 addresses of its own; all of them are one client."""
    limit = alone(3)
    for address in ("2001:db8::1", "2001:db8::ffff:1", "2001:DB8:0:0:1::"):
        assert not (await limit.take(address)).refused
    assert (await limit.take("2001:db8::2")).refused
    assert not (await limit.take("2001:db8:0:1::1")).refused
    for address in ("::ffff:192.0.2.1", "::ffff:192.0.2.2", "::ffff:192.0.2.3"):
        assert await granted(limit, address, tries=4) == 3
    assert await granted(limit, "no:address", tries=4) == 3


async def test_limit__without_redis() -> None:
    """Processes that do not know of each other each grant their share, and at least one."""
    assert await granted(alone(9, processes=3), "a", tries=20) == 3
    assert await granted(alone(1, processes=4), "a", tries=20) == 1
    assert (await alone(9, processes=3).take("a")).limit == 3


PER_MINUTE = 4
"""By Redis' own time one more comes every 15 s: no machine is as slow."""


async def test_limit__of_two_processes(redis: RedisServer) -> None:
    """With Redis all processes count together, each client apart."""
    async with together(redis.url, PER_MINUTE, processes=2) as ((one, _), (two, _)):
        assert [(await limit.take("a")).left for limit in (one, two)] == [3, 2]
        assert await granted(one, "a", tries=20) == 2
        refused = await two.take("a")
        assert refused.refused
        assert (refused.limit, refused.left) == (PER_MINUTE, 0)
        assert 0 < refused.retry_after <= 15
        assert await granted(two, "b", tries=20) == PER_MINUTE


async def test_limit__of_many_at_once(redis: RedisServer) -> None:
    """However many requests come at one moment, no more are granted than there are."""
    async with together(redis.url, PER_MINUTE, processes=2) as ((one, _), (two, _)):
        answers = await asyncio.gather(*(limit.take("a") for limit in (one, two) * 30))
        assert sum(not answer.refused for answer in answers) == PER_MINUTE


async def test_limit__when_redis_is_killed(redis: RedisServer) -> None:
    """Without Redis each process grants its share: nobody is free, and nothing fails."""
    async with together(redis.url, PER_MINUTE, processes=2) as ((one, shared), (two, _)):
        assert await granted(one, "a", tries=20) == PER_MINUTE
        redis.kill()
        assert await granted(one, "a", tries=20) == await granted(two, "a", tries=20) == 2
        assert (await one.take("a")).limit == 2
        redis.start()
        await shared.beat()
        assert (await one.take("a")).limit == PER_MINUTE


async def test_limit__when_redis_hangs(redis: RedisServer) -> None:
    """A Redis that stands still is given up like one that is gone."""
    async with together(redis.url, PER_MINUTE, processes=2) as ((one, _), _):
        redis.hang()
        try:
            assert await granted(one, "a", tries=20) == 2
        finally:
            redis.go_on()


async def test_limit__where_redis_holds_nonsense(redis: RedisServer) -> None:
    """What stands in a bucket's place shuts nobody out for longer than a minute."""
    async with together(redis.url, 3, processes=1) as ((limit, shared), _):
        for junk, at_least in ((b"junk", 2), (b"nan", 0), (b"9e99", 0), (b"-9e99", 2)):
            await shared._redis.set("pageviews:rate:a", junk)
            allowance = await limit.take("a")
            assert allowance.left >= at_least
            assert allowance.retry_after <= 60
        await shared._redis.rpush("pageviews:rate:b", b"a list")
        assert await granted(limit, "b", tries=5) == 3


async def test_bucket__is_forgotten(redis: RedisServer) -> None:
    """A bucket stays in Redis only until it is full again."""
    async with together(redis.url, 60, processes=1) as ((limit, shared), _):
        for number in range(1, 4):
            await limit.take("a")
            left = await shared._redis.pttl("pageviews:rate:a")
            assert 0 < left <= number * 1000
