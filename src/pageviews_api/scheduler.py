"""When a job runs: on a schedule, and every hour for what was missed. Never what it does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim
from loguru import logger

CATCH_UP_EVERY = timedelta(hours=1)

LONGEST_NAP = 60.0
"""Seconds after which the clock is read again: it may have jumped."""


@dataclass(slots=True)
class TaskState:
    """What is to be said of the task from outside."""

    failures_in_a_row: int = 0
    last_error: str | None = None


Job = Callable[[bool], Awaitable[timedelta | None]]
"""Runs the job. It is told whether today's scheduled time has passed, and tells after how long
it wants to run again at the latest (None: no wish)."""


class ScheduledTask:
    """Runs a job at once, then every hour and whenever the schedule says, until stopped.

    A job that raises is logged and run again an hour later: the task itself never dies of it.
    The schedule is a cron expression in UTC.
    """

    def __init__(
        self,
        name: str,
        job: Job,
        schedule: str,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._name = name
        self._job = job
        self._schedule = schedule
        self._now = now
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None
        self.state = TaskState()

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    @property
    def is_running(self) -> bool:
        """Whether the task is alive."""
        return self._task is not None and not self._task.done()

    async def stop(self, *, within: float) -> None:
        """End: what the job has in hand may take so many seconds more."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=within)

    async def _run(self) -> None:
        while True:
            wish = await self._run_job()
            await self._sleep_until(self._next_run(wish), at_most=wish or CATCH_UP_EVERY)

    async def _run_job(self) -> timedelta | None:
        try:
            wish = await self._job(fired_today(self._schedule, self._now()))
        except Exception as e:  # noqa: BLE001  # the loop must outlive any fault of the job
            self.state.failures_in_a_row += 1
            self.state.last_error = type(e).__name__
            log = logger.bind(task=self._name, failures_in_a_row=self.state.failures_in_a_row)
            log.opt(exception=e).error("scheduled job failed")
            return None
        self.state.failures_in_a_row, self.state.last_error = 0, None
        return wish

    def _next_run(self, wish: timedelta | None) -> datetime:
        now = self._now()
        soon = now + min(wish or CATCH_UP_EVERY, CATCH_UP_EVERY)
        return min(soon, next(CronSim(self._schedule, now)))

    async def _sleep_until(self, moment: datetime, *, at_most: timedelta) -> None:
        """Sleep in naps: a clock set forward is noticed soon, one set back holds nothing up."""
        naps = at_most.total_seconds()
        while naps > 0 and (left := (moment - self._now()).total_seconds()) > 0:
            nap = min(left, naps, LONGEST_NAP)
            await self._sleep(nap)
            naps -= nap


def fired_today(schedule: str, now: datetime) -> bool:
    """Tell whether the schedule's first time of this UTC day has come."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return next(CronSim(schedule, midnight - timedelta(seconds=1))) <= now
