"""An AQS that breaks HTTP itself, which no ASGI server can do."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import date
from enum import StrEnum
from itertools import chain, repeat

from pageviews_api.demo.aqs import AqsService
from pageviews_api.schemas.query import Access, Agent, Series

_JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n"


class RawMode(StrEnum):
    """What a connection gets after its first request."""

    GOOD = "good"  # the right answer, then the end of the connection
    DRIP = "drip"  # a blank each 20 ms for ever: JSON may begin with blanks
    MUTE = "mute"  # nothing, for ever
    SHORT_LENGTH = "short-length"  # fewer bytes than Content-Length says
    SHORT_CHUNK = "short-chunk"  # the end in mid-chunk
    RESET = "reset"  # RST instead of an answer
    REFUSE = "refuse"  # RST on accept, before a request is read
    ENDLESS_HEADERS = "endless-headers"  # one header after the other, for ever


class RawAqs:
    """A server on a loopback port; ``serve_raw`` opens and closes it.

    Attributes
    ----------
    base_url
        Where it listens.
    requests
        The head of each request that was read whole, oldest first.
    connections, open_connections, max_open_connections
        How many there were, are, and were at most at one moment.
    """

    def __init__(self, service: AqsService, *modes: RawMode) -> None:
        self.base_url = ""
        self.requests: list[bytes] = []
        self.connections = 0
        self.max_open_connections = 0
        self._service = service
        self._script = _script(*modes)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._tasks)

    def behave(self, *modes: RawMode) -> None:
        """Treat the connections to come like this, one mode each; the last one stays."""
        self._script = _script(*modes)

    async def aclose(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a new connection, in a task of its own."""
        task = asyncio.create_task(self._serve(next(self._script), reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # `abort` and not `close`: what a client does not read is dropped, not waited for.
        task.add_done_callback(lambda _: writer.transport.abort())
        self.connections += 1
        self.max_open_connections = max(self.max_open_connections, len(self._tasks))

    async def _serve(
        self, mode: RawMode, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # The client may leave at any moment; that is no fault of this server.
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if mode is not RawMode.REFUSE:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await self._answer(mode, reader, writer)

    async def _answer(
        self, mode: RawMode, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        match mode:
            case RawMode.GOOD:
                await _send(writer, self._good_answer())
                writer.close()
                await writer.wait_closed()
            case RawMode.MUTE:
                await reader.read()
            case RawMode.RESET | RawMode.REFUSE:
                _reset(writer)
            case RawMode.SHORT_LENGTH:
                await _send_and_end(writer, _JSON_HEAD + b'content-length: 500\r\n\r\n{"items":[')
            case RawMode.SHORT_CHUNK:
                head = _JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n"
                await _send_and_end(writer, head + b'ff\r\n{"items":[')
            case RawMode.DRIP:
                await _send(writer, _JSON_HEAD + b"\r\n")
                await _for_ever(lambda: _drip(writer))
            case RawMode.ENDLESS_HEADERS:
                await _send(writer, _JSON_HEAD)
                await _for_ever(lambda: _send(writer, b"x-more: and more\r\n" * 100))

    def _good_answer(self) -> bytes:
        method, target, _version = self.requests[-1].split(b"\r\n")[0].decode("latin-1").split(" ")
        response = self._service.answer(method, target.partition("?")[0])
        headers = b"".join(b"%s: %s\r\n" % header for header in response.raw_headers)
        status = f"HTTP/1.1 {response.status_code} -\r\n".encode()
        return status + headers + b"connection: close\r\n\r\n" + bytes(response.body)


@asynccontextmanager
async def serve_raw(*modes: RawMode, service: AqsService | None = None) -> AsyncIterator[RawAqs]:
    """Serve on a loopback port: one mode for each connection in turn, the last one stays.

    ``service`` gives the good answers; without it there is only one day of one article.
    """
    raw = RawAqs(service or _one_day(), *modes)
    server = await asyncio.start_server(raw.accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    raw.base_url = f"http://{host}:{port}"
    try:
        yield raw
    finally:
        server.close()
        await raw.aclose()
        await server.wait_closed()


def _one_day() -> AqsService:
    series = Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "HIV/AIDS")
    return AqsService({series: {date(2025, 8, 15): 2097}}, {})


def _script(*modes: RawMode) -> Iterator[RawMode]:
    return chain(modes[:-1], repeat(modes[-1]))


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(content)
    await writer.drain()


async def _send_and_end(writer: asyncio.StreamWriter, content: bytes) -> None:
    await _send(writer, content)
    writer.write_eof()


async def _drip(writer: asyncio.StreamWriter) -> None:
    await _send(writer, b" ")
    await asyncio.sleep(0.02)


async def _for_ever(step: Callable[[], Awaitable[None]]) -> None:
    while True:
        await step()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    # Lingering for zero seconds makes closing an RST.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
