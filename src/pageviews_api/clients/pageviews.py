"""Wikipedia's pageviews as routers and archive ask for them: answers made of what is known."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from pageviews_api.clients.answers import Answers
from pageviews_api.clients.aqs import UPSTREAM
from pageviews_api.clients.archived import ArchivedDays
from pageviews_api.clients.days_store import (
    Checks,
    DaysStore,
    KnownDataset,
    KnownSeries,
    Observation,
)
from pageviews_api.clients.deadline import in_time
from pageviews_api.clients.rescue import Rescue, Told, told_from_archive
from pageviews_api.clock import Clock
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange, NamedRange
from pageviews_api.days import LoadCalendar, first_unsettled, tell
from pageviews_api.exceptions import (
    ArchiveUnavailableError,
    ArticleNeverViewedError,
    NotArchivedError,
    UnknownProjectError,
    UpstreamError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.data_state import (
    Dataset,
    KnownProject,
    KnownProjects,
    LoadedDays,
    RestatedDays,
)
from pageviews_api.schemas.pageviews import ArticleSeries, ProjectSeries
from pageviews_api.schemas.query import Series, SeriesQuery
from pageviews_api.schemas.top import RankedArticle
from pageviews_api.series.reach import reach

TO_ANSWER = 0.1
"""Seconds of a caller's deadline that are left for making an answer of what is held."""

SPARE = timedelta(days=7)
"""Days by which a range that ends with the newest loaded day may begin earlier than it seems."""


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What an answer may be made of, and what it says.

    ``freshness``: how long after a check an answer is fresh. ``stale_limit``: how long after it
    the newest days are told at all. ``deadline``: how long a caller waits at the most.
    ``notice``: what every answer says beside its numbers.
    """

    freshness: timedelta
    stale_limit: timedelta
    deadline: timedelta
    notice: str | None = None


class PageviewsClient:
    """Answers questions about views."""

    def __init__(
        self, store: DaysStore, archived: ArchivedDays, *, clock: Clock, policy: AnswerPolicy
    ) -> None:
        self._store = store
        self._archived = archived
        self._clock = clock
        self._policy = policy
        self._answers = Answers(
            self.told, clock=clock, deadline=policy.deadline, notice=policy.notice
        )

    @property
    def notice(self) -> str | None:
        """What every answer says beside its numbers."""
        return self._policy.notice

    async def article(self, query: SeriesQuery) -> ArticleSeries:
        """Tell an article's views in the days asked for, and the sections asked for.

        See ``told`` for what is raised.
        """
        return await self._answers.article(query)

    async def project(self, query: SeriesQuery) -> ProjectSeries:
        """Tell the views of all pages of a project in the days asked for.

        The sum over its access and agents is the witness for which of its days are loaded. See
        ``told`` for what is raised.
        """
        return await self._answers.project(query)

    async def holds(self, series: Series) -> bool:
        """Tell whether views of a series are held: then it may be told without asking AQS."""
        return await self._store.holds_views(series)

    async def told(self, query: SeriesQuery, *, within: timedelta | None = None) -> Told:
        """Tell a series in columns, within some time; without it, by the policy's deadline.

        What its sections need of the same series is fetched along.

        What cannot be told by AQS, nor is held, is told as it was archived. ``as_of`` a day all of
        it is told so, and AQS is not asked.

        Raises
        ------
        ArticleNeverViewedError
            Wikimedia has never counted a view of this exact title.
        UnknownProjectError
            Nor of anything in this project; or it has no total of it, where that is asked for.
        UpstreamError
            No asked day can be told now.
        NotArchivedError
            None was archived ``as_of`` that day.
        ArchiveError
            The archive cannot tell what was known ``as_of`` a day.
        """
        if query.as_of is not None:
            return await self._told_as_of(query, query.as_of)
        deadline = self._policy.deadline if within is None else within
        with Rescue(self._archived, query, self._clock, within=deadline) as rescue:
            try:
                told = await self._told_by_aqs(query, deadline)
            except UpstreamError:
                archived = await rescue.told()
                if archived is None:
                    raise
                return archived
            return await rescue.completed(told)

    async def _told_as_of(self, query: SeriesQuery, as_of: date) -> Told:
        try:
            async with asyncio.timeout(self._policy.deadline.total_seconds()):
                told = await told_from_archive(
                    self._archived, query, today=self._today(), as_of=as_of
                )
        except TimeoutError as e:
            raise ArchiveUnavailableError("the archive gave no answer in time") from e
        if told is None:
            raise NotArchivedError(f"No archive tells what was known of these days on {as_of}.")
        return told

    async def _told_by_aqs(self, query: SeriesQuery, deadline: timedelta) -> Told:
        time = asyncio.get_running_loop().time
        until = time() + deadline.total_seconds() - TO_ANSWER
        async with in_time(deadline):
            checks = await self._store.checks(
                query.series,
                since=self._first_day(query),
                until=query.days.end if isinstance(query.days, DateRange) else None,
                within=max(until - time(), 0.0),
            )
            newest = checks.checked.newest(self._clock.now())
            asked = self._resolve(query.days, newest)
            wanted = reach(asked, query.sections) if asked else DateRange.only(newest)
            known = await self._store.series_after(
                checks, query.series, wanted, within=max(until - time(), 0.0)
            )
            if known.block.is_empty:
                known = await self._store.whole(query.series)
                if known.block.is_empty:
                    await self._make_sure_of_series(query.series)
        return self._tell(asked, known, checks)

    async def calendar(self) -> LoadCalendar:
        """Tell which days are loaded, as the witness shows.

        Raises
        ------
        UpstreamError
            That cannot be told now.
        """
        return await self._store.calendar()

    async def projects(self) -> KnownProjects:
        """Tell the projects of which Wikimedia has told a number so far; it is not asked."""
        items = []
        for project in self._store.projects:
            known = await self._store.known_corrections(project)
            newest = known.corrections.totals.newest if known else None
            checked_at = known.checked_at if known else None
            items.append(
                KnownProject(project=project, complete_through=newest, checked_at=checked_at)
            )
        return KnownProjects(items=items, notice=self._policy.notice)

    async def datasets(self) -> list[LoadedDays]:
        """Tell which days of which dataset are loaded, as far as that is known."""
        articles = await self._store.articles_dataset()
        told = [_loaded(Dataset.PER_ARTICLE, articles)] if articles else []
        for project in self._store.projects:
            totals = await self._store.totals_dataset(project)
            if totals:
                told.append(_loaded(Dataset.AGGREGATE, totals))
        tops = ((project, self._store.listed_days(project)) for project in self._store.projects)
        return told + [loaded for project, days in tops if (loaded := _listed(project, days))]

    async def corrections(self) -> list[RestatedDays]:
        """Tell which days of which project were restated, as far as that is known."""
        known = [await self._store.known_corrections(name) for name in self._store.projects]
        return [
            RestatedDays.of(
                one.project,
                noticed_at=one.corrections.noticed_at,
                watched_since=one.corrections.begun_at if one.corrections.can_notice else None,
                checked_at=one.checked_at,
                history_checked_at=one.corrections.history_learned_at,
            )
            for one in known
            if one
        ]

    async def observe(self, series: Series, days: DateRange) -> Observation:
        """Ask AQS for these very days anew, for the archive: after everybody else.

        Raises
        ------
        UpstreamError
            They cannot be told now.
        """
        return await self._store.observe(series, days)

    async def observe_top(self, project: str, day: date) -> tuple[RankedArticle, ...]:
        """Tell a day's top list as AQS gives it, for the archive; empty where there is none.

        Raises
        ------
        UpstreamError
            That cannot be told now.
        """
        rows = await self._store.observe_top(project, day)
        return tuple(RankedArticle(**row.model_dump()) for row in rows)

    def now(self) -> datetime | None:
        """Tell the time by AQS' clock; None if it has not told it yet."""
        return self._store.now()

    def _tell(self, asked: DateRange | None, known: KnownSeries, checks: Checks) -> Told:
        block, calendar = known.block, checks.checked.calendar
        age, checked_at = checks.age, checks.checked_at
        missing_from = None
        if age is None or checked_at is None:
            # What was learned can be told; whether it still holds could not be looked at.
            checked_at, fresh = block.stretches[0].learned_at, False
        else:
            fresh = known.holds and age <= self._policy.freshness
            if age > self._policy.stale_limit:
                missing_from = first_unsettled(checked_at.date())
        lost = checks.checked.corrections
        days = tell(asked, block, calendar, lost, missing_from=missing_from) if asked else None
        if days is not None and days.all_missing():
            raise UpstreamUnreachableError(UPSTREAM, "cannot be asked, and what we hold is too old")
        return Told(
            asked=asked,
            days=days,
            complete_through=calendar.complete_through if calendar else None,
            first_day=block.oldest if block.days.start == FIRST_DAY else None,
            checked_at=checked_at,
            stale=not fresh or (days is not None and days.any_missing()),
            fetched=known.fetched,
        )

    def _first_day(self, query: SeriesQuery) -> date:
        """Tell the first day that is needed, roughly: before it is known which are loaded."""
        yesterday = self._today() - ONE_DAY
        # A range may end with an older day than yesterday, and so begin with an older one.
        asked = self._resolve(query.days, max(FIRST_DAY, yesterday - SPARE))
        return reach(asked, query.sections).start if asked else yesterday

    def _resolve(self, days: DateRange | NamedRange, newest: date) -> DateRange | None:
        if isinstance(days, DateRange):
            return days
        return days.resolve(today=self._today(), complete_through=newest)

    async def _make_sure_of_series(self, series: Series) -> None:
        """Tell an error, except where a project's total is without views in a part of it only."""
        if series.article is not None:
            await self._store.make_sure_of(series.project)
            raise ArticleNeverViewedError(await self._never_viewed(series))
        if not await self._store.has_totals(series.project):
            raise UnknownProjectError(f"Wikimedia's API has no totals for {series.project}.")

    async def _never_viewed(self, series: Series) -> str:
        """Say so, and offer the capitalised title where we hold it: titles are case-sensitive."""
        title = series.article or ""
        which = f"{series.project} ({series.access}, {series.agent})"
        detail = f'Wikimedia has never counted a view of "{title}" in {which}.'
        other = replace(series, article=title[:1].upper() + title[1:])
        if other != series and await self._store.holds_views(other):
            detail += f' There is "{other.article}": upper and lower case count.'
        return detail

    def _today(self) -> date:
        return self._clock.now().date()


def _loaded(dataset: Dataset, known: KnownDataset) -> LoadedDays:
    calendar = known.calendar
    return LoadedDays.of(
        dataset,
        known.project,
        complete_through=calendar.complete_through,
        known_from=calendar.known_from,
        shown_at=calendar.shown_at,
        holes=calendar.holes,
        checked_at=known.checked_at,
        next_check_at=known.next_check_at,
    )


def _listed(project: str, days: Mapping[date, datetime | None]) -> LoadedDays | None:
    """Tell for which days there are top lists; the list is its own witness."""
    shown_at = {day: moment for day, moment in days.items() if moment}
    if not shown_at:
        return None
    newest = max(shown_at)
    return LoadedDays.of(
        Dataset.TOP,
        project,
        complete_through=newest,
        known_from=min(days),
        shown_at=shown_at,
        holes=[day for day in days if day < newest and day not in shown_at],
        checked_at=max(shown_at.values()),
        next_check_at=None,
    )
