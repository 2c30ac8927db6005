"""The command line: what it prints, how it ends, and how the server starts and stops."""

import asyncio
import json
import random
import signal
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from pageviews_api import __version__
from pageviews_api.cli import app
from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.support import aqs_faults
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs
from tests.support.processes import DEAD, environment, run, serving
from tests.support.serving import serve


async def test_serve__answers_on_its_port() -> None:
    """The server binds HOST and PORT, is alive though AQS is not (row G3), and ends well."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with serving(environment(DEAD, PORT=str(port))) as server:
        assert server.url == f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=server.url) as client:
            health = await client.get("/healthz")
            article = await client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
            again = await client.get("/healthz")
        assert health.status_code == again.status_code == 200
        assert health.json()["version"] == __version__
        assert "server" not in health.headers
        assert article.json()["type"] == "/problems/upstream-unreachable"
        assert await server.stop() in {0, -signal.SIGTERM}
    events = [json.loads(line) for line in server.log]
    assert events[0]["message"] == "service starts"
    assert {"uvicorn.error", "pageviews_api.middleware.logs"} <= {
        event["logger"] for event in events
    }


async def test_serve__port_is_taken() -> None:
    """Where another one listens, the server says so and ends with 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = await run("serve", env=environment(DEAD, PORT=str(port)))
    assert code == 1
    assert "address already in use" in err
    assert str(port) in err
    assert "Traceback" not in err


async def test_serve__archive_folder_is_none(tmp_path: Path) -> None:
    """A folder that cannot be used ends the start, with the setting's name (row D7)."""
    (tmp_path / "file").write_text("no folder")
    unusable = environment(DEAD, ARCHIVE_ENABLED="true", ARCHIVE_DIR=str(tmp_path / "file"))
    code, _, err = await run("serve", env=unusable)
    assert code == 1
    assert "ARCHIVE_DIR" in err


async def _is_refused(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            await client.get(f"{url}/healthz")
        except httpx.TransportError:
            return True
    return False


async def test_serve__sigterm_with_a_request_in_flight(aqs: FakeAqs, aqs_url: str) -> None:
    """Who was waiting when SIGTERM came gets the whole answer; who comes later is refused (G1)."""
    aqs.behave(aqs_faults.slow())
    async with serving(environment(aqs_url)) as server, httpx.AsyncClient(timeout=60) as client:
        asking = asyncio.create_task(
            client.get(f"{server.url}/api/v1/articles/fr.wikipedia/Strasbourg")
        )
        async with asyncio.timeout(60):
            await aqs.until_in_flight(2)
            server.process.send_signal(signal.SIGTERM)
            while not await _is_refused(server.url):
                pass
            aqs.recover()
            response = await asking
            code = await server.process.wait()
    assert response.status_code == 200
    assert len(response.json()["items"]) == 30
    assert code in {0, -signal.SIGTERM}


async def test_serve__collector_looks_at_what_is_new_only() -> None:
    """What is there after the start is no work of the garbage collector's any more."""
    program = (
        "import gc; from pageviews_api.main import app_from_environment as start;"
        "app = start(); print(gc.get_freeze_count() > 10 * len(gc.get_objects()))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment(DEAD, LOG_LEVEL="error"), stdout=-1
    )
    out, _ = await process.communicate()
    assert out == b"True\n"


async def _terminated_under_load(aqs_url: str, after: int) -> int:
    """Stop a server after so many answers, while four clients ask; give the complete answers.

    Raises
    ------
    httpx.TransportError
        An answer that had begun was cut off.
    """
    complete = 0
    enough = asyncio.Event()

    async def ask(url: str, number: int) -> None:
        nonlocal complete
        paths = ("fr.wikipedia/Strasbourg?range=all-time", f"fr.wikipedia/Cold_{number}")
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            for turn in range(10_000):
                path = f"/api/v1/articles/{paths[turn % 7 == 6]}"
                try:
                    response = await client.send(client.build_request("GET", path), stream=True)
                except httpx.TransportError:
                    return  # no answer was begun
                assert response.status_code in {200, 404}
                json.loads(await response.aread())
                complete += 1
                if complete >= after:
                    enough.set()

    async with serving(environment(aqs_url)) as server, asyncio.TaskGroup() as clients:
        for number in range(4):
            clients.create_task(ask(server.url, number))
        async with asyncio.timeout(60):
            await enough.wait()
        assert await server.stop() in {0, -signal.SIGTERM}
    assert not any("Traceback" in line or '"error_stack"' in line for line in server.log)
    return complete


async def _terminated_at_random(aqs_url: str, times: int, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311  # when to stop is no secret
    answers = [moments.randint(1, 40) for _ in range(times)]
    complete = await asyncio.gather(*(_terminated_under_load(aqs_url, n) for n in answers))
    assert all(got >= wanted for got, wanted in zip(complete, answers, strict=True))


async def test_serve__sigterm_under_load(aqs: FakeAqs, aqs_url: str) -> None:
    """Stopped at any moment, the server ends within 10 s and cuts off no answer (row G1)."""
    aqs.delay = 0.02
    await _terminated_at_random(aqs_url, times=5, seed=2026)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_serve__sigterm_under_load_100_times(aqs: FakeAqs, aqs_url: str) -> None:
    """So it does a hundred times out of a hundred (row G1)."""
    aqs.delay = 0.02
    for seed in range(20):
        await _terminated_at_random(aqs_url, times=5, seed=seed)


def _set_views_until_yesterday(aqs: FakeAqs) -> str:
    """Give the fake 60 days by the machine's own clock, as a command lives by it."""
    aqs.loaded_through = None
    today = datetime.now(UTC).date()
    views = {today - timedelta(days=back): 100 + back for back in range(1, 61)}
    for project, article in (("en.wikipedia", "Main_Page"), ("fr.wikipedia", "Strasbourg")):
        aqs.set_views(project, article, "all-access", "user", views)
    return today.isoformat()


async def test_archive_run__twice(aqs: FakeAqs, aqs_url: str, tmp_path: Path) -> None:
    """The archive is made, complete and proven; the second run asks nobody (rows F4, F25)."""
    today = _set_views_until_yesterday(aqs)
    env = environment(aqs_url, ARCHIVE_DIR=str(tmp_path / "a"), ARCHIVE_ENABLED="true")
    code, out, err = await run("archive", "run", "--date", today, env=env)
    assert (code, out[:29]) == (0, f"{today}  written, complete"), err
    document = json.loads((tmp_path / "a" / f"{today}.json").read_text("utf-8"))
    assert document["complete"] is True
    asked = aqs.count()
    code, out, _ = await run("archive", "run", env=env)
    assert (code, out) == (0, "every archive is complete already\n")
    assert aqs.count() == asked


async def test_archive_run__aqs_is_down(tmp_path: Path) -> None:
    """Without AQS the run ends with 1 and a reason, and writes nothing."""
    env = environment(DEAD, ARCHIVE_DIR=str(tmp_path / "a"))
    code, out, err = await run("archive", "run", env=env)
    assert code == 1
    assert "aqs" in out + err
    assert "Traceback" not in out + err
    assert not list((tmp_path / "a").glob("*.json"))


@pytest.fixture
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what every command needs, for those that run in this process."""
    for name, value in environment(DEAD, LOG_LEVEL="error").items():
        if name != "PATH":
            monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize(
    "words",
    [
        ["archive", "run", "--date", "2999-01-01"],
        ["archive", "run", "--date", "2015-07-01"],
        ["archive", "run", "--date", "yesterday"],
        ["archive", "run", "--date", "../2026-11-22"],
        ["archive", "run", "--date", "2026-1-1"],
        ["archive", "run", "--date", "2026-02-30"],
        ["get", "evil.com", "X"],
        ["get", "all-projects", "X"],
        ["get", "en.wikipedia", ".."],
        ["get", "en.wikipedia", "X", "--range", "latest-0"],
        ["get", "en.wikipedia"],
        ["serve", "--no-such"],
        ["no-such"],
        ["demo", "--port", "x"],
    ],
    ids=" ".join,
)
def test_usage__is_2(words: list[str], tmp_path: Path) -> None:
    """A call without a meaning ends with 2 and says why on stderr; nothing is written."""
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr
    assert not list(tmp_path.iterdir())


async def test_get__prints_json(aqs: FakeAqs, aqs_url: str) -> None:
    """The article's answer is printed as the API gives it, and nothing else."""
    _set_views_until_yesterday(aqs)
    code, out, _ = await run(
        "get", "fr.wikipedia.org", "Strasbourg", "--range", "latest-2", env=environment(aqs_url)
    )
    assert code == 0
    answer = json.loads(out)
    assert (answer["project"], answer["article"]) == ("fr.wikipedia", "Strasbourg")
    assert [item["views"] for item in answer["items"]] == [102, 101]


async def test_get__aqs_is_down() -> None:
    """Without AQS the command ends with 1 and says so, in one line of words."""
    code, out, err = await run("get", "fr.wikipedia", "X", env=environment(DEAD))
    assert (code, out) == (1, "")
    assert "pageviews-api: aqs: could not be reached" in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("_settings")
def test_check_config__shows_what_holds() -> None:
    """The settings are shown as they are understood, as JSON."""
    result = CliRunner().invoke(app, ["check-config"])
    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    assert shown.keys() == Settings.model_fields.keys()
    assert (shown["aqs_base_url"], shown["rate_limit"]) == (DEAD, 1_000_000)


def test_check_config__bad_setting() -> None:
    """A setting that has no meaning is named, with exit code 2."""
    result = CliRunner().invoke(app, ["check-config"])
    assert result.exit_code == 2
    assert "AQS_CONTACT" in result.stderr


def test_openapi__prints_the_document() -> None:
    """The document is printed without any setting."""
    result = CliRunner().invoke(app, ["openapi"])
    assert result.exit_code == 0
    document = create_app(Settings.model_construct(), clock=FakeClock()).openapi()
    assert json.loads(result.stdout) == document


def test_help__of_every_command() -> None:
    """Help fits one screen and names the commands; the version is the package's."""
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert len(shown.stdout.splitlines()) <= 40
    for name in ("serve", "demo", "archive", "get", "check-config", "check-sites", "openapi"):
        assert name in shown.stdout
        assert CliRunner().invoke(app, [name, "--help"]).exit_code == 0
    assert CliRunner().invoke(app, ["--version"]).stdout == f"{__version__}\n"


async def test_archive_run__store_cannot_be_written() -> None:
    """A run whose archive could not be stored has failed, however complete it is."""
    aqs = FakeAqs()
    today = datetime.now(UTC).date()
    views = {today - timedelta(days=back): 5 for back in range(1, 60)}
    for project, title in (("en.wikipedia", "Main_Page"), ("fr.wikipedia", "Strasbourg")):
        aqs.set_views(project, title, "all-access", "user", views)
    async with serve(aqs) as url:
        env = environment(url, ARCHIVE_DIR="/proc/nothing/here")
        code, out, _ = await run("archive", "run", "--date", str(today), env=env)
    assert code == 1
    assert "failed" in out
