"""Several articles in one answer, through the front door."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from pageviews_api.days import Days
from pageviews_api.schemas.points import DayPoint
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock

SET = "/api/v1/articles?project=fr.wikipedia&range=latest-2"


def named(*titles: str) -> str:
    """Ask for these titles."""
    return SET + "".join(f"&article={quote(title, safe='')}" for title in titles)


@pytest.fixture(autouse=True)
def _articles(service: Service) -> None:
    """Let three more articles have views: 10 and 20 a day, and as much as the second."""
    for title, views in (("Ten", 10), ("Twenty", 20), ("AC/DC", 20)):
        days = {YESTERDAY - timedelta(days=n): views for n in range(300)}
        service.aqs.set_views("fr.wikipedia", title, Access.ALL_ACCESS, Agent.USER, days)


async def _told(service: Service, path: str) -> dict[str, Any]:
    response = await service.client.get(path)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def test_set__each_in_order(service: Service) -> None:
    """Each article is told as it is alone, in the order of the question, with share and rank."""
    answer = await _told(service, named("Ten", "AC/DC", "Twenty"))

    assert [one["article"] for one in answer["items"]] == ["Ten", "AC/DC", "Twenty"]
    assert [one["total"] for one in answer["items"]] == [20, 40, 40]
    assert [one["share"] for one in answer["items"]] == [20.0, 40.0, 40.0]
    assert [one["rank"] for one in answer["items"]] == [3, 1, 1]
    assert answer["summary"] == {"total": 100, "articles": 3, "failed": 0, "complete": True}
    alone = await _told(service, "/api/v1/articles/fr.wikipedia/AC%2FDC?range=latest-2")
    assert answer["items"][1]["series"] == alone
    assert answer["checked_at"] == alone["checked_at"]
    assert answer["stale"] is False


async def test_set__is_kept_as_its_articles_are(service: Service) -> None:
    """A whole set may be kept, and has a tag."""
    whole = await service.client.get(named("Ten", "Twenty"))
    assert whole.headers["cache-control"].startswith("public, max-age=7200, ")
    assert whole.headers["cache-status"] == "pageviews-api; fwd=miss; stored; ttl=7200"
    again = await service.client.get(
        named("Ten", "Twenty"), headers={"If-None-Match": whole.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.headers["cache-status"] == "pageviews-api; hit; ttl=7200"


async def test_set__with_what_was_never_viewed(service: Service, clock: FakeClock) -> None:
    """A set is kept no longer than the 404 that an article of it would be alone."""
    alone = await service.client.get("/api/v1/articles/fr.wikipedia/Nobody?range=latest-2")
    for titles in (("Ten", "Nobody"), ("Nobody",)):
        told = await service.client.get(named(*titles))
        assert told.headers["cache-control"] == alone.headers["cache-control"]
        assert told.headers["cache-control"] == "public, max-age=60"
        assert told.headers["cache-status"].endswith("; ttl=60")
        assert told.json()["stale"] is False
        had = {"If-None-Match": told.headers["etag"]}
        assert (await service.client.get(named(*titles), headers=had)).status_code == 304
    clock.advance(7170)
    old = await service.client.get(named("Ten", "Nobody"))
    assert old.headers["cache-control"] == "public, max-age=30"


async def test_set__with_a_failure_that_may_pass(service: Service) -> None:
    """A set of which something could not be told just now is kept by nobody."""
    service.aqs.behave(aqs_faults.html_page(), when=lambda path: "/Twenty/" in path)
    for titles in (("Ten", "Nobody", "Twenty"), ("Twenty",)):
        told = await service.client.get(named(*titles))
        assert told.headers["cache-control"] == "no-store"
        assert told.json()["stale"] is True


async def test_set__repeats(service: Service) -> None:
    """However an article is spelled, it is told once and fetched once (row C10)."""
    answer = await _told(service, named("AC/DC", "Ten", "AC/DC", "Ten "[:3]))
    assert [one["article"] for one in answer["items"]] == ["AC/DC", "Ten"]
    assert service.aqs.count(when=lambda path: "/AC/DC/daily/" in path) == 1
    spaces = await _told(service, named("Ten_or so", "Ten or_so"))
    assert [one["article"] for one in spaces["items"]] == ["Ten_or_so"]


async def test_set__one_failure_sinks_nothing(service: Service) -> None:
    """What fails has its problem; the others have their numbers, and the sum says how many fail."""
    service.aqs.behave(aqs_faults.html_page(), when=lambda path: "/Twenty/" in path)
    answer = await _told(service, named("Nobody", "Ten", "Twenty"))

    nobody, ten, twenty = answer["items"]
    assert (nobody["status"], nobody["problem"]["type"]) == (404, "/problems/article-never-viewed")
    assert (twenty["status"], twenty["problem"]["type"]) == (502, "/problems/upstream-invalid")
    assert nobody["series"] is nobody["total"] is nobody["rank"] is nobody["share"] is None
    assert (ten["status"], ten["total"], ten["share"], ten["rank"]) == (200, 20, 100.0, 1)
    assert ten["problem"] is None
    assert answer["summary"] == {"total": 20, "articles": 3, "failed": 2, "complete": False}
    as_csv = await service.client.get(named("Nobody", "Ten", "Twenty") + "&format=csv")
    assert as_csv.text.splitlines()[1] == (
        "fr.wikipedia,Nobody,all-access,user,daily,,,,,article-never-viewed"
    )
    assert [line.rpartition(",")[2] for line in as_csv.text.splitlines()[2:]] == [
        *("", ""),
        "upstream-invalid",
    ]


async def test_set__all_fail(service: Service) -> None:
    """Where nothing can be told, each article still says why."""
    service.aqs.behave(aqs_faults.html_page())
    answer = await _told(service, named("Ten", "Twenty"))
    assert [one["status"] for one in answer["items"]] == [502, 502]
    assert answer["summary"] == {"total": None, "articles": 2, "failed": 2, "complete": False}


async def test_set__fifty(service: Service) -> None:
    """Fifty are one question, three at a time are asked upstream; 51 are too many."""
    titles = [f"Article_{n}" for n in range(50)]
    for title in titles:
        service.aqs.set_views("fr.wikipedia", title, Access.ALL_ACCESS, Agent.USER, {YESTERDAY: 1})
    answer = await _told(service, named(*titles))
    assert answer["summary"]["failed"] == 0
    assert answer["summary"]["total"] == 50
    assert service.aqs.max_in_flight <= 3
    assert service.aqs.count(when=lambda path: "/Article_" in path) == 50

    service.aqs.forget()
    response = await service.client.get(named(*titles, "One_more"))
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["query", "article"]
    assert service.aqs.count() == 0


async def test_set__fifty_long_titles(service: Service) -> None:
    """Fifty titles of 255 bytes fit into a URL."""
    titles = [f"{n:02}" + "é" * 126 for n in range(50)]
    service.aqs.behave(aqs_faults.absent())
    assert (await _told(service, named(*titles)))["summary"]["failed"] == 50


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ("project=fr.wikipedia", ["query", "article"]),
        ("article=Ten", ["query", "project"]),
        ("project=fr.wikipedia&project=fr.wikipedia&article=Ten", ["query", "project"]),
        ("project=fr.wikipedia&article=Ten&article=..", ["query", "article", 1]),
        ("project=fr.wikipedia&article=Ten&article=", ["query", "article", 1]),
        ("project=all-projects&article=Ten", ["query", "project"]),
        ("project=evil.com&article=Ten", ["query", "project"]),
        ("project=fr.wikipedia&article=Ten&titles=Ten", ["query", "titles"]),
        ("project=fr.wikipedia&article=Ten&start=2026-11-02&end=2026-11-01", ["query", "start"]),
        ("project=fr.wikipedia&article=Ten&range=latest-0", ["query", "range"]),
    ],
)
async def test_set__bad_parameters(service: Service, query: str, loc: list[str | int]) -> None:
    """What has no meaning is a 422 that names it, and nobody is asked."""
    response = await service.client.get(f"/api/v1/articles?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == loc
    assert service.aqs.count() == 0


async def test_set__wrong_title_is_named(service: Service) -> None:
    """What is wrong with one of the titles is told by the parameter's name, and its place."""
    response = await service.client.get(named("Ten", ".."))
    assert response.status_code == 422
    assert response.json()["detail"] == "article.1: is a path segment, not a title"


async def test_set__others_have_their_turn(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all is held, the event loop goes round between one article and the next."""
    titles = [f"Article_{n}" for n in range(20)]
    for title in titles:
        views = {YESTERDAY: 1}
        service.aqs.set_views("fr.wikipedia", title, Access.ALL_ACCESS, Agent.USER, views)
    await _told(service, named(*titles))
    rounds = 0
    made: list[int] = []

    async def count() -> None:
        nonlocal rounds
        while True:
            await asyncio.sleep(0)
            rounds += 1

    points = Days.points

    def counted(days: Days) -> list[DayPoint]:
        made.append(rounds)
        return points(days)

    monkeypatch.setattr(Days, "points", counted)
    counting = asyncio.create_task(count())
    await _told(service, named(*titles))
    counting.cancel()
    assert len(set(made)) == len(made) == len(titles)
