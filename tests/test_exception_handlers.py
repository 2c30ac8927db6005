"""Every error is a problem document, and none tells more than it should."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from loguru import logger

from pageviews_api.config import Settings
from pageviews_api.exception_handlers import SLUGS, error_response
from pageviews_api.exceptions import (
    ArchiveUnavailableError,
    ConfigurationError,
    FieldError,
    InvalidParameterError,
    PageviewsApiError,
    UpstreamFailedError,
    UpstreamThrottledError,
)
from pageviews_api.main import create_app
from pageviews_api.schemas.problem import MEDIA_TYPE, PROBLEMS, Problem
from tests.support.clock import FakeClock

ORIGIN = "https://ok.example"

OWN_PATH = {"path": "/api/v1/articles"}
"""The part of a request that an error looks at."""


def _tree(error: type[PageviewsApiError]) -> Iterator[type[PageviewsApiError]]:
    for child in error.__subclasses__():
        yield child
        yield from _tree(child)


@pytest.fixture
def app() -> FastAPI:
    """Give the application with two routes that fail, as no route of ours does."""
    settings = Settings(
        _env_file=None,
        aqs_base_url="http://127.0.0.1:9",
        allowed_origins=ORIGIN,
        allowed_hosts="testserver",
        archive_enabled=False,
        rate_limit=8,
    )
    app = create_app(settings, clock=FakeClock())

    async def boom() -> None:
        password = "canary-in-a-variable"
        raise RuntimeError(f"canary-in-the-text of {len(password)} letters")

    async def misconfigured() -> None:
        raise ConfigurationError("SECRET_NAME is canary-in-the-text")

    app.add_api_route("/boom", boom)
    app.add_api_route("/misconfigured", misconfigured)
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Give a browser's front door, from an origin that is allowed."""
    transport = httpx.ASGITransport(app)  # an exception that got through would fail the test
    async with httpx.AsyncClient(
        transport=transport, base_url="http://testserver", headers={"origin": ORIGIN}
    ) as client:
        yield client


def _check_problem(response: httpx.Response, slug: str) -> Problem:
    """Hold an answer against all that every error must have."""
    problem = Problem.model_validate_json(response.content)
    assert problem.type == f"/problems/{slug}"
    assert problem.status == response.status_code == PROBLEMS[slug].status
    assert problem.title == PROBLEMS[slug].title
    assert problem.instance == f"urn:request:{response.headers['x-request-id']}"
    assert response.headers["content-type"] == MEDIA_TYPE
    kept = "public, max-age=60" if problem.status == 404 else "no-store"
    assert response.headers["cache-control"] == kept
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "X-Request-ID" in response.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in response.headers
    assert response.headers["vary"] == "Origin"
    assert response.headers["x-content-type-options"] == "nosniff"
    return problem


def test_slugs__cover_the_whole_tree() -> None:
    """The table has every error of the package, and nothing else but the families."""
    errors = {error for error in _tree(PageviewsApiError) if "pageviews_api" in error.__module__}
    assert set(SLUGS) == errors


def test_slugs__exist() -> None:
    """Every slug of the table is a problem with a page."""
    assert set(SLUGS.values()) <= set(PROBLEMS)


def test_slugs__fit_the_family() -> None:
    """What a caller can mend is a 4xx; what an upstream or we broke is a 5xx."""
    for error, slug in SLUGS.items():
        is_callers = error.__mro__[-4].__name__ == "CallerError" or "CallerError" in {
            base.__name__ for base in error.__mro__
        }
        conflict = slug == "archive-conflict"
        assert (PROBLEMS[slug].status < 500) is (is_callers or conflict)


def test_response__of_each_error() -> None:
    """Each error that can be made becomes a document with its problem's status."""
    for error, slug in SLUGS.items():
        one = error.__new__(error)
        one.__dict__.update(upstream="aqs", reason="failed", retry_after=1.2, errors=(), choices=[])
        response = error_response(one, OWN_PATH)
        assert response.status_code == PROBLEMS[slug].status
        assert Problem.model_validate_json(bytes(response.body)).type == f"/problems/{slug}"


async def test_unhandled_exception__is_a_500(client: httpx.AsyncClient) -> None:
    """An unforeseen error is a 500 with CORS and request id, without a word of it (row D3)."""
    lines: list[str] = []
    logger.add(lines.append, format="{message}", diagnose=False, backtrace=False)
    response = await client.get("/boom", headers={"x-request-id": "abc.1"})

    problem = _check_problem(response, "internal-error")
    assert problem.instance == "urn:request:abc.1"
    assert problem.detail == PROBLEMS["internal-error"].meaning
    for text in ("canary", "RuntimeError", "Traceback", ".py"):
        assert text not in response.text
    assert any("RuntimeError" in line for line in lines)
    assert not any("canary-in-a-variable" in line for line in lines)


async def test_head__of_an_unhandled_exception(client: httpx.AsyncClient) -> None:
    """HEAD fails as GET does."""
    response = await client.head("/boom")
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == ORIGIN


async def test_configuration_error__tells_nothing(client: httpx.AsyncClient) -> None:
    """What a setting's error says is for the operator alone."""
    response = await client.get("/misconfigured")
    _check_problem(response, "misconfigured")
    assert "canary" not in response.text
    assert "SECRET_NAME" not in response.text


async def test_refusals__are_problems(client: httpx.AsyncClient) -> None:
    """Refusals of every layer are problems with all headers, none but the last for too much."""
    answers = [
        (await client.get("/none"), "not-found"),
        (await client.get("/problems/none"), "not-found"),
        (await client.get("/problems/not-found/"), "not-found"),
        (await client.post("/problems/not-found"), "method-not-allowed"),
        (await client.get("/problems/not-found?x=1"), "invalid-request"),
        (await client.request("GET", "/healthz", content=b"x"), "content-too-large"),
        (await client.get("/none", headers={"host": "evil.example"}), "unknown-host"),
        (await client.get("/docs/assets/none.js"), "not-found"),
        (await client.get("/docs/assets/none.css"), "not-found"),
        (await client.get("/none"), "too-many-requests"),
    ]
    for response, slug in answers[:-1]:
        problem = _check_problem(response, slug)
        assert problem.retry_after is None
    limited, slug = answers[-1]
    problem = _check_problem(limited, slug)
    assert problem.retry_after == int(limited.headers["retry-after"]) > 0
    assert "Retry-After" in limited.headers["access-control-expose-headers"]


def test_detail__of_upstream() -> None:
    """An upstream is named, with our words for what it did."""
    response = error_response(UpstreamFailedError("aqs", "failed with status 503"), OWN_PATH)
    problem = Problem.model_validate_json(bytes(response.body))
    assert (problem.upstream, problem.detail) == ("aqs", "aqs failed with status 503.")


def test_retry_after__is_rounded_up() -> None:
    """Who waits as long as told has waited long enough."""
    response = error_response(UpstreamThrottledError("aqs", 1.2), OWN_PATH)
    assert response.headers["retry-after"] == "2"
    assert Problem.model_validate_json(bytes(response.body)).retry_after == 2


def test_detail__of_archive() -> None:
    """What a store says of itself is not told."""
    response = error_response(
        ArchiveUnavailableError("s3://canary-bucket does not answer"), OWN_PATH
    )
    assert b"canary" not in bytes(response.body)


def test_errors__name_the_part() -> None:
    """A part of the request is named by its place, a caller's own name without tricks."""
    error = InvalidParameterError(FieldError(("query", "a\u202eb\x9f\n"), "is wrong"))
    response = error_response(error, OWN_PATH)
    problem = Problem.model_validate_json(bytes(response.body))
    assert problem.errors is not None
    assert problem.errors[0].loc == ["query", r"a\u202eb\x9f\n"]
    assert problem.detail == r"a\u202eb\x9f\n: is wrong"
