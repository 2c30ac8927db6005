"""``check-sites``: what it says of each site's provider, and how it ends."""

import json
from collections.abc import AsyncIterator

import pytest

from pageviews_api.clock import SystemClock
from tests.support.fake_matomo import FakeMatomo
from tests.support.fake_plausible import FakePlausible
from tests.support.processes import DEAD, environment, run
from tests.support.serving import serve

KEY, SECRET = "canary-of-plausible", "canary-of-matomo"


def configured(*sites: dict[str, object]) -> dict[str, str]:
    """Give the environment of a command that knows these sites."""
    return environment(DEAD, SITES=json.dumps(sites), SITES_TOKEN="canary-of-sites" * 3)


@pytest.fixture
async def blog() -> AsyncIterator[dict[str, object]]:
    """Give a site at a working Plausible."""
    fake = FakePlausible(SystemClock(), key=KEY, site_id="dummy.site", timezone="UTC")
    async with serve(fake) as url:
        yield {
            "name": "blog",
            "provider": "plausible",
            "base_url": url,
            "key": KEY,
            "site_id": "dummy.site",
        }


@pytest.fixture
async def shop() -> AsyncIterator[dict[str, object]]:
    """Give a site at a working Matomo."""
    async with serve(FakeMatomo(token=SECRET)) as url:
        yield {
            "name": "shop",
            "provider": "matomo",
            "base_url": url,
            "token": SECRET,
            "site_id": 1,
            "timezone": "Europe/Berlin",
        }


async def test_check_sites__all_well(blog: dict[str, object], shop: dict[str, object]) -> None:
    """Each site that can be read is a line, in the order in which they are configured."""
    code, out, _ = await run("check-sites", env=configured(shop, blog))
    assert (code, out) == (0, "shop: ok\nblog: ok\n")


async def test_check_sites__what_is_wrong(blog: dict[str, object], shop: dict[str, object]) -> None:
    """A wrong key, site or address is said of its site, without any key, and the code is 1."""
    gone = blog | {"name": "gone", "base_url": DEAD}
    wrong = blog | {"name": "wrong", "key": "canary-of-nobody"}
    other = shop | {"name": "other", "site_id": 2}
    code, out, err = await run("check-sites", env=configured(wrong, other, gone, shop))
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert (code, lines["shop"]) == (1, "ok")
    assert lines["wrong"].startswith("plausible refuses")
    assert lines["other"].startswith("matomo refuses")
    assert lines["gone"].startswith("plausible could not be reached")
    assert "canary" not in out + err


async def test_check_sites__none() -> None:
    """Where no site is configured, it says so."""
    code, out, _ = await run("check-sites", env=environment(DEAD))
    assert (code, out) == (0, "no site is configured\n")
