"""Archive stores whose server, network or disk fails.

S3 faults go through the fault proxy before SeaweedFS. What SeaweedFS never says (Amazon's
throttling, its answer to colliding writers, an expired token) is said by a server of made answers.
"""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from pageviews_api.clients.archive_store import ArchiveStore, sha256
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore, open_s3_client
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveDeniedError,
    ArchiveExistsError,
    ArchiveUnavailableError,
)
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_servers import S3Server

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

DAY = date(2026, 11, 22)
BODY = b"x" * 20_000
LARGE = b"x" * (4 * 1024 * 1024)
PROMPT = 10
"""Seconds that any fault may take here; without bounds of our own it would be 16 s or for ever."""

Operation = Callable[[ArchiveStore], Awaitable[object]]


@pytest.fixture
async def direct(seaweedfs_server: S3Server) -> AsyncIterator["S3Client"]:
    """Open a client that goes past the proxy and past our store."""
    async with seaweedfs_server.client() as client:
        yield client


@pytest.fixture
async def store(
    seaweedfs_server: S3Server, seaweedfs_proxy: FaultProxy
) -> AsyncIterator[S3ArchiveStore]:
    """Make an empty place on SeaweedFS, reached through the proxy."""
    async with seaweedfs_server.at(seaweedfs_proxy.url).client() as client:
        yield new_store(client, seaweedfs_server.bucket)


def new_store(client: "S3Client", bucket: str, timeout: float = 20) -> S3ArchiveStore:
    """Build a store over a prefix that nobody else uses."""
    return S3ArchiveStore(client, bucket=bucket, prefix=f"{uuid4().hex}/archives/", timeout=timeout)


async def stored(client: "S3Client", bucket: str, key: str) -> dict[str, bytes]:
    """Read, past our store, every object that lies beside ``key``."""
    prefix = key.rpartition("/")[0]
    listed = await client.list_objects_v2(Bucket=bucket, Prefix=prefix)
    names = [item["Key"] for item in listed.get("Contents", ())]
    return {
        name: await (await client.get_object(Bucket=bucket, Key=name))["Body"].read()
        for name in names
    }


async def create(store: ArchiveStore) -> None:
    """Create the day's archive."""
    await store.create(DAY, BODY, run_id="run-1")


async def read(store: ArchiveStore) -> None:
    """Read the day's archive."""
    await store.read(DAY)


async def days(store: ArchiveStore) -> None:
    """List the days."""
    await store.days()


async def check(store: ArchiveStore) -> None:
    """Ask whether the place is good."""
    await store.check()


async def notes(store: ArchiveStore) -> None:
    """Ask what lies beside the day's archive."""
    await store.notes(DAY)


async def save_progress(store: ArchiveStore) -> None:
    """Keep a piece of progress."""
    await store.save_progress(7, BODY)


async def progress(store: ArchiveStore) -> None:
    """List the pieces of progress."""
    await store.progress()


async def read_progress(store: ArchiveStore) -> None:
    """Read a piece of progress."""
    await store.read_progress(7)


@pytest.mark.parametrize(
    "operation", [create, read, days, check, notes, save_progress, progress, read_progress]
)
async def test_any_call__refused(
    store: S3ArchiveStore, seaweedfs_proxy: FaultProxy, operation: Operation
) -> None:
    """Row F10: a server that refuses connections is unavailable, soon, until it is back."""
    seaweedfs_proxy.set("refuse")
    with pytest.raises(ArchiveUnavailableError) as caught:
        async with asyncio.timeout(PROMPT):
            await operation(store)
    assert caught.value.__cause__ is not None
    seaweedfs_proxy.set("pass")
    await operation(store)


@pytest.mark.parametrize(
    ("operation", "trigger"),
    [
        (create, b"PUT "),
        (create, b""),
        (read, b""),
        (days, b""),
        (check, b"PUT "),
        (check, b""),
        (notes, b"HEAD "),
        (save_progress, b"PUT "),
        (progress, b""),
    ],
)
async def test_any_call__mute(
    seaweedfs_server: S3Server,
    seaweedfs_proxy: FaultProxy,
    operation: Operation,
    trigger: bytes,
) -> None:
    """Row F11: a server that accepts and never answers is given up after the store's time-out."""
    async with seaweedfs_server.at(seaweedfs_proxy.url).client() as client:
        store = new_store(client, seaweedfs_server.bucket, timeout=0.5)
        seaweedfs_proxy.set("mute", trigger=trigger)
        with pytest.raises(ArchiveUnavailableError):
            async with asyncio.timeout(PROMPT):
                await operation(store)


async def test_read__body_stalls(
    seaweedfs_server: S3Server, seaweedfs_proxy: FaultProxy, direct: "S3Client"
) -> None:
    """Row F11: the store's time-out holds for the body too, not only for the first byte."""
    async with seaweedfs_server.at(seaweedfs_proxy.url).client() as client:
        store = new_store(client, seaweedfs_server.bucket, timeout=0.5)
        await direct.put_object(Bucket=seaweedfs_server.bucket, Key=store.key(DAY), Body=LARGE)
        seaweedfs_proxy.set("stall_resp:100000")
        with pytest.raises(ArchiveUnavailableError):
            async with asyncio.timeout(PROMPT):
                await store.read(DAY)


@pytest.mark.parametrize("fault", ["reset_resp:100000", "trunc_resp:100000"])
async def test_read__body_cut(
    store: S3ArchiveStore,
    seaweedfs_server: S3Server,
    seaweedfs_proxy: FaultProxy,
    direct: "S3Client",
    fault: str,
) -> None:
    """Row F10: half an archive is never returned."""
    await direct.put_object(Bucket=seaweedfs_server.bucket, Key=store.key(DAY), Body=LARGE)
    seaweedfs_proxy.set(fault)
    with pytest.raises(ArchiveUnavailableError):
        await store.read(DAY)


async def test_create__connection_lost_in_mid_upload(
    store: S3ArchiveStore,
    seaweedfs_server: S3Server,
    seaweedfs_proxy: FaultProxy,
    direct: "S3Client",
) -> None:
    """Row F12: nothing is visible of a broken upload, nothing is left of it, a retry succeeds."""
    bucket = seaweedfs_server.bucket
    seaweedfs_proxy.set("reset_req:1000000", trigger=b"PUT ")
    with pytest.raises(ArchiveUnavailableError):
        await store.create(DAY, LARGE, run_id="run-1")
    assert await stored(direct, bucket, store.key(DAY)) == {}
    assert "Uploads" not in await direct.list_multipart_uploads(Bucket=bucket)
    seaweedfs_proxy.set("pass")
    await store.create(DAY, LARGE, run_id="run-1")
    assert await stored(direct, bucket, store.key(DAY)) == {store.key(DAY): LARGE}


async def test_progress__piece_is_gone(
    store: S3ArchiveStore, seaweedfs_server: S3Server, direct: "S3Client"
) -> None:
    """A piece that is gone before it is read is none: it costs fetches, and nothing else."""
    for slot in (1, 2):
        await store.save_progress(slot, b"%d" % slot)
    assert await store.progress() == [1, 2]
    key = f"{store.key(DAY).rpartition('/')[0]}/progress/00001.json"
    await direct.delete_object(Bucket=seaweedfs_server.bucket, Key=key)

    assert await store.read_progress(1) is None
    assert await store.read_progress(2) == b"2"


@pytest.mark.parametrize("user", [("AKID", "WRONGSECRET"), ("ROKEY", "ROSECRET")])
async def test_progress__not_allowed(
    store: S3ArchiveStore, seaweedfs_server: S3Server, user: tuple[str, str]
) -> None:
    """Rows F15 and F16: progress that may not be kept is denied, and so told to the journal."""
    async with seaweedfs_server.seen_by(*user).client() as client:
        bucket, _, prefix = store.location.removeprefix("s3://").partition("/")
        denied = S3ArchiveStore(client, bucket=bucket, prefix=prefix)
        with pytest.raises(ArchiveDeniedError):
            await denied.save_progress(1, b"piece")


@pytest.mark.parametrize("fault", ["trunc_resp:0", "reset_resp:0"])
@pytest.mark.parametrize("lost", [1, 20])
async def test_create__answer_lost(
    store: S3ArchiveStore, seaweedfs_proxy: FaultProxy, fault: str, lost: int
) -> None:
    """Row F6: what was stored although its answer was lost, once or always, is a success."""
    seaweedfs_proxy.set("pass", script=[fault] * lost, trigger=b"PUT ")
    await create(store)
    assert len(seaweedfs_proxy.script) < lost
    found = await store.read(DAY)
    assert found is not None
    assert found.body == BODY


async def test_replace__answer_lost(store: S3ArchiveStore, seaweedfs_proxy: FaultProxy) -> None:
    """Row F6: a replacement whose answer was lost is a success, and so is the next one."""
    await create(store)
    first = await store.read(DAY)
    assert first is not None
    seaweedfs_proxy.set("pass", script=["trunc_resp:0"] * 20, trigger=b"PUT ")
    async with store_on_new_connections(store, seaweedfs_proxy) as fresh:
        await fresh.replace(DAY, b"second", run_id="run-2", version=first.version)
    second = await store.read(DAY)
    assert second is not None
    assert second.body == b"second"


@asynccontextmanager
async def store_on_new_connections(
    store: S3ArchiveStore, proxy: FaultProxy
) -> AsyncIterator[S3ArchiveStore]:
    """Reach the same place by connections that the proxy has not seen yet."""
    async with S3Server(proxy.url).client() as client:
        bucket, _, prefix = store.location.removeprefix("s3://").partition("/")
        yield S3ArchiveStore(client, bucket=bucket, prefix=prefix)


async def test_create__byte_flipped_on_the_way(
    store: S3ArchiveStore,
    seaweedfs_server: S3Server,
    seaweedfs_proxy: FaultProxy,
    direct: "S3Client",
) -> None:
    """Row F13: a body that was damaged on its way is not stored, and trying again may help."""
    seaweedfs_proxy.set("flip:9000", trigger=b"PUT ")
    with pytest.raises(ArchiveUnavailableError):
        await create(store)
    assert await stored(direct, seaweedfs_server.bucket, store.key(DAY)) == {}
    seaweedfs_proxy.set("pass")
    async with store_on_new_connections(store, seaweedfs_proxy) as fresh:
        await create(fresh)


async def test_read__byte_flipped_on_the_way(
    store: S3ArchiveStore, seaweedfs_proxy: FaultProxy
) -> None:
    """Row F13: bytes that were damaged on their way back are never returned."""
    await create(store)
    seaweedfs_proxy.set("flip_resp:9000")
    async with store_on_new_connections(store, seaweedfs_proxy) as fresh:
        with pytest.raises(ArchiveCorruptError):
            await fresh.read(DAY)


async def test_read__damaged_at_rest(
    store: S3ArchiveStore, seaweedfs_server: S3Server, direct: "S3Client"
) -> None:
    """Row F13: an object that differs from the SHA-256 beside it is an error, and stays."""
    await direct.put_object(
        Bucket=seaweedfs_server.bucket,
        Key=store.key(DAY),
        Body=b"damaged",
        Metadata={"sha256": sha256(BODY)},
    )
    with pytest.raises(ArchiveCorruptError):
        await store.read(DAY)
    kept = await stored(direct, seaweedfs_server.bucket, store.key(DAY))
    assert kept == {store.key(DAY): b"damaged"}


@pytest.mark.parametrize(
    ("key", "secret", "reason"),
    [
        ("AKID", "WRONGSECRET", "list was answered with 403 SignatureDoesNotMatch"),
        ("NOBODY", "WRONGSECRET", "list was answered with 403 InvalidAccessKeyId"),
        ("ROKEY", "ROSECRET", "write was answered with 403 AccessDenied"),
    ],
)
async def test_check__not_allowed(
    seaweedfs_server: S3Server, key: str, secret: str, reason: str
) -> None:
    """Rows F15 and F16: wrong keys, and keys that may only read, are named, and are not shown."""
    async with seaweedfs_server.seen_by(key, secret).client() as client:
        with pytest.raises(ArchiveDeniedError, match=reason) as caught:
            await new_store(client, seaweedfs_server.bucket).check()
    assert secret not in str(caught.value)
    assert key not in str(caught.value)


async def test_check__no_such_bucket(seaweedfs_server: S3Server, direct: "S3Client") -> None:
    """Row F16: a missing bucket is named, and is not created."""
    store = new_store(direct, "missing")
    with pytest.raises(ArchiveDeniedError, match=r"s3://missing/.* 404 NoSuchBucket"):
        await store.check()
    with pytest.raises(ArchiveDeniedError, match="NoSuchBucket"):
        await create(store)
    listed = await direct.list_buckets()
    assert [bucket["Name"] for bucket in listed["Buckets"]] == [seaweedfs_server.bucket]


async def test_create__read_only_user(store: S3ArchiveStore, seaweedfs_server: S3Server) -> None:
    """Row F16: whoever may only read can read what is archived, and is told so when writing."""
    await create(store)
    async with seaweedfs_server.seen_by("ROKEY", "ROSECRET").client() as client:
        bucket, _, prefix = store.location.removeprefix("s3://").partition("/")
        reader = S3ArchiveStore(client, bucket=bucket, prefix=prefix)
        assert await reader.days() == [DAY]
        with pytest.raises(ArchiveDeniedError, match="AccessDenied"):
            await reader.create(date(2026, 11, 23), BODY, run_id="run-2")


# ---- made answers


@asynccontextmanager
async def answering(*answers: tuple[int, str]) -> AsyncIterator[tuple[S3ArchiveStore, list[bytes]]]:
    """Serve these (status, body) in turn, the last one for ever; keep the head of each request."""
    heads: list[bytes] = []
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        status, body = left.pop(0) if len(left) > 1 else left[0]
        head = f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body.encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, S3Server(url).client() as client:
        yield new_store(client, "arch"), heads


def error(code: str) -> str:
    """Write an S3 error document."""
    return f"<Error><Code>{code}</Code><Message>AKIDEXAMPLE is unwanted</Message></Error>"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (503, "SlowDown", ArchiveUnavailableError),
        (500, "InternalError", ArchiveUnavailableError),
        (502, "", ArchiveUnavailableError),
        (400, "RequestTimeout", ArchiveUnavailableError),
        (400, "ExpiredToken", ArchiveDeniedError),
        (400, "AuthorizationHeaderMalformed", ArchiveDeniedError),
        (403, "RequestTimeTooSkewed", ArchiveDeniedError),
        (403, "", ArchiveDeniedError),
        (404, "NoSuchBucket", ArchiveDeniedError),
    ],
)
async def test_read__error_answered(status: int, code: str, expected: type[Exception]) -> None:
    """Rows F10, F14, F15: what passes by itself is unavailable, what does not is denied."""
    async with answering((status, error(code) if code else "")) as (store, _):
        with pytest.raises(expected, match=str(status)) as caught:
            await store.read(DAY)
    assert "AKIDEXAMPLE" not in str(caught.value)


async def test_days__no_s3_server() -> None:
    """A server that does not speak S3 is unavailable."""
    async with answering((200, "<html>Welcome")) as (store, _):
        with pytest.raises(ArchiveUnavailableError):
            await store.days()


async def test_create__writers_collided() -> None:
    """Row F5: Amazon's 409 for writers that met, with nothing stored yet, may be tried again."""
    absent, collided = (404, error("NoSuchKey")), (409, error("ConditionalRequestConflict"))
    async with answering(absent, collided, absent) as (store, heads):
        with pytest.raises(ArchiveUnavailableError) as caught:
            await store.create(DAY, b"", run_id="run-1")
    assert isinstance(caught.value.__cause__, ArchiveExistsError)
    assert [head.split()[0] for head in heads] == [b"GET", b"PUT", b"GET"]


async def test_create__cannot_be_read_back() -> None:
    """Row F14: a write counts as done only when it was read back; until then it is tried again."""
    absent, failing = (404, error("NoSuchKey")), (500, error("InternalError"))
    async with answering(absent, (200, ""), failing) as (store, _):
        with pytest.raises(ArchiveUnavailableError):
            await store.create(DAY, b"", run_id="run-1")
    async with answering(absent, (200, ""), absent) as (store, _):
        with pytest.raises(ArchiveUnavailableError):
            await store.create(DAY, b"", run_id="run-1")


async def test_create__no_archive_yet() -> None:
    """Row F11: a write asks for no 100-continue, whose wait has no bound, and is conditional."""
    absent = (404, error("NoSuchKey"))
    async with answering(absent, (200, ""), absent) as (store, heads):
        with pytest.raises(ArchiveUnavailableError):
            await store.create(DAY, b"", run_id="run-1")
    head = heads[1].lower()
    assert b"expect:" not in head
    assert b"if-none-match: *\r\n" in head
    assert b"content-type: application/json\r\n" in head
    assert b"x-amz-checksum-sha256: 47deqpj8hbsa+/timw+5jceuqerkm5nmpjwzg3hsufu=\r\n" in head
    assert b"x-amz-meta-run-id: run-1\r\n" in head


async def test_days__more_than_one_page() -> None:
    """Every day is listed when the server needs more than one page."""

    def page(name: str, more: str) -> tuple[int, str]:
        key = f"<Contents><Key>{name}</Key></Contents>"
        return 200, f"<ListBucketResult>{more}{key}</ListBucketResult>"

    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>2</NextContinuationToken>"
    async with answering((200, "")) as (store, _):
        prefix = store.key(DAY).removesuffix("2026-11-22.json")
    async with answering(
        page(f"{prefix}2026-11-22.json", more), page(f"{prefix}2026-11-21.json", "")
    ) as (server, heads):
        same = S3ArchiveStore(server._client, bucket="arch", prefix=prefix)
        assert await same.days() == [date(2026, 11, 21), DAY]
    assert b"continuation-token=2" in heads[1]


async def test_open_s3_client__unfit_endpoint() -> None:
    """An address that is none is refused with an error of ours."""
    with pytest.raises(ArchiveDeniedError):
        async with S3Server("not an address").client():
            pass


async def test_open_s3_client__addressing() -> None:
    """Amazon is addressed by the bucket's host name, other servers by path."""
    async with open_s3_client(
        region="eu-west-3",
        endpoint_url=None,
        access_key_id="AKID",
        secret_access_key="SECRET",
        session_token=None,
    ) as client:
        url = await client.generate_presigned_url("get_object", {"Bucket": "arch", "Key": "k"})
        assert url.startswith("https://arch.s3.")
    async with S3Server("http://127.0.0.1:1").client() as client:
        url = await client.generate_presigned_url("get_object", {"Bucket": "arch", "Key": "k"})
        assert url.startswith("http://127.0.0.1:1/arch/k")


# ---- the folder


def entries(folder: Path) -> list[str]:
    """Name everything in the folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("operation", [notes, progress, read_progress])
async def test_folder__missing(tmp_path: Path, operation: Operation) -> None:
    """Of a folder that is not there yet nothing is told, and that is no error."""
    await operation(FolderArchiveStore(tmp_path / "var" / "archives"))


@pytest.mark.parametrize("operation", [notes, progress, read_progress, save_progress])
async def test_folder__hangs(tmp_path: Path, operation: Operation) -> None:
    """Row F11: a file call that hangs is given up in time, whatever was asked."""
    os.mkfifo(tmp_path / "2026-11-22.json")
    store = FolderArchiveStore(tmp_path, timeout=0.2)
    try:
        with pytest.raises(ArchiveUnavailableError):
            await store.read(DAY)  # it holds the store's thread from now on
        with pytest.raises(ArchiveUnavailableError):
            async with asyncio.timeout(30):
                await operation(store)
    finally:
        os.close(os.open(tmp_path / "2026-11-22.json", os.O_WRONLY | os.O_NONBLOCK))


async def test_folder__progress_is_no_part_of_the_archive(tmp_path: Path) -> None:
    """Pieces lie in a hidden folder of their own, and no part file is left of them."""
    store = FolderArchiveStore(tmp_path)
    await create(store)
    before = entries(tmp_path)
    for _ in range(3):
        await store.save_progress(7, BODY)
    assert entries(tmp_path) == [".progress", *before]
    assert entries(tmp_path / ".progress") == ["00007.json"]


async def test_folder__created_when_missing(tmp_path: Path) -> None:
    """Row F16: a missing folder reads as empty, fails a ping, and is made by a write."""
    store = FolderArchiveStore(tmp_path / "var" / "archives")
    assert await store.days() == []
    assert await store.read(DAY) is None
    with pytest.raises(ArchiveUnavailableError):
        await store.ping()
    await create(store)
    assert await store.days() == [DAY]


@pytest.mark.parametrize("operation", [create, check])
async def test_folder__cannot_be_written(operation: Operation) -> None:
    """Rows F10 and F16: a folder that cannot be made is denied and named, to root as well."""
    store = FolderArchiveStore(Path("/sys/kernel/archives"))
    with pytest.raises(ArchiveDeniedError, match="/sys/kernel/archives"):
        await operation(store)


@pytest.mark.parametrize("operation", [create, check, days, read])
async def test_folder__is_a_file(tmp_path: Path, operation: Operation) -> None:
    """Row F16: a file in the folder's place is denied."""
    (tmp_path / "archives").write_text("a file")
    with pytest.raises(ArchiveDeniedError):
        await operation(FolderArchiveStore(tmp_path / "archives"))


async def test_folder_check__no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row D7: a file system without hard links is refused at start-up."""

    # A file system without links cannot be mounted in a test run.
    def refuse(self: Path, target: Path) -> None:
        del self, target
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(ArchiveDeniedError, match="hard links"):
        await FolderArchiveStore(tmp_path).check()
    assert entries(tmp_path) == []


def test_folder__disk_full_in_mid_write(tmp_path: Path) -> None:
    """Rows F10 and F12: a write that finds no room leaves nothing, and passes when there is."""
    program = textwrap.dedent(
        """
        import asyncio, resource, sys
        from datetime import date
        from pathlib import Path
        from pageviews_api.clients.archive_store_folder import FolderArchiveStore
        from pageviews_api.exceptions import ArchiveUnavailableError

        async def main():
            folder = Path(sys.argv[1])
            store = FolderArchiveStore(folder)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
            try:
                await store.create(date(2026, 11, 22), b"x" * 20_000, run_id="run-1")
            except ArchiveUnavailableError as e:
                assert isinstance(e.__cause__, OSError), e
            else:
                sys.exit("stored beyond the limit")
            assert list(folder.iterdir()) == []
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
            await store.create(date(2026, 11, 22), b"x" * 20_000, run_id="run-1")

        asyncio.run(main())
        """
    )
    outcome = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert entries(tmp_path) == [
        "2026-11-22.json",
        f"2026-11-22.json.{sha256(BODY)}.meta",
    ]


async def test_folder__file_call_hangs(tmp_path: Path) -> None:
    """Row F11: hung file calls are given up in time, and hold one thread and not the loop."""
    os.mkfifo(tmp_path / "2026-11-22.json")  # to open it for reading waits for a writer
    store = FolderArchiveStore(tmp_path, timeout=0.2)
    before = threading.active_count()
    try:
        for _ in range(3):
            with pytest.raises(ArchiveUnavailableError):
                async with asyncio.timeout(PROMPT):
                    await store.read(DAY)
        assert threading.active_count() == before + 1
    finally:  # a writer ends the wait; else no interpreter could exit
        os.close(os.open(tmp_path / "2026-11-22.json", os.O_WRONLY | os.O_NONBLOCK))


async def test_folder__edited_by_hand(tmp_path: Path) -> None:
    """Row F13: a file that was changed after it was written is an error, and stays."""
    store = FolderArchiveStore(tmp_path)
    await create(store)
    path = tmp_path / "2026-11-22.json"
    path.write_bytes(b"y" + BODY[1:])
    with pytest.raises(ArchiveCorruptError):
        await store.read(DAY)
    assert path.read_bytes()[:1] == b"y"


async def test_folder__nothing_left_behind(tmp_path: Path) -> None:
    """A day's writes leave its archive, a note for each version of it, and the lock's file."""
    store = FolderArchiveStore(tmp_path)
    await create(store)
    await store.check()
    first = await store.read(DAY)
    assert first is not None
    await store.replace(DAY, b"second", run_id="run-2", version=first.version)
    assert entries(tmp_path) == sorted(
        [
            ".lock",
            "2026-11-22.json",
            f"2026-11-22.json.{sha256(BODY)}.meta",
            f"2026-11-22.json.{sha256(b'second')}.meta",
        ]
    )


def test_folder__process_ends_though_a_file_hangs(tmp_path: Path) -> None:
    """A file call that never returns does not keep the process alive (row F11)."""
    os.mkfifo(tmp_path / "2026-01-01.json")
    program = f"""
        import asyncio
        from datetime import date
        from pathlib import Path
        from pageviews_api.clients.archive_store_folder import FolderArchiveStore
        from pageviews_api.exceptions import ArchiveUnavailableError

        async def main():
            try:
                store = FolderArchiveStore(Path({str(tmp_path)!r}), timeout=0.2)
                await store.read(date(2026, 1, 1))
            except ArchiveUnavailableError:
                print("in time")

        asyncio.run(main())
    """
    ended = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout == "in time\n"
