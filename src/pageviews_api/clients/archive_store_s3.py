"""Archives in S3, or in a server that speaks like it.

Source: Amazon S3 User Guide, *Conditional writes* and *Checking object integrity*. No call here
deletes anything: no delete permission is needed, retention is for the bucket's lifecycle rules.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from loguru import logger

from pageviews_api.clients.archive_store import (
    NOTHING,
    About,
    ListedArchive,
    StoredArchive,
    archive_name,
    archived_day,
    is_written,
    notes,
    progress_name,
    progress_slot,
    require_size,
    sha256,
)
from pageviews_api.clock import Clock, RemoteClock, SystemClock
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveDeniedError,
    ArchiveError,
    ArchiveExistsError,
    ArchiveUnavailableError,
)

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import (
        ListObjectsV2OutputTypeDef,
        ListObjectsV2RequestTypeDef,
        ObjectTypeDef,
        PutObjectRequestTypeDef,
        ResponseMetadataTypeDef,
    )

_NOT_AS_EXPECTED: Final = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}
"""A condition did not hold, or two writers met. ``NoSuchKey``: an ``IfMatch`` on nothing."""

_PASSING: Final = {
    "BadDigest",  # the body was damaged on its way
    "IncompleteBody",
    "OperationAborted",
    "RequestTimeout",
    "TooManyRequests",
    "XAmzContentSHA256Mismatch",  # as BadDigest
}
"""What a server says, below 500, when the same request may pass later."""

_NEVER_MATCHES: Final = '"00000000000000000000000000000000"'


@asynccontextmanager
async def open_s3_client(
    *,
    region: str | None,
    endpoint_url: str | None,
    access_key_id: str | None,
    secret_access_key: str | None,
    session_token: str | None,
) -> AsyncIterator["S3Client"]:
    """Open a client for ``S3ArchiveStore``; it is closed on leaving.

    What is None comes from the SDK's own chain (environment, profile, instance role). One call
    makes at most two tries and waits at most 3 s for a connection and 8 s for an answer.

    Raises
    ------
    ArchiveDeniedError
        No client can be made of this; the message never holds a key.
    """
    session = aioboto3.Session(
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        region_name=region,
    )
    config = AioConfig(
        connect_timeout=3,
        read_timeout=8,
        max_pool_connections=8,
        retries={"mode": "standard", "total_max_attempts": 2},
        # Servers other than Amazon's have no host name for each bucket.
        s3={"addressing_style": "path" if endpoint_url else "auto"},
    )
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(
                session.client("s3", endpoint_url=endpoint_url, config=config)
            )
        except (BotoCoreError, ValueError) as e:
            raise ArchiveDeniedError(f"no S3 client can be made: {type(e).__name__}") from e
        # botocore asks for "100 Continue" and aiohttp waits for it without a bound, so that the
        # read time-out would not hold for a PUT (marin-community/marin#6719).
        client.meta.events.register_last("before-call.s3", _remove_expect_header)
        yield client


def _remove_expect_header(
    params: dict[str, Any],  # botocore's request, which has no type
    **_: object,
) -> None:
    params["headers"].pop("Expect", None)


class S3ArchiveStore:
    """Archives as objects ``<prefix>YYYY-MM-DD.json`` of one bucket. See ``ArchiveStore``.

    No S3 call lasts longer than ``timeout`` seconds; a ``create`` or ``replace`` is three calls.

    Where the server ignores conditions (some look-alikes do; ``check`` logs it), a day that has an
    archive is still not written over, but of several writers at the same moment the last one wins,
    and while they write any of them may meet an error and has to try again.
    """

    def __init__(
        self,
        client: "S3Client",
        *,
        bucket: str,
        prefix: str,
        timeout: float = 20.0,
        clock: Clock | None = None,
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._timeout = timeout
        self._server = RemoteClock(clock or SystemClock())

    def beside(self, name: str) -> "S3ArchiveStore":
        """Give a store of its own for other archives: ``archives/`` has ``sites/`` beside it."""
        before = self._prefix.removesuffix("/").rpartition("/")[0]
        prefix = f"{before}/{name}/" if before else f"{name}/"
        store = S3ArchiveStore(
            self._client, bucket=self._bucket, prefix=prefix, timeout=self._timeout
        )
        store._server = self._server
        return store

    @property
    def location(self) -> str:
        """The address as ``s3://bucket/prefix``."""
        return f"s3://{self._bucket}/{self._prefix}"

    def key(self, day: date) -> str:
        """Name the object of ``day``."""
        return self._prefix + archive_name(day)

    async def days(self) -> list[date]:
        """List the archived days, oldest first. See ``ArchiveStore.days``."""
        return [one.day for one in await self.listed()]

    async def listed(self) -> list[ListedArchive]:
        """List the archives, oldest first. See ``ArchiveStore.listed``."""
        # By day: a look-alike may list an object twice while it is written.
        found: dict[date, ListedArchive] = {}
        async for item in self._objects(self._prefix):
            day = archived_day(item.get("Key", "").removeprefix(self._prefix))
            if day is not None:
                found[day] = ListedArchive(day, item.get("Size", 0), item.get("ETag", ""))
        return [found[day] for day in sorted(found)]

    async def notes(self, day: date) -> Mapping[str, str] | None:
        """Ask for the object's metadata. See ``ArchiveStore.notes``."""
        async with self._call("read"):
            try:
                answer = await self._client.head_object(Bucket=self._bucket, Key=self.key(day))
            except ClientError as e:
                if e.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                    return None
                raise
        return answer.get("Metadata", {})

    async def read(self, day: date) -> StoredArchive | None:
        """Read and check the archive of ``day``; None if there is none."""
        async with self._call("read"):
            try:
                answer = await self._client.get_object(Bucket=self._bucket, Key=self.key(day))
            except self._client.exceptions.NoSuchKey:
                return None
            # Entering gives the bare stream; the SDK checks the server's checksum on the outer one.
            async with answer["Body"]:
                require_size(answer.get("ContentLength", 0))
                body = await answer["Body"].read()
        told = answer.get("Metadata", {}).get("sha256")
        # In a thread, as everywhere here: an archive of 10,000 series takes 20 ms.
        if told is not None and told != await asyncio.to_thread(sha256, body):
            raise ArchiveCorruptError(f"{self.key(day)} differs from its SHA-256")
        return StoredArchive(body, answer.get("ETag", ""), answer.get("Metadata", {}))

    async def create(self, day: date, body: bytes, *, run_id: str, about: About = NOTHING) -> None:
        """Store the archive of a day that has none. See ``ArchiveStore.create``."""
        metadata = await asyncio.to_thread(notes, body, run_id, about)
        await self._write(day, body, metadata, instead_of=None)

    async def replace(
        self, day: date, body: bytes, *, run_id: str, version: str, about: About = NOTHING
    ) -> None:
        """Replace what was read as ``version``. See ``ArchiveStore.replace``."""
        metadata = await asyncio.to_thread(notes, body, run_id, about)
        await self._write(day, body, metadata, instead_of=version)

    async def save_progress(self, slot: int, body: bytes) -> None:
        """Write the object ``<prefix>progress/NNNNN.json``. See ``ArchiveStore.save_progress``."""
        key = self._progress_prefix + progress_name(slot)
        async with self._call("write"):
            await self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    async def progress(self) -> list[int]:
        """List the pieces. See ``ArchiveStore.progress``."""
        slots = {  # a look-alike may list an object twice
            progress_slot(item.get("Key", "").removeprefix(self._progress_prefix))
            async for item in self._objects(self._progress_prefix)
        }
        return sorted(slot for slot in slots if slot is not None)

    async def read_progress(self, slot: int) -> bytes | None:
        """Read a piece. See ``ArchiveStore.read_progress``."""
        return await self._object(self._progress_prefix + progress_name(slot))

    async def object(self, key: str) -> bytes:
        """Read another object of the bucket: a list of what to archive.

        Raises
        ------
        ArchiveUnavailableError, ArchiveDeniedError
            It cannot be read, or is not there.
        """
        body = await self._object(key)
        if body is None:
            raise ArchiveDeniedError(f"s3://{self._bucket}/{key} is not there")
        return body

    def now(self) -> datetime | None:
        """Tell the time by the dates of the server's answers. See ``ArchiveStore.now``."""
        return self._server.now()

    async def check(self) -> None:
        """List, and ask for a write that cannot take place, to learn whether it would be allowed.

        See ``ArchiveStore.check``. A server that ignores conditions is left with an empty object
        ``.write-probe``.
        """
        await self.ping()
        try:
            async with self._call("write"):
                await self._client.put_object(
                    Bucket=self._bucket,
                    Key=f"{self._prefix}.write-probe",
                    Body=b"",
                    IfMatch=_NEVER_MATCHES,
                )
        except ArchiveExistsError:
            return
        logger.bind(location=self.location).warning("archive_store_ignores_conditions")

    async def ping(self) -> None:
        """List one object. See ``ArchiveStore.ping``."""
        await self._list(self._prefix, "", max_keys=1)

    async def _object(self, key: str) -> bytes | None:
        async with self._call("read"):
            try:
                answer = await self._client.get_object(Bucket=self._bucket, Key=key)
            except self._client.exceptions.NoSuchKey:
                return None
            async with answer["Body"]:
                require_size(answer.get("ContentLength", 0))
                body: bytes = await answer["Body"].read()
        return body

    @property
    def _progress_prefix(self) -> str:
        return f"{self._prefix}progress/"

    async def _objects(self, prefix: str) -> AsyncIterator["ObjectTypeDef"]:
        token = ""
        while True:
            page = await self._list(prefix, token)
            for item in page.get("Contents", ()):
                yield item
            token = page.get("NextContinuationToken", "")
            if not token:
                return

    async def _list(
        self, prefix: str, token: str, max_keys: int = 1000
    ) -> "ListObjectsV2OutputTypeDef":
        question: ListObjectsV2RequestTypeDef = {
            "Bucket": self._bucket,
            "Prefix": prefix,
            "Delimiter": "/",
            "MaxKeys": max_keys,
        }
        if token:
            question["ContinuationToken"] = token
        async with self._call("list"):
            page = await self._client.list_objects_v2(**question)
        self._hear(page["ResponseMetadata"])
        return page

    def _hear(self, metadata: "ResponseMetadataTypeDef") -> None:
        with suppress(ValueError, OverflowError, KeyError):  # a server need not tell the time
            told = parsedate_to_datetime(metadata["HTTPHeaders"]["date"])
            self._server.hear(told.replace(tzinfo=told.tzinfo or UTC))

    async def _write(
        self, day: date, body: bytes, metadata: dict[str, str], *, instead_of: str | None
    ) -> None:
        # Looking first spares the upload, and protects archives where conditions are ignored.
        if is_written(await self.read(day), body, instead_of=instead_of):
            return
        failure: ArchiveError | None = None
        try:
            await self._put(day, body, metadata, instead_of)
        except (ArchiveExistsError, ArchiveUnavailableError) as e:
            # It may be ours: the answer was lost, and the SDK's second try met the first one.
            failure = e
        if not is_written(await self.read(day), body, instead_of=instead_of):
            raise ArchiveUnavailableError(f"{self.key(day)} was not stored") from failure

    async def _put(
        self, day: date, body: bytes, metadata: dict[str, str], instead_of: str | None
    ) -> None:
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self.key(day),
            "Body": body,
            "ContentType": "application/json",
            "ChecksumSHA256": base64.b64encode(bytes.fromhex(metadata["sha256"])).decode(),
            "Metadata": metadata,
        }
        if instead_of is None:
            request["IfNoneMatch"] = "*"
        else:
            request["IfMatch"] = instead_of
        async with self._call("write"):
            await self._client.put_object(**request)

    @asynccontextmanager
    async def _call(self, what: str) -> AsyncIterator[None]:
        """Bound one S3 call, its body included, and turn whatever it raises into our errors."""
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except ClientError as e:
            raise self._refusal(what, e) from e
        except FlexibleChecksumError as e:
            raise ArchiveCorruptError(f"{self.location}: {what}: checksum differs") from e
        except (
            NoCredentialsError,
            PartialCredentialsError,
            CredentialRetrievalError,
            ParamValidationError,
        ) as e:
            raise ArchiveDeniedError(f"{self.location}: {what}: {type(e).__name__}") from e
        except (BotoCoreError, aiohttp.ClientError, OSError) as e:  # a TimeoutError is an OSError
            raise ArchiveUnavailableError(f"{self.location}: {what}: {type(e).__name__}") from e

    def _refusal(self, what: str, error: ClientError) -> ArchiveError:
        """Sort an answer that is no success. The server's own words stay out: they hold key ids."""
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        reason = f"{self.location}: {what} was answered with {status} {code}"
        if code in _PASSING or status >= 500:  # noqa: PLR2004 - the class of server errors in HTTP
            return ArchiveUnavailableError(reason)
        if code in _NOT_AS_EXPECTED or status in (409, 412):
            return ArchiveExistsError(reason)
        return ArchiveDeniedError(reason)
