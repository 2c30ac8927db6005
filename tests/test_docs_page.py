"""The docs page: our own files only, and it works in a browser."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import ConsoleMessage, Request, async_playwright

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.support.clock import FakeClock
from tests.support.serving import serve

CHROMIUM = Path("/usr/bin/chromium")

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""What keeps a browser from asking anybody for anything by itself."""

needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"NOT TESTED: there is no browser at {CHROMIUM}"
)


def _settings(*, docs_enabled: bool = True) -> Settings:
    return Settings(
        _env_file=None,
        aqs_base_url="http://127.0.0.1:9",
        archive_enabled=False,
        docs_enabled=docs_enabled,
    )


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Give the front door of a service that needs nothing else."""
    transport = httpx.ASGITransport(create_app(_settings(), clock=FakeClock()))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def test_root__leads_to_docs(client: httpx.AsyncClient) -> None:
    """The root leads to the docs by a path, whatever host was asked."""
    response = await client.get("/")
    assert (response.status_code, response.headers["location"]) == (307, "/docs")


async def test_docs__loads_our_own_files(client: httpx.AsyncClient) -> None:
    """All that the page loads is under our own paths, and is there (row D6)."""
    page = (await client.get("/docs")).text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(loaded) == 3
    assert "//" not in "".join(loaded)
    for path in [*loaded, "/openapi.json"]:
        response = await client.get(path)
        assert response.status_code == 200
        assert response.content


async def test_docs__content_security_policy(client: httpx.AsyncClient) -> None:
    """The page may use our files and its own script, and nothing else."""
    policy = (await client.get("/docs")).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/=]+'", rules["script-src"])
    assert rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "http" not in policy
    assert "*" not in policy


async def test_docs__switched_off() -> None:
    """Where it is switched off there is no page, and no file of it; the rest is there (D6)."""
    app = create_app(_settings(docs_enabled=False), clock=FakeClock())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for path in ("/docs", "/docs/assets/swagger-ui.css", "/", "/redoc"):
            response = await client.get(path)
            assert response.status_code == 404
            assert response.json()["type"] == "/problems/not-found"
        assert (await client.get("/openapi.json")).status_code == 200


async def test_assets__no_way_out(client: httpx.AsyncClient) -> None:
    """No path leads out of the assets' folder (as row C13)."""
    for path in ("..%2f__init__.py", "%2e%2e/__init__.py", "..%5c__init__.py", "%00", "", "%ff"):
        response = await client.get(f"/docs/assets/{path}")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


@needs_chromium
@pytest.mark.enable_socket
async def test_docs__in_a_browser() -> None:
    """A browser shows every operation, asks no other host, and has nothing to complain of (D6)."""
    app = create_app(_settings(), clock=FakeClock())
    asked: list[str] = []
    said: list[str] = []

    def note_request(request: Request) -> None:
        asked.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            said.append(message.text)

    async with serve(app) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page()
        page.on("request", note_request)
        page.on("console", note_message)
        page.on("pageerror", lambda error: said.append(str(error)))
        await page.goto(url)
        await page.locator(".opblock").last.wait_for()
        shown = await page.locator(".opblock-summary-path").all_inner_texts()
        await page.locator("#operations-articles-get_article .opblock-summary-control").click()
        await page.get_by_text("1596").first.wait_for()
        assert page.url.startswith(f"{url}/docs")
        await browser.close()
    paths = [path.replace("\u200b", "") for path in shown]
    published = app.openapi()["paths"].items()
    assert sorted(paths) == sorted(path for path, operations in published for _ in operations)
    others = [one for one in asked if not one.startswith((f"{url}/", "data:"))]
    assert others == []
    assert said == []
