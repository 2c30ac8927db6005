"""The archives of the sites, through the front door, and the job within the service."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from loguru import logger

from pageviews_api.archive.shelf import Shelf
from pageviews_api.archive.sites.archiver import SitesArchiver
from pageviews_api.archive.sites.document import SITES
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.config import Settings
from pageviews_api.exceptions import UpstreamTimeoutError
from pageviews_api.main import create_app
from pageviews_api.resources.archive_task import archive_task
from pageviews_api.scheduler import LONGEST_NAP
from tests.conftest import Service
from tests.support.aqs_faults import failing
from tests.support.archived_site import ArchivedFakeSite, FakeSites
from tests.support.clock import FakeClock, SkippingClock, settle
from tests.support.sites import AUTHORISED, TOKEN, serving_sites, with_sites

if TYPE_CHECKING:
    from pageviews_api.resources import Resources

ARCHIVES = "/api/v1/site-archives"
TODAY = date(2026, 11, 22)
DOCUMENT = f"{ARCHIVES}/{TODAY}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Give settings with sites, and a token for whoever may read them."""
    return with_sites(settings)


@pytest.fixture
def without_sites(settings: Settings) -> Settings:
    """Give settings with no site."""
    return settings.model_copy(update={"sites": None})


@pytest.fixture
def folder(settings: Settings) -> Path:
    """Name the folder of the sites' archives: beside that of the others."""
    return settings.archive_dir.parent / "sites"


def archiver_of(folder: Path, clock: SkippingClock, **faults: Exception) -> SitesArchiver:
    """Give an archiver of two sites, some of which fail."""
    zones = {"blog": "Europe/Berlin", "shop": "America/Los_Angeles"}
    sites = FakeSites(
        *(
            ArchivedFakeSite(clock, name, ZoneInfo(zone), failure=faults.get(name))
            for name, zone in zones.items()
        )
    )
    shelf = Shelf(FolderArchiveStore(folder), SITES, clock=clock, tries=2)
    return SitesArchiver(sites, shelf, clock=clock)


async def archive(folder: Path, *days: date, hour: int = 12) -> None:
    """Archive the sites on some days, each at its time."""
    for day in days:
        clock = SkippingClock(datetime(day.year, day.month, day.day, hour, tzinfo=UTC))
        await archiver_of(folder, clock).run()


class TestGuard:
    """Who may read."""

    @pytest.mark.parametrize("path", [ARCHIVES, DOCUMENT])
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong-0123456789"}])
    async def test_read__without_the_token(
        self, service: Service, folder: Path, path: str, headers: dict[str, str]
    ) -> None:
        """Whoever lacks the token is told nothing, not even what is there."""
        await archive(folder, TODAY)
        response = await service.client.get(path, headers=headers)
        assert response.status_code == 401
        assert response.headers["cache-control"] == "no-store"
        assert "blog" not in response.text
        assert "visitors" not in response.text

    @pytest.mark.parametrize("path", [ARCHIVES, DOCUMENT])
    @pytest.mark.parametrize("public", [False, True])
    async def test_read__kept_by_whom(
        self, settings: Settings, folder: Path, path: str, *, public: bool
    ) -> None:
        """Answers are for who asked alone, in every form and as a 304, unless sites are public."""
        await archive(folder, TODAY)
        app = create_app(settings.model_copy(update={"sites_public": public}))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://testserver"
            ) as client,
        ):
            headers = {} if public else AUTHORISED
            as_json = await client.get(path, headers=headers)
            answers = [
                as_json,
                await client.get(path, headers=headers | {"accept": "text/csv"}),
                await client.get(f"{path}?format=ndjson", headers=headers),
                await client.get(
                    path, headers=headers | {"if-none-match": as_json.headers["etag"]}
                ),
            ]
        assert [response.status_code for response in answers] == [200, 200, 200, 304]
        for response in answers:
            whom = response.headers["cache-control"].partition(",")[0]
            varies = "Authorization" in response.headers.get("vary", "").split(", ")
            assert (whom, varies) == (("public", False) if public else ("private", True))
        assert [("Accept" in one.headers.get("vary", "").split(", ")) for one in answers] == [
            *(True, True, False, True)
        ]

    async def test_read__by_the_routes_of_the_other_archives(
        self, service: Service, folder: Path
    ) -> None:
        """What everybody may read of the archive has nothing of the sites."""
        await archive(folder, TODAY)
        for path in ("/api/v1/archives", f"/api/v1/archives/{TODAY}", "/api/v1/data-state"):
            response = await service.client.get(path, headers=AUTHORISED)
            assert "blog" not in response.text
        assert (await service.client.get("/api/v1/archives")).json()["total"] == 0
        assert (await service.client.get(f"/api/v1/archives/{TODAY}")).status_code == 404


class TestList:
    """Which archives there are."""

    async def test_list__nothing_archived(self, service: Service) -> None:
        """Without archives the list is empty."""
        response = await service.client.get(ARCHIVES, headers=AUTHORISED)
        assert response.status_code == 200
        assert (response.json()["items"], response.json()["total"]) == ([], 0)

    async def test_list__some(self, service: Service, folder: Path) -> None:
        """Newest first, with what is in each, and kept by nobody but who asked."""
        await archive(folder, TODAY - timedelta(days=1), hour=12)
        await archive(folder, TODAY, hour=5)
        response = await service.client.get(ARCHIVES, headers=AUTHORISED)
        assert response.headers["cache-control"] == "private, max-age=60"
        newest, oldest = response.json()["items"]
        body = (folder / f"{TODAY}.json").read_bytes()
        assert newest == {
            "date": "2026-11-22",
            "observed_on": "2026-11-22",
            "late": False,
            "complete": False,
            "window": {"start": "2026-10-23", "end": "2026-11-21"},
            "sites": {"ok": 2, "failed": 0},
            "known_days": 59,
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "reason": None,
        }
        assert (oldest["date"], oldest["complete"]) == ("2026-11-21", True)
        csv = await service.client.get(ARCHIVES, params={"format": "csv"}, headers=AUTHORISED)
        assert csv.text.splitlines()[1].startswith("2026-11-22,2026-11-22,false,false,2026-10-23,")

    async def test_list__in_pages(self, service: Service, folder: Path) -> None:
        """A page leads to the next."""
        await archive(folder, TODAY - timedelta(days=1), TODAY)
        first = await service.client.get(ARCHIVES, params={"limit": "1"}, headers=AUTHORISED)
        assert first.links["next"]["url"].startswith(f"{ARCHIVES}?")
        second = await service.client.get(first.links["next"]["url"], headers=AUTHORISED)
        assert [one["date"] for one in second.json()["items"]] == ["2026-11-21"]
        assert "link" not in second.headers


class TestDocument:
    """One archive."""

    async def test_get__byte_for_byte(self, service: Service, folder: Path) -> None:
        """The bytes are those that were written; their SHA-256 is the ETag."""
        await archive(folder, TODAY)
        body = (folder / f"{TODAY}.json").read_bytes()
        response = await service.client.get(DOCUMENT, headers=AUTHORISED)
        assert response.status_code == 200
        assert response.content == body
        assert response.headers["content-type"] == "application/json"
        assert response.headers["etag"] == f'W/"{hashlib.sha256(body).hexdigest()}"'
        assert response.headers["cache-control"] == "private, max-age=86400"

        again = await service.client.get(
            DOCUMENT, headers=AUTHORISED | {"If-None-Match": response.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == "private, max-age=86400"
        assert TOKEN not in str(response.headers) + response.text

    async def test_get__incomplete(self, service: Service, folder: Path) -> None:
        """One that may be replaced is kept for a minute."""
        await archive(folder, TODAY, hour=5)
        response = await service.client.get(DOCUMENT, headers=AUTHORISED)
        assert response.headers["cache-control"] == "private, max-age=60"
        assert response.json()["sites"][1]["not_finished"] == ["2026-11-21"]

    async def test_get__as_rows(self, service: Service, folder: Path) -> None:
        """As CSV or NDJSON, each day of a site is a row, under an ETag of its own."""
        await archive(folder, TODAY)
        plain = await service.client.get(DOCUMENT, headers=AUTHORISED)
        csv = await service.client.get(DOCUMENT, params={"format": "csv"}, headers=AUTHORISED)
        lines = csv.text.splitlines()
        assert lines[0] == (
            "site,provider,timezone,date,"
            "visitors,visits,pageviews,bounce_rate,visit_duration,views_per_visit"
        )
        assert lines[1] == "blog,matomo,Europe/Berlin,2026-10-23,23,23,24,50.0,60.5,1.04"
        assert len(lines) == 61
        assert csv.headers["etag"] != plain.headers["etag"]
        assert "site_archive_2026-11-22.csv" in csv.headers["content-disposition"]
        rows = await service.client.get(DOCUMENT, params={"format": "ndjson"}, headers=AUTHORISED)
        assert json.loads(rows.text.splitlines()[-1])["site"] == "shop"

    @pytest.mark.parametrize(
        ("path", "status", "slug"),
        [
            (f"{ARCHIVES}/2026-11-01", 404, "not-archived"),
            (f"{ARCHIVES}/2026-1-1", 422, "invalid-request"),
            (f"{ARCHIVES}/..%2f2026-11-22", 404, "not-found"),
            (f"{DOCUMENT}?foo=1", 422, "invalid-request"),
            (f"{ARCHIVES}?limit=0", 422, "invalid-request"),
            (f"{DOCUMENT}?format=csv&format=csv", 422, "invalid-request"),
        ],
    )
    async def test_get__refused(
        self, service: Service, folder: Path, path: str, status: int, slug: str
    ) -> None:
        """What is not there is a 404, what has no meaning a 422."""
        await archive(folder, TODAY)
        response = await service.client.get(path, headers=AUTHORISED)
        assert (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")

    async def test_get__corrupt(self, service: Service, folder: Path) -> None:
        """What differs from its SHA-256 is never told (F23)."""
        await archive(folder, TODAY)
        file = folder / f"{TODAY}.json"
        file.write_bytes(file.read_bytes().replace(b'"visits":21', b'"visits":99'))
        response = await service.client.get(DOCUMENT, headers=AUTHORISED)
        assert response.status_code == 502
        assert response.json()["type"] == "/problems/archive-corrupt"
        assert "99" not in response.text.replace(response.json()["instance"], "")


@asynccontextmanager
async def running(app: FastAPI, sites: SitesArchiver) -> AsyncIterator[httpx.AsyncClient]:
    """Run the service with these sites in place of those that are configured."""
    async with app.router.lifespan_context(app):
        resources: Resources = app.state.resources
        condition = replace(resources.condition, sites_archiver=sites)
        app.state.resources = replace(resources, sites_archiver=sites, condition=condition)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            yield client


async def test_readyz__the_sites_archive(without_sites: Settings, folder: Path) -> None:
    """Readiness tells whether the sites' archive failed, in words that tell nothing of a site."""
    clock = SkippingClock()
    sites = archiver_of(folder, clock, shop=UpstreamTimeoutError("matomo", "CANARY"))
    app = create_app(without_sites.model_copy(update={"archive_enabled": True}), clock=clock)
    async with running(app, sites) as client:
        told = (await client.get("/readyz")).json()["site_archive"]
        assert told == {"status": "ok", "last_run": None, "last_success": None, "reason": None}
        await sites.run()
        response = await client.get("/readyz")
        assert response.status_code == 200
        assert response.json()["status"] == "degraded"
        told = response.json()["site_archive"]
        assert told["status"] == "degraded"
        assert told["reason"] == "the last run did not get all it wanted"
        assert not any(word in response.text for word in ("CANARY", "shop", "matomo"))


async def test_readyz__without_sites(without_sites: Settings, folder: Path) -> None:
    """Where no site is configured nothing is said of them, and they have no folder."""
    app = create_app(without_sites)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            assert "site_archive" not in (await client.get("/readyz")).json()
    assert not folder.exists()  # noqa: ASYNC240  # a folder on this machine


class TestTask:
    """The daily task, which archives both."""

    @pytest.fixture
    def lines(self) -> list[str]:
        """Collect the messages that are logged."""
        lines: list[str] = []
        logger.add(lambda message: lines.append(message.record["message"]), format="")
        return lines

    async def _one_pass(self, service: Service, sites: Any) -> Any:  # noqa: ANN401  # also a broken one
        """Let the task make one pass."""
        resources = service.resources
        task = archive_task(
            resources.archiver,
            resources.store,
            resources.settings,
            resources.clock,
            shared=None,
            sites=sites,
        )
        task.start()
        while LONGEST_NAP not in service.clock.slept:  # it naps when the pass is over
            await settle()
            await asyncio.sleep(0.001)  # files are written by a thread
            service.clock.advance(1)
        await task.stop(within=5)
        return task

    async def test_pass__both(self, service: Service, folder: Path) -> None:
        """One pass archives Wikimedia's numbers, then the sites."""
        await self._one_pass(service, archiver_of(folder, SkippingClock()))
        assert (service.resources.settings.archive_dir / f"{TODAY}.json").is_file()
        assert (folder / f"{TODAY}.json").is_file()

    async def test_pass__wikimedia_fails(self, service: Service, folder: Path) -> None:
        """Where Wikimedia cannot be asked, the sites are archived even so."""
        service.aqs.behave(failing(503))
        await self._one_pass(service, archiver_of(folder, SkippingClock()))
        assert not (service.resources.settings.archive_dir / f"{TODAY}.json").exists()
        assert (folder / f"{TODAY}.json").is_file()

    async def test_pass__archive_has_a_fault(
        self, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the other archive meets a fault of its own, the sites are archived even so."""

        async def broken(**_: object) -> None:
            raise RuntimeError

        monkeypatch.setattr(service.resources.archiver, "run", broken)
        task = await self._one_pass(service, archiver_of(folder, SkippingClock()))
        assert task.state.last_error == "RuntimeError"
        assert (folder / f"{TODAY}.json").is_file()

    async def test_pass__sites_have_a_fault(
        self, service: Service, folder: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever befalls the sites does not count as a fault of the other archive."""
        sites = archiver_of(folder, SkippingClock())

        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError

        monkeypatch.setattr(sites, "_run", broken)
        task = await self._one_pass(service, sites)
        assert task.state.last_error is None
        assert (service.resources.settings.archive_dir / f"{TODAY}.json").is_file()
        assert "archiving sites has a fault" in lines
        assert sites.state.last_error == "RuntimeError"


async def test_configured_sites__are_archived_and_told(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is configured is archived, and told to who has the token; no key or address is in it."""
    async with serving_sites(settings, clock, monkeypatch) as service:
        for _ in range(2):
            await service.resources.sites_archiver.run()
        path = f"/api/v1/site-archives/{TODAY}"
        told = (await service.client.get(path, headers=AUTHORISED)).json()
        assert [one["site"] for one in told["sites"]] == ["blog", "shop"]
        assert told["complete"]
        asked = f"timeseries day {TODAY - timedelta(days=30)} {TODAY - timedelta(days=1)} None"
        assert [behind.asked for behind in service.behind.values()] == [[asked], [asked]]
        assert "canary" not in str(told)
