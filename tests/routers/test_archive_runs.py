"""Runs of the archive by HTTP: for the operator alone, and each changes nothing twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
from loguru import logger
from pydantic import SecretStr

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.conftest import Service
from tests.support.aqs_faults import failing, slow
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs
from tests.support.processes import PATIENT, environment, serving
from tests.support.redis_server import RedisServer

TOKEN = "canary-0123456789"

AUTHORISED = {"authorization": f"Bearer {TOKEN}"}

TODAY = "2026-11-22"


def path(day: str = TODAY) -> str:
    """Name the URL of a day's run."""
    return f"/api/v1/archives/{day}/run"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Give settings with an operator."""
    return settings.model_copy(
        update={"admin_token": SecretStr(TOKEN), "allowed_origins": ("https://ok.example",)}
    )


@pytest.fixture
def log() -> list[str]:
    """Give all that is logged, each record with all that is known of it."""
    lines: list[str] = []
    logger.add(lambda message: lines.append(repr(message.record)), level=0, format="")
    return lines


async def get(client: httpx.AsyncClient, day: str = TODAY) -> dict[str, Any]:
    """Ask how far a run is."""
    response = await client.get(path(day), headers=AUTHORISED)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def ended(client: httpx.AsyncClient, day: str = TODAY) -> dict[str, Any]:
    """Ask until a run has ended, as an operator does."""

    async def has_ended() -> bool:
        return (await get(client, day))["finished_at"] is not None

    await until(has_ended)
    return await get(client, day)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110  # it happens elsewhere
            await asyncio.sleep(0.02)


async def test_post__and_look(service: Service) -> None:
    """A run is accepted, its URL tells how far it is, and in the end what is stored."""
    response = await service.client.post(path(), headers=AUTHORISED)
    assert response.status_code == 202
    assert response.headers["location"] == path()
    assert response.headers["cache-control"] == "no-store"
    asked = response.json()
    assert (asked["date"], asked["state"], asked["finished_at"]) == (TODAY, "queued", None)

    run = await ended(service.client)

    assert run["run_id"] == asked["run_id"]
    assert (run["state"], run["outcome"], run["complete"]) == ("finished", "written", True)
    assert (run["series_to_ask"], run["series_asked"], run["reason"]) == (1, 1, None)
    stored = (service.resources.settings.archive_dir / f"{TODAY}.json").read_bytes()
    assert run["bytes"] == len(stored)
    assert json.loads(stored)["complete"] is True


async def test_post__twice(service: Service) -> None:
    """A second run of a complete archive asks Wikimedia nothing and writes nothing."""
    await service.client.post(path(), headers=AUTHORISED)
    first = await ended(service.client)
    service.aqs.forget()

    response = await service.client.post(path(), headers=AUTHORISED)
    second = await ended(service.client)

    assert response.status_code == 202
    assert service.aqs.count() == 0
    assert (second["outcome"], second["sha256"]) == ("unchanged", first["sha256"])
    assert len(list(service.resources.settings.archive_dir.glob("*.json"))) == 1


async def test_post__while_it_runs(service: Service) -> None:
    """A second request while it runs is told of the same run."""
    service.aqs.behave(slow(), when=lambda asked: "/Strasbourg/" in asked)
    first = (await service.client.post(path(), headers=AUTHORISED)).json()

    async def is_asked() -> bool:
        told: int = (await get(service.client))["series_to_ask"] or 0
        return told == 1

    await until(is_asked)
    second = await service.client.post(path(), headers=AUTHORISED)
    assert (second.status_code, second.json()["run_id"]) == (202, first["run_id"])
    assert (second.json()["state"], second.json()["series_asked"]) == ("running", 0)
    service.aqs.recover()
    assert (await ended(service.client))["complete"] is True
    assert service.series_fetches("Strasbourg") == 1


async def test_get__after_a_restart(service: Service, settings: Settings) -> None:
    """Of a day that another process archived before, what is stored is told."""
    await service.client.post(path(), headers=AUTHORISED)
    before = await ended(service.client)
    app = create_app(settings, clock=FakeClock())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        told = await get(client)
    assert told["state"] == "finished"
    same = ("complete", "key", "sha256", "bytes")
    assert [told[name] for name in same] == [before[name] for name in same]
    assert (told["run_id"], told["outcome"], told["finished_at"]) == (None, None, None)


async def test_get__never_run(service: Service) -> None:
    """Of a day without a run or an archive there is nothing, and nobody keeps that."""
    response = await service.client.get(path(), headers=AUTHORISED)
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not-archived"
    assert response.headers["cache-control"] == "no-store"
    assert service.aqs.count() == 0


async def test_get__store_is_unusable(service: Service) -> None:
    """Where the store cannot be read, the answer is a 503."""
    service.resources.settings.archive_dir.write_text("no folder")
    response = await service.client.get(path(), headers=AUTHORISED)
    assert (response.status_code, response.json()["type"]) == (503, "/problems/archive-unavailable")


async def test_head__as_get(service: Service) -> None:
    """HEAD answers as GET does, without the body, and starts nothing."""
    await service.client.post(path(), headers=AUTHORISED)
    await ended(service.client)
    head = await service.client.head(path(), headers=AUTHORISED)
    whole = await service.client.get(path(), headers=AUTHORISED)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert (await service.client.head(path())).status_code == 401


async def test_get__failed(service: Service) -> None:
    """The operator is told why a run failed."""
    service.aqs.behave(failing(400))
    await service.client.post(path(), headers=AUTHORISED)
    run = await ended(service.client)
    assert (run["state"], run["outcome"]) == ("failed", "failed")
    assert run["reason"] == "no day is known: rejected our request with status 400"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN} x",
        f"Bearer {TOKEN.upper()}",
        f"Bearer{TOKEN}",
        f"Bearer,{TOKEN}",
        f'Bearer "{TOKEN}"',
        f"Basic {TOKEN}",
        f"Token {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        f"Bearer {TOKEN[:-1]}\xe9",
        "Bearer " + "x" * 8000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_refused__not_the_operator(
    service: Service, log: list[str], method: str, header: str | None
) -> None:
    """Without the one right token the answer is a 401 that does not say what was wrong."""
    headers = [] if header is None else [(b"authorization", header.encode("latin-1"))]
    response = await service.client.request(method, path(), headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["cache-control"] == "no-store"
    if method != "HEAD":
        assert response.json()["type"] == "/problems/not-authorised"
        assert response.json()["detail"] == "This needs the operator's token."
    assert "not the operator" in log[-2]
    assert "127.0.0.1" in log[-2]
    assert TOKEN not in response.text + "".join(log)
    assert service.aqs.count() == 0
    assert not service.resources.settings.archive_dir.exists()


async def test_refused__two_headers(service: Service) -> None:
    """A header that is there twice is none, even if both are right."""
    headers = [("Authorization", f"Bearer {TOKEN}")] * 2
    response = await service.client.post(path(), headers=headers)
    assert response.status_code == 401


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
async def test_authorised__scheme(service: Service, scheme: str) -> None:
    """The scheme's case does not count, nor a second space (RFC 9110 §11.1, RFC 6750 §2.1)."""
    response = await service.client.post(path(), headers={"authorization": f"{scheme} {TOKEN}"})
    assert response.status_code == 202
    await ended(service.client)


@pytest.mark.parametrize("header", [None, AUTHORISED["authorization"], "Bearer undefined"])
async def test_refused__nobody_is_the_operator(
    service: Service, settings: Settings, aqs: FakeAqs, header: str | None
) -> None:
    """Without ADMIN_TOKEN every request is a 403, whatever it carries."""
    app = create_app(settings.model_copy(update={"admin_token": None}), clock=service.clock)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://testserver"
        ) as client,
    ):
        headers = {} if header is None else {"authorization": header}
        for method in ("GET", "POST"):
            response = await client.request(method, path("nonsense"), headers=headers)
            assert response.status_code == 403
            assert response.json()["type"] == "/problems/admin-disabled"
    assert aqs.count() == 0


@pytest.mark.parametrize(
    "day",
    [
        "2026-11-23",
        "2999-01-01",
        "2015-07-01",
        "2015-06-30",
        "0001-01-01",
        "20261122",
        "2026112200",
        "2026-1-1",
        "2026-02-30",
        "2026-11-22T00:00:00",
        " 2026-11-22",
        "2026-11-22\n",
        "２０２６-11-22",  # noqa: RUF001  # digits of another script
        "today",
        "latest",
        "1795305600",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_refused__day(service: Service, method: str, day: str) -> None:
    """A day that is none, or can have no archive, is a 422 that names it, to the operator only."""
    url = path(day.replace("\n", "%0A"))
    assert (await service.client.request(method, url)).status_code == 401
    response = await service.client.request(method, url, headers=AUTHORISED)
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["errors"]] == [["path", "date"]]
    assert service.aqs.count() == 0


async def test_refused__first_and_last_day(service: Service) -> None:
    """The first day that an archive can have is 2015-07-02, and the last is today."""
    for day in ("2015-07-02", TODAY):
        response = await service.client.post(path(day), headers=AUTHORISED)
        assert response.status_code == 202
        await ended(service.client, day)


async def test_refused__parameters_and_bodies(service: Service) -> None:
    """A parameter or a body is refused; a body of no bytes is none."""
    for query in ("?force=1", "?date=2026-11-01", "?force=1&force=1"):
        for method in ("GET", "POST"):
            response = await service.client.request(method, path() + query, headers=AUTHORISED)
            assert response.status_code == 422
            assert response.json()["errors"][0]["loc"][0] == "query"
            assert (await service.client.request(method, path() + query)).status_code == 401
    response = await service.client.post(path(), headers=AUTHORISED, content=b"{}")
    assert response.status_code == 413
    response = await service.client.post(path(), headers=AUTHORISED | {"content-length": "0"})
    assert response.status_code == 202
    await ended(service.client)


async def test_refused__too_many(service: Service) -> None:
    """A run beyond the thirty that wait is a 429 with the seconds to wait."""
    service.aqs.behave(slow(), when=lambda asked: "/Strasbourg/" in asked)
    for back in range(30):
        day = str(service.clock.now().date() - timedelta(days=back))
        assert (await service.client.post(path(day), headers=AUTHORISED)).status_code == 202
    response = await service.client.post(path("2020-01-01"), headers=AUTHORISED)
    assert (response.status_code, response.json()["type"]) == (429, "/problems/too-many-runs")
    assert response.headers["retry-after"] == "60"


async def test_refused__methods(service: Service) -> None:
    """Other methods are refused, with a list of those that there are."""
    for method in ("PUT", "DELETE", "PATCH"):
        response = await service.client.request(method, path(), headers=AUTHORISED)
        assert response.status_code == 405
        assert TOKEN not in response.text


async def test_browser__has_no_business_here(service: Service) -> None:
    """No page of another origin may send the token, not even one that may read pageviews."""
    asks = {
        "origin": "https://ok.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    assert (await service.client.options(path(), headers=asks)).status_code == 400
    asks["access-control-request-method"] = "GET"
    assert (await service.client.options(path(), headers=asks)).status_code == 400


async def test_log__tells_who_asked(service: Service, log: list[str]) -> None:
    """Each request for a run is a line with who asked and the run's name, and no token."""
    run_ids = []
    for _ in range(2):
        response = await service.client.post(path(), headers=AUTHORISED)
        run_ids.append(response.json()["run_id"])
        await ended(service.client)
    asked = [line for line in log if "archive run asked for" in line]
    assert len(asked) == 2
    for line, run_id in zip(asked, run_ids, strict=True):
        assert "'by': '127.0.0.1'" in line
        assert run_id in line
    assert TOKEN not in "".join(log)


def archiving(aqs: FakeAqs, aqs_url: str, folder: Path, **more: str) -> dict[str, str]:
    """Give the environment of a server with an operator; its clock is the machine's own."""
    aqs.loaded_through = None
    today = datetime.now(UTC).date()
    views = {today - timedelta(days=back): 100 + back for back in range(1, 100)}
    for project, article in (("en.wikipedia", "Main_Page"), ("fr.wikipedia", "Strasbourg")):
        aqs.set_views(project, article, "all-access", "user", views)
    return environment(aqs_url, ADMIN_TOKEN=TOKEN, ARCHIVE_DIR=str(folder), **more)


def today() -> str:
    """Name the day by the machine's own clock."""
    return datetime.now(UTC).date().isoformat()


async def test_processes__one_run(
    aqs: FakeAqs, aqs_url: str, redis: RedisServer, tmp_path: Path
) -> None:
    """With Redis, two processes asked at the same moment fetch once, and both tell of it."""
    env = archiving(aqs, aqs_url, tmp_path / "a", REDIS_URL=redis.url)
    aqs.delay = 0.1
    async with (
        serving(env, words=PATIENT) as one,
        serving(env, words=PATIENT) as other,
        httpx.AsyncClient(base_url=one.url) as first,
        httpx.AsyncClient(base_url=other.url) as second,
    ):
        asked = await asyncio.gather(
            *(client.post(path(today()), headers=AUTHORISED) for client in (first, second) * 3)
        )
        assert {response.status_code for response in asked} == {202}
        runs = [await ended(client, today()) for client in (first, second)]
    assert aqs.count(lambda asked: "/Strasbourg/" in asked) == 1
    assert [run["complete"] for run in runs] == [True, True]
    assert len({run["sha256"] for run in runs}) == 1
    assert TOKEN not in "".join(one.log + other.log)


async def test_sigterm__while_a_run_goes_on(aqs: FakeAqs, aqs_url: str, tmp_path: Path) -> None:
    """SIGTERM ends a run that was asked for within 10 s, and nothing more is asked or written."""
    env = archiving(aqs, aqs_url, tmp_path / "a")
    aqs.behave(slow(), when=lambda asked: "/Strasbourg/" in asked)
    async with serving(env) as server, httpx.AsyncClient(base_url=server.url) as client:
        await client.post(path(today()), headers=AUTHORISED)

        async def is_asked() -> bool:
            return aqs.count(lambda asked: "/Strasbourg/" in asked) == 1

        await until(is_asked)
        assert (await get(client, today()))["series_to_ask"] == 1
        asked, begun = aqs.count(), monotonic()
        await server.stop()
        took = monotonic() - begun
    assert took < 20  # a busy machine may add to the 10
    assert aqs.count() == asked
    assert not list((tmp_path / "a").glob("*.json"))
    assert not any("Traceback" in line or '"error_stack"' in line for line in server.log)
