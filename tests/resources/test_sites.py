"""The clients that ask providers, as they are built from the settings."""

import json

import pytest
from pydantic import SecretStr
from starlette.responses import Response

from pageviews_api.config import Settings
from pageviews_api.resources import sites as opened_sites
from pageviews_api.resources.sites import open_sites
from pageviews_api.schemas.configured_sites import ConfiguredSite
from tests.support.aqs_faults import Behaviour
from tests.support.clock import FakeClock
from tests.support.fake_plausible import FakePlausible
from tests.support.fake_site import FakeSite
from tests.support.serving import serve
from tests.support.sites import BLOG, KEY, SHOP, with_sites


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


async def test_providers__no_cookie_and_no_proxy(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider is asked without detours and cookies, and for nothing that we do not decode."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    fake = FakePlausible(clock, key=KEY, site_id=BLOG["site_id"], timezone="Europe/Berlin")

    def with_cookie(response: Response) -> Response:
        response.set_cookie("session", "1")
        return response

    fake.behave(Behaviour("with a cookie", with_cookie))
    async with serve(fake) as url:
        configured = with_sites(settings, BLOG | {"base_url": url})
        async with open_sites(configured, clock, None) as sites:
            for _ in range(2):
                await sites.site("blog").check()
    assert [request.headers.get("cookie") for request in fake.requests] == [None, None]
    assert {request.headers["accept-encoding"] for request in fake.requests} == {"gzip"}
