"""Answers from the archive: when AQS cannot tell, and of what was known on an earlier day."""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from types import TracebackType
from typing import Self, TypeVar

from loguru import logger

from pageviews_api.clients.archived import ArchivedDays, ArchivedTopList
from pageviews_api.clock import Clock
from pageviews_api.daterange import DateRange
from pageviews_api.days import Days
from pageviews_api.exceptions import ArchiveError
from pageviews_api.schemas.query import SeriesQuery

T = TypeVar("T")

AHEAD = 2.0
"""Seconds that the archive is given to help out: the last ones before a caller's deadline."""

LEAST = 0.05
"""Seconds that the archive is given in any case: it may have been read already."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a series, before it is put into words.

    ``asked`` is None, and ``days`` too, where the range holds no day yet. ``first_day`` is known
    where all of the series is held. ``fetched``: AQS was asked for it just now.
    """

    asked: DateRange | None
    days: Days | None
    complete_through: date | None
    first_day: date | None
    checked_at: datetime
    stale: bool
    fetched: bool = False


class Rescue:
    """Reads the archive for a caller whom AQS may leave without an answer.

    As a context manager it watches the time: it begins to read shortly before the deadline, so
    that a mute AQS does not use up all of it.
    """

    def __init__(
        self, archived: ArchivedDays, query: SeriesQuery, clock: Clock, *, within: timedelta
    ) -> None:
        self._archived = archived
        self._query = query
        self._today = clock.now().date()
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + within.total_seconds()
        self._reading: asyncio.Task[Told | None] | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_at(self._deadline - AHEAD, self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._reading is not None:
            self._reading.cancel()

    async def told(self) -> Told | None:
        """Tell what is archived of the days asked for; None if nothing is, or it came too late."""
        return await self._in_time(self._begin())

    async def completed(self, told: Told) -> Told:
        """Fill the days that could not be learned; the answer that there is does not wait long."""
        missing = told.days.missing() if told.days else None
        if told.days is None or missing is None:
            return told
        known = await self._in_time(
            asyncio.create_task(self._archived.days(self._query.series, missing)), at_most=AHEAD
        )
        if not known:
            return told
        observed_on = min(day.observed_on for day in known.values())
        return replace(
            told,
            days=told.days.with_archived(known),
            checked_at=min(told.checked_at, at_midnight(observed_on)),
        )

    def _begin(self) -> "asyncio.Task[Told | None]":
        if self._reading is None:
            self._reading = asyncio.create_task(
                told_from_archive(self._archived, self._query, today=self._today)
            )
        return self._reading

    async def _in_time(self, reading: "asyncio.Task[T]", *, at_most: float = math.inf) -> T | None:
        left = min(max(self._deadline - self._loop.time(), LEAST), at_most)
        try:
            async with asyncio.timeout(left):
                return await reading
        except (ArchiveError, TimeoutError) as e:
            logger.bind(reason=str(e) or "took too long").warning("archive could not help out")
            return None


async def told_from_archive(
    archived: ArchivedDays, query: SeriesQuery, *, today: date, as_of: date | None = None
) -> Told | None:
    """Tell a series as it was archived; None if no asked day is.

    ``as_of`` a day it is told as it was known then, which is nothing stale: it was asked for so.

    Raises
    ------
    ArchiveError
        The archive cannot be read.
    """
    newest = await archived.newest(query.series, as_of=as_of)
    if isinstance(query.days, DateRange):
        asked: DateRange | None = query.days
    elif newest is None:
        return None
    else:
        asked = query.days.resolve(today=as_of or today, complete_through=newest)
    if asked is None:
        return None
    known = await archived.days(query.series, asked, as_of=as_of)
    if not known:
        return None
    return Told(
        asked=asked,
        days=Days.unknown(asked, today=today).with_archived(known),
        complete_through=newest,
        first_day=None,
        checked_at=at_midnight(min(day.observed_on for day in known.values())),
        stale=as_of is None,
    )


async def top_from_archive(
    archived: ArchivedDays, project: str, days: Iterable[date]
) -> tuple[date, ArchivedTopList] | None:
    """Tell the first of these days' top lists that is archived, and which day's it is.

    None if none is, or it cannot be read in time.
    """
    try:
        async with asyncio.timeout(AHEAD):
            for day in days:
                found = await archived.top(project, day)
                if found is not None:
                    return day, found
    except (ArchiveError, TimeoutError) as e:
        logger.bind(reason=str(e) or "took too long").warning("archive could not help out")
    return None


def time_for_aqs(deadline: timedelta) -> timedelta:
    """Tell how much of a caller's time AQS may use up, so that the archive can still help out."""
    return max(deadline - timedelta(seconds=AHEAD), deadline / 2)


def at_midnight(day: date) -> datetime:
    """Tell the beginning of a UTC day: the latest time that is certain if only the day is known."""
    return datetime.combine(day, time(), UTC)
