"""What the fakes of both providers of site analytics share: their data, a log, and faults.

An instance is an ASGI app, for ``tests.support.serving.serve(fake)``. The faults are those of
``tests.support.aqs_faults``.
"""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.support.aqs_faults import GOOD, Behaviour


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What a provider has counted of a day: who came, and what they did."""

    visitors: int = 0
    visits: int = 0
    pageviews: int = 0
    bounces: int = 0
    seconds: int = 0
    events: int = 0

    def __add__(self, other: "DayCounts") -> "DayCounts":
        return DayCounts(
            self.visitors + other.visitors,
            self.visits + other.visits,
            self.pageviews + other.pageviews,
            self.bounces + other.bounces,
            self.seconds + other.seconds,
            self.events + other.events,
        )


@dataclass(frozen=True, slots=True)
class UrlCounts:
    """What a provider has counted of a page; a visit that began there is an entry."""

    pageviews: int
    visitors: int = 1
    entries: int = 0
    bounces: int = 0
    seconds: int = 0

    def __add__(self, other: "UrlCounts") -> "UrlCounts":
        return UrlCounts(
            self.pageviews + other.pageviews,
            self.visitors + other.visitors,
            self.entries + other.entries,
            self.bounces + other.bounces,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


@dataclass(slots=True)
class _Script:
    lasting: Behaviour = GOOD
    once: list[Behaviour] = field(default_factory=list)


class FakeProvider(ABC):
    """A provider with the data and the faults that a test gives it.

    Attributes
    ----------
    days, pages
        What was counted: of each day, and of each day and page. A day that is left out had nobody.
    current
        Who is there now.
    requests
        The log, in order of arrival.
    in_flight, max_in_flight
        Requests being answered now, and at most at one moment.
    release
        Set it to let ``slow`` requests go on.
    """

    def __init__(self) -> None:
        self.days: dict[date, DayCounts] = {}
        self.pages: dict[date, dict[str, UrlCounts]] = {}
        self.current = 0
        self.requests: list[LoggedCall] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.release = asyncio.Event()
        self._script = _Script()
        self._change = asyncio.Event()

    def set_day(
        self, day: date, counts: DayCounts, pages: Mapping[str, UrlCounts] | None = None
    ) -> None:
        """Set what was counted on a day, and of its pages."""
        self.days[day] = counts
        self.pages[day] = dict(pages or {})

    def behave(self, behaviour: Behaviour) -> None:
        """Answer like this from now on."""
        self._script.lasting = behaviour

    def script(self, *behaviours: Behaviour) -> None:
        """Answer the next requests like this, one behaviour each; then as before."""
        self._script.once += behaviours

    def total(self, start: date, end: date) -> DayCounts:
        """Add up what was counted on some days."""
        return sum((self.days.get(day, DayCounts()) for day in days(start, end)), DayCounts())

    def urls(self, start: date, end: date) -> dict[str, UrlCounts]:
        """Add up what was counted of each page on some days."""
        found: dict[str, UrlCounts] = {}
        for day in days(start, end):
            for url, counts in self.pages.get(day, {}).items():
                found[url] = found[url] + counts if url in found else counts
        return found

    @abstractmethod
    def answer(self, call: LoggedCall) -> Response:
        """Answer well."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as told."""
        if scope["type"] != "http":
            raise NotImplementedError("this speaks HTTP only")
        self._count_in_flight(1)
        try:
            call = LoggedCall(
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                headers=Headers(scope=scope),
                body=await _body(receive),
            )
            self.requests.append(call)
            behaviour = self._script.once.pop(0) if self._script.once else self._script.lasting
            if behaviour.waits and not await self._released(receive):
                return
            await behaviour.change(self.answer(call))(scope, receive, send)
        finally:
            self._count_in_flight(-1)

    def _count_in_flight(self, step: int) -> None:
        self.in_flight += step
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self._change.set()
        self._change = asyncio.Event()

    async def until_in_flight(self, number: int) -> None:
        """Wait until so many requests are in flight. Bound it with ``asyncio.timeout``."""
        while self.in_flight != number:
            await self._change.wait()

    async def _released(self, receive: Receive) -> bool:
        """Wait; tell whether ``release`` was set before the client left."""
        released = asyncio.create_task(self.release.wait())
        left = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({released, left}, return_when=asyncio.FIRST_COMPLETED)
            return released.done()
        finally:
            released.cancel()
            left.cancel()
            await asyncio.gather(released, left, return_exceptions=True)


def days(start: date, end: date) -> Iterator[date]:
    """Tell the days from one to another, both included."""
    for offset in range((end - start).days + 1):
        yield start + timedelta(days=offset)


def reply(body: object, status: int = 200) -> Response:
    """Answer with this as JSON, without blanks, as both do."""
    text = json.dumps(body, separators=(",", ":"))
    return Response(text, status, {"content-type": "application/json; charset=utf-8"})


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
