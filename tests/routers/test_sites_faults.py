"""Providers that are slow, mute, or fail: told on the sites' own routes, and felt nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import pytest

from pageviews_api.config import Settings
from pageviews_api.exceptions import (
    BudgetExhaustedError,
    UpstreamError,
    UpstreamFailedError,
    UpstreamInvalidError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
)
from pageviews_api.resources.sites import open_sites
from tests.support.clock import FakeClock, settle
from tests.support.fake_aqs import FakeAqs
from tests.support.sites import AUTHORISED, BLOG, SHOP, SitesService, serving_sites, with_sites

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"


@pytest.fixture
async def service(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SitesService]:
    """Run the service with two sites."""
    async with serving_sites(with_sites(settings), clock, monkeypatch) as service:
        yield service


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a mute provider waited for as good as for ever, however slow this machine is."""
    monkeypatch.setattr("pageviews_api.clients.sites.WITHIN", 3600.0)


@pytest.mark.usefixtures("patient")
async def test_mute__is_not_felt_elsewhere(service: SitesService, aqs: FakeAqs) -> None:
    """While a provider is mute all other routes answer as ever, other sites too (row E1)."""
    service.blog.mute = True
    waiting = [
        asyncio.create_task(service.get(f"/blog/summary?range=latest-{days}"))
        for days in range(1, 41)
    ]
    await settle()
    async with asyncio.timeout(60):  # those who wait do so for an hour
        for _ in range(40):
            assert (await service.client.get(STRASBOURG)).status_code == 200
            assert (await service.client.get("/healthz")).status_code == 200
            assert (await service.get("/shop/summary")).status_code == 200
            assert (await service.get("")).status_code == 200
    assert aqs.count(lambda path: "/Strasbourg/" in path) == 1
    assert len(service.behind["shop"].asked) == 1
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.usefixtures("patient")
async def test_end__in_the_midst_of_a_question(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service ends at once though a provider is mute, and closes what asks it (row E4)."""
    async with serving_sites(with_sites(settings), clock, monkeypatch) as service:
        service.blog.mute = True
        asking = asyncio.create_task(service.get("/blog/current"))
        await settle()
        begun = monotonic()
    assert monotonic() - begun < 60  # whoever asks waits for an hour
    assert all(one.closed for one in service.behind.values())
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_providers__have_a_way_of_their_own(settings: Settings, clock: FakeClock) -> None:
    """Where no site is configured nothing is opened; else the clients are built, and closed."""
    async with open_sites(settings, clock, None) as sites:
        assert sites.names() == ()
    async with open_sites(with_sites(settings), clock, None) as sites:
        assert sites.names() == ("blog", "shop")
        assert [sites.site(name).provider for name in sites.names()] == ["plausible", "matomo"]


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (UpstreamTimeoutError("plausible", "gave no complete answer in time"), 504, "timeout"),
        (UpstreamFailedError("plausible", "failed with status 500"), 502, "failed"),
        (UpstreamInvalidError("plausible", "sent an answer that is not JSON"), 502, "invalid"),
        (UpstreamThrottledError("plausible", 600.0), 503, "throttled"),
        (BudgetExhaustedError("plausible", 7.0), 503, "held-back"),
    ],
)
async def test_failure__with_nothing_held(
    service: SitesService, error: UpstreamError, status: int, slug: str
) -> None:
    """The caller is told whose failure it is, and when asking again makes sense."""
    service.blog.error = error
    for what in ("summary", "timeseries", "pages", "current"):
        response = await service.get(f"/blog/{what}")
        assert (response.status_code, response.json()["type"]) == (
            status,
            f"/problems/upstream-{slug}",
        )
        assert response.json()["upstream"] == "plausible"
        assert response.headers["cache-control"] == "no-store"
        assert ("retry-after" in response.headers) is (status == 503)
    assert (await service.get("/shop/summary")).status_code == 200


async def test_failure__with_something_held(service: SitesService) -> None:
    """What is held is told and marked, is kept by nobody, and later current again."""
    fresh = await service.get("/blog/timeseries")
    assert fresh.headers["cache-status"] == "pageviews-api; fwd=miss; stored; ttl=3600"
    service.blog.error = UpstreamThrottledError("plausible", 600.0)
    service.clock.advance(3601)
    stale = await service.get("/blog/timeseries")
    assert (stale.status_code, stale.json()["stale"]) == (200, True)
    assert stale.json() == fresh.json() | {"stale": True}
    assert stale.headers["cache-control"] == "private, max-age=0"
    assert stale.headers["cache-status"] == "pageviews-api; hit; ttl=-1"
    await settle()
    service.blog.error = None
    service.clock.advance(31)
    await service.get("/blog/timeseries")
    await settle()
    assert (await service.get("/blog/timeseries")).json()["stale"] is False


async def test_freshness__in_headers(service: SitesService) -> None:
    """How long an answer may be kept is what is left of its time, and ends with the site's day."""
    kept = {
        "/blog/current": 60,
        "/blog/summary?range=this-month": 300,
        "/blog/summary": 3600,
        "/blog/summary?start=2026-11-01&end=2026-11-18": 11 * 3600,  # until midnight in Berlin
        "/shop/summary?start=2026-11-01&end=2026-11-18": 15 * 3600,  # and in Santiago
    }
    for path, seconds in kept.items():
        response = await service.get(path)
        assert (path, response.headers["cache-control"]) == (path, f"private, max-age={seconds}")
    service.clock.advance(10)
    again = await service.get("/blog/current")
    # Up to a tenth is taken off, so that not all is asked for at the same moment.
    assert again.headers["cache-control"] == "private, max-age=50"
    assert again.headers["cache-status"] == "pageviews-api; hit; ttl=50"


async def test_readyz__tells_of_sites(service: SitesService) -> None:
    """Readiness knows from the last questions how many sites fail, and asks no provider."""

    async def told() -> dict[str, object]:
        answer: dict[str, dict[str, object]] = (await service.client.get("/readyz")).json()
        return answer["sites"]

    assert await told() == {"status": "ok", "failing": 0}
    service.blog.error = UpstreamFailedError("plausible", "failed with status 500")
    await service.get("/blog/current")
    assert await told() == {"status": "degraded", "failing": 1}
    assert (await service.client.get("/readyz")).json()["status"] == "degraded"
    assert len(service.blog.asked) == 1
    service.blog.error = None
    service.clock.advance(31)
    await service.get("/blog/current")
    assert await told() == {"status": "ok", "failing": 0}


async def test_names__from_the_settings_alone(service: SitesService) -> None:
    """Nothing in a request chooses a provider, an address or an id."""
    for name in ("site_id", "idSite", "base_url", "provider", "token_auth", "method", "callback"):
        response = await service.client.get(
            f"/api/v1/sites/blog/summary?{name}=x", headers=AUTHORISED
        )
        assert response.status_code == 422
    assert service.blog.asked == []
    assert {BLOG["name"], SHOP["name"]} == set(service.behind)
