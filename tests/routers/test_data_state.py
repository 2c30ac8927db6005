"""What is told of our own knowledge."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from pageviews_api.archive import index
from pageviews_api.archive.index import ArchiveIndex
from pageviews_api.clients.archive_store import ListedArchive
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.main import create_app
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import CONTACT, YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs

PATH = "/api/v1/data-state"

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"

TODAY = YESTERDAY + timedelta(days=1)

Json = dict[str, Any]


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application, and give a client of it."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient) -> Json:
    """Ask for the data's state, which is never an error."""
    response = await client.get(PATH)
    assert response.status_code == 200
    told: Json = response.json()
    return told


async def articles_days(service: Service) -> Json:
    """Ask for an article, and then which days of articles are loaded."""
    assert (await service.client.get(STRASBOURG)).status_code == 200
    (told,) = (
        one for one in (await ask(service.client))["datasets"] if one["dataset"] == "per-article"
    )
    days: Json = told
    return days


def written(moment: datetime) -> str:
    """Write a moment as answers do."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def set_witness(aqs: FakeAqs, *, without: set[date]) -> None:
    """Let the witness lack these days of the last 1000."""
    days = DateRange(YESTERDAY - timedelta(days=999), YESTERDAY)
    views = {day: 5_000_000 for day in days if day not in without}
    aqs.set_views("en.wikipedia", "Main_Page", Access.ALL_ACCESS, Agent.USER, views)


async def test_data_state__nothing_asked_yet(service: Service) -> None:
    """At the start nothing is known, the budget is whole, and nobody is asked or keeps this."""
    response = await service.client.get(PATH)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    told = response.json()
    assert (told["datasets"], told["corrections"], told["notice"]) == ([], [], None)
    assert told["budget"] == {
        "requests_per_minute": 150,
        "remaining": 150,
        "in_flight": 0,
        "paused_until": None,
        "circuit": "closed",
        "shared": False,
    }
    assert service.aqs.count() == 0


async def test_data_state__after_an_article(service: Service) -> None:
    """Once somebody asked for an article, it is known which days of articles are loaded."""
    days = await articles_days(service)
    assert days["project"] == "en.wikipedia"
    assert days["complete_through"] == "2026-11-21"
    assert days["known_from"] <= "2024-11-22"
    assert (days["holes"], days["older_holes"]) == ([], 0)
    assert days["checked_at"] == written(service.clock.now())


async def test_data_state__next_check(service: Service) -> None:
    """Once yesterday is there, the next look is after midnight, however long ago the last was."""
    await articles_days(service)
    service.clock.advance(3 * 3600)
    assert (await articles_days(service))["next_check_at"] == "2026-11-23T00:00:00Z"


async def test_data_state__after_a_total(service: Service) -> None:
    """A project's total has a calendar of its own."""
    await service.client.get("/api/v1/projects/fr.wikipedia")
    (days,) = (await ask(service.client))["datasets"]
    assert (days["dataset"], days["project"]) == ("aggregate", "fr.wikipedia")
    assert days["complete_through"] == "2026-11-21"


async def test_data_state__after_a_top_list(service: Service) -> None:
    """A project's top lists are loaded apart, and the newest day that has one is told."""
    service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Paris", 7)])
    assert (await service.client.get("/api/v1/top/fr.wikipedia")).status_code == 200
    (days,) = (await ask(service.client))["datasets"]
    assert (days["dataset"], days["project"]) == ("top", "fr.wikipedia")
    assert days["complete_through"] == "2026-11-21"


async def test_data_state__after_an_old_top_list(service: Service) -> None:
    """A list of long ago says nothing of the newest day, nor that its day came just now."""
    service.aqs.set_top("fr.wikipedia", "all-access", date(2015, 10, 10), [("Paris", 7)])
    asked = "/api/v1/top/fr.wikipedia?date=2015-10-10"
    assert (await service.client.get(asked)).status_code == 200
    assert (await ask(service.client))["datasets"] == []


async def test_data_state__day_that_comes(service: Service) -> None:
    """A day that loads while we watch is told with the moment at which we first saw it."""
    service.aqs.loaded_through = YESTERDAY - timedelta(days=1)
    assert (await articles_days(service))["complete_through"] == "2026-11-20"

    service.aqs.loaded_through = YESTERDAY
    service.clock.advance(31 * 60)
    days = await articles_days(service)
    assert days["complete_through"] == "2026-11-21"
    assert days["recent"][0] == {"date": "2026-11-21", "shown_at": written(service.clock.now())}
    listed = [day["date"] for day in days["recent"]]
    assert listed == sorted(listed, reverse=True)


async def test_data_state__holes(service: Service) -> None:
    """A day that never came although later ones did is listed; a very old one is counted."""
    set_witness(service.aqs, without={date(2026, 11, 17), date(2025, 3, 1)})
    days = await articles_days(service)
    assert days["complete_through"] == "2026-11-21"
    assert (days["holes"], days["older_holes"]) == (["2026-11-17"], 1)


async def test_data_state__correction(service: Service) -> None:
    """A day whose project's total was restated is listed, with the moment it was noticed."""
    await service.client.get(STRASBOURG)
    (watched,) = (await ask(service.client))["corrections"]
    assert (watched["project"], watched["items"], watched["more"]) == ("fr.wikipedia", [], 0)
    assert watched["watched_since"] == watched["checked_at"] == written(service.clock.now())

    days = DateRange(YESTERDAY - timedelta(days=999), YESTERDAY)
    restated = {day: 20_000_000 + day.toordinal() % 13 for day in days}
    restated[date(2026, 11, 15)] += 1
    service.aqs.set_views("fr.wikipedia", None, Access.ALL_ACCESS, Agent.USER, restated)
    service.clock.advance(2 * 3600 + 1)
    await service.client.get(STRASBOURG)
    (noticed,) = (await ask(service.client))["corrections"]
    now = written(service.clock.now())
    assert noticed["items"] == [{"date": "2026-11-15", "noticed_at": now}]
    assert noticed["checked_at"] == now


async def test_data_state__budget(service: Service) -> None:
    """Each request to Wikimedia is one less that may be made, until a minute has passed."""
    for title in ("Strasbourg", "Paris", "Lyon"):
        await service.client.get(f"/api/v1/articles/fr.wikipedia/{title}")
    made = service.aqs.count()
    assert made > 3
    assert (await ask(service.client))["budget"]["remaining"] == 150 - made
    service.clock.advance(61)
    assert (await ask(service.client))["budget"]["remaining"] == 150
    assert service.aqs.count() == made


async def test_data_state__paused(service: Service) -> None:
    """While Wikimedia asks us to stay away, it is told until when."""
    service.aqs.behave(aqs_faults.throttled("60"))
    await service.client.get(STRASBOURG)
    until = service.clock.now() + timedelta(seconds=60)
    assert (await ask(service.client))["budget"]["paused_until"] == written(until)
    service.clock.advance(61)
    assert (await ask(service.client))["budget"]["paused_until"] is None


async def test_data_state__circuit_open(service: Service) -> None:
    """While Wikimedia is left alone, the circuit is told to be open."""
    service.aqs.behave(aqs_faults.blocked())
    await service.client.get(STRASBOURG)
    assert (await ask(service.client))["budget"]["circuit"] == "open"


async def test_data_state__in_flight(service: Service) -> None:
    """Requests that Wikimedia has not answered yet are counted, and the answer waits for none."""
    service.aqs.behave(aqs_faults.slow())
    asking = asyncio.create_task(service.client.get(STRASBOURG))
    async with asyncio.timeout(10):
        await service.aqs.until_in_flight(2)
        budget = (await ask(service.client))["budget"]
    assert budget["in_flight"] == 2
    assert budget["remaining"] == 148
    service.aqs.recover()
    await asking


async def test_data_state__takes_no_parameters(service: Service) -> None:
    """A parameter is refused by its name."""
    for query in ("foo=1", "foo=1&foo=2"):
        response = await service.client.get(f"{PATH}?{query}")
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["errors"]] == [["query", "foo"]]


async def test_data_state__notice(settings: Settings, clock: FakeClock) -> None:
    """Where the data are a sample, this answer says so, too."""
    async with running(create_app(settings, clock=clock, notice="Sample data.")) as client:
        assert (await ask(client))["notice"] == "Sample data."


class TestArchive:
    """What is told of the archive."""

    async def test_data_state__archived_days(self, service: Service, settings: Settings) -> None:
        """The archived days are counted, the oldest and the newest named; for a minute the same."""
        store = FolderArchiveStore(settings.archive_dir)
        for day in (date(2026, 11, 20), date(2026, 10, 1)):
            await store.create(day, b"{}", run_id="test")
        covered = (await ask(service.client))["archive"]
        assert covered == {
            "enabled": False,
            "newest": "2026-11-20",
            "oldest": "2026-10-01",
            "days": 2,
            "incomplete": None,
            "last_run": None,
            "last_success": None,
            "last_error": None,
        }
        await store.create(TODAY, b"{}", run_id="test")
        service.clock.advance(59)
        assert (await ask(service.client))["archive"]["days"] == 2
        service.clock.advance(1)
        told = (await ask(service.client))["archive"]
        assert (told["days"], told["newest"]) == (3, "2026-11-22")

    async def test_data_state__no_archive_yet(self, service: Service) -> None:
        """Where nothing is archived yet, there are no days, and nothing is wrong."""
        archive = (await ask(service.client))["archive"]
        assert (archive["days"], archive["newest"], archive["oldest"]) == (0, None, None)
        assert archive["last_error"] is None

    async def test_data_state__incomplete_archive(self, service: Service) -> None:
        """An archive that lacks a day is named until a later run has completed it."""
        archiver = service.resources.archiver
        service.aqs.loaded_through = YESTERDAY - timedelta(days=1)
        await archiver.run(patient=False)
        began = written(service.clock.now())
        archive = (await ask(service.client))["archive"]
        assert (archive["incomplete"], archive["last_success"]) == (["2026-11-22"], None)
        assert archive["last_run"] == began

        service.aqs.loaded_through = YESTERDAY
        service.clock.advance(4 * 3600)
        await archiver.run(patient=False)
        archive = (await ask(service.client))["archive"]
        assert archive["incomplete"] == []
        assert archive["last_success"] == written(service.clock.now())

    async def test_data_state__no_archive_of_today_yet(self, service: Service) -> None:
        """A day whose archive still waits for its data is not among the incomplete archives."""
        service.aqs.loaded_through = YESTERDAY - timedelta(days=1)
        await service.resources.archiver.run()
        archive = (await ask(service.client))["archive"]
        assert (archive["days"], archive["incomplete"]) == (0, [])

    async def test_data_state__store_unusable(self, service: Service, settings: Settings) -> None:
        """A store that cannot be listed is told to be so, in words that tell nothing of it."""
        settings.archive_dir.write_text("a file where the folder should be")
        response = await service.client.get(PATH)
        assert response.status_code == 200
        archive = response.json()["archive"]
        assert (archive["days"], archive["newest"], archive["oldest"]) == (None, None, None)
        assert archive["last_error"] == "the archive store cannot be listed"
        assert str(settings.archive_dir) not in response.text

    async def test_data_state__failed_run(self, settings: Settings, clock: FakeClock) -> None:
        """What is wrong with the daily job is told as readiness tells it."""
        on_render = {"archive_enabled": True, "render": True}
        async with running(
            create_app(settings.model_copy(update=on_render), clock=clock)
        ) as client:
            archive = (await ask(client))["archive"]
            ready = (await client.get("/readyz")).json()["archive"]
        assert archive["enabled"] is True
        assert archive["last_error"] == ready["reason"]
        assert "no bucket" in archive["last_error"]

    async def test_data_state__no_secret(self, settings: Settings, clock: FakeClock) -> None:
        """A bucket that cannot be reached is no error, and neither key nor place is told."""
        bucket = {
            "archive_bucket": "CANARY-bucket",
            "aws_endpoint_url_s3": "http://127.0.0.1:9",
            "aws_region": "us-east-1",
            "aws_access_key_id": "CANARY-key-id",
            "aws_secret_access_key": "CANARY-secret-key",
            "aws_session_token": "CANARY-token",
        }
        secret = Settings.model_validate(settings.model_dump() | bucket)
        async with running(create_app(secret, clock=clock)) as client:
            response = await client.get(PATH)
        assert response.status_code == 200
        assert response.json()["archive"]["last_error"] == "the archive store cannot be listed"
        for word in ("CANARY", CONTACT, "127.0.0.1", str(settings.archive_dir)):
            assert word not in response.text


class MuteStore(FolderArchiveStore):
    """A store that never tells which days it has."""

    asked = 0

    async def listed(self) -> list[ListedArchive]:
        """Wait for ever."""
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError


async def test_listing__store_is_mute(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not answer holds nobody up for long, and is asked once for all callers."""
    monkeypatch.setattr(index, "LISTED_WITHIN", 0.01)
    store = MuteStore(settings.archive_dir)
    listing = ArchiveIndex(store, clock=FakeClock())
    async with asyncio.timeout(5):
        assert await asyncio.gather(*(listing.days() for _ in range(20))) == [None] * 20
    assert store.asked == 1
