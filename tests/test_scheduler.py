"""When a job runs, by a clock that is moved by hand."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from loguru import logger

from pageviews_api.scheduler import LONGEST_NAP, ScheduledTask, fired_today
from tests.support.clock import FakeClock, settle

SCHEDULE = "15 4 * * *"


class Job:
    """Notes when it was run and what it was told; can be told to fail or to wish."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.runs: list[tuple[datetime, bool]] = []
        self.wish: timedelta | None = None
        self.fails = False
        self.hold: asyncio.Event | None = None

    async def __call__(self, today_due: bool) -> timedelta | None:
        """Run once."""
        self.runs.append((self.clock.now(), today_due))
        if self.hold is not None:
            await self.hold.wait()
        if self.fails:
            raise RuntimeError("a bug")
        return self.wish


@pytest.fixture
def job(clock: FakeClock) -> Job:
    """Give a job that does nothing but take notes."""
    return Job(clock)


@pytest.fixture
async def task(clock: FakeClock, job: Job) -> AsyncIterator[ScheduledTask]:
    """Start a task at 03:30 of 2026-11-22, before the schedule's time."""
    clock.set(datetime(2026, 11, 23, 3, 30, tzinfo=UTC))
    task = ScheduledTask("archive", job, SCHEDULE, now=clock.now, sleep=clock.sleep)
    task.start()
    await settle()
    yield task
    await task.stop(within=5)


async def pass_time(clock: FakeClock, minutes: int) -> None:
    """Let so many minutes pass, one at a time, as a sleeper would notice them."""
    for _ in range(minutes):
        clock.advance(60)
        await settle()


async def test_task__starts(task: ScheduledTask, job: Job) -> None:
    """A task runs at once, and is told that today's time has not come."""
    assert task.is_running
    assert [today_due for _, today_due in job.runs] == [False]


async def test_task__scheduled_time(task: ScheduledTask, job: Job, clock: FakeClock) -> None:
    """It runs again at the scheduled time, and is told that it has come."""
    await pass_time(clock, 46)

    moment, today_due = job.runs[-1]
    assert today_due
    assert moment == datetime(2026, 11, 23, 4, 15, tzinfo=UTC)
    assert task.state.failures_in_a_row == 0


@pytest.mark.usefixtures("task")
async def test_task__every_hour(job: Job, clock: FakeClock) -> None:
    """It runs at least every hour, to make up for what was missed (F1)."""
    await pass_time(clock, 24 * 60)

    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(job.runs)]
    assert max(gaps) <= timedelta(minutes=61)


@pytest.mark.usefixtures("task")
async def test_task__job_wishes_to_run_sooner(job: Job, clock: FakeClock) -> None:
    """A job that waits for data is run again as soon as it wished."""
    job.wish = timedelta(minutes=15)
    await pass_time(clock, 61)
    runs = len(job.runs)

    await pass_time(clock, 30)

    assert len(job.runs) == runs + 2


async def test_task__job_raises(task: ScheduledTask, job: Job, clock: FakeClock) -> None:
    """A job that raises is counted and logged, and is run again (F24)."""
    lines: list[str] = []
    logger.add(lines.append, format="{message}")
    job.fails = True
    await pass_time(clock, 50)

    assert task.state.failures_in_a_row == 1
    assert task.state.last_error == "RuntimeError"
    assert lines[0].startswith("scheduled job failed")

    job.fails = False
    await pass_time(clock, 61)

    assert task.state.failures_in_a_row == 0
    assert task.state.last_error is None


@pytest.mark.usefixtures("task")
async def test_task__job_takes_long(job: Job, clock: FakeClock) -> None:
    """A job is never run while it still runs (F19)."""
    job.hold = asyncio.Event()
    await pass_time(clock, 25 * 60)
    assert len(job.runs) == 2

    job.hold.set()
    await settle()


@pytest.mark.usefixtures("task")
async def test_task__clock_jumps_forward(job: Job, clock: FakeClock) -> None:
    """A clock set forward is noticed within a minute: no sleep is longer."""
    clock.jump(6 * 3600)
    await pass_time(clock, 1)

    assert len(job.runs) == 2
    assert max(clock.slept) <= LONGEST_NAP


@pytest.mark.usefixtures("task")
async def test_task__clock_jumps_back(job: Job, clock: FakeClock) -> None:
    """A clock set back holds nothing up: the job still runs every hour (row F17)."""
    clock.jump(-2 * 24 * 3600)
    runs = len(job.runs)
    await pass_time(clock, 5 * 60)

    assert len(job.runs) >= runs + 4


async def test_stop__job_does_not_end(clock: FakeClock, job: Job) -> None:
    """Stopping cancels the job and takes no longer than allowed."""
    job.hold = asyncio.Event()
    task = ScheduledTask("archive", job, SCHEDULE, now=clock.now, sleep=clock.sleep)
    task.start()
    await settle()

    async with asyncio.timeout(30):
        await task.stop(within=5)

    assert not task.is_running


async def test_stop__never_started(clock: FakeClock, job: Job) -> None:
    """A task that was never started can be stopped."""
    task = ScheduledTask("archive", job, SCHEDULE, now=clock.now, sleep=clock.sleep)

    await task.stop(within=5)

    assert job.runs == []


@pytest.mark.parametrize(
    ("hour", "minute", "fired"),
    [(0, 0, False), (4, 14, False), (4, 15, True), (23, 59, True)],
)
def test_fired_today__by_the_hour(hour: int, minute: int, fired: bool) -> None:
    """A day's time has come from the scheduled minute until midnight (UTC)."""
    assert fired_today(SCHEDULE, datetime(2026, 11, 22, hour, minute, tzinfo=UTC)) is fired


def _days_of_2028() -> Iterator[datetime]:
    day = datetime(2028, 1, 1, 12, tzinfo=UTC)
    while day.year == 2028:
        yield day
        day += timedelta(days=1)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
def test_fired_today__leap_year_in_any_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule fires once each UTC day of a leap year, whatever TZ says (F18)."""
    monkeypatch.setenv("TZ", zone)

    fired = [
        (fired_today(SCHEDULE, day), fired_today(SCHEDULE, day.replace(hour=4, minute=14)))
        for day in _days_of_2028()
    ]

    assert fired == [(True, False)] * 366
