"""The forms of an answer, through the front door: format, ETag, freshness, file name."""

import asyncio
import csv
import io
import json
from datetime import date, timedelta
from typing import Any

import httpx
import pandas as pd
import pytest

from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"

TOP = "/api/v1/top/fr.wikipedia"

DATA = [
    f"{STRASBOURG}?range=latest-3",
    "/api/v1/articles?project=fr.wikipedia&article=Strasbourg&range=latest-3",
    "/api/v1/projects",
    "/api/v1/projects/fr.wikipedia?range=latest-3",
    f"{TOP}?date=2026-11-01",
    "/api/v1/archives",
]
"""Routes that answer in every format, and can do so without an archive."""


@pytest.fixture(autouse=True)
def _top(service: Service) -> None:
    rows = [("Main_Page", 900), ("AC/DC", 500), ("=1+1", 400)]
    service.aqs.set_top("fr.wikipedia", "all-access", date(2026, 11, 1), rows)


def rows_of(response: httpx.Response) -> list[dict[str, str]]:
    """Read CSV."""
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


@pytest.mark.parametrize("path", DATA)
async def test_formats__same_rows(service: Service, path: str) -> None:
    """CSV and NDJSON are the same rows under the same names, on every route of data."""
    await service.client.get(STRASBOURG)  # so that a project is known
    joint = "&" if "?" in path else "?"
    as_csv = rows_of(await service.client.get(f"{path}{joint}format=csv"))
    as_ndjson = await service.client.get(f"{path}{joint}format=ndjson")

    assert as_ndjson.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in as_ndjson.text.splitlines()]
    assert [_texts(line) for line in lines] == as_csv


def _texts(row: dict[str, Any]) -> dict[str, str]:
    """Write a row's values as CSV has them."""
    words = {None: "", True: "true", False: "false"}
    return {k: words[v] if v is None or isinstance(v, bool) else str(v) for k, v in row.items()}


@pytest.mark.parametrize("path", DATA)
async def test_formats__by_accept(service: Service, path: str) -> None:
    """``Accept`` chooses the format where the URL does not, and ``Vary`` says so."""
    joint = "&" if "?" in path else "?"
    named = await service.client.get(f"{path}{joint}format=csv")
    accepted = await service.client.get(path, headers={"Accept": "text/csv"})
    wins = await service.client.get(f"{path}{joint}format=csv", headers={"Accept": "image/png"})

    assert accepted.content == named.content == wins.content
    assert "Accept" in accepted.headers["vary"].split(", ")
    assert "Accept" not in named.headers.get("vary", "").split(", ")


@pytest.mark.parametrize("path", DATA)
async def test_formats__none_is_acceptable(service: Service, path: str) -> None:
    """Who takes none of them gets a 406 that lists them, and Wikimedia is not asked (row C19)."""
    response = await service.client.get(path, headers={"Accept": "application/xml"})

    assert response.status_code == 406
    assert response.json()["type"] == "/problems/not-acceptable"
    assert response.json()["choices"] == ["application/json", "text/csv", "application/x-ndjson"]
    assert response.headers["cache-control"] == "no-store"
    assert service.aqs.count() == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=xml", "format"),
        ("format=", "format"),
        ("format=CSV", "format"),
        ("layout=wide", "layout"),
        ("format=ndjson&layout=wide", "layout"),
        ("format=csv&layout=tall", "layout"),
        ("excel=true", "excel"),
        ("format=json&excel=false", "excel"),
        ("format=csv&excel=1", "excel"),
    ],
)
async def test_formats__bad_parameters(service: Service, query: str, field: str) -> None:
    """A word of the form that has no meaning is a 422 that names it."""
    response = await service.client.get(f"{STRASBOURG}?{query}")
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["errors"]] == [["query", field]]
    assert service.aqs.count() == 0


async def test_layout__only_views_have_two(service: Service) -> None:
    """A list that holds no series has no wide layout."""
    response = await service.client.get(f"{TOP}?date=2026-11-01&format=csv&layout=wide")
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["query", "layout"]


async def test_csv__of_an_article(service: Service) -> None:
    """Pandas reads an article's views as they are in JSON, days as days."""
    service.aqs.loaded_through = YESTERDAY - timedelta(days=1)
    answer = (await service.client.get(f"{STRASBOURG}?start=2026-11-15&end=2026-11-22")).json()
    text = (
        await service.client.get(f"{STRASBOURG}?start=2026-11-15&end=2026-11-22&format=csv")
    ).text
    frame = pd.read_csv(io.StringIO(text), parse_dates=["date"])

    assert list(frame.columns) == [
        *("project", "article", "access", "agent", "granularity"),
        *("date", "views", "status", "observed_on"),
    ]
    assert set(frame["article"]) == {"Strasbourg"}
    assert [str(day.date()) for day in frame["date"]] == [i["date"] for i in answer["items"]]
    assert list(frame["views"].dropna()) == [i["views"] for i in answer["items"] if i["views"]]
    assert list(frame["status"]) == [i["status"] for i in answer["items"]]
    assert frame["views"].isna().sum() == 2


async def test_csv__titles_that_pandas_takes_for_nothing(service: Service) -> None:
    """Read as docs/api.md says, an article called NA keeps its name; the unknown has no number."""
    views = {YESTERDAY: 3}
    for article in ("NA", "None"):
        service.aqs.set_views("fr.wikipedia", article, "all-access", "user", views)
    query = "project=fr.wikipedia&article=NA&article=None&article=Never&range=latest-1&format=csv"
    text = (await service.client.get(f"/api/v1/articles?{query}")).text
    frame = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])

    assert list(frame["article"]) == ["NA", "None", "Never"]
    assert list(frame["views"].isna()) == [False, False, True]


async def test_csv__monthly(service: Service) -> None:
    """Months have their first and last day, and how many days they count."""
    path = f"{STRASBOURG}?start=2026-09-15&end=2026-10-31&granularity=monthly&format=csv"
    first, second = rows_of(await service.client.get(path))
    assert (first["date"], first["end"], first["partial"]) == ("2026-09-15", "2026-09-30", "true")
    assert (second["days_counted"], second["days_in_period"]) == ("31", "31")


async def test_csv__wide(service: Service) -> None:
    """The wide layout has a row for each date and a column for each article."""
    views = {YESTERDAY - timedelta(days=1): 3, YESTERDAY: 7}
    service.aqs.set_views("fr.wikipedia", "AC/DC", Access.ALL_ACCESS, Agent.USER, views)
    path = "/api/v1/articles?project=fr.wikipedia&article=Strasbourg&article=AC/DC&article=Nobody"
    response = await service.client.get(f"{path}&range=latest-2&format=csv&layout=wide")
    before, newest = rows_of(response)
    assert list(newest) == ["date", "Strasbourg", "AC/DC", "Nobody"]
    assert (newest["date"], newest["AC/DC"], newest["Nobody"]) == ("2026-11-21", "7", "")
    assert before["AC/DC"] == "3"


async def test_csv__for_spreadsheets(service: Service) -> None:
    """With ``excel=true``, a title that looks like a formula is text; without, it is as it is."""
    path = f"{TOP}?date=2026-11-01&format=csv"
    assert rows_of(await service.client.get(path))[2]["article"] == "=1+1"
    guarded = await service.client.get(f"{path}&excel=true")
    assert guarded.content.startswith(b"\xef\xbb\xbfproject,")
    assert "'=1+1" in guarded.text


async def test_csv__file_name(service: Service) -> None:
    """CSV comes as a file with a name: in ASCII, and as it is."""
    service.aqs.set_views("fr.wikipedia", "AC/DC_é", Access.ALL_ACCESS, Agent.USER, {YESTERDAY: 7})
    response = await service.client.get(
        "/api/v1/articles/fr.wikipedia/AC%2FDC_%C3%A9?range=latest-1&format=csv"
    )
    assert response.headers["content-disposition"] == (
        'attachment; filename="fr.wikipedia_AC-DC_-_2026-11-21_2026-11-21.csv"; '
        "filename*=UTF-8''fr.wikipedia_AC-DC_%C3%A9_2026-11-21_2026-11-21.csv"
    )
    as_json = await service.client.get(f"{STRASBOURG}?range=latest-1")
    assert "content-disposition" not in as_json.headers


@pytest.mark.parametrize("form", ["json", "csv", "ndjson"])
@pytest.mark.parametrize("path", DATA)
async def test_etag__not_changed(service: Service, path: str, form: str) -> None:
    """Who has the answer gets a 304 without a body, which says the same of keeping it (row B15)."""
    path = f"{path}{'&' if '?' in path else '?'}format={form}"
    first = await service.client.get(path)
    again = await service.client.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    for sent in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        response = await service.client.get(path, headers={"If-None-Match": sent})
        assert (response.status_code, response.content) == (304, b"")
        for name in ("etag", "cache-control", "cache-status"):
            assert response.headers.get(name) == again.headers.get(name)
        assert "content-type" not in response.headers
        assert "Accept-Encoding" in response.headers["vary"]
    for sent in ('"other"', tag.strip('W/"'), "nonsense", ""):
        response = await service.client.get(path, headers={"If-None-Match": sent})
        assert (response.status_code, response.content) == (200, again.content)


async def test_etag__differs_by_form(service: Service) -> None:
    """Each form of an answer has a tag of its own."""
    path = f"{STRASBOURG}?range=latest-3"
    forms = ("json", "csv", "ndjson", "csv&layout=wide", "csv&excel=true")
    tags = {(await service.client.get(f"{path}&format={one}")).headers["etag"] for one in forms}
    assert len(tags) == len(forms)


async def test_etag__survives_a_check(service: Service, clock: FakeClock) -> None:
    """A check that finds nothing new keeps the tag, and prolongs what may be kept."""
    path = f"{STRASBOURG}?range=latest-3"
    first = await service.client.get(path)
    clock.advance(7_000)
    later = await service.client.get(path)
    clock.advance(300)
    checked = await service.client.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert "max-age=7200," in first.headers["cache-control"]
    assert "max-age=200," in later.headers["cache-control"]
    assert checked.status_code == 304
    assert "max-age=7200," in checked.headers["cache-control"]


async def test_etag__changes_with_a_number(service: Service, clock: FakeClock) -> None:
    """A restated day, and a newly loaded one, change the tag."""
    path = f"{STRASBOURG}?range=latest-3"
    first = (await service.client.get(path)).headers["etag"]
    tomorrow = YESTERDAY + timedelta(days=1)
    for project, article in (("en.wikipedia", "Main_Page"), ("fr.wikipedia", "Strasbourg")):
        views = {YESTERDAY - timedelta(days=n): 5 for n in range(400)} | {tomorrow: 6}
        service.aqs.set_views(project, article, Access.ALL_ACCESS, Agent.USER, views)
    service.aqs.loaded_through = tomorrow
    clock.advance(24 * 3600)
    response = await service.client.get(path, headers={"If-None-Match": first})
    assert response.status_code == 200
    assert response.headers["etag"] != first


async def test_cache_status__miss_hit_stale(service: Service, clock: FakeClock) -> None:
    """``Cache-Status`` says whether Wikimedia was asked, and for how long the answer is fresh."""
    path = f"{STRASBOURG}?range=latest-3"
    miss, hit = await service.client.get(path), await service.client.get(path)
    assert miss.headers["cache-status"] == "pageviews-api; fwd=miss; stored; ttl=7200"
    assert hit.headers["cache-status"] == "pageviews-api; hit; ttl=7200"
    assert "age" not in hit.headers

    service.aqs.behave(aqs_faults.failing())
    clock.advance(3 * 3600)
    waiting = asyncio.create_task(service.client.get(path))
    while not waiting.done():
        await asyncio.sleep(0)
        clock.advance(0.05)
    stale = await waiting
    assert stale.json()["stale"] is True
    assert stale.headers["cache-control"].startswith("public, max-age=0, ")
    assert stale.headers["cache-status"].startswith("pageviews-api; hit; ttl=-")


async def test_head__has_the_headers_of_get(service: Service) -> None:
    """HEAD tells tag and freshness, and can be conditional."""
    path = f"{STRASBOURG}?range=latest-3&format=csv"
    await service.client.get(path)
    get, head = await service.client.get(path), await service.client.head(path)
    for name in ("etag", "cache-control", "cache-status", "content-length", "content-disposition"):
        assert head.headers[name] == get.headers[name]
    tag = {"If-None-Match": get.headers["etag"]}
    assert (await service.client.head(path, headers=tag)).status_code == 304
