"""Rows of the fault matrix that the days store has to withstand, through the front door."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.aqs_faults import Behaviour
from tests.support.clock import FakeClock, SkippingClock
from tests.support.fake_aqs import FakeAqs
from tests.support.serving import serve

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"

TODAY = YESTERDAY + timedelta(days=1)

MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Json = dict[str, Any]

NEWEST_TEN = {"start": "2026-11-12", "end": "2026-11-21"}


def path_of(title: str) -> str:
    """Name an article of fr.wikipedia."""
    return f"/api/v1/articles/fr.wikipedia/{title}"


def of_witness(path: str) -> bool:
    """Tell whether a request to AQS is for the witness."""
    return "/Main_Page/" in path


async def ask(service: Service, path: str, **asked: str) -> Json:
    """Ask for a series that can be told."""
    response = await service.client.get(path, params=asked)
    assert response.status_code == 200
    answer: Json = response.json()
    return answer


def statuses(answer: Json) -> list[str]:
    """Tell the statuses of an answer's days."""
    return [item["status"] for item in answer["items"]]


def views(answer: Json) -> list[int | None]:
    """Tell the numbers of an answer's days."""
    return [item["views"] for item in answer["items"]]


def back(days: int) -> date:
    """Name the day that is so many before the newest."""
    return YESTERDAY - timedelta(days=days)


def days_until(newest: date, count: int = 1000) -> DateRange:
    """Name so many days."""
    return DateRange(newest - timedelta(days=count - 1), newest)


def set_article(aqs: FakeAqs, title: str, views: Mapping[date, int]) -> None:
    """Set what AQS tells of an article."""
    aqs.set_views("fr.wikipedia", title, Access.ALL_ACCESS, Agent.USER, views)


def set_witness(aqs: FakeAqs, through: date) -> None:
    """Let the witness have all days through this one."""
    views = dict.fromkeys(days_until(through), 5_000_000)
    aqs.set_views("en.wikipedia", "Main_Page", Access.ALL_ACCESS, Agent.USER, views)


def set_total(aqs: FakeAqs, through: date, *, more_on: Iterable[date] = ()) -> None:
    """Let the project have a total for all days through this one, with one view more on some."""
    views = {day: 20_000_000 + day.toordinal() % 13 for day in days_until(through)}
    for day in more_on:
        views[day] += 1
    aqs.set_views("fr.wikipedia", None, Access.ALL_ACCESS, Agent.USER, views)


# A14: a 404 is an answer


async def test_not_found__calendar_known(service: Service) -> None:
    """A14, loaded days: a 404 for them is asked once more from 2015 on, and then is true zeros."""
    set_article(service.aqs, "Old", {date(2017, 5, 5): 9})
    answer = await ask(service, path_of("Old"), start="2026-11-01", end="2026-11-10")

    assert (statuses(answer), views(answer)) == (["zero"] * 10, [0] * 10)
    assert (answer["complete_through"], answer["first_day"]) == ("2026-11-21", "2017-05-05")
    assert answer["summary"]["complete"] is True
    spans = [one.path.split("/")[-2] for one in service.aqs.requests if "/Old/" in one.path]
    assert len(spans) == 2
    assert spans[1] == "2015070100"


async def test_not_found__calendar_behind(service: Service) -> None:
    """A14, days that nobody has yet: a 404 for them is no zero, and they are not loaded."""
    set_witness(service.aqs, through=back(2))
    set_article(service.aqs, "Rare", {back(30): 7})
    answer = await ask(service, path_of("Rare"), start="2026-11-10", end="2026-11-21")

    assert statuses(answer)[-2:] == ["not_loaded"] * 2
    assert views(answer)[-2:] == [None] * 2
    assert statuses(answer)[:7] == ["zero"] * 7
    assert answer["complete_through"] == "2026-11-19"
    assert answer["summary"]["complete"] is False


async def test_not_found__calendar_unknown(service: Service) -> None:
    """A14, when it cannot be told what is loaded: a day without a number is missing, never zero."""
    service.aqs.behave(aqs_faults.refusing(400), when=of_witness)
    set_article(service.aqs, "Rare", {back(4): 7})
    answer = await ask(service, path_of("Rare"), start="2026-11-16", end="2026-11-18")

    assert statuses(answer) == ["missing", "ok", "missing"]
    assert views(answer) == [None, 7, None]
    assert (answer["complete_through"], answer["stale"]) == (None, True)
    assert answer["summary"]["complete"] is False


async def test_not_found__is_no_failure(service: Service) -> None:
    """A14: a 404 is never tried again, and however many there are, the circuit stays closed."""
    for number in range(25):
        response = await service.client.get(path_of(f"Nobody_{number}"))
        assert response.status_code == 404
        assert response.json()["type"] == "/problems/article-never-viewed"
        assert service.series_fetches(f"Nobody_{number}") == 2
    ready = (await service.client.get("/readyz")).json()
    assert ready["aqs"] == {"status": "ok", "circuit": "closed", "paused": False}


# A22, A21: what comes later


async def test_newest_day__not_loaded(service: Service) -> None:
    """A22: the newest day is there without a number until it loads, which costs one day's fetch."""
    service.aqs.loaded_through = back(1)
    asked = {"start": "2026-11-19", "end": "2026-11-21"}
    answer = await ask(service, STRASBOURG, **asked)
    assert statuses(answer) == ["ok", "ok", "not_loaded"]
    assert answer["items"][-1] == {"date": "2026-11-21", "views": None, "status": "not_loaded"}
    assert answer["complete_through"] == "2026-11-20"
    assert answer["summary"]["complete"] is False
    latest = await ask(service, STRASBOURG, range="latest-3")
    assert (latest["end"], statuses(latest)) == ("2026-11-20", ["ok"] * 3)

    service.aqs.loaded_through = YESTERDAY
    service.aqs.forget()
    service.clock.advance(30 * MINUTE)
    answer = await ask(service, STRASBOURG, **asked)
    assert (statuses(answer), answer["complete_through"]) == (["ok"] * 3, "2026-11-21")
    assert answer["summary"]["complete"] is True
    fetched = [one.path for one in service.aqs.requests if "/Strasbourg/" in one.path]
    assert [path[-21:] for path in fetched] == ["2026112100/2026112100"]


async def test_revised_number__at_the_next_check(service: Service) -> None:
    """A21: when Wikimedia revises a number, the next check of the project's total brings it."""
    asked = {"start": "2026-11-14", "end": "2026-11-16"}
    before = await ask(service, STRASBOURG, **asked)
    revised = {day: 1000 + day.toordinal() % 100 for day in days_until(YESTERDAY, 400)}
    revised[date(2026, 11, 15)] = 77
    set_article(service.aqs, "Strasbourg", revised)
    set_total(service.aqs, YESTERDAY, more_on=[date(2026, 11, 15)])

    service.clock.advance(2 * HOUR - 1)
    assert await ask(service, STRASBOURG, **asked) == before
    service.clock.advance(1)
    after = await ask(service, STRASBOURG, **asked)
    assert views(after) == [views(before)[0], 77, views(before)[2]]
    assert (after["stale"], after["checked_at"]) == (False, "2026-11-22T14:00:00Z")


# A20, B6: a check that fails


async def test_schema_changed__what_is_held_stays(service: Service) -> None:
    """A20: under a changed schema nothing new is believed: 502, or what is held, untouched."""
    set_article(service.aqs, "Paris", {YESTERDAY: 5})
    fresh = await ask(service, STRASBOURG)
    service.aqs.behave(aqs_faults.renamed())
    unheld = await service.client.get(path_of("Paris"))
    assert (unheld.status_code, unheld.json()["type"]) == (502, "/problems/upstream-invalid")

    service.clock.advance(3 * HOUR)
    held = await ask(service, STRASBOURG)
    assert held == fresh | {"stale": True}

    service.aqs.recover()
    service.clock.advance(31)
    again = await ask(service, STRASBOURG)
    assert again["stale"] is False
    assert again["items"] == fresh["items"]


class TestRefreshFails:
    """A check that is due, and cannot be made."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Give a clock on which retries take no time."""
        return SkippingClock()

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which a mute AQS is noticed soon, also by a busy machine."""
        return settings.model_copy(update={"cache_wait": 1.0, "aqs_timeout": 4.0})

    @pytest.mark.parametrize(
        "fault",
        [
            aqs_faults.failing(500),
            aqs_faults.blocked(),
            aqs_faults.throttled("60"),
            aqs_faults.html_page(),
            aqs_faults.cut(),
            aqs_faults.of_other_project(),
            aqs_faults.slow(),
        ],
        ids=str,
    )
    async def test_refresh__fails(self, service: Service, fault: Behaviour) -> None:
        """B6: whatever goes wrong, what is held is told as stale, as of its true last check."""
        fresh = await ask(service, STRASBOURG)
        assert fresh["stale"] is False
        service.aqs.behave(fault)
        for _ in range(3):
            service.clock.advance(2 * HOUR + 1)
            assert await ask(service, STRASBOURG) == fresh | {"stale": True}

        service.aqs.recover()
        service.clock.advance(2 * MINUTE)
        checked = await ask(service, STRASBOURG)
        assert checked["stale"] is False
        assert checked["items"] == fresh["items"]
        assert checked["checked_at"] > fresh["checked_at"]


# A19: an outage


class TestOutage:
    """AQS is gone for a day and more, while people go on asking."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which nobody waits for a refresh."""
        return settings.model_copy(update={"cache_wait": 0.0})

    async def test_outage__settled_and_newest_days(self, service: Service) -> None:
        """A19: all is told for 26 hours, as stale; then the last three days are missing."""
        fresh = await ask(service, STRASBOURG, **NEWEST_TEN)
        assert fresh["stale"] is False
        service.aqs.behave(aqs_faults.failing())

        service.clock.advance(24 * HOUR)
        assert await ask(service, STRASBOURG, **NEWEST_TEN) == fresh | {"stale": True}
        service.clock.advance(2 * HOUR)
        assert await ask(service, STRASBOURG, **NEWEST_TEN) == fresh | {"stale": True}
        service.clock.advance(1)
        late = await ask(service, STRASBOURG, **NEWEST_TEN)
        assert statuses(late) == ["ok"] * 7 + ["missing"] * 3
        assert views(late) == views(fresh)[:7] + [None] * 3
        assert (late["stale"], late["checked_at"]) == (True, fresh["checked_at"])
        assert late["summary"]["complete"] is False

    async def test_outage__for_months(self, service: Service) -> None:
        """A19: settled days are told without limit, also past the 30 days that numbers live."""
        fresh = await ask(service, STRASBOURG, **NEWEST_TEN)
        service.aqs.behave(aqs_faults.failing())
        for _ in range(10):
            service.clock.advance(10 * DAY)
            late = await ask(service, STRASBOURG, **NEWEST_TEN)
            assert views(late) == views(fresh)[:7] + [None] * 3
            assert (late["stale"], late["checked_at"]) == (True, fresh["checked_at"])

    async def test_outage__nothing_else_to_tell(self, service: Service) -> None:
        """A19: when all that is asked for is missing, it is an error that names AQS."""
        await ask(service, STRASBOURG)
        service.aqs.behave(aqs_faults.failing())
        service.clock.advance(27 * HOUR)
        response = await service.client.get(
            STRASBOURG, params={"start": "2026-11-20", "end": "2026-11-21"}
        )
        assert response.status_code == 502
        assert response.json()["upstream"] == "aqs"

    async def test_outage__readiness(self, service: Service) -> None:
        """A19: during the outage we are ready, and name AQS as what we have to do without."""
        await ask(service, STRASBOURG)
        service.aqs.behave(aqs_faults.blocked())
        service.clock.advance(24 * HOUR)
        assert (await service.client.get(path_of("Paris"))).is_error
        assert (await ask(service, STRASBOURG))["stale"] is True
        response = await service.client.get("/readyz")
        assert response.status_code == 200
        assert response.json()["status"] == response.json()["aqs"]["status"] == "degraded"
        assert response.json()["aqs"]["circuit"] == "open"


class TestMute:
    """AQS takes requests and does not answer, and nobody waits long for it."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which nobody waits for a refresh, nor long for anything else."""
        return settings.model_copy(update={"cache_wait": 0.0, "aqs_timeout": 4.0})

    async def test_mute__wider_range_of_held_days(self, service: Service) -> None:
        """A4: days that are held are told, though whether one was lost cannot be looked at."""
        looked_at = {back(30): 7, back(50): 8, back(100): 7}
        set_article(service.aqs, "Rare", looked_at)
        await ask(service, path_of("Rare"), range="latest-5")
        service.aqs.behave(aqs_faults.slow())
        service.clock.advance(HOUR)
        answer = await ask(service, path_of("Rare"), range="latest-90")
        told = {item["date"]: item["views"] for item in answer["items"]}
        assert (told[str(back(30))], told[str(back(50))]) == (7, 8)


# B4, B14: more to ask for than may be asked


class Gauge:
    """Stands before AQS, and notes by the fake clock when requests come."""

    def __init__(self, aqs: FakeAqs, clock: FakeClock) -> None:
        self._aqs = aqs
        self._clock = clock
        self.arrived: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note a request, and let AQS answer it."""
        if scope["type"] == "http":
            self.arrived.append(self._clock.monotonic())
        await self._aqs(scope, receive, send)

    def most_in_a_minute(self) -> int:
        """Tell the most requests that came in any 60 seconds."""
        most = first = 0
        for last, moment in enumerate(self.arrived):
            while self.arrived[first] <= moment - MINUTE:
                first += 1
            most = max(most, last + 1 - first)
        return most


class TestTooMuchToAsk:
    """Thousands of series want a request each, and 150 a minute may be made."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which callers are not limited, and short answers make it quick."""
        return settings.model_copy(update={"rate_limit": 1_000_000, "aqs_span_days": 31})

    @pytest.fixture
    def gauge(self, aqs: FakeAqs, clock: FakeClock) -> Gauge:
        """Give the gauge."""
        return Gauge(aqs, clock)

    @pytest.fixture
    async def aqs_url(self, gauge: Gauge) -> AsyncIterator[str]:
        """Serve the fake AQS on a real port, behind the gauge."""
        async with serve(gauge) as url:
            yield url

    async def _ask_all(self, service: Service, titles: list[str]) -> list[httpx.Response]:
        """Let everybody ask at one moment of the fake clock.

        They come in waves, for it is the budget that is to be short here, not this machine.
        """
        answers: list[httpx.Response] = []
        for first in range(0, len(titles), 400):
            wave = map(path_of, titles[first : first + 400])
            asked = (service.client.get(path, params={"range": "latest-7"}) for path in wave)
            answers += await asyncio.gather(*asked)
        return answers

    async def _ask_until_all_know(self, service: Service, titles: list[str]) -> float:
        """Let everybody ask again until the newest day is told; give the seconds it took."""
        began, waiting = service.clock.monotonic(), titles
        while waiting:
            service.clock.advance(25)
            asked, later = waiting[:70], waiting[70:]  # a little faster than the budget
            answers = await self._ask_all(service, asked)
            waiting = later + [
                title for title, answer in zip(asked, answers, strict=True) if not _knows(answer)
            ]
        return service.clock.monotonic() - began

    @pytest.mark.parametrize(
        "number",
        [320, pytest.param(5000, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
    )
    async def test_new_day__for_all_series_at_once(
        self, service: Service, gauge: Gauge, number: int
    ) -> None:
        """B4: a new day expires all series at once; the budget is kept, and everybody answered."""
        titles = [f"Title_{n}" for n in range(number)]
        for title in titles:
            set_article(service.aqs, title, dict.fromkeys(days_until(TODAY, 10), 5))
        await self._ask_until_all_know(service, titles)
        set_witness(service.aqs, TODAY)
        set_total(service.aqs, TODAY)
        service.aqs.loaded_through = TODAY
        service.clock.advance(DAY)
        service.aqs.forget()
        gauge.arrived.clear()

        answers = await self._ask_all(service, titles)
        assert {answer.status_code for answer in answers} == {200}
        partly = [answer.json() for answer in answers if not _knows(answer)]
        assert len(partly) >= number - 150
        for told in partly:
            assert statuses(told)[-7:-1] == ["ok"] * 6  # what was held is told
            assert told["stale"] is True
        took = await self._ask_until_all_know(service, titles)

        assert gauge.most_in_a_minute() <= 150
        assert service.aqs.max_in_flight <= 3
        assert service.aqs.count(lambda path: "/Title_" in path) == number
        assert len(gauge.arrived) <= number + 6  # a few for the witness and the totals
        assert took >= (number // 150 - 1) * MINUTE

    async def test_restated_day__callers_first(self, service: Service) -> None:
        """B4: who waits for what is not held goes before all that is only to be renewed."""
        titles = [f"Title_{n}" for n in range(40)]
        for title in [*titles, "New"]:
            set_article(service.aqs, title, dict.fromkeys(days_until(YESTERDAY, 10), 5))
        await self._ask_until_all_know(service, titles)
        set_total(service.aqs, YESTERDAY, more_on=[back(3)])
        service.clock.advance(2 * HOUR + 1)
        service.aqs.forget()
        service.aqs.behave(aqs_faults.slow(), when=lambda path: "/Title_" in path)
        renewing = asyncio.create_task(self._ask_all(service, titles))
        async with asyncio.timeout(10):
            await service.aqs.until_in_flight(2)

            answer = (await self._ask_all(service, ["New"]))[0]
        assert _knows(answer)
        assert answer.json()["stale"] is False
        assert service.aqs.in_flight == 2
        assert [one.path for one in service.aqs.requests].pop().split("/")[-4] == "New"

        held = await renewing
        assert {one.json()["stale"] for one in held} == {True}
        assert {one.status_code for one in held} == {200}
        service.aqs.recover()

    async def test_restart__cold_under_load(self, service: Service, gauge: Gauge) -> None:
        """B14: after a start 400 callers ask for as many articles; the excess is told when."""
        titles = [f"Title_{n}" for n in range(400)]
        for title in titles:
            set_article(service.aqs, title, dict.fromkeys(days_until(YESTERDAY, 10), 5))
        async with asyncio.timeout(60):
            answers = await self._ask_all(service, titles)

        turned_away = [answer for answer in answers if answer.status_code != 200]
        assert (
            len(answers) - len(turned_away) == 150 - 2
        )  # the witness and the total are asked, too
        for answer in turned_away:
            assert answer.status_code == 503
            assert answer.json()["type"] == "/problems/upstream-held-back"
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert len(gauge.arrived) == 150
        assert service.aqs.max_in_flight <= 3

        late = [title for title, answer in zip(titles, answers, strict=True) if answer.is_error]
        service.clock.advance(55)
        waiting = asyncio.create_task(self._ask_all(service, late[:100]))  # 5 s can be waited for
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert (done, len(gauge.arrived)) == (set(), 150)
        service.clock.advance(5)
        assert all(map(_knows, await waiting))
        assert gauge.most_in_a_minute() <= 150


def _knows(answer: httpx.Response) -> bool:
    """Tell whether an answer has a number for its newest day."""
    return answer.status_code == 200 and answer.json()["items"][-1]["status"] == "ok"
