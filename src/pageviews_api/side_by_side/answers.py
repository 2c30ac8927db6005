"""Answers about a page of a site beside an article: both sides are asked at once."""

import asyncio
from collections.abc import Awaitable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from loguru import logger

from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.clients.rescue import Told as ToldArticle
from pageviews_api.clients.sites import Site
from pageviews_api.clients.sites import Told as ToldSite
from pageviews_api.clock import Clock
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.days import Days
from pageviews_api.exceptions import UpstreamError
from pageviews_api.schemas.query import SeriesQuery
from pageviews_api.schemas.side_by_side import (
    BothDays,
    LagSection,
    LagValue,
    SideBySide,
    SideBySideQuery,
)
from pageviews_api.schemas.site_metrics import Interval, SitePoint
from pageviews_api.side_by_side.lags import compare
from pageviews_api.side_by_side.points import (
    both_days,
    known_of_article,
    known_of_site,
    summary_of,
)

NO_DAY = "No day of this range is over yet."

T = TypeVar("T")

ArticleSide = ToldArticle | UpstreamError
SiteSide = ToldSite[tuple[SitePoint, ...]] | UpstreamError


class SideBySideAnswers:
    """Answers questions about one site beside articles; ``fresh_for`` is said of the articles."""

    def __init__(
        self, pageviews: PageviewsClient, site: Site, *, clock: Clock, fresh_for: timedelta
    ) -> None:
        self._pageviews = pageviews
        self._site = site
        self._clock = clock
        self._fresh_for = fresh_for

    async def told(self, query: SideBySideQuery) -> SideBySide:
        """Tell both sides of each day, what they add up to, and how they follow each other.

        Neither side waits for the other, each has its own deadline. One that cannot be told is
        without numbers, and says why.

        Raises
        ------
        ArticleNeverViewedError
            Wikimedia has never counted a view of this exact title.
        UnknownProjectError
            Nor of anything in this project.
        UpstreamError
            Neither side can be told now; it is the site's.
        """
        today = self._site.today()
        asked = self._resolve(query, today)
        if asked is None:
            return await self._answer(query, [], self._nothing_asked(), reason=NO_DAY)
        article, site = await asyncio.gather(
            _outcome(self._pageviews.told(SeriesQuery(query.series, asked))),
            _outcome(self._ask_site(asked, query.path, today)),
        )
        if isinstance(site, UpstreamError) and isinstance(article, UpstreamError):
            raise site from article
        days = both_days(
            self._days(article, asked).points(),
            () if isinstance(site, UpstreamError) else site.value,
            zone=self._site.timezone,
            today=today,
        )
        return await self._answer(query, days, self._currency(article, site), asked=asked)

    def _resolve(self, query: SideBySideQuery, today: date) -> DateRange | None:
        """Tell the days; named ones end with one that is over on both sides."""
        if isinstance(query.days, DateRange):
            return query.days
        today = min(today, self._clock.now().date())
        return query.days.resolve(today=today, complete_through=today - ONE_DAY)

    async def _ask_site(
        self, asked: DateRange, path: str | None, today: date
    ) -> ToldSite[tuple[SitePoint, ...]]:
        # It may be tomorrow in UTC, of which no provider can tell.
        start, end = min(asked.start, today), min(asked.end, today)
        return await self._site.timeseries(start, end, Interval.DAY, path=path)

    def _days(self, article: ArticleSide, asked: DateRange) -> Days:
        if isinstance(article, UpstreamError):
            return Days.unknown(asked, today=self._clock.now().date())
        assert article.days is not None  # the days were named one by one
        return article.days

    async def _answer(
        self,
        query: SideBySideQuery,
        days: list[BothDays],
        currency: dict[str, Any],
        *,
        asked: DateRange | None = None,
        reason: str | None = None,
    ) -> SideBySide:
        series = query.series
        assert series.article is not None
        return SideBySide(
            site=self._site.name,
            provider=self._site.provider,
            timezone=self._site.timezone.key,
            path=query.path,
            project=series.project,
            article=series.article,
            access=series.access,
            agent=series.agent,
            start=asked.start if asked else None,
            end=asked.end if asked else None,
            reason=reason,
            notice=self._pageviews.notice,
            summary=summary_of(days),
            items=days,
            # Of 400 days it takes 30 ms, in which others go on.
            lag=await asyncio.to_thread(_lag_section, days),
            **currency,
        )

    def _currency(self, article: ArticleSide, site: SiteSide) -> dict[str, Any]:
        """Tell how current both are: as the less current one; and why one is not there at all."""
        told = [one for one in (article, site) if not isinstance(one, UpstreamError)]
        checked_at = min(one.checked_at for one in told)
        # What could not be told now may be told soon.
        stale = len(told) < 2 or any(one.stale for one in told)  # noqa: PLR2004  # both sides
        return {
            "checked_at": checked_at.replace(microsecond=0),
            "stale": stale,
            "fetched": any(one.fetched for one in told),
            "left": timedelta(0) if stale else self._left(article, site),
            "article_reason": _reason(article),
            "site_reason": _reason(site),
        }

    def _left(self, article: ArticleSide, site: SiteSide) -> timedelta:
        """Tell for how much longer both are current, and the site's day is the same."""
        assert isinstance(article, ToldArticle)
        assert isinstance(site, ToldSite)
        of_article = article.checked_at + self._fresh_for - self._clock.now()
        return max(min(of_article, site.left, self._site.ends_in()), timedelta(0))

    def _nothing_asked(self) -> dict[str, Any]:
        now: datetime = self._clock.now().replace(microsecond=0)
        return {"checked_at": now, "stale": False, "fetched": False, "left": timedelta(0)}


async def _outcome(answer: Awaitable[T]) -> T | UpstreamError:
    """Wait for one side; that it cannot be told now sinks nothing else."""
    try:
        return await answer
    except UpstreamError as e:
        logger.bind(upstream=e.upstream, reason=e.reason).info("a side could not be told")
        return e


def _reason(side: ArticleSide | SiteSide) -> str | None:
    return f"{side.upstream} {side.reason}." if isinstance(side, UpstreamError) else None


def _lag_section(days: list[BothDays]) -> LagSection:
    lags = compare(known_of_site(days), known_of_article(days))
    return LagSection(
        lag=lags.lag,
        reason=lags.reason,
        values=[
            LagValue(
                lag=one.lag,
                correlation=None if one.value is None else round(one.value, 4),
                days=one.pairs,
            )
            for one in lags.correlations
        ],
    )
