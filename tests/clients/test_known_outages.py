"""What callers get while AQS is down or slow, by what is held: through the front door."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pageviews_api.config import Settings
from tests.conftest import Service
from tests.support import aqs_faults

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"


async def test_article__not_found_long_ago(service: Service) -> None:
    """A 404 is believed for ten minutes, and not any longer because AQS is down."""
    new = "/api/v1/articles/fr.wikipedia/New"
    assert (await service.client.get(new)).status_code == 404
    service.aqs.behave(aqs_faults.failing(400))
    assert (await service.client.get(new)).status_code == 404

    service.clock.advance(20 * 3600)

    assert (await service.client.get(new)).status_code == 502


async def test_top__newest_day_cannot_be_asked(service: Service) -> None:
    """Where the newest day's list cannot be had, the newest that is held is told, as stale."""
    rows = [("Main_Page", 9)]
    service.aqs.set_top("fr.wikipedia", "all-access", date(2026, 11, 21), rows)
    top = await service.client.get("/api/v1/top/fr.wikipedia")
    assert (top.json()["date"], top.json()["stale"]) == ("2026-11-21", False)

    service.clock.set(datetime(2026, 11, 23, 0, 9, tzinfo=UTC))
    service.aqs.behave(aqs_faults.refusing(400))
    top = await service.client.get("/api/v1/top/fr.wikipedia")

    assert top.status_code == 200
    assert (top.json()["date"], top.json()["stale"]) == ("2026-11-21", True)


async def test_article__held_days_do_not_suffice(service: Service) -> None:
    """Who asks for a day that is not held waits for it, though older days are held."""
    await service.client.get(STRASBOURG)
    service.clock.advance(2 * 86_400)
    newest = date(2026, 11, 23)
    service.aqs.loaded_through = newest
    days = {newest - timedelta(days=back): 7 for back in range(40)}
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", days)
    service.aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", days)
    service.aqs.delay = 1.2  # longer than CACHE_WAIT

    response = await service.client.get(f"{STRASBOURG}?start=2026-11-23&end=2026-11-23")

    assert response.json()["items"] == [{"date": "2026-11-23", "views": 7, "status": "ok"}]


async def test_article__automated_before_it_was_counted(service: Service) -> None:
    """Suspected bots are counted apart since April 2020: before, there is no number."""
    days = {date(2018, 1, 1) + timedelta(days=n): 5 for n in range(3200)}
    service.aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", days)
    service.aqs.set_views("fr.wikipedia", "Bots", "all-access", "automated", {date(2026, 1, 1): 5})

    response = await service.client.get(
        "/api/v1/articles/fr.wikipedia/Bots?agent=automated&start=2018-01-01&end=2018-01-03"
    )

    answer = response.json()
    assert {item["status"] for item in answer["items"]} == {"hole"}
    assert answer["summary"]["total"] is None
    assert not answer["summary"]["complete"]


async def test_article__other_callers_titles_are_refused(service: Service) -> None:
    """Titles that AQS refuses stop nobody else: they say nothing about AQS."""
    service.aqs.behave(aqs_faults.refusing(400), when=lambda path: "/Bad_" in path)
    for number in range(12):
        bad = await service.client.get(f"/api/v1/articles/fr.wikipedia/Bad_{number}")
        assert bad.status_code == 502

    assert (await service.client.get(STRASBOURG)).status_code == 200


class TestDeadline:
    """Steps that are each in time are not in time together."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which a caller waits half a second."""
        return settings.model_copy(update={"aqs_timeout": 0.5})

    async def test_top__many_slow_steps(self, service: Service) -> None:
        """A caller waits no longer than agreed, however many lists are looked for."""
        service.aqs.delay = 0.2

        response = await service.client.get("/api/v1/top/fr.wikipedia")

        assert response.status_code == 504
        assert response.json()["type"] == "/problems/upstream-timeout"
        assert service.aqs.count() <= 4
