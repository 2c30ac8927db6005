"""What every archive store promises, asked of a folder and of real S3 servers.

rclone ignores conditions: there all holds but for writers at the very same moment.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from pageviews_api.clients.archive_store import (
    MAX_ARCHIVE_BYTES,
    ArchiveStore,
    archive_name,
    archived_day,
    notes,
    require_size,
    sha256,
)
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore
from pageviews_api.exceptions import ArchiveCorruptError, ArchiveError, ArchiveExistsError

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

    from tests.support.s3_servers import S3Server

DAY = date(2026, 11, 22)
BODY = b'{"date":"2026-11-22"}\n'
OTHER = b'{"date":"2026-11-22","complete":true}\n'
WRITERS = 8

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


@on_every_store
async def test_create__day_without_archive(place: Place) -> None:
    """What was created is read back byte for byte, listed, and described beside it."""
    store = place.store()
    await store.create(DAY, BODY, run_id="run-1")
    stored = await place.store().read(DAY)
    assert stored is not None
    assert stored.body == BODY
    assert await store.days() == [DAY]
    assert await place.told(DAY, BODY) == {"sha256": sha256(BODY), "run-id": "run-1"}


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
    assert await place.told(DAY, OTHER) == {"sha256": sha256(OTHER), "run-id": "run-2"}


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
