"""A working Matomo for the suite: its Reporting API, as far as anybody here asks it.

What it does is what a Matomo 5.0.2 was measured to do (``tests/data/matomo``), and what later ones
do by their changelog: the status of errors, their words in another language unless English is asked
for, empty days as ``[]``, counts as text in the rows of one day, no unique visitors of ranges,
trees of pages unless they are to be flat, the sum of the rest.
"""

import re
from datetime import date, timedelta
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from starlette.responses import Response

from tests.support.fake_provider import (
    DayCounts,
    FakeProvider,
    LoggedCall,
    UrlCounts,
    days,
    reply,
)

Parameters = dict[str, str]

FORM = "application/x-www-form-urlencoded"

DEFAULT_LIMIT = 100

PAGE = "<!DOCTYPE html>\n<html><head><title>Matomo</title></head><body>Error</body></html>\n"


class MatomoFailure(Exception):  # noqa: N818  # it is an answer
    """An error as an answer; ``late`` is its status since 5.7, ``early`` that before."""

    def __init__(self, message: str, *, early: int = 200, late: int = 400) -> None:
        super().__init__(message)
        self.early = early
        self.late = late


class FakeMatomo(FakeProvider):
    """Matomo with one site.

    Attributes
    ----------
    tokens_in_urls
        Tokens that came where they must not: a test asserts that there are none.
    month_uniques
        Visitors of a month, who are fewer than those of its days added up.
    """

    def __init__(
        self,
        *,
        token: str,
        site_id: int = 1,
        timezone: str = "Europe/Berlin",
        version: tuple[int, int] = (5, 0),
    ) -> None:
        super().__init__()
        self._token = token
        self._site_id = site_id
        self._version = version
        self._is_english = False
        self.timezone = timezone
        self.tokens_in_urls: list[str] = []
        self.month_uniques: dict[date, int] = {}

    def answer(self, call: LoggedCall) -> Response:
        """Check the token, then answer the method."""
        in_url = dict(parse_qsl(call.query, keep_blank_values=True))
        is_form = call.headers.get("content-type", "").startswith(FORM)
        in_body = dict(parse_qsl(call.body.decode(), keep_blank_values=True)) if is_form else {}
        if "token_auth" in in_url:
            self.tokens_in_urls.append(in_url["token_auth"])
        if call.path.rpartition("/")[2] not in {"", "index.php"}:
            return Response(PAGE, 404, media_type="text/html")
        asked = in_body | in_url
        self._is_english = asked.get("language") == "en"
        try:
            self._authenticate(in_body.get("token_auth"), is_in_url="token_auth" in in_url)
            return reply(self._method(asked))
        except MatomoFailure as e:
            if "module" not in in_url or "format" not in in_url:
                return Response(PAGE, e.early, media_type="text/html")
            return reply(self._failure(e), e.late if self._version >= (5, 7) else e.early)

    def _authenticate(self, token: str | None, *, is_in_url: bool) -> None:
        if is_in_url:
            raise MatomoFailure(
                "Unable to authenticate with the provided token. It is either invalid, expired or "
                "is required to be sent as a POST parameter.",
                early=401,
                late=401,
            )
        if token is None:
            raise _no_access(self._site_id)
        if token != self._token:
            raise MatomoFailure(
                "Unable to authenticate with the provided token. It is either invalid or expired.",
                early=401,
                late=401,
            )

    def _method(self, asked: Parameters) -> object:
        method = asked.get("method", "")
        if method == "API.getBulkRequest":
            return self._bulk(asked)
        if method == "API.getMatomoVersion":
            return {"value": f"{self._version[0]}.{self._version[1]}.2"}
        if asked.get("idSite") != f"{self._site_id}":
            raise _no_access(asked.get("idSite", ""))
        match method:
            case "SitesManager.getSiteFromId":
                return {"idsite": self._site_id, "name": "Example", "timezone": self.timezone}
            case "Live.getCounters":
                assert asked["lastMinutes"] == "5"
                return [{"visits": self.current, "actions": 0, "visitors": self.current}]
            case "VisitsSummary.get" | "Actions.get" | "Actions.getPageUrls":
                return self._report(method, asked)
            case _:
                raise MatomoFailure(f"The method '{method}' does not exist", late=404)

    def _bulk(self, asked: Parameters) -> list[object]:
        told: list[object] = []
        while (text := asked.get(f"urls[{len(told)}]")) is not None:
            try:
                told.append(self._method({k: v[0] for k, v in parse_qs(text).items()}))
            except MatomoFailure as e:  # within a bulk an error is a part like others
                told.append(self._failure(e))
        return told

    def _failure(self, error: MatomoFailure) -> dict[str, str]:
        """Tell an error, in the language of the token's user unless asked for another."""
        message = f"{error}" if self._is_english else "Das geht nicht."
        return {"result": "error", "message": message}

    def _report(self, method: str, asked: Parameters) -> object:
        period, text = asked.get("period", ""), asked.get("date", "")
        if period not in {"day", "week", "month", "year", "range"}:
            raise MatomoFailure(f"The period '{period}' is not supported.")
        try:
            dates = [date.fromisoformat(part) for part in text.split(",")]
        except ValueError as e:
            raise MatomoFailure("Date format must be: YYYY-MM-DD") from e
        if period == "range":
            return self._one(method, asked, dates[0], dates[-1])
        if len(dates) == 1:
            return self._one(method, asked, *_period(period, dates[0]))
        told: dict[str, object] = {}
        for day in days(dates[0], dates[-1]):
            start, end = _period(period, day)
            label = f"{start}"[:7] if period == "month" else f"{start}"
            told[label] = self._one(method, asked, start, end, empty=[])
        return told

    def _one(
        self, method: str, asked: Parameters, start: date, end: date, empty: object = None
    ) -> object:
        if method == "Actions.getPageUrls":
            return self._pages(asked, start, end)
        counts = self.total(start, end)
        if counts == DayCounts() and empty is not None:
            return empty
        if method == "Actions.get":
            return {"nb_pageviews": counts.pageviews, "nb_downloads": 0, "nb_searches": 0}
        told = {
            "nb_visits": counts.visits,
            "nb_actions": counts.pageviews + counts.events,
            "bounce_count": counts.bounces,
            "sum_visit_length": counts.seconds,
            "bounce_rate": f"{round(100 * counts.bounces / max(counts.visits, 1))}%",
        }
        if asked["period"] in {"day", "week", "month"}:
            uniques = self.month_uniques.get(start) if asked["period"] == "month" else None
            told["nb_uniq_visitors"] = counts.visitors if uniques is None else uniques
        return told

    def _pages(self, asked: Parameters, start: date, end: date) -> list[dict[str, object]]:
        found = self.urls(start, end)
        if asked.get("flat") != "1":
            return _tree(found)
        if pattern := asked.get("filter_pattern"):
            assert asked["filter_column"] == "label"
            found = {
                url: counts
                for url, counts in found.items()
                if re.search(pattern, _stored_label(url), re.IGNORECASE)
            }
        rows = [_row(url, counts, of_day=start == end) for url, counts in found.items()]
        assert asked["filter_sort_column"] == "nb_hits"
        rows.sort(key=lambda row: -int(f"{row['nb_hits']}"))
        cut = int(asked.get("filter_truncate", -1))
        if 0 <= cut < len(rows) - 1:
            rest = sum(int(f"{row['nb_hits']}") for row in rows[cut:])
            rows = [*rows[:cut], {"label": "Others", "nb_hits": rest}]
        offset = int(asked.get("filter_offset", 0))
        limit = int(asked.get("filter_limit", DEFAULT_LIMIT))
        return rows[offset:] if limit < 0 else rows[offset:][:limit]


def _period(period: str, day: date) -> tuple[date, date]:
    match period:
        case "day":
            return day, day
        case "week":
            start = day - timedelta(days=day.weekday())
            return start, start + timedelta(days=6)
        case "month":
            following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
            return day.replace(day=1), following - timedelta(days=1)
        case _:
            return day.replace(month=1, day=1), day.replace(month=12, day=31)


def _stored_label(url: str) -> str:
    """Tell what patterns are compared with: labels are decoded only for the answer, after that."""
    return "/" + url.split("://", 1)[-1].partition("/")[2]


def _row(url: str, counts: UrlCounts, *, of_day: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "label": unquote(_stored_label(url)),
        "nb_visits": counts.visitors,
        "nb_hits": counts.pageviews,
        "sum_time_spent": counts.seconds,
        "nb_uniq_visitors" if of_day else "sum_daily_nb_uniq_visitors": counts.visitors,
        "url": url,
    }
    if counts.entries:  # a day's are text, and where no visit began there are none
        row["entry_nb_visits"] = f"{counts.entries}" if of_day else counts.entries
        row["entry_bounce_count"] = f"{counts.bounces}" if of_day else counts.bounces
    return row


def _tree(found: dict[str, UrlCounts]) -> list[dict[str, object]]:
    folders: dict[str, int] = {}
    for url, counts in found.items():
        folder = urlsplit(url).path.split("/")[1]
        folders[folder] = folders.get(folder, 0) + counts.pageviews
    return [
        {"label": folder, "nb_hits": hits, "idsubdatatable": number}
        for number, (folder, hits) in enumerate(folders.items(), start=1)
    ]


def _no_access(site_id: int | str) -> MatomoFailure:
    return MatomoFailure(
        f"You can't access this resource as it requires 'view' access for the website id = "
        f"{site_id}.",
        early=401,
        late=401,
    )
