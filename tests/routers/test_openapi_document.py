"""The document that describes the API, as it is served."""

from collections.abc import AsyncIterator

import httpx
import pytest

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.support.clock import FakeClock

DOCUMENT = "/openapi.json"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Give the front door of a service that needs nothing else."""
    settings = Settings(_env_file=None, aqs_base_url="http://127.0.0.1:9", archive_enabled=False)
    transport = httpx.ASGITransport(create_app(settings, clock=FakeClock()))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


async def test_document__who_has_it_already(client: httpx.AsyncClient) -> None:
    """It is kept for an hour; after that, who names its tag gets a 304 that says the same."""
    whole = await client.get(DOCUMENT)
    assert whole.headers["content-type"] == "application/json"
    assert whole.headers["cache-control"] == "public, max-age=3600"
    same = await client.get(DOCUMENT, headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    for name in ("etag", "cache-control", "vary"):
        assert same.headers[name] == whole.headers[name]
    other = await client.get(DOCUMENT, headers={"If-None-Match": 'W/"other"'})
    assert (other.status_code, other.json()) == (200, whole.json())


async def test_document__of_two_processes(client: httpx.AsyncClient) -> None:
    """It has the same tag, whichever process tells it."""
    settings = Settings(_env_file=None, aqs_base_url="http://127.0.0.1:9", archive_enabled=False)
    another = httpx.ASGITransport(create_app(settings, clock=FakeClock()))
    tag = (await client.get(DOCUMENT)).headers["etag"]
    async with httpx.AsyncClient(transport=another, base_url="http://testserver") as other:
        assert (await other.get(DOCUMENT)).headers["etag"] == tag
