"""Runs that are asked for: one at a time for a day, told by every process, ended in time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from loguru import logger

from pageviews_api.archive import runs as module
from pageviews_api.archive.archiver import NOT_YET
from pageviews_api.archive.runs import (
    ENDED_POSTED_FOR,
    MAX_OPEN,
    OPEN_POSTED_FOR,
    STOP_WITHIN,
    STOPPED,
    ArchiveRuns,
)
from pageviews_api.config import Settings
from pageviews_api.exceptions import NotArchivedError, TooManyRunsError
from pageviews_api.resources import Resources, open_resources
from pageviews_api.schemas.archive_runs import ArchiveRun, RunOutcome, RunState
from tests.support.aqs_faults import failing, slow
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs

TODAY = date(2026, 11, 22)

BY = "203.0.113.9"


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


@dataclass
class FakeBoard:
    """What all processes share; it tells how long each value was to be kept."""

    kept: dict[str, bytes] = field(default_factory=dict)
    keep_for: list[timedelta] = field(default_factory=list)
    is_lost: bool = False
    hold: asyncio.Event | None = None

    async def get(self, key: str) -> bytes | None:
        """Look up what is kept."""
        await asyncio.sleep(0)
        return None if self.is_lost else self.kept.get(key)

    async def put(self, key: str, value: bytes, *, keep_for: timedelta) -> None:
        """Keep a value, when ``hold`` lets it."""
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
        if not self.is_lost:
            self.kept[key] = value
            self.keep_for.append(keep_for)


@dataclass
class Processes:
    """Processes that share a board, a turn and a store, and each have all else of their own."""

    settings: Settings
    clock: FakeClock
    stack: AsyncExitStack
    board: FakeBoard = field(default_factory=FakeBoard)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0

    @asynccontextmanager
    async def take_turn(self) -> AsyncIterator[None]:
        """Wait until nobody else archives."""
        self.waiting += 1
        async with self.turn:
            self.waiting -= 1
            yield

    async def start(self) -> tuple[ArchiveRuns, Resources]:
        """Start one more."""
        resources = await self.stack.enter_async_context(open_resources(self.settings, self.clock))
        runs = ArchiveRuns(
            resources.archiver,
            resources.archive_index,
            clock=self.clock,
            key=resources.store.key,
            turn=self.take_turn,
            board=self.board,
        )
        self.stack.push_async_callback(runs.aclose)
        return runs, resources


@pytest.fixture
async def processes(settings: Settings, clock: FakeClock) -> AsyncIterator[Processes]:
    """Give room for processes in front of the fake AQS."""
    async with AsyncExitStack() as stack:
        yield Processes(settings, clock, stack)


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    """Give what is logged: messages and fields."""
    found: list[dict[str, Any]] = []
    logger.add(
        lambda message: found.append(
            {"message": message.record["message"], **message.record["extra"]}
        ),
        format="",
    )
    return found


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110  # it tells no event
            await asyncio.sleep(0.01)


async def ended(runs: ArchiveRuns, day: date = TODAY) -> ArchiveRun:
    """Wait until a run has ended."""

    async def has_ended() -> bool:
        return not (await runs.tell(day)).is_open

    await until(has_ended)
    return await runs.tell(day)


async def in_flight(aqs: FakeAqs) -> None:
    """Wait until the article is asked for."""

    async def is_asked() -> bool:
        return aqs.count(lambda path: "/Strasbourg/" in path) > 0

    await until(is_asked)


async def test_ask__first_time(processes: Processes, lines: list[dict[str, Any]]) -> None:
    """The run is told when asked for, and when it has ended; log and store have its name."""
    runs, resources = await processes.start()

    asked = await runs.ask(TODAY, by=BY)
    run = await ended(runs)

    assert (asked.state, asked.series_to_ask, asked.outcome) == (RunState.QUEUED, None, None)
    assert run.state is RunState.FINISHED
    assert (run.outcome, run.complete, run.reason) == (RunOutcome.WRITTEN, True, None)
    assert (run.series_to_ask, run.series_asked) == (1, 1)
    assert run.requested_at == run.started_at == run.finished_at == processes.clock.now()
    stored, notes = await resources.store.read(TODAY), await resources.store.notes(TODAY)
    assert stored is not None
    assert notes is not None
    assert (run.key, run.bytes) == ("archives/2026-11-22.json", len(stored.body))
    assert (run.sha256, run.run_id) == (notes["sha256"], notes["run-id"])
    named = [line["message"] for line in lines if line.get("run_id") == run.run_id]
    assert named[:2] == ["archive run asked for", "archive run started"]
    assert named[-1] == "archive run finished"
    assert [line["by"] for line in lines if line["message"] == "archive run asked for"] == [BY]


async def test_ask__again_when_it_is_complete(processes: Processes, aqs: FakeAqs) -> None:
    """A second run changes nothing: AQS is not asked, and the bytes are the same."""
    runs, resources = await processes.start()
    await runs.ask(TODAY, by=BY)
    first = await ended(runs)
    before = await resources.store.read(TODAY)
    aqs.forget()

    await runs.ask(TODAY, by=BY)
    second = await ended(runs)

    assert aqs.count() == 0
    assert await resources.store.read(TODAY) == before
    assert (second.outcome, second.sha256) == (RunOutcome.UNCHANGED, first.sha256)
    assert second.run_id != first.run_id


async def test_ask__while_it_runs(processes: Processes, aqs: FakeAqs) -> None:
    """Asked for again while it runs, it is the same run, and tells how far it is."""
    runs, _ = await processes.start()
    aqs.behave(slow(), when=lambda path: "/Strasbourg/" in path)
    first = await runs.ask(TODAY, by=BY)
    await in_flight(aqs)

    second = await runs.ask(TODAY, by=BY)

    assert (second.run_id, second.state) == (first.run_id, RunState.RUNNING)
    assert (second.series_to_ask, second.series_asked) == (1, 0)
    assert second.finished_at is None
    aqs.recover()
    assert (await ended(runs)).run_id == first.run_id
    assert aqs.count(lambda path: "/Strasbourg/" in path) == 1


async def test_ask__twice_at_once(processes: Processes, aqs: FakeAqs) -> None:
    """Asked for ten times at the same moment, there is one run."""
    runs, _ = await processes.start()
    asked = await asyncio.gather(*(runs.ask(TODAY, by=BY) for _ in range(10)))
    assert len({run.run_id for run in asked}) == 1
    assert (await ended(runs)).complete is True
    assert aqs.count(lambda path: "/Strasbourg/" in path) == 1


async def test_ask__while_the_daily_run_goes_on(processes: Processes, aqs: FakeAqs) -> None:
    """A run that waits for another one is queued, and does not tell that one's progress."""
    runs, resources = await processes.start()
    aqs.behave(slow(), when=lambda path: "/Strasbourg/" in path)
    daily = asyncio.create_task(resources.archiver.run())
    await in_flight(aqs)

    await runs.ask(ago(1), by=BY)
    await asyncio.sleep(0.05)

    run = await runs.tell(ago(1))
    assert (run.state, run.series_to_ask, run.started_at) == (RunState.QUEUED, None, None)
    aqs.recover()
    await daily
    assert (await ended(runs, ago(1))).outcome is RunOutcome.WRITTEN


async def test_ask__aqs_is_down(processes: Processes, aqs: FakeAqs) -> None:
    """A run that fails says why; asked for again, it is tried again."""
    runs, _ = await processes.start()
    aqs.behave(failing(400))  # which is not tried again
    await runs.ask(TODAY, by=BY)
    failed = await ended(runs)
    assert (failed.state, failed.outcome) == (RunState.FAILED, RunOutcome.FAILED)
    assert failed.reason == "no day is known: rejected our request with status 400"
    assert (failed.complete, failed.key) == (None, None)

    aqs.recover()
    processes.clock.advance(3600)
    await runs.ask(TODAY, by=BY)
    assert (await ended(runs)).outcome is RunOutcome.WRITTEN


async def test_ask__store_is_unusable(processes: Processes, settings: Settings) -> None:
    """Where the store cannot be read, the reason names it: only the operator is told."""
    settings.archive_dir.write_text("no folder")
    runs, _ = await processes.start()
    await runs.ask(TODAY, by=BY)
    run = await ended(runs)
    assert run.state is RunState.FAILED
    assert str(settings.archive_dir) in (run.reason or "")


async def test_ask__day_has_not_come(processes: Processes, aqs: FakeAqs) -> None:
    """Where our clock is a day ahead of Wikimedia's, the run fails and nothing is written."""
    runs, resources = await processes.start()
    real = datetime.now(UTC)  # the date that the fake's server gives
    processes.clock.set(real + timedelta(days=2))
    aqs.loaded_through = None
    ahead = processes.clock.now().date()
    resources.pageviews.now = lambda: real  # type: ignore[method-assign]  # served without a date

    await runs.ask(ahead, by=BY)

    run = await ended(runs, ahead)
    assert (run.state, run.reason) == (RunState.FAILED, NOT_YET)
    assert await resources.store.days() == []


async def test_ask__too_many(processes: Processes) -> None:
    """More than thirty that have not ended are refused, with the seconds to wait."""
    runs, _ = await processes.start()
    async with processes.turn:
        for back in range(MAX_OPEN):
            await runs.ask(ago(back), by=BY)
        with pytest.raises(TooManyRunsError) as raised:
            await runs.ask(ago(MAX_OPEN), by=BY)
        assert raised.value.retry_after == 60
        assert (await runs.ask(ago(3), by=BY)).state is RunState.QUEUED
        await runs.aclose()
    with pytest.raises(NotArchivedError):
        await runs.tell(ago(MAX_OPEN))


async def test_tell__only_so_many(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of runs that have ended only the last are remembered; of others, what is stored is told."""
    monkeypatch.setattr(module, "MAX_ENDED", 2)
    processes.board.is_lost = True
    runs, _ = await processes.start()
    for back in range(3):
        await runs.ask(ago(back), by=BY)
        await ended(runs, ago(back))

    told = [await runs.tell(ago(back)) for back in range(3)]

    assert [run.run_id is None for run in told] == [True, False, False]
    assert (told[0].state, told[0].complete) == (RunState.FINISHED, True)
    assert told[0].outcome is None
    assert told[0].key == "archives/2026-11-22.json"


async def test_tell__nothing(processes: Processes) -> None:
    """Of a day without a run and without an archive there is nothing to tell."""
    runs, _ = await processes.start()
    with pytest.raises(NotArchivedError):
        await runs.tell(TODAY)


async def test_tell__by_another_process(processes: Processes, aqs: FakeAqs) -> None:
    """Any process tells of the run while it goes on and when it has ended, and starts no other."""
    one, _ = await processes.start()
    other, _ = await processes.start()
    aqs.behave(slow(), when=lambda path: "/Strasbourg/" in path)
    run_id = (await one.ask(TODAY, by=BY)).run_id

    assert (await other.tell(TODAY)).run_id == run_id
    assert (await other.ask(TODAY, by=BY)).run_id == run_id
    assert set(processes.board.keep_for) == {OPEN_POSTED_FOR}

    aqs.recover()
    mine, theirs = await ended(one), await ended(other)
    assert mine == theirs
    assert (mine.run_id, mine.outcome) == (run_id, RunOutcome.WRITTEN)
    assert processes.board.keep_for[-1] == ENDED_POSTED_FOR
    assert aqs.count(lambda path: "/Strasbourg/" in path) == 1


async def test_tell__by_another_process_while_it_goes_on(
    processes: Processes, aqs: FakeAqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far the run is reaches the other processes meanwhile."""
    monkeypatch.setattr(module, "POSTED_EVERY", 0.01)
    one, _ = await processes.start()
    other, _ = await processes.start()
    aqs.behave(slow(), when=lambda path: "/Strasbourg/" in path)
    await one.ask(TODAY, by=BY)

    async def is_told() -> bool:
        return (await other.tell(TODAY)).series_to_ask == 1

    await until(is_told)
    assert (await other.tell(TODAY)).state is RunState.RUNNING


async def test_ask__two_processes_at_once(processes: Processes, aqs: FakeAqs) -> None:
    """Asked for in two processes at the same moment, everything is asked of AQS once.

    The one whose turn comes later takes over what the other has ended, even if it is incomplete.
    """
    articles = "fr.wikipedia/Strasbourg|fr.wikipedia/Colmar"
    processes.settings = processes.settings.model_copy(update={"archive_articles": articles})
    one, _ = await processes.start()
    other, _ = await processes.start()
    aqs.behave(failing(400), when=lambda path: "/Colmar/" in path)

    await asyncio.gather(one.ask(TODAY, by=BY), other.ask(TODAY, by=BY))

    run = await ended(one)
    assert run == await ended(other)
    assert (run.outcome, run.complete, run.series_asked) == (RunOutcome.WRITTEN, False, 2)
    assert aqs.count(lambda path: "/Colmar/" in path) == 1


async def test_ask__the_other_process_has_died(processes: Processes) -> None:
    """What a dead process had posted runs out; then the run is begun anew."""
    one, _ = await processes.start()
    other, _ = await processes.start()
    async with processes.turn:
        run_id = (await one.ask(TODAY, by=BY)).run_id
        assert (await other.ask(TODAY, by=BY)).run_id == run_id
        processes.board.kept.clear()
        anew = await other.ask(TODAY, by=BY)
        assert anew.run_id != run_id
        await one.aclose()  # what it posts at its end is none of the other's business
    assert (await ended(other)).outcome is RunOutcome.WRITTEN


async def test_tell__by_a_third_process(
    processes: Processes, aqs: FakeAqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two runs that came about at the same moment, the one that goes on is told, not the other.

    The other waits for its turn, and will find what the first has made.
    """
    monkeypatch.setattr(module, "POSTED_EVERY", 0.01)
    one, _ = await processes.start()
    other, _ = await processes.start()
    third, _ = await processes.start()
    aqs.behave(slow(), when=lambda path: "/Strasbourg/" in path)
    run_id = (await one.ask(TODAY, by=BY)).run_id
    await in_flight(aqs)
    processes.board.kept.clear()  # as if the other had looked a moment before
    assert (await other.ask(TODAY, by=BY)).run_id != run_id

    async def is_told() -> bool:
        return (await third.tell(TODAY)).run_id == run_id

    await until(is_told)
    for _ in range(20):
        run = await third.tell(TODAY)
        assert (run.run_id, run.state) == (run_id, RunState.RUNNING)
        await asyncio.sleep(0.01)


async def test_ask__before_the_last_end_is_posted(processes: Processes) -> None:
    """Asked for when the last run has ended, and has not posted so yet, a new one is begun."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    runs, _ = await processes.start()
    first = await runs.ask(TODAY, by=BY)
    processes.board.hold = asyncio.Event()
    assert (await ended(runs)).run_id == first.run_id

    second = await runs.ask(TODAY, by=BY)

    processes.board.hold.set()
    await asyncio.sleep(0.05)
    assert (await runs.tell(TODAY)).run_id == second.run_id != first.run_id
    run = await ended(runs)
    assert (run.run_id, run.outcome) == (second.run_id, RunOutcome.UNCHANGED)
    assert faults == []


async def test_ask__at_the_moment_of_the_last_end(processes: Processes) -> None:
    """The same holds without a board: the last run's task does not end the new run."""
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    runs, _ = await processes.start()
    runs._board = None
    first = await runs.ask(TODAY, by=BY)
    while (await runs.tell(TODAY)).is_open:  # noqa: ASYNC110  # the task is to be there yet
        await asyncio.sleep(0)

    async with processes.turn:
        second = await runs.ask(TODAY, by=BY)
        await asyncio.sleep(0.05)
        run = await runs.tell(TODAY)

    assert (run.run_id, run.state) == (second.run_id, RunState.QUEUED)
    assert second.run_id != first.run_id
    assert (await ended(runs)).run_id == second.run_id
    assert faults == []


async def test_close__before_the_last_end_is_posted(processes: Processes) -> None:
    """Of two runs for a day, one of which only posts its end, both are stopped."""
    runs, _ = await processes.start()
    await runs.ask(TODAY, by=BY)
    hold = processes.board.hold = asyncio.Event()
    await ended(runs)
    turn = asyncio.create_task(processes.turn.acquire())
    second = await runs.ask(TODAY, by=BY)
    hold.set()
    await turn
    await asyncio.sleep(0.05)

    await runs.aclose()

    run = await runs.tell(TODAY)
    assert (run.run_id, run.state, run.reason) == (second.run_id, RunState.FAILED, STOPPED)
    assert [task for task in asyncio.all_tasks() if "archive run" in task.get_name()] == []
    processes.turn.release()


async def test_ask__several_days(processes: Processes) -> None:
    """Of the runs of a process one at a time waits for the turn; they come in order."""
    runs, resources = await processes.start()
    async with processes.turn:
        for back in (3, 1, 2):
            await runs.ask(ago(back), by=BY)
        await asyncio.sleep(0.05)
        assert processes.waiting == 1
    for back in (3, 1, 2):
        await ended(runs, ago(back))
    written = sorted(
        (resources.settings.archive_dir / f"{ago(back)}.json" for back in (1, 2, 3)),
        key=lambda file: file.stat().st_mtime_ns,
    )
    assert [file.stem for file in written] == [str(ago(back)) for back in (3, 1, 2)]


async def test_ask__board_has_something_else(processes: Processes) -> None:
    """What another version of ours has posted is no run."""
    processes.board.kept[f"archive-run:{TODAY}"] = b'{"state":"melting"}'
    runs, _ = await processes.start()
    await runs.ask(TODAY, by=BY)
    assert (await ended(runs)).complete is True


async def test_close__while_it_runs(processes: Processes, aqs: FakeAqs) -> None:
    """Stopped in mid-fetch, all runs end in time and say so; nothing more is asked or begun."""
    runs, resources = await processes.start()
    aqs.behave(slow(), when=lambda path: "/Strasbourg/" in path)
    await runs.ask(TODAY, by=BY)
    await runs.ask(ago(1), by=BY)
    await in_flight(aqs)
    asked, begun = aqs.count(), monotonic()

    await runs.aclose()

    assert monotonic() - begun < STOP_WITHIN
    for day in (TODAY, ago(1)):
        run = await runs.tell(day)
        assert (run.state, run.reason) == (RunState.FAILED, STOPPED)
        assert processes.board.kept[f"archive-run:{day}"] == run.model_dump_json().encode()
    assert aqs.count() == asked
    assert await resources.store.days() == []


async def test_close__before_it_began(processes: Processes) -> None:
    """A run that is stopped before its first step has failed, too."""
    runs, _ = await processes.start()
    processes.board.is_lost = True
    asking = asyncio.create_task(runs.ask(TODAY, by=BY))
    while not runs._tasks:  # noqa: ASYNC110  # it is taken on, and has not had a moment
        await asyncio.sleep(0)
    await runs.aclose()
    await asking
    assert (await runs.tell(TODAY)).reason == STOPPED


async def test_run__has_a_fault(
    processes: Processes, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours ends the run as failed, is logged, and keeps no other run from its turn."""
    runs, resources = await processes.start()

    async def fault(**_: object) -> None:
        raise RuntimeError("canary")

    with monkeypatch.context() as patch:
        patch.setattr(resources.archiver, "run", fault)
        await runs.ask(TODAY, by=BY)
        run = await ended(runs)
    assert (run.state, run.reason) == (RunState.FAILED, "a fault of ours: RuntimeError")
    assert "archive run has a fault" in [line["message"] for line in lines]

    processes.board.kept.clear()
    await runs.ask(ago(1), by=BY)
    assert (await ended(runs, ago(1))).outcome is RunOutcome.WRITTEN
