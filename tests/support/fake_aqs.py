"""A working AQS for the suite: it keeps data and a log, and can be told to fail.

Good answers come from the AQS of the demo, which is compared with recorded ones. An instance is an
ASGI app, for ``httpx.ASGITransport(app=fake)`` or ``tests.support.serving.serve(fake)``. What can
go wrong is in ``tests.support.aqs_faults``; what breaks HTTP itself, in ``tests.support.raw_aqs``.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pageviews_api.daterange import parse_month
from pageviews_api.demo.aqs import AqsService
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.query import Access, Agent, Month, Series
from pageviews_api.schemas.top_query import ListName
from tests.support.aqs_faults import GOOD, Behaviour

When = Callable[[str], bool]


@dataclass(slots=True)
class LoggedRequest:
    """One request as it came, and what became of it. Times are ``time.monotonic()``.

    ``left`` is None while it is in flight; ``status`` is None until the answer is sent whole, and
    stays so if it never is.
    """

    method: str
    path: str
    raw_path: str
    headers: Headers
    arrived: float
    in_flight: int
    behaviour: str = GOOD.name
    left: float | None = None
    status: int | None = None

    @property
    def user_agent(self) -> str | None:
        """The User-Agent, if there was one."""
        return self.headers.get("user-agent")


@dataclass(slots=True)
class _Rule:
    when: When
    lasting: Behaviour | None
    script: list[Behaviour] = field(default_factory=list)

    def take(self) -> Behaviour | None:
        return self.script.pop(0) if self.script else self.lasting


class FakeAqs:
    """An AQS with the data and the faults that a test gives it.

    Attributes
    ----------
    requests
        The log, in order of arrival.
    in_flight, max_in_flight
        Requests being answered now, and at most at one moment.
    release
        Set it to let ``slow`` requests go on.
    delay
        Seconds that every answer takes; even 0 lets other requests in between.
    """

    def __init__(self) -> None:
        self.requests: list[LoggedRequest] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.release = asyncio.Event()
        self.delay = 0.0
        self._series: dict[Series, dict[date, int]] = {}
        self._tops: dict[ListName, list[TopRow]] = {}
        self._answers: dict[str, bytes] = {}
        self._service = AqsService(self._series, self._tops)
        self._rules: list[_Rule] = []
        self._change = asyncio.Event()

    @property
    def service(self) -> AqsService:
        """What gives the good answers; usable for ``serve_raw`` as well."""
        return self._service

    @property
    def loaded_through(self) -> date | None:
        """The newest day that is loaded; None: all that was set is."""
        return self._service.loaded_through

    @loaded_through.setter
    def loaded_through(self, day: date | None) -> None:
        self._service.loaded_through = day

    def set_views(
        self,
        project: str,
        article: str | None,
        access: str,
        agent: str,
        views: Mapping[date, int],
    ) -> None:
        """Set a series, in place of what it was; ``article`` None is the project's total.

        A day that is left out had no view, which AQS never sends; 0 it does send.
        """
        series = Series(project, Access(access), Agent(agent), article)
        self._series[series] = dict(views)

    def set_top(
        self, project: str, access: str, period: date | str, rows: Iterable[tuple[str, int]]
    ) -> None:
        """Set the list of a day, or of a month (``2016-12``), as articles with their views.

        Ranks follow from the views as in AQS: ties share one, and the next ones are skipped.
        """
        of = Month(parse_month(period)) if isinstance(period, str) else period
        listed = list(rows)
        self._tops[ListName(project, Access(access), of)] = [
            TopRow(article=title, views=views, rank=1 + sum(v > views for _, v in listed))
            for title, views in listed
        ]

    def set_answer(self, path: str, body: str) -> None:
        """Answer a path after ``/metrics`` with this, word for word."""
        self._answers[f"/metrics/{path}"] = body.encode()

    def behave(self, behaviour: Behaviour, *, when: When = lambda _: True) -> None:
        """Answer like this from now on, where ``when`` holds of the decoded path.

        Of several instructions that match, the newest counts.
        """
        self._rules.append(_Rule(when, behaviour))

    def script(self, *behaviours: Behaviour, when: When = lambda _: True) -> None:
        """Answer the next matching requests like this, one behaviour each; then as before."""
        self._rules.append(_Rule(when, None, list(behaviours)))

    def recover(self) -> None:
        """Answer everything well again, and let waiting requests go on."""
        self._rules.clear()
        self.release.set()
        self.release = asyncio.Event()

    def forget(self) -> None:
        """Empty the log, and count ``max_in_flight`` anew."""
        self.requests.clear()
        self.max_in_flight = self.in_flight

    def count(self, when: When = lambda _: True) -> int:
        """Tell how many requests came, of those where ``when`` holds of the decoded path."""
        return sum(when(request.path) for request in self.requests)

    async def until_in_flight(self, number: int) -> None:
        """Wait until so many requests are in flight. Bound it with ``asyncio.timeout``."""
        while self.in_flight != number:
            await self._change.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as told."""
        if scope["type"] != "http":
            raise NotImplementedError("FakeAqs speaks HTTP only")
        request = self._arrive(scope)
        try:
            behaviour = self._behaviour(request.path)
            request.behaviour = behaviour.name
            await asyncio.sleep(self.delay)
            if behaviour.waits and not await self._released(receive):
                return
            response = behaviour.change(self._answer(request))
            await response(scope, receive, send)
            request.status = response.status_code
        finally:
            request.left = time.monotonic()
            self._count_in_flight(-1)

    def _answer(self, request: LoggedRequest) -> Response:
        if (body := self._answers.get(request.raw_path)) is not None:
            return Response(body, media_type="application/json; charset=utf-8")
        return self._service.answer(request.method, request.raw_path)

    def _arrive(self, scope: Scope) -> LoggedRequest:
        self._count_in_flight(1)
        request = LoggedRequest(
            method=scope["method"],
            path=scope["path"],
            raw_path=scope["raw_path"].decode("latin-1"),
            headers=Headers(scope=scope),
            arrived=time.monotonic(),
            in_flight=self.in_flight,
        )
        self.requests.append(request)
        return request

    def _count_in_flight(self, step: int) -> None:
        self.in_flight += step
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        self._change.set()
        self._change = asyncio.Event()

    def _behaviour(self, path: str) -> Behaviour:
        for rule in reversed(self._rules):
            if rule.when(path) and (behaviour := rule.take()):
                return behaviour
        return GOOD

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


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
