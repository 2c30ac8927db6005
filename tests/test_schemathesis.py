"""Every route before Schemathesis, which asks what the document allows, and what it does not."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.main import create_app
from pageviews_api.resources import sites as opened_sites
from tests.support.clock import SkippingClock
from tests.support.fake_aqs import FakeAqs
from tests.support.serving import serve
from tests.support.sites import fakes, with_sites

CONFIG = Path(__file__).parent.parent / "schemathesis.toml"

TOKEN = "a-token-of-the-operator"

NEW_YEAR = date(2017, 1, 1)

NOW = datetime(2017, 1, 2, 10, tzinfo=UTC)
"""When the days that the document's examples name are loaded, and archived."""


class Hastening:
    """Lets a second pass before each request: a client's minute is soon over, and AQS's, too."""

    def __init__(self, app: ASGIApp, clock: SkippingClock) -> None:
        self.app = app
        self.clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Move the clock, and go on."""
        if scope["type"] == "http":
            self.clock.advance(1)
        await self.app(scope, receive, send)


@pytest.fixture
async def aqs() -> FakeAqs:
    """Give an AQS that has what the document's examples ask for."""
    fake = FakeAqs()
    fake.loaded_through = NEW_YEAR
    views = {day: 1000 + day.day for day in DateRange(date(2015, 7, 1), NEW_YEAR)}
    for title in ("Main_Page", "Strasbourg", "Paris", None):
        for agent in ("user", "all-agents"):
            for project in ("en.wikipedia", "fr.wikipedia"):
                fake.set_views(project, title, "all-access", agent, views)
    for period in (date(2015, 10, 10), date(2016, 12, 31), NEW_YEAR, "2015-10"):
        fake.set_top("en.wikipedia", "all-access", period, [("Paris", 9), ("Strasbourg", 7)])
    return fake


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Give settings under which a client may ask as often as it likes, as the operator."""
    changes = {
        "admin_token": TOKEN,
        "archive_articles": "en.wikipedia/Strasbourg|en.wikipedia:*|top:2",
        "rate_limit": 1_000_000,
    }
    settings = Settings.model_validate(settings.model_dump() | changes)
    # It sends one token to all.
    return with_sites(settings, sites_token=settings.admin_token)


@pytest.fixture(autouse=True)
def _sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sites counted by fakes."""
    monkeypatch.setattr(opened_sites, "site_client", fakes({}))


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[FastAPI, str]]:
    """Serve the service, with two archives."""
    clock = SkippingClock(NOW)
    app = create_app(settings, clock=clock)
    async with serve(Hastening(app, clock)) as url:
        await app.state.resources.archiver.run(only=DateRange(NEW_YEAR, NOW.date()))
        yield app, url


async def schemathesis(url: str, folder: Path, *options: str) -> tuple[int, str]:
    """Run it; tell its exit code, and what it says."""
    command = Path(sys.executable).parent / "schemathesis"
    process = await asyncio.create_subprocess_exec(
        *(command, "--config-file", CONFIG, "run", f"{url}/openapi.json", "--no-color"),
        *("--header", f"Authorization: Bearer {TOKEN}", *options),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), timeout=240)
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.timeout(300)
async def test_every_route__before_schemathesis(settings: Settings, tmp_path: Path) -> None:
    """Whatever it asks, no route fails, and each answer is what is published."""
    async with serving(settings) as (app, url):
        code, said = await schemathesis(url, tmp_path)
    paths: dict[str, Any] = app.openapi()["paths"]
    operations = sum(len(path) for path in paths.values())
    assert code == 0, said
    assert f"Tested: {operations}\n" in said


async def test_fault__is_found(settings: Settings, tmp_path: Path) -> None:
    """An answer that is not as published would be found."""
    async with serving(settings) as (app, url):
        document = json.loads(json.dumps(app.openapi()))
        document["components"]["schemas"]["Health"]["properties"]["status"] = {"const": "well"}
        app.openapi_schema = document
        code, said = await schemathesis(url, tmp_path, "--include-path=/healthz", "-n", "1")
    assert code == 1
    assert "Response violates schema" in said
