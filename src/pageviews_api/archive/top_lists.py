"""The top lists that the archives keep, as callers ask for them."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from functools import partial

from pageviews_api.archive.deadline import each_in_time
from pageviews_api.archive.index import ArchiveIndex
from pageviews_api.archive.rankings import (
    best_rank,
    entries,
    is_told,
    ranked_day,
    streaks,
    untold_day,
)
from pageviews_api.archive.reader import ArchiveReader
from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange, NamedRange
from pageviews_api.exceptions import (
    ArchiveError,
    ArchiveUnavailableError,
    InvalidDateRangeError,
    NotArchivedError,
)
from pageviews_api.schemas.archive_answers import RankedDay, RankStatus, TopHistory
from pageviews_api.schemas.archive_query import TopHistoryQuery
from pageviews_api.schemas.query import Access, Agent

MOST_DAYS = 366
"""Days of ranks that are told at once: each may take an archive to read."""

LISTS_AT_ONCE = 4
"""Archives whose lists are got at a time: two are read while two are decoded."""


class ArchivedTopLists:
    """Tells what the archived top lists say of an article.

    ``notice`` is said in every answer.
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

    async def history(self, asked: TopHistoryQuery) -> TopHistory:
        """Tell an article's ranks, day by day, in a project's lists.

        The list of a day is in the archive of the day after. One that cannot be read, or not
        within the deadline, is ``missing``; the newest are read first.

        Raises
        ------
        NotArchivedError
            Nothing at all is archived.
        InvalidDateRangeError
            More than 366 days are asked for.
        ArchiveError
            The store cannot be listed, or none of the lists can be read.
        """
        listed = await self._index.listed()
        if not listed:
            raise NotArchivedError("Nothing is archived yet.")
        days = self._days(asked.days, listed)
        archived = [day for day in reversed(days) if day + ONE_DAY in listed]
        found = await each_in_time(
            partial(self._ranked, asked), archived, at_once=LISTS_AT_ONCE, within=self._deadline
        )
        _require_some(archived, found.values())
        told = {day: one for day, one in found.items() if isinstance(one, RankedDay)}
        unread = dict.fromkeys(archived, RankStatus.MISSING)
        items = [
            told.get(day) or untold_day(day, unread.get(day, RankStatus.NOT_ARCHIVED))
            for day in days
        ]
        return TopHistory(
            project=asked.project,
            article=asked.article,
            access=Access.ALL_ACCESS,
            agent=Agent.USER,
            start=days[0] if days else None,
            end=days[-1] if days else None,
            reason=None if days else "No list of this range is archived yet.",
            days_listed=sum(one.status is RankStatus.LISTED for one in items),
            days_archived=sum(map(is_told, items)),
            best=best_rank(items),
            streaks=streaks(items),
            entries=entries(items),
            notice=self._notice,
            items=items,
        )

    def _days(self, asked: DateRange | NamedRange, listed: Collection[date]) -> Sequence[date]:
        """Tell the asked days, oldest first; a range that moves ends with the newest list."""
        days = asked if isinstance(asked, DateRange) else self._resolved(asked, listed)
        if days is not None and len(days) > MOST_DAYS:
            field = "range" if isinstance(asked, NamedRange) else "end"
            reason = f"leads to {len(days)} days; at most {MOST_DAYS} are told at once"
            raise InvalidDateRangeError(field, reason)
        return list(days or ())

    def _resolved(self, asked: NamedRange, listed: Collection[date]) -> DateRange | None:
        oldest, newest = min(listed) - ONE_DAY, max(listed) - ONE_DAY
        if asked.name == "all-time":
            return DateRange(max(FIRST_DAY, oldest), newest)
        return asked.resolve(today=self._clock.now().date(), complete_through=newest)

    async def _ranked(self, asked: TopHistoryQuery, day: date) -> RankedDay | ArchiveError:
        try:
            top = await self._reader.top_of(day + ONE_DAY, asked.project)
        except NotArchivedError:  # it has gone since it was listed
            return untold_day(day, RankStatus.NOT_ARCHIVED)
        except ArchiveError as e:
            return e
        return ranked_day(day, top, asked.article)


def _require_some(archived: Collection[date], found: Collection[RankedDay | ArchiveError]) -> None:
    """Fail where lists are archived and not one could be read, as the first of them did."""
    failures = [one for one in found if isinstance(one, ArchiveError)]
    if archived and len(failures) == len(found):
        raise failures[0] if failures else ArchiveUnavailableError("no list was read in time")
