"""Matomo: a site's figures by its Reporting API.

The contract: https://developer.matomo.org/api-reference/reporting-api, and what a Matomo 5.0.2 was
measured to do. The token is sent in the body of a POST and nowhere else: servers log URLs, and a
header is read only since 5.4. Module and format are in the URL: without them a wrong token is
answered with a web page.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from loguru import logger
from pydantic import JsonValue

from pageviews_api.budget import Gate
from pageviews_api.clients.base import Call, UpstreamClient
from pageviews_api.clients.matomo_reports import (
    MOST_ROWS,
    NO_ACTIONS,
    NO_VIEWS,
    NO_VISITS,
    PAGE_ROWS,
    UPSTREAM,
    Span,
    by_path,
    invalid,
    page_figures,
    page_pattern,
    read,
    refuse_error,
    series,
    site_figures,
    span_of,
    spans,
)
from pageviews_api.clients.site_days import Bucket, buckets, points, same_clock
from pageviews_api.clients.site_pages import merged, most_viewed, path_asked
from pageviews_api.clients.site_requests import TIMEOUT, SiteRequests
from pageviews_api.clock import Clock
from pageviews_api.exceptions import UpstreamInvalidError
from pageviews_api.schemas.matomo import (
    LiveCounters,
    MatomoAnswer,
    PageActions,
    PageRows,
    Site,
    VisitsSummary,
)
from pageviews_api.schemas.site_metrics import (
    CurrentVisitors,
    Interval,
    Provider,
    SiteFigures,
    SitePoint,
    TopPages,
)

AT_ONCE = 8
"""Requests at once: as many as Matomo's cloud lets ask for raw data."""

REQUESTS_PER_MINUTE = 300
"""Matomo's cloud allows 350; one's own has no limit."""

STAY_AWAY = (60.0, 600.0)
"""Seconds for which the cloud's windows last, the shorter one first: no header tells which."""

WINDOW_MINUTES = 5
"""Of those who are there now."""

SETTINGS = "SitesManager.getSiteFromId"
"""The method that tells a site's settings; a token that may only look at it is enough."""

ALWAYS = {"module": "API", "format": "JSON", "language": "en"}
"""In every URL. Errors are else in the language of the token's user, and in a bulk only their words
tell what they are about."""


class MatomoClient:
    """Asks Matomo about one site; see ``SiteAnalyticsClient``.

    ``key`` is the token; that of a user who may only look at the site is enough.

    ``visitors`` is None for days together, unless these are one whole month. The figures of one
    page are of the visits that saw it, and have no duration; their bounce rate is of those that
    began there. Its visitors, and visits, are counted once for each query string.

    ``share`` is how many clients there are of the same server, in all processes: each takes its
    part of what may be asked. ``aclose`` stops what runs behind.
    """

    def __init__(
        self,
        upstream: UpstreamClient,
        *,
        key: str,
        site_id: str,
        timezone: ZoneInfo,
        clock: Clock,
        share: int = 1,
        timeout: float = TIMEOUT,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._key = key
        self._site_id = site_id
        self._timezone = timezone
        self._clock = clock
        self._has_compared = False
        self._has_warned = False
        gate = Gate(
            UPSTREAM,
            max_concurrency=max(AT_ONCE // share, 1),
            requests_per_minute=max(REQUESTS_PER_MINUTE // share, 1),
            clock=clock,
        )
        self._requests = SiteRequests(
            UPSTREAM,
            upstream,
            gates=[gate],
            stay_away=lambda waves: STAY_AWAY[min(waves, len(STAY_AWAY)) - 1],
            clock=clock,
            timeout=timeout,
            jitter=jitter,
        )

    @property
    def provider(self) -> Provider:
        """Matomo."""
        return Provider.MATOMO

    async def current_visitors(self) -> CurrentVisitors:
        """Tell who has done anything in the last five minutes."""
        told = await self._ask("Live.getCounters", {"lastMinutes": f"{WINDOW_MINUTES}"})
        (counters,) = read(LiveCounters, told).root
        return CurrentVisitors(visitors=counters.visitors, window_minutes=WINDOW_MINUTES)

    async def summary(self, start: date, end: date) -> SiteFigures:
        """Tell the figures of some days together."""
        span = span_of(Bucket(start, end), today=self._today())
        ((_, told),) = await self._figures([span])
        return told

    async def timeseries(
        self, start: date, end: date, interval: Interval, *, path: str | None = None
    ) -> tuple[SitePoint, ...]:
        """Tell the figures of each day or month, of all pages or of one."""
        today = self._today()
        asked = spans(buckets(start, end, interval), today=today)
        told = await (self._figures(asked) if path is None else self._of_page(asked, path))
        return points(told, interval, today=today)

    async def top_pages(self, start: date, end: date, limit: int) -> TopPages:
        """Tell the most viewed pages of the ``MOST_ROWS`` that are read, query strings apart."""
        span = span_of(Bucket(start, end), today=self._today())
        report = span.parameters | PAGE_ROWS | {"filter_truncate": f"{MOST_ROWS}"}
        rows = read(PageRows, await self._ask("Actions.getPageUrls", report)).root
        others = [row.nb_hits for row in rows if row.url is None]
        return TopPages(
            items=most_viewed(by_path(rows), limit),
            other_pageviews=sum(others) if others else None,
        )

    async def check(self) -> None:
        """Ask for the site's settings: who gets them has a token for it. Compares the time zone."""
        site = read(Site, await self._ask(SETTINGS, {}))
        if f"{site.idsite}" != self._site_id:
            raise invalid("answered with another site")
        self._compare_zone(site)

    def _compare_zone(self, site: Site) -> None:
        """Say once if Matomo counts days by another zone than we were told."""
        self._has_compared = True
        fits = same_clock(site.timezone, self._timezone, near=self._clock.now())
        if not fits and not self._has_warned:
            self._has_warned = True
            logger.bind(upstream=UPSTREAM, timezone=self._timezone.key).warning(
                "the site's time zone is not the one that is configured"
            )

    async def aclose(self) -> None:
        """Stop what runs behind. Nobody must be waiting any more."""
        await self._requests.aclose()

    async def _figures(self, asked: list[Span]) -> list[tuple[Bucket, SiteFigures]]:
        methods = ("VisitsSummary.get", "Actions.get")
        parts = await self._bulk(
            [{"method": method} | span.parameters for span in asked for method in methods]
        )
        told = []
        for span, visits, actions in zip(asked, parts[::2], parts[1::2], strict=True):
            numbers = zip(
                series(VisitsSummary, visits, span, nothing=NO_VISITS),
                series(PageActions, actions, span, nothing=NO_ACTIONS),
                strict=True,
            )
            told += [
                (bucket, site_figures(*number))
                for bucket, number in zip(span.buckets, numbers, strict=True)
            ]
        return told

    async def _of_page(self, asked: list[Span], path: str) -> list[tuple[Bucket, SiteFigures]]:
        wanted = path_asked(path)
        report = PAGE_ROWS | {
            "method": "Actions.getPageUrls",
            "filter_column": "label",
            "filter_pattern": page_pattern(wanted),
        }
        parts = await self._bulk([report | span.parameters for span in asked])
        told = []
        for span, part in zip(asked, parts, strict=True):
            lists = series(PageRows, part, span, nothing=PageRows([]))
            told += [
                (bucket, page_figures(merged(by_path(rows.root)).get(wanted, NO_VIEWS)))
                for bucket, rows in zip(span.buckets, lists, strict=True)
            ]
        return told

    async def _bulk(self, reports: list[dict[str, str]]) -> list[JsonValue]:
        """Ask for several reports in one request; the first time also for the site's time zone."""
        asked = reports if self._has_compared else [*reports, {"method": SETTINGS}]
        form = {
            f"urls[{at}]": urlencode({"idSite": self._site_id} | report)
            for at, report in enumerate(asked)
        }
        parts = await self._send({"method": "API.getBulkRequest"}, form)
        if not isinstance(parts, list) or len(parts) != len(asked):
            raise invalid("answered with more or fewer reports than asked for")
        for part in parts[: len(reports)]:
            refuse_error(part)
        for part in parts[len(reports) :]:
            with suppress(UpstreamInvalidError):  # the reports are what was asked for
                self._compare_zone(read(Site, part))
        return parts[: len(reports)]

    async def _ask(self, method: str, report: Mapping[str, str]) -> JsonValue:
        return await self._send({"method": method, "idSite": self._site_id, **report}, {})

    async def _send(self, parameters: Mapping[str, str], form: Mapping[str, str]) -> JsonValue:
        query = urlencode({**ALWAYS, **parameters}, safe=",")
        call = Call(f"/index.php?{query}", form={"token_auth": self._key, **form})
        told = (await self._requests.ask(call, MatomoAnswer)).root
        refuse_error(told)
        return told

    def _today(self) -> date:
        return self._clock.now().astimezone(self._timezone).date()
