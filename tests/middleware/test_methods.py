"""HEAD, OPTIONS, and methods that nothing has."""

import pytest
from fastapi import FastAPI

from tests.conftest import Service
from tests.support.asgi import PAGE, app_with, ask, scope_of

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"

RUN = "/api/v1/archives/2026-11-22/run"

ALLOWED = {
    PAGE: "GET, HEAD, OPTIONS",
    STRASBOURG: "GET, HEAD, OPTIONS",
    "/api/v1/projects": "GET, HEAD, OPTIONS",
    "/healthz": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
    "/docs": "GET, HEAD, OPTIONS",
    "/docs/assets/swagger-ui.css": "GET, HEAD, OPTIONS",
    RUN: "GET, HEAD, OPTIONS, POST",
    "/only-posted": "OPTIONS, POST",
}
"""What each path has; several routes share some."""


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """Give the application, with a path that has no GET."""
    app = app_with()
    assert isinstance(app, FastAPI)

    async def post() -> None:
        pass

    app.add_api_route("/only-posted", post, methods=["POST"])
    return app


@pytest.mark.parametrize("path", ALLOWED)
async def test_options__of_each_kind_of_path(app: FastAPI, path: str) -> None:
    """OPTIONS tells what a path has, without a body (row C12)."""
    answer = await ask(app, scope_of(path, method="OPTIONS"))
    assert (answer.status, answer.headers["allow"], answer.body) == (204, ALLOWED[path], b"")
    assert "content-type" not in answer.headers
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("path", ["/none", f"{PAGE}/", "/api/v1", "/"])
async def test_options__of_no_path(path: str) -> None:
    """Where there is nothing, there is nothing to list: a 404 as for GET."""
    answer = await ask(app_with(docs_enabled=False), scope_of(path, method="OPTIONS"))
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "allow" not in answer.headers


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT", "TRACE", "PURGE", "G@T", "get"])
@pytest.mark.parametrize("path", ALLOWED)
async def test_method__that_a_path_lacks(app: FastAPI, path: str, method: str) -> None:
    """Any other method is a 405 that lists what there is (row C12)."""
    answer = await ask(app, scope_of(path, method=method))
    assert (answer.status, answer.headers["allow"]) == (405, ALLOWED[path])
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"/problems/method-not-allowed" in answer.body


async def test_method__post_where_there_is_only_get(app: FastAPI) -> None:
    """POST to what is only read, and GET of what is only posted, are a 405."""
    for path, method in (
        (PAGE, "POST"),
        ("/docs/assets/swagger-ui.css", "POST"),
        ("/only-posted", "GET"),
        ("/only-posted", "HEAD"),
    ):
        answer = await ask(app, scope_of(path, method=method))
        assert (answer.status, answer.headers["allow"]) == (405, ALLOWED[path])


@pytest.mark.parametrize(
    "path",
    [
        STRASBOURG,
        f"{STRASBOURG}?range=none",
        "/api/v1/articles/fr.wikipedia/Nobody",
        "/api/v1/projects",
        "/api/v1/data-state",
        "/healthz",
        "/readyz",
        PAGE,
        "/none",
        "/docs",
        "/openapi.json",
        RUN,
    ],
)
async def test_head__is_get_without_a_body(service: Service, path: str) -> None:
    """HEAD answers with GET's status and headers, its length among them (row C12)."""
    await service.client.get(path)
    for coding in ("identity", "gzip"):
        asked = {"accept-encoding": coding, "x-request-id": "same"}
        get = await service.client.get(path, headers=asked)
        head = await service.client.head(path, headers=asked)
        assert (head.status_code, head.content) == (get.status_code, b"")
        without = {"ratelimit"}  # another request was made
        assert {k: v for k, v in head.headers.items() if k not in without} == {
            k: v for k, v in get.headers.items() if k not in without
        }
        assert "content-length" in head.headers


async def test_head__sends_no_body(app: FastAPI) -> None:
    """No byte of a body is handed to the server, which would drop it as well (row C12)."""
    for path, status in ((PAGE, 200), ("/none", 404), ("/openapi.json", 200)):
        answer = await ask(app, scope_of(path, method="HEAD"))
        assert (answer.status, answer.body) == (status, b"")
        assert int(answer.headers["content-length"]) > 0


def test_routes__have_methods_that_can_be_told(app: FastAPI) -> None:
    """No route has a method that OPTIONS does not know of."""
    for path, operations in app.openapi()["paths"].items():
        assert operations.keys() <= {"get", "post"}, path
