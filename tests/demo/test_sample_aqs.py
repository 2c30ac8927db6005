"""The demo's AQS, beside recorded answers of the real one."""

import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.types import ASGIApp

from pageviews_api.demo.aqs import AqsService, sample_aqs
from pageviews_api.schemas.aqs import SeriesAnswer, TopAnswer
from pageviews_api.schemas.query import Access, Agent, Series

RECORDED = Path(__file__).parents[1] / "data" / "aqs"
PER_ARTICLE = "/metrics/pageviews/per-article"
STRASBOURG = f"{PER_ARTICLE}/fr.wikipedia/all-access/all-agents/Strasbourg"


def _recorded(name: str) -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads((RECORDED / name).read_text(encoding="utf-8"))
    return recorded


def _client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://aqs.test")


@pytest.fixture
async def sample() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the demo's AQS."""
    async with _client(sample_aqs()) as client:
        yield client


def _service_that_knows(body: dict[str, Any]) -> AqsService:
    """Build a service with just the numbers of a recorded answer."""
    series: dict[Series, dict[date, int]] = {}
    for item in body.get("items", []):
        key = Series(
            item["project"], Access(item["access"]), Agent(item["agent"]), item.get("article")
        )
        day = date.fromisoformat(item["timestamp"][:8])
        series.setdefault(key, {})[day] = item["views"]
    return AqsService(series, {})


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDED.glob("per_article_*")))
async def test_per_article__as_recorded(name: str) -> None:
    """The answer to a recorded request is the recorded one: status, bytes and headers."""
    recorded = _recorded(name)
    expected = recorded["response"]
    async with _client(_service_that_knows(json.loads(expected["body"]))) as client:
        answer = await client.get(recorded["request"]["path"])
    assert answer.status_code == expected["status"]
    assert answer.text == expected["body"]
    assert {header: answer.headers[header] for header in expected["headers"]} == expected["headers"]


async def test_aggregate__as_recorded() -> None:
    """Totals come with the recorded keys in the recorded order."""
    recorded = _recorded("aggregate_en.wikipedia_desktop_monthly.json")
    async with _client(_service_that_knows(json.loads(recorded["body"]))) as client:
        answer = await client.get(recorded["request"]["path"])
    assert answer.text == recorded["body"]


async def test_top__as_recorded(sample: httpx.AsyncClient) -> None:
    """The sample's top list is the recorded one, byte for byte."""
    recorded = _recorded("top_en.wikipedia_2015-10-10_first100.json")
    answer = await sample.get(recorded["request"]["path"])
    assert answer.text == recorded["body"]
    assert len(TopAnswer.model_validate_json(answer.content).items[0].articles) == 100


async def test_answer__under_the_public_prefix(sample: httpx.AsyncClient) -> None:
    """The paths work as at wikimedia.org too, and errors name the inner path, as there."""
    path = f"{STRASBOURG}/daily/20161230/20161231"
    below = await sample.get(f"/api/rest_v1{path}")
    assert below.content == (await sample.get(path)).content
    missing = await sample.get(f"/api/rest_v1{STRASBOURG}/daily/20170101/20170101")
    assert missing.json()["uri"] == f"{STRASBOURG}/daily/20170101/20170101"


async def test_daily__whole_sample(sample: httpx.AsyncClient) -> None:
    """A range wider than the data is cut to them; days ascend, and the schema accepts them."""
    answer = await sample.get(f"{STRASBOURG}/daily/2015010100/2099123100")
    items = SeriesAnswer.model_validate_json(answer.content).items
    assert len(items) == 550
    assert [item.day for item in items] == sorted(item.day for item in items)
    assert sum(item.views for item in items) == 746_683


async def test_monthly__whole_months(sample: httpx.AsyncClient) -> None:
    """Months are summed from days and named by their first."""
    daily = (await sample.get(f"{STRASBOURG}/daily/20160201/20160331")).json()["items"]
    monthly = (await sample.get(f"{STRASBOURG}/monthly/20160201/20160331")).json()["items"]
    assert [item["timestamp"] for item in monthly] == ["2016020100", "2016030100"]
    assert monthly[0]["views"] == sum(item["views"] for item in daily[:29])
    assert monthly[0]["granularity"] == "monthly"


async def test_days__without_views() -> None:
    """A day that the series lacks is left out, and a zero is sent."""
    series = Series("en.wikipedia", Access.DESKTOP, Agent.USER, "A")
    service = AqsService({series: {date(2020, 1, 1): 0, date(2020, 1, 3): 7}}, {})
    async with _client(service) as client:
        path = f"{PER_ARTICLE}/en.wikipedia/desktop/user/A/daily/20200101/20200103"
        items = (await client.get(path)).json()["items"]
    assert [(item["timestamp"], item["views"]) for item in items] == [
        ("2020010100", 0),
        ("2020010300", 7),
    ]


@pytest.mark.parametrize(
    "path",
    [
        f"{PER_ARTICLE}/fr.wikipedia/desktop/all-agents/Strasbourg/daily/20161230/20161231",
        f"{PER_ARTICLE}/fr.wikipedia/all-access/all-agents/strasbourg/daily/20161230/20161231",
        f"{PER_ARTICLE}/frwiki/all-access/all-agents/Strasbourg/daily/20161230/20161231",
        f"{STRASBOURG}/daily/20170101/20170101",
        "/metrics/pageviews/aggregate/fr.wikipedia/all-access/all-agents/daily/20161230/20161231",
        "/metrics/pageviews/aggregate/fr.wikipedia/all-access/user/hourly/2016123000/2016123100",
        "/metrics/pageviews/top/en.wikipedia/all-access/2015/10/11",
        "/metrics/pageviews/top/en.wikipedia/all-access/2015/10/all-days",
        "/metrics/pageviews/top/all-projects/all-access/2015/10/10",
    ],
)
async def test_404__where_there_are_no_data(sample: httpx.AsyncClient, path: str) -> None:
    """Whatever the reason that there are no data, the answer is AQS's one 404."""
    answer = await sample.get(path)
    recorded = json.loads(_recorded("per_article_not_found.json")["response"]["body"])
    assert answer.status_code == 404
    assert list(answer.json()) == list(recorded) == sorted(recorded)
    assert answer.json() == recorded | {"uri": path}


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("fr.wikipedia/phone/user/A/daily/20160101/20160102", "access should be"),
        ("fr.wikipedia/desktop/bot/A/daily/20160101/20160102", "agent should be"),
        ("fr.wikipedia/desktop/user/A/hourly/2016010100/2016010200", "Invalid granularity"),
        ("fr.wikipedia/desktop/user/A/daily/2016-01-01/20160102", "start timestamp is invalid"),
        ("fr.wikipedia/desktop/user/A/daily/20160230/20160302", "start timestamp is invalid"),
        ("fr.wikipedia/desktop/user/A/daily/20160101/203106700", "end timestamp is invalid"),
        ("fr.wikipedia/desktop/user/A/daily/20160102/20160101", "should be before the end"),
        ("fr!wikipedia/desktop/user/A/daily/20160101/20160102", "`project` contains invalid"),
    ],
)
async def test_400__bad_words(sample: httpx.AsyncClient, path: str, detail: str) -> None:
    """A word that AQS does not know is a 400 of the same shape, with one string of detail."""
    answer = await sample.get(f"{PER_ARTICLE}/{path}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(answer.json()) == ["detail", "method", "status", "title", "type", "uri"]
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize("day", ["2015/13/01", "2015/2/1", "all-years/01/01", "2015/W10/1"])
async def test_400__bad_day_of_top(sample: httpx.AsyncClient, day: str) -> None:
    """A top list's day that is no padded day of the calendar is a 400."""
    answer = await sample.get(f"/metrics/pageviews/top/en.wikipedia/all-access/{day}")
    assert answer.status_code == 400


@pytest.mark.parametrize("project", ["FR.Wikipedia.ORG", "www.fr.wikipedia", "%20fr.wikipedia%20"])
async def test_project__in_other_spellings(sample: httpx.AsyncClient, project: str) -> None:
    """A project's spelling is normalised, and the answer has the normal form."""
    path = f"{PER_ARTICLE}/{project}/all-access/all-agents/Strasbourg/daily/20161231/20161231"
    assert (await sample.get(path)).json()["items"][0]["project"] == "fr.wikipedia"


async def test_title__with_a_slash() -> None:
    """A slash in a title must be sent as %2F; a raw one makes another route."""
    series = Series("en.wikipedia", Access.DESKTOP, Agent.USER, "AC/DC")
    async with _client(AqsService({series: {date(2020, 1, 1): 5}}, {})) as client:
        path = f"{PER_ARTICLE}/en.wikipedia/desktop/user/%s/daily/20200101/20200101"
        assert (await client.get(path % "AC%2FDC")).json()["items"][0]["article"] == "AC/DC"
        raw = await client.get(path % "AC/DC")
        twice = await client.get(path % "AC%252FDC")
    assert (raw.status_code, raw.json()["detail"]) == (404, "Invalid route")
    assert twice.status_code == 404


@pytest.mark.parametrize(
    "entry",
    json.loads((RECORDED.parent / "titles.json").read_text(encoding="utf-8")),
    ids=lambda entry: f"{entry['project']}-{entry['article']}",
)
async def test_title__real(entry: dict[str, str]) -> None:
    """Every real title comes back as it is, whether sent with underscores or with spaces."""
    series = Series(entry["project"], Access.DESKTOP, Agent.USER, entry["article"])
    async with _client(AqsService({series: {date(2020, 1, 1): 5}}, {})) as client:
        for title in (entry["article"], entry["article"].replace("_", " ")):
            answer = await client.get(
                f"{PER_ARTICLE}/{entry['project']}/desktop/user/{quote(title, safe='')}"
                "/daily/20200101/20200101"
            )
            assert answer.json()["items"][0]["article"] == entry["article"]


async def test_loaded_through__before_the_newest_day() -> None:
    """What is not loaded yet is not there: a day, the rest of a month, a list."""
    series = Series("en.wikipedia", Access.DESKTOP, Agent.USER, "A")
    service = AqsService({series: {date(2020, 1, 1): 5, date(2020, 1, 2): 6}}, {})
    service.loaded_through = date(2020, 1, 1)
    path = f"{PER_ARTICLE}/en.wikipedia/desktop/user/A"
    async with _client(service) as client:
        monthly = await client.get(f"{path}/monthly/20200101/20200131")
        newest = await client.get(f"{path}/daily/20200102/20200102")
    assert monthly.json()["items"][0]["views"] == 5
    assert newest.status_code == 404


async def test_head__of_a_list(sample: httpx.AsyncClient) -> None:
    """HEAD is GET without the body."""
    path = "/metrics/pageviews/top/en.wikipedia/all-access/2015/10/10"
    head, get = await sample.head(path), await sample.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


async def test_post__anywhere(sample: httpx.AsyncClient) -> None:
    """Other methods are refused."""
    assert (await sample.post(f"{STRASBOURG}/daily/20161230/20161231")).status_code == 405
