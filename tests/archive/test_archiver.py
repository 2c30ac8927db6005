"""The daily job: in front of a working AQS, over a real store."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
from loguru import logger
from starlette.responses import Response

from pageviews_api.archive.archiver import ArchivePlan, DailyArchiver
from pageviews_api.archive.document import Archive
from pageviews_api.archive.encoding import decode, encode
from pageviews_api.archive.facts import Facts
from pageviews_api.archive.journal import PIECE
from pageviews_api.archive.shelf import ArchiveShelf, DayOutcome, DayResult
from pageviews_api.clients.archive_store import (
    NOTHING,
    About,
    ArchiveStore,
    ListedArchive,
    StoredArchive,
)
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import (
    ArchiveDeniedError,
    ArchiveError,
    ArchiveExistsError,
    ArchiveUnavailableError,
    UpstreamError,
)
from pageviews_api.resources import open_resources
from pageviews_api.resources.archive_task import archive_task
from pageviews_api.schemas.archive import ArchiveDocument, Outcome
from pageviews_api.schemas.query import Access, Agent, Series, SeriesQuery
from pageviews_api.schemas.selection import Selection, parse_selection
from tests.support.aqs_faults import Behaviour, absent, failing, refusing, slow
from tests.support.clock import FakeClock, SkippingClock, settle
from tests.support.fake_aqs import FakeAqs
from tests.support.small_archives import record_of, series_of

T = TypeVar("T")

TODAY = date(2026, 11, 22)
LAST_WEEK = DateRange(TODAY - timedelta(days=7), TODAY - timedelta(days=1))
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
    store_now: datetime | None = None
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

    async def listed(self) -> list[ListedArchive]:
        """List the archives."""
        return await self.store.listed()

    async def notes(self, day: date) -> Mapping[str, str] | None:
        """Read what is kept beside an archive."""
        return await self.store.notes(day)

    async def create(self, day: date, body: bytes, *, run_id: str, about: About = NOTHING) -> None:
        """Create an archive, after the failures that are due."""
        await self._fail(day)
        await self.store.create(day, body, run_id=run_id, about=about)

    async def replace(
        self, day: date, body: bytes, *, run_id: str, version: str, about: About = NOTHING
    ) -> None:
        """Replace an archive, after the failures that are due."""
        await self._fail(day)
        await self.store.replace(day, body, run_id=run_id, version=version, about=about)

    async def save_progress(self, slot: int, body: bytes) -> None:
        """Keep a piece of progress."""
        await self.store.save_progress(slot, body)

    async def progress(self) -> list[int]:
        """List the pieces of progress."""
        return await self.store.progress()

    async def read_progress(self, slot: int) -> bytes | None:
        """Read a piece of progress."""
        return await self.store.read_progress(slot)

    def now(self) -> datetime | None:
        """Tell the store's time."""
        return self.store_now or self.store.now()

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

    async def body(self, day: date = TODAY) -> bytes:
        """Read an archive's bytes back, past the archiver."""
        stored = await self.store.read(day)
        assert stored is not None
        return stored.body

    async def document(self, day: date = TODAY) -> ArchiveDocument:
        """Read an archive back, as anybody can who knows its schema."""
        return ArchiveDocument.model_validate_json(await self.body(day))

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

    (result,) = await bench.archiver.run(only=DateRange.only(TODAY))

    assert result.outcome is DayOutcome.UNCHANGED
    assert result.facts == Facts.of(decode(TODAY, await bench.body()))
    assert bench.aqs.count() == 0


async def test_run__before_its_time(bench: Bench) -> None:
    """Before the scheduled time, an empty store stays empty."""
    assert await bench.archiver.run(today_due=False) == []
    assert await bench.store.days() == []


async def test_run__ten_days_missed(bench: Bench) -> None:
    """Ten missed days give ten archives, each with its own window, each series asked once (F1)."""
    await bench.archiver.run(only=DateRange.only(ago(10)))
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
    assert result.facts is not None
    assert not result.facts.complete
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
    await bench.archiver.run(only=DateRange.only(ago(2)))
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
    assert document.top[0].outcome is Outcome.OK


async def test_run__left_the_top_list(bench: Bench) -> None:
    """An article that left the list stays archived for 30 days more."""
    _plan_top(bench, 1)
    for back in range(40):
        bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(back), [("Dog", 9)])
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(36), [("Cat", 9)])
    bench.clock.set(datetime(2026, 11, 22, 12, tzinfo=UTC))

    archived = {}
    for back in (35, 6, 5, 4):
        await bench.archiver.run(only=DateRange.only(ago(back)))
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
    assert (await bench.document()).top[0].outcome is Outcome.NO_DATA

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

    assert result.facts is not None
    assert bench.clock.now().date() == result.facts.observed_on
    document = await bench.document()
    assert document.observed_on == result.facts.observed_on
    assert document.late is (document.observed_on > TODAY)


async def test_run__corrupt_archive_between(bench: Bench, tmp_path: Path) -> None:
    """A corrupt archive does not end the 30 days of those that an earlier one listed."""
    _plan_top(bench, 1)
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(4), [("Cat", 9)])
    for back in (3, 2, 1):
        bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(back), [("Dog", 9)])
    await bench.archiver.run(only=DateRange.only(ago(3)))
    await bench.archiver.run(only=DateRange.only(ago(2)))
    archive = tmp_path / "archives" / f"{ago(2)}.json"
    archive.write_bytes(archive.read_bytes() + b" ")

    await bench.archiver.run(only=DateRange.only(ago(1)))

    assert [item.article for item in (await bench.document(ago(1))).items] == ["Cat", "Dog"]


async def test_run__audit(bench: Bench) -> None:
    """Every step is one line with the run's id, and the archive's key, size and SHA-256."""
    await bench.archiver.run()

    steps = [line for line in bench.lines if "run_id" in line]
    assert [line["message"] for line in steps] == [
        "archive run started",
        "archives listed",
        "top list consulted",
        "top list consulted",
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


# The top lists that are kept


def _name(bench: Bench, selection: str) -> None:
    """Let the archiver's plan be what is named."""
    bench.archiver._plan = ArchivePlan(
        parse_selection(selection), "en.wikipedia", Access.ALL_ACCESS, Agent.USER, 30
    )


def _error(bench: Bench) -> str | None:
    return bench.archiver.state.last_error


def _lists(bench: Bench) -> int:
    return bench.aqs.count(lambda path: "/top/" in path)


async def test_run__keeps_the_list_of_each_project(bench: Bench) -> None:
    """The list of every project that is named is kept as AQS gives it, asked for once each."""
    _name(bench, "fr.wikipedia/Strasbourg|de.wikipedia/Wien|es.wikipedia:*|all-projects:*")
    for project in ("en", "fr", "de", "es"):
        rows = [(f"{project}_{rank}", 1000 - rank) for rank in range(1000)]
        bench.aqs.set_top(f"{project}.wikipedia", Access.ALL_ACCESS, ago(1), rows)

    await bench.archiver.run()

    top = (await bench.document()).top
    assert [one.project for one in top] == [
        "de.wikipedia",
        "en.wikipedia",
        "es.wikipedia",
        "fr.wikipedia",
    ]
    assert {(one.date, one.outcome, len(one.articles)) for one in top} == {
        (ago(1), Outcome.OK, 1000)
    }
    assert (top[0].articles[0].article, top[0].articles[0].rank) == ("de_0", 1)
    assert _lists(bench) == 4


async def test_run__list_that_also_chooses(bench: Bench) -> None:
    """The list that says what to archive is waited for, kept and followed by one request."""
    _plan_top(bench, 2)
    bench.aqs.set_top(
        "en.wikipedia", Access.ALL_ACCESS, ago(1), [("Cat", 9), ("Dog", 8), ("Elk", 7)]
    )

    await bench.archiver.run()

    (kept,) = (await bench.document()).top
    assert [row.article for row in kept.articles] == ["Cat", "Dog", "Elk"]
    assert _lists(bench) == 1


async def test_run__list_is_not_asked_for_again(bench: Bench) -> None:
    """A later pass asks for no list that an earlier one had, and keeps it."""
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(1), [("Cat", 9)])
    bench.aqs.set_top("fr.wikipedia", Access.ALL_ACCESS, ago(1), [("Chat", 9)])
    bench.aqs.behave(failing(500), when=lambda path: "/Colmar/" in path)
    await bench.archiver.run()
    first = await bench.document()
    assert not first.complete
    bench.aqs.recover()
    bench.aqs.forget()
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(1), [("Dog", 9)])
    bench.clock.advance(3 * 3600)

    await bench.archiver.run()

    document = await bench.document()
    assert document.complete
    assert document.top == first.top
    assert _lists(bench) == 0


async def test_run__list_that_nobody_expects(bench: Bench) -> None:
    """A project that never had a list does not keep an archive incomplete."""
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(1), [("Cat", 9)])

    (result,) = await bench.archiver.run()

    assert result.is_done
    assert {one.project: one.outcome for one in (await bench.document()).top} == {
        "en.wikipedia": Outcome.OK,
        "fr.wikipedia": Outcome.NO_DATA,
    }


async def test_run__list_that_there_was_yesterday(bench: Bench) -> None:
    """A project that had a list the day before is waited for, and completed when it comes."""
    for back in (2, 1):
        bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(back), [("Cat", 9)])
    bench.aqs.set_top("fr.wikipedia", Access.ALL_ACCESS, ago(2), [("Chat", 9)])
    await bench.archiver.run(only=DateRange.only(ago(1)))

    (result,) = await bench.archiver.run()

    assert not result.is_done
    assert result.facts is not None
    assert result.facts.lists_failed == 0
    assert bench.archiver.state.last_error is None
    bench.aqs.set_top("fr.wikipedia", Access.ALL_ACCESS, ago(1), [("Chat", 9)])
    bench.clock.advance(4 * 3600)
    (result,) = await bench.archiver.run()
    assert result.is_done
    assert bench.fetches("Strasbourg") == 2


async def test_run__list_that_was_lost(bench: Bench) -> None:
    """A list that has not come four days later is taken for lost."""
    for back in (6, 5):
        bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(back), [("Cat", 9)])
    bench.aqs.set_top("fr.wikipedia", Access.ALL_ACCESS, ago(6), [("Chat", 9)])
    await bench.archiver.run(only=DateRange.only(ago(5)))

    (result,) = await bench.archiver.run(only=DateRange.only(ago(4)))

    assert result.is_done


async def test_run__kept_list_fails(bench: Bench) -> None:
    """A list that cannot be had keeps the archive incomplete, is told as failed, and retried."""
    bench.aqs.set_top("en.wikipedia", Access.ALL_ACCESS, ago(1), [("Cat", 9)])
    bench.aqs.set_top("fr.wikipedia", Access.ALL_ACCESS, ago(1), [("Chat", 9)])
    bench.aqs.behave(failing(500), when=lambda path: "/top/fr" in path)

    (result,) = await bench.archiver.run()

    assert not result.is_done
    assert _error(bench) == "2026-11-22: 1 of 5 fetches failed"
    failed = (await bench.document()).top[1]
    assert (failed.project, failed.outcome, failed.articles) == (
        "fr.wikipedia",
        Outcome.FAILED,
        (),
    )
    assert failed.reason
    bench.aqs.recover()
    bench.aqs.forget()
    bench.clock.advance(3 * 3600)
    (result,) = await bench.archiver.run()
    assert result.is_done
    assert _error(bench) is None
    assert _lists(bench) == 1
    assert bench.fetches("Strasbourg") == 0


# A run that ends before its time

MANY = 60


def _plan_many(bench: Bench) -> list[str]:
    """Let the archiver's plan be many articles, all of which have views."""
    titles = [f"Title_{number:02}" for number in range(MANY)]
    for number, title in enumerate(titles):
        views = {ago(back): number + back for back in range(1, 401)}
        bench.aqs.set_views("en.wikipedia", title, Access.ALL_ACCESS, Agent.USER, views)
    _name(bench, "|".join(f"en.wikipedia/{title}" for title in titles))
    return titles


def _again(bench: Bench, store: ArchiveStore) -> DailyArchiver:
    """Make an archiver that knows nothing but what the store has, as after a restart."""
    return DailyArchiver(
        bench.archiver._pageviews,
        ArchiveShelf(store, clock=bench.clock, jitter=lambda: 1.0),
        clock=bench.clock,
        plan=bench.archiver._plan,
    )


async def _run_until(bench: Bench, number: int) -> "asyncio.Task[list[DayResult]]":
    """Begin a run that has observed so many series, and waits for the next two."""
    waiting = tuple(f"/Title_{later:02}/" for later in range(number, MANY))
    bench.aqs.behave(slow(), when=lambda path: any(title in path for title in waiting))
    run = asyncio.create_task(bench.archiver.run())
    async with asyncio.timeout(60):
        await bench.aqs.until_in_flight(2)
    assert bench.archiver.state.series_asked == number
    return run


async def _end(bench: Bench, run: "asyncio.Task[list[DayResult]]") -> None:
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    bench.aqs.recover()


def _asked_twice(bench: Bench, titles: list[str]) -> list[str]:
    return [title for title in titles if bench.fetches(title) > 1]


async def test_run__stopped_and_gone_on_with(bench: Bench) -> None:
    """A run that is stopped writes down where it is: another one asks for the rest only (F9)."""
    titles = _plan_many(bench)
    await _end(bench, await _run_until(bench, 37))
    assert await bench.store.days() == []
    assert bench.aqs.count(lambda path: "/Title_" in path) == 39

    restarted = _again(bench, bench.store)
    (result,) = await restarted.run()

    assert result.is_done
    assert _asked_twice(bench, titles) == titles[37:39]  # they were in flight
    assert (restarted.state.series_to_ask, restarted.state.series_asked) == (MANY, MANY)
    document = await bench.document()
    assert [item.article for item in document.items] == titles
    assert [item.points[-1].views for item in document.items] == [
        number + 1 for number in range(MANY)
    ]


async def test_run__killed_and_gone_on_with(bench: Bench, tmp_path: Path) -> None:
    """Of a run that is killed without a warning, the last piece at the most is asked again (F8)."""
    titles = _plan_many(bench)
    run = await _run_until(bench, 55)
    await asyncio.to_thread(shutil.copytree, tmp_path / "archives", tmp_path / "left")
    await _end(bench, run)

    store = FolderArchiveStore(tmp_path / "left")
    (result,) = await _again(bench, store).run()

    assert result.is_done
    assert _asked_twice(bench, titles) == titles[2 * PIECE : 57]
    stored = await store.read(TODAY)
    assert stored is not None
    assert decode(TODAY, stored.body).outcomes() == {Outcome.OK: MANY}


async def test_run__same_bytes_after_a_stop(bench: Bench, tmp_path: Path) -> None:
    """What a stopped run and its successor make together is what one run would have made."""
    _plan_many(bench)
    await _end(bench, await _run_until(bench, 30))
    await _again(bench, bench.store).run()

    whole = FolderArchiveStore(tmp_path / "whole")
    await _again(bench, whole).run()

    stored = await whole.read(TODAY)
    assert stored is not None
    assert stored.body == await bench.body()


async def test_run__progress_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that keeps no progress, and tells of none, harms no run."""

    async def refuse(*_: object) -> list[int]:
        raise ArchiveDeniedError("no permission")

    _plan_many(bench)
    monkeypatch.setattr(bench.store, "save_progress", refuse)
    monkeypatch.setattr(bench.store, "progress", refuse)

    (result,) = await bench.archiver.run()

    assert result.is_done
    assert "progress not kept" in bench.messages()


async def test_run__progress_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    """A run of another day does not write over what the runs before it have fetched."""
    _plan_many(bench)
    pieces = []
    for back in (4, 3, 2, 1, 0):
        await bench.archiver.run(only=DateRange.only(ago(back)), patient=False)
        pieces.append(len(list((tmp_path / "archives" / ".progress").glob("*"))))

    assert pieces == [2, 4, 6, 8, 10]


# Clocks that differ


def _dated(bench: Bench, shift: timedelta) -> Behaviour:
    """Answer well, with the Date of a clock that differs from ours by so much."""

    def change(response: Response) -> Response:
        response.headers["date"] = format_datetime(bench.clock.now() + shift, usegmt=True)
        return response

    return Behaviour(f"dated {shift}", change)


async def _tell_true_time(bench: Bench, by: str, *, ahead: timedelta) -> None:
    """Set our clock ahead, and let the store, or AQS, go on to tell the true time."""
    bench.clock.jump(ahead.total_seconds())
    if by == "store":
        bench.store.store_now = bench.clock.now() - ahead
    else:
        bench.aqs.behave(_dated(bench, -ahead))


AHEAD = [timedelta(days=2), timedelta(days=730)]


@pytest.mark.parametrize("by", ["store", "aqs"])
@pytest.mark.parametrize("ahead", AHEAD, ids=str)
@pytest.mark.parametrize("patient", [True, False])
async def test_run__our_clock_is_ahead(
    bench: Bench, by: str, ahead: timedelta, patient: bool
) -> None:
    """With our clock days or years ahead no future day is written, and it is warned of (F17)."""
    await _tell_true_time(bench, by, ahead=ahead)

    for _ in range(3):
        await bench.archiver.run(patient=patient)
        assert set(await bench.store.days()) <= {TODAY}
        bench.clock.advance(3600)

    document = await bench.document()  # the true day's archive is made all the same
    assert (document.window.end, document.observed_on) == (ago(1), TODAY)
    assert not document.late
    warned = [line for line in bench.lines if line["message"] == "our clock differs"]
    assert {line["whose"] for line in warned} == {by}
    assert all(abs(line["ahead_s"] - ahead.total_seconds()) <= 7200 for line in warned)


@pytest.mark.parametrize("by", ["store", "aqs"])
@pytest.mark.parametrize("ahead", AHEAD, ids=["2 days", "2 years"])
async def test_run__our_clock_is_ahead_of_an_archive(
    bench: Bench, by: str, ahead: timedelta
) -> None:
    """With our clock ahead, what is archived is not written over, nor fetched again (F17)."""
    for back in (2, 1, 0):
        await bench.archiver.run(only=DateRange.only(ago(back)))
    before = {back: await bench.body(ago(back)) for back in (2, 1, 0)}
    await _tell_true_time(bench, by, ahead=ahead)
    await bench.archiver.run()
    bench.aqs.forget()

    for _ in range(3):
        bench.clock.advance(600)
        await bench.archiver.run()

    assert {back: await bench.body(ago(back)) for back in (2, 1, 0)} == before
    assert await bench.store.days() == [ago(2), ago(1), TODAY]
    assert bench.store.writes == 3
    assert bench.fetches("Strasbourg") == 0


@pytest.mark.parametrize("by", ["store", "aqs"])
async def test_run__our_clock_is_behind(bench: Bench, by: str) -> None:
    """With our clock two days behind nothing is written over, and it is warned of (F17)."""
    for back in (3, 2, 1, 0):
        await bench.archiver.run(only=DateRange.only(ago(back)))
    before = {back: await bench.body(ago(back)) for back in (3, 2, 1, 0)}
    await _tell_true_time(bench, by, ahead=timedelta(days=-2))

    for _ in range(3):
        await bench.archiver.run(patient=False)
        await bench.archiver.run(only=DateRange.only(ago(2)))
        bench.clock.advance(3600)

    assert {back: await bench.body(ago(back)) for back in (3, 2, 1, 0)} == before
    assert await bench.store.days() == [ago(back) for back in (3, 2, 1, 0)]
    if by == "store":  # AQS is not asked where nothing is to be done
        assert "our clock differs" in bench.messages()


async def test_run__asked_for_a_day_to_come(bench: Bench) -> None:
    """A day that has not come by Wikimedia's clock is refused, also where it is asked for (F17)."""
    bench.clock.jump(2 * 86_400)
    bench.aqs.behave(_dated(bench, timedelta(days=-2)))

    (result,) = await bench.archiver.run(
        only=DateRange.only(TODAY + timedelta(days=1)), patient=False
    )

    assert result.outcome is DayOutcome.FAILED
    assert result.reason == "the day has not come by the clock of Wikimedia or of the store"
    assert await bench.store.days() == []


async def test_run__clocks_agree(bench: Bench) -> None:
    """A few minutes' difference is not told of."""
    bench.store.store_now = bench.clock.now() - timedelta(minutes=4)
    bench.aqs.behave(_dated(bench, timedelta(minutes=4)))

    await bench.archiver.run()

    assert "our clock differs" not in bench.messages()


# A store that is not itself


class RestartedStore(FailingStore):
    """Has been restarted: for a minute what was written cannot be read."""

    clock: SkippingClock
    blind: ArchiveError | None = None
    until = 0.0

    async def read(self, day: date) -> StoredArchive | None:
        """Read an archive; for a while it seems not to be there, or that is an error."""
        if self.writes and self.clock.monotonic() < self.until:
            if self.blind is not None:
                raise self.blind
            return None
        return await super().read(day)

    async def create(self, day: date, body: bytes, *, run_id: str, about: About = NOTHING) -> None:
        """Create it, which for a while cannot be told to have succeeded."""
        if not self.writes:
            self.until = self.clock.monotonic() + 60
        await super().create(day, body, run_id=run_id, about=about)
        if self.clock.monotonic() < self.until:
            raise ArchiveUnavailableError("was not stored")


@pytest.mark.parametrize(
    "blind", [None, ArchiveUnavailableError("answered with 500")], ids=["404", "500"]
)
async def test_run__store_cannot_be_read_back_for_a_minute(
    bench: Bench, tmp_path: Path, blind: ArchiveError | None
) -> None:
    """What cannot be read back for a minute is tried again for longer than that (F14)."""
    store = RestartedStore(FolderArchiveStore(tmp_path / "restarted"))
    store.clock, store.blind = bench.clock, blind
    began = bench.clock.monotonic()

    (result,) = await _again(bench, store).run()

    assert result.is_done
    assert 60 <= bench.clock.monotonic() - began < 300
    assert bench.fetches("Strasbourg") == 1
    assert "archive not written" not in bench.messages()
    assert await store.days() == [TODAY]


class DeniedStore(FolderArchiveStore):
    """Refuses whatever is asked, and counts it: all of it is done in a thread."""

    asked = 0

    async def _in_thread(self, what: str, work: Callable[[], T]) -> T:
        del work
        self.asked += 1
        raise ArchiveDeniedError(f"{what} was answered with 403 SignatureDoesNotMatch")


async def test_task__store_denies(bench: Bench, settings: Settings, tmp_path: Path) -> None:
    """With wrong keys the store is tried once an hour, AQS never, and readiness tells (F15)."""
    clock = FakeClock(bench.clock.now())
    store = DeniedStore(tmp_path / "denied")
    archiver = DailyArchiver(
        bench.archiver._pageviews,
        ArchiveShelf(store, clock=clock),
        clock=clock,
        plan=bench.archiver._plan,
    )
    bucket = settings.model_copy(update={"archive_bucket": "arch", "archive_enabled": True})
    task = archive_task(archiver, store, bucket, clock, shared=None)
    task.start()
    asked = []
    for _ in range(6):
        for _ in range(60):
            clock.advance(60)
            await settle()
        asked.append(store.asked)
    await task.stop(within=5)

    by_hour = [later - earlier for earlier, later in pairwise(asked)]
    assert all(1 <= number <= 3 for number in by_hour)
    assert bench.aqs.count() == 0
    assert bench.messages().count("archive run failed") <= 8
    assert "archive store unusable" in bench.messages()
    assert archiver.state.last_error == "list was answered with 403 SignatureDoesNotMatch"


# The task


async def test_run__longer_than_a_day(bench: Bench) -> None:
    """A run that takes longer than a day is not overtaken: the next day comes after it (F19)."""
    bench.aqs.behave(slow(), when=lambda path: "/Strasbourg/" in path)
    first = asyncio.create_task(bench.archiver.run())
    async with asyncio.timeout(60):
        await bench.aqs.until_in_flight(1)
    bench.clock.advance(25 * 3600)
    second = asyncio.create_task(bench.archiver.run(patient=False))
    await settle()
    assert bench.messages().count("archive run started") == 1

    bench.aqs.recover()
    (done,) = await first
    results = await second

    assert done.day == TODAY
    assert [result.day for result in results] == [TODAY + timedelta(days=1)]
    ends = [line["message"] for line in bench.lines if line["message"].startswith("archive run ")]
    assert ends == ["archive run started", "archive run finished"] * 2
    document = await bench.document(TODAY + timedelta(days=1))
    assert document.window.end == TODAY


async def test_task__bug(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the job ends no task: it is told by readiness, and run again in an hour (F24)."""
    clock = FakeClock()
    enabled = settings.model_copy(update={"archive_enabled": True})
    broken = True
    runs = 0

    async def run(**_: object) -> list[DayResult]:
        nonlocal runs
        runs += 1
        if broken:
            raise ZeroDivisionError
        return []

    async with open_resources(enabled, clock) as resources:
        await resources.store.check()
        monkeypatch.setattr(resources.archiver, "run", run)
        resources.archive_task.start()
        await settle()
        readiness = await resources.condition.readiness()
        assert readiness.archive.reason == "the last run failed (ZeroDivisionError)"
        assert readiness.archive.status == readiness.status == "degraded"
        assert resources.archive_task.state.failures_in_a_row == 1

        broken = False
        for _ in range(61):
            clock.advance(60)
            await settle()

        assert runs == 2
        assert (await resources.condition.readiness()).archive.reason is None
        await resources.archive_task.stop(within=5)


# The list of articles


async def test_run__odd_articles(bench: Bench) -> None:
    """Repeats are archived once; a renamed article has no data; a refused one fails alone (F26)."""
    _name(
        bench,
        "fr.wikipedia/Strasbourg|fr.wikipedia/Renamed|fr.wikipedia/Strasbourg|fr.wikipedia/Refused",
    )
    bench.aqs.behave(refusing(400), when=lambda path: "/Refused/" in path)

    (result,) = await bench.archiver.run()

    assert not result.is_done
    document = await bench.document()
    assert {item.article: item.outcome for item in document.items} == {
        "Refused": Outcome.FAILED,
        "Renamed": Outcome.NO_DATA,
        "Strasbourg": Outcome.OK,
    }
    assert bench.fetches("Strasbourg") == 1
    assert document.items[1].points[0].views == 0
    bench.clock.advance(5 * 3600)  # by then it is certain that the newest days are loaded
    await bench.archiver.run()
    assert {point.views for point in (await bench.document()).items[1].points} == {0}


async def test_run__list_of_articles_is_read_anew(bench: Bench) -> None:
    """Each run archives what the list says by then; one that cannot be read stops it (F26)."""
    texts = ["fr.wikipedia/Strasbourg", "fr.wikipedia/Strasbourg|fr.wikipedia/Colmar"]

    async def selection() -> Selection:
        if not texts:
            raise ArchiveUnavailableError("the list cannot be read")
        return parse_selection(texts.pop(0))

    archiver = DailyArchiver(
        bench.archiver._pageviews,
        ArchiveShelf(bench.store, clock=bench.clock),
        clock=bench.clock,
        plan=bench.archiver._plan,
        selection=selection,
    )
    await archiver.run(only=DateRange.only(ago(1)))
    await archiver.run(only=DateRange.only(TODAY))

    assert [item.article for item in (await bench.document(ago(1))).items] == ["Strasbourg"]
    assert [item.article for item in (await bench.document()).items] == ["Colmar", "Strasbourg"]
    with pytest.raises(ArchiveUnavailableError):
        await archiver.run()
    assert archiver.state.last_error == "the list cannot be read"


# An event loop that serves others meanwhile


async def _longest_gaps(work: Awaitable[object]) -> tuple[float, float]:
    """Tell, of a loop that does this, the longest time between ticks: of its own, and by the wall.

    Its own time is what its thread computes: no other process can add to that.
    """
    own, wall = [time.thread_time()], [time.monotonic()]
    working = asyncio.ensure_future(work)
    while not working.done():
        await asyncio.sleep(0.001)
        own.append(time.thread_time())
        wall.append(time.monotonic())
    await working
    longest = [max(later - earlier for earlier, later in pairwise(times)) for times in (own, wall)]
    return longest[0], longest[1]


async def test_keep__ten_thousand_series(bench: Bench) -> None:
    """While a large archive is written and read back, the loop serves others (F20).

    The loop itself computes for no 50 ms. By the wall, which a busy machine makes longer by chance,
    it is not held up as by one long call in another thread, either.
    """
    window = DateRange(ago(30), ago(1))
    record = record_of(window, list(range(1000, 1030)))
    archive = Archive(
        day=TODAY,
        window=window,
        observed_on=TODAY,
        complete=False,
        top=(),
        series={series_of(f"Title_{number:05}"): record for number in range(10_000)},
    )
    shelf = ArchiveShelf(bench.store, clock=bench.clock)
    own: list[float] = []
    wall: list[float] = []
    for _ in range(5):
        usual = (await _longest_gaps(asyncio.sleep(1)))[1]
        gaps = [
            await _longest_gaps(work)
            for work in (shelf.keep(archive, run_id="run-1"), shelf.read(TODAY))
        ]
        own += [gap for gap, _ in gaps]
        wall.append(max(gap for _, gap in gaps) - usual)
        if wall[-1] < 0.3:
            break

    assert max(own) < 0.05
    assert wall[-1] < 0.3
    assert decode(TODAY, await bench.body()) == archive


def _plan_top(bench: Bench, count: int, *, also: str = "") -> None:
    """Let the archiver's plan be a top list; its articles all have views."""
    for title in ("Cat", "Dog", "Elk"):
        views = {ago(back): 100 + back for back in range(1, 401)}
        bench.aqs.set_views("en.wikipedia", title, Access.ALL_ACCESS, Agent.USER, views)
    bench.archiver._plan = ArchivePlan(
        parse_selection(f"top:{count}|{also}"), "en.wikipedia", Access.ALL_ACCESS, Agent.USER, 30
    )


async def test_run__a_day_by_hand_says_nothing_of_the_daily_job(bench: Bench) -> None:
    """A day that somebody asks for neither makes the daily job successful nor hides its faults."""
    await bench.archiver.run(only=DateRange.only(ago(3)))
    assert bench.archiver.state.last_success is None
    assert bench.archiver.state.last_results == ()

    bench.aqs.behave(failing(500), when=lambda path: "/Colmar/" in path)
    await bench.archiver.run()
    fault = bench.archiver.state.last_error
    await bench.archiver.run(only=DateRange.only(ago(3)))

    assert fault is not None
    assert bench.archiver.state.last_error == fault


async def test_run__a_year_at_once(bench: Bench) -> None:
    """A year of archives is made within the budget: each series is asked once, each list once."""
    for back in range(1, 31):
        bench.aqs.set_top("fr.wikipedia", "all-access", ago(back), [("Colmar", 9)])

    results = await bench.archiver.run(only=DateRange(ago(299), TODAY), patient=False)

    assert all(result.is_done for result in results)
    assert len(results) == 300
    assert bench.fetches("Colmar") == bench.fetches("Strasbourg") == 1
    assert bench.aqs.count(when=lambda path: "/top/" in path) == 600


async def test_run__not_found_by_a_fault_of_wikimedia(bench: Bench) -> None:
    """A 404 for what is held takes back no number: the series has failed, and is told as it was."""
    colmar = Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER, "Colmar")
    before = await bench.archiver._pageviews.article(SeriesQuery(colmar, LAST_WEEK))
    bench.aqs.behave(absent(), when=lambda path: "/Colmar/" in path)

    (result,) = await bench.archiver.run(patient=False)

    assert result.facts is not None
    assert (result.facts.failed, result.facts.no_data) == (1, 0)
    after = await bench.archiver._pageviews.article(SeriesQuery(colmar, LAST_WEEK))
    assert after.items == before.items


async def test_run__not_found_after_a_restart(bench: Bench, settings: Settings) -> None:
    """The same after a restart, when nothing is held: the newest archive remembers."""
    await bench.archiver.run(only=DateRange.only(ago(1)), patient=False)
    bench.aqs.behave(absent(), when=lambda path: "/Colmar/" in path)
    async with open_resources(settings, bench.clock) as resources:
        fresh = DailyArchiver(
            resources.pageviews,
            ArchiveShelf(bench.store, clock=bench.clock),
            clock=bench.clock,
            plan=bench.archiver._plan,
        )
        (result,) = await fresh.run(patient=False)

    assert result.facts is not None
    assert (result.facts.failed, result.facts.no_data) == (1, 0)
    bench.aqs.recover()
    (again,) = await bench.archiver.run(patient=False)
    assert again.is_done


async def test_run__taken_off_the_list_in_between(bench: Bench) -> None:
    """A series that an archive has in part is asked for again, though it is wanted no more."""
    bench.aqs.loaded_through = ago(2)
    bench.clock.set(datetime(2026, 11, 22, 20, 0, tzinfo=UTC))
    await bench.archiver.run()
    bench.aqs.loaded_through = ago(1)
    bench.archiver._plan = replace(
        bench.archiver._plan, selection=parse_selection("fr.wikipedia/Strasbourg")
    )

    bench.clock.advance(4 * 3600)
    await bench.archiver.run()
    await bench.archiver.run(only=DateRange.only(TODAY))

    document = await bench.document()
    assert document.complete
    assert [item.article for item in document.items] == [None, "Colmar", "Strasbourg"]


async def test_run__other_default_project(bench: Bench) -> None:
    """Titles that another project's list named are not asked for in the new default project."""
    window = DateRange(ago(31), ago(2))
    named = record_of(window, [1] * 30, ago(2))
    earlier = Archive(
        day=ago(1),
        window=window,
        observed_on=ago(1),
        complete=True,
        top=(),
        series={series_of("Some_title"): named},
    )
    await bench.store.create(ago(1), encode(earlier), run_id="test")
    bench.aqs.set_top("fr.wikipedia", "all-access", ago(1), [("Strasbourg", 9)])
    bench.archiver._plan = ArchivePlan(
        parse_selection("top:5"), "fr.wikipedia", Access.ALL_ACCESS, Agent.USER, 30
    )

    await bench.archiver.run()

    assert [item.article for item in (await bench.document()).items] == ["Strasbourg"]


async def test_run__store_denies_many_days(bench: Bench) -> None:
    """Once the store has refused an archive, no other one is tried in this run."""
    bench.store.failures = [ArchiveDeniedError("no permission")]

    results = await bench.archiver.run(only=DateRange(ago(5), TODAY), patient=False)

    assert {result.reason for result in results} == {"no permission"}
    assert len(results) == 6
    assert bench.store.writes == 0
