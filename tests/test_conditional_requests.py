"""Who has an answer already is told so, and nothing else (row B15)."""

import httpx
import pytest

from tests.conftest import Service

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"

SAME = (
    "{tag}",
    "{opaque}",
    '"other", {tag}',
    '{tag}, "other"',
    ' , "other" ,, W/"more" ,{opaque}, ',
    "*",
    " * ",
)
"""What names the tag, weakly or not, alone or among others, or any."""

OTHER = (
    "",
    '"other"',
    'W/"other", "more"',
    "{bare}",
    "'{bare}'",
    "w/{opaque}",
    "{tag} {tag}",
    "{tag}, *",
    "**",
    '"unclosed, {tag}',
    "{tag}x",
    "W/ {opaque}",
    ",",
    "\\",
)
"""What names another one, or nothing that can be read."""


async def ask(service: Service, pattern: str, method: str = "GET") -> httpx.Response:
    """Ask for what is not named by a pattern of tags."""
    tag = (await service.client.get(STRASBOURG)).headers["etag"]
    opaque = tag.removeprefix("W/")
    value = pattern.format(tag=tag, opaque=opaque, bare=opaque.strip('"'))
    return await service.client.request(method, STRASBOURG, headers={"If-None-Match": value})


@pytest.mark.parametrize("pattern", SAME)
async def test_if_none_match__of_the_same(service: Service, pattern: str) -> None:
    """A 304 has no body, and says of keeping it what the 200 would."""
    response = await ask(service, pattern)
    plain = await service.client.get(STRASBOURG)
    assert (response.status_code, response.content) == (304, b"")
    for name in ("etag", "cache-control", "vary", "cache-status", "ratelimit-policy"):
        assert response.headers[name] == plain.headers[name]
    assert "content-type" not in response.headers
    assert (await ask(service, pattern, "HEAD")).status_code == 304


@pytest.mark.parametrize("pattern", OTHER)
async def test_if_none_match__of_another(service: Service, pattern: str) -> None:
    """Whatever names another answer, or is no list of tags, gets the answer."""
    response = await ask(service, pattern)
    plain = await service.client.get(STRASBOURG)
    assert (response.status_code, response.content) == (200, plain.content)


async def test_if_none_match__on_two_lines(service: Service) -> None:
    """A list may come in several lines."""
    tag = (await service.client.get(STRASBOURG)).headers["etag"]
    headers = [("If-None-Match", '"other"'), ("If-None-Match", tag)]
    assert (await service.client.get(STRASBOURG, headers=headers)).status_code == 304


async def test_if_none_match__of_an_error(service: Service) -> None:
    """An error is told to everybody, also to those who would have anything."""
    for path, status in ((f"{STRASBOURG}?range=none", 422), ("/none", 404)):
        response = await service.client.get(path, headers={"If-None-Match": "*"})
        assert response.status_code == status
