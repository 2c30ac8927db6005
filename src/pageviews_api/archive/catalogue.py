"""The archives as callers ask for them: which there are, one of them, one series of one."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date, timedelta
from weakref import WeakValueDictionary

from pageviews_api.archive.deadline import each_in_time, in_time
from pageviews_api.archive.due import gaps
from pageviews_api.archive.encoding import decode_series
from pageviews_api.archive.index import ArchiveIndex, Entry
from pageviews_api.archive.reader import ArchiveReader, ReadArchive
from pageviews_api.clients.archive_store import ListedArchive
from pageviews_api.clock import Clock
from pageviews_api.daterange import ONE_DAY
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveError,
    ArchiveUnavailableError,
    NotArchivedError,
    TooManyRequestsError,
)
from pageviews_api.schemas.archive_answers import (
    ArchiveItem,
    ArchiveList,
    ObservedSeries,
    SeriesCounts,
    Span,
)
from pageviews_api.schemas.archive_query import ArchiveListParameters, ObservedQuery
from pageviews_api.series import summarise

GAPS_TOLD = timedelta(days=365)
"""How far back gaps are told."""

FACTS_AT_ONCE = 8
"""Archives whose facts are asked for at a time."""

LENT_AT_ONCE = 8
"""Documents on their way to callers at a time: each is held in memory, and may take 17 MB."""

LENT_TO_ONE = 2
"""Of these, on their way to one caller: the others must get theirs, however slow he is."""

ASK_AGAIN_AFTER = 10.0
"""Seconds after which a caller who has so many may ask for another one."""


class ArchiveCatalogue:
    """Answers what is asked of the archive. Every method raises ``ArchiveError``.

    That is where the store cannot be read, or not within ``deadline``. ``notice`` is said in every
    answer but the documents.
    """

    def __init__(
        self,
        index: ArchiveIndex,
        reader: ArchiveReader,
        *,
        clock: Clock,
        deadline: timedelta,
        notice: str | None = None,
    ) -> None:
        self._index = index
        self._reader = reader
        self._clock = clock
        self._deadline = deadline.total_seconds()
        self._notice = notice
        self._lending = asyncio.Semaphore(LENT_AT_ONCE)
        # Each lives as long as its caller holds or waits for a document.
        self._lending_to: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def page(self, asked: ArchiveListParameters) -> ArchiveList:
        """Tell which archives there are, newest first, and which days have none."""
        listed = await self._index.listed()
        before = asked.cursor or date.max
        left = [one for one in reversed(listed.values()) if one.day < before]
        page = left[: asked.limit]
        told = await each_in_time(self._tell, page, at_once=FACTS_AT_ONCE, within=self._deadline)
        return ArchiveList(
            items=[told.get(one) or _untold(one, "It could not be read in time.") for one in page],
            newest=max(listed, default=None),
            oldest=min(listed, default=None),
            total=len(listed),
            gaps=_gaps(listed, today=self._clock.now().date()),
            next_cursor=page[-1].day.isoformat() if len(left) > len(page) else None,
            notice=self._notice,
        )

    async def entry(self, day: date) -> Entry:
        """Tell of the archive of a day.

        Raises
        ------
        NotArchivedError
            There is none.
        """
        async with in_time(self._deadline):
            entry = await self._index.entry(day)
        if entry is None:
            raise NotArchivedError(f"There is no archive of {day}.")
        return entry

    @asynccontextmanager
    async def lend(self, day: date, *, to: str) -> AsyncIterator[ReadArchive]:
        """Lend the checked bytes of a day's archive, to be sent; few are lent at a time.

        ``to`` names the caller, who may have two at a time.

        Raises
        ------
        TooManyRequestsError
            The caller has so many, and none was given back in time.
        NotArchivedError
            There is none.
        ArchiveCorruptError
            It is not what was written.
        """
        his = self._lending_to.setdefault(to, asyncio.Semaphore(LENT_TO_ONE))
        async with AsyncExitStack() as places:
            try:
                await self._take(his, places)
            except ArchiveUnavailableError:
                raise TooManyRequestsError(ASK_AGAIN_AFTER) from None
            await self._take(self._lending, places)
            async with in_time(self._deadline):
                read = await self._reader.read(day)
            yield read

    async def observed(self, asked: ObservedQuery) -> ObservedSeries:
        """Tell a series as the archive of a day has it.

        Raises
        ------
        NotArchivedError
            There is no archive of the day, or not this series in it.
        ArchiveCorruptError
            It is not what was written.
        """
        day, series = asked.day, asked.series
        async with in_time(self._deadline):
            read = await self._reader.read(day)
            record = await asyncio.to_thread(decode_series, day, read.body, series)
        if record is None:
            raise NotArchivedError(f"The archive of {day} does not hold the series {series.key}.")
        entry, facts = read.entry, read.entry.facts
        points = record.days.points() if record.days else []
        return ObservedSeries(
            date=day,
            observed_on=facts.observed_on,
            late=entry.late,
            complete=facts.complete,
            project=series.project,
            article=series.article,
            access=series.access,
            agent=series.agent,
            outcome=record.outcome,
            reason=record.reason,
            listed_on=record.listed_on,
            start=facts.window.start,
            end=facts.window.end,
            notice=self._notice,
            summary=summarise(points),
            items=points,
        )

    async def _take(self, places: asyncio.Semaphore, held: AsyncExitStack) -> None:
        """Take a place, in time, until ``held`` is left."""
        async with in_time(self._deadline):
            await places.acquire()
        held.callback(places.release)

    async def _tell(self, listed: ListedArchive) -> ArchiveItem:
        """Tell of one archive; one that cannot be told of does not sink the rest."""
        try:
            entry = await self._index.entry(listed.day)
        except ArchiveCorruptError:
            return _untold(listed, "It is corrupt: what is stored is not what was written.")
        except ArchiveError:
            return _untold(listed, "It could not be read.")
        return _told(entry) if entry else _untold(listed, "It is gone.")


def _gaps(archived: Collection[date], *, today: date) -> list[Span]:
    """Tell the days of the last 365 that are not archived, from the first archive on.

    They end with yesterday: today's archive may still be due.
    """
    since = max(min(archived, default=today), today - GAPS_TOLD)
    found = gaps(archived, since=since, until=today - ONE_DAY)
    return [Span(start=gap.start, end=gap.end) for gap in found]


def _told(entry: Entry) -> ArchiveItem:
    facts = entry.facts
    return ArchiveItem(
        date=entry.day,
        observed_on=facts.observed_on,
        late=entry.late,
        complete=facts.complete,
        window=Span(start=facts.window.start, end=facts.window.end),
        series=SeriesCounts(ok=facts.ok, no_data=facts.no_data, failed=facts.failed),
        known_days=facts.known_days,
        top_lists=facts.lists,
        size=entry.size,
        sha256=entry.sha256,
        reason=None,
    )


def _untold(listed: ListedArchive, reason: str) -> ArchiveItem:
    return ArchiveItem(
        date=listed.day,
        observed_on=None,
        late=None,
        complete=None,
        window=None,
        series=None,
        known_days=None,
        top_lists=None,
        size=listed.size,
        sha256=None,
        reason=reason,
    )
