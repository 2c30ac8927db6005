"""The daily job of the sites, over real stores."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from loguru import logger

from pageviews_api.archive.shelf import DayOutcome, Shelf
from pageviews_api.archive.sites.archiver import FAULT, NO_ANSWER, NOT_YET, SitesArchiver
from pageviews_api.archive.sites.document import NOT_ALL_TOLD, SITES
from pageviews_api.clients.archive_store import ArchiveStore, ListedArchive
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import (
    ArchiveError,
    ArchiveUnavailableError,
    ConfigurationError,
    UpstreamTimeoutError,
)
from pageviews_api.resources.archive_stores import store_of_sites
from pageviews_api.schemas.site_archive import SiteOutcome, SitesDocument
from tests.support.archived_site import ArchivedFakeSite, FakeSites
from tests.support.clock import SkippingClock

if TYPE_CHECKING:
    from tests.support.s3_servers import S3Server

TODAY = date(2026, 11, 22)
EARLY = datetime(2026, 11, 22, 4, 15, tzinfo=UTC)
CANARY = "CANARY-key-0123456789"


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


@dataclass
class Bench:
    """An archiver with all that stands around it: a site far in the east, one far in the west."""

    sites: FakeSites
    store: ArchiveStore
    clock: SkippingClock
    lines: list[dict[str, Any]]
    archiver: SitesArchiver

    @property
    def auckland(self) -> ArchivedFakeSite:
        """The site in the east."""
        return self.sites.all["auckland"]

    @property
    def angeles(self) -> ArchivedFakeSite:
        """The site in the west."""
        return self.sites.all["angeles"]

    def another(self, store: ArchiveStore | None = None) -> SitesArchiver:
        """Give an archiver as another process has it."""
        shelf = Shelf(store or self.store, SITES, clock=self.clock, tries=3)
        return SitesArchiver(self.sites, shelf, clock=self.clock)

    async def document(self, day: date = TODAY) -> SitesDocument:
        """Read a document back, past the archiver."""
        stored = await self.store.read(day)
        assert stored is not None
        return SitesDocument.model_validate_json(stored.body)

    def forget(self) -> None:
        """Forget what was asked and logged."""
        self.lines.clear()
        for site in self.sites.all.values():
            site.asked.clear()

    @property
    def asked(self) -> int:
        """How many requests there were."""
        return sum(len(site.asked) for site in self.sites.all.values())

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Give the log's lines of that message."""
        return [line for line in self.lines if line["message"] == message]


@pytest.fixture(params=["folder", "seaweedfs"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ArchiveStore]:
    """Give the store beside that of the other archives."""
    if request.param == "folder":
        yield FolderArchiveStore(tmp_path / "archives").beside("sites")
        return
    server: S3Server = request.getfixturevalue("seaweedfs_server")
    async with server.client() as client:
        prefix = f"{uuid4().hex}/archives/"
        yield S3ArchiveStore(client, bucket=server.bucket, prefix=prefix).beside("sites")


@pytest.fixture
def folder(tmp_path: Path) -> FolderArchiveStore:
    """Give a folder, where it is the same in every store."""
    return FolderArchiveStore(tmp_path / "sites")


def bench_over(store: ArchiveStore) -> Bench:
    """Build a bench over a store."""
    clock, lines = SkippingClock(), list[dict[str, Any]]()
    logger.add(
        lambda message: lines.append(
            {"message": message.record["message"], **message.record["extra"]}
        ),
        format="",
    )
    sites = FakeSites(
        ArchivedFakeSite(clock, "auckland", ZoneInfo("Pacific/Auckland")),
        ArchivedFakeSite(clock, "angeles", ZoneInfo("America/Los_Angeles")),
    )
    archiver = SitesArchiver(sites, Shelf(store, SITES, clock=clock, tries=3), clock=clock)
    return Bench(sites, store, clock, lines, archiver)


@pytest.fixture
def bench(store: ArchiveStore) -> Bench:
    """Give a bench over each of the stores."""
    return bench_over(store)


@pytest.fixture
def folder_bench(folder: FolderArchiveStore) -> Bench:
    """Give a bench over a folder."""
    return bench_over(folder)


async def test_run__first_time(bench: Bench) -> None:
    """The first run archives today's 30 days of every site, complete, and nothing older."""
    (result,) = await bench.archiver.run()

    assert (result.day, result.outcome, result.is_done) == (TODAY, DayOutcome.WRITTEN, True)
    assert (result.key or "").endswith("sites/2026-11-22.json")
    assert await bench.store.days() == [TODAY]
    document = await bench.document()
    assert document.complete
    assert not document.late
    assert (document.window.start, document.window.end) == (ago(30), ago(1))
    assert [one.site for one in document.sites] == ["angeles", "auckland"]
    assert [one.timezone for one in document.sites] == ["America/Los_Angeles", "Pacific/Auckland"]
    for site in document.sites:
        assert [day.date for day in site.days] == list(DateRange(ago(30), ago(1)))
        assert [day.visits for day in site.days][-2:] == [20, 21]
    stored = await bench.store.read(TODAY)
    assert stored is not None
    assert stored.notes["sha256"] == result.sha256


async def test_run__twice(bench: Bench) -> None:
    """A second run asks no provider and writes nothing, in this process or another (F4)."""
    await bench.archiver.run()
    before = await bench.store.listed()
    bench.forget()

    assert await bench.archiver.run() == []
    assert await bench.another().run() == []
    (result,) = await bench.another().run(only=DateRange.only(TODAY))

    assert result.outcome is DayOutcome.UNCHANGED
    assert bench.asked == 0
    assert await bench.store.listed() == before


async def test_run__a_day_is_not_over_in_the_west(bench: Bench) -> None:
    """At 04:15 UTC the day before is over in Auckland, not in Los Angeles; at 09:00 in both.

    Until then nobody is asked again, and then only the site that lacks a day.
    """
    bench.clock.set(EARLY)
    (result,) = await bench.archiver.run()
    assert (result.outcome, result.is_done) == (DayOutcome.WRITTEN, False)
    angeles, auckland = (await bench.document()).sites
    assert angeles.not_finished == (ago(1),)
    assert [day.date for day in angeles.days] == list(DateRange(ago(30), ago(2)))
    assert len(auckland.days) == 30
    assert bench.archiver.state.last_error is None

    bench.forget()
    bench.clock.set(datetime(2026, 11, 22, 8, 59, tzinfo=UTC))
    await bench.archiver.run()
    assert bench.asked == 0
    assert not (await bench.document()).complete

    bench.clock.set(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))
    (result,) = await bench.archiver.run()
    assert (result.outcome, result.is_done) == (DayOutcome.WRITTEN, True)
    assert (bench.angeles.asked, bench.auckland.asked) == ([DateRange(ago(30), ago(1))], [])
    document = await bench.document()
    assert document.complete
    assert not document.late


async def test_run__days_of_23_and_25_hours(folder_bench: Bench) -> None:
    """A window with a change of clocks has each local day once."""
    bench = folder_bench
    bench.clock.set(datetime(2026, 11, 2, 8, 59, tzinfo=UTC))  # clocks went back on the 1st
    await bench.archiver.run()
    angeles, auckland = (await bench.document(date(2026, 11, 2))).sites
    assert angeles.not_finished == (date(2026, 11, 1),)
    assert [day.date for day in auckland.days] == list(
        DateRange(date(2026, 10, 3), date(2026, 11, 1))
    )
    bench.clock.advance(60)
    await bench.archiver.run()
    assert (await bench.document(date(2026, 11, 2))).complete


async def test_run__asked_too_early(folder_bench: Bench) -> None:
    """An answer that was kept since before a day counted as finished does not tell that day."""
    bench = folder_bench
    bench.angeles.checked_at = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
    await bench.archiver.run()
    angeles, _ = (await bench.document()).sites
    assert angeles.not_finished == (ago(1),)

    bench.angeles.checked_at = None
    await bench.archiver.run()
    assert (await bench.document()).complete


async def test_run__one_site_fails(bench: Bench) -> None:
    """One failed site does not sink the rest; a later run asks for it alone (F2)."""
    bench.angeles.failure = UpstreamTimeoutError("plausible", "gave no answer in time")
    (result,) = await bench.archiver.run()
    assert result.outcome is DayOutcome.WRITTEN
    angeles, auckland = (await bench.document()).sites
    assert (angeles.outcome, angeles.reason) == (SiteOutcome.FAILED, "gave no answer in time")
    assert (auckland.outcome, len(auckland.days)) == (SiteOutcome.OK, 30)
    assert bench.archiver.state.last_error == "2026-11-22: 1 of 2 sites failed"

    bench.forget()
    bench.angeles.failure = None
    await bench.archiver.run()
    assert (len(bench.angeles.asked), bench.auckland.asked) == (1, [])
    assert (await bench.document()).complete
    assert bench.archiver.state.last_error is None


async def test_run__every_site_fails(folder_bench: Bench) -> None:
    """Where nothing can be fetched nothing is written, and after a day somebody is called (F3)."""
    bench = folder_bench
    for site in bench.sites.all.values():
        site.failure = UpstreamTimeoutError("matomo", "gave no answer in time")
    (result,) = await bench.archiver.run()
    assert result.outcome is DayOutcome.FAILED
    assert await bench.store.days() == []
    assert bench.logged("no sites archive run has succeeded for over a day") == []
    bench.clock.advance(25 * 3600)
    await bench.archiver.run()
    assert len(bench.logged("no sites archive run has succeeded for over a day")) == 1


async def test_run__provider_is_mute(folder_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that never answers is given up in time, and the other site is archived (E1)."""
    bench = folder_bench
    monkeypatch.setattr("pageviews_api.archive.sites.archiver.ASKED_WITHIN", 0.01)

    async def mute(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(bench.angeles, "timeseries", mute)
    await bench.archiver.run()
    angeles, auckland = (await bench.document()).sites
    assert (angeles.reason, auckland.outcome) == (NO_ANSWER, SiteOutcome.OK)


async def test_run__ten_days_missed(bench: Bench) -> None:
    """Ten missed days give ten documents, each with its own window, each site asked once (F1)."""
    bench.clock.set(datetime(2026, 11, 12, 12, tzinfo=UTC))
    await bench.archiver.run()
    bench.clock.set(datetime(2026, 11, 22, 12, tzinfo=UTC))
    bench.forget()

    await bench.archiver.run()

    assert await bench.store.days() == [ago(back) for back in range(10, -1, -1)]
    for back in range(10):
        document = await bench.document(ago(back))
        assert (document.window.start, document.window.end) == (ago(back + 30), ago(back + 1))
        assert document.late is (back > 0)
        assert document.observed_on == TODAY
        assert document.complete
    assert bench.angeles.asked == bench.auckland.asked == [DateRange(ago(39), ago(1))]


async def test_run__missed_for_longer(folder_bench: Bench) -> None:
    """Of days that were missed, those of the last 30 are made up for."""
    bench = folder_bench
    bench.clock.set(datetime(2026, 9, 1, 12, tzinfo=UTC))
    await bench.archiver.run()
    bench.clock.set(datetime(2026, 11, 22, 12, tzinfo=UTC))
    await bench.archiver.run()
    assert await bench.store.days() == [
        date(2026, 9, 1),
        *(ago(back) for back in range(30, -1, -1)),
    ]


async def test_run__before_its_time(folder_bench: Bench) -> None:
    """Before the scheduled time, an empty store stays empty and nobody is asked."""
    assert await folder_bench.archiver.run(today_due=False) == []
    assert folder_bench.asked == 0
    assert await folder_bench.store.days() == []


async def test_run__no_site_is_configured(folder_bench: Bench) -> None:
    """Without a site the store is not even looked at."""
    folder_bench.sites.all.clear()
    assert await folder_bench.archiver.run() == []
    assert folder_bench.lines == []


async def test_run__day_has_not_come(folder_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where our clock is ahead of the store's, no day that has not come is archived (F17)."""
    bench = folder_bench
    real = bench.clock.now()
    monkeypatch.setattr(FolderArchiveStore, "now", lambda _: real)
    bench.clock.jump(2 * 86_400)

    (result,) = await bench.archiver.run()

    assert result.day == TODAY
    document = await bench.document()
    assert document.observed_on == TODAY
    assert [line["whose"] for line in bench.logged("our clock differs")] == ["store"]
    assert (await bench.archiver.run(only=DateRange.only(TODAY + timedelta(days=1))))[
        0
    ].outcome is DayOutcome.FAILED
    assert await bench.store.days() == [TODAY]


class TellingStore(FolderArchiveStore):
    """Tells the time once it has been listed, as S3 does."""

    told: datetime | None = None
    real: datetime

    def now(self) -> datetime | None:
        """Tell what it has told."""
        return self.told

    async def listed(self) -> list[ListedArchive]:
        """List, and tell the time."""
        self.told = self.real
        return await super().listed()


async def test_run__day_asked_for_has_not_come(tmp_path: Path) -> None:
    """Nor is one that somebody asks for, where the store tells the time only then (F17)."""
    store = TellingStore(tmp_path / "sites")
    bench = bench_over(store)
    store.real = bench.clock.now()
    bench.clock.jump(2 * 86_400)
    (result,) = await bench.archiver.run(only=DateRange.only(TODAY + timedelta(days=2)))
    assert (result.outcome, result.reason) == (DayOutcome.FAILED, NOT_YET)
    assert await store.days() == []


async def test_run__provider_calls_a_day_partial(folder_bench: Bench) -> None:
    """A day that its provider calls partial is not archived, whatever our calendar says."""
    folder_bench.angeles.unfinished = ago(1)
    await folder_bench.archiver.run()
    angeles, _ = (await folder_bench.document()).sites
    assert (angeles.outcome, angeles.reason) == (SiteOutcome.FAILED, NOT_ALL_TOLD)


async def test_run__numbers_changed(bench: Bench) -> None:
    """Of two complete documents the first is kept, and the difference is counted (F5, F7)."""
    first = SitesArchiver(
        FakeSites(
            *(
                ArchivedFakeSite(bench.clock, name, site.timezone, more=5)
                for name, site in bench.sites.all.items()
            )
        ),
        Shelf(bench.store, SITES, clock=bench.clock),
        clock=bench.clock,
    )
    # Both have looked, and found nothing, before one of them writes.
    ready, go = asyncio.Event(), asyncio.Event()
    real = bench.angeles.timeseries

    async def held_up(*asked: Any, **more: Any) -> Any:  # noqa: ANN401  # as it is asked
        ready.set()
        await go.wait()
        return await real(*asked, **more)

    bench.angeles.timeseries = held_up  # type: ignore[method-assign]  # a fake of a fake
    second = asyncio.create_task(bench.archiver.run())
    await ready.wait()
    (written,) = await first.run()
    go.set()
    (result,) = await second

    assert (written.outcome, result.outcome) == (DayOutcome.WRITTEN, DayOutcome.UNCHANGED)
    angeles, _ = (await bench.document()).sites
    assert angeles.days[0].pageviews == angeles.days[0].visits + 5
    (kept,) = bench.logged("archive kept as it is")
    assert kept["differing_days"] == 60
    assert result.sha256 == written.sha256


async def test_run__two_at_once(bench: Bench) -> None:
    """Of four archivers at once one writes, and all end well (F5)."""
    others = [bench.another() for _ in range(3)]
    results = await asyncio.gather(bench.archiver.run(), *(one.run() for one in others))

    assert all(result.is_done for (result,) in results)
    assert len({result.sha256 for (result,) in results}) == 1
    assert (await bench.document()).complete
    assert await bench.store.days() == [TODAY]


async def test_run__incomplete_one_was_replaced_meanwhile(bench: Bench) -> None:
    """What replaces an incomplete document replaces the one that was read, and no better one."""
    bench.clock.set(EARLY)
    await bench.archiver.run()
    bench.clock.set(datetime(2026, 11, 22, 9, tzinfo=UTC))
    done: list[DayOutcome] = []
    real = bench.angeles.timeseries

    async def after_another(*asked: Any, **more: Any) -> Any:  # noqa: ANN401  # as it is asked
        told = await real(*asked, **more)
        bench.angeles.timeseries = real  # type: ignore[method-assign]  # a fake of a fake
        done.extend(result.outcome for result in await bench.another().run())
        return told

    bench.angeles.timeseries = after_another  # type: ignore[method-assign]  # as above
    (result,) = await bench.archiver.run()

    assert done == [DayOutcome.WRITTEN]
    assert (result.outcome, result.is_done) == (DayOutcome.UNCHANGED, True)


class FailingStore(FolderArchiveStore):
    """Writes nothing as often as it is to fail."""

    failures: list[ArchiveError]

    async def create(self, day: date, body: bytes, **more: Any) -> None:  # noqa: ANN401  # passed on
        """Fail, or create it."""
        if self.failures:
            raise self.failures.pop(0)
        await super().create(day, body, **more)


async def test_run__store_fails_for_a_while(tmp_path: Path) -> None:
    """A store that fails is tried again, without asking the providers anew (F10)."""
    store = FailingStore(tmp_path / "sites")
    store.failures = [ArchiveUnavailableError("down")] * 2
    bench = bench_over(store)
    (result,) = await bench.archiver.run()
    assert result.is_done
    assert bench.asked == 2
    assert len(bench.logged("archive store failed, trying again")) == 2


async def test_run__store_fails_for_longer(tmp_path: Path) -> None:
    """A store that goes on failing holds up one document only; the next pass makes all of them."""
    store = FailingStore(tmp_path / "sites")
    store.failures = []
    bench = bench_over(store)
    await bench.archiver.run()
    bench.clock.advance(5 * 86_400)
    store.failures = [ArchiveUnavailableError("down")] * 3
    results = await bench.archiver.run()
    assert {result.outcome for result in results} == {DayOutcome.FAILED}
    assert store.failures == []
    assert bench.archiver.state.last_error is not None

    assert all(result.is_done for result in await bench.archiver.run())
    assert len(await store.days()) == 6


async def test_run__corrupt_one(folder_bench: Bench, tmp_path: Path) -> None:
    """A document that is damaged is told of and left as it is (F13)."""
    bench = folder_bench
    await bench.archiver.run()
    file = tmp_path / "sites" / f"{TODAY}.json"
    file.write_bytes(file.read_bytes().replace(b'"visits":21', b'"visits":99'))
    damaged = file.read_bytes()
    (result,) = await bench.another().run()
    assert result.outcome is DayOutcome.FAILED
    assert len(bench.logged("archive is corrupt, left as it is")) == 1
    assert file.read_bytes() == damaged


async def test_run__logs_each_step(folder_bench: Bench) -> None:
    """Each step is a line with the run's id, for the audit; the document has no address or key."""
    bench = folder_bench
    bench.angeles.failure = UpstreamTimeoutError("plausible", "gave no answer in time")
    await bench.archiver.run()
    assert [line["message"] for line in bench.lines] == [
        "sites archive run started",
        "archives listed",
        "site not fetched",
        "site fetched",
        "archive written, read back and compared",
        "sites archive run finished",
    ]
    assert len({line["run_id"] for line in bench.lines}) == 1
    assert bench.lines[4]["key"] == "sites/2026-11-22.json"


async def test_run__a_fault_of_ours(folder_bench: Bench) -> None:
    """A fault that one site meets spares the other, and is told by its kind only."""
    bench = folder_bench
    bench.angeles.failure = RuntimeError(CANARY)
    await bench.archiver.run()
    angeles, auckland = (await bench.document()).sites
    assert (angeles.reason, auckland.outcome) == (FAULT, SiteOutcome.OK)
    assert [line.get("fault") for line in bench.logged("site not fetched")] == ["RuntimeError"]
    assert CANARY not in str(bench.lines)


async def test_run__store_cannot_be_read(tmp_path: Path) -> None:
    """Where the store cannot be read the run fails, no provider is asked, and the state tells."""
    (tmp_path / "sites").write_bytes(b"no folder")
    bench = bench_over(FolderArchiveStore(tmp_path / "sites"))
    with pytest.raises(ArchiveError):
        await bench.archiver.run()
    assert bench.asked == 0
    assert bench.archiver.state.last_error is not None
    assert len(bench.logged("sites archive run failed")) == 1


@pytest.mark.parametrize(
    ("prefix", "beside"),
    [("archives/", "sites/"), ("team/archives/", "team/sites/"), ("", "sites/")],
)
def test_beside__of_a_prefix(prefix: str, beside: str) -> None:
    """The sites' prefix lies beside that of the other archives, never under it."""
    store = S3ArchiveStore(None, bucket="b", prefix=prefix).beside("sites")  # type: ignore[arg-type]  # not asked
    assert store.key(TODAY) == f"{beside}2026-11-22.json"
    assert store.location == f"s3://b/{beside}"


def test_place__of_the_other_archives(tmp_path: Path) -> None:
    """Where the other archives lie in the sites' place, the service does not start."""
    folder = FolderArchiveStore(tmp_path / "sites")
    bucket = S3ArchiveStore(None, bucket="b", prefix="team/sites/")  # type: ignore[arg-type]  # not asked
    with pytest.raises(ConfigurationError, match="ARCHIVE_DIR ends with sites"):
        store_of_sites(folder, configured=True)
    with pytest.raises(ConfigurationError, match="ARCHIVE_PREFIX ends with sites"):
        store_of_sites(bucket, configured=True)
    store_of_sites(folder, configured=False)
