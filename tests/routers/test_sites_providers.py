"""The whole way: from the front door over HTTP to a working Plausible and a working Matomo."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import SecretStr

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.support.aqs_faults import failing, html_page, slow
from tests.support.clock import FakeClock, settle
from tests.support.fake_aqs import FakeAqs
from tests.support.fake_matomo import FakeMatomo
from tests.support.fake_plausible import FakePlausible
from tests.support.fake_provider import DayCounts, UrlCounts
from tests.support.serving import serve
from tests.support.site_logs import Logs
from tests.support.sites import AUTHORISED, TOKEN, with_sites

KEY, SECRET = "canary-of-plausible", "canary-of-matomo"

DAY = date(2026, 11, 21)

COUNTED = DayCounts(visitors=9, visits=9, pageviews=15, bounces=5, seconds=2307)
"""A day of a real Matomo."""

SITES = ("one", "other")


@dataclass
class Whole:
    """The service, and both providers behind it."""

    client: httpx.AsyncClient
    clock: FakeClock
    plausible: FakePlausible
    matomo: FakeMatomo
    logs: Logs


@asynccontextmanager
async def hearing() -> AsyncIterator[Logs]:
    """Hear all that is logged, at whatever level."""
    with Logs.hearing() as logs:
        yield logs


@pytest.fixture
async def whole(settings: Settings, clock: FakeClock) -> AsyncIterator[Whole]:
    """Serve all three, with one day of visits."""
    plausible = FakePlausible(clock, key=KEY, site_id="dummy.site", timezone="Europe/Berlin")
    matomo = FakeMatomo(token=SECRET)
    for fake, host in ((plausible, ""), (matomo, "http://example.org")):
        query = "?a=1" if host else ""  # Plausible drops it itself
        pages = {f"{host}/wiki/Earth{query}": UrlCounts(9), f"{host}/": UrlCounts(6)}
        fake.set_day(DAY, COUNTED, pages)
        fake.current = 3
    async with hearing() as logs, serve(plausible) as one, serve(matomo) as other:
        sites: list[dict[str, object]] = [
            {"name": "one", "provider": "plausible", "key": KEY, "site_id": "dummy.site"},
            {"name": "other", "provider": "matomo", "token": SECRET, "site_id": 1},
        ]
        for site, url in zip(sites, (one, other), strict=True):
            site |= {"base_url": url, "timezone": "Europe/Berlin"}
        configured = with_sites(settings, sites=SecretStr(json.dumps(sites)))
        app = create_app(configured, clock=clock)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=transport, base_url="http://testserver", headers=AUTHORISED
            ) as client,
        ):
            yield Whole(client, clock, plausible, matomo, logs)
            await settle()


@pytest.mark.parametrize("site", SITES)
async def test_answers__alike(whole: Whole, site: str) -> None:
    """Both providers tell the same of the same visits, and nobody's key is seen."""
    base = f"/api/v1/sites/{site}"
    days = f"start={DAY}&end={DAY}"
    summary = (await whole.client.get(f"{base}/summary?{days}")).json()
    assert (summary["summary"]["visitors"], summary["summary"]["pageviews"]) == (9, 15)
    assert summary["summary"]["views_per_visit"] == 1.67
    series = (await whole.client.get(f"{base}/timeseries?range=this-week")).json()
    assert [item["visits"] for item in series["items"]] == [0, 0, 0, 0, 0, 9, 0]
    assert [item["partial"] for item in series["items"]] == [False] * 6 + [True]
    pages = (await whole.client.get(f"{base}/pages?{days}&limit=1")).json()
    assert [(page["path"], page["pageviews"]) for page in pages["items"]] == [("/wiki/Earth", 9)]
    assert (await whole.client.get(f"{base}/current")).json()["visitors"] == 3
    assert (await whole.client.get("/readyz")).json()["sites"] == {"status": "ok", "failing": 0}


@pytest.mark.parametrize("site", SITES)
async def test_pages__as_told_can_be_asked_for(whole: Whole, site: str, aqs: FakeAqs) -> None:
    """Each page of the list is found by the path that the list tells, whatever is in it."""
    aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", {DAY: 1})
    fake, host = (whole.plausible, "") if site == "one" else (whole.matomo, "http://example.org")
    paths = ["/what", "/what%3Fever", "/a%2541", "/100%25", "/caf%C3%A9", "/C%23", "/"]
    fake.set_day(DAY, COUNTED, {f"{host}{path}": UrlCounts(9 - n) for n, path in enumerate(paths)})
    days = f"start={DAY}&end={DAY}"
    listed = (await whole.client.get(f"/api/v1/sites/{site}/pages?{days}")).json()["items"]
    assert [page["path"] for page in listed] == [
        *("/what", "/what%3Fever", "/a%2541", "/100%25", "/café", "/C%23", "/")
    ]
    for page in listed:
        asked = f"project=fr.wikipedia&article=Strasbourg&{days}&path={quote(page['path'])}"
        told = (await whole.client.get(f"/api/v1/sites/{site}/compare?{asked}")).json()
        assert (told["path"], told["items"][0]["site_views"]) == (page["path"], page["pageviews"])


async def test_zone__that_is_not_the_providers(whole: Whole) -> None:
    """A wrong time zone is told with the first answer, once, and of which site."""
    whole.plausible.timezone = ZoneInfo("America/Los_Angeles")
    for days in (1, 2):
        url = f"/api/v1/sites/one/summary?range=latest-{days}"
        assert (await whole.client.get(url)).status_code == 200
    (told,) = (line for line in whole.logs.lines if "time zone is not the one" in line)
    assert "'site': 'one'" in told


@pytest.mark.parametrize("site", SITES)
async def test_failures__are_told_apart(whole: Whole, site: str) -> None:
    """What a provider does wrong is a problem of ours, and what is held is told meanwhile."""
    url = f"/api/v1/sites/{site}/summary?start={DAY}&end={DAY}"
    fake = whole.plausible if site == "one" else whole.matomo
    held = (await whole.client.get(url)).json()
    for behaviour in (failing(500), html_page()):
        fake.behave(behaviour)
        whole.clock.advance(3700)
        await whole.client.get(url)
        await settle()
        told = (await whole.client.get(url)).json()
        assert told == held | {"stale": True}
        other = await whole.client.get(f"/api/v1/sites/{site}/summary?range=latest-9")
        assert other.status_code == 502


async def test_mute__is_given_up_at_the_end(whole: Whole) -> None:
    """A provider that says nothing does not keep what is held from being told."""
    url = f"/api/v1/sites/other/summary?start={DAY}&end={DAY}"
    assert (await whole.client.get(url)).status_code == 200
    whole.matomo.behave(slow())
    whole.clock.advance(3700)
    assert (await whole.client.get(url)).json()["stale"] is True


@pytest.mark.parametrize("site", SITES)
async def test_keys__stay_between_us(whole: Whole, site: str) -> None:
    """Keys are in no URL, no log line at whatever level, and no answer; cookies are not kept."""
    fake = whole.plausible if site == "one" else whole.matomo
    answers = [
        await whole.client.get(f"/api/v1/sites/{site}/{what}")
        for what in ("summary", "timeseries", "pages", "current")
    ]
    fake.behave(html_page())
    answers.append(await whole.client.get(f"/api/v1/sites/{site}/summary?range=latest-2"))
    asked = fake.requests
    assert asked
    assert not any(word in call.path + call.query for call in asked for word in (KEY, SECRET))
    assert not any("cookie" in call.headers for call in asked)
    assert all(call.headers["user-agent"].startswith("pageviews_api/") for call in asked)
    said = whole.logs.text + "".join(f"{one.headers}{one.text}" for one in answers)
    assert [word for word in (KEY, SECRET, TOKEN) if word in said] == []
