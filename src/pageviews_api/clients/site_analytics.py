"""What every provider of site analytics is asked for, in the same words."""

from datetime import date
from typing import Protocol

from pageviews_api.schemas.site_metrics import (
    CurrentVisitors,
    Interval,
    Provider,
    SiteFigures,
    SitePoint,
    TopPages,
)


class SiteAnalyticsClient(Protocol):
    """Asks one provider about one site.

    Days are those of the site's own time zone, both ends included. Every method raises
    ``UpstreamError`` where the provider gives no usable answer; its words, its address and its key
    are in none.
    """

    @property
    def provider(self) -> Provider:
        """Who is asked."""
        ...

    async def current_visitors(self) -> CurrentVisitors:
        """Tell how many visitors there are now."""
        ...

    async def summary(self, start: date, end: date) -> SiteFigures:
        """Tell the figures of some days together."""
        ...

    async def timeseries(
        self, start: date, end: date, interval: Interval, *, path: str | None = None
    ) -> tuple[SitePoint, ...]:
        """Tell the figures of each day, or month, oldest first, without gaps.

        A day of which the provider tells nothing is zero: filled from our own calendar. ``path``:
        of one page only, with or without what stands behind a ``?``; then ``visits``, and what is
        made of them, are those that looked at it.
        """
        ...

    async def top_pages(self, start: date, end: date, limit: int) -> TopPages:
        """Tell the most viewed pages; pages that differ in their query string are one."""
        ...

    async def check(self) -> None:
        """See whether the provider is there, knows the key and the site."""
        ...
