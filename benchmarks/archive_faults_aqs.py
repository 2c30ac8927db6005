"""An AQS for the simulation, over HTTP: it tells the truth of a moment, or does not.

It says in ``Date`` when an answer was made, by the true time of the simulation, and in ``Age`` how
long ago that was, as Wikimedia's edge does: the time is ``Date`` and ``Age`` together.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from benchmarks.archive_faults_plan import AqsTrouble
from benchmarks.archive_faults_truth import PROJECT, TOTAL, Truth, seeded

EDGE_KEEPS = timedelta(hours=4)
"""How long the edge hands out copies; those of a 404 only for 10 minutes."""

EDGE_KEEPS_404 = timedelta(minutes=10)

COPIES = 0.2
"""The part of the answers that are copies."""

JSON = "application/json; charset=utf-8"

Items = list[dict[str, Any]]


class Aqs:
    """Serves ``/metrics/pageviews/…`` from the truth. Set ``trouble`` for the requests to come."""

    def __init__(self, truth: Truth, now: Callable[[], datetime]) -> None:
        self._truth = truth
        self._now = now
        self._requests = 0
        self._trouble = AqsTrouble()

    def suffer(self, trouble: AqsTrouble) -> None:
        """Behave like this from now on, and count requests anew."""
        self._trouble = trouble
        self._requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until it ends."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                trouble = self._strikes(path)
                if trouble == "mute":
                    await reader.read()
                    return
                if trouble == "reset":
                    reset(writer)
                    return
                writer.write(self._answer(path, trouble))
                await writer.drain()
                if trouble == "cut":
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone, or was killed
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _strikes(self, path: str) -> str:
        number, self._requests = self._requests, self._requests + 1
        trouble = self._trouble
        if trouble.title and f"/{trouble.title}/" not in unquote(path):
            return ""
        return trouble.kind if trouble.after <= number < trouble.after + trouble.count else ""

    def _answer(self, path: str, trouble: str) -> bytes:
        now = self._now()
        if trouble == "503":
            return _written(503, b"<html>Wikimedia Error</html>", now, kind="text/html")
        if trouble == "429":
            pause = f"retry-after: {self._trouble.retry_after}\r\n"
            return _written(429, b"too many requests", now, kind="text/plain", more=pause)
        if trouble == "page":
            return _written(200, b"<html>Wikipedia</html>", now, kind="text/html")
        items, age = self._through_the_edge(path, now)
        more = f"age: {int(age.total_seconds())}\r\n"
        if not items:
            problem = json.dumps({"status": 404, "title": "Not Found", "type": "about:blank"})
            kind = "application/problem+json"
            return _written(404, problem.encode(), now - age, kind=kind, more=more)
        body = json.dumps({"items": items}, ensure_ascii=False).encode()
        answer = _written(200, body, now - age, kind=JSON, more=more)
        return answer[: -len(body) // 2] if trouble == "cut" else answer

    def _through_the_edge(self, path: str, now: datetime) -> tuple[Items, timedelta]:
        draw = seeded(self._truth.seed, "edge", path, f"{now:%F %H}")
        age = EDGE_KEEPS * draw.random() if draw.random() < COPIES else timedelta(0)
        age = timedelta(seconds=int(age.total_seconds()))  # as the header has it
        items = self._items(path, now - age)
        if not items and age > EDGE_KEEPS_404:
            return self._items(path, now), timedelta(0)
        return items, age

    def _items(self, path: str, at: datetime) -> Items:
        endpoint, project, *words = map(unquote, path.split("/")[3:])
        if project != PROJECT:
            return []
        if endpoint == "top":
            access, *numbers = words
            return self._list(access, date(*map(int, numbers)), at)
        access, agent, *titles, _, start, end = words
        title = titles[0] if titles else TOTAL
        days = [_day(start), _day(end)]
        days[0] = max(days[0], self._truth.first_day)
        days[1] = min(days[1], at.date())
        span = (days[0] + timedelta(days=n) for n in range((days[1] - days[0]).days + 1))
        common = {"project": project, "granularity": "daily", "access": access, "agent": agent}
        if title is not TOTAL:
            common["article"] = title
        return [
            {**common, "timestamp": f"{day:%Y%m%d}00", "views": views}
            for day, views in self._truth.views(title, span, at).items()
        ]

    def _list(self, access: str, day: date, at: datetime) -> Items:
        came = self._truth.list_came(day)
        if came is None or came > at:
            return []
        rows = [
            {"article": title, "views": views, "rank": rank}
            for rank, title, views in self._truth.top(day)
        ]
        when = {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}"}
        return [{"project": PROJECT, "access": access, **when, "articles": rows}]


def reset(writer: asyncio.StreamWriter) -> None:
    """Drop a connection with a RST instead of a FIN."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError):  # closed already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _day(stamp: str) -> date:
    return date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]))


def _written(status: int, body: bytes, at: datetime, *, kind: str, more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status} -\r\ndate: {format_datetime(at, usegmt=True)}\r\n"
        f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body
