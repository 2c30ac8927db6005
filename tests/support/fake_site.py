"""A provider of one site's analytics that works: it counts what it is given, and can fail."""

import asyncio
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from pageviews_api.clock import Clock
from pageviews_api.daterange import DateRange, month_end
from pageviews_api.schemas.site_metrics import (
    CurrentVisitors,
    Interval,
    PageFigures,
    Provider,
    SiteFigures,
    SitePoint,
    TopPages,
)
from pageviews_api.series.ratios import percent, ratio


@dataclass(frozen=True, slots=True)
class Visited:
    """What was counted on one day."""

    visitors: int = 0
    visits: int = 0
    pageviews: int = 0
    bounces: int = 0
    seconds: int = 0


NOBODY = Visited()


class FakeSite:
    """A site at its provider. ``asked`` tells what it was asked, in order.

    ``error`` is raised instead of an answer; while it is ``mute`` nobody gets one. As Matomo it
    tells visitors of a single day only.
    """

    def __init__(
        self, clock: Clock, timezone: str = "UTC", provider: Provider = Provider.PLAUSIBLE
    ) -> None:
        self.provider = provider
        self.days: dict[date, Visited] = {}
        self.pages: dict[str, int] = {}
        self.now = 0
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.mute = False
        self.closed = False
        self._clock = clock
        self._zone = ZoneInfo(timezone)

    async def current_visitors(self) -> CurrentVisitors:
        """Tell how many there are now."""
        await self._answer("current")
        return CurrentVisitors(visitors=self.now, window_minutes=5)

    async def summary(self, start: date, end: date) -> SiteFigures:
        """Tell the figures of some days together."""
        await self._answer(f"summary {start} {end}")
        return self._figures(start, end)

    async def timeseries(
        self, start: date, end: date, interval: Interval, *, path: str | None = None
    ) -> tuple[SitePoint, ...]:
        """Tell the figures of each day or month; of a page as many as of the site."""
        await self._answer(f"timeseries {interval} {start} {end} {path}")
        firsts = [
            day
            for day in DateRange(start, end)
            if interval is Interval.DAY or day == start or day.day == 1
        ]
        ends = [day if interval is Interval.DAY else min(month_end(day), end) for day in firsts]
        return tuple(self._point(*days, interval) for days in zip(firsts, ends, strict=True))

    async def top_pages(self, start: date, end: date, limit: int) -> TopPages:
        """Tell the most viewed pages."""
        await self._answer(f"pages {start} {end} {limit}")
        ranked = sorted(self.pages.items(), key=lambda page: (-page[1], page[0]))[:limit]
        items = [
            PageFigures(
                path=path,
                visitors=views,
                visits=None,
                pageviews=views,
                bounce_rate=None,
                time_on_page=None,
            )
            for path, views in ranked
        ]
        return TopPages(items=items, other_pageviews=None)

    async def check(self) -> None:
        """Be there."""
        await self._answer("check")

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True

    async def _answer(self, what: str) -> None:
        self.asked.append(what)
        if self.mute:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    def _point(self, start: date, end: date, interval: Interval) -> SitePoint:
        whole = interval is Interval.DAY or (start.day == 1 and end == month_end(start))
        today = self._clock.now().astimezone(self._zone).date()
        return SitePoint(
            **dict(self._figures(start, end)),
            start=start,
            end=end,
            partial=end >= today or not whole,
        )

    def _figures(self, start: date, end: date) -> SiteFigures:
        told = [self.days.get(day, NOBODY) for day in DateRange(start, end)]
        visits, pageviews = sum(day.visits for day in told), sum(day.pageviews for day in told)
        tells_visitors = self.provider is Provider.PLAUSIBLE or start == end
        return SiteFigures(
            visitors=sum(day.visitors for day in told) if tells_visitors else None,
            visits=visits,
            pageviews=pageviews,
            bounce_rate=percent(sum(day.bounces for day in told), visits),
            visit_duration=ratio(sum(day.seconds for day in told), visits, of=1, digits=2),
            views_per_visit=ratio(pageviews, visits, of=1, digits=2),
        )
