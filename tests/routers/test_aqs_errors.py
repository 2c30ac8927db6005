"""Errors under AQS's own paths: AQS's statuses, AQS's body, whoever they come from."""

from typing import Any

import httpx
import pytest

from pageviews_api.config import Settings
from pageviews_api.schemas.problem import MEDIA_TYPE
from tests.conftest import Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock, SkippingClock

METRICS = "/api/rest_v1/metrics"
ARTICLE = "pageviews/per-article/fr.wikipedia/all-access/user/Strasbourg/daily/20261101/20261102"
KEYS = ["detail", "method", "status", "title", "type", "uri"]

ACCESSES = "[all-access, desktop, mobile-app, mobile-web]"
AGENTS = "[all-agents, automated, spider, user]"
SITES = "[all-sites, desktop-site, mobile-site]"
BAD_PROJECT = "The parameter `project` contains invalid charaters."
BAD_START = "start timestamp is invalid, must be a valid date in YYYYMMDD format"
BAD_END = "end timestamp is invalid, must be a valid date in YYYYMMDD format"
BAD_HOUR = "start timestamp is invalid, must be a valid date in YYYYMMDDHH format"
BAD_ORDER = "start timestamp should be before the end timestamp"
BAD_DAY = "Given year/month/day is invalid date"
BAD_MONTH = "Given year/month is invalid date"

BAD_WORDS = {
    "pageviews/per-article/fr wikipedia/all-access/user/A/daily/20261101/20261102": BAD_PROJECT,
    "pageviews/per-article/fr%2Fwikipedia/all-access/user/A/daily/20261101/20261102": BAD_PROJECT,
    "pageviews/per-article/en.wikipedia@evil/all-access/user/A/daily/20261101/20261102": (
        BAD_PROJECT
    ),
    "pageviews/per-article/localhost%3A6379/all-access/user/A/daily/20261101/20261102": BAD_PROJECT,
    "pageviews/per-article/%ff/all-access/user/A/daily/20261101/20261102": BAD_PROJECT,
    "pageviews/per-article/fr.wikipedia/all/user/A/daily/20261101/20261102": (
        f"access should be equal to one of the allowed values: {ACCESSES}"
    ),
    "pageviews/per-article/fr.wikipedia/all-access/bot/A/daily/20261101/20261102": (
        f"agent should be equal to one of the allowed values: {AGENTS}"
    ),
    "pageviews/per-article/fr.wikipedia/all-access/USER/A/daily/20261101/20261102": (
        f"agent should be equal to one of the allowed values: {AGENTS}"
    ),
    "pageviews/per-article/fr.wikipedia/all-access/user/A/hourly/20261101/20261102": (
        "Invalid granularity"
    ),
    "pageviews/per-article/fr.wikipedia/all-access/user/A/weekly/20261101/20261102": (
        "Invalid granularity"
    ),
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/20260931/20261102": BAD_START,
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/2026-11-01/20261102": BAD_START,
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/202611/20261102": BAD_START,
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/2026110124/20261102": BAD_START,
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/202611010000/20261102": BAD_START,
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/00000101/20261102": BAD_START,
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/%D9%A2026101/20261102": BAD_START,
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/20261101/20260230": BAD_END,
    "pageviews/per-article/fr.wikipedia/all-access/user/A/daily/20261102/20261101": BAD_ORDER,
    "pageviews/per-article/fr.wikipedia/all-access/user/%2E/daily/20261101/20261102": (
        "The parameter `article` is a path segment, not a title."
    ),
    "pageviews/per-article/fr.wikipedia/all-access/user/%2e%2E/daily/20261101/20261102": (
        "The parameter `article` is a path segment, not a title."
    ),
    "pageviews/per-article/fr.wikipedia/all-access/user/A%00/daily/20261101/20261102": (
        "The parameter `article` holds a control character or invalid Unicode."
    ),
    "pageviews/per-article/fr.wikipedia/all-access/user/A%0D%0AB/daily/20261101/20261102": (
        "The parameter `article` holds a control character or invalid Unicode."
    ),
    "pageviews/per-article/fr.wikipedia/all-access/user/%ff%fe/daily/20261101/20261102": (
        "The parameter `article` holds a control character or invalid Unicode."
    ),
    f"pageviews/per-article/fr.wikipedia/all-access/user/{'A' * 256}/daily/20261101/20261102": (
        "The parameter `article` is longer than 255 bytes."
    ),
    "pageviews/aggregate/fr.wikipedia/all-access/user/weekly/20261101/20261102": (
        "Invalid granularity"
    ),
    "pageviews/aggregate/fr.wikipedia/all-access/user/hourly/20261101/2026110200": BAD_HOUR,
    "pageviews/aggregate/fr.wikipedia/all-access/user/hourly/2026110102/2026110101": BAD_ORDER,
    "pageviews/aggregate/fr.wikipedia/all-access/user/hourly/2025110100/2026110200": (
        "more than 8784 hours cannot be asked for at once here"
    ),
    "pageviews/top/fr.wikipedia/all-access/2026/02/30": BAD_DAY,
    "pageviews/top/fr.wikipedia/all-access/2026/13/01": BAD_DAY,
    "pageviews/top/fr.wikipedia/all-access/0000/01/01": BAD_DAY,
    "pageviews/top/fr.wikipedia/all-access/26/01/01": BAD_DAY,
    "pageviews/top/fr.wikipedia/all-access/2026/001/01": BAD_DAY,
    "pageviews/top/fr.wikipedia/all-access/2026/01/%D9%A1": BAD_DAY,
    "pageviews/top/fr.wikipedia/all-access/2026/all-months/all-days": BAD_MONTH,
    "pageviews/top/fr.wikipedia/all-access/all-years/01/01": BAD_DAY,
    "pageviews/top/fr.wikipedia/all/2026/01/01": (
        f"access should be equal to one of the allowed values: {ACCESSES}"
    ),
    "pageviews/top-by-country/fr.wikipedia/all-access/2026/13": BAD_MONTH,
    "pageviews/top-per-country/FR/all-access/2026/02/29": BAD_DAY,
    "unique-devices/fr.wikipedia/all-access/daily/20261101/20261102": (
        f"access-site should be equal to one of the allowed values: {SITES}"
    ),
    "unique-devices/fr.wikipedia/all-sites/hourly/20261101/20261102": "Invalid granularity",
}
"""Paths with a word that AQS refuses, and what it says."""

NO_ROUTES = [
    "",
    "/",
    "/pageviews/per-article",
    "/pageviews/per-article/fr.wikipedia/all-access/user/AC/DC/daily/20261101/20261102",
    "/pageviews/per-article/fr.wikipedia/all-access/user//daily/20261101/20261102",
    f"/{ARTICLE}/",
    "/pageviews/top/fr.wikipedia/all-access/2026/11",
    "/legacy/pagecounts/aggregate/fr.wikipedia.org/all-sites/daily/2016010100/2016010200",
    "/mediarequests/aggregate/all-referers/all-media-types/user/daily/20261101/20261102",
]


def check(response: httpx.Response, status: int, detail: str | None = None) -> dict[str, Any]:
    """Hold an error against AQS's shape, and tell its body."""
    told: dict[str, Any] = response.json()
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["x-request-id"]
    assert response.headers["cache-control"] == (
        "public, max-age=60" if status == 404 else "no-store"
    )
    assert list(told) == KEYS
    assert (told["status"], told["type"]) == (status, "about:blank")
    assert detail is None or told["detail"] == detail
    return told


@pytest.mark.parametrize("path", BAD_WORDS)
async def test_bad_word__is_a_400(service: Service, path: str) -> None:
    """A word that AQS refuses is its 400, with the first thing that is wrong; nobody is asked."""
    response = await service.client.get(f"{METRICS}/{path}")
    told = check(response, 400, BAD_WORDS[path])
    assert told["title"] == "Bad Request"
    assert told["method"] == "get"
    assert service.aqs.count() == 0


@pytest.mark.parametrize("path", NO_ROUTES)
async def test_no_route__is_a_404(service: Service, path: str) -> None:
    """Where AQS has nothing, or we have it not, the answer is AQS's; a raw slash parts a title."""
    told = check(await service.client.get(METRICS + path), 404, "Invalid route")
    assert told["uri"] == f"/metrics{path}"
    assert service.aqs.count() == 0


async def test_prefix__encoded_is_another_path(service: Service) -> None:
    """Nothing is decoded twice: a path that becomes AQS's by decoding is none of ours."""
    response = await service.client.get(f"/api/rest%5Fv1/metrics/{ARTICLE}")
    assert response.status_code == 404
    assert service.aqs.count() == 0


async def test_prefix__of_other_names(service: Service) -> None:
    """What only begins like AQS's prefix has our own errors."""
    response = await service.client.get("/api/rest_v1/metricsx")
    assert response.json()["type"] == "/problems/not-found"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("foo=1", "foo: is no parameter of this URL"),
        ("format=csv", "format: is no parameter of this URL"),
    ],
)
async def test_query__is_refused(service: Service, query: str, detail: str) -> None:
    """AQS has no parameters in a query; ours are refused by name (row C8)."""
    for path in (f"{METRICS}/{ARTICLE}", f"{METRICS}/pageviews"):
        told = check(await service.client.get(f"{path}?{query}"), 400, detail)
        assert "?" not in told["uri"]
    twice = check(await service.client.get(f"{METRICS}/{ARTICLE}?{query}&{query}"), 400)
    assert twice["detail"].startswith(query.split("=", maxsplit=1)[0])


async def test_own_refusals__in_aqs_shape(service: Service) -> None:
    """A wrong host, a body, a long query, a wrong method: ours to refuse, in AQS's shape."""
    url = f"{METRICS}/{ARTICLE}"
    check(await service.client.get(url, headers={"host": "a b"}), 400)
    check(await service.client.request("GET", url, content=b"{}"), 413)
    check(await service.client.get(f"{url}?{'a' * 3000}"), 414)
    response = await service.client.put(url)
    told = check(response, 405)
    assert "GET" in response.headers["allow"]
    assert told["method"] == "put"


async def test_methods__of_a_title_with_a_slash(service: Service) -> None:
    """What a path has is told for titles with ``%2F``, too, and not for those with a slash."""
    path = f"{METRICS}/{ARTICLE}".replace("Strasbourg", "AC%2FDC")
    response = await service.client.options(path)
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert (await service.client.delete(path)).headers["allow"] == "GET, HEAD, OPTIONS"
    check(await service.client.options(path.replace("%2F", "/")), 404, "Invalid route")


class TestLimited:
    """A client that asks too often."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which the third request of a minute is one too many."""
        return settings.model_copy(update={"rate_limit": 2, "allowed_origins": ("https://a.b",)})

    async def test_too_many_requests__in_aqs_shape(self, service: Service) -> None:
        """Our own 429 is JSON of AQS's shape, says when to come back, and browsers may read it."""
        headers = {"origin": "https://a.b"}
        for _ in range(3):
            response = await service.client.get(f"{METRICS}/pageviews", headers=headers)
        told = check(response, 429)
        assert told["title"] == "Too Many Requests"
        assert response.headers["retry-after"] == "30"
        assert response.headers["access-control-allow-origin"] == "https://a.b"


class TestFailing:
    """An AQS that fails."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Give a clock on which the pauses between tries take no time."""
        return SkippingClock()

    @pytest.mark.parametrize(
        "path",
        [
            ARTICLE,
            "pageviews/aggregate/fr.wikipedia/all-access/user/daily/20261101/20261102",
            "pageviews/aggregate/fr.wikipedia/all-access/user/hourly/2026110100/2026110101",
            "pageviews/top/fr.wikipedia/all-access/2026/11/01",
            "pageviews/top-by-country/fr.wikipedia/all-access/2026/10",
            "pageviews/top-per-country/FR/all-access/2026/11/01",
            "unique-devices/fr.wikipedia/all-sites/daily/20261101/20261102",
        ],
    )
    @pytest.mark.parametrize(
        ("fault", "status"),
        [
            (aqs_faults.failing(500), 502),
            (aqs_faults.html_page(), 502),
            (aqs_faults.throttling_notice(), 502),
            (aqs_faults.throttled("60"), 503),
        ],
    )
    async def test_failure__in_aqs_shape(
        self, service: Service, path: str, fault: aqs_faults.Behaviour, status: int
    ) -> None:
        """What AQS fails to tell is our 502 or 503, in AQS's shape, without a word of its own."""
        service.aqs.behave(fault)
        response = await service.client.get(f"{METRICS}/{path}")
        told = check(response, status)
        assert told["detail"].startswith("aqs ")
        assert "<" not in response.text
        assert (status == 503) == ("retry-after" in response.headers)
