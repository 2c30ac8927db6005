"""What one answer is made of, and how current that is."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from loguru import logger

from pageviews_api.clients.rescue import Told
from pageviews_api.daterange import DateRange
from pageviews_api.days import Days
from pageviews_api.exceptions import (
    ArticleNeverViewedError,
    UnknownProjectError,
    UpstreamError,
)
from pageviews_api.schemas.points import DayPoint
from pageviews_api.schemas.query import Series, SeriesQuery


class Tell(Protocol):
    """Tells a series, within some time; see ``PageviewsClient.told``."""

    async def __call__(self, query: SeriesQuery, *, within: timedelta | None = None) -> Told:
        """Tell it, or raise why it cannot be told."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Consecutive days, oldest first; ``reason`` says why none of their numbers could be had."""

    points: list[DayPoint]
    reason: str | None = None


class Sources:
    """Tells one series after the other for the same answer, all of them within the same time.

    ``checked_at`` is the oldest of what was told; ``stale`` says that some of it was, or that
    something could not be told now; ``fetched``, that Wikimedia had to be asked for some of it.
    """

    def __init__(self, tell: Tell, *, within: timedelta, today: date) -> None:
        self._tell = tell
        self._today = today
        self._time = asyncio.get_running_loop().time
        self._until = self._time() + within.total_seconds()
        self._checked_at: list[datetime] = []
        self.stale = self.fetched = False

    @property
    def checked_at(self) -> datetime:
        """When the oldest of what was told was made sure of."""
        return min(self._checked_at)

    async def told(self, query: SeriesQuery) -> Told:
        """Tell what the answer stands or falls with; see ``PageviewsClient.told``."""
        left = max(self._until - self._time(), 0.0)
        told = await self._tell(query, within=timedelta(seconds=left))
        self._checked_at.append(told.checked_at)
        self.stale = self.stale or told.stale
        self.fetched = self.fetched or told.fetched
        return told

    async def learned(self, series: Series, days: DateRange) -> Learned:
        """Tell what stands beside it: without a number where it cannot be told.

        That a part was never viewed is no zero here: where the whole has views, AQS has a zero for
        each of its parts.
        """
        try:
            told = await self.told(SeriesQuery(series, days))
        except UpstreamError as e:
            self.stale = True  # it may be told soon
            reason = f"{e.upstream} {e.reason}."
        except (ArticleNeverViewedError, UnknownProjectError) as e:
            reason = str(e)
        else:
            assert told.days is not None
            return Learned(told.days.points())
        logger.bind(series=series.key, reason=reason).info("section could not be told")
        return Learned(Days.unknown(days, today=self._today).points(), reason)
