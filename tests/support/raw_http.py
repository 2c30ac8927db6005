"""One request over a connection of its own, with the answer byte for byte as it came."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

Fields = list[tuple[bytes, bytes]]


@dataclass
class RawAnswer:
    """An answer: its fields as they were sent, its body as it was sent, in ``pieces``.

    ``asked_at`` and ``head_at`` tell when the request went out and the head of the answer came, in
    seconds since the epoch.
    """

    asked_at: float = 0.0
    head_at: float = 0.0

    version: bytes = b""
    status: int = 0
    reason: bytes = b""
    fields: Fields = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        """The whole body, still encoded."""
        return b"".join(self.pieces)

    def header(self, name: str) -> str | None:
        """Give a field's value; None where there is none. It must not be there twice."""
        values = [value for key, value in self.fields if key.decode().lower() == name.lower()]
        assert len(values) <= 1, (name, values)
        return values[0].decode("latin-1") if values else None


async def ask(
    base_url: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    method: str = "GET",
    body: bytes = b"",
) -> RawAnswer:
    """Send one request, and read the answer to its end; it takes at most 30 seconds."""
    at = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {at.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body)
    try:
        async with asyncio.timeout(30):
            return await _read(reader, method)
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader, method: str) -> RawAnswer:
    """Let h11 tell where the body ends: it was told what was asked."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "any")]))
    connection.send(h11.EndOfMessage())
    answer = RawAnswer(asked_at=time.time())
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            case h11.Response() as head:
                answer.head_at = time.time()
                answer.version, answer.status = head.http_version, head.status_code
                answer.reason, answer.fields = head.reason, head.headers.raw_items()
            case h11.Data(data=data):
                answer.pieces.append(bytes(data))
            case h11.EndOfMessage():
                return answer
            case other:
                raise AssertionError(f"not expected: {other!r}")
