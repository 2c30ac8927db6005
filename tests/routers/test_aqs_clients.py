"""Published clients of AQS, unchanged, work when they are pointed here."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import mwviews.api.pageviews
import pageviewapi
import pageviewapi.client
import pageviewapi.period
import pytest
from mwviews.api import PageviewsClient

from pageviews_api.config import Settings
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service
from tests.support.serving import serve

TODAY = YESTERDAY + dt.timedelta(days=1)
WEEK = [YESTERDAY - dt.timedelta(days=back) for back in range(6, -1, -1)]

COUNTRIES = (
    '{"items":[{"project":"fr.wikipedia","access":"all-access","year":"2026","month":"09",'
    '"countries":[{"country":"BE","views":"100-999","views_ceil":1000,"rank":2},{"country":"FR",'
    '"views":"1000000-9999999","views_ceil":2000000,"rank":1}]}]}'
)
COUNTRY_TOP = (
    '{"items":[{"country":"FR","access":"all-access","year":"2026","month":"09","day":"01",'
    '"articles":[{"article":"Strasbourg","project":"fr.wikipedia","views_ceil":1200,"rank":1}]}]}'
)
DEVICES = (
    '{"items":[{"project":"fr.wikipedia","access-site":"all-sites","granularity":"daily",'
    '"timestamp":"20261101","devices":5,"offset":2,"underestimate":3}]}'
)
HOURS = (
    '{"items":[{"project":"fr.wikipedia","access":"all-access","agent":"user",'
    '"granularity":"hourly","timestamp":"2026110100","views":3}]}'
)
"""Bodies of AQS's shape; the numbers are made up."""


@pytest.fixture
async def base(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Serve on a real port, and point the clients there, each in the one way that it has."""
    aqs = service.aqs
    days = {day: 10 + number for number, day in enumerate(WEEK)}
    for title in ("Strasbourg", "Côte_d'Ivoire", "AC/DC"):
        for agent in (Agent.USER, Agent.ALL_AGENTS):
            aqs.set_views("fr.wikipedia", title, Access.ALL_ACCESS, agent, days)
    aqs.set_top("fr.wikipedia", "all-access", dt.date(2026, 9, 1), [("A", 1), ("B", 2)])
    aqs.set_answer("pageviews/top-by-country/fr.wikipedia/all-access/2026/09", COUNTRIES)
    aqs.set_answer("pageviews/top-per-country/FR/all-access/2026/09/01", COUNTRY_TOP)
    aqs.set_answer("unique-devices/fr.wikipedia/all-sites/daily/20261101/20261101", DEVICES)
    hourly = "pageviews/aggregate/fr.wikipedia/all-access/user/hourly/2026110100/2026110101"
    aqs.set_answer(hourly, HOURS)
    async with serve(service.app) as url:
        metrics = f"{url}/api/rest_v1/metrics"
        monkeypatch.setattr(pageviewapi.client._api, "__defaults__", (metrics,))
        endpoints = mwviews.api.pageviews.endpoints
        for name, endpoint in endpoints.items():
            path = endpoint.removeprefix("https://wikimedia.org/api/rest_v1/metrics")
            monkeypatch.setitem(endpoints, name, metrics + path)
        yield metrics


async def call(function: Callable[..., Any], *args: object, **kwargs: object) -> Any:  # noqa: ANN401  # what the clients return has no type
    """Call a client, which blocks, in a thread."""
    return await asyncio.to_thread(function, *args, **kwargs)


@pytest.mark.usefixtures("base")
class TestPageviewapi:
    """PyPI's ``pageviewapi`` 0.5.0."""

    @pytest.mark.parametrize("project", ["fr.wikipedia", "fr.wikipedia.org"])
    @pytest.mark.parametrize("title", ["Côte d'Ivoire", "Côte_d'Ivoire", "C%C3%B4te_d'Ivoire"])
    async def test_per_article(self, project: str, title: str) -> None:
        """An article's days, whichever way its title and project are written."""
        answer = await call(pageviewapi.per_article, project, title, "20261101", "20261122")
        assert [item.views for item in answer["items"]] == list(range(10, 17))
        assert answer["items"][0].article == "Côte_d'Ivoire"
        assert answer["items"][0].timestamp == f"{WEEK[0]:%Y%m%d}00"

    async def test_per_article__slash(self) -> None:
        """A title with a slash."""
        answer = await call(
            pageviewapi.per_article, "fr.wikipedia", "AC/DC", "20261101", "20261122"
        )
        assert answer["items"][0].article == "AC/DC"

    async def test_per_article__monthly(self) -> None:
        """An article's months."""
        asked = ("fr.wikipedia", "Strasbourg", "2026110100", "2026113000")
        answer = await call(pageviewapi.per_article, *asked, granularity="monthly")
        assert [(one.timestamp, one.views) for one in answer["items"]] == [("2026110100", 91)]

    async def test_per_article__nothing(self) -> None:
        """No data is the exception that the client has for it."""
        with pytest.raises(pageviewapi.client.ZeroOrDataNotLoadedException):
            await call(pageviewapi.per_article, "fr.wikipedia", "Nobody", "20261101", "20261122")

    async def test_aggregate(self) -> None:
        """A project's days."""
        answer = await call(pageviewapi.aggregate, "fr.wikipedia", "2026110100", "2026110300")
        assert [item.timestamp[-4:] for item in answer["items"]] == ["0100", "0200", "0300"]

    async def test_aggregate__hourly(self) -> None:
        """A project's hours."""
        asked = ("fr.wikipedia", "2026110100", "2026110101")
        answer = await call(pageviewapi.aggregate, *asked, agent="user", granularity="hourly")
        assert answer["items"][0].views == 3

    async def test_top__unpadded(self) -> None:
        """A day's list, asked for in numbers."""
        answer = await call(pageviewapi.top, "fr.wikipedia", 2026, 9, 1)
        (item,) = answer["items"]
        assert (item.month, item.day) == ("09", "01")
        assert item.articles[0] == {"article": "B", "views": 2, "rank": 1}

    async def test_unique_devices(self) -> None:
        """A project's devices, by a site that AQS has."""
        asked = ("fr.wikipedia", "20261101", "20261101")
        answer = await call(pageviewapi.unique_devices, *asked, access="all-sites")
        assert answer["items"][0]["access-site"] == "all-sites"

    async def test_unique_devices__its_own_default(self) -> None:
        """The client's default is no site that AQS has: a 400, as there."""
        with pytest.raises(OSError, match="400 Client Error"):
            await call(pageviewapi.unique_devices, "fr.wikipedia", "20261101", "20261101")

    async def test_legacy_pagecounts(self) -> None:
        """What we do not serve is what the client takes for no data."""
        with pytest.raises(pageviewapi.client.ZeroOrDataNotLoadedException):
            await call(pageviewapi.legacy_pagecounts, "fr.wikipedia", "2015010100", "2015020100")

    async def test_period(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sums and means up to today, of which there is nothing yet."""

        class Today(dt.date):
            @classmethod
            def today(cls) -> "Today":
                return cls(TODAY.year, TODAY.month, TODAY.day)

        calendar = SimpleNamespace(date=Today, timedelta=dt.timedelta)
        monkeypatch.setattr(pageviewapi.period, "datetime", calendar)
        asked = ("fr.wikipedia", "Strasbourg")
        assert await call(pageviewapi.period.sum_last, *asked, last=7) == 91
        assert await call(pageviewapi.period.avg_last, *asked, last=3, agent="user") == 15


@pytest.mark.usefixtures("base")
class TestMwviews:
    """PyPI's ``mwviews`` 0.2.1."""

    @pytest.fixture
    def client(self) -> PageviewsClient:
        """Give its client."""
        return PageviewsClient(user_agent="tests@example.org")

    async def test_article_views(self, client: PageviewsClient) -> None:
        """Several articles at once; one that has no data does no harm."""
        titles = ["Strasbourg", "Côte d'Ivoire", "AC/DC", "Nobody"]
        views = await call(
            client.article_views, "fr.wikipedia", titles, start="20261115", end="20261122"
        )
        newest = views[dt.datetime.combine(YESTERDAY, dt.time())]
        assert newest == {"Strasbourg": 16, "Côte_d'Ivoire": 16, "AC/DC": 16, "Nobody": None}
        today = views[dt.datetime.combine(TODAY, dt.time())]
        assert set(today.values()) == {None}

    async def test_article_views__monthly(self, client: PageviewsClient) -> None:
        """An article's months."""
        asked = ("fr.wikipedia", "Strasbourg")
        days = {"start": "20261101", "end": "20261130"}
        views = await call(client.article_views, *asked, granularity="monthly", **days)
        first = dt.datetime.combine(dt.date(2026, 11, 1), dt.time())
        assert views == {first: {"Strasbourg": 91}}

    async def test_article_views__nothing(self, client: PageviewsClient) -> None:
        """Where there is no data at all, the client says so."""
        with pytest.raises(Exception, match="returned nothing useful"):
            await call(
                client.article_views, "fr.wikipedia", "Nobody", start="20261115", end="20261122"
            )

    async def test_project_views(self, client: PageviewsClient) -> None:
        """Several projects at once."""
        projects = ["fr.wikipedia", "xx.wikipedia"]
        views = await call(client.project_views, projects, start="20261101", end="20261102")
        assert [day["fr.wikipedia"] // 1_000_000 for day in views.values()] == [20, 20]
        assert [day["xx.wikipedia"] for day in views.values()] == [None, None]

    async def test_project_views__hourly(self, client: PageviewsClient) -> None:
        """A project's hours."""
        asked = {"start": "2026110100", "end": "2026110101", "agent": "user"}
        views = await call(client.project_views, ["fr.wikipedia"], granularity="hourly", **asked)
        assert [hour["fr.wikipedia"] for hour in views.values()] == [3, None]

    async def test_top_articles(self, client: PageviewsClient) -> None:
        """A day's list."""
        day = {"year": 2026, "month": 9, "day": 1}
        rows = await call(client.top_articles, "fr.wikipedia", limit=1, **day)
        assert rows == [{"article": "B", "views": 2, "rank": 1}]
        with pytest.raises(Exception, match="returned nothing useful"):
            await call(client.top_articles, "fr.wikipedia", **day | {"day": 2})

    async def test_top_by_country(self, client: PageviewsClient) -> None:
        """A project's countries, with buckets in words."""
        rows = await call(client.top_by_country, "fr.wikipedia", year=2026, month=9)
        assert [row["country"] for row in rows] == ["FR", "BE"]
        assert rows[0]["views"] == "1000000-9999999"

    async def test_top_per_country(self, client: PageviewsClient) -> None:
        """A country's list; the client itself writes the code in upper case."""
        rows = await call(client.top_per_country, "fr", year=2026, month=9, day=1)
        assert rows[0]["views_ceil"] == 1200


class TestLimited:
    """A client that asks too often."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which the second request of a minute is one too many."""
        return settings.model_copy(update={"rate_limit": 1})

    @pytest.mark.usefixtures("base")
    async def test_throttled(self) -> None:
        """Our own 429 is what each client takes for it, or at least JSON that it can read."""
        asked = ("fr.wikipedia", "Strasbourg", "20261101", "20261122")
        await call(pageviewapi.per_article, *asked)
        with pytest.raises(pageviewapi.client.ThrottlingException):
            await call(pageviewapi.per_article, *asked)
        client = PageviewsClient(user_agent="tests@example.org")
        with pytest.raises(Exception, match="returned nothing useful"):
            await call(client.article_views, *asked[:2], start="20261101", end="20261122")
