"""AQS's own paths when AQS cannot answer: what is held or archived is told, and nothing in part."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.main import create_app
from pageviews_api.resources import open_resources
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock, SkippingClock
from tests.support.fake_aqs import FakeAqs

METRICS = "/api/rest_v1/metrics/pageviews"
STRASBOURG = f"{METRICS}/per-article/fr.wikipedia/all-access/user/Strasbourg"
HOUR = 3600


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock on which the pauses between tries take no time."""
    return SkippingClock()


async def count(client: httpx.AsyncClient, path: str) -> tuple[int, int]:
    """Ask; tell the status and how many items came."""
    response = await client.get(path)
    return response.status_code, len(response.json().get("items", []))


async def test_aqs_down__what_is_held_is_told(service: Service) -> None:
    """For 26 hours everything that is held is told; then no more what may have changed since."""
    newest, settled = f"{STRASBOURG}/daily/20261101/20261231", f"{STRASBOURG}/daily/2026110100/"
    settled += "2026111000"
    assert await count(service.client, newest) == (200, 21)
    service.aqs.behave(aqs_faults.failing())
    service.clock.advance(20 * HOUR)
    assert await count(service.client, newest) == (200, 21)
    service.clock.advance(20 * HOUR)
    response = await service.client.get(newest)
    assert response.status_code in {502, 503}
    assert list(response.json()) == ["detail", "method", "status", "title", "type", "uri"]
    assert await count(service.client, settled) == (200, 10)
    stale = await service.client.get(settled)
    assert stale.headers["cache-control"].startswith("public, max-age=0,")


async def test_aqs_down__days_not_held(service: Service) -> None:
    """Days that are not held are not left out as if nobody had looked: nothing is told."""
    assert await count(service.client, f"{STRASBOURG}/daily/20261101/20261231") == (200, 21)
    service.aqs.behave(aqs_faults.failing())
    for step in ("daily", "monthly"):
        response = await service.client.get(f"{STRASBOURG}/{step}/20200101/20261110")
        assert response.status_code in {502, 503}, response.text


async def test_newest_day_only__when_too_old(service: Service) -> None:
    """That a day is not loaded yet is not told for longer than we may think so."""
    newest = f"{STRASBOURG}/daily/20261123/20261123"
    assert await count(service.client, f"{STRASBOURG}/daily/20261101/20261231") == (200, 21)
    service.aqs.behave(aqs_faults.failing())
    service.clock.advance(24 * HOUR)
    assert (await service.client.get(newest)).status_code == 404
    service.clock.advance(24 * HOUR)
    assert (await service.client.get(newest)).status_code in {502, 503}


async def test_witness_fails__the_series_is_told(service: Service) -> None:
    """What AQS tells of the series itself is enough: AQS tells no more."""
    service.aqs.behave(aqs_faults.failing(), when=lambda path: "Strasbourg" not in path)
    assert await count(service.client, f"{STRASBOURG}/daily/20261101/20261231") == (200, 21)


async def test_top__held_is_told(service: Service) -> None:
    """A list that is held is told when AQS fails."""
    service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("A", 7)])
    path = f"{METRICS}/top/fr.wikipedia/all-access/2026/11/21"
    assert await count(service.client, path) == (200, 1)
    service.aqs.behave(aqs_faults.failing())
    service.clock.advance(50 * HOUR)
    assert await count(service.client, path) == (200, 1)


class TestArchived:
    """An AQS that fails, before anything is held, where days are archived."""

    @pytest.fixture
    async def client(self, settings: Settings, aqs: FakeAqs) -> AsyncIterator[httpx.AsyncClient]:
        """Archive yesterday's thirty days, and start the service anew, in front of a dead AQS."""
        sent = {YESTERDAY - timedelta(days=back): 100 + back for back in range(1, 40)}
        aqs.set_views("fr.wikipedia", "Strasbourg", Access.ALL_ACCESS, Agent.USER, sent)
        aqs.set_top("fr.wikipedia", "all-access", YESTERDAY - timedelta(days=1), [("A", 7)])
        aqs.loaded_through = YESTERDAY - timedelta(days=1)
        settings = settings.model_copy(
            update={
                "archive_articles": "fr.wikipedia/Strasbourg|top:1",
                "default_project": "fr.wikipedia",
            }
        )
        clock = FakeClock(datetime(*YESTERDAY.timetuple()[:3], 12, tzinfo=UTC))
        async with open_resources(settings, clock) as resources:
            await resources.archiver.run(only=DateRange.only(YESTERDAY), patient=False)
        aqs.behave(aqs_faults.failing())
        async with _client(settings) as client:
            yield client

    async def test_days__archived(self, client: httpx.AsyncClient) -> None:
        """Days that the archive has are told from it."""
        path = f"{STRASBOURG}/daily/20261101/20261110"
        response = await client.get(path)
        assert [item["views"] for item in response.json()["items"]] == list(range(120, 110, -1))
        assert response.headers["cache-control"].startswith("public, max-age=0,")

    async def test_days__archived_in_part(self, client: httpx.AsyncClient) -> None:
        """Where the archive lacks some of the days, nothing is told."""
        for days in ("20260901/20261110", "20261101/20261121"):
            response = await client.get(f"{STRASBOURG}/daily/{days}")
            assert response.status_code in {502, 503}

    async def test_top__archived(self, client: httpx.AsyncClient) -> None:
        """A day's list is told from the archive; other lists are not there."""
        response = await client.get(f"{METRICS}/top/fr.wikipedia/all-access/2026/11/20")
        (item,) = response.json()["items"]
        assert item["articles"] == [{"article": "A", "views": 7, "rank": 1}]
        for path in ("all-access/2026/11/19", "desktop/2026/11/20", "all-access/2026/10/all-days"):
            response = await client.get(f"{METRICS}/top/fr.wikipedia/{path}")
            assert response.status_code in {502, 503}


@asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=SkippingClock())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield client
