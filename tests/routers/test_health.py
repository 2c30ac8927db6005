"""What probes are told."""

import shutil

import httpx
import pytest

from pageviews_api import __version__
from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.conftest import Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock, SkippingClock


def _client(app: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # FastAPI is one
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


async def test_healthz__while_it_runs(service: Service) -> None:
    """The process is alive; nobody else is asked, and nobody keeps the answer."""
    response = await service.client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "version": __version__}
    assert response.headers["cache-control"] == "no-store"
    assert service.aqs.count() == 0


async def test_readyz__all_well(service: Service) -> None:
    """Everything works; the archive is off in this process."""
    response = await service.client.get("/readyz")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "status": "ok",
        "aqs": {"status": "ok", "circuit": "closed", "paused": False},
        "archive": {"status": "off", "last_run": None, "last_success": None, "reason": None},
        "redis": {"status": "off"},
        "sites": {"status": "off", "failing": 0},
    }
    assert service.aqs.count() == 0


async def test_readyz__aqs_throttles(service: Service) -> None:
    """While AQS asks us to slow down we are degraded, and serve; then all is well again."""
    service.aqs.behave(aqs_faults.throttled("60"))
    await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
    response = await service.client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["aqs"] == {"status": "degraded", "circuit": "closed", "paused": True}
    service.clock.advance(61)
    assert (await service.client.get("/readyz")).json()["status"] == "ok"


async def test_readyz__aqs_blocks_us(service: Service) -> None:
    """While AQS is left alone we are degraded, and serve; alive we are in any case (row G3)."""
    service.aqs.behave(aqs_faults.blocked())
    await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
    response = await service.client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["aqs"] == {"status": "degraded", "circuit": "open", "paused": False}
    assert (await service.client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes__take_no_parameters(service: Service, path: str) -> None:
    """A parameter is refused by its name."""
    for query in ("foo=1", "foo=1&foo=2"):
        response = await service.client.get(f"{path}?{query}")
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["errors"]] == [["query", "foo"]]


async def test_readyz__archive_store_gone(settings: Settings, clock: FakeClock) -> None:
    """A store that is lost meanwhile degrades us, in words that tell nothing of it (row G3)."""
    app = create_app(settings.model_copy(update={"archive_enabled": True}), clock=clock)
    async with app.router.lifespan_context(app), _client(app) as client:
        shutil.rmtree(settings.archive_dir)
        settings.archive_dir.write_text("a file where the folder should be")
        response = await client.get("/readyz")
        alive = await client.get("/healthz")
    assert response.status_code == alive.status_code == 200
    assert response.json()["archive"]["status"] == response.json()["status"] == "degraded"
    assert response.json()["archive"]["reason"]
    assert str(settings.archive_dir) not in response.text


async def test_readyz__no_bucket_on_render(settings: Settings) -> None:
    """On Render without a bucket we are degraded, and say why."""
    on_render = {"archive_enabled": True, "render": True}
    app = create_app(settings.model_copy(update=on_render), clock=SkippingClock())
    async with app.router.lifespan_context(app), _client(app) as client:
        response = await client.get("/readyz")
    assert response.status_code == 200
    assert "no bucket" in response.json()["archive"]["reason"]
