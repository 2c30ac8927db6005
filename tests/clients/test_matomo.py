"""Matomo, asked over a real port: what is sent, what is made of the answers, what goes wrong."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, quote
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clients.matomo import AT_ONCE, MatomoClient
from pageviews_api.clients.matomo_reports import MOST_ROWS, UPSTREAM, page_pattern
from pageviews_api.clients.site_analytics import SiteAnalyticsClient
from pageviews_api.clients.site_pages import path_asked
from pageviews_api.exceptions import (
    UpstreamError,
    UpstreamInvalidError,
    UpstreamKeyRefusedError,
    UpstreamRejectedError,
    UpstreamThrottledError,
)
from pageviews_api.schemas.site_metrics import Interval, SiteFigures
from tests.support import aqs_faults
from tests.support.clock import FakeClock, SkippingClock
from tests.support.fake_matomo import FakeMatomo
from tests.support.fake_provider import DayCounts, UrlCounts, days
from tests.support.serving import serve
from tests.support.site_logs import CANARY, Logs

FRIDAY, SATURDAY, SUNDAY = (date(2026, 11, day) for day in (20, 21, 22))

BUSY = DayCounts(visitors=9, visits=9, pageviews=15, bounces=5, seconds=2307, events=3)
"""The day of which there is a recorded answer, ``visitssummary_get.day.json``."""

BEFORE, SINCE = (5, 0), (5, 7)
"""Versions: before errors had a status of their own, and since they do."""


@pytest.fixture
def clock() -> SkippingClock:
    """Give a clock on which retries take no time, at noon of a Sunday."""
    return SkippingClock()


@pytest.fixture(params=[BEFORE, SINCE], ids=["5.0", "5.7"])
def matomo(request: pytest.FixtureRequest) -> Iterator[FakeMatomo]:
    """Give a Matomo of both kinds; that no token came in a URL is seen to after every test."""
    fake = FakeMatomo(token=CANARY, version=request.param)
    yield fake
    assert fake.tokens_in_urls == []


@asynccontextmanager
async def asking(
    fake: FakeMatomo,
    clock: FakeClock,
    *,
    key: str = CANARY,
    site_id: str = "1",
    timezone: str = "Europe/Berlin",
    folder: str = "",
) -> AsyncIterator[MatomoClient]:
    """Give a client of the fake on a real port."""
    async with serve(fake) as url, httpx.AsyncClient(trust_env=False) as http:
        client = MatomoClient(
            UpstreamClient(UPSTREAM, url + folder, http, clock),
            key=key,
            site_id=site_id,
            timezone=ZoneInfo(timezone),
            clock=clock,
            jitter=lambda: 1.0,
        )
        yield client
        await client.aclose()


@pytest.fixture
async def client(matomo: FakeMatomo, clock: FakeClock) -> AsyncIterator[MatomoClient]:
    """Give a client of the fake that has compared the time zone already."""
    async with asking(matomo, clock) as client:
        await client.check()
        matomo.requests.clear()
        yield client


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Hear everything that is logged."""
    with Logs.hearing() as logs:
        yield logs


# What is told


async def test_client__is_what_all_are(client: MatomoClient) -> None:
    """It is a client like that of every other provider."""

    def name(one: SiteAnalyticsClient) -> str:
        return one.provider

    assert name(client) == "matomo"


async def test_summary__of_a_day(matomo: FakeMatomo, client: MatomoClient) -> None:
    """Ratios are made of counts, page views are not actions, and both come in one request."""
    matomo.set_day(SATURDAY, BUSY)
    assert await client.summary(SATURDAY, SATURDAY) == SiteFigures(
        visitors=9,
        visits=9,
        pageviews=15,
        bounce_rate=55.56,
        visit_duration=256.33,
        views_per_visit=1.67,
    )
    (request,) = matomo.requests
    assert request.query == "module=API&format=JSON&language=en&method=API.getBulkRequest"
    assert parse_qs(request.body.decode()) == {
        "token_auth": [CANARY],
        "urls[0]": ["idSite=1&method=VisitsSummary.get&period=day&date=2026-11-21"],
        "urls[1]": ["idSite=1&method=Actions.get&period=day&date=2026-11-21"],
    }


async def test_summary__of_a_range(matomo: FakeMatomo, client: MatomoClient) -> None:
    """Of days together Matomo knows no visitors, who may have come on several."""
    for day in (FRIDAY, SATURDAY):
        matomo.set_day(day, BUSY)
    told = await client.summary(FRIDAY, SATURDAY)
    assert (told.visitors, told.visits, told.pageviews) == (None, 18, 30)


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 11, 1), SUNDAY)],
)
async def test_summary__of_a_month(
    matomo: FakeMatomo, client: MatomoClient, start: date, end: date
) -> None:
    """Of a whole month it does, and of one of which there is no more yet."""
    for day in days(start, end):
        matomo.set_day(day, BUSY)
    matomo.month_uniques[start] = 25
    assert (await client.summary(start, end)).visitors == 25


async def test_summary__nobody_came(client: MatomoClient) -> None:
    """Without a visit there are no ratios."""
    told = await client.summary(SUNDAY, SUNDAY)
    assert (told.visitors, told.visits, told.pageviews) == (0, 0, 0)
    assert (told.bounce_rate, told.visit_duration, told.views_per_visit) == (None, None, None)


async def test_timeseries__fills_gaps(matomo: FakeMatomo, client: MatomoClient) -> None:
    """Days that come as ``[]`` are zero; today is not over. It is one request."""
    matomo.set_day(SATURDAY, BUSY)
    told = await client.timeseries(FRIDAY, SUNDAY, Interval.DAY)
    assert [(p.start, p.end, p.visits, p.pageviews, p.partial) for p in told] == [
        (FRIDAY, FRIDAY, 0, 0, False),
        (SATURDAY, SATURDAY, 9, 15, False),
        (SUNDAY, SUNDAY, 0, 0, True),
    ]
    assert len(matomo.requests) == 1


async def test_timeseries__by_month(matomo: FakeMatomo, client: MatomoClient) -> None:
    """A month is told as far as it was asked for: not whole, it has no visitors. One request."""
    for day in days(date(2026, 8, 1), SUNDAY):
        matomo.set_day(day, DayCounts(1, 1, 1))
    told = await client.timeseries(date(2026, 8, 10), SUNDAY, Interval.MONTH)
    assert [(f"{p.start}", f"{p.end}", p.visitors, p.visits, p.partial) for p in told] == [
        ("2026-08-10", "2026-08-31", None, 22, True),
        ("2026-09-01", "2026-09-30", 30, 30, False),
        ("2026-10-01", "2026-10-31", 31, 31, False),
        ("2026-11-01", "2026-11-22", 22, 22, True),
    ]
    assert len(matomo.requests) == 1


async def test_timeseries__month_ends_early(matomo: FakeMatomo, client: MatomoClient) -> None:
    """A month that is not asked for to its end is not told whole, nor one day as a month."""
    for day in days(date(2026, 8, 31), date(2026, 10, 31)):
        matomo.set_day(day, DayCounts(1, 1, 1))
    told = await client.timeseries(date(2026, 8, 31), date(2026, 10, 15), Interval.MONTH)
    assert [(p.visitors, p.visits, p.partial) for p in told] == [
        (1, 1, True),
        (30, 30, False),
        (None, 15, True),
    ]


PAGES = {
    "http://example.org/wiki/Earth": UrlCounts(6, 6, 5, 3, 411),
    "http://example.org/wiki/Earth?utm=1": UrlCounts(2, 1, 1, 1, 9),
    "https://www.example.org/wiki/Earth": UrlCounts(1),
    "http://example.org/wiki/Earthquake": UrlCounts(50),
    "http://example.org/a/wiki/Earth": UrlCounts(50),
    "http://example.org/wiki/Caf%C3%A9": UrlCounts(3),
    "http://example.org/wiki/Café": UrlCounts(4),
    "http://example.org/R&D/<x>\"y'?a=1&b=2": UrlCounts(1),
    "http://example.org/": UrlCounts(4, 1, 1, 0, 814),
    "http://example.org": UrlCounts(1),
}


@pytest.mark.parametrize(
    ("path", "pageviews", "visits", "rate"),
    [
        ("/wiki/Earth", 9, 8, 66.67),
        ("/wiki/Earth?other=2", 9, 8, 66.67),
        ("/wiki/Café", 7, 2, None),
        ("/wiki/Caf%C3%A9", 7, 2, None),
        ("/R&D/<x>\"y'", 1, 1, None),
        ("/", 5, 2, 0),
        ("/nowhere", 0, 0, None),
    ],
)
async def test_timeseries__of_a_page(
    matomo: FakeMatomo,
    client: MatomoClient,
    path: str,
    pageviews: int,
    visits: int,
    rate: float | None,
) -> None:
    """A page is all its URLs: hosts, query strings and spellings, and no other page's."""
    matomo.set_day(SATURDAY, BUSY, PAGES)
    told = await client.timeseries(FRIDAY, SATURDAY, Interval.DAY, path=path)
    assert [(p.pageviews, p.visits, p.bounce_rate, p.visit_duration) for p in told] == [
        (0, 0, None, None),
        (pageviews, visits, rate, None),
    ]
    assert await client.timeseries(SATURDAY, SATURDAY, Interval.DAY, path=path) == told[1:]
    (month,) = await client.timeseries(FRIDAY, SATURDAY, Interval.MONTH, path=path)
    assert month.pageviews == pageviews


async def test_top_pages__merged_and_ranked(matomo: FakeMatomo, client: MatomoClient) -> None:
    """Pages that differ in host, query string or spelling are one; ties by path."""
    matomo.set_day(SATURDAY, BUSY, PAGES)
    told = await client.top_pages(SATURDAY, SATURDAY, 5)
    assert [(page.path, page.pageviews, page.visits, page.visitors) for page in told.items] == [
        ("/a/wiki/Earth", 50, 1, 1),
        ("/wiki/Earthquake", 50, 1, 1),
        ("/wiki/Earth", 9, 8, 8),
        ("/wiki/Café", 7, 2, 2),
        ("/", 5, 2, 2),
    ]
    assert [page.bounce_rate for page in told.items] == [None, None, 66.67, None, 0]
    assert told.items[2].time_on_page == 46.67
    assert told.other_pageviews is None


async def test_top_pages__the_rest_is_told_apart(matomo: FakeMatomo, client: MatomoClient) -> None:
    """What Matomo tells only as a sum is no page, however it is called."""
    pages = {f"http://example.org/{number}": UrlCounts(2) for number in range(MOST_ROWS)}
    rest = {f"http://example.org/rare/{number}": UrlCounts(1) for number in range(7)}
    matomo.set_day(SATURDAY, BUSY, pages | rest)
    told = await client.top_pages(SATURDAY, SATURDAY, 100)
    assert len(told.items) == 100
    assert {page.pageviews for page in told.items} == {2}
    assert told.other_pageviews == 7


async def test_top_pages__none(client: MatomoClient) -> None:
    """Where nobody came there are no pages."""
    assert (await client.top_pages(FRIDAY, SUNDAY, 10)).items == []


async def test_current_visitors__of_five_minutes(matomo: FakeMatomo, client: MatomoClient) -> None:
    """Who is there now comes in a list of one."""
    matomo.current = 3
    told = await client.current_visitors()
    assert (told.visitors, told.window_minutes) == (3, 5)


@pytest.mark.parametrize("body", ["[]", '[{"visitors":1},{"visitors":2}]', '{"visitors":1}'])
async def test_current_visitors__not_one(
    matomo: FakeMatomo, client: MatomoClient, body: str
) -> None:
    """A list of none or of two is no answer."""
    matomo.behave(aqs_faults.other_json(body))
    with pytest.raises(UpstreamInvalidError):
        await client.current_visitors()


async def test_base_url__with_a_folder(matomo: FakeMatomo, clock: FakeClock) -> None:
    """Matomo may live in a folder of its host."""
    async with asking(matomo, clock, folder="/matomo") as client:
        await client.check()
    assert matomo.requests[0].path == "/matomo/index.php"


# Key, site, zone


async def test_check__proves_token_and_site(
    matomo: FakeMatomo, client: MatomoClient, clock: FakeClock
) -> None:
    """A check passes with a token for the site, and not with another, or for another."""
    await client.check()
    async with asking(matomo, clock, key="wrong") as other:
        with pytest.raises(UpstreamKeyRefusedError):
            await other.check()
        with pytest.raises(UpstreamKeyRefusedError):
            await other.summary(SATURDAY, SATURDAY)
    async with asking(matomo, clock, site_id="99") as other:
        with pytest.raises(UpstreamKeyRefusedError):
            await other.check()
        with pytest.raises(UpstreamKeyRefusedError):  # in a bulk, with status 200: by its words
            await other.summary(SATURDAY, SATURDAY)


async def test_check__another_site(matomo: FakeMatomo, client: MatomoClient) -> None:
    """A site that was not asked for is no proof."""
    matomo.behave(aqs_faults.other_json('{"idsite":"2","timezone":"UTC"}'))
    with pytest.raises(UpstreamInvalidError):
        await client.check()


async def test_fake__takes_no_token_in_a_url() -> None:
    """The fake remembers a token in a URL, so that the tests here would see one."""
    fake = FakeMatomo(token=CANARY)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as http:
        url = f"http://matomo.test/index.php?module=API&format=JSON&method=x&token_auth={CANARY}"
        response = await http.post(url, data={"token_auth": CANARY})
        assert response.status_code == 401
        assert fake.tokens_in_urls == [CANARY]
        url = "http://matomo.test/index.php"
        response = await http.post(url, data={"module": "API", "token_auth": "wrong"})
        assert (response.status_code, response.headers["content-type"][:9]) == (401, "text/html")


@pytest.mark.parametrize(
    ("theirs", "ours", "complaints"),
    [
        ("Europe/Berlin", "Europe/Berlin", 0),
        ("Europe/Kiev", "Europe/Kyiv", 0),
        ("Europe/Berlin", "UTC", 1),
        ("Europe/London", "UTC", 1),
        ("UTC+2", "Europe/Berlin", 1),
        ("../etc", "Europe/Berlin", 1),
        ("", "Europe/Berlin", 1),
    ],
)
async def test_timezone__compared_once(
    matomo: FakeMatomo, clock: FakeClock, logs: Logs, theirs: str, ours: str, complaints: int
) -> None:
    """A zone that shows another time at some moment of the year is told once."""
    matomo.timezone = theirs
    async with asking(matomo, clock, timezone=ours) as client:
        for _ in range(3):
            await client.check()
    assert logs.text.count("time zone is not the one") == complaints


@pytest.mark.parametrize(("ours", "complaints"), [("Europe/Berlin", 0), ("UTC", 1)])
async def test_timezone__comes_along(
    matomo: FakeMatomo, clock: FakeClock, logs: Logs, ours: str, complaints: int
) -> None:
    """The zone comes with the first reports, in one request with them, and is asked for once."""
    async with asking(matomo, clock, timezone=ours) as client:
        for _ in range(3):
            await client.summary(SATURDAY, SATURDAY)
        await client.timeseries(FRIDAY, SATURDAY, Interval.DAY, path="/")
    assert logs.text.count("time zone is not the one") == complaints
    told = [request.body.count(b"getSiteFromId") for request in matomo.requests]
    assert told == [1, 0, 0, 0]


async def test_timezone__does_not_come(matomo: FakeMatomo, clock: FakeClock, logs: Logs) -> None:
    """Reports are told also where the site's settings are not; these are asked for again."""
    visits = '{"nb_visits":4,"bounce_count":1,"sum_visit_length":8}'
    settings = '{"result":"error","message":"The plugin SitesManager is not activated"}'
    body = f'[{visits},{{"nb_pageviews":6}},{settings}]'
    matomo.behave(aqs_faults.other_json(body))
    async with asking(matomo, clock) as client:
        for _ in range(2):
            assert (await client.summary(FRIDAY, SATURDAY)).pageviews == 6
    assert "time zone" not in logs.text
    assert all(b"getSiteFromId" in request.body for request in matomo.requests)


@pytest.mark.parametrize(
    ("zone", "last_minute", "today"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
        ("America/Santiago", datetime(2026, 4, 5, 3, 59, tzinfo=UTC), date(2026, 4, 4)),
        ("America/Havana", datetime(2026, 3, 8, 4, 59, tzinfo=UTC), date(2026, 3, 7)),
    ],
)
async def test_today__ends_with_the_site_s_midnight(
    matomo: FakeMatomo, clock: FakeClock, zone: str, last_minute: datetime, today: date
) -> None:
    """A day of 23 or 25 hours is partial until its own midnight, and whole after it."""
    async with asking(matomo, clock, timezone=zone) as client:
        partial = []
        for moment in (last_minute, last_minute.replace(minute=0), last_minute):
            clock.jump((moment - clock.now()).total_seconds())
            partial.append((await client.timeseries(today, today, Interval.DAY))[0].partial)
        clock.advance(60)
        partial.append((await client.timeseries(today, today, Interval.DAY))[0].partial)
    assert partial == [True, True, True, False]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "America/Havana"])
async def test_timeseries__of_a_year_with_clock_changes(
    matomo: FakeMatomo, clock: FakeClock, zone: str
) -> None:
    """Of a year there are 365 days, each once."""
    async with asking(matomo, clock, timezone=zone) as client:
        told = await client.timeseries(date(2025, 1, 1), date(2025, 12, 31), Interval.DAY)
    assert [p.start for p in told] == list(days(date(2025, 1, 1), date(2025, 12, 31)))


# Errors


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Unable to authenticate with the provided token.", UpstreamKeyRefusedError),
        ("You can&#039;t access this resource as it requires", UpstreamKeyRefusedError),
        ("Please enter a valid TOKEN", UpstreamKeyRefusedError),
        ("The period 'fortnight' is not supported.", UpstreamRejectedError),
        ("Segment 'nope' is not a supported segment.", UpstreamRejectedError),
        ("Boom" + " " * 200 + "#1 index.php: token_auth", UpstreamRejectedError),
        ("", UpstreamRejectedError),
    ],
)
@pytest.mark.parametrize("in_bulk", [False, True])
async def test_error__with_status_200(
    matomo: FakeMatomo,
    client: MatomoClient,
    message: str,
    error: type[UpstreamError],
    in_bulk: bool,
) -> None:
    """An error is told from an answer by its body, alone or within a bulk; its words stay there."""
    body = f'{{"result":"error","message":"{message}"}}'
    matomo.behave(aqs_faults.other_json(f"[{body},{body}]" if in_bulk else body))
    with pytest.raises(UpstreamError) as raised:
        await client.summary(SATURDAY, SATURDAY)
    assert type(raised.value) is error
    assert "fortnight" not in f"{raised.value}"


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("is_page", [False, True])
async def test_error__with_a_status(
    matomo: FakeMatomo, client: MatomoClient, status: int, is_page: bool
) -> None:
    """With a status of its own an error is told by that; a page without an error is no answer."""
    fault = aqs_faults.failing(status) if is_page else aqs_faults.refusing(status)
    matomo.behave(fault)
    with pytest.raises(UpstreamError) as raised:
        await client.check()
    if status in {401, 403}:
        expected: type[UpstreamError] = UpstreamKeyRefusedError
    else:
        expected = (
            UpstreamInvalidError if (status, is_page) == (404, True) else UpstreamRejectedError
        )
    assert type(raised.value) is expected


async def test_bulk__part_is_missing(matomo: FakeMatomo, client: MatomoClient) -> None:
    """A bulk with fewer or more parts than asked for is no answer."""
    for body in ("[]", "[{}]", "[[],[],[]]", "{}"):
        matomo.behave(aqs_faults.other_json(body))
        with pytest.raises(UpstreamInvalidError):
            await client.summary(SATURDAY, SATURDAY)


ZEROES = '{"nb_visits":0,"bounce_count":0,"sum_visit_length":0}'


@pytest.mark.parametrize(
    "visits",
    [
        '{"2026-11-20":5,"2026-11-21":[]}',
        '{"2026-11-20":{"nb_visits":5},"2026-11-21":[]}',
        f'{{"2026-11-19":{ZEROES}}}',
        f"[{ZEROES}]",
        '{"2026-11-20":[1]}',
        '{"2026-11-20":{"nb_visits":-5,"bounce_count":0,"sum_visit_length":0}}',
        '{"2026-11-20":{"nb_visits":1.5,"bounce_count":0,"sum_visit_length":0}}',
        '{"2026-11-20":{"nb_visits":"5 ","bounce_count":0,"sum_visit_length":0}}',
        '{"2026-11-20":{"nb_visits":"' + "9" * 17 + '","bounce_count":0,"sum_visit_length":0}}',
        '{"2026-11-20":null}',
        "null",
        '"text"',
    ],
)
async def test_answer__not_documented(
    matomo: FakeMatomo, client: MatomoClient, visits: str
) -> None:
    """Whatever is not the documented answer to this question is refused."""
    matomo.behave(aqs_faults.other_json(f"[{visits},[]]"))
    with pytest.raises(UpstreamInvalidError):
        await client.timeseries(FRIDAY, SATURDAY, Interval.DAY)


async def test_bounces__more_than_visits(matomo: FakeMatomo, client: MatomoClient) -> None:
    """Counts that do not go together make no rate over 100."""
    matomo.set_day(SATURDAY, DayCounts(visitors=1, visits=1, pageviews=1, bounces=2))
    assert (await client.summary(SATURDAY, SATURDAY)).bounce_rate == 100


# Limits


async def test_at_once__no_more_than_eight(matomo: FakeMatomo, client: MatomoClient) -> None:
    """Eight requests are on their way at the most."""
    matomo.behave(aqs_faults.slow())
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        asked = [group.create_task(client.current_visitors()) for _ in range(20)]
        await matomo.until_in_flight(AT_ONCE)
        matomo.release.set()
    assert len(asked) == 20
    assert matomo.max_in_flight == AT_ONCE


async def test_throttled__longer_the_second_time(
    matomo: FakeMatomo, client: MatomoClient, clock: FakeClock
) -> None:
    """The cloud's windows last a minute and ten: the longer one is waited for after the shorter."""
    matomo.behave(aqs_faults.throttled(None))
    waits = []
    for _ in range(3):
        with pytest.raises(UpstreamThrottledError) as raised:
            await client.current_visitors()
        waits.append(raised.value.retry_after)
        clock.advance(waits[-1])
    assert waits == [60, 600, 600]


# The pattern that finds a page


@given(st.text(min_size=1, max_size=60))
def test_pattern__finds_its_page(text: str) -> None:
    """Whatever a path is made of, the pattern finds its label, with a query string and without."""
    label = re.sub(r"[\n%]", "", re.split(r"[?#]", text, maxsplit=1)[0])
    pattern = page_pattern(path_asked(label))
    for shown in (f"/{label.removeprefix('/')}", f"/{label.removeprefix('/')}?a=1"):
        assert re.search(pattern, shown, re.DOTALL), (pattern, shown)


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("/東京", ["/大阪", "/", "/wiki/東京", "/東京都"]),
        ("/wiki/Café", ["/wiki/Caff", "/wiki/Cafè", "/wiki/Caf%C3%A8", "/wiki/Café/Café"]),
        ("/index.php", ["/index-php", "/index/a.php"]),
        ("/a.b.c.d", ["/a.b.c.e", "/a.b.x.d", "/a.b.c.d.e"]),
    ],
)
def test_pattern__finds_no_other_page(path: str, others: list[str]) -> None:
    """A page in any letters is asked for alone: with all of its folder the answer is too long."""
    pattern = page_pattern(path)
    for shown in (path, f"{path}?a=1", quote(path), quote(path, safe="/.").replace(".", "%2e")):
        assert re.search(pattern, shown, re.IGNORECASE), shown
    for other in others:
        assert not re.search(pattern, other, re.IGNORECASE), other


def test_pattern__is_harmless() -> None:
    """A path made to cost the server time makes a short pattern with few gaps."""
    pattern = page_pattern("/" + "a&" * 999)
    assert pattern.count(".*") <= 4
    assert len(page_pattern("/" + "a" * 5000)) < 5050


# Against a model


@given(
    visits=st.dictionaries(st.integers(0, 70), st.integers(1, 1000)),
    first=st.integers(0, 70),
    length=st.integers(1, 70),
    interval=st.sampled_from(Interval),
)
def test_timeseries__against_a_model(
    visits: dict[int, int], first: int, length: int, interval: Interval
) -> None:
    """Whatever gaps there are, each day or month asked for is told once, with its own sum."""
    base = date(2026, 8, 15).toordinal()
    fake, clock = FakeMatomo(token=CANARY), SkippingClock()
    by_day = {date.fromordinal(base + at): number for at, number in visits.items()}
    for day, number in by_day.items():
        fake.set_day(day, DayCounts(number, number, number))
    start, end = date.fromordinal(base + first), date.fromordinal(base + first + length - 1)

    async def ask() -> list[tuple[str, int]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as http:
            client = MatomoClient(
                UpstreamClient(UPSTREAM, "http://matomo.test", http, clock),
                key=CANARY,
                site_id="1",
                timezone=ZoneInfo("UTC"),
                clock=clock,
            )
            told = await client.timeseries(start, end, interval)
            return [(f"{p.start}"[: _LABEL[interval]], p.visits) for p in told]

    model: dict[str, int] = {}
    for ordinal in range(start.toordinal(), end.toordinal() + 1):
        day = date.fromordinal(ordinal)
        label = f"{day}"[: _LABEL[interval]]
        model[label] = model.get(label, 0) + by_day.get(day, 0)
    assert asyncio.run(ask()) == list(model.items())


_LABEL = {Interval.DAY: 10, Interval.MONTH: 7}
