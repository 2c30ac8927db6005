"""An AQS that has views of whatever it is asked for, in a process of its own, and counts."""

import asyncio
import json
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from multiprocessing.connection import Connection
from urllib.parse import unquote

LATENCY = 0.015
"""Seconds that an answer takes: a tenth of what Wikimedia's takes."""


class PlentifulAqs:
    """Serves days through ``newest``; ``fetched`` counts the requests for each archived article."""

    def __init__(self, *, newest: date) -> None:
        self._newest = newest
        self.fetched: Counter[str] = Counter()

    def forget(self) -> None:
        """Count from zero."""
        self.fetched.clear()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve in another process, which tells this one of each request."""
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(theirs, self._newest), daemon=True
        )
        process.start()
        try:
            port = await asyncio.to_thread(ours.recv)
            asyncio.get_running_loop().add_reader(ours.fileno(), self._count, ours)
            yield f"http://127.0.0.1:{port}"
        finally:
            asyncio.get_running_loop().remove_reader(ours.fileno())
            process.kill()
            process.join()

    def _count(self, pipe: Connection) -> None:
        while pipe.poll():
            title = pipe.recv()
            if title.startswith("Article_"):
                self.fetched[title] += 1


def _serve(pipe: Connection, newest: date) -> None:
    asyncio.run(_answer_all(pipe, newest))


async def _answer_all(pipe: Connection, newest: date) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ", 2)[1].decode()
                status, body = _answer(path, newest, pipe)
                await asyncio.sleep(LATENCY)
                writer.write(
                    f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _answer(path: str, newest: date, pipe: Connection) -> tuple[str, bytes]:
    """Answer as AQS does, as far as the service reads it."""
    parts = [unquote(part) for part in path.split("/")[3:]]
    if parts[0] == "top":
        return "404 Not Found", b'{"status":404}'
    named = parts[0] == "per-article"
    project, access, agent = parts[1:4]
    title = parts[4] if named else None
    pipe.send(title or "")
    start, end = (date.fromisoformat(stamp[:8]) for stamp in parts[-2:])
    item = {"project": project, "granularity": "daily", "access": access, "agent": agent}
    if named:
        item["article"] = title or ""
    items = [
        {**item, "timestamp": f"{day:%Y%m%d}00", "views": 100 + day.toordinal() % 97}
        for back in range((min(end, newest) - start).days, -1, -1)
        for day in [min(end, newest) - timedelta(days=back)]
    ]
    if not items:
        return "404 Not Found", b'{"status":404}'
    return "200 OK", json.dumps({"items": items}).encode()
