"""What time it is, here and elsewhere."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pageviews_api.clock import RemoteClock, SystemClock
from tests.support.clock import NOON, FakeClock


@pytest.fixture
def remote(clock: FakeClock) -> RemoteClock:
    """Give the clock of somebody who has not told the time yet."""
    return RemoteClock(clock)


def test_system_clock__wall_time() -> None:
    """It tells the machine's time, aware and in UTC."""
    before = datetime.now(UTC)
    told = SystemClock().now()

    assert before <= told <= datetime.now(UTC)
    assert told.tzinfo is UTC


def test_system_clock__starting_at() -> None:
    """A clock that starts at another time runs on from there."""
    clock = SystemClock.starting_at(datetime(2017, 1, 1, tzinfo=UTC))
    first, second = clock.now(), clock.now()

    assert timedelta(0) <= first - datetime(2017, 1, 1, tzinfo=UTC) < timedelta(minutes=1)
    assert first <= second


async def test_system_clock__sleep() -> None:
    """Sleeping takes the time that it says, by the clock that never jumps."""
    clock = SystemClock()
    before = clock.monotonic()
    async with asyncio.timeout(30):
        await clock.sleep(0.01)

    assert clock.monotonic() - before >= 0.009


def test_remote_clock__nothing_heard(remote: RemoteClock) -> None:
    """Nobody knows what time it is elsewhere before it was told."""
    assert remote.now() is None


def test_remote_clock__runs_on(remote: RemoteClock, clock: FakeClock) -> None:
    """What was heard once runs on as time passes."""
    remote.hear(NOON)
    assert remote.now() == NOON
    clock.advance(90)

    assert remote.now() == NOON + timedelta(seconds=90)


def test_remote_clock__later_answer(remote: RemoteClock, clock: FakeClock) -> None:
    """An answer that tells a later time is believed."""
    remote.hear(NOON)
    clock.advance(1)
    remote.hear(NOON + timedelta(hours=2))

    assert remote.now() == NOON + timedelta(hours=2)


def test_remote_clock__old_answer(remote: RemoteClock, clock: FakeClock) -> None:
    """An answer may be old, never new: one that tells an earlier time changes nothing."""
    remote.hear(NOON)
    clock.advance(60)
    for old in (NOON, NOON - timedelta(days=2), NOON + timedelta(seconds=59)):
        remote.hear(old)

    assert remote.now() == NOON + timedelta(seconds=60)


@pytest.mark.parametrize("days", [-2, 2, 730, -730])
def test_remote_clock__our_clock_jumps(remote: RemoteClock, clock: FakeClock, days: int) -> None:
    """A jump of our own wall clock does not move it (F17)."""
    remote.hear(NOON)
    clock.jump(days * 86_400)
    clock.advance(5)

    assert remote.now() == NOON + timedelta(seconds=5)
