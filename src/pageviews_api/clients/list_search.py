"""Finds top lists for one caller, in his time: what is held, what AQS tells, what is archived."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from loguru import logger

from pageviews_api.clients.archived import ArchivedDays, ArchivedTopList
from pageviews_api.clients.days_store import DaysStore, KnownTop
from pageviews_api.clients.deadline import in_time
from pageviews_api.clients.rescue import LEAST, at_midnight, time_for_aqs
from pageviews_api.exceptions import ArchiveError, UpstreamError
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.query import Access, Month

LOOK_BACK = 7
"""Days among which the newest top list is looked for; an older list that is not there is lost."""

AT_ONCE = 3
"""Lists that one caller asks for at a time: as many as may be in flight."""

Period = date | Month
"""What one of Wikimedia's lists is of."""


class ListSearch:
    """Looks for lists of a project. AQS is asked for each at most once.

    A mute AQS does not use up the time in which the archive can help out.
    """

    def __init__(
        self,
        store: DaysStore,
        archived: ArchivedDays,
        project: str,
        access: Access,
        *,
        today: date,
        within: timedelta,
    ) -> None:
        self._store = store
        self._archived = archived
        self._project = project
        self._access = access
        self._today = today
        self._time = asyncio.get_running_loop().time
        self._end = self._time() + within.total_seconds()
        self._aqs_until = self._time() + time_for_aqs(within).total_seconds()
        self._found: dict[Period, KnownTop | UpstreamError] = {}

    @property
    def found(self) -> Mapping[Period, KnownTop | UpstreamError]:
        """What became of each list that was looked for: empty where there is none."""
        return self._found

    def lists(self, periods: Iterable[Period]) -> dict[Period, KnownTop]:
        """Tell the lists that there are of these."""
        found = {period: self._found.get(period) for period in periods}
        return {
            period: top for period, top in found.items() if isinstance(top, KnownTop) and top.rows
        }

    def failure(self, periods: Iterable[Period]) -> UpstreamError | None:
        """Tell why one of these lists could not be had, if one could not."""
        found = (self._found.get(period) for period in periods)
        return next((one for one in found if isinstance(one, UpstreamError)), None)

    async def newest(self) -> date | None:
        """Tell the newest day of the last week that has a list; None if none has.

        Raises
        ------
        UpstreamError
            That cannot be told now, and no list of the week is held or archived.
        """
        days = [self._today - timedelta(days=back) for back in range(1, LOOK_BACK + 1)]
        try:
            for day in days:
                self._found[day] = top = await self._ask(day)
                if top.rows:
                    return day
        except UpstreamError:
            helped = await self._newest_held(days) or await self._newest_archived(days)
            if helped is None:
                raise
            return helped
        return None

    async def find(self, periods: Iterable[Period]) -> None:
        """Look for these lists, few at a time; the first ones are asked for first.

        So a caller with one question does not wait for two months of lists.
        """
        wanted = [period for period in periods if period not in self._found]
        places = asyncio.Semaphore(AT_ONCE)

        async def find(period: Period) -> None:
            async with places:
                await self._find(period)

        await asyncio.gather(*map(find, wanted))
        failed = [period for period in wanted if isinstance(self._found[period], UpstreamError)]
        await self._add_archived([day for day in failed if isinstance(day, date)])

    async def make_sure_of_project(self) -> None:
        """See that there is such a project.

        Raises
        ------
        UnknownProjectError
            There is none.
        UpstreamError
            That cannot be told now.
        """
        async with in_time(self._left(self._end)):
            await self._store.make_sure_of(self._project)

    async def _ask(self, period: Period) -> KnownTop:
        async with in_time(self._left(self._aqs_until)):
            return await self._store.top(self._project, self._access, period)

    async def _find(self, period: Period) -> None:
        try:
            self._found[period] = await self._ask(period)
        except UpstreamError as e:
            self._found[period] = e

    async def _newest_held(self, days: Iterable[date]) -> date | None:
        for day in days:
            top = await self._store.held_top(self._project, self._access, day)
            if top is not None and top.rows:
                self._found[day] = top
                return day
        return None

    async def _newest_archived(self, days: Iterable[date]) -> date | None:
        for day in days:
            await self._add_archived([day])
            if self.lists([day]):
                return day
        return None

    async def _add_archived(self, days: list[date]) -> None:
        """Add the lists of these days that are archived: those of all access are."""
        if not days or self._access is not Access.ALL_ACCESS:
            return
        try:
            async with asyncio.timeout(self._left(self._end).total_seconds()):
                for day in days:
                    archived = await self._archived.top(self._project, day)
                    if archived is not None:
                        self._found[day] = _known(archived)
        except (ArchiveError, TimeoutError) as e:
            logger.bind(reason=str(e) or "took too long").warning("archive could not help out")

    def _left(self, until: float) -> timedelta:
        return timedelta(seconds=max(until - self._time(), LEAST))


def _known(archived: ArchivedTopList) -> KnownTop:
    rows = tuple(TopRow(**row.model_dump()) for row in archived.articles)
    return KnownTop(rows, at_midnight(archived.observed_on), fresh=False)
