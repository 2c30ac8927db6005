"""What every archive store promises, asked of a folder and of real S3 servers.

rclone ignores conditions: there all holds but for writers at the very same moment.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from pageviews_api.archive.facts import Facts
from pageviews_api.clients.archive_store import (
    MAX_ARCHIVE_BYTES,
    MAX_SLOTS,
    ArchiveStore,
    archive_name,
    archived_day,
    notes,
    progress_name,
    progress_slot,
    require_size,
    sha256,
)
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveDeniedError,
    ArchiveError,
    ArchiveExistsError,
)

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

    from tests.support.s3_servers import S3Server

DAY = date(2026, 11, 22)
BODY = b'{"date":"2026-11-22"}\n'
OTHER = b'{"date":"2026-11-22","complete":true}\n'
WRITERS = 8

FACTS = Facts(
    window=DateRange(date(2026, 10, 23), date(2026, 11, 21)),
    observed_on=DAY,
    complete=False,
    ok=9_998,
    no_data=1,
    failed=1,
    known_days=299_940,
    lists=3,
    lists_failed=0,
)

Test = TypeVar("Test", bound=Callable[..., object])


class Place(Protocol):
    """Where archives are kept in a test, and a way to it that goes past the store."""

    def store(self) -> ArchiveStore:
        """Build one more store over the same place."""
        ...

    async def plant(self, name: str, body: bytes, told: str | None = None) -> None:
        """Put bytes there, with ``told`` as their SHA-256 beside them if given."""
        ...

    async def told(self, day: date, body: bytes) -> dict[str, str]:
        """Tell what lies beside the archive."""
        ...


@dataclass
class FolderPlace:
    """A folder."""

    folder: Path

    def store(self) -> ArchiveStore:
        """Build one more store."""
        return FolderArchiveStore(self.folder)

    async def plant(self, name: str, body: bytes, told: str | None = None) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        if told:
            path.with_name(f"{name}.{told}.meta").write_text("{}")

    async def told(self, day: date, body: bytes) -> dict[str, str]:
        """Read the file beside the archive."""
        beside = self.folder / f"{day.isoformat()}.json.{sha256(body)}.meta"
        told: dict[str, str] = json.loads(beside.read_bytes())
        return told


@dataclass
class S3Place:
    """A prefix of its own in the server's bucket."""

    client: "S3Client"
    bucket: str
    prefix: str = field(default_factory=lambda: f"{uuid4().hex}/archives/")

    def store(self) -> ArchiveStore:
        """Build one more store."""
        return S3ArchiveStore(self.client, bucket=self.bucket, prefix=self.prefix)

    async def plant(self, name: str, body: bytes, told: str | None = None) -> None:
        """Put an object."""
        await self.client.put_object(
            Bucket=self.bucket,
            Key=self.prefix + name,
            Body=body,
            Metadata={"sha256": told} if told else {},
        )

    async def told(self, day: date, body: bytes) -> dict[str, str]:
        """Read the object's metadata."""
        del body
        key = f"{self.prefix}{day.isoformat()}.json"
        return (await self.client.head_object(Bucket=self.bucket, Key=key))["Metadata"]


@dataclass
class Clients:
    """One client for each server, opened when first asked for: to open one takes 0.2 s."""

    stack: AsyncExitStack
    opened: dict[str, "S3Client"] = field(default_factory=dict)

    async def to(self, server: "S3Server") -> "S3Client":
        """Tell the server's client."""
        if server.endpoint_url not in self.opened:
            client = await self.stack.enter_async_context(server.client())
            self.opened[server.endpoint_url] = client
        return self.opened[server.endpoint_url]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients() -> AsyncIterator[Clients]:
    """Keep the clients of this module's tests, and close them at its end."""
    async with AsyncExitStack() as stack:
        yield Clients(stack)


@pytest_asyncio.fixture(loop_scope="module")
async def place(request: pytest.FixtureRequest, tmp_path: Path, clients: Clients) -> Place:
    """Make an empty place of the kind that the test names."""
    kind: str = request.param
    if kind == "folder":
        return FolderPlace(tmp_path / "archives")
    server: S3Server = request.getfixturevalue(f"{kind}_server")
    return S3Place(await clients.to(server), server.bucket)


in_one_loop = pytest.mark.asyncio(loop_scope="module")


def on(*kinds: str) -> Callable[[Test], Test]:
    """Run a test against each of these stores."""
    each = pytest.mark.parametrize("place", kinds, indirect=True)
    return lambda test: in_one_loop(each(test))


on_every_store = on("folder", "seaweedfs", "moto", "rclone")
on_strict_stores = on("folder", "seaweedfs", "moto")


async def succeeded(attempts: Sequence[Awaitable[None]]) -> list[bool]:
    """Await all at once and tell which succeeded; the others met another archive."""
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert all(o is None or isinstance(o, ArchiveExistsError) for o in outcomes), outcomes
    return [outcome is None for outcome in outcomes]


def kept(body: bytes, run_id: str) -> dict[str, str]:
    """Tell what is kept beside every archive."""
    return {"sha256": sha256(body), "bytes": str(len(body)), "run-id": run_id}


@on_every_store
async def test_create__day_without_archive(place: Place) -> None:
    """What was created is read back byte for byte, listed, and described beside it."""
    store = place.store()
    await store.create(DAY, BODY, run_id="run-1")
    stored = await place.store().read(DAY)
    assert stored is not None
    assert stored.body == BODY
    assert await store.days() == [DAY]
    assert await place.told(DAY, BODY) == {
        "sha256": sha256(BODY),
        "bytes": str(len(BODY)),
        "run-id": "run-1",
    }


@on_every_store
async def test_read__no_archive(place: Place) -> None:
    """A day without archive reads as None, and an empty place lists no day."""
    assert await place.store().read(DAY) is None
    assert await place.store().days() == []


@on_every_store
async def test_create__same_bytes_stored(place: Place) -> None:
    """Creating the same bytes again succeeds and changes nothing."""
    await place.store().create(DAY, BODY, run_id="run-1")
    before = await place.store().read(DAY)
    await place.store().create(DAY, BODY, run_id="run-2")
    assert await place.store().read(DAY) == before
    assert (await place.told(DAY, BODY))["run-id"] == "run-1"


@on_every_store
async def test_create__other_bytes_stored(place: Place) -> None:
    """A day that is archived is not written over, not even where conditions are ignored."""
    await place.store().create(DAY, BODY, run_id="run-1")
    with pytest.raises(ArchiveExistsError):
        await place.store().create(DAY, OTHER, run_id="run-2")
    stored = await place.store().read(DAY)
    assert stored is not None
    assert stored.body == BODY


@on_every_store
async def test_replace__version_as_read(place: Place) -> None:
    """The archive that was read is replaced, and its new bytes pass their check."""
    store = place.store()
    await store.create(DAY, BODY, run_id="run-1")
    first = await store.read(DAY)
    assert first is not None
    await store.replace(DAY, OTHER, run_id="run-2", version=first.version)
    second = await store.read(DAY)
    assert second is not None
    assert second.body == OTHER
    assert second.version != first.version
    assert await place.told(DAY, OTHER) == {
        "sha256": sha256(OTHER),
        "bytes": str(len(OTHER)),
        "run-id": "run-2",
    }


@on_every_store
async def test_replace__changed_meanwhile(place: Place) -> None:
    """What somebody else has replaced is left as it is; the same replacement is a success."""
    store = place.store()
    await store.create(DAY, BODY, run_id="run-1")
    first = await store.read(DAY)
    assert first is not None
    await store.replace(DAY, OTHER, run_id="run-2", version=first.version)
    await store.replace(DAY, OTHER, run_id="run-3", version=first.version)
    with pytest.raises(ArchiveExistsError):
        await store.replace(DAY, b"third", run_id="run-4", version=first.version)
    stored = await store.read(DAY)
    assert stored is not None
    assert stored.body == OTHER


@on_every_store
async def test_replace__nothing_there(place: Place) -> None:
    """What is gone cannot be replaced, and nothing is created in its place."""
    with pytest.raises(ArchiveExistsError):
        await place.store().replace(DAY, BODY, run_id="run-1", version='"gone"')
    assert await place.store().days() == []


@on_every_store
async def test_days__foreign_names(place: Place) -> None:
    """Only real dates in our form of name are listed, oldest first."""
    for name in (
        "2026-02-30.json",
        "2026-1-1.json",
        "2026-11-22.json.bak",
        ".2026-11-22.json.0123.part",
        "x2026-11-22.json",
        "older/2026-11-20.json",
        "notes.txt",
    ):
        await place.plant(name, b"foreign")
    for day in (date(2026, 11, 22), date(2024, 2, 29), date(2026, 9, 1)):
        await place.store().create(day, BODY, run_id="run-1")
    assert await place.store().days() == [
        date(2024, 2, 29),
        date(2026, 9, 1),
        date(2026, 11, 22),
    ]


@on_every_store
async def test_read__damaged_at_rest(place: Place) -> None:
    """Row F13: bytes that differ from their SHA-256 are an error, and are left for inspection."""
    await place.plant("2026-11-22.json", BODY.replace(b"2", b"3"), told=sha256(BODY))
    with pytest.raises(ArchiveCorruptError):
        await place.store().read(DAY)
    with pytest.raises(ArchiveCorruptError):
        await place.store().create(DAY, BODY, run_id="run-1")
    with pytest.raises(ArchiveCorruptError):
        await place.store().read(DAY)


@on_every_store
async def test_read__copied_in_by_hand(place: Place) -> None:
    """An archive with nothing told beside it is read as it is."""
    await place.plant("2026-11-22.json", BODY)
    stored = await place.store().read(DAY)
    assert stored is not None
    assert stored.body == BODY


@on_every_store
async def test_check__good_place(place: Place) -> None:
    """A place that can be listed and written passes, and no archive comes from asking."""
    store = place.store()
    await store.check()
    await store.check()
    await store.ping()
    assert await store.days() == []
    await store.create(DAY, BODY, run_id="run-1")
    await store.check()
    assert await store.days() == [DAY]


@in_one_loop
@pytest.mark.parametrize(
    ("place", "warned"),
    [("seaweedfs", False), ("moto", False), ("rclone", True)],
    indirect=["place"],
)
async def test_check__conditions_ignored(place: Place, *, warned: bool) -> None:
    """A server that ignores conditions passes the check, which logs it; no other is so called."""
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message} {extra[location]}")
    try:
        await place.store().check()
    finally:
        logger.remove(sink)
    expected = f"archive_store_ignores_conditions {place.store().location}\n"
    assert lines == ([expected] if warned else [])


@on_strict_stores
async def test_create__writers_at_once(place: Place) -> None:
    """Row F5: of writers with different bytes at the same moment exactly one wins."""
    for day in (date(2026, 11, number) for number in range(1, 6)):
        wins = await succeeded(
            [
                place.store().create(day, b"%d" % number * 5000, run_id=f"run-{number}")
                for number in range(WRITERS)
            ]
        )
        stored = await place.store().read(day)
        assert stored is not None
        assert sum(wins) == 1
        assert stored.body == b"%d" % wins.index(True) * 5000
        assert (await place.told(day, stored.body))["run-id"] == f"run-{wins.index(True)}"


@on_strict_stores
async def test_create__writers_at_once_with_same_bytes(place: Place) -> None:
    """Row F5: writers with the same bytes at the same moment all succeed."""
    attempts = [place.store().create(DAY, BODY, run_id=f"run-{n}") for n in range(WRITERS)]
    assert all(await succeeded(attempts))
    stored = await place.store().read(DAY)
    assert stored is not None
    assert stored.body == BODY


@on("rclone")
async def test_create__writers_at_once_without_conditions(place: Place) -> None:
    """Row F5: where conditions are ignored, writers of the same bytes leave one whole archive.

    A writer that read back while another wrote may have been told to try again; then it succeeds.
    """
    attempts = [place.store().create(DAY, BODY, run_id=f"run-{n}") for n in range(WRITERS)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert None in outcomes
    assert all(outcome is None or isinstance(outcome, ArchiveError) for outcome in outcomes)
    await place.store().create(DAY, BODY, run_id="again")
    stored = await place.store().read(DAY)
    assert stored is not None
    assert stored.body == BODY


@on_strict_stores
async def test_replace__writers_at_once(place: Place) -> None:
    """Row F5: of writers that replace the same version at the same moment exactly one wins."""
    await place.store().create(DAY, BODY, run_id="run-0")
    first = await place.store().read(DAY)
    assert first is not None
    wins = await succeeded(
        [
            place.store().replace(DAY, b"%d" % n * 5000, run_id="run-1", version=first.version)
            for n in range(WRITERS)
        ]
    )
    stored = await place.store().read(DAY)
    assert stored is not None
    assert sum(wins) == 1
    assert stored.body == b"%d" % wins.index(True) * 5000


@on_every_store
async def test_listed__size_and_tag(place: Place) -> None:
    """Archives are listed with their sizes, oldest first; what else lies there is not."""
    store = place.store()
    assert await store.listed() == []
    await store.create(DAY, OTHER, run_id="run-1")
    await store.create(date(2026, 11, 20), BODY, run_id="run-1")
    await store.save_progress(0, b"piece")
    await place.plant("2026-11-22.json.bak", b"foreign")

    listed = await store.listed()

    assert [(one.day, one.size) for one in listed] == [
        (date(2026, 11, 20), len(BODY)),
        (DAY, len(OTHER)),
    ]
    assert all(one.tag for one in listed)
    assert await place.store().listed() == listed
    assert await store.days() == [one.day for one in listed]


@on_every_store
async def test_listed__replaced(place: Place) -> None:
    """The tag differs when the archive was replaced, also by one of the same size."""
    store = place.store()
    await store.create(DAY, BODY, run_id="run-1")
    await store.create(date(2026, 11, 20), BODY, run_id="run-1")
    first = {one.day: one.tag for one in await store.listed()}
    there = await store.read(DAY)
    assert there is not None

    await store.replace(DAY, BODY[::-1], run_id="run-2", version=there.version)

    second = {one.day: one.tag for one in await store.listed()}
    assert second[DAY] != first[DAY]
    assert second[date(2026, 11, 20)] == first[date(2026, 11, 20)]


@on_every_store
async def test_notes__as_told(place: Place) -> None:
    """What its writer tells of an archive is kept beside it, and told without reading it."""
    store = place.store()
    assert await store.notes(DAY) is None
    await store.create(DAY, BODY, run_id="run-1", about=FACTS.as_notes())

    told = await place.store().notes(DAY)

    assert told == FACTS.as_notes() | {
        "sha256": sha256(BODY),
        "bytes": str(len(BODY)),
        "run-id": "run-1",
    }
    assert told is not None
    assert Facts.from_notes(told) == FACTS
    stored = await store.read(DAY)
    assert stored is not None
    assert stored.notes == told
    assert await store.notes(date(2026, 11, 20)) is None


@on_every_store
async def test_notes__of_a_replaced_archive(place: Place) -> None:
    """They are those of what is stored now, whoever wrote something there before."""
    store = place.store()
    await store.create(DAY, BODY, run_id="run-1", about={"complete": "no"})
    there = await store.read(DAY)
    assert there is not None
    await store.replace(
        DAY, OTHER, run_id="run-2", version=there.version, about={"complete": "yes"}
    )

    told = await store.notes(DAY)

    assert told == {"complete": "yes"} | kept(OTHER, "run-2")


@on_every_store
async def test_notes__copied_in_by_hand(place: Place) -> None:
    """Nothing is told of an archive that somebody copied there, and yet it is there."""
    await place.plant("2026-11-22.json", BODY)

    assert await place.store().notes(DAY) == {}


async def pieces(store: ArchiveStore) -> dict[int, bytes | None]:
    """Read all pieces of progress."""
    return {slot: await store.read_progress(slot) for slot in await store.progress()}


@on_every_store
async def test_progress__kept_by_slot(place: Place) -> None:
    """Pieces are kept by their slots and written over, and are never taken for archives."""
    store = place.store()
    assert await store.progress() == []
    assert await store.read_progress(0) is None
    many = {slot: b"piece %d" % slot for slot in (0, 1, 2, 24, MAX_SLOTS - 1)}
    for slot, piece in many.items():
        await store.save_progress(slot, piece)
    await store.save_progress(1, b"")

    assert await pieces(place.store()) == many | {1: b""}
    assert await store.days() == []
    assert await store.listed() == []
    await store.check()


@on_every_store
async def test_progress__many(place: Place) -> None:
    """All pieces are listed in order and read, also when they were written at once."""
    store = place.store()
    many = {slot: b"piece %d" % slot for slot in range(30)}
    await asyncio.gather(*(store.save_progress(slot, piece) for slot, piece in many.items()))

    assert await store.progress() == sorted(many)
    assert await pieces(store) == many


@on_every_store
async def test_progress__foreign_names(place: Place) -> None:
    """What else lies among them is no piece."""
    folder = ".progress/" if isinstance(place, FolderPlace) else "progress/"
    for name in (
        "1.json",
        "000001.json",
        "00001.json.bak",
        "x0001.json",
        "older/00001.json",
        f"{MAX_SLOTS:05}.json",
    ):
        await place.plant(folder + name, b"foreign")
    await place.store().save_progress(7, b"piece")

    assert await pieces(place.store()) == {7: b"piece"}


@on_every_store
async def test_now__by_the_servers_clock(place: Place) -> None:
    """A server's clock is known once it was asked something; a folder has none."""
    store = place.store()
    assert store.now() is None
    before = datetime.now(UTC) - timedelta(seconds=1)  # a Date header has no parts of a second

    await store.listed()

    told = store.now()
    if isinstance(place, FolderPlace):
        assert told is None
    else:
        assert told is not None
        assert before - timedelta(seconds=1) <= told <= datetime.now(UTC) + timedelta(seconds=1)


@on("seaweedfs", "moto", "rclone")
async def test_object__in_a_bucket(place: Place) -> None:
    """Another object of the bucket can be read: the list of what to archive."""
    store = place.store()
    assert isinstance(store, S3ArchiveStore)
    assert isinstance(place, S3Place)
    await place.plant("articles.txt", "en.wikipedia/Café\n".encode())

    assert await store.object(f"{place.prefix}articles.txt") == "en.wikipedia/Café\n".encode()
    with pytest.raises(ArchiveDeniedError, match=r"absent\.txt is not there"):
        await store.object(f"{place.prefix}absent.txt")


@on_every_store
async def test_location__for_people(place: Place) -> None:
    """Place and key lead a person to the archive and show no secret."""
    store = place.store()
    assert store.key(DAY).endswith("archives/2026-11-22.json")
    assert "archives" in store.location
    assert "SECRET" not in store.location


@given(day=st.dates() | st.datetimes())
def test_archive_name__any_date(day: date) -> None:
    """Row C13: a date, or what passes for one, gives a plain file name and nothing else."""
    name = archive_name(day)
    assert re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\.json", name)
    assert archived_day(name) == date(day.year, day.month, day.day)


@given(
    name=st.text()
    | st.from_regex(r"\d{4}-\d\d-\d\d\.json")
    | st.sampled_from(["../2026-11-22.json", "2026-11-22.json/../x", "2026-11-22.json\n"])
)
def test_archived_day__any_name(name: str) -> None:
    """Row C13: a name is a day's only if that day's archive is named exactly so."""
    day = archived_day(name)
    assert day is None or archive_name(day) == name


@pytest.mark.parametrize("run_id", ["", "a" * 65, "a b", "a\r\nx-amz-acl: public", "é"])
def test_notes__unfit_run_id(run_id: str) -> None:
    """A run id that could break a header is refused before anything is stored."""
    with pytest.raises(ValueError, match="run id"):
        notes(BODY, run_id)


def test_require_size__too_large() -> None:
    """Nothing larger than an archive can be is taken in."""
    require_size(MAX_ARCHIVE_BYTES)
    with pytest.raises(ArchiveCorruptError):
        require_size(MAX_ARCHIVE_BYTES + 1)


@pytest.mark.parametrize("about", [{"a": "x" * 101}, {"a": "é"}, {"a": "1\r\nx-amz-acl: public"}])
def test_notes__unfit_about(about: dict[str, str]) -> None:
    """What could break a header, or is long, is refused before anything is stored."""
    with pytest.raises(ValueError, match="printable ASCII"):
        notes(BODY, "run-1", about)


def test_notes__what_is_ours_stays_ours() -> None:
    """Nobody can tell another SHA-256 of the bytes, or name another run."""
    told = notes(BODY, "run-1", {"sha256": "0" * 64, "run-id": "other", "complete": "yes"})
    assert told == {"complete": "yes"} | kept(BODY, "run-1")


@given(name=st.text() | st.from_regex(r"\d{5}\.json") | st.sampled_from(["00001.json\n", "../1"]))
def test_progress_slot__any_name(name: str) -> None:
    """A name is a slot's only if that slot's piece is named exactly so."""
    slot = progress_slot(name)
    assert slot is None or progress_name(slot) == name


@pytest.mark.parametrize("slot", [-1, MAX_SLOTS])
async def test_save_progress__no_such_slot(tmp_path: Path, slot: int) -> None:
    """There is an end to the slots."""
    with pytest.raises(ValueError, match="slot"):
        await FolderArchiveStore(tmp_path).save_progress(slot, b"piece")
    with pytest.raises(ValueError, match="slot"):
        await FolderArchiveStore(tmp_path).read_progress(slot)
