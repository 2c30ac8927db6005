"""A site as the archive knows it: it tells numbers by rule, and can be told to fail."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from pageviews_api.archive.shelf import Shelf
from pageviews_api.archive.sites.archiver import SitesArchiver
from pageviews_api.archive.sites.document import SITES
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.clients.sites import Told
from pageviews_api.clock import Clock
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import UnknownSiteError
from pageviews_api.schemas.site_metrics import Interval, Provider, SitePoint
from tests.support.clock import SkippingClock


@dataclass
class ArchivedFakeSite:
    """Each day has as many visits as its day of the month, and a pageview more for each ``more``.

    ``asked`` are the ranges that it was asked for. ``checked_at`` is when it was asked, where that
    is not now, and ``unfinished`` a day that it calls partial all the same.
    """

    clock: Clock
    name: str
    timezone: ZoneInfo
    provider: Provider = Provider.MATOMO
    more: int = 1
    failure: Exception | None = None
    checked_at: datetime | None = None
    unfinished: date | None = None
    asked: list[DateRange] = field(default_factory=list)

    async def timeseries(
        self,
        start: date,
        end: date,
        interval: Interval,
        *,
        path: str | None = None,
    ) -> Told[tuple[SitePoint, ...]]:
        """Tell the days; those that are not over by the site's own calendar are partial."""
        assert (interval, path) == (Interval.DAY, None)
        self.asked.append(DateRange(start, end))
        if self.failure is not None:
            raise self.failure
        at = self.checked_at or self.clock.now()
        today = at.astimezone(self.timezone).date()
        points = tuple(
            self._point(day, partial=day >= today or day == self.unfinished)
            for day in self.asked[-1]
        )
        return Told(points, checked_at=at, stale=False, fetched=True)

    def _point(self, day: date, *, partial: bool) -> SitePoint:
        visits, pageviews = day.day, day.day + self.more
        return SitePoint(
            start=day,
            end=day,
            partial=partial,
            visitors=visits,
            visits=visits,
            pageviews=pageviews,
            bounce_rate=50.0,
            visit_duration=60.5,
            views_per_visit=round(pageviews / visits, 2),
        )


class FakeSites:
    """Some of them, by their names."""

    def __init__(self, *sites: ArchivedFakeSite) -> None:
        self.all = {site.name: site for site in sites}

    def names(self) -> tuple[str, ...]:
        """Tell their names."""
        return tuple(self.all)

    def site(self, name: str) -> ArchivedFakeSite:
        """Give one of them."""
        if name not in self.all:
            raise UnknownSiteError("No site of this name is configured here.")
        return self.all[name]


async def put_sites(store: ArchiveStore, day: date) -> None:
    """Archive a site for a day, as the job does at noon of it."""
    clock = SkippingClock(datetime.combine(day, time(12), UTC))
    sites = FakeSites(ArchivedFakeSite(clock, "blog", ZoneInfo("Europe/Berlin")))
    await SitesArchiver(sites, Shelf(store, SITES, clock=clock), clock=clock).run()
