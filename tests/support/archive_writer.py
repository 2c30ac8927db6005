"""A process that archives, for tests that kill it or let several of it race.

``python archive_writer.py victims PLACE``: for each date that comes on stdin it forks a child that
writes archives from that day on until it is killed. ``… race PLACE NAME``: for each line on stdin,
a date and a text, it archives that text for that date. PLACE is a ``WriterPlace`` as JSON.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore, open_s3_client
from pageviews_api.exceptions import ArchiveError, ArchiveExistsError


@dataclass(frozen=True)
class WriterPlace:
    """Where to write: a folder, or a prefix of an S3 server's bucket."""

    folder: str = ""
    endpoint_url: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    bucket: str = ""
    prefix: str = ""

    def as_json(self) -> str:
        """Write it as an argument."""
        return json.dumps(asdict(self))

    @asynccontextmanager
    async def store(self) -> AsyncIterator[ArchiveStore]:
        """Open a store there."""
        if self.folder:
            yield FolderArchiveStore(Path(self.folder))
            return
        async with open_s3_client(
            region="us-east-1",
            endpoint_url=self.endpoint_url,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            session_token=None,
        ) as client:
            yield S3ArchiveStore(client, bucket=self.bucket, prefix=self.prefix)


def body(day: date, edition: int) -> bytes:
    """Make the archive of ``day``: long enough to be caught while it is written."""
    return f"{day} edition {edition}\n".encode() * 5000


def _tell(line: str) -> None:
    """Print one line at once, so that a kill cuts between lines only."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


async def _write_on(place: WriterPlace, day: date) -> None:
    """Bring day after day to its second edition, as a job after a restart would."""
    async with place.store() as store:
        _tell(f"ready {os.getpid()}")
        while True:
            stored = await store.read(day)
            if stored is None:
                await store.create(day, body(day, 1), run_id="first")
                _tell(f"1 {day}")
                stored = await store.read(day)
            assert stored is not None
            if stored.body != body(day, 2):
                await store.replace(day, body(day, 2), run_id="second", version=stored.version)
            _tell(f"2 {day}")
            day += timedelta(days=1)


def _breed(place: WriterPlace) -> None:
    """Fork a child for each line; so a kill does not cost the start of an interpreter."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(_write_on(place, date.fromisoformat(line.strip())))
            finally:
                os._exit(1)  # a child that fails must not go on as its parent
        os.waitpid(child, 0)
        _tell("dead")


async def _race(place: WriterPlace, name: str) -> None:
    async with place.store() as store:
        _tell("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            day, _, text = line.strip().partition(" ")
            try:
                await store.create(date.fromisoformat(day), text.encode() * 5000, run_id=name)
                _tell("wrote")
            except ArchiveExistsError:
                _tell("exists")
            except ArchiveError as error:
                _tell(repr(error))


def main() -> None:
    """Do what the arguments say until stdin ends."""
    place = WriterPlace(**json.loads(sys.argv[2]))
    if sys.argv[1] == "victims":
        _breed(place)
    else:
        asyncio.run(_race(place, sys.argv[3]))


if __name__ == "__main__":
    main()
