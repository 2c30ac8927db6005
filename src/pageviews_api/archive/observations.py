"""What our archives tell of a series: the numbers as they were observed, and when."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date, timedelta

from loguru import logger

from pageviews_api.archive.index import ArchiveIndex, Entry
from pageviews_api.archive.reader import ArchiveReader
from pageviews_api.clients.archived import ArchivedTopList
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.days import ArchivedDay, Days
from pageviews_api.exceptions import ArchiveCorruptError, ArchiveError, NotArchivedError
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Series

SETTLED_AFTER = timedelta(days=4)
"""How long after a day its number hardly changes any more: what older archives are chosen by."""

LOOKED_AT = 62
"""Days back from the newest archive among which the one observed last is looked for."""

MAX_READS = 40
"""Archives that are read for one answer: about three years of days."""

MAX_IN_VAIN = 4
"""Archives without the series after which it is taken not to be archived: each may be large."""

HEADS_AT_ONCE = 8


class Observations:
    """Answers from the archives. See ``clients.archived.ArchivedDays``."""

    def __init__(self, index: ArchiveIndex, reader: ArchiveReader) -> None:
        self._index = index
        self._reader = reader

    async def newest(self, series: Series, *, as_of: date | None = None) -> date | None:
        """Tell the newest day whose number is archived. See ``ArchivedDays``."""
        for entry in (await self._newest_entries(as_of))[:MAX_IN_VAIN]:
            found = await self._read(entry, series, as_of)
            days = found[0] if found else None
            known = [day for day in days.range if days.view_of(day) is not None] if days else []
            if known:
                return known[-1]
        return None

    async def days(
        self, series: Series, asked: DateRange, *, as_of: date | None = None
    ) -> dict[date, ArchivedDay]:
        """Tell the asked days as they were observed. See ``ArchivedDays``."""
        listed = [day for day in await self._index.listed() if as_of is None or day <= as_of]
        told: dict[date, ArchivedDay] = {}
        reads = in_vain = 0
        newest = next(iter(await self._newest_entries(as_of)), None)
        for day in sorted(asked, reverse=True):
            while day not in told and reads < MAX_READS and in_vain < MAX_IN_VAIN:
                entry = newest or await self._covering(day, listed, as_of)
                if entry is None:
                    break
                newest, reads = None, reads + 1
                listed.remove(entry.day)
                found = await self._read(entry, series, as_of)
                in_vain = 0 if found else in_vain + 1
                if found:
                    told = _archived(*found, asked) | told
        return told

    async def top(self, project: str, day: date) -> ArchivedTopList | None:
        """Tell a day's top list. See ``ArchivedDays``."""
        try:
            lists = await self._reader.top(day + ONE_DAY)
            entry = await self._index.entry(day + ONE_DAY)
        except NotArchivedError:
            return None
        rows = next((one.articles for one in lists if one.project == project), ())
        return ArchivedTopList(rows, entry.facts.observed_on) if rows and entry else None

    async def _newest_entries(self, as_of: date | None) -> list[Entry]:
        """Tell the newest archives, the one that was observed last first.

        One that was made up for later is no evidence for an earlier day.
        """
        listed = [day for day in await self._index.listed() if as_of is None or day <= as_of]
        if not listed:
            return []
        recent = [day for day in listed if day > listed[-1] - timedelta(days=LOOKED_AT)]
        entries = await self._entries(recent)
        fit = [one for one in entries if as_of is None or one.facts.observed_on <= as_of]
        return sorted(fit, key=lambda one: (one.facts.observed_on, one.day), reverse=True)

    async def _covering(self, day: date, listed: list[date], as_of: date | None) -> Entry | None:
        """Choose an archive that tells of a day: one made when its number had settled.

        Of these the oldest: it tells most of the days before. Those that are not fit to tell are
        taken from the list, which is sorted.
        """
        settled = bisect_left(listed, day + SETTLED_AFTER)
        place = settled
        while place < len(listed):
            entry = await self._fit_entry(listed[place], as_of)
            if entry is None:
                del listed[place]
            elif day in entry.facts.window:
                return entry
            elif entry.facts.window.start > day:
                break  # those after it cover later days only
            else:
                place += 1
        for one in reversed(listed[bisect_right(listed, day) : settled]):
            entry = await self._fit_entry(one, as_of)
            if entry is None:
                listed.remove(one)
            elif day in entry.facts.window:
                return entry
        return None

    async def _fit_entry(self, day: date, as_of: date | None) -> Entry | None:
        try:
            entry = await self._index.entry(day)
        except ArchiveCorruptError:
            return None
        late = entry is not None and as_of is not None and entry.facts.observed_on > as_of
        return None if late else entry

    async def _read(
        self, entry: Entry, series: Series, as_of: date | None
    ) -> tuple[Days, date] | None:
        """Read a series, and when it was observed; None if there is none, or it cannot be read."""
        try:
            read = await self._reader.read(entry.day)
            record = await read.series(series)
        except (ArchiveError, NotArchivedError) as e:
            logger.bind(day=entry.day, reason=str(e)).warning("archive not read for an answer")
            return None
        observed_on = read.entry.facts.observed_on  # it may have been replaced meanwhile
        if record is None or record.days is None or (as_of is not None and observed_on > as_of):
            return None
        return record.days, observed_on

    async def _entries(self, days: Iterable[date]) -> list[Entry]:
        """Get what is told of several archives; one that cannot be told of is left out."""
        limit = asyncio.Semaphore(HEADS_AT_ONCE)

        async def one(day: date) -> Entry | None:
            async with limit:
                try:
                    return await self._index.entry(day)
                except ArchiveError:
                    return None

        entries = await asyncio.gather(*map(one, days))
        return [entry for entry in entries if entry is not None]


def _archived(days: Days, observed_on: date, asked: DateRange) -> dict[date, ArchivedDay]:
    """Take what an archive knows of the asked days: numbers, and what was lost."""
    told: dict[date, ArchivedDay] = {}
    for day in days.range:
        views, status = days.view_of(day), days.status_of(day)
        if day in asked and views is not None:
            told[day] = ArchivedDay(views, DayStatus.ARCHIVED, observed_on)
        elif day in asked and status is DayStatus.HOLE:
            told[day] = ArchivedDay(None, DayStatus.HOLE, observed_on)
    return told
