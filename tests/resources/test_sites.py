"""The clients that ask providers, as they are built from the settings."""

import json

import pytest
from pydantic import SecretStr

from pageviews_api.config import Settings
from pageviews_api.resources import sites as opened_sites
from pageviews_api.resources.sites import open_sites
from pageviews_api.schemas.configured_sites import ConfiguredSite
from tests.support.clock import FakeClock
from tests.support.fake_site import FakeSite
from tests.support.sites import BLOG, SHOP


async def test_share__of_a_server(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients of one server share what it may be asked, in all processes, whatever their keys."""
    shares: dict[str, int] = {}

    def site_client(
        site: ConfiguredSite, _http: object, clock: FakeClock, *, share: int
    ) -> FakeSite:
        shares[site.name] = share
        return FakeSite(clock, site.timezone, site.provider)

    monkeypatch.setattr(opened_sites, "site_client", site_client)
    other_key = BLOG | {"name": "news", "key": "another", "base_url": BLOG["base_url"] + "/"}
    sites = SecretStr(json.dumps([BLOG, other_key, SHOP]))
    processes = {"web_concurrency": 2, "replicas": 3}
    async with open_sites(settings.model_copy(update={"sites": sites, **processes}), clock, None):
        assert shares == {"blog": 12, "news": 12, "shop": 6}
