"""What our archives tell of a series: the numbers as they were observed, and when."""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from loguru import logger

from pageviews_api.archive.document import Record
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

LOOKED_AT = 61
"""Archives, the newest, among which the one observed last and the newest known day are looked for.

An archive covers 30 days, so a series that has left is found from the newest, the middle and the
oldest of them.
"""

MAX_HEADS = 1_100
"""Archives, three years of them, that are asked for theirs to find those observed by a day."""

MAX_READS = 40
"""Archives that are read for one answer: about three years of days."""

MAX_IN_VAIN = 14
"""Archives one after the other without the series after which no more are read: a year's windows.

Each may be large.
"""

MAX_FAILURES = 4
"""Archives that could not be read after which no more are."""

TRIES = 4
"""Archives that have a series and not a day's number after which no more are read for that day."""

HEADS_AT_ONCE = 8


class Observations:
    """Answers from the archives. See ``clients.archived.ArchivedDays``."""

    def __init__(self, index: ArchiveIndex, reader: ArchiveReader) -> None:
        self._index = index
        self._reader = reader

    async def newest(self, series: Series, *, as_of: date | None = None) -> date | None:
        """Tell the newest day whose number is archived. See ``ArchivedDays``."""
        fit = await self._newest_entries(await self._index.listed(), as_of)
        if not fit:
            return None
        covered = DateRange.spanning(entry.facts.window for entry in fit)
        search = self._search(series, covered, [entry.day for entry in fit], as_of)
        for day in sorted(covered, reverse=True):
            told = await search.learn(day)
            if told is not None and told.views is not None:
                return day
        return None

    async def days(
        self, series: Series, asked: DateRange, *, as_of: date | None = None
    ) -> dict[date, ArchivedDay]:
        """Tell the asked days as they were observed. See ``ArchivedDays``."""
        listed = await self._index.listed()
        search = self._search(series, asked, listed, as_of)
        fit = await self._newest_entries(listed, as_of)
        newest = max(fit, key=_observed, default=None)
        if newest is not None and _overlap(newest.facts.window, asked):
            await search.read(newest)
        for day in sorted(asked, reverse=True):
            await search.learn(day)
        return search.told

    async def top(self, project: str, day: date) -> ArchivedTopList | None:
        """Tell a day's top list. See ``ArchivedDays``."""
        try:
            lists = await self._reader.top(day + ONE_DAY)
            entry = await self._index.entry(day + ONE_DAY)
        except NotArchivedError:
            return None
        rows = next((one.articles for one in lists if one.project == project), ())
        return ArchivedTopList(rows, entry.facts.observed_on) if rows and entry else None

    def _search(
        self, series: Series, asked: DateRange, listed: Iterable[date], as_of: date | None
    ) -> "_Search":
        fit = sorted(day for day in listed if as_of is None or day <= as_of)
        return _Search(self._index, self._reader, series, asked, fit, as_of=as_of)

    async def _newest_entries(self, listed: Iterable[date], as_of: date | None) -> list[Entry]:
        """Tell the newest archives that are fit to tell.

        One that was made up for later is no evidence for an earlier day; after a long outage many
        are, so these do not count. One that cannot be told of is left out, but not where it may be
        the one that tells what was known ``as_of`` a day.
        """
        left = sorted(day for day in listed if as_of is None or day <= as_of)[-MAX_HEADS:]
        fit: list[Entry] = []
        doubtful: dict[date, ArchiveError] = {}
        while left and len(fit) < LOOKED_AT:
            entries = await self._entries(left[-LOOKED_AT:])
            del left[-LOOKED_AT:]
            for day, entry in entries.items():
                if isinstance(entry, ArchiveError):
                    doubtful[day] = entry
                elif entry is not None and _is_fit(entry, as_of):
                    fit.append(entry)
            if as_of is None:
                return fit
        last = max((entry.facts.observed_on for entry in fit), default=date.min)
        for day, failure in doubtful.items():
            if day >= last or not isinstance(failure, ArchiveCorruptError):
                raise failure
        return fit

    async def _entries(self, days: Sequence[date]) -> dict[date, Entry | ArchiveError | None]:
        """Get what is told of several archives, or why it cannot be told."""
        limit = asyncio.Semaphore(HEADS_AT_ONCE)

        async def one(day: date) -> Entry | ArchiveError | None:
            async with limit:
                try:
                    return await self._index.entry(day)
                except ArchiveError as e:
                    return e

        return dict(zip(days, await asyncio.gather(*map(one, days)), strict=True))


class _Search:
    """Reads archives for the days of one series until they are told: as few as will do.

    An archive may be large, and one that lacks the series tells of no day. So what was read tells
    where to look: a series that came or left has an edge, which is found by halving, and between
    two archives without it that are no further apart than one covers days there is none with it
    (an article that came by a top list stays for 30 days after it).

    ``listed`` are the archives' days, oldest first, among which those that are not fit, observed
    after ``as_of``, are found out as they are met. What cannot be read is left out and logged; of
    what was known ``as_of`` a day it would be the evidence, so there it is an error.
    """

    def __init__(
        self,
        index: ArchiveIndex,
        reader: ArchiveReader,
        series: Series,
        asked: DateRange,
        listed: list[date],
        *,
        as_of: date | None,
    ) -> None:
        self._index = index
        self._reader = reader
        self._series = series
        self._asked = asked
        self._left = listed
        self._as_of = as_of
        self._read: list[date] = []
        self._held: dict[date, bool] = {}
        self._windows: dict[date, DateRange] = {}
        self._reads = self._in_vain = self._failures = 0
        self.told: dict[date, ArchivedDay] = {}

    async def learn(self, day: date) -> ArchivedDay | None:
        """Read archives until a day is told; None where none tells of it. Ask newest days first."""
        while day not in self.told and not self._is_over() and not self._is_tried(day):
            entry = await self._covering(day)
            if entry is None:
                break
            probe = self._probe(entry, day)
            aimed = entry if probe == entry.day else await self._entry(probe)
            if aimed is not None and self._fits(aimed):
                await self.read(aimed)
        return self.told.get(day)

    async def read(self, entry: Entry) -> None:
        """Read an archive and take from it what it tells."""
        self._reads += 1
        try:
            read = await self._reader.read(entry.day)
            record = await read.series(self._series)
        except (ArchiveError, NotArchivedError) as e:
            if self._as_of is not None and isinstance(e, ArchiveError):
                raise
            self._give_up(entry.day, e)
            self._failures += 1
            return
        if self._fits(read.entry):  # it may have been replaced meanwhile
            self._take(read.entry, record)

    def _is_over(self) -> bool:
        return (
            self._reads >= MAX_READS
            or self._in_vain >= MAX_IN_VAIN
            or self._failures >= MAX_FAILURES
        )

    def _is_tried(self, day: date) -> bool:
        return sum(self._held[one] and day in self._windows[one] for one in self._read) >= TRIES

    async def _covering(self, day: date) -> Entry | None:
        """Choose an archive that tells of a day: one made when its number had settled.

        Of these the oldest: it tells most of the days before. If there is none, the newest of
        those made earlier.
        """
        young, settled = bisect_right(self._left, day), bisect_left(self._left, day + SETTLED_AFTER)
        earlier = self._left[young:settled]
        for one in self._left[settled:]:
            if one in self._windows and self._windows[one].start > day:
                break
            entry = await self._unread(one)
            if entry is not None and entry.facts.window.start > day:
                break  # those after it cover later days only
            if entry is not None and self._fits(entry):
                return entry
        for one in reversed(earlier):
            entry = await self._unread(one)
            if entry is not None and self._fits(entry) and day in entry.facts.window:
                return entry
        return None

    async def _unread(self, day: date) -> Entry | None:
        """Get what is told of an archive; None where there is no sense in reading it."""
        if day in self._held:
            return None
        older, newer = self._neighbours(day)
        if older and newer and not (self._held[older] or self._held[newer]):
            reach = timedelta(days=len(self._windows[newer]))
            if newer - older <= reach:
                return None  # a series stays for longer than that
        return await self._entry(day)

    async def _entry(self, day: date) -> Entry | None:
        try:
            entry = await self._index.entry(day)
        except ArchiveCorruptError as e:
            if self._as_of is not None:
                raise
            self._give_up(day, e)
            return None
        if entry is None:
            self._drop(day)
        return entry

    def _probe(self, entry: Entry, day: date) -> date:
        """Tell which archive to read where ``entry`` would tell of ``day``: mostly that.

        Beside an archive without the series, one that is as far from it as an archive covers days;
        between one with it and one without it, the middle.
        """
        reach = timedelta(days=len(entry.facts.window))
        older, newer = self._neighbours(entry.day)
        older = older if older and entry.day - older <= reach else None
        newer = newer if newer and newer - entry.day <= reach else None
        if older and newer and self._held[older] != self._held[newer]:
            first, last = bisect_right(self._left, older), bisect_left(self._left, newer)
            return self._left[(first + last) // 2]
        if older and not newer and not self._held[older]:
            return self._left[bisect_right(self._left, min(older, day) + reach) - 1]
        if newer and not older and not self._held[newer]:
            earliest = max(newer - reach, self._asked.start + ONE_DAY)
            return self._left[bisect_left(self._left, earliest)]
        return entry.day

    def _neighbours(self, day: date) -> tuple[date | None, date | None]:
        """Tell the archives that were read next to one which was not."""
        place = bisect_left(self._read, day)
        return (
            self._read[place - 1] if place else None,
            self._read[place] if place < len(self._read) else None,
        )

    def _fits(self, entry: Entry) -> bool:
        """Tell whether an archive was observed in time; one that was not is dropped."""
        fit = _is_fit(entry, self._as_of)
        if not fit:
            self._drop(entry.day)
        return fit

    def _give_up(self, day: date, failure: Exception) -> None:
        logger.bind(day=day, reason=str(failure)).warning("archive not read for an answer")
        self._drop(day)

    def _drop(self, day: date) -> None:
        place = bisect_left(self._left, day)
        del self._left[place : bisect_right(self._left, day)]

    def _take(self, entry: Entry, record: Record | None) -> None:
        insort(self._read, entry.day)
        self._windows[entry.day] = entry.facts.window
        self._held[entry.day] = record is not None
        self._in_vain = 0 if record else self._in_vain + 1
        days = record.days if record else None
        for day in days.range if days else ():
            if days is not None and day in self._asked:
                self._tell(day, days, entry.facts.observed_on)

    def _tell(self, day: date, days: Days, observed_on: date) -> None:
        """Tell a day, unless it is told: settled, or as it was observed later."""
        known = self.told.get(day)
        if known and (known.observed_on >= day + SETTLED_AFTER or known.observed_on >= observed_on):
            return
        views = days.view_of(day)
        if views is not None:
            self.told[day] = ArchivedDay(views, DayStatus.ARCHIVED, observed_on)
        elif days.status_of(day) is DayStatus.HOLE:
            self.told[day] = ArchivedDay(None, DayStatus.HOLE, observed_on)


def _is_fit(entry: Entry, as_of: date | None) -> bool:
    return as_of is None or entry.facts.observed_on <= as_of


def _observed(entry: Entry) -> tuple[date, date]:
    return entry.facts.observed_on, entry.day


def _overlap(some: DateRange, others: DateRange) -> bool:
    return some.start <= others.end and others.start <= some.end
