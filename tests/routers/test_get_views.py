"""What older frontends ask for, through the front door."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pageviews_api.config import Settings
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock, SkippingClock

URL = "/api/get_views"
DAY = timedelta(days=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Give settings that name the article."""
    return settings.model_copy(
        update={"default_project": "fr.wikipedia", "default_article": "Strasbourg"}
    )


async def ask(service: Service, period: int) -> dict[str, Any]:
    """Ask, and be answered."""
    response = await service.client.get(URL, params={"period": period})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert list(answer) == ["current", "previous", "periodType"]
    return answer


def set_views(service: Service, views: dict[date, int]) -> None:
    """Set what AQS tells of the article."""
    service.aqs.set_views("fr.wikipedia", "Strasbourg", Access.ALL_ACCESS, Agent.USER, views)


def days_back(last: date, count: int) -> list[date]:
    """Tell so many days that end with ``last``, oldest first."""
    return [last - back * DAY for back in range(count - 1, -1, -1)]


async def test_get_views__daily(service: Service) -> None:
    """Thirty days are told one by one, and the thirty before them."""
    answer = await ask(service, 30)
    assert answer["periodType"] == "daily"
    both = answer["previous"] + answer["current"]
    assert [one["date"] for one in both] == [str(day) for day in days_back(YESTERDAY, 60)]
    assert [one["views"] for one in both] == [
        1000 + day.toordinal() % 100 for day in days_back(YESTERDAY, 60)
    ]


async def test_get_views__weekly(service: Service) -> None:
    """Ninety days are told by sevens from the last day back; the oldest bucket has six of them."""
    set_views(service, dict.fromkeys(days_back(YESTERDAY, 180), 1))
    answer = await ask(service, 90)
    assert answer["periodType"] == "weekly"
    for name, last in (("current", YESTERDAY), ("previous", YESTERDAY - 90 * DAY)):
        starts = [last - 89 * DAY] + [last - back * DAY for back in range(83, 0, -7)]
        assert [one["date"] for one in answer[name]] == [str(day) for day in starts]
        assert [one["views"] for one in answer[name]] == [6, *[7] * 12]


async def test_get_views__monthly(service: Service) -> None:
    """A year is told by months; of the first and the last one, the days within count."""
    set_views(service, dict.fromkeys(days_back(YESTERDAY, 730), 1))
    answer = await ask(service, 365)
    assert answer["periodType"] == "monthly"
    for name, year in (("current", 2025), ("previous", 2024)):
        first, *others = answer[name]
        assert first == {"date": f"{year}-11-22", "views": 9}
        assert others[0] == {"date": f"{year}-12-01", "views": 31}
        assert others[-1] == {"date": f"{year + 1}-11-01", "views": 21}
        assert sum(one["views"] for one in answer[name]) == 365


async def test_get_views__one_request(service: Service) -> None:
    """All three periods, with those before, cost one request for the article."""
    for period in (365, 90, 30):
        await ask(service, period)
    assert service.series_fetches("Strasbourg") == 1


async def test_get_views__zero_and_unknown(service: Service) -> None:
    """A day without views is 0; a bucket of which nothing is known is null, and no zero."""
    service.aqs.loaded_through = None
    set_views(service, {date(2015, 7, 3): 7, date(2015, 8, 10): 5})
    for witness, agent in (("Main_Page", Agent.USER), (None, Agent.USER)):
        project = "en.wikipedia" if witness else "fr.wikipedia"
        days = dict.fromkeys(days_back(date(2015, 8, 10), 41), 9)
        service.aqs.set_views(project, witness, Access.ALL_ACCESS, agent, days)
    service.clock.set(datetime(2026, 11, 22, 13, tzinfo=UTC))
    answer = await ask(service, 30)
    assert answer["current"][-1] == {"date": "2015-08-10", "views": 5}
    assert answer["current"][0] == {"date": "2015-07-12", "views": 0}
    before = {one["date"]: one["views"] for one in answer["previous"]}
    assert before["2015-07-03"] == 7
    assert before["2015-06-30"] is None
    assert len(before) == 30


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "period"),
        ("period=", "period"),
        ("period=7", "period"),
        ("period=030", "period"),
        ("period=30.0", "period"),
        ("period=-30", "period"),
        ("period=%D9%A3%D9%A0", "period"),
        ("period=30&period=30", "period"),
        ("period=30&periods=30", "periods"),
        ("period=30&format=csv", "format"),
    ],
)
async def test_get_views__bad_parameters(service: Service, query: str, name: str) -> None:
    """Anything but one of the three periods is a 422 that names it (rows C6, C8)."""
    response = await service.client.get(f"{URL}?{query}")
    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["errors"]] == [["query", name]]
    assert service.aqs.count() == 0


async def test_get_views__validators(service: Service) -> None:
    """An answer has our freshness and a validator, like every other."""
    response = await service.client.get(f"{URL}?period=30")
    assert response.headers["cache-control"].startswith("public, max-age=7200")
    headers = {"if-none-match": response.headers["etag"]}
    again = await service.client.get(f"{URL}?period=30", headers=headers)
    assert (again.status_code, again.content) == (304, b"")


class TestFailing:
    """An AQS that fails."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Give a clock on which the pauses between tries take no time."""
        return SkippingClock()

    async def test_get_views__aqs_down(self, service: Service) -> None:
        """What is held is told; what is too old is null, and so is the bucket that it is in."""
        await ask(service, 90)
        service.aqs.behave(aqs_faults.failing())
        service.clock.advance(40 * 3600)
        answer = await ask(service, 90)
        assert answer["current"][-1]["views"] is None
        assert answer["current"][-2]["views"] is not None

    async def test_get_views__nothing_held(self, service: Service) -> None:
        """Where nothing can be told, the error is one of ours."""
        service.aqs.behave(aqs_faults.failing())
        response = await service.client.get(f"{URL}?period=30")
        assert response.status_code in {502, 503}
        assert response.json()["type"].startswith("/problems/upstream-")


class TestUnknown:
    """A default article that nobody ever looked at."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings that name it."""
        return settings.model_copy(update={"default_article": "Nobody"})

    async def test_get_views__never_viewed(self, service: Service) -> None:
        """It is the problem that our own routes have for it."""
        response = await service.client.get(f"{URL}?period=30")
        assert response.status_code == 404
        assert response.json()["type"] == "/problems/article-never-viewed"
