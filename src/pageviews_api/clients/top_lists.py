"""What was viewed most, as routers ask for it: Wikimedia's lists, and what they tell of a range."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pageviews_api.annotations import touching_lists
from pageviews_api.clients.archived import ArchivedDays
from pageviews_api.clients.days_store import DaysStore
from pageviews_api.clients.list_search import LOOK_BACK, ListSearch, Period
from pageviews_api.clients.pageviews import AnswerPolicy
from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange, NamedRange, month_end
from pageviews_api.exceptions import TopListNotFoundError
from pageviews_api.namespaces import names_of
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Agent, Month
from pageviews_api.schemas.top import (
    ComparedArticle,
    ComparedRangedArticle,
    MissingList,
    PreviousPeriod,
    RangedArticle,
    RankedArticle,
    TopArticles,
    TopRange,
)
from pageviews_api.schemas.top_query import Namespace, TopFilter, TopQuery
from pageviews_api.top_range import BoundedRanking, rank_range

Keep = Callable[[str], bool]
"""Tells whether an article is told, by its title."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The ranks in the period before, and whether all of its lists are known."""

    days: DateRange
    ranks: dict[str, int]
    complete: bool

    def rank(self, article: str) -> dict[str, Any]:
        """Tell the fields of a row that is compared."""
        rank = self.ranks.get(article)
        is_new = rank is None if rank is not None or self.complete else None
        return {"previous_rank": rank, "is_new": is_new}

    def period(self) -> PreviousPeriod:
        """Tell what is compared with."""
        return PreviousPeriod(start=self.days.start, end=self.days.end, complete=self.complete)


class TopLists:
    """Answers questions about what was viewed most."""

    def __init__(
        self, store: DaysStore, archived: ArchivedDays, *, clock: Clock, policy: AnswerPolicy
    ) -> None:
        self._store = store
        self._archived = archived
        self._clock = clock
        self._policy = policy

    async def top(self, query: TopQuery) -> TopArticles | TopRange:
        """Tell the most viewed pages of a day or a month by rank, or of a range within bounds.

        What AQS cannot tell now is told as it is held, or as it was archived. A range is told
        without the days of which there is no list.

        Raises
        ------
        TopListNotFoundError
            Wikimedia has no such list, or none of the range, or none of the last week where the
            newest is asked for.
        UnknownProjectError
            Wikimedia has never told a number for this project.
        UpstreamError
            No list that is asked for can be told now.
        """
        search = ListSearch(
            self._store,
            self._archived,
            query.project,
            query.access,
            today=self._clock.now().date(),
            within=self._policy.deadline,
        )
        period = query.period
        if isinstance(period, NamedRange):
            days = await self._resolved(query, period, search)
            return await self._of_range(query, days, search) if days else self._empty(query, search)
        if isinstance(period, DateRange):
            return await self._of_range(query, period, search)
        return await self._of_list(query, period or await self._newest(query, search), search)

    async def _of_list(self, query: TopQuery, period: Period, search: ListSearch) -> TopArticles:
        before = _before(period)
        await search.find([period, before] if query.compared and _has_list(before) else [period])
        await self._require_some(query, [period], search)
        keep = _keep(query.project, query.only)
        rows = [row for row in search.lists([period])[period].rows if keep(row.article)]
        rows = rows[: query.limit]
        answer = self._head(query, search, [_days_of(period)])
        items: list[RankedArticle] | list[ComparedArticle]
        if query.compared:
            found = search.lists([before])
            ranks = {row.article: row.rank for top in found.values() for row in top.rows}
            previous = Previous(_days_of(before), ranks, complete=bool(found))
            items = [
                ComparedArticle(**row.model_dump(), **previous.rank(row.article)) for row in rows
            ]
            answer["previous"] = previous.period()
        else:
            items = [RankedArticle(**row.model_dump()) for row in rows]
        return TopArticles(
            **answer,
            date=None if isinstance(period, Month) else period,
            month=str(period) if isinstance(period, Month) else None,
            items=items,
        )

    async def _of_range(self, query: TopQuery, days: DateRange, search: ListSearch) -> TopRange:
        before = _days_before(days)
        asked = [day for day in days if day < self._today()]
        await search.find([*asked, *filter(_has_list, before)] if query.compared else asked)
        await self._require_some(query, asked, search)
        ranking = self._ranking(query, days, search)
        rows = ranking.rows[: query.limit]
        answer = self._head(query, search, [days])
        items: list[RangedArticle] | list[ComparedRangedArticle]
        if query.compared:
            ranks = self._ranking(query, before, search).ranks()
            complete = len(search.lists(before)) == len(before)
            previous = Previous(before, ranks, complete=complete)
            items = [
                ComparedRangedArticle(**row.fields(), **previous.rank(row.article)) for row in rows
            ]
            answer["previous"] = previous.period()
        else:
            items = [RangedArticle(**row.fields()) for row in rows]
        return TopRange(
            **answer,
            start=days.start,
            end=days.end,
            days_in_range=len(days),
            days_missing=self._missing(query, days, search),
            certain_through_rank=ranking.certain_through_rank,
            unlisted_max=ranking.unlisted_max,
            items=items,
        )

    def _empty(self, query: TopQuery, search: ListSearch) -> TopRange:
        return TopRange(
            **self._head(query, search, []),
            start=None,
            end=None,
            reason="No day of this range is loaded yet.",
            days_in_range=0,
            days_missing=[],
            certain_through_rank=0,
            unlisted_max=None,
            items=[],
        )

    async def _newest(self, query: TopQuery, search: ListSearch) -> date:
        newest = await search.newest()
        if newest is None:
            await search.make_sure_of_project()
            raise _not_found(query, f"the last {LOOK_BACK} days")
        return newest

    async def _resolved(
        self, query: TopQuery, days: NamedRange, search: ListSearch
    ) -> DateRange | None:
        """Tell the days meant; only a range that goes on needs to know the newest list."""
        today = self._today()
        whole = days.resolve(today=today, complete_through=today)
        if whole is not None and whole.end < today:
            return whole
        return days.resolve(today=today, complete_through=await self._newest(query, search))

    async def _require_some(
        self, query: TopQuery, periods: Sequence[Period], search: ListSearch
    ) -> None:
        """Fail where none of these lists can be told."""
        if search.lists(periods):
            return
        failure = search.failure(periods)
        if failure is not None:
            raise failure
        await search.make_sure_of_project()
        asked = query.period
        words = f"{asked.start} to {asked.end}" if isinstance(asked, DateRange) else str(asked)
        raise _not_found(query, words)

    def _ranking(self, query: TopQuery, days: DateRange, search: ListSearch) -> BoundedRanking:
        lists = [top.rows for top in search.lists(days).values()]
        keep = _keep(query.project, query.only)
        return rank_range(lists, complete=len(lists) == len(days), keep=keep)

    def _missing(self, query: TopQuery, days: DateRange, search: ListSearch) -> list[MissingList]:
        noted = self._store.listed_days(query.project).items()
        listed = [day for day in search.found if isinstance(day, date) and search.lists([day])]
        newest = max([*listed, *(day for day, moment in noted if moment)])
        lost_before = max(newest, self._today() - LOOK_BACK * ONE_DAY)

        def status(day: date) -> DayStatus:
            if search.failure([day]):
                return DayStatus.MISSING
            return DayStatus.HOLE if day < lost_before else DayStatus.NOT_LOADED

        known = search.lists(days)
        return [
            MissingList.model_validate({"date": day, "status": status(day)})
            for day in days
            if day not in known
        ]

    def _head(
        self, query: TopQuery, search: ListSearch, days: Sequence[DateRange]
    ) -> dict[str, Any]:
        """Tell whose list it is, and how current: as the oldest of all that were looked for."""
        known = search.lists(search.found).values()
        stale = search.failure(search.found) is not None or not all(top.fresh for top in known)
        certain = names_of(query.project).known if query.only else None
        return {
            "project": query.project,
            "access": query.access,
            "agent": Agent.USER,
            "filter_certain": certain,
            "checked_at": min(top.checked_at for top in known),
            "stale": stale,
            "fetched": any(top.fetched for top in known),
            "notice": self._policy.notice,
            "annotations": touching_lists(query.project, query.access, days) if days else [],
        }

    def _today(self) -> date:
        return self._clock.now().date()


def _not_found(query: TopQuery, asked: str) -> TopListNotFoundError:
    return TopListNotFoundError(
        f"Wikimedia has no top list of {query.project} ({query.access}) for {asked}."
    )


def _keep(project: str, only: TopFilter) -> Keep:
    names = names_of(project)

    def keep(title: str) -> bool:
        if only.namespace is Namespace.MAIN and not names.is_in_main_namespace(title):
            return False
        return only.main_page or not names.is_main_page(title)

    return keep


def _before(period: Period) -> Period:
    """Tell the day or month right before."""
    if isinstance(period, Month):
        return Month((period.first_day - ONE_DAY).replace(day=1))
    return period - ONE_DAY


def _days_before(days: DateRange) -> DateRange:
    """Tell as many days right before."""
    return DateRange(days.start - len(days) * ONE_DAY, days.start - ONE_DAY)


def _days_of(period: Period) -> DateRange:
    if isinstance(period, Month):
        return DateRange(period.first_day, month_end(period.first_day))
    return DateRange.only(period)


def _has_list(period: Period) -> bool:
    return _days_of(period).start >= FIRST_DAY
