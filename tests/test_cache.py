"""What is kept, for how long, and who fetches it."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger

from pageviews_api.cache import (
    ENTRY_OVERHEAD,
    FAILURE_REMEMBERED,
    LEASE,
    MAX_FAILURES,
    BoundedMemoryCache,
    Cache,
    Filled,
    Held,
)
from pageviews_api.exceptions import (
    CircuitOpenError,
    UpstreamError,
    UpstreamFailedError,
)
from tests.support.clock import FakeClock, settle

HOUR = timedelta(hours=1)
KEY = "recent/fr.wikipedia/all-access/user/Strasbourg"
DAY_SECONDS = 86_400.0


class Upstream:
    """Where values are fetched from: it counts, and can be told to wait and to fail.

    ``fill`` is what the cache calls. A value tells which fetch brought it.
    """

    def __init__(self) -> None:
        self.fetches = 0
        self.told_held: list[bool] = []
        self.error: BaseException | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def fill(self, held: bool) -> Filled:  # as the cache calls it
        """Fetch the next value, which is fresh for an hour."""
        self.fetches += 1
        self.told_held.append(held)
        number = self.fetches
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        return Filled(b"value %d" % number, HOUR)


def new_cache(
    clock: FakeClock,
    *,
    max_bytes: int = 1_000_000,
    wait: float = 0.02,
    jitter: Callable[[], float] = lambda: 0.0,
) -> Cache:
    """Build an empty cache."""
    return Cache(max_bytes=max_bytes, wait=timedelta(seconds=wait), clock=clock, jitter=jitter)


@pytest.fixture
async def cache(clock: FakeClock) -> AsyncIterator[Cache]:
    """Give an empty cache without jitter."""
    cache = new_cache(clock)
    yield cache
    await cache.aclose()


@pytest.fixture
def upstream() -> Upstream:
    """Give an upstream that answers at once."""
    return Upstream()


def failed() -> UpstreamFailedError:
    """Build the error of an upstream that is down."""
    return UpstreamFailedError("aqs", "failed with status 503")


async def keep(cache: Cache, key: str, value: bytes) -> None:
    """Put a value in."""

    async def fill(_: bool) -> Filled:  # as the cache calls it
        return Filled(value, HOUR)

    await cache.get_or_fill(key, fill)


async def outcomes(callers: list["asyncio.Task[Held]"]) -> list[Held | BaseException]:
    """Wait for all callers; give what each one got."""
    return await asyncio.gather(*callers, return_exceptions=True)


def many(cache: Cache, upstream: Upstream, count: int) -> list["asyncio.Task[Held]"]:
    """Let so many callers ask for one key."""
    return [asyncio.create_task(cache.get_or_fill(KEY, upstream.fill)) for _ in range(count)]


# One fetch for all


async def test_fetch__thousand_callers(cache: Cache, upstream: Upstream) -> None:
    """A thousand callers of a cold key share one fetch and get equal answers."""
    upstream.go_on.clear()
    callers = many(cache, upstream, 1000)
    await settle()
    upstream.go_on.set()
    answers = await asyncio.gather(*callers)
    assert upstream.fetches == 1
    assert {answer.value for answer in answers} == {b"value 1"}


async def test_fetch__first_caller_leaves(cache: Cache, upstream: Upstream) -> None:
    """The fetch goes on when the caller who began it, or all of them, are cancelled."""
    upstream.go_on.clear()
    first, *others = many(cache, upstream, 10)
    await settle()
    first.cancel()
    await settle()
    upstream.go_on.set()
    assert {answer.value for answer in await asyncio.gather(*others)} == {b"value 1"}
    assert first.cancelled()
    assert upstream.fetches == 1


async def test_fetch__all_callers_leave(cache: Cache, upstream: Upstream) -> None:
    """What was begun for callers who all left is kept for the next one."""
    upstream.go_on.clear()
    callers = many(cache, upstream, 3)
    await settle()
    for caller in callers:
        caller.cancel()
    await outcomes(callers)
    upstream.go_on.set()
    await settle()
    assert (await cache.get_or_fill(KEY, upstream.fill)).value == b"value 1"
    assert upstream.fetches == 1


async def test_fetch__fails(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """All callers get the one error, it is remembered for 30 s, then the upstream is asked."""
    upstream.error = failed()
    upstream.go_on.clear()
    callers = many(cache, upstream, 100)
    await settle()
    upstream.go_on.set()
    assert set(await outcomes(callers)) == {upstream.error}

    clock.advance(FAILURE_REMEMBERED.total_seconds() - 0.5)
    with pytest.raises(UpstreamFailedError) as raised:
        await cache.get_or_fill(KEY, upstream.fill)
    assert (raised.value, upstream.fetches) == (upstream.error, 1)

    clock.advance(0.5)
    upstream.error = None
    assert (await cache.get_or_fill(KEY, upstream.fill)).value == b"value 2"


async def test_fetch__fails_for_many(cache: Cache, upstream: Upstream) -> None:
    """The trace of an error does not grow with the callers that it is raised in."""
    upstream.error = failed()
    depths = set()
    for _ in range(20):
        with pytest.raises(UpstreamError) as raised:
            await cache.get_or_fill(KEY, upstream.fill)
        depths.add(len(raised.traceback))
    assert max(depths) <= 4


async def test_fetch__fails_on_another_key(cache: Cache, upstream: Upstream) -> None:
    """A failure is remembered for its own key only."""
    upstream.error = failed()
    with pytest.raises(UpstreamError):
        await cache.get_or_fill(KEY, upstream.fill)
    upstream.error = None
    assert (await cache.get_or_fill("other", upstream.fill)).value == b"value 2"


async def test_fetch__held_back(cache: Cache, upstream: Upstream) -> None:
    """What was not even asked is asked at once the next time."""
    upstream.error = CircuitOpenError("aqs", 30)
    for _ in range(3):
        with pytest.raises(CircuitOpenError):
            await cache.get_or_fill(KEY, upstream.fill)
    upstream.error = None
    assert (await cache.get_or_fill(KEY, upstream.fill)).value == b"value 4"


@pytest.mark.parametrize("error", [failed(), CircuitOpenError("aqs", 30), ValueError("a bug")])
async def test_fetch__fails_and_nobody_waits(
    cache: Cache, upstream: Upstream, error: Exception
) -> None:
    """An error that nobody is there to get is no noise on the event loop."""
    noise: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    upstream.error = error
    upstream.go_on.clear()
    (caller,) = many(cache, upstream, 1)
    await settle()
    caller.cancel()
    await settle()
    upstream.go_on.set()
    await settle()
    del caller
    gc.collect()
    assert (upstream.fetches, noise) == (1, [])


async def test_fetch__cache_closed(clock: FakeClock, upstream: Upstream) -> None:
    """Closing the cache ends every fetch that is under way."""
    cache = new_cache(clock)
    upstream.go_on.clear()
    callers = many(cache, upstream, 3)
    await settle()
    await cache.aclose()
    assert all(isinstance(one, asyncio.CancelledError) for one in await outcomes(callers))
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Fresh and stale


async def test_freshness__until_its_end(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """A value is served without a fetch until its freshness ends, and no longer."""
    for _ in range(2):
        first = await cache.get_or_fill(KEY, upstream.fill)
        clock.advance(HOUR.total_seconds() - 0.5)
        again = await cache.get_or_fill(KEY, upstream.fill)
        assert (again.value, again.fresh) == (first.value, True)
        clock.advance(0.5)
    assert (upstream.fetches, upstream.told_held) == (2, [False, True])


@settings(max_examples=30)
@given(jitter=st.floats(0, 1))
async def test_freshness__jitter(jitter: float) -> None:
    """Jitter shortens freshness, by a tenth at the most, and never lengthens it."""
    clock, upstream = FakeClock(), Upstream()
    cache = new_cache(clock, jitter=lambda: jitter)
    await cache.get_or_fill(KEY, upstream.fill)
    clock.advance(HOUR.total_seconds() * 0.9 - 1)
    held = await cache.get(KEY)
    assert held is not None
    assert held.fresh
    clock.advance(HOUR.total_seconds() * 0.1 + 1)
    held = await cache.get(KEY)
    assert held is not None
    assert not held.fresh


@pytest.mark.parametrize("jump", [DAY_SECONDS, -DAY_SECONDS])
async def test_freshness__wall_clock_jumps(
    cache: Cache, upstream: Upstream, clock: FakeClock, jump: float
) -> None:
    """When the wall clock jumps by a day, a value is fresh for as long as before."""
    await cache.get_or_fill(KEY, upstream.fill)
    clock.jump(jump)
    clock.advance(HOUR.total_seconds() - 1)
    held = await cache.get(KEY)
    assert held is not None
    assert (held.fresh, held.age) == (True, HOUR - timedelta(seconds=1))
    clock.advance(1)
    await cache.get_or_fill(KEY, upstream.fill)
    assert upstream.fetches == 2


async def test_stale__refresh_fails(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """What is held is served when its refresh fails, with the moment it was fetched and its age."""
    fetched = clock.now()
    await cache.get_or_fill(KEY, upstream.fill)
    clock.advance(10 * DAY_SECONDS)
    upstream.error = failed()
    for _ in range(5):
        held = await cache.get_or_fill(KEY, upstream.fill)
        assert (held.value, held.fresh) == (b"value 1", False)
        assert (held.checked_at, held.age) == (fetched, timedelta(days=10))
    assert upstream.fetches == 2


@pytest.mark.parametrize("error", [failed(), CircuitOpenError("aqs", 30)])
async def test_stale__refresh_fails_at_once(
    clock: FakeClock, upstream: Upstream, error: UpstreamError
) -> None:
    """Who finds something stale does not wait for a refresh that has failed already."""
    cache = new_cache(clock, wait=60)
    await cache.get_or_fill(KEY, upstream.fill)
    clock.advance(HOUR.total_seconds())
    upstream.error = error
    async with asyncio.timeout(5):
        assert (await cache.get_or_fill(KEY, upstream.fill)).value == b"value 1"


async def test_stale__refresh_is_slow(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """What is held is served after a short wait, while the refresh goes on for the next caller."""
    await cache.get_or_fill(KEY, upstream.fill)
    clock.advance(HOUR.total_seconds())
    upstream.go_on.clear()
    held = await cache.get_or_fill(KEY, upstream.fill)
    assert (held.value, held.fresh) == (b"value 1", False)
    assert (await cache.get_or_fill(KEY, upstream.fill)).value == b"value 1"
    upstream.go_on.set()
    await settle()
    held = await cache.get_or_fill(KEY, upstream.fill)
    assert (held.value, held.fresh) == (b"value 2", True)
    assert upstream.fetches == 2


async def test_stale__refresh_is_fast(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """Who waits for a refresh that ends soon gets the new value."""
    await cache.get_or_fill(KEY, upstream.fill)
    clock.advance(HOUR.total_seconds())
    held = await cache.get_or_fill(KEY, upstream.fill)
    assert (held.value, held.fresh) == (b"value 2", True)


async def test_stale__cancelled_while_waiting(clock: FakeClock, upstream: Upstream) -> None:
    """A caller who leaves while waiting for a refresh does not end it."""
    cache = new_cache(clock, wait=60)
    await cache.get_or_fill(KEY, upstream.fill)
    clock.advance(HOUR.total_seconds())
    upstream.go_on.clear()
    (caller,) = many(cache, upstream, 1)
    await settle()
    caller.cancel()
    await settle()
    upstream.go_on.set()
    await settle()
    held = await cache.get(KEY)
    assert held is not None
    assert held.value == b"value 2"


async def test_stale__upstream_is_back(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """After a failed refresh the next one comes 30 s later, and its value counts."""
    await cache.get_or_fill(KEY, upstream.fill)
    clock.advance(HOUR.total_seconds())
    upstream.error = failed()
    await cache.get_or_fill(KEY, upstream.fill)
    upstream.error = None
    assert (await cache.get_or_fill(KEY, upstream.fill)).value == b"value 1"
    clock.advance(FAILURE_REMEMBERED.total_seconds())
    assert (await cache.get_or_fill(KEY, upstream.fill)).value == b"value 3"


async def test_failure__forgotten_by_success(
    cache: Cache, upstream: Upstream, clock: FakeClock
) -> None:
    """A fetch that failed before one that succeeded is not held against the key."""
    upstream.error = failed()
    with pytest.raises(UpstreamFailedError):
        await cache.get_or_fill(KEY, upstream.fill)
    clock.advance(FAILURE_REMEMBERED.total_seconds())
    upstream.error = None
    await cache.get_or_fill(KEY, upstream.fill)
    assert not cache._failures  # nothing outside shows whether it is kept


# Room


async def test_room__hundred_thousand_keys(clock: FakeClock) -> None:
    """A scan over 100,000 keys fills the room it was given and no more, and leaves no timers."""
    cache = new_cache(clock, max_bytes=2_000_000)
    process = psutil.Process(os.getpid())
    store = cache._store  # how much is in it, no caller can see
    grown_from = 0
    for number in range(100_000):
        await store.set(f"recent/en.wikipedia/all-access/user/{number}", b"x" * 500)
        assert store.size <= 2_000_000
        if number == 10_000:
            grown_from = process.memory_info().rss
    assert process.memory_info().rss - grown_from < 20_000_000
    assert store.size > 1_900_000
    assert store.size == sum(
        len(key.encode()) + len(value) + ENTRY_OVERHEAD for key, value in store._cache.items()
    )
    assert not store._handlers


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_room__million_keys() -> None:
    """Row B5: a scan over 1,000,000 keys leaves the process as large as it was after a tenth."""
    max_bytes = 128_000_000
    store = BoundedMemoryCache(max_bytes)
    process = psutil.Process(os.getpid())
    before, sizes = process.memory_info().rss, []
    for number in range(1_000_000):
        await store.set(f"days/fr.wikipedia/all-access/user/{number}", os.urandom(900))
        if number % 100_000 == 99_999:
            sizes.append(process.memory_info().rss)
    assert max(sizes) - before < 2 * max_bytes
    assert max(sizes) - sizes[0] < max_bytes / 4
    assert max(sizes[5:]) - min(sizes[5:]) < max_bytes / 8
    assert store.size <= max_bytes


async def test_room__overhead_of_an_entry() -> None:
    """The bound counts at least what Python's objects of an entry take."""
    store = BoundedMemoryCache(100_000_000)
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    for number in range(60_000):
        await store.set(f"recent/en.wikipedia/all-access/user/{number}", os.urandom(200))
    assert process.memory_info().rss - before < 1.1 * store.size


async def test_room__least_recently_used(clock: FakeClock) -> None:
    """What was looked at longest ago goes first."""
    cache = new_cache(clock, max_bytes=3 * (ENTRY_OVERHEAD + 200))
    for key in ("a", "b", "c"):
        await keep(cache, key, b"x" * 100)
    assert await cache.get("a")
    await keep(cache, "d", b"x" * 100)
    assert [bool(await cache.get(key)) for key in "abcd"] == [True, False, True, True]


async def test_room__replaced_value(clock: FakeClock) -> None:
    """A value that replaces another takes its room, not more."""
    cache = new_cache(clock)
    sizes = set()
    for _ in range(5):
        await keep(cache, "a", b"x" * 100)
        sizes.add(cache._store.size)  # how much is in it, no caller can see
        clock.advance(HOUR.total_seconds())
    assert len(sizes) == 1


async def test_room__value_too_large(clock: FakeClock) -> None:
    """A value larger than all the room is served, and not kept."""
    cache = new_cache(clock, max_bytes=1000)
    await keep(cache, "a", b"x" * 2000)
    assert await cache.get("a") is None
    assert cache._store.size == 0  # how much is in it, no caller can see


async def test_room__failures(cache: Cache, upstream: Upstream) -> None:
    """Failures are remembered of so many keys only; the oldest are forgotten."""
    upstream.error = failed()
    for number in range(MAX_FAILURES + 100):
        with pytest.raises(UpstreamFailedError):
            await cache.get_or_fill(str(number), upstream.fill)
    assert len(cache._failures) == MAX_FAILURES  # nothing outside shows how many are kept
    with pytest.raises(UpstreamFailedError):
        await cache.get_or_fill("0", upstream.fill)
    assert upstream.fetches == MAX_FAILURES + 101


async def test_room__fetches_ended(cache: Cache, upstream: Upstream) -> None:
    """A fetch that has ended is not kept."""
    await cache.get_or_fill(KEY, upstream.fill)
    await settle()
    assert not cache._fills  # nothing outside shows it


async def test_value__bytes(cache: Cache, upstream: Upstream) -> None:
    """A value is bytes, which no caller can change for the others."""
    held = await cache.get_or_fill(KEY, upstream.fill)
    assert type(held.value) is bytes
    with pytest.raises(AttributeError):
        held.value = b"other"  # type: ignore[misc]  # frozen, which is the point


async def test_clear__then_set() -> None:
    """What is set after clearing survives, whatever was set before; the room is free again."""
    store = BoundedMemoryCache(10_000)
    await store.set("a", b"old", ttl=0.01)
    await store.clear()
    assert store.size == 0
    await store.set("a", b"new")
    assert await store.get("a") == b"new"
    assert not store._handlers  # aiocache's timers, of which an old one would delete the new value


async def test_delete__of_a_key() -> None:
    """A deleted key is gone with its room; deleting it again does nothing."""
    store = BoundedMemoryCache(10_000)
    await store.set("a", b"value")
    assert [await store.delete("a"), await store.delete("a")] == [1, 0]
    assert (await store.get("a"), store.size) == (None, 0)


# What must not be kept


async def test_not_lasting__never_stale(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """What may not be served stale is gone when it is no longer fresh, also if fetching fails."""

    async def fill(_: bool) -> Filled:  # as the cache calls it
        return Filled(b"nothing there", HOUR, lasting=False)

    assert (await cache.get_or_fill(KEY, fill)).fresh
    clock.advance(HOUR.total_seconds())
    upstream.error = failed()

    assert await cache.get(KEY) is None
    with pytest.raises(UpstreamFailedError):
        await cache.get_or_fill(KEY, upstream.fill)


async def test_stale__does_not_suffice(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """Where what is held does not suffice one waits for the fetch; it is served if that fails."""
    await keep(cache, KEY, b"old")
    clock.advance(2 * HOUR.total_seconds())
    upstream.go_on.clear()
    caller = asyncio.create_task(
        cache.get_or_fill(KEY, upstream.fill, suffices=lambda value: value != b"old")
    )
    await asyncio.wait({caller}, timeout=0.1)  # longer than the cache lets others wait
    assert not caller.done()

    upstream.error = failed()
    upstream.go_on.set()

    assert (await caller).value == b"old"


async def test_failure__remembered_without_its_causes(cache: Cache, upstream: Upstream) -> None:
    """A remembered failure keeps no trace and no cause, which would hold whole answers."""
    upstream.error = failed()
    upstream.error.__cause__ = ValueError("the body, all of it")
    with pytest.raises(UpstreamFailedError):
        await cache.get_or_fill(KEY, upstream.fill)

    ((_, error),) = cache._failures.values()  # there is no door to look through
    assert error.__cause__ is None


async def test_failure__others_forgotten(
    cache: Cache, upstream: Upstream, clock: FakeClock
) -> None:
    """Failures that are over are forgotten when the next one comes, asked for again or not."""
    upstream.error = failed()
    for number in range(5):
        with pytest.raises(UpstreamFailedError):
            await cache.get_or_fill(f"{KEY}{number}", upstream.fill)
    clock.advance(FAILURE_REMEMBERED.total_seconds())
    with pytest.raises(UpstreamFailedError):
        await cache.get_or_fill(KEY, upstream.fill)

    assert list(cache._failures) == [KEY]  # there is no door to look through


async def test_fetch__our_own_fault(cache: Cache, upstream: Upstream, clock: FakeClock) -> None:
    """A fetch that breaks of a bug is logged, though the caller gets what is held."""
    lines: list[str] = []
    logger.add(lines.append, format="{message}")
    await keep(cache, KEY, b"old")
    clock.advance(2 * HOUR.total_seconds())
    upstream.error = KeyError("a bug")

    assert (await cache.get_or_fill(KEY, upstream.fill)).value == b"old"
    await settle()
    assert any(line.startswith("fetch broke") for line in lines)


class OneLock:
    """A shared store that holds nothing, and notes for how long it is locked."""

    def __init__(self) -> None:
        self.leases: list[tuple[float, float]] = []

    async def get(self, _: str) -> bytes | None:
        """Hold nothing."""
        return None

    async def put(self, key: str, value: bytes, *, keep_for: timedelta) -> None:
        """Take it, and forget it."""

    async def delete(self, key: str) -> None:
        """Have nothing to drop."""

    @asynccontextmanager
    async def lock(self, _: str, *, lease: float, within: float) -> AsyncIterator[bool]:
        """Note for how long."""
        self.leases.append((lease, within))
        yield True


async def test_lease__of_what_takes_long(clock: FakeClock, upstream: Upstream) -> None:
    """Other processes wait as long as the cache is told that a fetch may take."""
    shared = OneLock()
    for lease in (LEASE, 26.0):
        cache = Cache(max_bytes=1000, wait=timedelta(0), clock=clock, shared=shared, lease=lease)
        await cache.get_or_fill("a", upstream.fill)
        await cache.aclose()
    assert shared.leases == [(10.0, 10.0), (26.0, 26.0)]
