"""The demo: one command, and real numbers, an archive and a page are there."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from pageviews_api.cli.demo import demo_settings
from pageviews_api.config import Settings

ARCHIVE = "var/demo/archives/2017-01-01.json"

OF_AN_OPERATOR = {
    "ADMIN_TOKEN": "an-operators-own-token",
    "ARCHIVE_ARTICLES_FILE": "s3://a-real-bucket/articles.txt",
    "ARCHIVE_BUCKET": "a-real-bucket",
    "AQS_BASE_URL": "https://wikimedia.org/api/rest_v1",
    "AWS_ACCESS_KEY_ID": "an-operators-key-id",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL_S3": "https://s3.example.org",
    "AWS_SECRET_ACCESS_KEY": "an-operators-key",
    "MATOMO_BASE_URL": "https://matomo.example.org",
    "MATOMO_SITE_ID": "1",
    "MATOMO_TOKEN": "an-operators-token-auth",
    "PLAUSIBLE_API_KEY": "an-operators-api-key",
    "PLAUSIBLE_SITE_ID": "example.org",
    "PORT": "nonsense",
    "REDIS_URL": "redis://redis.example.org",
    "SITES": '[{"name": "more", "provider": "plausible", "token": "t", "site_id": "a.example"}]',
    "SITES_TOKEN": "a-token-of-sixteen-or-more",
}
"""What would lead the demo to somebody else, if it were read."""

PROXY = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
"""A proxy for everything, this machine included, that is not there."""


async def start(*words: str, folder: Path) -> asyncio.subprocess.Process:
    """Start the demo in a folder, with an environment and a ``.env`` it must not care about."""
    (folder / ".env").write_bytes(b"PORT=\xff\n")
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pageviews_api",
        "demo",
        *words,
        cwd=folder,
        env={"PATH": os.environ["PATH"], **OF_AN_OPERATOR, **PROXY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def finish(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Wait for the end; give exit code, stdout and stderr."""
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def test_demo__takes_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an operator's settings, in the environment or ``.env``, not one is the demo's."""
    monkeypatch.chdir(tmp_path)
    plain = demo_settings("http://127.0.0.1:9")
    assert plain.configured_sites == ()
    assert (plain.redis_url, plain.archive_bucket, plain.articles_object) == (None, None, None)
    (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in OF_AN_OPERATOR.items()))
    assert demo_settings("http://127.0.0.1:9") == plain
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), OF_AN_OPERATOR.get(name.upper(), "nonsense"))
    assert demo_settings("http://127.0.0.1:9") == plain
    (tmp_path / ".env").write_bytes(b"PORT=\xff\n")
    assert demo_settings("http://127.0.0.1:9") == plain


async def test_demo_once__twice(tmp_path: Path) -> None:
    """One run shows a real number and makes a complete archive; the next finds it complete."""
    code, out, err = await finish(await start("--once", "--port", "0", folder=tmp_path))
    assert (code, err) == (0, "")
    assert "Sample data: real numbers" in out
    assert re.search(r"2017-01-01  written, complete  archives/2017-01-01\.json  \d+ bytes", out)
    assert "4 ok" in out
    answer = json.loads(out[out.index("\n{") :])
    assert answer["items"][-1] == {"date": "2016-12-31", "views": 1142, "status": "ok"}
    assert "Sample data" in answer["notice"]

    body = (tmp_path / ARCHIVE).read_bytes()
    document = json.loads(body)
    assert (document["date"], document["complete"]) == ("2017-01-01", True)
    assert [len(item["points"]) for item in document["items"]] == [30] * 4
    assert sum(point["views"] for point in document["items"][1]["points"]) > 0

    code, out, err = await finish(await start("--once", "--port", "0", folder=tmp_path))
    assert (code, err) == (0, "")
    assert "2017-01-01  unchanged, complete" in out
    assert (tmp_path / ARCHIVE).read_bytes() == body


async def test_demo__ends_with_ctrl_c(tmp_path: Path) -> None:
    """The demo says what to open, answers there, and Ctrl-C ends it well."""
    process = await start("--port", "0", folder=tmp_path)
    assert process.stdout is not None
    shown = ""
    async with asyncio.timeout(30):
        while not (match := re.search(r"(http://127\.0\.0\.1:\d+)/docs\n", shown)):
            line = (await process.stdout.readline()).decode()
            assert line, shown
            shown += line
    async with httpx.AsyncClient(base_url=match[1], timeout=60) as client:
        for path in re.findall(r"http://127\.0\.0\.1:\d+(/\S+)", shown):
            assert (await client.get(path)).status_code == 200
        assert "**Sample data" in (await client.get("/openapi.json")).json()["info"]["description"]
        top = (await client.get("/api/v1/top/en.wikipedia?date=2015-10-10")).json()
        assert top["items"][0] == {"article": "Main_Page", "views": 18793503, "rank": 1}
        other = await client.get("/api/v1/articles/fr.wikipedia/Paris")
        assert other.json()["type"] == "/problems/article-never-viewed"
        process.send_signal(signal.SIGINT)
        code, out, err = await finish(process)
    assert (code, err) == (0, "")
    assert "The demo has ended." in out


async def test_demo__port_is_taken(tmp_path: Path) -> None:
    """Where another one listens, the demo says so, and how to choose, and ends with 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = await finish(await start("--port", str(port), folder=tmp_path))
    assert (code, out) == (1, "")
    assert "the demo could not start" in err
    assert f"port {port}: Address already in use; --port" in err
    assert "Traceback" not in err
