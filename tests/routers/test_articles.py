"""Articles, through the front door; what holds for projects' totals as well is asked of both."""

import asyncio
import json
import re
import time
import unicodedata
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.aqs_faults import Behaviour
from tests.support.clock import FakeClock, SkippingClock
from tests.support.fake_aqs import FakeAqs
from tests.support.serving import serve

TITLES = json.loads((Path(__file__).parent.parent / "data/titles.json").read_text("utf-8"))

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"

SERIES = [STRASBOURG, "/api/v1/projects/fr.wikipedia"]

LEGAL_IN_PATH = "/!$&'()*+,;=:@~"
"""What a client may leave raw in a path (RFC 3986 §3.3), the slash among it."""

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

BAD_PARAMETERS = {
    "foo=1": "foo",
    "Start=2026-11-01&end=2026-11-02": "Start",
    "start=2026-02-30&end=2026-11-01": "start",
    "start=2026-11-01&end=2026-13-01": "end",
    "start=0000-01-01&end=2026-11-01": "start",
    "start=2026-11-01&end=9999-12-31": "end",
    "start=2026-1-1&end=2026-11-01": "start",
    "start=1793491200&end=2026-11-01": "start",
    "start=2026-11-01&end=2026112199": "end",
    "start=2026-11-01&end=": "end",
    "start=2026-11-01&end=%D9%A2%D9%A0%D9%A2%D9%A6-11-02": "end",
    "start=2026-11-02&end=2026-11-01": "start",
    "start=2015-06-30&end=2026-11-01": "start",
    "start=2026-11-01&end=2026-11-23": "end",
    "start=2026-11-23&end=2026-11-24": "start",
    "start=2026-11-01": "end",
    "end=2026-11-01": "start",
    "range=latest-7&start=2026-11-01&end=2026-11-02": "range",
    "range=latest-7&end=2026-11-02": "range",
    "range=": "range",
    "range=latest": "range",
    "range=latest-": "range",
    "range=latest-0": "range",
    "range=latest-07": "range",
    "range=latest--1": "range",
    "range=latest-1_0": "range",
    "range=latest-1.0": "range",
    "range=latest-1e3": "range",
    "range=latest-+7": "range",
    "range=latest-7%0A": "range",
    "range=latest-%D9%A3": "range",
    "range=latest-10000": "range",
    "range=latest-99999999999999999999999999": "range",
    "range=latest-NaN": "range",
    "range=LATEST-7": "range",
    "range=next-week": "range",
    "access=all": "access",
    "access=": "access",
    "agent=bot": "agent",
    "agent=User": "agent",
    "granularity=hourly": "granularity",
    "granularity=": "granularity",
}
"""Each query that has no meaning, and the parameter that is to blame."""


def problem_fields(response: httpx.Response) -> list[str]:
    """Tell the parts of the request that a 422 names."""
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "/problems/invalid-request"
    return [error["loc"][-1] for error in problem["errors"]]


async def ask_raw(base_url: str, target: bytes) -> tuple[int, dict[str, str], bytes]:
    """Ask for a target byte for byte, as no client library would; give status, headers, body."""
    at = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    try:
        writer.write(b"GET %s HTTP/1.1\r\nhost: testserver\r\nconnection: close\r\n\r\n" % target)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split(" ")[1]), headers, body


@pytest.fixture
async def base_url(settings: Settings, clock: FakeClock) -> AsyncIterator[str]:
    """Serve the service on a real port; short answers of AQS make the many titles quick."""
    brief = settings.model_copy(update={"aqs_span_days": 31})
    async with serve(create_app(brief, clock=clock)) as url:
        yield url


async def test_get_article__latest_days(service: Service) -> None:
    """The newest 30 days are told, with their status and sum."""
    response = await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")

    assert response.status_code == 200
    answer = response.json()
    assert answer["start"] == "2026-10-23"
    assert answer["end"] == answer["complete_through"] == "2026-11-21"
    assert [item["status"] for item in answer["items"]] == ["ok"] * 30
    assert answer["summary"]["total"] == sum(item["views"] for item in answer["items"])


NAMED_RANGES = {
    "latest-1": ("2026-11-21", "2026-11-21"),
    "latest-30": ("2026-10-23", "2026-11-21"),
    "latest-9999": ("2015-07-01", "2026-11-21"),
    "this-week": ("2026-11-16", "2026-11-21"),
    "last-week": ("2026-11-09", "2026-11-15"),
    "this-month": ("2026-11-01", "2026-11-21"),
    "last-month": ("2026-10-01", "2026-10-31"),
    "this-year": ("2026-01-01", "2026-11-21"),
    "last-year": ("2025-01-01", "2025-12-31"),
    "all-time": ("2015-07-01", "2026-11-21"),
}
"""Every kind of named range, and its days on Sunday, 2026-11-22."""


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__named_ranges(service: Service, path: str) -> None:
    """A named range is answered with its days by the calendar of this Sunday, each of them."""
    for name, (start, end) in NAMED_RANGES.items():
        response = await service.client.get(path, params={"range": name})

        assert response.status_code == 200
        answer = response.json()
        length = (date.fromisoformat(end) - date.fromisoformat(start)).days + 1
        assert (name, answer["start"], answer["end"]) == (name, start, end)
        assert answer["reason"] is None
        assert (answer["items"][0]["date"], answer["items"][-1]["date"]) == (start, end)
        assert len(answer["items"]) == answer["summary"]["days_in_range"] == length


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__named_range_without_a_day(service: Service, path: str) -> None:
    """On a Monday this week is empty, and the answer says why."""
    service.clock.set(datetime(2026, 11, 23, 12, tzinfo=UTC))
    response = await service.client.get(path, params={"range": "this-week"})

    assert response.status_code == 200
    answer = response.json()
    assert answer["items"] == []
    assert answer["reason"] == "No day of this range is loaded yet."
    assert answer["start"] is answer["end"] is answer["summary"]["total"] is None
    assert answer["summary"]["complete"] is False


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__explicit_range(service: Service, path: str) -> None:
    """Both days are included, however they are written."""
    for start, end in [
        ("2026-11-01", "2026-11-03"),
        ("20261101", "20261103"),
        ("2026110100", "2026110323"),
        ("2026-11-01", "2026110300"),
    ]:
        response = await service.client.get(path, params={"start": start, "end": end})
        days = [item["date"] for item in response.json()["items"]]
        assert days == ["2026-11-01", "2026-11-02", "2026-11-03"]


async def test_get_article__numbers(service: Service) -> None:
    """Each day has AQS's own number, and the summary is made of them."""
    response = await service.client.get(STRASBOURG, params={"range": "latest-3"})

    answer = response.json()
    views = [1000 + (YESTERDAY - timedelta(days=back)).toordinal() % 100 for back in (2, 1, 0)]
    assert [item["views"] for item in answer["items"]] == views
    assert answer["summary"] == {
        "total": sum(views),
        "average": round(sum(views) / 3, 2),
        "median": sorted(views)[1],
        "minimum": {"date": "2026-11-19", "views": min(views)},
        "maximum": {"date": "2026-11-21", "views": max(views)},
        "days_counted": 3,
        "days_in_range": 3,
        "complete": True,
    }


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__today(service: Service, path: str) -> None:
    """Today is part of the answer, and not loaded."""
    response = await service.client.get(path, params={"start": "2026-11-21", "end": "2026-11-22"})

    assert response.status_code == 200
    answer = response.json()
    assert [item["status"] for item in answer["items"]] == ["ok", "not_loaded"]
    assert answer["items"][-1]["views"] is None
    assert answer["summary"]["complete"] is False


async def test_get_article__day_without_a_view(service: Service) -> None:
    """A loaded day that AQS leaves out is a true zero."""
    service.aqs.set_views(
        "fr.wikipedia", "Rare", "all-access", "user", {YESTERDAY - timedelta(days=2): 7}
    )
    service.clock.advance(3 * 3600)
    response = await service.client.get(
        "/api/v1/articles/fr.wikipedia/Rare", params={"start": "2026-11-10", "end": "2026-11-12"}
    )

    items = response.json()["items"]
    assert [(item["views"], item["status"]) for item in items] == [(0, "zero")] * 3


@pytest.mark.parametrize("article", ["Strasbourg", None])
async def test_get_series__access_and_agent(service: Service, article: str | None) -> None:
    """Each pair of access and agent is a series of its own, and comes back in the answer."""
    path = STRASBOURG if article else "/api/v1/projects/fr.wikipedia"
    for views, (access, agent) in enumerate(product(Access, Agent)):
        service.aqs.set_views("fr.wikipedia", article, access, agent, {YESTERDAY: views})
        asked = {"range": "latest-1", "access": access, "agent": agent}
        answer = (await service.client.get(path, params=asked)).json()

        assert (answer["access"], answer["agent"]) == (access, agent)
        assert answer["items"][0]["views"] == views
        two_years = f"/fr.wikipedia/{access}/{agent}/{'Strasbourg/' * bool(article)}daily/20241122"
        is_whole = article is None and (access, agent) == (Access.ALL_ACCESS, Agent.ALL_AGENTS)
        fetches = service.aqs.count(lambda path: two_years in path)  # noqa: B023  # called at once
        assert fetches == 1 + is_whole  # the sum over all is the witness, too


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__monthly(service: Service, path: str) -> None:
    """Months are sums of the asked days, and say whether they are whole."""
    asked = {"start": "2026-10-01", "end": "2026-11-22", "granularity": "monthly"}
    daily = (await service.client.get(path, params=asked | {"granularity": "daily"})).json()
    response = await service.client.get(path, params=asked)

    october, november = response.json()["items"]
    assert response.json()["summary"] == daily["summary"]
    assert (october["start"], october["end"]) == ("2026-10-01", "2026-10-31")
    assert october["views"] == sum(item["views"] for item in daily["items"][:31])
    assert (october["days_counted"], october["partial"]) == (31, False)
    assert (november["start"], november["end"]) == ("2026-11-01", "2026-11-22")
    assert (november["days_counted"], november["days_in_period"]) == (21, 30)
    assert november["partial"] is True
    assert november["per_day"] == round(november["views"] / 21, 2)


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__bad_parameters(service: Service, path: str) -> None:
    """A query without meaning is refused with the name of the parameter, and nobody is asked.

    Rows C6, C7 and C8.
    """
    for query, field in BAD_PARAMETERS.items():
        response = await service.client.get(f"{path}?{query}")
        assert (query, problem_fields(response)) == (query, [field])
    assert service.aqs.count() == 0


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__several_faults(service: Service, path: str) -> None:
    """Each parameter that is wrong is named."""
    response = await service.client.get(f"{path}?foo=1&access=x&start=y")
    assert set(problem_fields(response)) == {"foo", "access", "start"}
    assert service.aqs.count() == 0


NO_PROJECTS = [
    "evil.com",
    "169.254.169.254",
    "localhost:6379",
    "en.wikipedia@evil.com",
    "en.wikipedia.evil.com",
    "en.wikipedia.org.evil.com",
    "wikipedia",
    "e n.wikipedia",
    "en..wikipedia",
    "-.wikipedia",
    "\uff45n.wikipedia",
    "en.wikipedia\n",
    "\ten.wikipedia",
    "x" * 60_000,
]
"""What is no Wikimedia project; the eleventh begins with a full-width letter."""


async def test_get_series__no_project(service: Service) -> None:
    """What can be no Wikimedia project is refused, and nobody is asked (row C1)."""
    for project in (quote(name, safe=":@") for name in NO_PROJECTS):
        for path in (f"/api/v1/articles/{project}/X", f"/api/v1/projects/{project}"):
            assert problem_fields(await service.client.get(path)) == ["project"]
    assert service.aqs.count() == 0


async def test_get_article__all_projects(service: Service) -> None:
    """The sum over projects has no articles, and nobody is asked."""
    response = await service.client.get("/api/v1/articles/all-projects/Strasbourg")
    assert problem_fields(response) == ["project"]
    assert service.aqs.count() == 0


async def test_get_article__other_spellings(service: Service) -> None:
    """Other spellings of the project are the same series, fetched once."""
    await service.client.get(STRASBOURG)
    before = service.aqs.count()
    for project in ("FR.wikipedia", "fr.wikipedia.org", "www.fr.wikipedia.org", "%20fr.wikipedia"):
        response = await service.client.get(f"/api/v1/articles/{project}/Strasbourg")
        assert response.json()["project"] == "fr.wikipedia"
    assert service.aqs.count() == before


async def test_get_article__real_titles(aqs: FakeAqs, base_url: str) -> None:
    """All 103 real titles reach AQS unchanged, however a client writes them (row C5)."""
    assert len(TITLES) == 103
    for number, entry in enumerate(TITLES):
        project, article = entry["project"], entry["article"]
        aqs.set_views(project, article, "all-access", "user", {YESTERDAY: number})
        for written in {quote(article, safe=""), quote(article, safe=LEGAL_IN_PATH)}:
            path = f"/api/v1/articles/{project}/{written}?range=latest-1"
            status, _, body = await ask_raw(base_url, path.encode())
            assert (status, article) == (200, json.loads(body)["article"])
            assert json.loads(body)["items"][0]["views"] == number
    paths = [request.raw_path for request in aqs.requests]
    asked = [path.split("/") for path in paths if "/aggregate/" not in path]
    titles = [unquote(path[7]) for path in asked if path[7] != "Main_Page"]
    witness = "Main_Page" in {entry["article"] for entry in TITLES}
    assert titles == [e["article"] for e in TITLES if not witness or e["article"] != "Main_Page"]
    assert {len(path) for path in asked} == {11}


async def test_get_article__spaces(aqs: FakeAqs, base_url: str) -> None:
    """A space, however it is written, is an underscore; a plus is a plus."""
    for title in ("A_B", "A+B"):
        aqs.set_views("fr.wikipedia", title, "all-access", "user", {YESTERDAY: 1})
    for target, article in [(b"A%20B", "A_B"), (b"A_B", "A_B"), (b"A+B", "A+B"), (b"A%2BB", "A+B")]:
        _, _, body = await ask_raw(base_url, b"/api/v1/articles/fr.wikipedia/" + target)
        assert json.loads(body)["article"] == article


async def test_get_article__decomposed_unicode(service: Service) -> None:
    """A title is composed (NFC) before it is asked for."""
    service.aqs.set_views("fr.wikipedia", "Évry", "all-access", "user", {YESTERDAY: 1})
    title = unicodedata.normalize("NFD", "Évry")
    response = await service.client.get(f"/api/v1/articles/fr.wikipedia/{title}")
    assert response.json()["article"] == "Évry"


async def test_get_article__percent_twice(service: Service) -> None:
    """A title is decoded once: ``%252F`` is a title that holds ``%2F``."""
    await service.client.get("/api/v1/articles/fr.wikipedia/A%252FB")
    assert service.aqs.count(lambda path: "/A%2FB/daily/" in path) > 0


async def test_get_article__replacement_character(aqs: FakeAqs, base_url: str) -> None:
    """Bytes that are no UTF-8 are refused; the character that stands for such is a title."""
    path = b"/api/v1/articles/fr.wikipedia/"
    status, _, body = await ask_raw(base_url, path + b"%ff%fe")
    assert (status, json.loads(body)["errors"][0]["loc"]) == (422, ["path", "article"])
    assert aqs.count() == 0
    status, _, body = await ask_raw(base_url, path + quote("\ufffd").encode())
    assert (status, json.loads(body)["type"]) == (404, "/problems/article-never-viewed")
    assert aqs.count(lambda path: "/\ufffd/daily/" in path) > 0


async def test_get_article__no_title(aqs: FakeAqs, base_url: str) -> None:
    """A path segment that would be resolved away is no title, nor is nothing (rows C2, C3)."""
    for title in (b".", b"..", b"%2e", b"%2E%2e", b".%2e", b"", b"%00", b"A%0A", b"%0D%0AA"):
        status, _, body = await ask_raw(base_url, b"/api/v1/articles/fr.wikipedia/" + title)
        assert (title, status) == (title, 422)
        assert json.loads(body)["errors"][0]["loc"] == ["path", "article"]
    assert aqs.count() == 0


@examples(
    max_examples=100,
)
@given(title=st.binary(min_size=1, max_size=300))
async def test_get_article__any_bytes(service: Service, title: bytes) -> None:
    """Any bytes are a title or a 422; none breaks the service or comes back raw (row C3)."""
    service.clock.advance(61)  # the budget is for all examples together
    before = service.aqs.count()
    response = await service.client.get(f"/api/v1/articles/fr.wikipedia/{quote(title, safe='')}")

    assert response.status_code in {200, 404, 422}
    assert not CONTROLS.search(response.text)
    if response.status_code == 422:
        assert problem_fields(response) == ["article"]
        assert service.aqs.count() == before


FORBIDDEN = st.one_of(
    st.characters(categories=["Cc"]),
    st.sampled_from("\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029"),
).map(str.encode) | st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])


@examples(
    max_examples=100,
)
@given(before=st.text(max_size=20), bad=FORBIDDEN, after=st.text(max_size=20))
async def test_get_article__forbidden_characters(
    service: Service, before: str, bad: bytes, after: str
) -> None:
    """Control, bidi and invalid characters are refused wherever they stand; nobody is asked."""
    service.clock.advance(1)
    head, tail = (text.encode("utf-8", "ignore") for text in (before, after))
    title = quote(head + bad + b"!" + tail, safe="")
    response = await service.client.get(f"/api/v1/articles/fr.wikipedia/{title}")
    assert problem_fields(response) == ["article"]
    assert not CONTROLS.search(response.text)
    assert service.aqs.count() == 0


@examples(
    max_examples=100,
)
@given(name=st.binary(min_size=1, max_size=100), value=st.binary(max_size=50))
async def test_get_article__any_query(service: Service, name: bytes, value: bytes) -> None:
    """A parameter of any bytes is refused, and no control character of it comes back raw."""
    service.clock.advance(1)
    pair = f"{quote(b'_' + name, safe='')}={quote(value, safe='')}"
    for query in (pair, f"{pair}&{pair}"):
        response = await service.client.get(f"{STRASBOURG}?{query}")
        assert len(problem_fields(response)) == 1
        assert not CONTROLS.search(response.text)
    assert service.aqs.count() == 0


async def test_get_article__long_names_of_parameters(service: Service) -> None:
    """The name of an unknown parameter is repeated in part only."""
    response = await service.client.get(f"{STRASBOURG}?{'x' * 1_900}=1")
    assert problem_fields(response) == ["x" * 64]
    assert len(response.content) < 1000


async def test_get_article__long_title(service: Service) -> None:
    """255 bytes of UTF-8 are a title, 256 are none (row C4)."""
    for title in ("x" * 255, "é" * 127):
        response = await service.client.get(f"/api/v1/articles/fr.wikipedia/{title}")
        assert response.status_code == 404
    asked = service.aqs.count()
    for title in ("x" * 256, "é" * 128, "😂" * 64):
        response = await service.client.get(f"/api/v1/articles/fr.wikipedia/{title}")
        assert problem_fields(response) == ["article"]
    assert service.aqs.count() == asked


async def test_get_article__long_target(aqs: FakeAqs, base_url: str) -> None:
    """A target of any length is refused, and the next request is answered (row C4)."""
    for target, length in product(
        [b"/api/v1/articles/fr.wikipedia/", STRASBOURG.encode() + b"?x="],
        [60_000, 64_000, 1_000_000, 5_000_000],
    ):
        try:
            status, _, _ = await ask_raw(base_url, target + b"x" * length)
        except ConnectionError:
            status = 400  # the server closed before all was sent
        assert status in {400, 414, 422}
    assert aqs.count() == 0
    status, _, _ = await ask_raw(base_url, STRASBOURG.encode())
    assert status == 200


async def test_get_article__long_values(service: Service) -> None:
    """The longest text that a server lets in is refused about as fast as one byte (row C9)."""
    started = time.process_time()  # others on this machine do not count
    for unit in ("1", "-", "a.", "latest-", "2026-11-0", "%20"):
        text = unit * (1_900 // len(unit))
        for name in ("start", "end", "range", "access", "agent", "granularity", "other"):
            response = await service.client.get(f"{STRASBOURG}?{name}={text}")
            assert name in problem_fields(response)
            response = await service.client.get(f"{STRASBOURG}?{name}={text * 30}")
            assert response.status_code == 414
        text *= 30
        for path in (f"/api/v1/articles/{text}/X", f"/api/v1/articles/fr.wikipedia/{text}"):
            assert len(problem_fields(await service.client.get(path))) == 1
    # All together take about 0.5 s; one quadratic pattern alone would take far longer than 10.
    assert time.process_time() - started < 10
    assert service.aqs.count() == 0


async def test_get__with_a_body(service: Service) -> None:
    """A GET with a body is refused unread (row C11)."""
    for path in (*SERIES, "/api/v1/top/fr.wikipedia", "/problems/not-found"):
        for content in (b"x", b"x" * 1_000_000):
            response = await service.client.request("GET", path, content=content)
            assert response.status_code == 413
            assert response.json()["type"] == "/problems/content-too-large"
    assert service.aqs.count() == 0


async def test_head__is_get_without_the_body(base_url: str) -> None:
    """HEAD has the status and headers of GET, and no body (row C12)."""
    async with httpx.AsyncClient(base_url=base_url, headers={"x-request-id": "same"}) as client:
        await client.get(STRASBOURG)  # what is fetched anew says so in Cache-Status
        for path, status in {
            STRASBOURG: 200,
            f"{STRASBOURG}?foo=1": 422,
            "/api/v1/articles/fr.wikipedia/Nobody_reads_this": 404,
            "/none": 404,
        }.items():
            get, head = await client.get(path), await client.head(path)
            assert head.status_code == get.status_code == status
            assert head.content == b""
            assert _without_date(head) == _without_date(get)
            assert int(head.headers["content-length"]) == get.num_bytes_downloaded > 0


def _without_date(response: httpx.Response) -> list[tuple[str, str]]:
    changes = {"date", "ratelimit"}
    return [(name, value) for name, value in response.headers.items() if name not in changes]


async def test_other_methods__are_not_allowed(service: Service) -> None:
    """Any other method gets a 405 that lists what there is (row C12)."""
    paths = (*SERIES, "/api/v1/top/fr.wikipedia", "/problems/not-found", "/healthz", "/docs")
    methods = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE")
    for path, method in product(paths, methods):
        response = await service.client.request(method, path)
        assert response.status_code == 405
        assert response.json()["type"] == "/problems/method-not-allowed"
        assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert service.aqs.count() == 0


async def test_get_article__never_viewed(service: Service) -> None:
    """A title without a view is a 404 that may be kept a minute, and offers the capital one."""
    await service.client.get(STRASBOURG)
    response = await service.client.get("/api/v1/articles/fr.wikipedia/strasbourg")
    assert response.status_code == 404
    assert response.headers["cache-control"] == "public, max-age=60"
    problem = response.json()
    assert problem["type"] == "/problems/article-never-viewed"
    assert "in fr.wikipedia (all-access, user)." in problem["detail"]
    assert 'There is "Strasbourg"' in problem["detail"]


async def test_get_article__unknown_project(service: Service) -> None:
    """A project of which AQS never told a number is unknown, not its article."""
    response = await service.client.get("/api/v1/articles/xx.wikipedia/Strasbourg")
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/unknown-project"


class TestUpstreamFails:
    """What a caller is told when there is no answer to be had, and none is held."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Give a clock on which retries take no time."""
        return SkippingClock()

    @pytest.fixture
    def settings(self, settings: Settings, request: pytest.FixtureRequest) -> Settings:
        """Give settings under which a mute AQS is noticed soon, and any other is waited for."""
        name = request.node.callspec.id if hasattr(request.node, "callspec") else ""
        return settings.model_copy(update={"aqs_timeout": 0.5}) if "slow" in name else settings

    @pytest.mark.parametrize(
        ("behaviour", "status", "slug"),
        [
            (aqs_faults.failing(500), 502, "upstream-failed"),
            (aqs_faults.failing(503), 502, "upstream-failed"),
            (aqs_faults.blocked(), 502, "upstream-rejected"),
            (aqs_faults.refusing(400), 502, "upstream-rejected"),
            (aqs_faults.html_page(), 502, "upstream-invalid"),
            (aqs_faults.empty(), 502, "upstream-invalid"),
            (aqs_faults.cut(), 502, "upstream-invalid"),
            (aqs_faults.of_other_project(), 502, "upstream-invalid"),
            (aqs_faults.redirecting(), 502, "upstream-invalid"),
            (aqs_faults.throttled("60"), 503, "upstream-throttled"),
            (aqs_faults.slow(), 504, "upstream-timeout"),
        ],
        ids=str,
    )
    async def test_get_article__upstream_error(
        self, service: Service, behaviour: Behaviour, status: int, slug: str
    ) -> None:
        """Each failure of AQS is the problem that it is, and names AQS, not its words."""
        service.aqs.behave(behaviour)
        response = await service.client.get(STRASBOURG)

        assert response.status_code == status
        problem = response.json()
        assert (problem["type"], problem["upstream"]) == (f"/problems/{slug}", "aqs")
        assert response.headers["cache-control"] == "no-store"
        assert not re.search(r"<|http:|127\.0|169\.254|user-agent", response.text, re.IGNORECASE)
        assert response.headers.get("retry-after") == ("60" if status == 503 else None)
        assert problem.get("retry_after") == (60 if status == 503 else None)

    async def test_get_article__circuit_open(self, service: Service) -> None:
        """While AQS is left alone, a caller is told when to come back, and it is not asked."""
        service.aqs.behave(aqs_faults.blocked())
        await service.client.get(STRASBOURG)
        service.aqs.forget()
        response = await service.client.get("/api/v1/articles/fr.wikipedia/Paris")

        assert response.status_code == 503
        assert response.json()["type"] == "/problems/upstream-held-back"
        assert 1 <= int(response.headers["retry-after"]) == response.json()["retry_after"] <= 30
        assert service.aqs.count() == 0


async def test_get_article__upstream_unreachable(settings: Settings) -> None:
    """Where nobody listens, a caller is told that AQS could not be reached."""
    unreachable = settings.model_copy(update={"aqs_base_url": "http://127.0.0.1:9"})
    app = create_app(unreachable, clock=SkippingClock())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        response = await client.get(STRASBOURG)
    assert response.status_code == 502
    assert response.json()["type"] == "/problems/upstream-unreachable"


class TestStale:
    """What is held is served when AQS fails, and says how old it is."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which nobody waits for a refresh."""
        return settings.model_copy(update={"cache_wait": 0.0})

    @pytest.mark.parametrize("path", SERIES)
    async def test_get_series__stale(self, service: Service, path: str) -> None:
        """After two hours without AQS the numbers stay, flagged, with the moment of the check."""
        fresh = (await service.client.get(path)).json()
        assert fresh["stale"] is False
        service.aqs.behave(aqs_faults.failing())
        service.clock.advance(2 * 3600 + 1)
        response = await service.client.get(path)

        assert response.status_code == 200
        stale = response.json()
        assert stale["stale"] is True
        assert stale | {"stale": False} == fresh

    async def test_get_article__too_stale(self, service: Service) -> None:
        """After 26 hours the newest days are missing, and the settled ones stay."""
        await service.client.get(STRASBOURG)
        service.aqs.behave(aqs_faults.failing())
        service.clock.advance(27 * 3600)
        asked = {"start": "2026-11-17", "end": "2026-11-21"}
        response = await service.client.get(STRASBOURG, params=asked)

        assert response.status_code == 200
        answer = response.json()
        statuses = [item["status"] for item in answer["items"]]
        assert statuses == ["ok", "ok", "missing", "missing", "missing"]
        assert answer["stale"] is True
        assert answer["summary"]["complete"] is False


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("granularity=hourly", "granularity: is none of 'daily', 'weekly' or 'monthly'"),
        ("nothing=1", "nothing: is no parameter of this URL"),
    ],
)
async def test_get_article__in_our_words(service: Service, query: str, detail: str) -> None:
    """What is wrong with a parameter is said as everywhere: of the parameter, in plain words."""
    response = await service.client.get(f"/api/v1/articles/fr.wikipedia/Strasbourg?{query}")
    assert (response.status_code, response.json()["detail"]) == (422, detail)
