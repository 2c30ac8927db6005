"""Answers as AQS gives them, for those who ask us in its stead: of what is kept, else passed on.

Days that AQS left out are left out here, and where there is nothing it is an error, as there. What
AQS does not do: leave out a day because it could not be learned now. Then nothing is told.
"""

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Generic, TypeVar

from pageviews_api.budget import Priority
from pageviews_api.cache import Cache, Filled, Held
from pageviews_api.clients.aqs import UPSTREAM, AqsClient
from pageviews_api.clients.archived import ArchivedDays
from pageviews_api.clients.days_store import NOT_FOUND_FRESH, Checks, DaysStore, KnownSeries
from pageviews_api.clients.deadline import in_time
from pageviews_api.clients.pageviews import TO_ANSWER, AnswerPolicy
from pageviews_api.clients.rescue import (
    Rescue,
    Told,
    at_midnight,
    time_for_aqs,
    top_from_archive,
)
from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange, month_end
from pageviews_api.days import first_unsettled, numbers, tell_as_sent
from pageviews_api.exceptions import (
    NoDataError,
    UpstreamError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.aqs_problem import NO_DATA
from pageviews_api.schemas.aqs_questions import Body, Question
from pageviews_api.schemas.pageviews import Freshness
from pageviews_api.schemas.query import Access, Month, Series, SeriesQuery

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """What is known, and how current it is."""

    value: T
    freshness: Freshness


class CompatibleClient:
    """Answers AQS's own questions.

    Every method raises ``NoDataError`` where AQS answers 404, and ``UpstreamError`` where it cannot
    be told now.
    """

    def __init__(
        self,
        store: DaysStore,
        archived: ArchivedDays,
        aqs: AqsClient,
        cache: Cache,
        *,
        clock: Clock,
        policy: AnswerPolicy,
    ) -> None:
        self._store = store
        self._archived = archived
        self._aqs = aqs
        self._cache = cache
        self._clock = clock
        self._policy = policy

    async def views(self, series: Series, days: DateRange) -> Known[Mapping[date, int]]:
        """Tell the views of the days that AQS has, oldest first; at least one.

        Days before AQS's first one and after today are cut off. All that is to be asked of a series
        is asked in one: a 404 is not asked about again.
        """
        asked = self._cut(days)
        query = SeriesQuery(series, asked)
        reason = "does not tell all of these days now"
        failure: UpstreamError = UpstreamUnreachableError(UPSTREAM, reason)
        with Rescue(self._archived, query, self._clock, within=self._policy.deadline) as rescue:
            try:
                told: Told | None = await rescue.completed(await self._told(series, asked))
            except UpstreamError as e:
                failure, told = e, await rescue.told()
        if told is None or told.days is None or told.days.any_missing():
            raise failure
        views = numbers(told.days)
        if not views:
            raise NoDataError(NO_DATA)
        return _known(views, told.checked_at, stale=told.stale, fetched=told.fetched)

    async def top(
        self, project: str, access: Access, period: date | Month
    ) -> Known[tuple[TopRow, ...]]:
        """Tell the most viewed articles of a day or a month, by rank."""
        last = month_end(period.first_day) if isinstance(period, Month) else period
        if not FIRST_DAY <= last < self._today():
            raise NoDataError(NO_DATA)
        deadline = self._policy.deadline
        try:
            # A mute AQS must not use up the time in which the archive can help out.
            async with in_time(time_for_aqs(deadline)):
                top = await self._store.top(project, access, period)
        except UpstreamError:
            archived = await self._archived_top(project, access, period)
            if archived is None:
                raise
            return archived
        if not top.rows:
            raise NoDataError(NO_DATA)
        return _known(top.rows, top.checked_at, stale=not top.fresh, fetched=top.fetched)

    async def passed_on(self, question: Question[Body]) -> Known[Body]:
        """Tell what AQS answered to a question, lately or just now."""

        async def fill(held: bool) -> Filled:  # noqa: FBT001  # as the cache calls it
            priority = Priority.REFRESH if held else Priority.CALLER
            answer = await self._aqs.ask(question, priority=priority)
            if answer is None:
                fresh_for = min(self._policy.freshness, NOT_FOUND_FRESH)
                return Filled(b"", fresh_for, lasting=False)
            value = zlib.compress(answer.model_dump_json(by_alias=True).encode())
            return Filled(value, self._policy.freshness)

        def read(value: bytes) -> Body | None:
            return _read_answer(question.model, value)

        async with in_time(self._policy.deadline):
            held: Held = await self._cache.get_or_fill(_key(question), fill, reads=read)
        answer = read(held.value)
        if answer is None:
            raise NoDataError(NO_DATA)
        return _known(answer, held.checked_at, stale=not held.fresh, fetched=held.fetched)

    def _cut(self, days: DateRange) -> DateRange:
        start, end = max(days.start, FIRST_DAY), min(days.end, self._today())
        if start > end:
            raise NoDataError(NO_DATA)
        return DateRange(start, end)

    async def _told(self, series: Series, asked: DateRange) -> Told:
        time = asyncio.get_running_loop().time
        until = time() + self._policy.deadline.total_seconds() - TO_ANSWER
        async with in_time(self._policy.deadline):
            checks = await self._store.checks(
                series, since=asked.start, until=asked.end, within=max(until - time(), 0.0)
            )
            newest = checks.checked.newest(self._clock.now())
            known = None
            if asked.start <= newest:
                known = await self._store.series_after(
                    checks, series, asked, within=max(until - time(), 0.0)
                )
        return self._tell(asked, known, checks, newest)

    def _tell(
        self, asked: DateRange, known: KnownSeries | None, checks: Checks, newest: date
    ) -> Told:
        checked_at = checks.checked_at
        fresh = known is None or known.holds
        fresh = fresh and checks.age is not None and checks.age <= self._policy.freshness
        days = tell_as_sent(
            asked, known.block if known else None, newest=newest, missing=self._too_old(checks)
        )
        if checked_at is None:
            checked_at = known.block.stretches[0].learned_at if known else self._clock.now()
        return Told(
            asked=asked,
            days=days,
            complete_through=newest,
            first_day=None,
            checked_at=checked_at,
            stale=not fresh,
            fetched=known is not None and known.fetched,
        )

    def _too_old(self, checks: Checks) -> DateRange | None:
        """Tell the days that were looked at too long ago to be told, if there are any."""
        if checks.checked_at is None or checks.age is None:
            return None
        if checks.age <= self._policy.stale_limit:
            return None
        first, yesterday = first_unsettled(checks.checked_at.date()), self._today() - ONE_DAY
        return DateRange(first, yesterday) if first <= yesterday else None

    async def _archived_top(
        self, project: str, access: Access, period: date | Month
    ) -> Known[tuple[TopRow, ...]] | None:
        if access is not Access.ALL_ACCESS or isinstance(period, Month):
            return None
        found = await top_from_archive(self._archived, project, [period])
        if found is None:
            return None
        _, archived = found
        rows = tuple(TopRow(**row.model_dump()) for row in archived.articles)
        return _known(rows, at_midnight(archived.observed_on), stale=True)

    def _today(self) -> date:
        return self._clock.now().date()


def _known(value: T, checked_at: datetime, *, stale: bool, fetched: bool = False) -> Known[T]:
    return Known(value, Freshness(checked_at=checked_at, stale=stale, fetched=fetched))


def _key(question: Question[Body]) -> str:
    # No word of these paths holds a slash: none is a title.
    return f"aqs/{'/'.join(question.path)}"


@lru_cache(maxsize=32)
def _read_answer(model: type[Body], value: bytes) -> Body | None:
    if not value:
        return None
    try:
        return model.model_validate_json(zlib.decompress(value))
    except zlib.error as e:
        raise ValueError("is no answer") from e
