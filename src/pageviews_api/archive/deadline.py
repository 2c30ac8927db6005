"""Answers in time: a bound for one piece of work, and for many done few at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from pageviews_api.exceptions import ArchiveUnavailableError

T = TypeVar("T")
R = TypeVar("R")


@asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[None]:
    """Give up after so many seconds.

    Raises
    ------
    ArchiveUnavailableError
        It took longer.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as e:
        raise ArchiveUnavailableError("the archive gave no answer in time") from e


async def each_in_time(
    work: Callable[[T], Awaitable[R]], things: Iterable[T], *, at_once: int, within: float
) -> dict[T, R]:
    """Do the work for each thing, in order, few at a time; what is not done in time is left out.

    ``work`` tells its failures in what it returns.
    """
    done: dict[T, R] = {}
    queue = iter(things)

    async def worker() -> None:
        for thing in queue:
            done[thing] = await work(thing)

    with suppress(TimeoutError):
        async with asyncio.timeout(within), asyncio.TaskGroup() as workers:
            for _ in range(at_once):
                workers.create_task(worker())
    return done
