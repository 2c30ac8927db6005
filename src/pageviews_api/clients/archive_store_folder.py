"""Archives in a folder of the local file system: the store of demo and development."""

import asyncio
import errno
import fcntl
import json
import os
import queue
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypeVar

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
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    ArchiveDeniedError,
    ArchiveUnavailableError,
)

T = TypeVar("T")

_REFUSALS: Final = {
    errno.EACCES,
    errno.EEXIST,  # a file stands where the folder should be
    errno.EISDIR,
    errno.ELOOP,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
"""What will not pass by itself. All else (disk full, input or output error) may."""


PROGRESS: Final = ".progress"
"""The folder of a run's progress."""


def _listed(day: date, stat: os.stat_result) -> ListedArchive:
    # An archive is replaced by another file, never written into.
    return ListedArchive(day, stat.st_size, f"{stat.st_ino}-{stat.st_mtime_ns}")


def _read_note(note: Path) -> Mapping[str, str]:
    """Read what lies beside an archive; nothing where somebody damaged it."""
    try:
        told = json.loads(note.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {name: text for name, text in told.items() if isinstance(text, str)}


class _Worker:
    """Does work in one thread of its own, in turn. The thread never keeps the process alive."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Do it, and give what it returns or raises; what nobody waits for is not begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="archive-folder", daemon=True)
            self._thread.start()
        outcome: Future[T] = Future()

        def job() -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                outcome.set_result(work())
            except BaseException as e:  # noqa: BLE001  # it is raised where it is waited for
                outcome.set_exception(e)

        self._queue.put(job)
        return await asyncio.wrap_future(outcome)

    def _serve(self) -> None:
        while True:
            self._queue.get()()


class FolderArchiveStore:
    """Archives as files ``YYYY-MM-DD.json`` of one folder. See ``ArchiveStore``.

    The folder is created when it is first needed. Beside each archive lies a file named for its
    SHA-256, ``2026-11-22.json.<sha256>.meta``, written before it. An archive that has none at all
    was copied in by hand and is read unchecked; one whose bytes match none of its own is corrupt.

    No call waits longer than ``timeout`` seconds. Files are touched by one thread of the store's
    own, so that a hung file system holds that thread and nothing else; what queues behind it is
    given up in time. A killed writer may leave a hidden part file, which nothing ever reads.
    """

    def __init__(self, folder: Path, *, timeout: float = 20.0) -> None:
        self._folder = folder.absolute()
        self._timeout = timeout
        self._worker = _Worker()

    def beside(self, name: str) -> "FolderArchiveStore":
        """Give a store of its own for other archives, in the folder ``name`` beside this one."""
        return FolderArchiveStore(self._folder.parent / name, timeout=self._timeout)

    @property
    def location(self) -> str:
        """The folder's absolute path."""
        return str(self._folder)

    def key(self, day: date) -> str:
        """Name the file of ``day`` with its folder's name."""
        return f"{self._folder.name}/{archive_name(day)}"

    async def days(self) -> list[date]:
        """List the archived days, oldest first; none if there is no folder yet."""
        return [one.day for one in await self.listed()]

    async def listed(self) -> list[ListedArchive]:
        """List the archives, oldest first. See ``ArchiveStore.listed``."""
        return await self._in_thread("list", self._listed)

    async def notes(self, day: date) -> Mapping[str, str] | None:
        """Read what lies beside an archive. See ``ArchiveStore.notes``.

        Where it was replaced once, the archive itself must be read to tell which note is its own.
        """
        return await self._in_thread("read", lambda: self._notes(day))

    async def read(self, day: date) -> StoredArchive | None:
        """Read and check the archive of ``day``; None if there is none."""
        return await self._in_thread("read", lambda: self._read(day))

    async def create(self, day: date, body: bytes, *, run_id: str, about: About = NOTHING) -> None:
        """Store the archive of a day that has none. See ``ArchiveStore.create``."""
        await self._in_thread("write", lambda: self._create(day, body, notes(body, run_id, about)))

    async def replace(
        self, day: date, body: bytes, *, run_id: str, version: str, about: About = NOTHING
    ) -> None:
        """Replace what was read as ``version``. See ``ArchiveStore.replace``."""
        await self._in_thread(
            "write", lambda: self._replace(day, body, notes(body, run_id, about), version)
        )

    async def save_progress(self, slot: int, body: bytes) -> None:
        """Write the hidden file ``.progress/NNNNN.json``. See ``ArchiveStore.save_progress``."""
        await self._in_thread("write", lambda: self._save_progress(progress_name(slot), body))

    async def progress(self) -> list[int]:
        """List the pieces. See ``ArchiveStore.progress``."""
        return await self._in_thread("list", self._progress)

    async def read_progress(self, slot: int) -> bytes | None:
        """Read a piece. See ``ArchiveStore.read_progress``."""
        return await self._in_thread("read", lambda: self._read_progress(progress_name(slot)))

    def now(self) -> datetime | None:
        """Tell nothing: a folder has no clock but ours. See ``ArchiveStore.now``."""
        return None

    async def check(self) -> None:
        """Create the folder if needed, and write, link and list in it. See ``ArchiveStore.check``.

        Raises
        ------
        ArchiveDeniedError
            Also where the file system has no hard links: two writers could both win there.
        ArchiveUnavailableError
            The file system fails.
        """
        await self._in_thread("check", self._check)

    async def ping(self) -> None:
        """Open the folder. See ``ArchiveStore.ping``."""
        await self._in_thread("list", self._ping)

    async def _in_thread(self, what: str, work: Callable[[], T]) -> T:
        """Do file work off the loop, for a bounded time, and turn its errors into ours."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._worker.run(work)
        except OSError as e:  # a TimeoutError is one, without a number
            reason = f"{self.location}: {what}: {e.strerror or type(e).__name__}"
            if e.errno in _REFUSALS:
                raise ArchiveDeniedError(reason) from e
            raise ArchiveUnavailableError(reason) from e

    def _listed(self) -> list[ListedArchive]:
        try:
            with os.scandir(self._folder) as entries:
                archives = [
                    _listed(day, entry.stat())
                    for entry in entries
                    if (day := archived_day(entry.name)) and entry.is_file()
                ]
        except FileNotFoundError:
            return []
        return sorted(archives, key=lambda one: one.day)

    def _notes(self, day: date) -> Mapping[str, str] | None:
        notes = list(self._folder.glob(f"{archive_name(day)}.*.meta"))
        if len(notes) == 1 and self._path(day).exists():
            return _read_note(notes[0])
        stored = self._read(day)
        return None if stored is None else stored.notes

    def _read(self, day: date) -> StoredArchive | None:
        try:
            with self._path(day).open("rb") as file:
                require_size(os.fstat(file.fileno()).st_size)
                body = file.read()
        except FileNotFoundError:
            return None
        version = sha256(body)
        note = self._beside(day, version)
        if note.exists():
            return StoredArchive(body, version, _read_note(note))
        if any(self._folder.glob(f"{archive_name(day)}.*.meta")):
            raise ArchiveCorruptError(f"{self.key(day)} differs from its SHA-256")
        return StoredArchive(body, version)

    def _create(self, day: date, body: bytes, beside: dict[str, str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if is_written(self._read(day), body, instead_of=None):
            return
        with self._part(archive_name(day), body) as part:
            self._note(day, beside)
            with suppress(FileExistsError):  # another writer was faster: decided on reading back
                self._path(day).hardlink_to(part)
        self._sync_folder()
        self._read_back(day, body, instead_of=None)

    def _replace(self, day: date, body: bytes, beside: dict[str, str], version: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if is_written(self._read(day), body, instead_of=version):
                return
            with self._part(archive_name(day), body) as part:
                self._note(day, beside)
                part.replace(self._path(day))
            self._sync_folder()
            self._read_back(day, body, instead_of=version)

    def _read_back(self, day: date, body: bytes, *, instead_of: str | None) -> None:
        if not is_written(self._read(day), body, instead_of=instead_of):
            raise ArchiveUnavailableError(f"{self.location}: {archive_name(day)} was not stored")

    def _save_progress(self, name: str, body: bytes) -> None:
        folder = self._folder / PROGRESS
        folder.mkdir(parents=True, exist_ok=True)
        with self._part(name, body) as part:
            part.replace(folder / name)

    def _progress(self) -> list[int]:
        try:
            slots = [progress_slot(file.name) for file in (self._folder / PROGRESS).iterdir()]
        except FileNotFoundError:
            return []
        return sorted(slot for slot in slots if slot is not None)

    def _read_progress(self, name: str) -> bytes | None:
        try:
            with (self._folder / PROGRESS / name).open("rb") as file:
                require_size(os.fstat(file.fileno()).st_size)
                return file.read()
        except FileNotFoundError:
            return None

    def _check(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ping()
        with self._part("check", b"") as part:
            link = part.with_suffix(".link")
            try:
                link.hardlink_to(part)
            except OSError as e:
                raise ArchiveDeniedError(
                    f"{self.location}: the file system makes no hard links ({e.strerror}), "
                    "so that two writers could both win"
                ) from e
            link.unlink()
        self._sync_folder()

    def _ping(self) -> None:
        with os.scandir(self._folder):
            pass

    def _path(self, day: date) -> Path:
        return self._folder / archive_name(day)

    def _beside(self, day: date, version: str) -> Path:
        return self._folder / f"{archive_name(day)}.{version}.meta"

    def _note(self, day: date, beside: dict[str, str]) -> None:
        """Write what is kept beside an archive; the first note about the same bytes stays."""
        note = self._beside(day, beside["sha256"])
        with self._part(note.name, json.dumps(beside).encode()) as part, suppress(FileExistsError):
            note.hardlink_to(part)
        self._sync_folder()  # it must be there before the archive is, also after a power cut

    @contextmanager
    def _part(self, name: str, body: bytes) -> Iterator[Path]:
        """Hold ``body`` in a hidden file, safely on disk; the file is removed on leaving."""
        part = self._folder / f".{name}.{secrets.token_hex(8)}.part"
        try:
            with part.open("xb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            yield part
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other replacing writers out, in any process; the lock dies with its holder."""
        with (self._folder / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _sync_folder(self) -> None:
        """Make names durable: a link is on disk only when its folder is."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
