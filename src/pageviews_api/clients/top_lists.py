"""Wikimedia's lists of most viewed articles, as routers ask for them."""

from datetime import date, timedelta

from pageviews_api.clients.archived import ArchivedDays
from pageviews_api.clients.days_store import DaysStore, KnownTop
from pageviews_api.clients.deadline import in_time
from pageviews_api.clients.pageviews import AnswerPolicy
from pageviews_api.clients.rescue import AHEAD, at_midnight, top_from_archive
from pageviews_api.clock import Clock
from pageviews_api.exceptions import TopListNotFoundError, UpstreamError
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.query import Access, Agent, Month
from pageviews_api.schemas.top import RankedArticle, TopArticles, TopQuery

TOP_LOOK_BACK = 7
"""Days among which the newest top list is looked for."""


class TopLists:
    """Answers questions about what was viewed most."""

    def __init__(
        self, store: DaysStore, archived: ArchivedDays, *, clock: Clock, policy: AnswerPolicy
    ) -> None:
        self._store = store
        self._archived = archived
        self._clock = clock
        self._policy = policy

    async def top(self, query: TopQuery) -> TopArticles:
        """Tell the most viewed pages of a day or a month, by rank.

        Raises
        ------
        TopListNotFoundError
            Wikimedia has no such list, or none of the last week where no day was named.
        UnknownProjectError
            Wikimedia has never told a number for this project.
        UpstreamError
            It cannot be told now.
        """
        deadline = self._policy.deadline
        try:
            # A mute AQS must not use up the time in which the archive can help out.
            async with in_time(max(deadline - timedelta(seconds=AHEAD), deadline / 2)):
                return await self._top_by_aqs(query)
        except UpstreamError:
            held = await self._newest_held_top(query) or await self._archived_top(query)
            if held is None:
                raise
            return held

    async def _top_by_aqs(self, query: TopQuery) -> TopArticles:
        for period in [query.period] if query.period else self._newest_days():
            top = await self._store.top(query.project, query.access, period)
            if top.rows:
                return self._top_answer(query, period, top, certain=True)
        await self._store.make_sure_of(query.project)
        asked = query.period or f"the last {TOP_LOOK_BACK} days"
        raise TopListNotFoundError(
            f"Wikimedia has no top list of {query.project} ({query.access}) for {asked}."
        )

    async def _newest_held_top(self, query: TopQuery) -> TopArticles | None:
        """Tell the newest list that is held, where no day was named and AQS cannot be asked."""
        for day in () if query.period else self._newest_days():
            top = await self._store.held_top(query.project, query.access, day)
            if top is not None and top.rows:
                return self._top_answer(query, day, top, certain=False)
        return None

    async def _archived_top(self, query: TopQuery) -> TopArticles | None:
        """Tell the list of the day that was asked for, or the newest, as it was archived."""
        if query.access is not Access.ALL_ACCESS or isinstance(query.period, Month):
            return None
        days = [query.period] if query.period else self._newest_days()
        found = await top_from_archive(self._archived, query.project, days)
        if found is None:
            return None
        day, archived = found
        rows = tuple(TopRow(**row.model_dump()) for row in archived.articles)
        known = KnownTop(rows, at_midnight(archived.observed_on), fresh=False)
        return self._top_answer(query, day, known, certain=False)

    def _top_answer(
        self, query: TopQuery, period: date | Month, top: KnownTop, *, certain: bool
    ) -> TopArticles:
        return TopArticles(
            project=query.project,
            access=query.access,
            agent=Agent.USER,
            date=None if isinstance(period, Month) else period,
            month=str(period) if isinstance(period, Month) else None,
            items=[RankedArticle(**row.model_dump()) for row in top.rows],
            checked_at=top.checked_at,
            stale=not (certain and top.fresh),
            fetched=top.fetched,
            notice=self._policy.notice,
        )

    def _newest_days(self) -> list[date]:
        today = self._today()
        return [today - timedelta(days=back) for back in range(1, TOP_LOOK_BACK + 1)]

    def _today(self) -> date:
        return self._clock.now().date()
