"""An AQS of our own: it answers as Wikimedia's AQS 2.0 does, from numbers that it is given.

What it knows of AQS is from recorded answers (``tests/data/aqs``), from Wikimedia's *Analytics
API* documentation (https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/), and, for
refusals that nobody recorded, from the services' source. A 404 stands for an unknown title, an
unknown project, no views and days that are not loaded yet alike, as it does there.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from pageviews_api.daterange import aqs_stamp, month_end, parse_day, parse_month
from pageviews_api.demo.sample import load_sample
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.query import Access, Agent, Month, Series
from pageviews_api.schemas.top_query import ListName

ETAG = 'W/"20-da39a3ee5e6b4b0d3255bfef95601890afd80709"'
"""What AQS sends with every answer, whatever its body: the SHA-1 is that of nothing."""

NO_DATA = (
    "The date(s) you used are valid, but we either do not have data for those date(s), or the "
    "project you asked for is not loaded yet. Please check documentation for more information"
)
"""The ``detail`` of every 404 for want of data (recorded)."""

_PUBLIC_PREFIX = "/api/rest_v1"
"""Where Wikimedia's edge mounts AQS; the service behind does not see it, nor do its errors."""

_COMMON_HEADERS = {
    "access-control-allow-headers": (
        "accept, content-type, content-length, cache-control, accept-language, api-user-agent, "
        "if-match, if-modified-since, if-none-match, dnt, accept-encoding"
    ),
    "access-control-allow-methods": "GET,HEAD",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "etag",
    "age": "0",
    "etag": ETAG,
    "x-content-type-options": "nosniff",
}

_PROJECT = re.compile(r"[a-z0-9_.\-]+")
_STAMP = re.compile(r"[0-9]{8}(?:[0-9]{2})?")  # `parse_day` also takes ISO dates; AQS does not
_GRANULARITIES = {"per-article": {"daily", "monthly"}, "aggregate": {"daily", "hourly", "monthly"}}

_Word = TypeVar("_Word", bound=StrEnum)


class _RefusedError(Exception):
    """AQS answers this request with an error."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Span:
    """What a path asks of a series: days in steps, both ends included."""

    granularity: str
    start: date
    end: date

    def buckets(self, days: Iterable[tuple[date, int]]) -> dict[str, int]:
        """Sum the days in the span by AQS's timestamp, oldest first; empty buckets are left out.

        A month that is not wholly in the span counts in part, as AQS 2.0 is reported to do.
        """
        sums: dict[str, int] = {}
        for day, views in sorted(days):
            if self.start <= day <= self.end:
                bucket = aqs_stamp(day.replace(day=1) if self.granularity == "monthly" else day)
                sums[bucket] = sums.get(bucket, 0) + views
        return sums


class AqsService:
    """An ASGI app that serves ``/metrics/pageviews/…``, with or without ``/api/rest_v1`` before.

    The mappings are read at each request, so that their owner may change them meanwhile. A day
    that a series lacks is a day without any view.

    Attributes
    ----------
    loaded_through
        Days after this one are not there yet; None: whatever is given is there.
    """

    def __init__(
        self,
        series: Mapping[Series, Mapping[date, int]],
        tops: Mapping[ListName, Sequence[TopRow]],
    ) -> None:
        self._series = series
        self._tops = tops
        self.loaded_through: date | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise NotImplementedError("AQS speaks HTTP only")
        response = self.answer(scope["method"], scope["raw_path"].decode("latin-1"))
        await response(scope, receive, send)

    def answer(self, method: str, raw_path: str) -> Response:
        """Answer a request for a path that is still percent-encoded, without a query."""
        uri = raw_path.removeprefix(_PUBLIC_PREFIX)
        try:
            response = _good({"items": self._items(method, uri)})
        except _RefusedError as e:
            response = _problem(e, method, uri)
        if method == "HEAD":
            response.body = b""  # its length stays in the headers
        return response

    def _items(self, method: str, uri: str) -> list[dict[str, object]]:
        if method not in {"GET", "HEAD"}:
            raise _RefusedError(405, "Method Not Allowed")
        # Decoded after the split, and once: `%2F` is part of a title, a raw slash never is.
        match [unquote(segment) for segment in uri.split("/")]:
            case ["", "metrics", "pageviews", "per-article", *words] if len(words) == 7:  # noqa: PLR2004  # project to end
                return self._per_article(*words)
            case ["", "metrics", "pageviews", "aggregate", *words] if len(words) == 6:  # noqa: PLR2004  # the same without a title
                return self._aggregate(*words)
            case ["", "metrics", "pageviews", "top", project, access, *when] if len(when) == 3:  # noqa: PLR2004  # year, month, day
                return self._top(project, access, *when)
            case _:
                raise _RefusedError(404, "Invalid route")

    def _per_article(  # AQS's path has these parts, in this order
        self,
        project: str,
        access: str,
        agent: str,
        article: str,
        granularity: str,
        start: str,
        end: str,
    ) -> list[dict[str, object]]:
        series = _read_series(project, access, agent, article.replace(" ", "_"))
        span = _read_span("per-article", granularity, start, end)
        return [
            {
                "project": series.project,
                "article": series.article,
                "granularity": span.granularity,
                "timestamp": timestamp,
                "access": series.access,
                "agent": series.agent,
                "views": views,
            }
            for timestamp, views in self._buckets(series, span)
        ]

    def _aggregate(  # as above
        self, project: str, access: str, agent: str, granularity: str, start: str, end: str
    ) -> list[dict[str, object]]:
        series = _read_series(project, access, agent, None)
        span = _read_span("aggregate", granularity, start, end)
        return [
            {
                "project": series.project,
                "access": series.access,
                "agent": series.agent,
                "granularity": span.granularity,
                "timestamp": timestamp,
                "views": views,
            }
            for timestamp, views in self._buckets(series, span)
        ]

    def _buckets(self, series: Series, span: _Span) -> list[tuple[str, int]]:
        buckets = {} if span.granularity == "hourly" else span.buckets(self._loaded(series))
        if not buckets:
            raise _RefusedError(404, NO_DATA)
        return list(buckets.items())

    def _loaded(self, series: Series) -> Iterator[tuple[date, int]]:
        for day, views in self._series.get(series, {}).items():
            if self._is_loaded(day):
                yield day, views

    def _is_loaded(self, day: date) -> bool:
        return self.loaded_through is None or day <= self.loaded_through

    def _top(
        self, project: str, access: str, year: str, month: str, day: str
    ) -> list[dict[str, object]]:
        query = ListName(_read_project(project), _read_access(access), _period(year, month, day))
        rows = self._tops.get(query)
        if rows is None or not self._is_loaded(_last_day(query)):
            raise _RefusedError(404, NO_DATA)
        return [
            {
                "project": query.project,
                "access": query.access,
                "year": year,
                "month": month,
                "day": day,
                "articles": [row.model_dump() for row in rows],
            }
        ]


def sample_aqs() -> Starlette:
    """Build the AQS of the demo: it serves the bundled sample, and 404 for all else."""
    sample = load_sample()
    top = sample.top
    service = AqsService(
        {line.series: line.by_day() for line in sample.series},
        {ListName(top.project, top.access, top.day): top.rows},
    )
    return Starlette(routes=[Mount("/", app=service)])


def _read_series(project: str, access: str, agent: str, article: str | None) -> Series:
    return Series(
        _read_project(project), _read_access(access), _read_word("agent", Agent, agent), article
    )


def _read_project(text: str) -> str:
    # As aqs-node's `normalizeProject` does it. What no project is called is a 404 like any other.
    project = text.strip().lower().removeprefix("www.").removesuffix(".org")
    if not _PROJECT.fullmatch(project):
        # The misspelling is AQS's.
        raise _RefusedError(400, "The parameter `project` contains invalid charaters.")
    return project


def _read_access(text: str) -> Access:
    return _read_word("access", Access, text)


def _read_word(name: str, words: type[_Word], text: str) -> _Word:
    try:
        return words(text)
    except ValueError:
        allowed = ", ".join(sorted(words))
        detail = f"{name} should be equal to one of the allowed values: [{allowed}]"
        raise _RefusedError(400, detail) from None


def _read_span(endpoint: str, granularity: str, start: str, end: str) -> _Span:
    if granularity.lower() not in _GRANULARITIES[endpoint]:
        raise _RefusedError(400, "Invalid granularity")
    span = _Span(granularity.lower(), _read_stamp("start", start), _read_stamp("end", end))
    if span.start > span.end:
        raise _RefusedError(400, "start timestamp should be before the end timestamp")
    return span


def _read_stamp(name: str, text: str) -> date:
    try:
        return parse_day(text if _STAMP.fullmatch(text) else "")
    except ValueError:
        detail = f"{name} timestamp is invalid, must be a valid date in YYYYMMDD format"
        raise _RefusedError(400, detail) from None


def _period(year: str, month: str, day: str) -> date | Month:
    try:
        if day == "all-days":
            return Month(parse_month(f"{year}-{month}"))
        return parse_day(f"{year}-{month}-{day}")
    except ValueError:
        raise _RefusedError(400, "Given year/month/day is invalid date") from None


def _last_day(query: ListName) -> date:
    if isinstance(query.period, Month):
        return month_end(query.period.first_day)
    return query.period


def _good(body: dict[str, object]) -> Response:
    return _json(
        200, body, "application/json; charset=utf-8", cache_control="s-maxage=14400, max-age=14400"
    )


def _problem(refused: _RefusedError, method: str, uri: str) -> Response:
    titles = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
    body: dict[str, object] = {
        "detail": refused.detail,
        "method": method.lower(),
        "status": refused.status,
        "title": titles[refused.status],
        "type": "about:blank",
        "uri": uri,
    }
    # Only the 404 is recorded; the others are assumed to be like it.
    return _json(refused.status, body, "application/problem+json", cache_control="s-maxage=600")


def _json(
    status: int, body: dict[str, object], content_type: str, *, cache_control: str
) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(
        text,
        status,
        {**_COMMON_HEADERS, "cache-control": cache_control, "content-type": content_type},
    )
