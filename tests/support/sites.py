"""The service with sites: what is configured, and who stands behind it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.main import create_app
from pageviews_api.resources import Resources
from pageviews_api.resources import sites as opened_sites
from pageviews_api.schemas.configured_sites import ConfiguredSite
from tests.support.clock import FakeClock
from tests.support.fake_site import FakeSite

TOKEN = "canary-of-the-sites-token"

KEY = "canary-of-a-providers-key"

AUTHORISED = {"authorization": f"Bearer {TOKEN}"}

BLOG = {
    "name": "blog",
    "provider": "plausible",
    "base_url": "https://canary-host.example/base",
    "key": KEY,
    "site_id": "canary-site.example",
    "timezone": "Europe/Berlin",
}

SHOP = {
    "name": "shop",
    "provider": "matomo",
    "base_url": "https://canary-host.example/matomo",
    "token": KEY,
    "site_id": 7,
    "timezone": "America/Santiago",
}


def with_sites(settings: Settings, *sites: dict[str, Any], **more: object) -> Settings:
    """Configure sites, the two above by default, and a token for them."""
    update: dict[str, Any] = {
        "sites": SecretStr(json.dumps(sites or (BLOG, SHOP))),
        "sites_token": SecretStr(TOKEN),
        "cache_wait": 0.0,
        **more,
    }
    return settings.model_copy(update=update)


@dataclass
class SitesService:
    """A running service with sites: its front door, and who counts their visits."""

    client: httpx.AsyncClient
    app: FastAPI
    clock: FakeClock
    behind: dict[str, FakeSite] = field(default_factory=dict)

    @property
    def resources(self) -> Resources:
        """What the service lives on."""
        resources: Resources = self.app.state.resources
        return resources

    @property
    def blog(self) -> FakeSite:
        """Who counts the visits of ``blog``."""
        return self.behind["blog"]

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for something below ``/api/v1/sites``, with the token."""
        return await self.client.get(f"/api/v1/sites{path}", headers=AUTHORISED | headers)

    async def told(self, path: str) -> dict[str, Any]:
        """Ask for the same; give the answer, which is a good one."""
        response = await self.get(path)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer


def fakes(behind: dict[str, FakeSite]) -> Callable[..., FakeSite]:
    """Give what builds fakes in place of the clients that ask real providers."""

    def site_client(
        site: ConfiguredSite, _http: httpx.AsyncClient, clock: Clock, *, share: int
    ) -> FakeSite:
        assert share >= 1
        return behind.setdefault(site.name, FakeSite(clock, site.timezone, site.provider))

    return site_client


@asynccontextmanager
async def serving_sites(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SitesService]:
    """Run the service in front of fakes."""
    behind: dict[str, FakeSite] = {}
    monkeypatch.setattr(opened_sites, "site_client", fakes(behind))
    app = create_app(settings, clock=clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield SitesService(client, app, clock, behind)
