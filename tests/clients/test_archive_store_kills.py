"""Writers that are killed, and writers that race, in processes of their own."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from pageviews_api.clients.archive_store import ArchiveStore
from tests.support import archive_writer
from tests.support.archive_writer import WriterPlace, body

if TYPE_CHECKING:
    from tests.support.s3_servers import S3Server

FIRST_DAY = date(2026, 1, 1)
WRITERS = 4
MOST_WRITES = 4
"""Writes that a victim tells of before its last moments begin, at most."""

LAST_MOMENTS = 0.05
"""Seconds that it lives on then, at most: about as long as a write takes."""


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> WriterPlace:
    """Make an empty place of the kind that the test names."""
    kind: str = request.param
    if kind == "folder":
        return WriterPlace(folder=str(tmp_path / "archives"))
    server: S3Server = request.getfixturevalue(f"{kind}_server")
    return WriterPlace(
        endpoint_url=server.endpoint_url,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
        bucket=server.bucket,
        prefix=f"{uuid4().hex}/archives/",
    )


@dataclass
class Writer:
    """A process of ``archive_writer``."""

    process: Process

    async def hear(self) -> str:
        """Read the next line that it tells."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, "the writer ended"
        return line.decode().strip()

    async def say(self, line: str) -> None:
        """Write a line to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()


@asynccontextmanager
async def writer(*arguments: str) -> AsyncIterator[Writer]:
    """Run a writer; it ends when its stdin does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, archive_writer.__file__, *arguments), stdin=PIPE, stdout=PIPE
    )
    try:
        yield Writer(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(60):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@dataclass
class Progress:
    """What killed writers told that they had done: the last edition of each day."""

    editions: dict[date, int] = field(default_factory=dict)

    def note(self, line: str) -> None:
        """Take in a line such as ``2 2026-01-05``."""
        edition, _, day = line.partition(" ")
        if edition.isdigit():
            self.editions[date.fromisoformat(day)] = int(edition)

    @property
    def next_day(self) -> date:
        """The first day that is not done."""
        done = [day for day, edition in self.editions.items() if edition == 2]
        return max(done) + timedelta(days=1) if done else FIRST_DAY


async def live_and_die(parent: Writer, progress: Progress, writes: int, seconds: float) -> None:
    """Let one victim make so many writes, and go on for so long, and kill it."""
    await parent.say(progress.next_day.isoformat())
    victim = int((await parent.hear()).removeprefix("ready "))
    for _ in range(writes):
        progress.note(await parent.hear())
    try:
        async with asyncio.timeout(seconds):
            while True:
                progress.note(await parent.hear())
    except TimeoutError:
        os.kill(victim, signal.SIGKILL)
    while (line := await parent.hear()) != "dead":
        progress.note(line)


async def assert_whole(store: ArchiveStore, days: list[date], progress: Progress) -> None:
    """Each day holds a whole edition, and none older than what was told to be done."""
    for day in days:
        stored = await store.read(day)
        assert stored is not None
        possible = [body(day, n) for n in range(progress.editions.get(day, 1), 3)]
        assert stored.body in possible, f"{day}: {len(stored.body)} bytes"


@pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)
@pytest.mark.parametrize(
    "kills", [10, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
async def test_write__killed_at_any_moment(place: WriterPlace, kills: int) -> None:
    """Row F8: after each kill -9 every day is whole or absent, and the next writer goes on."""
    chance = random.Random(20261122)  # noqa: S311 - which moment is no secret
    progress = Progress()
    async with writer("victims", place.as_json()) as parent, place.store() as store:
        for _ in range(kills):
            since = progress.next_day
            writes, last = chance.randint(0, MOST_WRITES), chance.uniform(0, LAST_MOMENTS)
            await live_and_die(parent, progress, writes, last)
            stored = await store.days()
            assert set(stored) >= set(progress.editions)
            await assert_whole(store, [day for day in stored if day >= since], progress)
        await assert_whole(store, await store.days(), progress)
    assert len(progress.editions) >= kills // 5, "the victims hardly wrote"


@asynccontextmanager
async def racers(place: WriterPlace) -> AsyncIterator[list[Writer]]:
    """Run the racing writers, ready to start."""
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(writer("race", place.as_json(), f"writer-{n}"))
            for n in range(WRITERS)
        ]
        for each in started:
            assert await each.hear() == "ready"
        yield started


async def race(writers: list[Writer], day: date, texts: list[str]) -> list[str]:
    """Let all archive the same day at once, each its own text, and tell their outcomes."""
    for each, text in zip(writers, texts, strict=True):
        await each.say(f"{day} {text}")
    return [await each.hear() for each in writers]


days_of_a_race = pytest.mark.parametrize(
    "count", [10, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)


@pytest.mark.parametrize("place", ["folder", "seaweedfs"], indirect=True)
@days_of_a_race
async def test_create__processes_race(place: WriterPlace, count: int) -> None:
    """Row F5: of four processes exactly one writes each day, and what is stored is its own."""
    texts = [f"writer-{n} " for n in range(WRITERS)]
    async with racers(place) as writers, place.store() as store:
        for day in (FIRST_DAY + timedelta(days=n) for n in range(count)):
            outcomes = await race(writers, day, texts)
            assert sorted(outcomes) == ["exists"] * (WRITERS - 1) + ["wrote"]
            stored = await store.read(day)
            assert stored is not None
            assert stored.body == texts[outcomes.index("wrote")].strip().encode() * 5000
        assert len(await store.days()) == count


@pytest.mark.parametrize("place", ["rclone"], indirect=True)
@days_of_a_race
async def test_create__processes_race_without_conditions(place: WriterPlace, count: int) -> None:
    """Row F5: where conditions are ignored, writers of the same facts leave one valid archive."""
    async with racers(place) as writers, place.store() as store:
        for day in (FIRST_DAY + timedelta(days=n) for n in range(count)):
            outcomes = await race(writers, day, [f"facts-of-{day}"] * WRITERS)
            assert "wrote" in outcomes
            stored = await store.read(day)
            assert stored is not None
            assert stored.body == f"facts-of-{day}".encode() * 5000
        assert len(await store.days()) == count
