"""The daily job: in front of a working AQS, over a real store."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from pageviews_api.archive_shelf import ArchiveShelf, DayOutcome
from pageviews_api.archiver import ArchivePlan, DailyArchiver
from pageviews_api.clients.archive_store import ArchiveStore, StoredArchive
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.config import Settings
from pageviews_api.exceptions import (
    ArchiveDeniedError,
    ArchiveError,
    ArchiveExistsError,
    ArchiveUnavailableError,
    UpstreamError,
)
from pageviews_api.resources import open_resources
from pageviews_api.schemas.archive import ArchiveDocument, Outcome
from pageviews_api.schemas.query import Access, Agent
from pageviews_api.schemas.selection import parse_selection
from tests.support.aqs_faults import failing, slow
from tests.support.clock import SkippingClock
from tests.support.fake_aqs import FakeAqs

if TYPE_CHECKING:
    from loguru import Record

TODAY = date(2026, 11, 22)
ARTICLES = "fr.wikipedia/Strasbourg|fr.wikipedia/Colmar|fr.wikipedia:*"


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


@dataclass
class FailingStore:
    """A real store that does what it is told to: fail so often, or in a way of its own."""

    store: ArchiveStore
    failures: list[ArchiveError] = field(default_factory=list)
    before_write: Callable[[date], Any] | None = None
    writes: int = 0

    @property
    def location(self) -> str:
        """Where the real store is."""
        return self.store.location

    def key(self, day: date) -> str:
        """Name the archive as the real store does."""
        return self.store.key(day)

    async def days(self) -> list[date]:
        """List the archived days."""
        return await self.store.days()

    async def read(self, day: date) -> StoredArchive | None:
        """Read an archive."""
        return await self.store.read(day)

    async def create(self, day: date, body: bytes, *, run_id: str) -> None:
        """Create an archive, after the failures that are due."""
        await self._fail(day)
        await self.store.create(day, body, run_id=run_id)

    async def replace(self, day: date, body: bytes, *, run_id: str, version: str) -> None:
        """Replace an archive, after the failures that are due."""
        await self._fail(day)
        await self.store.replace(day, body, run_id=run_id, version=version)

    async def check(self) -> None:
        """Check the real store."""
        await self.store.check()

    async def ping(self) -> None:
        """Ping the real store."""
        await self.store.ping()

    async def _fail(self, day: date) -> None:
        if self.before_write is not None:
            before, self.before_write = self.before_write, None
            await before(day)
        if self.failures:
            raise self.failures.pop(0)
        self.writes += 1


@dataclass
class Bench:
    """An archiver with all that stands around it."""

    archiver: DailyArchiver
    store: FailingStore
    aqs: FakeAqs
    clock: SkippingClock
    lines: list[dict[str, Any]]

    async def document(self, day: date = TODAY) -> ArchiveDocument:
        """Read an archive back, past the archiver."""
        stored = await self.store.read(day)
        assert stored is not None
        return ArchiveDocument.model_validate_json(stored.body)

    def messages(self) -> list[str]:
        """Tell what was logged, in order."""
        return [line["message"] for line in self.lines]

    def fetches(self, title: str) -> int:
        """Count the requests for a title."""
        return self.aqs.count(when=lambda path: f"/{title}/" in path)


@pytest.fixture
def clock() -> SkippingClock:
    """Give a clock on which waiting takes no time."""
    return SkippingClock()


@pytest.fixture
def store(tmp_path: Path) -> FailingStore:
    """Give a real folder."""
    return FailingStore(FolderArchiveStore(tmp_path / "archives"))


@pytest.fixture
async def bench(
    settings: Settings, aqs: FakeAqs, clock: SkippingClock, store: FailingStore
) -> AsyncIterator[Bench]:
    """Give an archiver of two articles and a total, all of which have views."""
    colmar = {day: 50 + day.day for day in map(ago, range(1, 401))}
    aqs.set_views("fr.wikipedia", "Colmar", Access.ALL_ACCESS, Agent.USER, colmar)
    lines: list[dict[str, Any]] = []
    logger.add(
        lambda message: lines.append(
            {"message": message.record["message"], **message.record["extra"]}
        ),
        format="",
    )
    async with open_resources(settings, clock) as resources:
        plan = ArchivePlan(
            parse_selection(ARTICLES), "en.wikipedia", Access.ALL_ACCESS, Agent.USER, 30
        )
        shelf = ArchiveShelf(store, clock=clock, jitter=lambda: 1.0)
        archiver = DailyArchiver(resources.pageviews, shelf, clock=clock, plan=plan)
        yield Bench(archiver, store, aqs, clock, lines)


async def test_run__first_time(bench: Bench) -> None:
    """The first run archives today's 30 days of every series, complete, and nothing older."""
    results = await bench.archiver.run()

    assert [(result.day, result.outcome) for result in results] == [(TODAY, DayOutcome.WRITTEN)]
    assert await bench.store.days() == [TODAY]
    document = await bench.document()
    assert document.complete
    assert (document.window.start, document.window.end) == (ago(30), ago(1))
    assert [item.article for item in document.items] == [None, "Colmar", "Strasbourg"]
    assert {len(item.points) for item in document.items} == {30}
    strasbourg = document.items[2]
    assert strasbourg.points[-1].views == 1000 + ago(1).toordinal() % 100


async def test_run__twice(bench: Bench) -> None:
    """A second run asks AQS for nothing and writes nothing (F4)."""
    await bench.archiver.run()
    bench.aqs.forget()

    results = await bench.archiver.run()

    assert results == []
    assert bench.aqs.count() == 0
    assert bench.store.writes == 1


async def test_run__one_day_twice(bench: Bench) -> None:
    """Asked for by its date, a complete archive is told as it is (F4)."""
    await bench.archiver.run()
    bench.aqs.forget()

    (result,) = await bench.archiver.run(only=TODAY)

    assert result.outcome is DayOutcome.UNCHANGED
    assert result.document == await bench.document()
    assert bench.aqs.count() == 0


async def test_run__before_its_time(bench: Bench) -> None:
    """Before the scheduled time, an empty store stays empty."""
    assert await bench.archiver.run(today_due=False) == []
    assert await bench.store.days() == []


async def test_run__ten_days_missed(bench: Bench) -> None:
    """Ten missed days give ten archives, each with its own window, each series asked once (F1)."""
    await bench.archiver.run(only=ago(10))
    bench.aqs.forget()

    await bench.archiver.run()

    assert await bench.store.days() == [ago(back) for back in range(10, -1, -1)]
    for back in range(10):
        document = await bench.document(ago(back))
        assert (document.window.start, document.window.end) == (ago(back + 30), ago(back + 1))
        assert document.late is (back > 0)
        assert document.complete
    assert bench.fetches("Strasbourg") == 1


async def test_run__one_article_fails(bench: Bench) -> None:
    """One failed article does not sink the rest; a later run asks for it alone (F2)."""
    bench.aqs.behave(failing(500), when=lambda path: "/Colmar/" in path)
    (result,) = await bench.archiver.run()
    assert result.document is not None
    assert not result.document.complete
    outcomes = {item.article: item.outcome for item in (await bench.document()).items}
    assert outcomes == {None: Outcome.OK, "Colmar": Outcome.FAILED, "Strasbourg": Outcome.OK}

    bench.aqs.recover()
    bench.aqs.forget()
    bench.clock.advance(3600)
    await bench.archiver.run()

    assert (await bench.document()).complete
    assert bench.fetches("Strasbourg") == 0
    assert bench.fetches("Colmar") == 1


async def test_run__everything_fails(bench: Bench) -> None:
    """Where nothing can be fetched nothing is written, and after a day somebody is called (F3)."""
    await bench.archiver.run(today_due=False)
    bench.aqs.behave(failing(503), when=lambda path: "Main_Page" not in path)

    (result,) = await bench.archiver.run()

    assert result.outcome is DayOutcome.FAILED
    assert await bench.store.days() == []
    assert "no archive run has succeeded for over a day" not in bench.messages()

    bench.clock.advance(25 * 3600)
    await bench.archiver.run()

    assert "no archive run has succeeded for over a day" in bench.messages()


async def test_run__witness_unknown(bench: Bench) -> None:
    """Where it cannot be told what is loaded, the run fails and nothing is written (F3)."""
    bench.aqs.behave(failing(503))

    with pytest.raises(UpstreamError):
        await bench.archiver.run()

    assert await bench.store.days() == []
    assert bench.archiver.state.last_error is not None


async def test_run__yesterday_not_loaded(bench: Bench) -> None:
    """Until yesterday is loaded the day waits; at 20:00 it is archived without it."""
    bench.aqs.loaded_through = ago(2)
    (result,) = await bench.archiver.run()
    assert result.outcome is DayOutcome.WAITING
    assert await bench.store.days() == []

    bench.clock.set(datetime(2026, 11, 22, 20, 0, tzinfo=UTC))
    await bench.archiver.run()

    document = await bench.document()
    assert not document.complete
    assert {item.points[-1].views for item in document.items} == {None}


async def test_run__yesterday_comes_late(bench: Bench) -> None:
    """What was archived without its newest day is replaced by more when that comes."""
    bench.aqs.loaded_through = ago(2)
    bench.clock.set(datetime(2026, 11, 22, 20, 0, tzinfo=UTC))
    await bench.archiver.run()

    bench.aqs.loaded_through = ago(1)
    bench.clock.advance(3600)
    (result,) = await bench.archiver.run()

    assert result.outcome is DayOutcome.WRITTEN
    assert (await bench.document()).complete


async def test_run__impatient(bench: Bench) -> None:
    """A run by hand does not wait for yesterday."""
    bench.aqs.loaded_through = ago(2)

    (result,) = await bench.archiver.run(patient=False)

    assert result.outcome is DayOutcome.WRITTEN
    assert not (await bench.document()).complete


async def test_run__numbers_restated(bench: Bench, settings: Settings) -> None:
    """Of two complete archives the first is kept, and the difference is counted (F5, F7)."""
    other = FolderArchiveStore(Path(bench.store.location))

    async def second_writer(_: date) -> None:
        async with open_resources(settings, bench.clock) as resources:
            plan = ArchivePlan(
                parse_selection(ARTICLES), "en.wikipedia", Access.ALL_ACCESS, Agent.USER, 30
            )
            shelf = ArchiveShelf(other, clock=bench.clock)
            first = await DailyArchiver(
                resources.pageviews, shelf, clock=bench.clock, plan=plan
            ).run()
            assert first[0].outcome is DayOutcome.WRITTEN

    async def restated_then_written(day: date) -> None:
        restated = {ago(back): 7 for back in range(1, 401)}
        bench.aqs.set_views("fr.wikipedia", "Colmar", Access.ALL_ACCESS, Agent.USER, restated)
        await second_writer(day)

    bench.store.before_write = restated_then_written
    (result,) = await bench.archiver.run()

    assert result.outcome is DayOutcome.UNCHANGED
    document = await bench.document()
    assert {point.views for point in document.items[1].points} == {7}
    (kept,) = [line for line in bench.lines if "differing_days" in line]
    assert kept["differing_days"] == 30


async def test_run__two_at_once(bench: Bench, settings: Settings) -> None:
    """Two archivers at once make one archive, and both end well (F5)."""
    async with open_resources(settings, bench.clock) as resources:
        plan = ArchivePlan(
            parse_selection(ARTICLES), "en.wikipedia", Access.ALL_ACCESS, Agent.USER, 30
        )
        other = DailyArchiver(
            resources.pageviews,
            ArchiveShelf(FolderArchiveStore(Path(bench.store.location)), clock=bench.clock),
            clock=bench.clock,
            plan=plan,
        )
        results = await asyncio.gather(bench.archiver.run(), other.run())

    assert {result.outcome for (result,) in results} <= {DayOutcome.WRITTEN, DayOutcome.UNCHANGED}
    assert (await bench.document()).complete
    assert await bench.store.days() == [TODAY]


@pytest.mark.parametrize("failures", [1, 5])
async def test_run__store_fails_for_a_while(bench: Bench, failures: int) -> None:
    """A failing store is tried again, after longer and longer waits, with what is in hand (F10)."""
    bench.store.failures = [ArchiveUnavailableError("down")] * failures

    (result,) = await bench.archiver.run()

    assert result.outcome is DayOutcome.WRITTEN
    assert bench.fetches("Strasbourg") == 1
    waits = [line["delay_s"] for line in bench.lines if "delay_s" in line]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0][:failures]


async def test_run__store_fails_for_long(bench: Bench) -> None:
    """What could not be written is kept in memory: the next run only writes it (F10)."""
    bench.store.failures = [ArchiveUnavailableError("down")] * 12
    (result,) = await bench.archiver.run()
    assert result.outcome is DayOutcome.FAILED
    bench.aqs.forget()

    (result,) = await bench.archiver.run()

    assert result.outcome is DayOutcome.WRITTEN
    assert bench.fetches("Strasbourg") == 0


async def test_run__store_denies(bench: Bench) -> None:
    """A store that refuses us is not asked again until the next run (F15)."""
    bench.store.failures = [ArchiveDeniedError("no permission")] * 2

    (result,) = await bench.archiver.run()

    assert result.outcome is DayOutcome.FAILED
    assert len(bench.store.failures) == 1
    assert bench.archiver.state.last_error == "2026-11-22: no permission"


async def test_run__archive_corrupt_at_rest(bench: Bench, tmp_path: Path) -> None:
    """A corrupt archive is told loudly, left as it is, and does not hold up the others (F13)."""
    await bench.archiver.run(only=ago(2))
    archive = tmp_path / "archives" / f"{ago(2)}.json"
    archive.write_bytes(archive.read_bytes().replace(b"1000", b"2000", 1) + b" ")
    damaged = archive.read_bytes()
    fresh = DailyArchiver(
        bench.archiver._pageviews,
        ArchiveShelf(bench.store, clock=bench.clock),
        clock=bench.clock,
        plan=bench.archiver._plan,
    )

    results = {result.day: result.outcome for result in await fresh.run()}

    assert results == {
        ago(2): DayOutcome.FAILED,
        ago(1): DayOutcome.WRITTEN,
        TODAY: DayOutcome.WRITTEN,
    }
    assert archive.read_bytes() == damaged
    assert "archive is corrupt, left as it is" in bench.messages()


async def test_run__stopped_while_writing(bench: Bench) -> None:
    """A write in hand is finished when the service stops (F9)."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: date) -> None:
        begun.set()
        await go_on.wait()

    bench.store.before_write = wait
    run = asyncio.create_task(bench.archiver.run())
    await begun.wait()
    run.cancel()
    await asyncio.sleep(0)
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await run

    assert await bench.store.days() == [TODAY]


async def test_run__stopped_while_fetching(bench: Bench) -> None:
    """A run that is stopped while it fetches writes nothing, and asks for no more (F9)."""
    bench.aqs.behave(slow(), when=lambda path: "/Strasbourg/" in path)
    run = asyncio.create_task(bench.archiver.run())
    await bench.aqs.until_in_flight(1)
    run.cancel()

    with pytest.raises(asyncio.CancelledError):
        await run

    bench.aqs.release.set()
    assert await bench.store.days() == []


async def test_run__top_list(bench: Bench) -> None:
    """``top:N`` archives the first N of the day before's list."""
    _plan_top(bench, 2)
    bench.aqs.set_top(
        "en.wikipedia", Access.ALL_ACCESS, ago(1), [("Cat", 9), ("Dog", 8), ("Elk", 7)]
    )

    await bench.archiver.run()

    document = await bench.document()
    assert [item.article for item in document.items] == ["Cat", "Dog"]
    assert {item.listed_on for item in document.items} == {ago(1)}
    assert document.lists[0].outcome is Outcome.OK


async def test_run__left_the_top_list(bench: Bench) -> None:
    """An article that left the list stays archived for 30 days more."""
    _plan_top(bench, 1)
    for back in range(40):
        bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(back), [("Dog", 9)])
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(36), [("Cat", 9)])
    bench.clock.set(datetime(2026, 11, 22, 12, tzinfo=UTC))

    archived = {}
    for back in (35, 6, 5, 4):
        await bench.archiver.run(only=ago(back))
        archived[back] = [item.article for item in (await bench.document(ago(back))).items]

    assert archived == {
        35: ["Cat"],
        6: ["Cat", "Dog"],
        5: ["Cat", "Dog"],
        4: ["Dog"],
    }


async def test_run__top_list_fails(bench: Bench) -> None:
    """An archive whose list could not be had says so, and is made complete later."""
    _plan_top(bench, 1, also="fr.wikipedia/Strasbourg")
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(1), [("Cat", 9)])
    bench.aqs.behave(failing(500), when=lambda path: "/top/" in path)
    await bench.archiver.run()
    assert not (await bench.document()).complete

    bench.aqs.recover()
    bench.clock.advance(3 * 3600)
    await bench.archiver.run()

    document = await bench.document()
    assert document.complete
    assert [item.article for item in document.items] == ["Cat", "Strasbourg"]


async def test_run__top_list_comes_late(bench: Bench) -> None:
    """A list that is not there yet is waited for until 20:00, and made up for when it comes."""
    _plan_top(bench, 1, also="fr.wikipedia/Strasbourg")
    (result,) = await bench.archiver.run()
    assert result.outcome is DayOutcome.WAITING

    bench.clock.set(datetime(2026, 11, 22, 20, 0, tzinfo=UTC))
    (result,) = await bench.archiver.run()
    assert result.outcome is DayOutcome.WRITTEN
    assert not result.is_done
    assert (await bench.document()).lists[0].outcome is Outcome.NO_DATA

    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(1), [("Cat", 9)])
    bench.clock.advance(3600)
    (result,) = await bench.archiver.run()
    assert result.is_done
    assert [item.article for item in (await bench.document()).items] == ["Cat", "Strasbourg"]


async def test_run__project_without_totals(bench: Bench) -> None:
    """A total that AQS does not have is no zero, and no archive that lacks it is complete."""
    bench.archiver._plan = ArchivePlan(
        parse_selection("fr.wikipedia/Strasbourg|de.wikipedia:*"),
        "en.wikipedia",
        Access.ALL_ACCESS,
        Agent.USER,
        30,
    )

    (result,) = await bench.archiver.run()

    assert not result.is_done
    total, strasbourg = (await bench.document()).items
    assert total.outcome is Outcome.FAILED
    assert strasbourg.outcome is Outcome.OK


async def test_run__incomplete_is_no_success(bench: Bench) -> None:
    """A run that left an archive incomplete by a fault says so, and has not succeeded."""
    bench.aqs.behave(failing(500), when=lambda path: "/Colmar/" in path)

    await bench.archiver.run()

    assert bench.archiver.state.last_success is None
    assert bench.archiver.state.last_error == "2026-11-22: 1 of 3 fetches failed"


async def test_run__observed_after_midnight(bench: Bench) -> None:
    """An archive whose fetches ended on the next day was observed then, and is late."""
    bench.clock.set(datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))
    bench.aqs.script(failing(500), when=lambda path: "/Strasbourg/" in path)

    (result,) = await bench.archiver.run()

    assert result.document is not None
    assert bench.clock.now().date() == result.document.observed_on
    assert result.document.late is (result.document.observed_on > TODAY)


async def test_run__corrupt_archive_between(bench: Bench, tmp_path: Path) -> None:
    """A corrupt archive does not end the 30 days of those that an earlier one listed."""
    _plan_top(bench, 1)
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(4), [("Cat", 9)])
    for back in (3, 2, 1):
        bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(back), [("Dog", 9)])
    await bench.archiver.run(only=ago(3))
    await bench.archiver.run(only=ago(2))
    archive = tmp_path / "archives" / f"{ago(2)}.json"
    archive.write_bytes(archive.read_bytes() + b" ")

    await bench.archiver.run(only=ago(1))

    assert [item.article for item in (await bench.document(ago(1))).items] == ["Cat", "Dog"]


async def test_run__audit(bench: Bench) -> None:
    """Every step is one line with the run's id, and the archive's key, size and SHA-256."""
    await bench.archiver.run()

    steps = [line for line in bench.lines if "run_id" in line]
    assert [line["message"] for line in steps] == [
        "archive run started",
        "archives listed",
        "series fetched",
        "series fetched",
        "series fetched",
        "archive written, read back and compared",
        "archive run finished",
    ]
    assert len({line["run_id"] for line in steps}) == 1
    written = steps[-2]
    assert written["key"] == "archives/2026-11-22.json"
    stored = await bench.store.read(TODAY)
    assert stored is not None
    assert written["bytes"] == len(stored.body)
    assert written["sha256"] == stored.version
    assert json.loads(stored.body)["complete"] is True


async def test_run__any_zone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive's day is the UTC day, whatever TZ says (F18)."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    bench.clock.set(datetime(2026, 11, 22, 23, 30, tzinfo=UTC))

    (result,) = await bench.archiver.run()

    assert result.day == TODAY


async def test_run__lost_race(bench: Bench) -> None:
    """Where another writer came between, it is looked again and decided anew (F5)."""
    bench.store.failures = [ArchiveExistsError("there is one")]

    (result,) = await bench.archiver.run()

    assert result.outcome is DayOutcome.WRITTEN
    assert bench.messages().count("archive store failed, trying again") == 1


async def test_run__nothing_to_archive(bench: Bench) -> None:
    """Where the only list could not be had, no empty archive is written (F3)."""
    _plan_top(bench, 3)
    bench.aqs.behave(failing(500), when=lambda path: "/top/" in path)

    (result,) = await bench.archiver.run()

    assert result.outcome is DayOutcome.FAILED
    assert await bench.store.days() == []


def _fields(record: "Record") -> dict[str, Any]:
    return {"message": record["message"], **record["extra"]}


def _plan_top(bench: Bench, count: int, *, also: str = "") -> None:
    """Let the archiver's plan be a top list; its articles all have views."""
    for title in ("Cat", "Dog", "Elk"):
        views = {ago(back): 100 + back for back in range(1, 401)}
        bench.aqs.set_views("en.wikipedia", title, Access.ALL_ACCESS, Agent.USER, views)
    bench.archiver._plan = ArchivePlan(
        parse_selection(f"top:{count}|{also}"), "en.wikipedia", Access.ALL_ACCESS, Agent.USER, 30
    )
