"""A working Plausible for the suite: its Stats API, as far as anybody here asks it.

What it does was written from the documented behaviour: the order of checks (token, key, limits,
plan, site), the words of its errors as types of errors only, rows by position, gaps. Its limits are
fixed windows that begin with the full hour; who is over them is told without any header.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from starlette.responses import Response

from pageviews_api.clock import Clock
from tests.support.fake_provider import (
    DayCounts,
    FakeProvider,
    LoggedCall,
    UrlCounts,
    days,
    reply,
)

HOURLY = 600
BURST = 60
BURST_SECONDS = 10
HOUR_SECONDS = 3600

KNOWN_KEYS = {"site_id", "metrics", "date_range", "dimensions", "filters", "order_by", "pagination"}

OF_VISITS = {"bounce_rate", "visit_duration"}

Metric = Callable[[DayCounts], int]
Query = dict[str, Any]
Rows = list[tuple[list[str], DayCounts]]


class FakePlausible(FakeProvider):
    """Plausible with one site.

    Attributes
    ----------
    timezone
        The zone that its days are of; the echo of a query tells the offset.
    has_plan
        Whether the plan includes the Stats API.
    used_by_others
        Requests that others of the team have sent in every window: they count for all.
    """

    def __init__(
        self, clock: Clock, *, key: str, site_id: str = "dummy.site", timezone: str = "UTC"
    ) -> None:
        super().__init__()
        self._clock = clock
        self._key = key
        self._site_id = site_id
        self._counted: Counter[tuple[int, int]] = Counter()
        self.timezone = ZoneInfo(timezone)
        self.has_plan = True
        self.used_by_others = {HOUR_SECONDS: 0, BURST_SECONDS: 0}

    def answer(self, call: LoggedCall) -> Response:
        """Check in the documented order, then answer."""
        scheme, _, key = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return _error(401, "no key was sent")
        if key != self._key:
            return _error(401, "the key or the site is not known")
        if self._is_over_limit():
            return _error(429, "the limit is reached")
        if not self.has_plan:
            return _error(402, "the plan has no Stats API")
        return self._data(call)

    def _is_over_limit(self) -> bool:
        for seconds, limit in ((HOUR_SECONDS, HOURLY), (BURST_SECONDS, BURST)):
            window = seconds, int(self._clock.now().timestamp() // seconds)
            self._counted[window] += 1
            if self._counted[window] + self.used_by_others[seconds] > limit:
                return True
        return False

    def _data(self, call: LoggedCall) -> Response:
        match call.method, call.path:
            case "GET", "/api/v1/stats/realtime/visitors":
                return self._realtime(parse_qs(call.query))
            case "POST", "/api/v2/query":
                return self._query(json.loads(call.body))
            case _:
                return _error(404, "there is no such path")

    def _site_error(self, site_id: object) -> Response | None:
        if site_id is None:
            return _error(400, "the site is missing")
        return None if site_id == self._site_id else _error(401, "the key or the site is not known")

    def _realtime(self, parameters: dict[str, list[str]]) -> Response:
        site_id = parameters.get("site_id", [None])[0]
        return self._site_error(site_id) or reply(self.current)

    def _query(self, query: Query) -> Response:
        if error := self._site_error(query.get("site_id")):
            return error
        metrics, dimensions = query["metrics"], query.get("dimensions", [])
        if unknown := query.keys() - KNOWN_KEYS:
            return _error(400, f"#: {sorted(unknown)} is not known")
        if len(set(metrics)) != len(metrics) or not set(metrics) <= METRICS.keys():
            return _error(400, "#/metrics: not unique, or not known")
        try:
            start, end = map(date.fromisoformat, query["date_range"])
        except (TypeError, ValueError):
            return _error(400, "#/date_range: only explicit days are understood alike everywhere")
        match dimensions:
            case []:
                rows: Rows = [([], self._counts(start, end, query))]
            case ["time:day"]:
                rows = self._series(days(start, end), query, by_month=False)
            case ["time:month"]:
                rows = self._series(days(start, end), query, by_month=True)
            case ["event:page"]:
                rows = self._pages(start, end, query)
            case _:
                return _error(400, "#/dimensions: not known")
        results = [
            {"metrics": [METRICS[metric](counts) for metric in metrics], "dimensions": names}
            for names, counts in rows
        ]
        return reply({"results": results, "meta": {}, "query": self._echo(query, start, end)})

    def _series(self, asked: Iterable[date], query: Query, *, by_month: bool) -> Rows:
        told: dict[str, DayCounts] = {}
        for day in asked:
            counts = self._counts(day, day, query)
            label = f"{day.replace(day=1) if by_month else day}"
            if counts != DayCounts():
                told[label] = told.get(label, DayCounts()) + counts
        return [([label], counts) for label, counts in told.items()]

    def _counts(self, start: date, end: date, query: Query) -> DayCounts:
        filters = query.get("filters", [])
        if not filters:
            return self.total(start, end)
        ((operator, dimension, values),) = filters
        assert dimension == "event:page"
        fits = FILTERS[operator]
        found = (
            _as_day(counts)
            for path, counts in self.urls(start, end).items()
            if any(fits(value, path) for value in values)
        )
        return sum(found, DayCounts())

    def _pages(self, start: date, end: date, query: Query) -> Rows:
        assert query["order_by"] == [["pageviews", "desc"], ["event:page", "asc"]]
        pagination = query["pagination"]
        ranked = sorted(
            self.urls(start, end).items(), key=lambda page: (-page[1].pageviews, page[0])
        )
        shown = ranked[pagination["offset"] :][: pagination["limit"]]
        return [([path], _as_day(counts)) for path, counts in shown]

    def _echo(self, query: Query, start: date, end: date) -> Query:
        first = datetime.combine(start, time(), self.timezone)
        last = datetime.combine(end + timedelta(days=1), time(), self.timezone) - timedelta(
            seconds=1
        )
        return query | {"date_range": [first.isoformat(), last.isoformat()]}


def _as_day(counts: UrlCounts) -> DayCounts:
    """Of one page: its visits are its visitors', its bounce rate is of those that began there."""
    return DayCounts(
        counts.visitors, counts.visitors, counts.pageviews, counts.bounces, counts.seconds
    )


def _ratio(part: int, whole: int, factor: int = 1) -> int:
    return round(factor * part / whole) if whole else 0


FILTERS: dict[str, Callable[[str, str], object]] = {"is": str.__eq__, "matches": re.search}

METRICS: dict[str, Metric] = {
    "visitors": lambda day: day.visitors,
    "visits": lambda day: day.visits,
    "pageviews": lambda day: day.pageviews,
    "bounce_rate": lambda day: _ratio(day.bounces, day.visits, 100),
    "visit_duration": lambda day: _ratio(day.seconds, day.visits),
}
"""Ratios are whole numbers, and 0 without a visit."""


def _error(status: int, text: str) -> Response:
    return reply({"error": text}, status)
