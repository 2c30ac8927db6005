"""Top lists, through the front door."""

from datetime import date, timedelta

import httpx
import pytest

from pageviews_api.config import Settings
from pageviews_api.schemas.query import Access
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults

TOP = "/api/v1/top/fr.wikipedia"

ROWS = [("Main_Page", 900), ("AC/DC", 500), ("星野源", 500), ("Paris", 100)]

BAD_PARAMETERS = {
    "foo=1": "foo",
    "granularity=daily": "granularity",
    "date=2026-02-30": "date",
    "date=": "date",
    "date=yesterday": "date",
    "date=2026-1-1": "date",
    "date=2015-06-30": "date",
    "date=2026-11-23": "date",
    "date=0000-01-01": "date",
    "date=9999-12-31": "date",
    "month=2026-13": "month",
    "month=2026-1": "month",
    "month=0000-01": "month",
    "month=2026-10-01": "month",
    "month=2015-06": "month",
    "month=2026-11": "month",
    "month=2026-12": "month",
    "month=2026-10&date=2026-10-01": "month",
    "access=all": "access",
    "agent=all-agents": "agent",
    "agent=spider": "agent",
    "agent=automated": "agent",
    "agent=bot": "agent",
    "date=2026-11-01&date=2026-11-02": "date",
    "date=2026-11-01&date=2026-11-01": "date",
    "range=latest-32": "range",
    "range=latest-9999": "range",
    "range=latest-0": "range",
    "range=latest-": "range",
    "range=this-year": "range",
    "range=last-year": "range",
    "range=all-time": "range",
    "range=yesterday": "range",
    "range=latest-7&date=2026-11-01": "range",
    "range=latest-7&month=2026-10": "range",
    "range=latest-7&start=2026-11-01&end=2026-11-02": "range",
    "start=2026-11-01": "end",
    "end=2026-11-01": "start",
    "start=2026-11-02&end=2026-11-01": "start",
    "start=2026-10-01&end=2026-11-01": "end",
    "start=2015-06-30&end=2015-07-02": "start",
    "start=2026-11-20&end=2026-11-23": "end",
    "start=2026-11-01&end=2026-11-02&date=2026-11-01": "start",
    "start=2026-11-01&end=2026-11-02&month=2026-10": "start",
    "namespace=0": "namespace",
    "main_page=perhaps": "main_page",
    "compare=year": "compare",
    "limit=0": "limit",
    "limit=1001": "limit",
    "limit=1e2": "limit",
}


def _items(response: httpx.Response) -> list[tuple[str, int, int]]:
    return [(row["article"], row["views"], row["rank"]) for row in response.json()["items"]]


async def test_get_top__day(service: Service) -> None:
    """A day's list is told by rank; ties share one."""
    service.aqs.set_top("fr.wikipedia", "all-access", date(2026, 11, 1), ROWS)
    for day in ("2026-11-01", "20261101", "2026110100"):
        response = await service.client.get(TOP, params={"date": day})

        assert response.status_code == 200
        answer = response.json()
        assert (answer["date"], answer["month"], answer["agent"]) == ("2026-11-01", None, "user")
        assert _items(response) == [
            ("Main_Page", 900, 1),
            ("AC/DC", 500, 2),
            ("星野源", 500, 2),
            ("Paris", 100, 4),
        ]
    assert service.aqs.count(lambda path: "/top/" in path) == 1
    assert service.aqs.count() == 2  # the project's totals tell whether a day was restated


async def test_get_top__month(service: Service) -> None:
    """A month's list is told for the whole month."""
    service.aqs.set_top("fr.wikipedia", "all-access", "2026-10", ROWS)
    response = await service.client.get(TOP, params={"month": "2026-10", "agent": "user"})

    assert response.status_code == 200
    answer = response.json()
    assert (answer["date"], answer["month"]) == (None, "2026-10")
    assert len(answer["items"]) == 4


async def test_get_top__newest(service: Service) -> None:
    """Without a day the newest list is told, of the last seven days."""
    service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY - timedelta(days=2), ROWS)
    response = await service.client.get(TOP)

    assert response.status_code == 200
    assert response.json()["date"] == "2026-11-19"


async def test_get_top__access(service: Service) -> None:
    """Each access has a list of its own."""
    for views, access in enumerate(Access, 1):
        service.aqs.set_top("fr.wikipedia", access, YESTERDAY, [("Paris", views)])
        response = await service.client.get(TOP, params={"access": access})
        assert response.json()["access"] == access
        assert _items(response) == [("Paris", views, 1)]


@pytest.mark.parametrize("asked", [{}, {"date": "2026-11-20"}, {"month": "2026-10"}])
async def test_get_top__no_list(service: Service, asked: dict[str, str]) -> None:
    """Where a known project has no such list, that is said."""
    await service.client.get("/api/v1/projects/fr.wikipedia")
    response = await service.client.get(TOP, params=asked)

    assert response.status_code == 404
    assert response.json()["type"] == "/problems/no-top-list"
    assert response.headers["cache-control"] == "public, max-age=60"


async def test_get_top__today(service: Service) -> None:
    """Today may be asked for, and has no list yet."""
    response = await service.client.get(TOP, params={"date": "2026-11-22"})
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/no-top-list"


async def test_get_top__unknown_project(service: Service) -> None:
    """A project of which AQS never told a number is unknown."""
    response = await service.client.get("/api/v1/top/xx.wikipedia", params={"date": "2026-11-01"})
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/unknown-project"


async def test_get_top__bad_parameters(service: Service) -> None:
    """A query without meaning is refused with the parameter's name, and nobody is asked."""
    for query, field in BAD_PARAMETERS.items():
        response = await service.client.get(f"{TOP}?{query}")
        assert (query, response.status_code) == (query, 422)
        assert response.json()["type"] == "/problems/invalid-request"
        assert [error["loc"] for error in response.json()["errors"]] == [["query", field]]
    assert service.aqs.count() == 0


async def test_get_top__no_project(service: Service) -> None:
    """What has no articles has no list of them, and nobody is asked."""
    for project in ("all-projects", "evil.com", "fr.wikipedia%0A"):
        response = await service.client.get(f"/api/v1/top/{project}")
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["errors"]] == [["path", "project"]]
    assert service.aqs.count() == 0


async def test_get_top__month_of_last_day(service: Service) -> None:
    """On its last day a month is not over; on the next day its list may be asked for."""
    service.clock.set(service.clock.now().replace(month=11, day=30))
    response = await service.client.get(TOP, params={"month": "2026-11"})
    assert response.status_code == 422
    assert service.aqs.count() == 0
    service.clock.advance(24 * 3600)
    response = await service.client.get(TOP, params={"month": "2026-11"})
    assert response.status_code == 404


async def test_get_top__upstream_error(service: Service) -> None:
    """A list that is none of AQS's is an error of AQS."""
    service.aqs.behave(aqs_faults.html_page())
    response = await service.client.get(TOP, params={"date": "2026-11-01"})
    assert response.status_code == 502
    assert response.json()["type"] == "/problems/upstream-invalid"
    assert response.json()["upstream"] == "aqs"


class TestStale:
    """What is held is served when AQS fails."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which nobody waits for a refresh."""
        return settings.model_copy(update={"cache_wait": 0.0})

    async def test_get_top__stale(self, service: Service) -> None:
        """After two hours without AQS the list stays, flagged."""
        service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, ROWS)
        fresh = (await service.client.get(TOP, params={"date": "2026-11-21"})).json()
        service.aqs.behave(aqs_faults.failing())
        service.clock.advance(2 * 3600 + 1)
        stale = (await service.client.get(TOP, params={"date": "2026-11-21"})).json()

        assert (fresh["stale"], stale["stale"]) == (False, True)
        assert stale | {"stale": False} == fresh
