"""Who may read the operator's sites, and what is shown to nobody."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from loguru import logger
from pydantic import SecretStr

from pageviews_api.config import Settings
from pageviews_api.exceptions import (
    UpstreamInvalidError,
    UpstreamKeyRefusedError,
    UpstreamPlanError,
)
from tests.support.clock import FakeClock
from tests.support.sites import (
    AUTHORISED,
    KEY,
    TOKEN,
    SitesService,
    serving_sites,
    with_sites,
)

PATHS = [
    "",
    "/blog/summary",
    "/blog/timeseries",
    "/blog/pages",
    "/blog/current",
    "/nobody/summary",
    "/blog/summary?range=nonsense",
]
"""Every route, a site that there is not, and a question that has no meaning."""

ADMIN = "canary-of-the-administrator"

SECRET = ("canary-of", "canary-host", "canary-site")
"""What the planted tokens, keys, addresses and ids begin with."""


@pytest.fixture
def log() -> list[str]:
    """Give all that is logged, each record with all that is known of it."""
    lines: list[str] = []
    logger.add(lambda message: lines.append(repr(message.record)), level=0, format="")
    return lines


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Give settings with sites, an operator, and an origin that may read answers."""
    return with_sites(
        settings, admin_token=SecretStr(ADMIN), allowed_origins=("https://ok.example",)
    )


@pytest.fixture
async def service(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> AsyncIterator[SitesService]:
    """Run the service with sites, and read its log from the start."""
    assert log == []
    async with serving_sites(settings, clock, monkeypatch) as service:
        yield service


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "Bearer wrong-0123456789ab")],
        [("authorization", f"Bearer {TOKEN}x")],
        [("authorization", f"Bearer {TOKEN[:-1]}")],
        [("authorization", f"Basic {TOKEN}")],
        [("authorization", TOKEN)],
        [("authorization", f"Bearer {ADMIN}")],
        [("authorization", f"Bearer {KEY}")],
        [("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer other")],
        [("authorization", "Bearer é")],
    ],
)
async def test_guard__without_the_token(
    service: SitesService, path: str, headers: list[tuple[str, str]], log: list[str]
) -> None:
    """Whoever has not the token is told one thing alone, and no provider is asked."""
    raw = [(name.encode(), value.encode()) for name, value in headers]
    response = await service.client.get(f"/api/v1/sites{path}", headers=raw)
    assert response.status_code == 401
    assert response.json()["type"] == "/problems/not-authorised"
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["cache-control"] == "no-store"
    assert "blog" not in response.text
    assert service.blog.asked == []
    assert any("may not read sites" in line for line in log)
    assert TOKEN not in "".join(log)


async def test_guard__with_the_token(service: SitesService) -> None:
    """With the token every route answers."""
    for path in PATHS[:5]:
        assert (await service.get(path)).status_code == 200


async def test_guard__is_not_the_operators(service: SitesService) -> None:
    """Who may read sites may not run the archive."""
    path = "/api/v1/archives/2026-11-22/run"
    assert (await service.client.get(path, headers=AUTHORISED)).status_code == 401


async def test_browser__has_no_business_here(service: SitesService) -> None:
    """No page of another origin may send the token, not even one that may read pageviews."""
    asks = {
        "origin": "https://ok.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    response = await service.client.options("/api/v1/sites/blog/summary", headers=asks)
    assert response.status_code == 400


@pytest.mark.parametrize("path", PATHS)
async def test_disabled__without_sites(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Where no site is configured nothing is told, with or without a token."""
    for more in ({"sites_public": True}, {"sites_public": False}, {"sites_token": None}):
        off = settings.model_copy(update={"sites": None, **more})
        async with serving_sites(off, clock, monkeypatch) as service:
            response = await service.get(path)
            assert service.behind == {}
        assert (response.status_code, response.json()["type"]) == (403, "/problems/sites-disabled")


@pytest.mark.parametrize("path", PATHS)
async def test_disabled__without_a_token(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, path: str, log: list[str]
) -> None:
    """An operator who forgot the token has not published the numbers, and is told so at start."""
    forgotten = settings.model_copy(update={"sites_token": None})
    async with serving_sites(forgotten, clock, monkeypatch) as service:
        for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer None"}):
            response = await service.client.get(f"/api/v1/sites{path}", headers=headers)
            assert response.status_code == 403
            assert response.json()["type"] == "/problems/sites-disabled"
        assert service.blog.asked == []
    assert any("nobody may read them" in line for line in log)


async def test_public__needs_no_token(
    settings: Settings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where sites are public anybody reads them, and caches on the way may keep them."""
    public = settings.model_copy(update={"sites_public": True, "sites_token": None})
    async with serving_sites(public, clock, monkeypatch) as service:
        for path in PATHS[:5]:
            response = await service.client.get(f"/api/v1/sites{path}")
            assert response.status_code == 200
            assert response.headers["cache-control"].startswith("public, max-age=")
            assert "Authorization" not in response.headers["vary"]


async def test_private__is_kept_by_nobody_else(service: SitesService) -> None:
    """Answers are for who asked alone; a 304 says the same."""
    for path in PATHS[:5]:
        response = await service.get(path)
        assert response.headers["cache-control"].startswith("private, max-age=")
        assert response.headers["vary"].startswith("Accept, Authorization")
        tag = response.headers["etag"]
        unchanged = await service.get(path, **{"if-none-match": tag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["cache-control"] == response.headers["cache-control"]
        assert unchanged.headers["vary"].startswith("Accept, Authorization")
    refused = await service.get("/nobody/summary")
    assert refused.headers["cache-control"] == "no-store"


async def test_etag__of_the_numbers(service: SitesService) -> None:
    """A check that finds nothing new keeps the tag; a new number changes it."""
    first = (await service.get("/blog/current")).headers["etag"]
    service.clock.advance(61)
    same = (await service.get("/blog/current")).headers["etag"]
    service.clock.advance(61)
    service.blog.now = 1
    changed = (await service.get("/blog/current")).headers["etag"]
    assert first == same != changed


async def test_secrets__are_nowhere(service: SitesService, log: list[str]) -> None:
    """No token, key, address or id of a site is in any answer, log line, or text of settings."""
    seen = [await service.client.get("/api/v1/sites")]
    errors = [
        UpstreamKeyRefusedError("plausible", 401),
        UpstreamPlanError("plausible", 402),
        UpstreamInvalidError("plausible", "is not JSON"),
    ]
    for error in [None, *errors]:
        service.blog.error = error
        seen += [await service.get(path) for path in PATHS]
        service.clock.advance(timedelta(days=3).total_seconds())
    for path in ("/readyz", "/healthz", "/openapi.json", "/api/v1/data-state", "/docs"):
        seen.append(await service.client.get(path))
    headers = {"authorization": f"Bearer {ADMIN}"}
    seen.append(await service.client.get("/api/v1/archives/2026-11-22/run", headers=headers))
    settings = service.resources.settings
    texts = [f"{response.headers}{response.text}" for response in seen]
    texts += [repr(settings), str(settings), settings.model_dump_json(), repr(service.resources)]
    texts.append(repr(service.resources.sites))
    assert [word for word in SECRET if word in "".join(texts + log)] == []
    assert {response.status_code for response in seen} >= {200, 401, 404, 422, 502}
    assert KEY not in "".join(repr(one) for one in settings.configured_sites)


async def test_refused_key__is_told_to_the_operator(service: SitesService, log: list[str]) -> None:
    """A key that is refused is the operator's matter: an error in the log, by the site's name."""
    service.blog.error = UpstreamKeyRefusedError("plausible", 401)
    response = await service.get("/blog/current")
    assert (response.status_code, response.json()["type"]) == (
        502,
        "/problems/upstream-key-refused",
    )
    service.clock.advance(31)
    service.blog.error = UpstreamPlanError("plausible", 402)
    response = await service.get("/blog/current")
    assert (response.status_code, response.json()["type"]) == (502, "/problems/upstream-plan")
    errors = [line for line in log if "'site': 'blog'" in line and "name='ERROR'" in line]
    assert len(errors) == 2
