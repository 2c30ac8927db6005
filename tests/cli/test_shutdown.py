"""SIGTERM while the archive is being made (row F9): the process ends in time, nothing is half."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from pageviews_api.schemas.query import Access, Agent
from tests.support.aqs_faults import slow
from tests.support.fake_aqs import FakeAqs
from tests.support.fault_proxy import FaultProxy
from tests.support.processes import environment, serving
from tests.support.s3_servers import S3Server
from tests.support.serving import serve

AT_MOST = 20.0
"""Seconds from SIGTERM to the end; it takes 5, and Render kills after 30."""


@pytest.fixture
async def todays_aqs() -> AsyncIterator[tuple[FakeAqs, str]]:
    """Serve an AQS whose newest day is really yesterday: a process has no clock of ours."""
    fake = FakeAqs()
    today = datetime.now(UTC).date()
    views = {today - timedelta(days=back): 1000 + back for back in range(1, 100)}
    fake.set_views("en.wikipedia", "Main_Page", Access.ALL_ACCESS, Agent.USER, views)
    for number in range(20):
        fake.set_views("fr.wikipedia", f"A{number}", Access.ALL_ACCESS, Agent.USER, views)
    async with serve(fake) as url:
        yield fake, url


def archiving(aqs_url: str, folder: Path, **settings: str) -> dict[str, str]:
    """Give the environment of a service that begins to archive as soon as it is up."""
    articles = "|".join(f"fr.wikipedia/A{number}" for number in range(20))
    return environment(
        aqs_url,
        ARCHIVE_ENABLED="true",
        ARCHIVE_SCHEDULE="0 0 * * *",
        ARCHIVE_ARTICLES=articles,
        ARCHIVE_DIR=str(folder),
        **settings,
    )


async def stop_after(delay: float, env: dict[str, str]) -> float:
    """Start a service, stop it so many seconds later; give how long it took to end."""
    async with serving(env) as server:
        await asyncio.sleep(delay)
        begun = monotonic()
        await server.stop()
        return monotonic() - begun


@pytest.mark.parametrize(
    "runs", [pytest.param(5, id="5"), pytest.param(50, id="50", marks=pytest.mark.long)]
)
@pytest.mark.timeout(600)
async def test_sigterm__while_archiving(
    runs: int, todays_aqs: tuple[FakeAqs, str], tmp_path: Path
) -> None:
    """Stopped at any moment, the service ends in time, and an archive is whole or not there."""
    _, aqs_url = todays_aqs
    moments = random.Random(9)  # noqa: S311  # a seed, so that a failure can be repeated
    for number in range(runs):
        folder = tmp_path / str(number)
        took = await stop_after(moments.uniform(0, 0.4), archiving(aqs_url, folder))

        assert took < AT_MOST
        for archive in folder.glob("????-??-??.json"):
            assert len(json.loads(archive.read_bytes())["items"]) == 20


async def test_sigterm__while_fetching_slowly(
    todays_aqs: tuple[FakeAqs, str], tmp_path: Path
) -> None:
    """A fetch that does not end does not hold up the end, and nothing more is asked."""
    aqs, aqs_url = todays_aqs

    def is_slow(path: str) -> bool:
        return "/A0/" in path or "/A1/" in path

    aqs.behave(slow(), when=is_slow)
    async with serving(archiving(aqs_url, tmp_path / "archives")) as server:
        async with asyncio.timeout(60):
            while aqs.count(when=is_slow) < 2:  # noqa: ASYNC110  # it tells no event
                await asyncio.sleep(0.02)
        asked = aqs.count()
        begun = monotonic()
        await server.stop()
        took = monotonic() - begun
    aqs.release.set()

    assert took < AT_MOST
    assert aqs.count() == asked
    assert not list((tmp_path / "archives").glob("*.json"))


async def test_sigterm__while_the_store_is_mute(
    todays_aqs: tuple[FakeAqs, str],
    seaweedfs_server: S3Server,
    seaweedfs_proxy: FaultProxy,
    tmp_path: Path,
) -> None:
    """A store that takes the archive and never answers does not hold up the end (row F11)."""
    _, aqs_url = todays_aqs
    store = seaweedfs_server.at(seaweedfs_proxy.url)
    seaweedfs_proxy.set("mute", trigger=b"PUT /" + store.bucket.encode() + b"/mute/2")
    env = archiving(
        aqs_url,
        tmp_path,
        ARCHIVE_BUCKET=store.bucket,
        ARCHIVE_PREFIX="mute/",
        AWS_ENDPOINT_URL_S3=store.endpoint_url,
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID=store.access_key_id,
        AWS_SECRET_ACCESS_KEY=store.secret_access_key,
    )
    async with serving(env) as server:
        before = seaweedfs_proxy.bytes_sent
        async with asyncio.timeout(60):
            while seaweedfs_proxy.bytes_sent < before + 20_000:  # noqa: ASYNC110  # it tells no event
                await asyncio.sleep(0.02)
        begun = monotonic()
        await server.stop()
        took = monotonic() - begun

    assert took < AT_MOST
    assert any(re.search("archive store usable", line) for line in server.log)
