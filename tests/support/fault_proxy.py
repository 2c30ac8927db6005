"""A TCP proxy that misbehaves on command: it stands between the service and whatever it calls.

==================  =============================================================
mode                what it does
==================  =============================================================
``pass``            forwards
``refuse``          RST on accept
``mute``            accepts, then silence
``latency:S``       waits S seconds before the answer
``reset_req:N``     RST on both sides after N bytes from the client
``reset_resp:N``    RST after N bytes from the server
``trunc_resp:N``    FIN after N bytes from the server
``stall_resp:N``    silence after N bytes from the server
``slow:B``          lets through B bytes of the answer in a second
``flip:N``          inverts byte N from the client, counted from 0
``flip_resp:N``     inverts byte N from the server
==================  =============================================================
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

BLOCK: Final = 16 * 1024


@dataclass
class FaultProxy:
    """Set ``mode`` for the connections to come, or give them a ``script``, one mode each in turn.

    With a ``trigger`` a connection behaves until these bytes come from the client (``b"PUT "``);
    bytes are then counted from the block that holds them. ``conns`` counts connections,
    ``bytes_sent`` what clients sent, ``bytes_received`` what servers sent.
    """

    host: str
    port: int
    mode: str = "pass"
    script: list[str] = field(default_factory=list)
    trigger: bytes = b""
    conns: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    own_port: int = 0
    _connections: "dict[asyncio.Task[None], _Connection]" = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The proxy's own address."""
        return f"http://127.0.0.1:{self.own_port}"

    def set(self, mode: str, *, script: Iterable[str] = (), trigger: bytes = b"") -> None:
        """Change how the connections to come behave."""
        self.mode, self.script, self.trigger = mode, list(script), trigger

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FaultProxy"]:
        """Listen on a free port of 127.0.0.1; on leaving, every connection is dropped."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.own_port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def drop(self) -> None:
        """Close the connections that there are."""
        for connection in self._connections.values():
            connection.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.conns += 1
        mode = self.script.pop(0) if self.script else self.mode
        connection = _Connection(self, mode, self.trigger, reader, writer)
        task = asyncio.ensure_future(connection.serve())
        self._connections[task] = connection
        task.add_done_callback(lambda task: self._connections.pop(task).close())


class _Connection:
    """One client's connection and ours to the server."""

    def __init__(
        self,
        proxy: FaultProxy,
        mode: str,
        trigger: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._fault, _, number = mode.partition(":")
        self._number = float(number or 0)
        self._trigger = trigger
        self._reader, self._writer = reader, writer
        self._writers = [writer]
        self._armed = not trigger
        self._asked = False
        self._counts = {"client": 0, "server": 0}

    async def serve(self) -> None:
        """Copy both ways until one side ends or the fault strikes."""
        try:
            if self._does("refuse"):
                self._reset()
            elif self._does("mute"):
                await asyncio.Event().wait()
            else:
                await self._copy_both()
        except OSError:
            pass  # either side may go at any time
        finally:
            self.close()
            for writer in self._writers:
                with suppress(OSError):
                    await writer.wait_closed()

    def close(self) -> None:
        """Close both sides, whatever has become of them."""
        for writer in self._writers:
            writer.close()

    async def _copy_both(self) -> None:
        reader, writer = await asyncio.open_connection(self._proxy.host, self._proxy.port)
        self._writers.append(writer)
        ways = [
            asyncio.ensure_future(self._copy_requests(writer)),
            asyncio.ensure_future(self._copy_answers(reader)),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _copy_requests(self, writer: asyncio.StreamWriter) -> None:
        while block := await self._reader.read(BLOCK):
            self._proxy.bytes_sent += len(block)
            self._asked = True
            if not self._armed and self._trigger in block:
                self._armed = True
                self._counts = {"client": 0, "server": 0}
            if self._does("refuse"):
                self._reset()
                return
            if self._does("mute"):
                await asyncio.Event().wait()
            writer.write(self._flipped("flip", "client", block))
            await writer.drain()
            if self._reached("reset_req", "client"):
                self._reset()
                return
        writer.write_eof()
        await asyncio.Event().wait()  # the client has said all; the answer decides when to end

    async def _copy_answers(self, reader: asyncio.StreamReader) -> None:
        while block := await reader.read(BLOCK):
            self._proxy.bytes_received += len(block)
            if self._does("latency") and self._asked:
                await asyncio.sleep(self._number)
            self._asked = False
            seen = self._counts["server"]
            out = self._flipped("flip_resp", "server", block)
            if self._does("reset_resp", "trunc_resp", "stall_resp"):
                out = out[: max(0, int(self._number) - seen)]
            await self._send(out)
            if self._reached("reset_resp", "server"):
                self._reset()
                return
            if self._reached("trunc_resp", "server"):
                return
            if self._reached("stall_resp", "server"):
                await asyncio.Event().wait()

    async def _send(self, block: bytes) -> None:
        step = len(block)
        if self._does("slow"):
            step = max(1, int(self._number) // 20)
        for start in range(0, len(block), step or 1):
            self._writer.write(block[start : start + step])
            await self._writer.drain()
            if self._does("slow"):
                await asyncio.sleep(step / self._number)

    def _does(self, *faults: str) -> bool:
        return self._armed and self._fault in faults

    def _reached(self, fault: str, side: str) -> bool:
        return self._does(fault) and self._counts[side] >= self._number

    def _flipped(self, fault: str, side: str, block: bytes) -> bytes:
        """Count the block, and invert its byte if the one to be hit is in it."""
        index = int(self._number) - self._counts[side]
        if self._armed:
            self._counts[side] += len(block)
        if not self._does(fault) or not 0 <= index < len(block):
            return block
        return block[:index] + bytes([block[index] ^ 0xFF]) + block[index + 1 :]

    def _reset(self) -> None:
        """Drop both sides with a RST instead of a FIN."""
        for writer in self._writers:
            connection = writer.get_extra_info("socket")
            with suppress(OSError):  # closed already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
