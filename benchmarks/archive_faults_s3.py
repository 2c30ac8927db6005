"""What stands between the job and the S3 server: it may answer 503, hold a PUT, set the date.

The job speaks to ``S3Front``, which speaks to a fault proxy (tests/support/fault_proxy.py), which
speaks to the server. What breaks below breaks for the job, too.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime

from benchmarks.archive_faults_aqs import reset
from benchmarks.archive_faults_plan import FOR_EVER, Kill, S3Trouble

_DATE = re.compile(rb"(?mi)^date: [^\r]*")
_LENGTH = re.compile(rb"(?mi)^content-length: *([0-9]+)")
_CHUNKED = re.compile(rb"(?mi)^transfer-encoding: *chunked")

_HEAD_END = b"\r\n\r\n"

_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
)


class S3Front:
    """Forwards requests, on one connection for each of the job's.

    ``Date`` is set to the true time of the simulation. ``on_hold`` is called when a PUT is where
    its job is to be killed; then nothing moves until the job is dead.
    """

    def __init__(self, now: Callable[[], datetime], on_hold: Callable[[], None]) -> None:
        self._port = 0
        self._now = now
        self._on_hold = on_hold
        self._trouble = S3Trouble()
        self._kill = Kill()
        self._refused = 0
        self._tasks: set[asyncio.Task[None] | None] = set()

    def suffer(self, trouble: S3Trouble, kill: Kill, *, port: int) -> None:
        """Behave like this from now on, and forward new connections to this port."""
        self._trouble, self._kill, self._port, self._refused = trouble, kill, port, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection's requests until either side ends."""
        task, below = asyncio.current_task(), None
        self._tasks.add(task)  # nobody else keeps one whose connection is gone already
        try:
            answers, below = await asyncio.open_connection("127.0.0.1", self._port)
            while True:
                head = await reader.readuntil(_HEAD_END)
                body = await reader.readexactly(_length(head))
                await self._forward(head, body, (reader, writer), (answers, below))
        except ConnectionError:
            reset(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side has ended: so does the other
        finally:
            for each in filter(None, (writer, below)):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()
            self._tasks.discard(task)

    async def _forward(
        self,
        head: bytes,
        body: bytes,
        job: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        (reader, writer), (answers, below) = job, server
        when = self._kill.when if head.startswith(b"PUT ") else ""
        if self._is_refused(head):
            writer.write(self._dated(_refusal()))
            await writer.drain()
            return
        if when == "before":
            await self._hold(reader)
        below.write(head)
        if when == "half":
            below.write(body[: len(body) // 2])
            await below.drain()
            await self._hold(reader)
        below.write(body)
        await below.drain()
        if when == "after":
            await self._copy(answers, None)
            await self._hold(reader)
        await self._copy(answers, writer)

    def _is_refused(self, head: bytes) -> bool:
        trouble = self._trouble
        strikes = (
            trouble.kind == "503"
            and head.startswith(trouble.on.encode())
            and self._refused < trouble.count
        )
        self._refused += strikes
        return strikes

    async def _hold(self, reader: asyncio.StreamReader) -> None:
        """Wait until the job is dead.

        Raises
        ------
        ConnectionError
            It is.
        """
        self._kill = Kill()
        self._on_hold()
        await reader.read()
        raise ConnectionResetError

    async def _copy(
        self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter | None
    ) -> None:
        """Copy one answer as it comes, or swallow it."""

        async def copy(block: bytes) -> None:
            if writer is not None:
                writer.write(block)
                await writer.drain()

        head = await answers.readuntil(_HEAD_END)
        await copy(self._dated(head))
        left = _length(head)
        while left:
            block = await answers.read(left)
            if not block:
                raise asyncio.IncompleteReadError(block, left)
            await copy(block)
            left -= len(block)
        chunked = _CHUNKED.search(head) is not None
        while chunked:
            line = await answers.readuntil(b"\r\n")
            size = int(line, 16)
            await copy(line + await answers.readexactly(size + 2))
            chunked = size > 0

    def _dated(self, head: bytes) -> bytes:
        date = f"Date: {format_datetime(self._now(), usegmt=True)}".encode()
        return _DATE.sub(date, head, count=1)


def modes_of(trouble: S3Trouble) -> tuple[str, list[str], bytes]:
    """Tell the fault proxy's mode, script and trigger for a trouble."""
    kind, trigger = trouble.kind, f"{trouble.on} ".encode() if trouble.on else b""
    if kind in {"", "503"}:
        return "pass", [], b""
    mode = "reset_resp:0" if kind == "lost" else f"{kind}:{trouble.byte}"
    if trouble.count == FOR_EVER:
        return mode, [], trigger
    return "pass", [mode] * trouble.count, trigger


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def _refusal() -> bytes:
    return (
        b"HTTP/1.1 503 Slow Down\r\nDate: -\r\nContent-Type: application/xml\r\n"
        b"Content-Length: %d\r\n\r\n" % len(_SLOW_DOWN)
    ) + _SLOW_DOWN
