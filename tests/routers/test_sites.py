"""The operator's sites, through the front door: what is told, of which days, in which form."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from pageviews_api.config import Settings
from tests.support.clock import FakeClock
from tests.support.fake_site import Visited
from tests.support.sites import SitesService, serving_sites, with_sites
from tests.test_openapi import check

TODAY = date(2026, 11, 22)
"""By the fake clock, in Berlin as in UTC."""

MONDAY = Visited(visitors=9, visits=9, pageviews=15, bounces=5, seconds=2307)
"""A day of a real Matomo (2026-11-21)."""


@pytest.fixture
async def service(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SitesService]:
    """Run the service with two sites; ``blog`` has been visited on the last ten days."""
    async with serving_sites(with_sites(settings), clock, monkeypatch) as service:
        for back in range(10):
            service.blog.days[TODAY - timedelta(days=back)] = MONDAY
        service.blog.pages = {"/": 40, "/a,b": 30, "=1+1": 20}
        yield service


async def test_list__names_and_zones(service: SitesService) -> None:
    """The list tells of each site its name, provider and time zone, and nothing else."""
    assert await service.told("") == {
        "items": [
            {"name": "blog", "provider": "plausible", "timezone": "Europe/Berlin"},
            {"name": "shop", "provider": "matomo", "timezone": "America/Santiago"},
        ]
    }
    assert service.blog.asked == []


async def test_summary__of_a_day(service: SitesService) -> None:
    """Figures come with whose they are, of which days, and how current."""
    assert await service.told("/blog/summary?start=2026-11-21&end=2026-11-21") == {
        "site": "blog",
        "provider": "plausible",
        "timezone": "Europe/Berlin",
        "start": "2026-11-21",
        "end": "2026-11-21",
        "partial": False,
        "checked_at": "2026-11-22T12:00:00Z",
        "stale": False,
        "summary": {
            "visitors": 9,
            "visits": 9,
            "pageviews": 15,
            "bounce_rate": 55.56,
            "visit_duration": 256.33,
            "views_per_visit": 1.67,
        },
    }


async def test_summary__what_the_provider_cannot_tell(service: SitesService) -> None:
    """Matomo tells no visitors of several days: they are null, not 0; without visits, ratios."""
    told = (await service.told("/shop/summary"))["summary"]
    assert (told["visitors"], told["visits"], told["pageviews"]) == (None, 0, 0)
    ratios = ("bounce_rate", "visit_duration", "views_per_visit")
    assert [told[name] for name in ratios] == [None] * 3


@pytest.mark.parametrize(
    ("asked", "start", "end", "partial"),
    [
        ("", "2026-10-23", "2026-11-21", False),
        ("range=latest-1", "2026-11-21", "2026-11-21", False),
        ("range=latest-400", "2025-10-18", "2026-11-21", False),
        ("range=this-week", "2026-11-16", "2026-11-22", True),
        ("range=this-month", "2026-11-01", "2026-11-22", True),
        ("range=this-year", "2026-01-01", "2026-11-22", True),
        ("range=last-week", "2026-11-09", "2026-11-15", False),
        ("range=last-month", "2026-10-01", "2026-10-31", False),
        ("range=last-year", "2025-01-01", "2025-12-31", False),
        ("start=2026-11-22&end=2026-11-22", "2026-11-22", "2026-11-22", True),
        ("start=2000-01-01&end=2001-02-03", "2000-01-01", "2001-02-03", False),
    ],
)
async def test_days__that_are_meant(
    service: SitesService, asked: str, start: str, end: str, *, partial: bool
) -> None:
    """Named ranges are of the site's calendar; explicit dates go to the provider as they are."""
    told = await service.told(f"/blog/summary?{asked}")
    assert (told["start"], told["end"], told["partial"]) == (start, end, partial)
    assert service.blog.asked == [f"summary {start} {end}"]


async def test_days__where_the_site_is(service: SitesService) -> None:
    """At 23:30 UTC it is tomorrow in Berlin, and still today in Santiago."""
    service.clock.set(datetime(2026, 11, 22, 23, 30, tzinfo=UTC))
    day = "summary?range=latest-1"
    assert (await service.told(f"/blog/{day}"))["end"] == "2026-11-22"
    assert (await service.told(f"/shop/{day}"))["end"] == "2026-11-21"
    asked = "summary?start=2026-11-23&end=2026-11-23"
    assert (await service.told(f"/blog/{asked}"))["partial"] is True
    assert (await service.get(f"/shop/{asked}")).status_code == 422


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start=2026-11-23&end=2026-11-23", "end"),
        ("start=2026-11-22&end=2026-11-21", "start"),
        ("start=2025-10-18&end=2026-11-22", "end"),
        ("start=1999-12-31&end=2000-01-01", "start"),
        ("start=0001-01-01&end=0001-01-01&compare=previous", "start"),
        ("start=2026-11-21", "end"),
        ("end=2026-11-21", "start"),
        ("start=yesterday&end=2026-11-21", "start"),
        ("range=latest-401", "range"),
        ("range=latest-0", "range"),
        ("range=all-time", "range"),
        ("range=today", "range"),
        ("range=latest-1&range=latest-2", "range"),
        ("range=latest-1&start=2026-11-20&end=2026-11-20", "range"),
        ("compare=year", "compare"),
        ("interval=day", "interval"),
        ("format=xml", "format"),
        ("site_id=1", "site_id"),
        ("segment=x", "segment"),
    ],
)
async def test_summary__refused(service: SitesService, query: str, field: str) -> None:
    """What has no meaning is a 422 that names it, and the provider is not asked."""
    response = await service.get(f"/blog/summary?{query}")
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["errors"]] == [["query", field]]
    assert service.blog.asked == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("timeseries?interval=week", "interval"),
        ("timeseries?interval=month&compare=previous", "compare"),
        ("pages?limit=0", "limit"),
        ("pages?limit=101", "limit"),
        ("pages?limit=1e1", "limit"),
        ("pages?compare=previous", "compare"),
        ("current?range=latest-1", "range"),
        ("current?limit=1", "limit"),
    ],
)
async def test_others__refused(service: SitesService, path: str, field: str) -> None:
    """The same holds for the other routes."""
    response = await service.get(f"/blog/{path}")
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["errors"]] == [["query", field]]
    assert service.blog.asked == []


async def test_site__unknown(service: SitesService) -> None:
    """A site that is not configured is a 404, whatever its name looks like."""
    for name in ("other", "Blog", "plausible", "a" * 500, "..%2F", "1"):
        for what in ("summary", "timeseries", "pages", "current"):
            response = await service.get(f"/{name}/{what}")
            assert response.status_code == 404
            assert name == "..%2F" or response.json()["type"] == "/problems/unknown-site"


async def test_timeseries__by_day(service: SitesService) -> None:
    """Each day has an item, one without visits a zero; today is partial."""
    told = await service.told("/blog/timeseries?start=2026-11-12&end=2026-11-22")
    assert (told["interval"], told["partial"], len(told["items"])) == ("day", True, 11)
    first, second, *_, last = told["items"]
    assert (first["start"], first["visits"], first["visitors"]) == ("2026-11-12", 0, 0)
    assert first["bounce_rate"] is None
    assert (second["start"], second["end"], second["pageviews"]) == ("2026-11-13",) * 2 + (15,)
    assert [item["partial"] for item in told["items"]] == [False] * 10 + [True]
    assert last["start"] == "2026-11-22"


async def test_timeseries__by_month(service: SitesService) -> None:
    """Months are cut to the days asked for, and say so."""
    told = await service.told("/blog/timeseries?start=2026-09-15&end=2026-11-22&interval=month")
    days = [(item["start"], item["end"], item["partial"]) for item in told["items"]]
    assert days == [
        ("2026-09-15", "2026-09-30", True),
        ("2026-10-01", "2026-10-31", False),
        ("2026-11-01", "2026-11-22", True),
    ]


async def test_timeseries__over_a_change_of_clocks(service: SitesService) -> None:
    """Days of 23 and 25 hours are days like others, each once; so is one that has no midnight."""
    spring = await service.told("/blog/timeseries?start=2026-03-28&end=2026-03-30")
    autumn = await service.told("/blog/timeseries?start=2026-10-24&end=2026-10-26")
    south = await service.told("/shop/timeseries?start=2026-09-05&end=2026-09-07")
    assert [item["start"][-2:] for item in spring["items"]] == ["28", "29", "30"]
    assert [item["start"][-2:] for item in autumn["items"]] == ["24", "25", "26"]
    assert [item["start"][-2:] for item in south["items"]] == ["05", "06", "07"]


async def test_pages__most_viewed(service: SitesService) -> None:
    """As many pages come as were asked for, the most viewed first."""
    told = await service.told("/blog/pages?limit=2")
    assert [page["path"] for page in told["items"]] == ["/", "/a,b"]
    assert told["other_pageviews"] is None
    await service.told("/blog/pages")
    assert service.blog.asked[-1].endswith(" 10")


async def test_current__now(service: SitesService) -> None:
    """It tells who is there now, and how long now is."""
    service.blog.now = 3
    told = await service.told("/blog/current")
    assert (told["visitors"], told["window_minutes"]) == (3, 5)
    assert told.keys() == {
        *("site", "provider", "timezone", "checked_at", "stale"),
        *("visitors", "window_minutes"),
    }


async def test_compare__days_that_are_over(service: SitesService) -> None:
    """As many days before stand beside a range, with what has changed."""
    service.blog.days[date(2026, 11, 20)] = Visited(visitors=3, visits=4, pageviews=10)
    told = await service.told("/blog/summary?range=latest-1&compare=previous")
    comparison = told["comparison"]
    assert (comparison["current_start"], comparison["current_end"]) == ("2026-11-21",) * 2
    assert (comparison["base_start"], comparison["base_end"]) == ("2026-11-20",) * 2
    assert comparison["reason"] is None
    assert comparison["current"] == told["summary"]
    assert comparison["base"]["pageviews"] == 10
    change = comparison["change"]
    assert change["visitors"] == {"change": 6, "change_percent": 200.0}
    assert change["pageviews"] == {"change": 5, "change_percent": 50.0}
    assert change["bounce_rate"] == {"change": 55.56, "change_percent": None}
    asked = ["summary 2026-11-21 2026-11-21", "summary 2026-11-20 2026-11-20"]
    assert service.blog.asked == asked


async def test_compare__leaves_today_out(service: SitesService) -> None:
    """A day that is not over would look like a fall: it is counted, and not compared."""
    told = await service.told("/blog/summary?start=2026-11-20&end=2026-11-22&compare=previous")
    comparison = told["comparison"]
    assert told["summary"]["pageviews"] == 45
    assert (comparison["current_start"], comparison["current_end"]) == ("2026-11-20", "2026-11-21")
    assert (comparison["base_start"], comparison["base_end"]) == ("2026-11-18", "2026-11-19")
    assert comparison["current"]["pageviews"] == comparison["base"]["pageviews"] == 30
    assert comparison["change"]["pageviews"] == {"change": 0, "change_percent": 0}


async def test_compare__with_nothing(service: SitesService) -> None:
    """A base of 0 has no percent; where no day is over nothing is compared, with the reason."""
    told = await service.told("/blog/summary?start=2026-11-13&end=2026-11-21&compare=previous")
    assert told["comparison"]["change"]["visits"] == {"change": 81, "change_percent": None}
    for what in ("summary", "timeseries"):
        today = f"/blog/{what}?start=2026-11-22&end=2026-11-22&compare=previous"
        comparison = (await service.told(today))["comparison"]
        assert comparison["reason"] == "No day of this range is over yet."
        assert comparison["current_start"] is comparison["base_start"] is None
    assert comparison["items"] == []


async def test_compare__day_by_day(service: SitesService) -> None:
    """Each day that is over stands beside one of as many days before."""
    told = await service.told("/blog/timeseries?start=2026-11-20&end=2026-11-22&compare=previous")
    items = told["comparison"]["items"]
    assert [(item["date"], item["base_date"]) for item in items] == [
        ("2026-11-20", "2026-11-18"),
        ("2026-11-21", "2026-11-19"),
    ]
    assert [item["base"]["pageviews"] for item in items] == [15, 15]
    assert len(told["items"]) == 3


SITE = "site,provider,timezone"

FIGURES = "visitors,visits,pageviews,bounce_rate,visit_duration,views_per_visit"

BASE = ",".join(["base_date", *(f"base_{name}" for name in FIGURES.split(","))])

PAGE = "path,visitors,visits,pageviews,bounce_rate,time_on_page"

TODAY_ALONE = "start=2026-11-22&end=2026-11-22"

TABLES = {
    "": ("name,provider,timezone", 2),
    "/blog/summary?range=latest-1": (f"{SITE},start,end,partial,{FIGURES}", 1),
    "/blog/summary?range=latest-1&compare=previous": (
        f"{SITE},days,start,end,partial,{FIGURES}",
        3,
    ),
    f"/blog/summary?{TODAY_ALONE}&compare=previous": (
        f"{SITE},days,start,end,partial,{FIGURES}",
        1,
    ),
    "/blog/timeseries?range=latest-3": (f"{SITE},interval,start,end,partial,{FIGURES}", 3),
    "/blog/timeseries?range=this-week&compare=previous": (
        f"{SITE},interval,start,end,partial,{FIGURES},{BASE}",
        7,
    ),
    "/blog/pages": (f"{SITE},start,end,partial,{PAGE}", 3),
    "/blog/current": (f"{SITE},visitors,window_minutes", 1),
}
"""For each route the columns, and how many rows there are."""


@pytest.mark.parametrize("path", TABLES)
async def test_formats__same_rows(service: SitesService, path: str) -> None:
    """CSV and NDJSON are the same rows under the same names, on every route."""
    columns, rows = TABLES[path]
    joint = "&" if "?" in path else "?"
    as_csv = await service.get(f"{path}{joint}format=csv")
    as_ndjson = await service.get(path, accept="application/x-ndjson")
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert as_csv.text.splitlines()[0] == columns
    assert ".csv" in as_csv.headers["content-disposition"]
    read = list(csv.reader(io.StringIO(as_csv.text, newline="")))[1:]
    lines = [json.loads(line) for line in as_ndjson.text.splitlines()]
    assert len(read) == len(lines) == rows
    assert {tuple(line) for line in lines} == {tuple(columns.split(","))}
    assert [[_text(value) for value in line.values()] for line in lines] == read
    assert as_ndjson.headers["vary"].startswith("Accept, Authorization")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


async def test_answers__as_published(service: SitesService) -> None:
    """What is sent is what is published, with nulls, comparisons and problems."""
    document = service.app.openapi()
    queries = {
        "summary": ("", "?compare=previous", f"?{TODAY_ALONE}&compare=previous", "?x=1"),
        "timeseries": ("", "?range=this-week&compare=previous", "?interval=month"),
        "pages": ("", "?limit=1"),
        "current": ("",),
    }
    check(document, await service.get(""), "/api/v1/sites")
    for what, asked in queries.items():
        for query in asked:
            for site in ("blog", "shop", "nobody"):
                response = await service.get(f"/{site}/{what}{query}")
                check(document, response, f"/api/v1/sites/{{site}}/{what}")
    refused = await service.client.get("/api/v1/sites")
    check(document, refused, "/api/v1/sites")


async def test_formats__for_spreadsheets(service: SitesService) -> None:
    """A path that a visitor made up is no formula in a spreadsheet."""
    response = await service.get("/blog/pages?format=csv&excel=true")
    assert ",'=1+1," in response.text
