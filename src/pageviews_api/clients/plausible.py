"""Plausible Analytics: a site's figures by its Stats API.

The contract: https://plausible.io/docs/stats-api (v2) and, for those who are there now, v1. Rows
are by position, and what is empty is left out. A key is sent in a header only.
"""

import random
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TypeVar
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo

from loguru import logger
from pydantic import ValidationError

from pageviews_api.budget import Gate
from pageviews_api.clients.base import Call, UpstreamClient
from pageviews_api.clients.site_days import Bucket, buckets, figures, points
from pageviews_api.clients.site_pages import (
    PageCounts,
    most_viewed,
    path_asked,
    path_told,
)
from pageviews_api.clients.site_requests import TIMEOUT, SiteRequests
from pageviews_api.clock import Clock
from pageviews_api.daterange import ONE_DAY
from pageviews_api.exceptions import UpstreamInvalidError
from pageviews_api.schemas.plausible import (
    PageViews,
    PlausibleModel,
    QueryAnswer,
    RealtimeVisitors,
    VisitCounts,
)
from pageviews_api.schemas.site_metrics import (
    CurrentVisitors,
    Interval,
    Provider,
    SiteFigures,
    SitePoint,
    TopPages,
)

UPSTREAM = "plausible"

REQUESTS_PER_HOUR = 500
"""Plausible allows 600, to all keys of a team together."""

BURST = 50
"""Requests in ``BURST_PERIOD``, where Plausible allows 60."""

BURST_PERIOD = 10.0
HOUR = 3600.0

AT_ONCE = 4

WINDOW_MINUTES = 5
"""Of those who are there now; Plausible has no other."""

ROWS_PER_PAGE = 2
"""Rows that are asked for each page to be listed: some have the same path, written otherwise."""

NOTHING = VisitCounts(visitors=0, visits=0, pageviews=0, bounce_rate=None, visit_duration=None)

Row = TypeVar("Row", bound=PlausibleModel)
T = TypeVar("T")


class PlausibleClient:
    """Asks Plausible about one site; see ``SiteAnalyticsClient``.

    Of several days, ``visitors`` counts who returns once a day: Plausible forgets them at midnight.
    The figures of one page are of the visits that saw it; their bounce rate, of those that began
    there. A page has no ``visits`` and no ``time_on_page``.

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
        self._upstream = upstream
        self._headers = {"Authorization": f"Bearer {key}"}
        self._site_id = site_id
        self._timezone = timezone
        self._clock = clock
        self._has_warned = False
        self._requests = SiteRequests(
            UPSTREAM,
            upstream,
            gates=[
                _gate(max(REQUESTS_PER_HOUR // share, 1), HOUR, clock),
                _gate(max(BURST // share, 1), BURST_PERIOD, clock),
            ],
            stay_away=self._stay_away,
            clock=clock,
            timeout=timeout,
            jitter=jitter,
        )

    @property
    def provider(self) -> Provider:
        """Plausible."""
        return Provider.PLAUSIBLE

    async def current_visitors(self) -> CurrentVisitors:
        """Tell who has done anything in the last five minutes."""
        query = urlencode({"site_id": self._site_id})
        call = Call(f"/api/v1/stats/realtime/visitors?{query}", headers=self._headers)
        visitors = await self._requests.ask(call, RealtimeVisitors)
        return CurrentVisitors(visitors=visitors.root, window_minutes=WINDOW_MINUTES)

    async def summary(self, start: date, end: date) -> SiteFigures:
        """Tell the figures of some days together."""
        rows = await self._query(VisitCounts, [], start, end)
        if [dimensions for dimensions, _ in rows] not in ([], [()]):
            raise _invalid("answered with more than a sum")
        return _figures(rows[0][1] if rows else NOTHING)

    async def timeseries(
        self, start: date, end: date, interval: Interval, *, path: str | None = None
    ) -> tuple[SitePoint, ...]:
        """Tell the figures of each day or month, of all pages or of one."""
        asked = buckets(start, end, interval)
        filters = [] if path is None else [_of_page(path)]
        rows = await self._query(VisitCounts, [f"time:{interval}"], start, end, filters=filters)
        told = _by_bucket(rows, asked, interval)
        return points(
            ((bucket, _figures(told.get(bucket, NOTHING))) for bucket in asked),
            interval,
            today=self._today(),
        )

    async def top_pages(self, start: date, end: date, limit: int) -> TopPages:
        """Tell the most viewed pages; Plausible sums up no others."""
        rows = await self._query(
            PageViews,
            ["event:page"],
            start,
            end,
            order_by=[["pageviews", "desc"], ["event:page", "asc"]],
            pagination={"limit": limit * ROWS_PER_PAGE, "offset": 0},
        )
        pages = [
            (
                _path(page),
                PageCounts(
                    pageviews=counts.pageviews,
                    visitors=counts.visitors,
                    bounce_rate=counts.bounce_rate,
                ),
            )
            for (page,), counts in rows
        ]
        return TopPages(items=most_viewed(pages, limit), other_pageviews=None)

    async def check(self) -> None:
        """Ask for today's figures: who gets them has a key for this site."""
        today = self._today()
        await self.summary(today, today)

    async def aclose(self) -> None:
        """Stop what runs behind. Nobody must be waiting any more."""
        await self._requests.aclose()

    async def _query(
        self,
        model: type[Row],
        dimensions: list[str],
        start: date,
        end: date,
        **more: object,
    ) -> list[tuple[tuple[str, ...], Row]]:
        """Ask for the metrics that the model names, with explicit dates.

        What ``7d`` means has changed; and numbers shift a little with the set of metrics asked, so
        each kind of question has always the same.
        """
        metrics = list(model.model_fields)
        query = {
            "site_id": self._site_id,
            "metrics": metrics,
            "date_range": [start.isoformat(), end.isoformat()],
            "dimensions": dimensions,
            **{name: value for name, value in more.items() if value},
        }
        call = Call("/api/v2/query", headers=self._headers, json=query)
        answer = await self._requests.ask(call, QueryAnswer)
        self._check_timezone(answer.query.date_range)
        return [
            (
                _exactly(row.dimensions, dimensions),
                _named(model, dict(zip(metrics, _exactly(row.metrics, metrics), strict=True))),
            )
            for row in answer.results
        ]

    def _today(self) -> date:
        return self._clock.now().astimezone(self._timezone).date()

    def _check_timezone(self, date_range: object) -> None:
        """Say once if Plausible counts days by another zone than we were told."""
        if self._has_warned or not isinstance(date_range, list):
            return
        if not all(self._fits(moment) for moment in date_range):
            self._has_warned = True
            logger.bind(upstream=UPSTREAM, timezone=self._timezone.key).warning(
                "the site's time zone is not the one that is configured"
            )

    def _fits(self, moment: object) -> bool:
        """Tell whether a moment has an offset that our zone has then, or a day before or after.

        A day on which clocks change may begin at a time that there is not.
        """
        try:
            told = datetime.fromisoformat(str(moment))
            offset = told.utcoffset()
            near = [told - ONE_DAY, told, told + ONE_DAY]
            ours = {day.astimezone(self._timezone).utcoffset() for day in near}
        except (ValueError, OverflowError):
            return True  # it is only an echo
        return offset is None or offset in ours

    def _stay_away(self, waves: int) -> float:
        """Tell how long a 429 holds: to the end of the short window, else to that of the hour.

        No header tells which limit it was, and others may use the key. Once ten seconds have gone
        by without a request of ours it can hardly be the short one. Windows begin with the full
        hour (plausible/analytics, ``lib/plausible/rate_limit.ex``: time divided by the period).
        """
        if waves == 1:
            return BURST_PERIOD
        now = self._upstream.now() or self._clock.now()
        return HOUR - now.timestamp() % HOUR + 1  # their clock is told in seconds


def _gate(limit: int, period: float, clock: Clock) -> Gate:
    return Gate(
        UPSTREAM, max_concurrency=AT_ONCE, requests_per_minute=limit, clock=clock, period=period
    )


def _exactly(values: Sequence[T], asked: Sequence[object]) -> tuple[T, ...]:
    """Tell what stands by position, where there is one for each that was asked for."""
    if len(values) != len(asked):
        raise _invalid("answered with more or fewer values than asked for")
    return tuple(values)


def _named(model: type[Row], values: dict[str, int | float | None]) -> Row:
    try:
        return model.model_validate(values)
    except ValidationError as e:
        raise _invalid("answered with a number that is none") from e


def _figures(counts: VisitCounts) -> SiteFigures:
    return figures(
        visitors=counts.visitors,
        visits=counts.visits,
        pageviews=counts.pageviews,
        bounce_rate=counts.bounce_rate,
        visit_duration=counts.visit_duration,
    )


def _by_bucket(
    rows: list[tuple[tuple[str, ...], VisitCounts]], asked: list[Bucket], interval: Interval
) -> dict[Bucket, VisitCounts]:
    """Put rows to the days asked for. A month is told by its first day, or the first asked for."""
    named = {bucket.start: bucket for bucket in asked}
    if interval is Interval.MONTH:
        named |= {bucket.start.replace(day=1): bucket for bucket in asked}
    told: dict[Bucket, VisitCounts] = {}
    for (label,), counts in rows:
        bucket = named.get(_day(label))
        if bucket is None or bucket in told:
            raise _invalid("answered with a day twice or not asked for")
        told[bucket] = counts
    return told


def _day(label: str) -> date:
    try:
        return date.fromisoformat(label)
    except ValueError as e:
        raise _invalid("answered with a day that is none") from e


def _path(page: str) -> str:
    """Tell the path of a page; of one that its fragment names (``/#/in?key=1``), no query either.

    Else a ``?`` is part of the path, for it comes decoded, and without its query.
    """
    path, mark, fragment = page.partition("#")
    return path_told(f"{path}{mark}{fragment.partition('?')[0]}")


def _of_page(path: str) -> list[object]:
    """Ask for one page. Its path is told decoded, and may be not in older data."""
    asked = path_asked(path)
    decoded = unquote(asked)
    spellings = list(dict.fromkeys([decoded, quote(decoded), asked]))
    if "#" in decoded:
        return ["matches", "event:page", [f"^{re.escape(one)}([?]|$)" for one in spellings]]
    return ["is", "event:page", spellings]


def _invalid(reason: str) -> UpstreamInvalidError:
    return UpstreamInvalidError(UPSTREAM, reason)
