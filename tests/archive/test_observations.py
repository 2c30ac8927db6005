"""What the archives tell of a series: never what was observed later than one asks about."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pageviews_api.archive import observations as observations_module
from pageviews_api.archive.document import Archive
from pageviews_api.archive.encoding import encode
from pageviews_api.archive.facts import Facts
from pageviews_api.archive.index import ArchiveIndex
from pageviews_api.archive.observations import (
    LOOKED_AT,
    MAX_FAILURES,
    MAX_IN_VAIN,
    MAX_READS,
    TRIES,
    Observations,
)
from pageviews_api.archive.reader import ArchiveReader, ReadArchive
from pageviews_api.clients.archive_store import ListedArchive, StoredArchive, sha256
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveError,
    ArchiveUnavailableError,
    NotArchivedError,
)
from pageviews_api.schemas.archive import Outcome
from pageviews_api.schemas.pageviews import DayStatus
from tests.support.clock import FakeClock
from tests.support.small_archives import Views, archive_of, series_of, top_of

TODAY = date(2026, 11, 22)
A = series_of("A")
MISSING, HOLE, NOT_LOADED = DayStatus.MISSING, DayStatus.HOLE, DayStatus.NOT_LOADED

Told = dict[date, tuple[int | None, date]]


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


def span(first: int, last: int) -> DateRange:
    """Name the days from so many to so many before today."""
    return DateRange(ago(first), ago(last))


@dataclass
class MemoryStore(FolderArchiveStore):
    """Archives in memory, of which those that are told to can fail."""

    archives: list[Archive]
    failures: dict[date, ArchiveError] = field(default_factory=dict)
    unread: dict[date, ArchiveError] = field(default_factory=dict)
    reads: list[date] = field(default_factory=list)
    heads: int = 0

    def __post_init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.bodies = {archive.day: encode(archive) for archive in self.archives}
        self.facts = {archive.day: Facts.of(archive) for archive in self.archives}

    async def listed(self) -> list[ListedArchive]:
        """List them."""
        return [
            ListedArchive(day, len(self.bodies[day]), sha256(self.bodies[day]))
            for day in sorted(self.bodies)
        ]

    async def notes(self, day: date) -> Mapping[str, str] | None:
        """Tell what lies beside one, or fail."""
        self.heads += 1
        if day in self.failures:
            raise self.failures[day]
        return self.facts[day].as_notes() | {"sha256": sha256(self.bodies[day])}

    async def read(self, day: date) -> StoredArchive | None:
        """Read one, or fail."""
        self.reads.append(day)
        if day in self.unread:
            raise self.unread[day]
        body = self.bodies[day]
        return StoredArchive(body, "1", self.facts[day].as_notes() | {"sha256": sha256(body)})

    def replace_unseen(self, archive: Archive) -> None:
        """Replace one as another process does."""
        self.bodies[archive.day] = encode(archive)
        self.facts[archive.day] = Facts.of(archive)


@dataclass
class Bench:
    """Observations over some archives."""

    store: MemoryStore
    index: ArchiveIndex
    reader: ArchiveReader
    observations: Observations

    async def days(self, asked: DateRange, *, as_of: date | None = None) -> Told:
        """Tell the numbers of ``A``, each with the day on which it was observed."""
        told = await self.observations.days(A, asked, as_of=as_of)
        assert all(
            one.status is (DayStatus.ARCHIVED if one.views is not None else HOLE)
            for one in told.values()
        )
        return {day: (one.views, one.observed_on) for day, one in sorted(told.items())}


def bench_of(*archives: Archive) -> Bench:
    """Put archives into a store, and observations over it."""
    store = MemoryStore(list(archives))
    index = ArchiveIndex(store, clock=FakeClock())
    reader = ArchiveReader(store, index)
    return Bench(store, index, reader, Observations(index, reader))


def made(back: int, views: Views, *, late: int = 0, title: str = "A") -> Archive:
    """Make the archive of so many days ago, observed so many days late."""
    return archive_of(ago(back), {title: views}, observed_on=ago(back - late))


def month(back: int, *, number: int = 1, title: str = "A", late: int = 0) -> Archive:
    """Make the archive of so many days ago as it really is, of 30 days, each with one number."""
    return made(back, [number] * 30, title=title, late=late)


def months(first: int, last: int, title: str = "A") -> list[Archive]:
    """Make the archives of the days from so many to so many days ago, each with its own number."""
    return [month(back, number=back, title=title) for back in range(last, first + 1)]


@pytest.fixture
async def daily() -> AsyncIterator[Bench]:
    """Give the archives of 100 days of 5 days each; each tells its own number."""
    bench = bench_of(*(made(back, [1000 * back + n for n in range(5)]) for back in range(100)))
    yield bench
    await bench.reader.aclose()


# As it was observed last


async def test_days__newest_archive(daily: Bench) -> None:
    """Days that the newest archive covers are as it has them."""
    told = await daily.days(span(5, 1))

    assert told == {ago(5 - n): (n, TODAY) for n in range(5)}
    assert daily.store.reads == [TODAY]


async def test_days__older_days(daily: Bench) -> None:
    """Days before are as an archive has them which was made when they had settled."""
    told = await daily.days(span(60, 20))

    assert sorted(told) == list(span(60, 20))
    for day, (_, observed_on) in told.items():
        assert observed_on >= day + timedelta(days=4)
    assert len(daily.store.reads) < 60


async def test_days__observed_last_wins() -> None:
    """Of two archives the one that was observed later is the newest, whatever its own day."""
    bench = bench_of(made(0, [1, 1, 1]), made(1, [2, 2, 2]), made(2, [3, 3, 3], late=3))
    assert ago(2 - 3) == TODAY + timedelta(days=1)

    told = await bench.days(span(5, 1))

    late = TODAY + timedelta(days=1)
    assert told == {ago(5): (3, late), ago(4): (3, late), ago(3): (3, late)} | {
        ago(2): told[ago(2)],
        ago(1): (1, TODAY),
    }
    assert told[ago(2)] in {(1, TODAY), (2, ago(1))}


async def test_days__nothing_archived() -> None:
    """An empty store, another series, and days that nobody observed tell nothing."""
    assert await bench_of().days(span(5, 1)) == {}
    assert await bench_of(made(0, [1, 2], title="B")).days(span(5, 1)) == {}
    assert await bench_of(made(0, [1, 2])).days(span(9, 3)) == {}
    assert await bench_of(made(50, [1, 2])).days(span(9, 3)) == {}


async def test_days__unknown_in_the_newest() -> None:
    """A day that the newest archive does not know is told as an older one knows it."""
    bench = bench_of(made(0, [1, MISSING, NOT_LOADED]), made(1, [5, 6, 7]))

    assert await bench.days(span(3, 1)) == {ago(3): (1, TODAY), ago(2): (7, ago(1))}


async def test_days__hole() -> None:
    """A day that was lost at Wikimedia is told as lost, and zero as zero."""
    bench = bench_of(made(0, [HOLE, 0, 5]))

    assert await bench.days(span(3, 1)) == {
        ago(3): (None, TODAY),
        ago(2): (0, TODAY),
        ago(1): (5, TODAY),
    }


async def test_days__gap() -> None:
    """Days between archives that lie far apart are left out."""
    bench = bench_of(made(0, [1, 2]), made(20, [3, 4]))

    assert sorted(await bench.days(span(40, 1))) == [ago(22), ago(21), ago(2), ago(1)]


async def test_days__series_came_later() -> None:
    """A series is told from the days on that it was archived for."""
    bench = bench_of(
        made(0, [1, 2, 3]),
        made(1, [4, 5, 6]),
        *(made(back, [0, 0, 0], title="B") for back in (2, 3, 4)),
    )

    assert sorted(await bench.days(span(9, 1))) == list(span(4, 1))


@pytest.mark.parametrize(
    ("first", "last"),
    [(130, 101), (189, 101), (189, 140), (189, 1), (101, 101), (104, 98), (400, 1)],
)
async def test_days__series_left(first: int, last: int) -> None:
    """All days of a series that left the archive are told, in few reads."""
    bench = bench_of(*months(160, 100), *months(99, 0, title="B"))
    asked = span(first, last)

    told = await bench.days(asked)

    assert sorted(told) == [day for day in span(190, 101) if day in asked]
    assert all(views == (TODAY - on).days for views, on in told.values())
    assert len(bench.store.reads) <= 18


async def test_days__series_left__newest_evidence() -> None:
    """The last days of a series that left are told as the last archive with it has them."""
    bench = bench_of(*months(160, 100), *months(99, 0, title="B"))

    told = await bench.days(span(189, 1))

    assert {told[day] for day in span(104, 101)} == {(100, ago(100))}
    for day, (_, observed_on) in told.items():
        assert observed_on >= min(day + timedelta(days=4), ago(100))


@pytest.mark.parametrize("reach", [(400, 1), (400, 150), (229, 150), (190, 190)])
async def test_days__series_came(reach: tuple[int, int]) -> None:
    """A series that came between two archives is told from the first archive's window on."""
    bench = bench_of(*months(200, 0), *months(300, 201, title="B"))
    asked = span(*reach)

    told = await bench.days(asked)

    assert sorted(told) == [day for day in span(230, 1) if day in asked]
    assert len(bench.store.reads) <= 20


async def test_days__series_came_and_left() -> None:
    """A series that was archived for one stay, and a later one, is told of both."""
    bench = bench_of(
        *months(99, 0, title="B"),
        *months(130, 100),
        *months(230, 131, title="B"),
        *months(261, 231),
        *months(400, 262, title="B"),
    )

    told = await bench.days(span(365, 1))

    assert sorted(told) == [*span(291, 232), *span(160, 101)]


async def test_days__series_left__as_of() -> None:
    """As of a day, too; archives that were made up for later do not get into the way."""
    bench = bench_of(
        *months(160, 130),
        *(month(back, late=back) for back in range(100, 130)),
        *months(99, 0, title="B"),
    )

    assert sorted(await bench.days(span(200, 60), as_of=ago(60))) == list(span(190, 131))
    assert all(back not in bench.store.reads for back in span(129, 100))


async def test_days__unknown_to_all() -> None:
    """A day that no archive knows does not use up the reads for the others."""
    bench = bench_of(
        *(
            made(back, [MISSING if back + 30 - n == 100 else 7 for n in range(30)])
            for back in range(200)
        )
    )

    told = await bench.days(span(200, 1))

    assert sorted(told) == [day for day in span(200, 1) if day != ago(100)]
    assert len(bench.store.reads) <= 9 + TRIES


async def test_days__series_failed() -> None:
    """An archive in which the series failed tells nothing of it; another does."""
    newest = made(0, [1, 2, 3])
    failed = newest.series[A].__class__(Outcome.FAILED, None, "was cut off")
    broken = Archive(
        newest.day, newest.window, newest.observed_on, complete=False, top=(), series={A: failed}
    )
    bench = bench_of(broken, made(1, [4, 5, 6]))

    assert await bench.days(span(3, 1)) == {ago(3): (5, ago(1)), ago(2): (6, ago(1))}


async def test_days__an_archive_cannot_be_read() -> None:
    """An archive that is corrupt, or cannot be read, is left out; others tell what they know."""
    bench = bench_of(made(0, [1, 2, 3]), made(1, [4, 5, 6]), made(2, [7, 8, 9]))
    bench.store.unread[TODAY] = ArchiveCorruptError("differs")
    bench.store.failures[ago(1)] = ArchiveCorruptError("differs")

    told = await bench.days(span(5, 1))

    assert told == {ago(5): (7, ago(2)), ago(4): (8, ago(2)), ago(3): (9, ago(2))}


async def test_days__an_archive_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that was taken away since it was listed is left out as well."""
    bench = bench_of(made(0, [1, 2, 3]), made(2, [7, 8, 9]))
    read = bench.reader.read

    async def read_unless_gone(day: date) -> ReadArchive:
        if day == TODAY:
            raise NotArchivedError("There is no archive of that day.")
        return await read(day)

    monkeypatch.setattr(bench.reader, "read", read_unless_gone)

    told = await bench.days(span(5, 1))

    assert told == {ago(5): (7, ago(2)), ago(4): (8, ago(2)), ago(3): (9, ago(2))}


async def test_days__store_fails() -> None:
    """Where it cannot be told what there is, that is an error."""
    bench = bench_of(made(0, [1]), made(3, [2]))
    bench.store.failures[ago(3)] = ArchiveUnavailableError("down")

    with pytest.raises(ArchiveUnavailableError):
        await bench.days(span(4, 4))


# As of a day


async def test_days__as_of(daily: Bench) -> None:
    """As of a day, what was observed by then is told, and nothing else."""
    told = await daily.days(span(60, 1), as_of=ago(30))

    assert sorted(told) == list(span(60, 31))
    assert told[ago(31)] == (30_004, ago(30))
    assert all(observed_on <= ago(30) for _, observed_on in told.values())
    assert min(daily.store.reads) >= ago(65)
    assert max(daily.store.reads) == ago(30)


async def test_days__as_of_is_not_told_by_late_archives() -> None:
    """An archive that was made up for later is no evidence for the days before that."""
    late = made(5, [7, 7, 7], late=4)  # observed a day ago
    bench = bench_of(made(6, [1, 2, 3]), late, made(0, [4, 5, 6]))

    assert await bench.days(span(9, 5), as_of=ago(2)) == {
        ago(9): (1, ago(6)),
        ago(8): (2, ago(6)),
        ago(7): (3, ago(6)),
    }
    assert ago(5) not in bench.store.reads
    assert await bench.days(span(8, 6), as_of=ago(1)) == {
        ago(8): (7, ago(1)),
        ago(7): (7, ago(1)),
        ago(6): (7, ago(1)),
    }


async def test_days__as_of_before_the_first() -> None:
    """As of a day before the first archive nothing was known."""
    bench = bench_of(made(0, [1, 2]), made(9, [1, 2], late=9))

    assert await bench.days(span(12, 1), as_of=ago(9)) == {}
    assert await bench.observations.newest(A, as_of=ago(9)) is None


async def test_days__replaced_meanwhile() -> None:
    """What replaced an archive since it was listed is not told as of a day before that."""
    bench = bench_of(made(5, [1, 2, 3]))
    assert (await bench.days(span(8, 6), as_of=ago(5)))[ago(8)] == (1, ago(5))
    fresh = bench_of(made(5, [1, 2, 3]))
    await fresh.index.entry(ago(5))
    fresh.store.replace_unseen(made(5, [7, 8, 9], late=2))

    assert await fresh.days(span(8, 6), as_of=ago(5)) == {}
    assert await fresh.days(span(8, 6)) == {ago(8 - n): (7 + n, ago(3)) for n in range(3)}


async def test_days__replaced_while_it_is_asked() -> None:
    """The same holds for the answer in whose midst it was replaced: it tells its true date."""
    bench = bench_of(made(5, [1, 2, 3]))
    await bench.index.entry(ago(5))
    bench.store.replace_unseen(made(5, [7, 8, 9], late=2))

    assert await bench.days(span(8, 6)) == {ago(8 - n): (7 + n, ago(3)) for n in range(3)}


@pytest.mark.parametrize("failure", [ArchiveUnavailableError("503"), ArchiveCorruptError("no")])
async def test_as_of__cannot_be_read(failure: ArchiveError) -> None:
    """Where the archive that tells what was known cannot be read, no older one is told instead."""
    bench = bench_of(made(3, [1, 2, 3]), made(4, [9, 9, 9]))
    bench.store.unread[ago(3)] = failure

    with pytest.raises(type(failure)):
        await bench.days(span(6, 5), as_of=ago(2))
    with pytest.raises(type(failure)):
        await bench.observations.newest(A, as_of=ago(2))

    assert await bench.days(span(6, 5), as_of=ago(4)) == {ago(6): (9, ago(4)), ago(5): (9, ago(4))}
    assert await bench.days(span(6, 5)) == {ago(6): (9, ago(4)), ago(5): (9, ago(4))}


@pytest.mark.parametrize("failure", [ArchiveUnavailableError("503"), ArchiveCorruptError("no")])
async def test_as_of__cannot_be_told_of(failure: ArchiveError) -> None:
    """The same holds where it cannot even be told when it was observed."""
    bench = bench_of(made(3, [1, 2, 3]), made(4, [9, 9, 9]))
    bench.store.failures[ago(3)] = failure

    with pytest.raises(type(failure)):
        await bench.days(span(6, 5), as_of=ago(2))
    with pytest.raises(type(failure)):
        await bench.observations.newest(A, as_of=ago(2))

    assert await bench.observations.newest(A) == ago(5)


async def test_as_of__one_that_does_not_matter() -> None:
    """A corrupt archive that is older than the one that tells is in nobody's way."""
    bench = bench_of(made(3, [1, 2, 3]), made(4, [9, 9, 9]))
    bench.store.failures[ago(4)] = ArchiveCorruptError("no")

    assert await bench.days(span(6, 5), as_of=ago(2)) == {ago(6): (1, ago(3)), ago(5): (2, ago(3))}
    assert await bench.observations.newest(A, as_of=ago(2)) == ago(4)


async def test_as_of__corrupt_older_archive() -> None:
    """Where an older archive would tell a day, and is corrupt, that is an error, too."""
    bench = bench_of(*months(90, 0))
    bench.store.failures[ago(46)] = ArchiveCorruptError("no")

    with pytest.raises(ArchiveCorruptError):
        await bench.days(span(50, 50), as_of=ago(1))
    assert await bench.days(span(50, 50)) == {ago(50): (45, ago(45))}


async def test_as_of__gone_since_it_was_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that was taken away tells nothing, and there is no error in that."""
    bench = bench_of(made(3, [1, 2, 3]), made(4, [9, 9, 9]))
    notes = bench.store.notes

    async def notes_unless_gone(day: date) -> Mapping[str, str] | None:
        return None if day == ago(3) else await notes(day)

    monkeypatch.setattr(bench.store, "notes", notes_unless_gone)

    assert await bench.days(span(6, 5), as_of=ago(2)) == {ago(6): (9, ago(4)), ago(5): (9, ago(4))}


# The newest day


async def test_newest__day(daily: Bench) -> None:
    """The newest archived day is told, now and as of a day."""
    assert await daily.observations.newest(A) == ago(1)
    assert await daily.observations.newest(A, as_of=ago(50)) == ago(51)
    assert await daily.observations.newest(A, as_of=ago(200)) is None
    assert await daily.observations.newest(series_of("B")) is None


async def test_newest__last_days_unknown() -> None:
    """A day that is in the newest archive without a number is not the newest."""
    bench = bench_of(made(0, [1, 2, NOT_LOADED]), made(1, [MISSING] * 3))

    assert await bench.observations.newest(A) == ago(2)


async def test_newest__not_in_the_newest_archive() -> None:
    """A series that left is told of by the archive that has it, a few days back."""
    bench = bench_of(made(0, [1], title="B"), made(1, [1], title="B"), made(2, [1, 2]))

    assert await bench.observations.newest(A) == ago(3)


async def test_newest__backfilled_later() -> None:
    """An older day's archive that was made last does not end what is known weeks too early."""
    bench = bench_of(made(1, [1] * 5), made(20, [2] * 5, late=20))

    assert await bench.observations.newest(A) == ago(2)
    assert await bench.observations.newest(A, as_of=TODAY) == ago(2)


async def test_newest__is_told_by_an_older_archive() -> None:
    """A day that only an older archive knows is the newest, if no later day is known."""
    bench = bench_of(made(0, [1, NOT_LOADED, NOT_LOADED]), made(1, [5, 6, NOT_LOADED]))

    assert await bench.observations.newest(A) == ago(3)
    bench = bench_of(made(0, [1, NOT_LOADED, NOT_LOADED]), made(1, [5, 6, 7]))
    assert await bench.observations.newest(A) == ago(2)


async def test_newest__hidden_by_late_archives() -> None:
    """Archives of a long outage that were made later hide nothing of what was known before."""
    late = [made(back, [1] * 5, late=back) for back in range(30, 130)]
    bench = bench_of(made(131, [7] * 5), *late)

    assert await bench.observations.newest(A, as_of=ago(30)) == ago(132)
    assert await bench.days(span(136, 132), as_of=ago(30)) == {
        day: (7, ago(131)) for day in span(136, 132)
    }


async def test_newest__left_weeks_ago() -> None:
    """A series that left the archive within two months is found, in few reads."""
    bench = bench_of(*months(100, 45), *months(44, 0, title="B"))

    assert await bench.observations.newest(A) == ago(46)
    assert len(bench.store.reads) <= 9


# Top lists


async def test_top__of_a_day() -> None:
    """A day's list is in the archive of the next day, for each project."""
    french = top_of(ago(1), "Chat", project="fr.wikipedia")
    archive = archive_of(TODAY, {"A": [1]}, top=(top_of(ago(1), "Cat", "Dog"), french))
    bench = bench_of(archive)

    told = await bench.observations.top("en.wikipedia", ago(1))

    assert told is not None
    assert told.articles == archive.top[0].articles
    assert told.observed_on == TODAY
    other = await bench.observations.top("fr.wikipedia", ago(1))
    assert other is not None
    assert other.articles == french.articles
    assert await bench.observations.top("de.wikipedia", ago(1)) is None
    assert await bench.observations.top("en.wikipedia", ago(2)) is None


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NO_DATA])
async def test_top__was_not_had(outcome: Outcome) -> None:
    """A list that could not be had is none."""
    bench = bench_of(archive_of(TODAY, {"A": [1]}, top=(top_of(ago(1), outcome=outcome),)))

    assert await bench.observations.top("en.wikipedia", ago(1)) is None


# Bounds


async def test_days__bounded_reads() -> None:
    """However long the range, so many archives are read at the most, and the newest days told."""
    bench = bench_of(*(made(back, [1]) for back in range(100)))

    told = await bench.days(span(100, 1))

    assert len(bench.store.reads) == len(set(bench.store.reads)) == MAX_READS
    assert sorted(told) == list(span(MAX_READS, 1))


@pytest.mark.parametrize(
    ("first", "last", "reads"), [(30, 1, 2), (60, 31, 4), (75, 40, 4), (365, 1, 14), (700, 1, 14)]
)
async def test_days__series_that_is_not_archived(first: int, last: int, reads: int) -> None:
    """Who asks for what was never archived has few archives read: each may be large."""
    bench = bench_of(*months(699, 0, title="B"))

    assert await bench.days(span(first, last)) == {}

    assert len(bench.store.reads) <= reads <= MAX_IN_VAIN


async def test_newest__series_that_is_not_archived() -> None:
    """So has who asks for its newest day."""
    bench = bench_of(*months(199, 0, title="B"))

    assert await bench.observations.newest(A) is None

    assert len(bench.store.reads) <= 3


async def test_days__no_archive_can_be_read() -> None:
    """Where archive after archive cannot be read, no more are after a few."""
    bench = bench_of(*months(199, 0))
    bench.store.unread = dict.fromkeys(span(199, 0), ArchiveUnavailableError("down"))

    assert await bench.days(span(199, 1)) == {}

    assert len(bench.store.reads) == MAX_FAILURES


async def test_newest__bounded_heads_of_late_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of archives that were all made later so many are asked for theirs at the most."""
    monkeypatch.setattr(observations_module, "MAX_HEADS", 100)
    bench = bench_of(*(made(back, [1], late=back) for back in range(1, 300)))

    assert await bench.observations.newest(A, as_of=ago(1)) is None

    assert bench.store.heads == 100


async def test_newest__bounded_heads(daily: Bench) -> None:
    """The one that was observed last is looked for among the last two months only."""
    await daily.observations.newest(A)

    assert daily.store.heads <= LOOKED_AT


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
async def test_days__long_range_is_no_burden(late: bool) -> None:
    """Eleven years of days, asked of three years of archives, hold the loop for no long time."""
    archives = [made(back, [1], late=back if late else 0) for back in range(1000)]
    bench = bench_of(*archives)
    as_of = ago(1) if late else None
    await bench.days(span(4000, 1), as_of=as_of)  # what is told of each is known from now on

    begun = process_time()
    await bench.days(span(4000, 1100), as_of=as_of)

    assert process_time() - begun < 1.0


# Anything at all

Numbers = st.lists(
    st.integers(0, 9) | st.sampled_from([MISSING, HOLE, NOT_LOADED]), min_size=4, max_size=4
)


@dataclass(frozen=True)
class Case:
    """An archive in short: its day, how late it is, and its numbers; None: without ``A``."""

    back: int
    late: int
    numbers: Views | None

    def archive(self) -> Archive:
        """Make it."""
        if self.numbers is None:
            return made(self.back, [1] * 4, late=self.late, title="B")
        return made(self.back, self.numbers, late=self.late)


def lists_of(numbers: st.SearchStrategy[Views | None]) -> st.SearchStrategy[list[Case]]:
    """Draw archives of some of the last 20 days."""
    return st.lists(
        st.builds(Case, st.integers(0, 19), st.integers(0, 5), numbers),
        max_size=10,
        unique_by=lambda case: case.back,
    )


@st.composite
def stays(draw: st.DrawFn) -> list[Case]:
    """Draw archives that have ``A`` from a day on, until another: for a window's days or longer."""
    left = draw(st.integers(-5, 19))
    came = left + draw(st.integers(4, 25))
    return [
        one if left <= one.back <= came else Case(one.back, one.late, None)
        for one in draw(lists_of(Numbers))
    ]


Evidence = dict[date, set[tuple[int | None, date]]]


def evidence_of(archives: list[Archive]) -> Evidence:
    """Tell what archives say of each day."""
    evidence: Evidence = {}
    for archive in archives:
        days = archive.series[A].days if A in archive.series else None
        for day in days.range if days else ():
            assert days is not None
            if days.view_of(day) is not None or days.status_of(day) is DayStatus.HOLE:
                evidence.setdefault(day, set()).add((days.view_of(day), archive.observed_on))
    return evidence


def answers(
    archives: list[Archive], asked: DateRange, as_of: date | None
) -> tuple[Told, date | None]:
    """Ask for days, and for the newest one."""

    async def ask() -> tuple[Told, date | None]:
        bench = bench_of(*archives)
        told = await bench.days(asked, as_of=as_of)
        newest = await bench.observations.newest(A, as_of=as_of)
        await bench.reader.aclose()
        return told, newest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observations_module, "TRIES", 100)
        return asyncio.run(ask())


@settings(max_examples=300)
@given(
    lists_of(st.none() | Numbers) | stays(),
    st.none() | st.integers(-6, 25),
    st.integers(1, 30),
    st.integers(0, 29),
)
@example([Case(0, 0, [1, 2, 3, 4]), Case(1, 5, [5, 6, 7, 8])], 0, 20, 19)
def test_days__nothing_but_what_the_archives_say(
    some: list[Case], as_of_back: int | None, first: int, length: int
) -> None:
    """What is told is in an archive of its date, by then; the newest archive is told first."""
    as_of = None if as_of_back is None else ago(as_of_back)
    asked = DateRange(ago(first), ago(first) + timedelta(days=length))
    archives = [case.archive() for case in some]
    fit = [one for one in archives if as_of is None or one.observed_on <= as_of]
    evidence = evidence_of(fit)

    told, newest = answers(archives, asked, as_of)

    assert all(one in evidence.get(day, set()) for day, one in told.items())
    assert asked.start <= min(told, default=asked.start)
    assert asked.end >= max(told, default=asked.end)
    last = max(fit, key=lambda one: (one.observed_on, one.day), default=None)
    if last is not None and A in last.series:
        assert_as_in(last, told)
    assert newest is None or any(views is not None for views, _ in evidence[newest])


@settings(max_examples=300)
@given(stays(), st.none() | st.integers(-6, 25), st.integers(1, 30), st.integers(0, 29))
def test_days__all_that_the_archives_say(
    some: list[Case], as_of_back: int | None, first: int, length: int
) -> None:
    """Whatever is archived of a series that came, stayed and left is told."""
    as_of = None if as_of_back is None else ago(as_of_back)
    asked = DateRange(ago(first), ago(first) + timedelta(days=length))
    archives = [case.archive() for case in some]
    fit = [one for one in archives if as_of is None or one.observed_on <= as_of]
    evidence = evidence_of(fit)

    told, newest = answers(archives, asked, as_of)

    assert sorted(told) == sorted(day for day in evidence if day in asked)
    lost = {day for day, told in evidence.items() if any(views is None for views, _ in told)}
    known = max((day for day in evidence if day not in lost), default=None)
    assert newest is not None or known is None
    assert newest is None or known is None or newest >= known


def assert_as_in(archive: Archive, told: Told) -> None:
    """Compare with what the newest archive knows."""
    days = archive.series[A].days
    assert days is not None
    for day in days.range:
        if day in told and days.view_of(day) is not None:
            assert told[day] == (days.view_of(day), archive.observed_on)
