"""AQS's own paths, through the front door: what is answered from the days that are kept."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service

RECORDED = Path(__file__).parents[1] / "data/aqs"
TITLES = json.loads((RECORDED.parent / "titles.json").read_text("utf-8"))

BASE = "/api/rest_v1"
METRICS = f"{BASE}/metrics/pageviews"
STRASBOURG = f"{METRICS}/per-article/fr.wikipedia/all-access/user/Strasbourg"


def recorded(name: str) -> tuple[str, str, dict[str, Any]]:
    """Read a recorded exchange: the path, the body word for word, and what it says."""
    exchange = json.loads((RECORDED / name).read_text("utf-8"))
    body = exchange.get("response", exchange)["body"]
    return exchange["request"]["path"], body, json.loads(body)


def set_views(service: Service, views: Mapping[date, int], title: str | None = "A") -> None:
    """Set what AQS tells of a page of fr.wikipedia, or of all of them."""
    service.aqs.set_views("fr.wikipedia", title, Access.ALL_ACCESS, Agent.USER, views)


async def views(service: Service, path: str) -> dict[str, int]:
    """Ask, and be answered with numbers by timestamp."""
    response = await service.client.get(path)
    assert response.status_code == 200, response.text
    return {item["timestamp"]: item["views"] for item in response.json()["items"]}


@pytest.mark.parametrize(
    "name",
    [
        "per_article_andre_the_giant.json",
        "per_article_broussards.json",
        "per_article_facebook.json",
        "per_article_hiv_aids.json",
        "per_article_weird_al_yankovic.json",
        "per_article_wikidata_q42.json",
    ],
)
async def test_per_article__as_recorded(service: Service, name: str) -> None:
    """A body is AQS's to the byte, keys in its order, slashes and quotes as it writes them."""
    path, body, answer = recorded(name)
    first = answer["items"][0]
    numbers = {date.fromisoformat(one["timestamp"][:8]): one["views"] for one in answer["items"]}
    service.aqs.set_views(
        first["project"], first["article"], first["access"], first["agent"], numbers
    )
    response = await service.client.get(BASE + path)
    assert response.status_code == 200
    assert response.content == body.encode()
    assert response.headers["content-type"] == "application/json"


async def test_per_article__not_found_as_recorded(service: Service) -> None:
    """A 404 is AQS's to the byte, all 382 of them; AQS was asked for the title once (row A14)."""
    path, body, _ = recorded("per_article_not_found.json")
    for _ in range(2):
        response = await service.client.get(BASE + path)
        assert response.status_code == 404
        assert response.content == body.encode()
        assert len(response.content) == 382
        assert response.headers["content-type"] == "application/problem+json"
    assert service.series_fetches("THIS_IS_NOT_A_REAL_ARTICLE") == 1
    assert service.aqs.count() == 3  # with the witness, and what tells restated days


async def test_not_found__for_ten_minutes(service: Service) -> None:
    """A 404 is believed as long as Wikimedia's edge believes it, and no longer (row A14)."""
    path = f"{METRICS}/per-article/fr.wikipedia/all-access/user/New/daily/20261101/20261121"
    assert (await service.client.get(path)).status_code == 404
    set_views(service, {YESTERDAY: 7}, "New")
    service.clock.advance(500)
    assert (await service.client.get(path)).status_code == 404
    service.clock.advance(150)
    assert await views(service, path) == {"2026112100": 7}


async def test_aggregate__as_recorded(service: Service) -> None:
    """A project's months are AQS's to the byte, where its days add up to AQS's months."""
    path, body, answer = recorded("aggregate_en.wikipedia_desktop_monthly.json")
    months = {date.fromisoformat(one["timestamp"][:8]): one["views"] for one in answer["items"]}
    half = {day: count // 2 for day, count in months.items()}
    rest = {day + timedelta(days=20): count - count // 2 for day, count in months.items()}
    service.aqs.set_views("en.wikipedia", None, "desktop", "user", half | rest)
    total = dict.fromkeys((YESTERDAY - timedelta(days=back) for back in range(4200)), 1)
    service.aqs.set_views("en.wikipedia", None, "all-access", "all-agents", total)
    response = await service.client.get(BASE + path)
    assert response.content == body.encode()


async def test_top__as_recorded(service: Service) -> None:
    """A top list is AQS's to the byte, ties with their ranks."""
    path, body, answer = recorded("top_en.wikipedia_2015-10-10_first100.json")
    rows = [(row["article"], row["views"]) for row in answer["items"][0]["articles"]]
    service.aqs.set_top("en.wikipedia", "all-access", date(2015, 10, 10), rows)
    response = await service.client.get(BASE + path)
    assert response.content == body.encode()


async def test_daily__what_aqs_leaves_out(service: Service) -> None:
    """Days without any view, and days not loaded, are left out; a zero that AQS sent is told."""
    days = {YESTERDAY: 3, YESTERDAY - timedelta(days=2): 0, YESTERDAY - timedelta(days=5): 8}
    set_views(service, days)
    path = f"{METRICS}/per-article/fr.wikipedia/all-access/user/A/daily/20261115/20261231"
    assert await views(service, path) == {"2026111600": 8, "2026111900": 0, "2026112100": 3}
    own = await service.client.get(
        "/api/v1/articles/fr.wikipedia/A?start=2026-11-15&end=2026-11-19"
    )
    assert [item["views"] for item in own.json()["items"]] == [0, 8, 0, 0, 0]
    assert service.series_fetches("A") == 1


async def test_monthly__in_parts(service: Service) -> None:
    """Months add up the asked days, as 2.0 counts them; a month without any is left out."""
    set_views(service, {date(2026, 9, 14): 1, date(2026, 9, 15): 20, date(2026, 11, 2): 300})
    path = f"{METRICS}/per-article/fr.wikipedia/all-access/user/A/monthly/2026091500/2026113000"
    assert await views(service, path) == {"2026090100": 20, "2026110100": 300}


async def test_days__clipped(service: Service) -> None:
    """Days before Wikimedia's first and after today are cut off; a range of such only is a 404."""
    set_views(service, {date(2015, 7, 1): 5, YESTERDAY: 6})
    path = f"{METRICS}/per-article/fr.wikipedia/all-access/user/A/daily"
    assert await views(service, f"{path}/20070101/20991231") == {"2015070100": 5, "2026112100": 6}
    before = service.aqs.count()
    for days in ("20070101/20150630", "20261123/20991231", "00010101/00010102"):
        assert (await service.client.get(f"{path}/{days}")).status_code == 404
    assert service.aqs.count() == before


async def test_days__not_loaded_only(service: Service) -> None:
    """Of days that are not loaded yet there is nothing; the title is not asked for."""
    response = await service.client.get(f"{STRASBOURG}/daily/20261122/20261122")
    assert response.status_code == 404
    assert service.series_fetches("Strasbourg") == 0


async def test_days__share_the_store(service: Service) -> None:
    """Whatever the range and the steps, a series is asked for once, by our own routes, too."""
    await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg?range=latest-7")
    for days in ("daily/20261101/20261121", "monthly/20260101/20261122", "daily/20251201/20251202"):
        assert await views(service, f"{STRASBOURG}/{days}")
    assert service.series_fetches("Strasbourg") == 1
    assert service.aqs.count() == 3


@pytest.mark.parametrize("project", ["fr.wikipedia", "FR.Wikipedia.ORG", "www.fr.wikipedia.org"])
@pytest.mark.parametrize("title", ["A_b/c", "A%20b%2Fc", "A%20b%2fc", "%41_b%2Fc"])
@pytest.mark.parametrize("days", ["20261120/20261121", "2026112012/2026112100"])
async def test_spellings__are_one(service: Service, project: str, title: str, days: str) -> None:
    """Spellings that AQS takes for one are one series, one request and one answer (row B7)."""
    set_views(service, {YESTERDAY: 7}, "A_b/c")
    await views(
        service,
        f"{METRICS}/per-article/fr.wikipedia/all-access/user/A_b%2Fc/daily/20261120/20261121",
    )
    title = title.replace("/", "%2F")
    path = f"{METRICS}/per-article/{project}/all-access/user/{title}/daily/{days}"
    (item,) = (await service.client.get(path)).json()["items"]
    assert (item["project"], item["article"]) == ("fr.wikipedia", "A_b/c")
    assert service.series_fetches("A_b/c") == 1


async def test_titles__that_aqs_tells_apart(service: Service) -> None:
    """Case, plus signs, double encoding and decomposed letters make other titles (row B7)."""
    numbers = {"Cat": 1, "cat": 2, "C++": 3, "C_": 4, "A%2FB": 5, "A/B": 6, "Caf\u00e9": 7}
    for title, count in numbers.items():
        set_views(service, {YESTERDAY: count}, title)
    path = f"{METRICS}/per-article/fr.wikipedia/all-access/user"
    for title, count in numbers.items():
        url = f"{path}/{quote(title, safe='+')}/daily/20261121/20261121"
        (item,) = (await service.client.get(url)).json()["items"]
        assert (item["article"], item["views"]) == (title, count)
    decomposed = f"{path}/Cafe%CC%81/daily/20261121/20261121"
    assert (await service.client.get(decomposed)).status_code == 404


async def test_titles__round_trip(service: Service) -> None:
    """Real titles come through to AQS and back, exactly (row C5)."""
    for title in sorted({one["article"] for one in TITLES}):
        set_views(service, {YESTERDAY: 7}, title)
        service.aqs.forget()
        quoted = quote(title, safe="")
        path = f"{METRICS}/per-article/fr.wikipedia/all-access/user/{quoted}/daily"
        (item,) = (await service.client.get(f"{path}/20261121/20261121")).json()["items"]
        assert item["article"] == title
        assert f"/user/{quoted}/daily/" in service.aqs.requests[-1].raw_path


@pytest.mark.parametrize(
    "path",
    [
        "pageviews/per-article/enwiki/all-access/user/A/daily/20261101/20261102",
        "pageviews/per-article/evil.com/all-access/user/A/daily/20261101/20261102",
        "pageviews/per-article/169.254.169.254/all-access/user/A/daily/20261101/20261102",
        "pageviews/per-article/all-projects/all-access/user/A/daily/20261101/20261102",
        "pageviews/aggregate/plwiki/all-access/user/daily/20261101/20261102",
        "pageviews/aggregate/plwiki/all-access/user/hourly/2026110100/2026110101",
        "pageviews/top/all-projects/all-access/2026/11/01",
        "pageviews/top/fr.wikipedia/all-access/2026/11/22",
        "pageviews/top/fr.wikipedia/all-access/2026/11/all-days",
        "pageviews/top/fr.wikipedia/all-access/2015/06/30",
        "pageviews/top-by-country/enwiki/all-access/2026/10",
        "pageviews/top-by-country/fr.wikipedia/all-access/2026/11",
        "pageviews/top-per-country/fr/all-access/2026/11/01",
        "pageviews/top-per-country/FRA/all-access/2026/11/01",
        "pageviews/top-per-country/FR/all-access/2026/11/all-days",
        "pageviews/top-per-country/FR/all-access/2026/12/01",
        "unique-devices/all-projects/all-sites/daily/20261101/20261102",
        "unique-devices/all-mediawiki-projects/all-sites/daily/20261101/20261102",
        "unique-devices/fr.wikipedia/all-sites/daily/20261123/20261124",
    ],
)
async def test_no_data__for_certain(service: Service, path: str) -> None:
    """What AQS cannot have is its 404, and nobody is asked (row C1)."""
    response = await service.client.get(f"{BASE}/metrics/{path}")
    assert response.status_code == 404
    assert response.json()["detail"].startswith("The date(s) you used are valid, but we either")
    assert response.json()["uri"] == f"/metrics/{path}"
    assert service.aqs.count() == 0


async def test_unknown_project__asked_once(service: Service) -> None:
    """A project that may exist, but does not, costs one request for its titles and one for it."""
    path = f"{METRICS}/per-article/xx.wikipedia/all-access/user/A/daily/20261101/20261121"
    assert (await service.client.get(path)).status_code == 404
    assert service.aqs.count(lambda path: "xx.wikipedia" in path) == 2


@pytest.mark.parametrize("path", ["2026/9/1", "2026/09/1", "2026/9/01", "2026/09/01"])
async def test_top__padded(service: Service, path: str) -> None:
    """One digit will do for month and day; two are asked with and answered."""
    service.aqs.set_top("fr.wikipedia", "all-access", date(2026, 9, 1), [("A", 2), ("B", 1)])
    response = await service.client.get(f"{METRICS}/top/fr.wikipedia/all-access/{path}")
    (item,) = response.json()["items"]
    assert [item[key] for key in ("year", "month", "day")] == ["2026", "09", "01"]
    assert item["articles"][0] == {"article": "A", "views": 2, "rank": 1}
    assert service.aqs.count(lambda path: path.endswith("/top/fr.wikipedia/all-access/2026/09/01"))


async def test_top__month(service: Service) -> None:
    """A month's list is that of all its days."""
    service.aqs.set_top("fr.wikipedia", "desktop", "2026-09", [("A", 2)])
    response = await service.client.get(f"{METRICS}/top/fr.wikipedia.org/desktop/2026/9/all-days")
    (item,) = response.json()["items"]
    assert [item[key] for key in ("project", "access", "year", "month", "day")] == [
        "fr.wikipedia",
        "desktop",
        "2026",
        "09",
        "all-days",
    ]
    assert (
        await service.client.get(f"{METRICS}/top/fr.wikipedia/desktop/2026/8/all-days")
    ).status_code == 404


async def test_listing(service: Service) -> None:
    """The listing is what the npm package's test wants, with and without the last slash."""
    for path in (METRICS, f"{METRICS}/"):
        response = await service.client.get(path)
        names = '["aggregate","per-article","top","top-by-country"]'
        assert response.text == f'{{"items":{names}}}'


async def test_validators__our_own(service: Service) -> None:
    """An answer has a weak ETag of its own and our freshness; who has it gets a 304 (row B15)."""
    first = await service.client.get(f"{STRASBOURG}/daily/20261101/20261110")
    other = await service.client.get(f"{STRASBOURG}/daily/20261101/20261111")
    assert first.headers["etag"].startswith('W/"')
    assert "da39a3ee" not in first.headers["etag"]
    assert first.headers["etag"] != other.headers["etag"]
    assert first.headers["cache-control"].startswith("public, max-age=7200")
    assert other.headers["cache-status"].startswith("pageviews-api; hit")
    again = await service.client.get(
        f"{STRASBOURG}/daily/20261101/20261110",
        headers={"if-none-match": first.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("accept", ["text/html", "text/csv", "application/xml", "*/*"])
async def test_accept__is_not_looked_at(service: Service, accept: str) -> None:
    """Whatever a client accepts, it gets AQS's JSON; nothing but the path decides (row B8)."""
    headers = {"accept": accept, "x-forwarded-host": "evil.example"}
    response = await service.client.get(f"{STRASBOURG}/daily/20261101/20261110", headers=headers)
    assert response.headers["content-type"] == "application/json"
    assert "accept," not in response.headers.get("vary", "").lower()


async def test_head(service: Service) -> None:
    """HEAD is GET without the body, of good answers and of errors."""
    for path in (f"{STRASBOURG}/daily/20261101/20261110", f"{STRASBOURG}/hourly/1/2"):
        got = await service.client.get(path)
        head = await service.client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-length"] == got.headers["content-length"]
