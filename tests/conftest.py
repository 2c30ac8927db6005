"""The service as tests meet it: whole, in front of a working AQS that can be told to fail."""

import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import httpx
import hypothesis
import pytest
from fastapi import FastAPI
from loguru import logger

from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.main import create_app
from pageviews_api.resources import Resources
from pageviews_api.schemas.query import Access, Agent
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs
from tests.support.serving import serve

hypothesis.settings.register_profile(
    "any machine",
    deadline=None,
    # How long an example takes to make says how busy the machine is. And that a fixture is one for
    # all examples is meant: the service is asked again and again.
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.load_profile("any machine")

pytest_plugins = ["tests.support.redis_fixtures", "tests.support.s3_fixtures"]

YESTERDAY = date(2026, 11, 21)
"""The newest day that the fake AQS has loaded, by the fake clock's day."""

CONTACT = "tests@example.org"

PATIENT = 30.0
"""Seconds that no call takes, however busy the machine is."""


@dataclass(slots=True)
class Service:
    """A running service: its front door, and what stands behind it."""

    client: httpx.AsyncClient
    app: FastAPI
    aqs: FakeAqs
    clock: FakeClock

    @property
    def resources(self) -> Resources:
        """What the service lives on."""
        resources: Resources = self.app.state.resources
        return resources

    def series_fetches(self, title: str) -> int:
        """Count the requests for an article's views, the witness's apart."""
        return self.aqs.count(when=lambda path: f"/{title}/daily/" in path)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep settings of the machine, and its ``.env``, out of every test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Write no log line to the terminal; a test that reads logs adds a sink of its own."""
    logger.remove()
    yield
    logger.remove()


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """Let the processes that tests start hear SIGINT: a job in the background is born without."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up nothing because the machine is busy, for when to try again is fake time.

    A caller's deadline holds still. A test of one of these limits sets it.
    """
    monkeypatch.setattr("pageviews_api.clients.aqs.TRY_TIMEOUT", PATIENT)
    monkeypatch.setattr("pageviews_api.archive.index.LISTED_WITHIN", PATIENT)


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands at noon of 2026-11-22 UTC."""
    return FakeClock()


@pytest.fixture
async def aqs() -> FakeAqs:
    """Give a working AQS that has two years of its witness, and 400 days of ``Strasbourg``."""
    fake = FakeAqs()
    fake.loaded_through = YESTERDAY
    witness = {day: 5_000_000 + day.toordinal() % 7 for day in _days_until(YESTERDAY, 1000)}
    fake.set_views("en.wikipedia", "Main_Page", Access.ALL_ACCESS, Agent.USER, witness)
    views = {day: 1000 + day.toordinal() % 100 for day in _days_until(YESTERDAY, 400)}
    fake.set_views("fr.wikipedia", "Strasbourg", Access.ALL_ACCESS, Agent.USER, views)
    total = {day: 20_000_000 + day.toordinal() % 13 for day in _days_until(YESTERDAY, 1000)}
    fake.set_views("fr.wikipedia", None, Access.ALL_ACCESS, Agent.USER, total)
    fake.set_views("fr.wikipedia", None, Access.ALL_ACCESS, Agent.ALL_AGENTS, total)
    return fake


@pytest.fixture
async def aqs_url(aqs: FakeAqs) -> AsyncIterator[str]:
    """Serve the fake AQS on a real port."""
    async with serve(aqs) as url:
        yield url


@pytest.fixture
def settings(aqs_url: str, tmp_path: Path) -> Settings:
    """Give settings that lead to the fake AQS, with no archive task."""
    return Settings(
        _env_file=None,
        aqs_base_url=aqs_url,
        aqs_contact=CONTACT,
        archive_enabled=False,
        archive_dir=tmp_path / "archives",
        archive_articles="fr.wikipedia/Strasbourg",
    )


@pytest.fixture
async def service(settings: Settings, aqs: FakeAqs, clock: FakeClock) -> AsyncIterator[Service]:
    """Start the service in front of the fake AQS, and stop it."""
    app = create_app(settings, clock=clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield Service(client, app, aqs, clock)


def _days_until(newest: date, count: int) -> DateRange:
    return DateRange(newest - timedelta(days=count - 1), newest)
