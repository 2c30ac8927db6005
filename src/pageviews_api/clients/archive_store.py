"""Where daily archives are kept: what every store promises, whatever it is made of.

Two stores keep these promises: ``archive_store_s3`` and ``archive_store_folder``.

- A key or file name is built from a ``date`` and nothing else.
- A day that is archived is never written over unawares: ``create`` creates, ``replace`` replaces
  exactly what its caller has read.
- A reader meets a whole archive or none, also when a writer is killed.
- What is read was checked against the SHA-256 that was stored beside it.
- A write whose outcome is unknown (the answer was lost, another writer was faster) is settled by
  reading back and comparing bytes: a write has succeeded when its bytes are what is stored.
- Every error is an ``ArchiveError`` with its cause.
- Nothing that is archived is ever deleted.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from pageviews_api.exceptions import ArchiveCorruptError, ArchiveExistsError

MAX_ARCHIVE_BYTES = 256 * 1024 * 1024
"""More than any archive: 10,000 series of 366 days take about 220 MB. No reader takes in more."""

_RUN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAME = re.compile(r"(\d{4}-\d\d-\d\d)\.json", re.ASCII)
_NOTE = re.compile(r"[ -~]{0,100}")
_SLOT = re.compile(r"(\d{5})\.json", re.ASCII)

MAX_SLOTS = 2_000
"""Pieces of progress that are kept: five times what a run of 10,000 series makes."""

About = Mapping[str, str]
"""What its writer tells of an archive, so that it need not be read for that."""

NOTHING: About = {}


@dataclass(frozen=True, slots=True)
class StoredArchive:
    """An archive as it is stored.

    ``version`` names these bytes for ``replace``; it is opaque (S3's ETag, the folder's SHA-256).
    ``notes`` are kept beside it: see ``ArchiveStore.notes``.
    """

    body: bytes
    version: str
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListedArchive:
    """An archive that is stored, without its content.

    ``tag`` is opaque; it differs when the archive was replaced. ``size`` is in bytes.
    """

    day: date
    size: int
    tag: str


class ArchiveStore(Protocol):
    """Keeps one archive for each day. Every method may be called at any time, from any process."""

    @property
    def location(self) -> str:
        """Where the archives are, for people and logs. It holds no secret."""
        ...

    def key(self, day: date) -> str:
        """Name the archive of ``day``, as in ``archives/2026-11-22.json``."""
        ...

    async def days(self) -> list[date]:
        """List the archived days, oldest first. Whatever else lies there is not listed.

        Raises
        ------
        ArchiveUnavailableError, ArchiveDeniedError
            The store cannot be listed. A partial list is never returned.
        """
        ...

    async def listed(self) -> list[ListedArchive]:
        """List the archives, oldest first. See ``days``."""
        ...

    async def notes(self, day: date) -> Mapping[str, str] | None:
        """Tell what is kept beside the archive of ``day``, without reading it; None if none is.

        ``sha256``, ``bytes``, ``run-id``, and the ``about`` of who wrote it; empty where nothing
        is kept.

        Raises
        ------
        ArchiveUnavailableError, ArchiveDeniedError
            The store cannot be read.
        """
        ...

    async def read(self, day: date) -> StoredArchive | None:
        """Read the archive of ``day``; None if there is none.

        Where nothing is told beside the bytes (somebody copied an archive in by hand) they are
        returned unchecked.

        Raises
        ------
        ArchiveCorruptError
            The bytes are not those that were written.
        ArchiveUnavailableError, ArchiveDeniedError
            The store cannot be read.
        """
        ...

    async def create(self, day: date, body: bytes, *, run_id: str, about: About = NOTHING) -> None:
        """Store the archive of a day that has none, and make sure that it can be read back.

        The same bytes stored already are a success. ``run_id`` (ASCII letters, digits, ``.``,
        ``_``, ``-``; at most 64) is kept beside the archive, and so are the SHA-256 and ``about``
        (short printable ASCII).

        Raises
        ------
        ArchiveExistsError
            The day has an archive of other bytes; it is left as it is.
        ArchiveCorruptError
            What is stored for the day does not pass its check; it is left as it is.
        ArchiveUnavailableError
            It could not be stored or not be read back. The write may yet come into effect: try
            again, which is harmless.
        ArchiveDeniedError
            The store refuses us.
        """
        ...

    async def replace(
        self, day: date, body: bytes, *, run_id: str, version: str, about: About = NOTHING
    ) -> None:
        """Put ``body`` in the place of the archive that was read as ``version``.

        Raises
        ------
        ArchiveExistsError
            What is stored is neither ``version`` any more nor ``body``; it is left as it is.
        ArchiveCorruptError, ArchiveUnavailableError, ArchiveDeniedError
            As for ``create``.
        """
        ...

    async def save_progress(self, slot: int, body: bytes) -> None:
        """Keep a piece of a run's progress, in the place of what the slot had; 0 <= slot < 2,000.

        Pieces are no archives, are never listed as such, and may get lost.

        Raises
        ------
        ArchiveUnavailableError, ArchiveDeniedError
            It cannot be kept.
        """
        ...

    async def progress(self) -> list[int]:
        """List the slots that hold a piece of progress, in order.

        Raises
        ------
        ArchiveUnavailableError, ArchiveDeniedError
            They cannot be listed. A partial list is never returned.
        """
        ...

    async def read_progress(self, slot: int) -> bytes | None:
        """Read a piece of progress, unchecked; None if it is gone.

        Raises
        ------
        ArchiveCorruptError
            The store knows that it is not what was written.
        ArchiveUnavailableError, ArchiveDeniedError
            It cannot be read.
        """
        ...

    def now(self) -> datetime | None:
        """Tell the time by the store's own clock; None where it has none, or has not told it."""
        ...

    async def check(self) -> None:
        """Find out, at start-up, whether archives can be listed and written here.

        Leaves nothing behind that looks like an archive.

        Raises
        ------
        ArchiveDeniedError, ArchiveUnavailableError
            They cannot; the message says what is wrong.
        """
        ...

    async def ping(self) -> None:
        """Find out, cheaply, whether the store answers and can be listed.

        Raises
        ------
        ArchiveDeniedError, ArchiveUnavailableError
            It does not, or cannot.
        """
        ...


def archive_name(day: date) -> str:
    """Name a day's archive. Only the date's own numbers go in, so that no path can come out."""
    return f"{day.year:04}-{day.month:02}-{day.day:02}.json"


def archived_day(name: str) -> date | None:
    """Tell which day's archive has this name; None if the name is none of ours."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return date.fromisoformat(match[1])
    except ValueError:
        return None


def sha256(body: bytes) -> str:
    """Compute the SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(body).hexdigest()


def notes(body: bytes, run_id: str, about: About = NOTHING) -> dict[str, str]:
    """Say what is kept beside an archive.

    Raises
    ------
    ValueError
        ``run_id`` or ``about`` is not fit for a header, or the archive is too large to be read
        back.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError("a run id has 1 to 64 ASCII letters, digits, '.', '_' or '-'")
    if not all(map(_NOTE.fullmatch, about.values())):
        raise ValueError("what is told of an archive is short printable ASCII")
    if len(body) > MAX_ARCHIVE_BYTES:
        raise ValueError(f"an archive has at most {MAX_ARCHIVE_BYTES} bytes")
    return {**about, "sha256": sha256(body), "bytes": str(len(body)), "run-id": run_id}


def progress_name(slot: int) -> str:
    """Name a piece of progress.

    Raises
    ------
    ValueError
        There is no such slot.
    """
    if not 0 <= slot < MAX_SLOTS:
        raise ValueError(f"a slot is a number below {MAX_SLOTS}")
    return f"{slot:05}.json"


def progress_slot(name: str) -> int | None:
    """Tell which piece of progress has this name; None if the name is none of ours."""
    match = _SLOT.fullmatch(name)
    slot = int(match[1]) if match else MAX_SLOTS
    return slot if slot < MAX_SLOTS else None


def is_written(stored: StoredArchive | None, body: bytes, *, instead_of: str | None) -> bool:
    """Decide what a write meets, before it and after it.

    Parameters
    ----------
    stored
        What the store holds for the day now.
    body
        What is to be held.
    instead_of
        The version to be replaced; None where nothing may be there yet.

    Returns
    -------
    bool
        True if ``body`` is what is stored. False if the write has not happened yet and may.

    Raises
    ------
    ArchiveExistsError
        Something else is stored.
    """
    if stored is not None and stored.body == body:
        return True
    if (stored.version if stored else None) == instead_of:
        return False
    raise ArchiveExistsError(
        "the archive that was to be replaced is gone"
        if stored is None
        else "another archive is stored for this day"
    )


def require_size(size: int) -> None:
    """Refuse to take in what is too large to be an archive.

    Raises
    ------
    ArchiveCorruptError
        ``size``, in bytes, is above what an archive can have.
    """
    if size > MAX_ARCHIVE_BYTES:
        raise ArchiveCorruptError("what is stored is too large to be an archive")
