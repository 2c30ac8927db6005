"""Plausible, asked over a real port: what is sent, what is made of the answers, what goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clients.plausible import UPSTREAM, PlausibleClient
from pageviews_api.clients.site_analytics import SiteAnalyticsClient
from pageviews_api.exceptions import (
    UpstreamError,
    UpstreamHeldBackError,
    UpstreamInvalidError,
    UpstreamKeyRefusedError,
    UpstreamPlanError,
    UpstreamRejectedError,
    UpstreamThrottledError,
)
from pageviews_api.schemas.site_metrics import Interval, SiteFigures
from tests.support import aqs_faults
from tests.support.aqs_faults import Behaviour
from tests.support.clock import FakeClock, SkippingClock
from tests.support.fake_plausible import HOUR_SECONDS, FakePlausible
from tests.support.fake_provider import DayCounts, UrlCounts, days
from tests.support.serving import serve
from tests.support.site_logs import CANARY, Logs

SITE = "dummy.site"
FRIDAY, SATURDAY, SUNDAY = (date(2026, 11, day) for day in (20, 21, 22))

BUSY = DayCounts(visitors=9, visits=10, pageviews=25, bounces=4, seconds=1230)


@pytest.fixture
def clock() -> SkippingClock:
    """Give a clock on which retries take no time, at noon of a Sunday."""
    return SkippingClock()


@pytest.fixture
def plausible(clock: FakeClock) -> FakePlausible:
    """Give a Plausible whose key is a canary: it must be seen nowhere but in the header."""
    return FakePlausible(clock, key=CANARY)


@asynccontextmanager
async def asking(
    fake: FakePlausible,
    clock: FakeClock,
    *,
    key: str = CANARY,
    site_id: str = SITE,
    timezone: str = "UTC",
    share: int = 1,
    timeout: float = 20,  # noqa: ASYNC109  # it is what is tested
) -> AsyncIterator[PlausibleClient]:
    """Give a client of the fake on a real port."""
    async with serve(fake) as url, httpx.AsyncClient(trust_env=False) as http:
        client = PlausibleClient(
            UpstreamClient(UPSTREAM, url, http, clock),
            key=key,
            site_id=site_id,
            timezone=ZoneInfo(timezone),
            clock=clock,
            share=share,
            timeout=timeout,
            jitter=lambda: 1.0,
        )
        yield client
        await client.aclose()


@pytest.fixture
async def client(plausible: FakePlausible, clock: FakeClock) -> AsyncIterator[PlausibleClient]:
    """Give a client of the fake."""
    async with asking(plausible, clock) as client:
        yield client


# What is told


async def test_client__is_what_all_are(client: PlausibleClient) -> None:
    """It is a client like that of every other provider."""

    def name(one: SiteAnalyticsClient) -> str:
        return one.provider

    assert name(client) == "plausible"


async def test_summary__of_some_days(plausible: FakePlausible, client: PlausibleClient) -> None:
    """Days together are one question; ratios per visit are made here."""
    plausible.set_day(FRIDAY, BUSY)
    plausible.set_day(SUNDAY, BUSY)
    assert await client.summary(FRIDAY, SUNDAY) == SiteFigures(
        visitors=18,
        visits=20,
        pageviews=50,
        bounce_rate=40,
        visit_duration=123,
        views_per_visit=2.5,
    )
    (request,) = plausible.requests
    assert json.loads(request.body) == {
        "site_id": SITE,
        "metrics": ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"],
        "date_range": ["2026-11-20", "2026-11-22"],
        "dimensions": [],
    }


@pytest.mark.parametrize("body", ['{"results":[]}', None])
async def test_summary__nobody_came(
    plausible: FakePlausible, client: PlausibleClient, body: str | None
) -> None:
    """Without a visit there are no ratios, though Plausible says 0, or has no row."""
    if body:
        plausible.behave(aqs_faults.other_json(body))
    told = await client.summary(SUNDAY, SUNDAY)
    assert (told.visitors, told.visits, told.pageviews) == (0, 0, 0)
    assert (told.bounce_rate, told.visit_duration, told.views_per_visit) == (None, None, None)


async def test_timeseries__fills_gaps(plausible: FakePlausible, client: PlausibleClient) -> None:
    """Days that Plausible leaves out are zero; today is not over."""
    plausible.set_day(SATURDAY, BUSY)
    told = await client.timeseries(FRIDAY, SUNDAY, Interval.DAY)
    assert [(point.start, point.end, point.visits, point.partial) for point in told] == [
        (FRIDAY, FRIDAY, 0, False),
        (SATURDAY, SATURDAY, 10, False),
        (SUNDAY, SUNDAY, 0, True),
    ]


async def test_timeseries__by_month(plausible: FakePlausible, client: PlausibleClient) -> None:
    """A month is told as far as it was asked for, and then is partial."""
    for day in days(date(2026, 9, 1), SUNDAY):
        plausible.set_day(day, DayCounts(1, 1, 1))
    told = await client.timeseries(date(2026, 9, 10), SUNDAY, Interval.MONTH)
    assert [(f"{point.start}", f"{point.end}", point.visits, point.partial) for point in told] == [
        ("2026-09-10", "2026-09-30", 21, True),
        ("2026-10-01", "2026-10-31", 31, False),
        ("2026-11-01", "2026-11-22", 22, True),
    ]


async def test_timeseries__month_by_its_first_day_asked_for(
    plausible: FakePlausible, client: PlausibleClient
) -> None:
    """A month that is told by the first day asked for, as weeks are, is that month."""
    row = '{"metrics":[1,2,3,0,0],"dimensions":["2026-09-10"]}'
    plausible.behave(aqs_faults.other_json(_rows(row)))
    (told,) = await client.timeseries(date(2026, 9, 10), date(2026, 9, 30), Interval.MONTH)
    assert (told.start, told.visits) == (date(2026, 9, 10), 2)


@pytest.mark.parametrize("path", ["/wiki/Café", "/wiki/Caf%C3%A9", "/wiki/Café?utm=1", "wiki/Café"])
async def test_timeseries__of_a_page(
    plausible: FakePlausible, client: PlausibleClient, path: str
) -> None:
    """A page is found however its path is written, there or here."""
    pages = {
        "/wiki/Café": UrlCounts(5, visitors=2),
        "/wiki/Caf%C3%A9": UrlCounts(1),
        "/": UrlCounts(7),
    }
    plausible.set_day(SATURDAY, BUSY, pages)
    (told,) = await client.timeseries(SATURDAY, SATURDAY, Interval.DAY, path=path)
    assert (told.pageviews, told.visits) == (6, 3)


async def test_top_pages__merged_and_ranked(
    plausible: FakePlausible, client: PlausibleClient
) -> None:
    """The most viewed pages come first, one for each path; ties by path."""
    pages = {
        "/b": UrlCounts(5, visitors=4, bounces=1),
        "/a": UrlCounts(5, visitors=3),
        "/é": UrlCounts(4, visitors=2),
        "/%C3%A9": UrlCounts(3, visitors=1),
        "/c": UrlCounts(1),
    }
    plausible.set_day(SATURDAY, BUSY, pages)
    told = await client.top_pages(SATURDAY, SATURDAY, 3)
    assert [(page.path, page.pageviews, page.visitors) for page in told.items] == [
        ("/é", 7, 3),
        ("/a", 5, 3),
        ("/b", 5, 4),
    ]
    assert [page.bounce_rate for page in told.items] == [None, 0, 25]
    assert {(page.visits, page.time_on_page) for page in told.items} == {(None, None)}
    assert told.other_pageviews is None


async def test_pages__named_by_their_fragment(
    plausible: FakePlausible, client: PlausibleClient
) -> None:
    """A page may be told with its fragment, and this with a query: that is told to nobody."""
    pages = {
        "/#/in": UrlCounts(4),
        "/#/in?key=secret": UrlCounts(2),
        "/#/in?": UrlCounts(1),
        "/#/inn": UrlCounts(3),
        "/who?": UrlCounts(1),
        "/": UrlCounts(5),
    }
    plausible.set_day(SATURDAY, BUSY, pages)
    told = await client.top_pages(SATURDAY, SATURDAY, 10)
    assert [(page.path, page.pageviews) for page in told.items] == [
        ("/%23/in", 7),
        ("/", 5),
        ("/%23/inn", 3),
        ("/who%3F", 1),
    ]
    for page in told.items:
        (day,) = await client.timeseries(SATURDAY, SATURDAY, Interval.DAY, path=page.path)
        assert day.pageviews == page.pageviews


async def test_current_visitors__bare_number(
    plausible: FakePlausible, client: PlausibleClient
) -> None:
    """Who is there now comes as a number alone, and the key is in the header."""
    plausible.current = 21
    told = await client.current_visitors()
    assert (told.visitors, told.window_minutes) == (21, 5)
    (request,) = plausible.requests
    assert (request.method, request.query) == ("GET", f"site_id={SITE}")


async def test_check__proves_key_and_site(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """A check passes with the key of the site, and not with another's, or of another."""
    await client.check()
    for wrong in ({"key": "wrong"}, {"site_id": "other.site"}):
        async with asking(plausible, clock, **wrong) as other:  # type: ignore[arg-type]  # names of arguments
            with pytest.raises(UpstreamKeyRefusedError):
                await other.check()


# What is not the documented answer


def _rows(*rows: str) -> str:
    return f'{{"results":[{",".join(rows)}],"meta":{{}}}}'


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        '{"results":null}',
        _rows('{"metrics":[1,2,3,4],"dimensions":["2026-11-21"]}'),
        _rows('{"metrics":[1,2,3,4,5,6],"dimensions":["2026-11-21"]}'),
        _rows('{"metrics":[1,2,3,4,5],"dimensions":[]}'),
        _rows('{"metrics":[1,2,3,4,5],"dimensions":["2026-11-21","x"]}'),
        _rows('{"metrics":[-1,2,3,4,5],"dimensions":["2026-11-21"]}'),
        _rows('{"metrics":[1.5,2,3,4,5],"dimensions":["2026-11-21"]}'),
        _rows('{"metrics":[1,2,3,101,5],"dimensions":["2026-11-21"]}'),
        _rows('{"metrics":[1,2,3,4,NaN],"dimensions":["2026-11-21"]}'),
        _rows('{"metrics":["1",2,3,4,5],"dimensions":["2026-11-21"]}'),
        _rows('{"metrics":[null,2,3,4,5],"dimensions":["2026-11-21"]}'),
        _rows('{"metrics":[1,2,3,4,5],"dimensions":["2026-11-19"]}'),
        _rows('{"metrics":[1,2,3,4,5],"dimensions":["2026-11-31"]}'),
        _rows(*['{"metrics":[1,2,3,4,5],"dimensions":["2026-11-21"]}'] * 2),
        _rows('{"metrics":[' + "9" * 5000 + ',2,3,4,5],"dimensions":["2026-11-21"]}'),
    ],
)
async def test_answer__not_documented(
    plausible: FakePlausible, client: PlausibleClient, body: str
) -> None:
    """Whatever is not the documented answer to this question is refused."""
    plausible.behave(aqs_faults.other_json(body))
    with pytest.raises(UpstreamInvalidError):
        await client.timeseries(FRIDAY, SUNDAY, Interval.DAY)


async def test_summary__more_than_a_sum(plausible: FakePlausible, client: PlausibleClient) -> None:
    """Two sums are none."""
    plausible.behave(aqs_faults.other_json(_rows(*['{"metrics":[1,2,3,4,5],"dimensions":[]}'] * 2)))
    with pytest.raises(UpstreamInvalidError):
        await client.summary(FRIDAY, SUNDAY)


@pytest.mark.parametrize("body", ["-1", "1.5", "null", '"21"', '{"visitors":21}'])
async def test_current_visitors__no_number(
    plausible: FakePlausible, client: PlausibleClient, body: str
) -> None:
    """What is no count of visitors is refused."""
    plausible.behave(aqs_faults.other_json(body))
    with pytest.raises(UpstreamInvalidError):
        await client.current_visitors()


# Refusals


async def test_plan__lacks_the_api(plausible: FakePlausible, client: PlausibleClient) -> None:
    """A plan without the Stats API is an error of its own."""
    plausible.has_plan = False
    with pytest.raises(UpstreamPlanError):
        await client.check()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, UpstreamKeyRefusedError),
        (403, UpstreamKeyRefusedError),
        (402, UpstreamPlanError),
        (400, UpstreamRejectedError),
        (404, UpstreamRejectedError),
    ],
)
async def test_refusal__by_status(
    plausible: FakePlausible, client: PlausibleClient, status: int, error: type[UpstreamError]
) -> None:
    """What a refusal means is told by its status, never by its words."""
    plausible.behave(aqs_faults.refusing(status, "Too many API requests"))
    with pytest.raises(UpstreamError) as raised:
        await client.check()
    assert type(raised.value) is error
    assert "Too many" not in f"{raised.value!r}"
    assert len(plausible.requests) == 1


async def test_key__refused_does_not_open_the_circuit(
    plausible: FakePlausible, client: PlausibleClient
) -> None:
    """However often a key is refused, what is told stays the refusal."""
    plausible.behave(aqs_faults.refusing(403))
    for _ in range(15):
        with pytest.raises(UpstreamKeyRefusedError):
            await client.check()


# Limits


async def test_burst__waits_for_its_turn(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """More than 50 requests at once are spread over ten seconds each."""
    began = clock.monotonic()
    await asyncio.gather(*(client.current_visitors() for _ in range(60)))
    assert clock.monotonic() - began >= 10
    assert len(plausible.requests) == 60


async def test_hour__used_up(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """After 500 requests in an hour one more is not sent, and told when it may be."""
    for _ in range(50):
        await asyncio.gather(*(client.current_visitors() for _ in range(10)))
        clock.advance(3)
    with pytest.raises(UpstreamHeldBackError) as raised:
        await client.current_visitors()
    assert 3400 < raised.value.retry_after <= HOUR_SECONDS
    assert len(plausible.requests) == 500
    clock.advance(raised.value.retry_after)
    await client.current_visitors()


async def test_share__of_what_may_be_asked(plausible: FakePlausible, clock: FakeClock) -> None:
    """Of two clients with one key each asks for half."""
    async with asking(plausible, clock, share=2) as client:
        for _ in range(25):
            await asyncio.gather(*(client.current_visitors() for _ in range(10)))
            clock.advance(6)
        with pytest.raises(UpstreamHeldBackError):
            await client.current_visitors()


async def test_throttled__by_the_short_limit(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """After a 429 nobody asks for ten seconds, and then it goes on."""
    plausible.script(aqs_faults.throttled(None))
    with pytest.raises(UpstreamThrottledError) as raised:
        await client.current_visitors()
    assert raised.value.retry_after == 10
    clock.advance(4)
    with pytest.raises(UpstreamHeldBackError) as held_back:
        await client.current_visitors()
    assert held_back.value.retry_after == 6
    assert len(plausible.requests) == 1
    clock.advance(6)
    await client.current_visitors()
    plausible.script(aqs_faults.throttled(None))  # it went well meanwhile: a first one again
    with pytest.raises(UpstreamThrottledError) as raised:
        await client.current_visitors()
    assert raised.value.retry_after == 10


async def test_throttled__by_the_hour(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """A 429 that comes again is the hour's: nobody asks before the next full hour."""
    clock.set(datetime(2026, 11, 22, 12, 20, tzinfo=UTC))
    plausible.used_by_others[HOUR_SECONDS] = 600
    waits = []
    for _ in range(2):
        with pytest.raises(UpstreamThrottledError) as raised:
            await client.current_visitors()
        waits.append(raised.value.retry_after)
        clock.advance(waits[-1])
    assert waits == [10, 40 * 60 - 10 + 1]
    plausible.used_by_others[HOUR_SECONDS] = 0
    await client.current_visitors()
    assert len(plausible.requests) == 3


async def test_throttled__by_the_hour_of_their_clock(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """The hour ends by Plausible's clock, where that shows another time than ours."""
    clock.set(datetime(2026, 11, 22, 12, 20, tzinfo=UTC))
    waits = []
    for told in ("12:50:00", "12:50:10"):

        def dated(_: Response, told: str = told) -> Response:
            return Response("{}", 429, {"date": f"Sun, 22 Nov 2026 {told} GMT"})

        plausible.script(Behaviour("dated", dated))
        with pytest.raises(UpstreamThrottledError) as raised:
            await client.current_visitors()
        waits.append(raised.value.retry_after)
        clock.advance(waits[-1])
    assert waits == [10, 10 * 60 - 10 + 1]


async def test_throttled__wave_counts_once(
    plausible: FakePlausible, client: PlausibleClient
) -> None:
    """Several 429 of requests that were on their way together are one."""
    plausible.behave(aqs_faults.slow(aqs_faults.throttled(None)))
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_error_of(client)) for _ in range(4)]
        await plausible.until_in_flight(4)
        plausible.release.set()
    assert {getattr(task.result(), "retry_after", None) for task in asked} == {10}


async def test_throttled__late(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """A 429 that comes when the pause for its like is over is told with a second to wait."""
    plausible.script(aqs_faults.slow(aqs_faults.throttled(None)), aqs_faults.throttled(None))
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        late = group.create_task(_error_of(client))
        await plausible.until_in_flight(1)
        with pytest.raises(UpstreamThrottledError):
            await client.current_visitors()
        clock.advance(15)
        plausible.release.set()
    assert getattr(late.result(), "retry_after", None) == 1


async def test_throttled__answered_meanwhile(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """An answer to what was asked before a 429 does not say that the limit is gone."""
    clock.set(datetime(2026, 11, 22, 12, 20, tzinfo=UTC))
    plausible.script(aqs_faults.slow(), *[aqs_faults.throttled(None)] * 2)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        answered = group.create_task(client.current_visitors())
        await plausible.until_in_flight(1)
        with pytest.raises(UpstreamThrottledError):
            await client.current_visitors()
        plausible.release.set()
    assert answered.result().visitors == 0
    clock.advance(10)
    with pytest.raises(UpstreamThrottledError) as raised:
        await client.current_visitors()
    assert raised.value.retry_after > 10


async def test_throttled__is_told_at_once(
    plausible: FakePlausible, client: PlausibleClient, clock: FakeClock
) -> None:
    """Meanwhile nobody waits for a turn only to hear that there is none."""
    plausible.script(*[aqs_faults.GOOD] * 49, aqs_faults.throttled("5"))
    for _ in range(49):
        await client.current_visitors()
    with pytest.raises(UpstreamThrottledError):
        await client.current_visitors()
    began = clock.monotonic()
    with pytest.raises(UpstreamHeldBackError, match="slow down"):
        await client.current_visitors()
    assert clock.monotonic() == began


async def test_throttled__with_a_header(plausible: FakePlausible, client: PlausibleClient) -> None:
    """A Retry-After, of a proxy perhaps, is believed if it is longer."""
    plausible.script(aqs_faults.throttled("77"))
    with pytest.raises(UpstreamThrottledError) as raised:
        await client.current_visitors()
    assert raised.value.retry_after == 77


async def _error_of(client: PlausibleClient) -> UpstreamError | None:
    try:
        await client.current_visitors()
    except UpstreamError as e:
        return e
    return None


# The time zone


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Santiago", "America/Havana"])
@pytest.mark.parametrize("year", [2025, 2026])
async def test_timezone__fits_all_year(
    plausible: FakePlausible, clock: FakeClock, logs: Logs, zone: str, year: int
) -> None:
    """The right zone is never complained of, not on days that begin at 1 o'clock either."""
    plausible.timezone = ZoneInfo(zone)
    async with asking(plausible, clock, timezone=zone) as client:
        for day in days(date(year, 3, 1), date(year, 4, 7)):
            await client.summary(day, day)
            clock.advance(60)
        for day in days(date(year, 9, 1), date(year, 11, 5)):
            await client.summary(day, day)
            clock.advance(60)
    assert "time zone" not in logs.text


async def test_timezone__does_not_fit(
    plausible: FakePlausible, clock: FakeClock, logs: Logs
) -> None:
    """A wrong zone is told once, for the operator."""
    async with asking(plausible, clock, timezone="Europe/Berlin") as client:
        for _ in range(3):
            await client.summary(SATURDAY, SATURDAY)
    assert logs.text.count("time zone is not the one") == 1


@pytest.mark.parametrize(
    "echo",
    ['"7d"', "null", '["7d","x"]', '["2026-11-21"]', "[1,{}]", '["0001-01-01T00:00:00+00:00"]'],
)
async def test_timezone__echo_tells_nothing(
    plausible: FakePlausible, client: PlausibleClient, logs: Logs, echo: str
) -> None:
    """An echo without an offset is none of our business."""
    plausible.behave(aqs_faults.other_json(f'{{"results":[],"query":{{"date_range":{echo}}}}}'))
    await client.summary(SATURDAY, SATURDAY)
    assert "time zone" not in logs.text


@pytest.mark.parametrize(
    ("zone", "last_minute", "today"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
        ("America/Santiago", datetime(2026, 9, 6, 3, 59, tzinfo=UTC), date(2026, 9, 5)),
        ("America/Havana", datetime(2026, 11, 2, 4, 59, tzinfo=UTC), date(2026, 11, 1)),
    ],
)
async def test_today__ends_with_the_site_s_midnight(
    plausible: FakePlausible, clock: FakeClock, zone: str, last_minute: datetime, today: date
) -> None:
    """A day of 23 or 25 hours is partial until its own midnight, and whole after it."""
    plausible.timezone = ZoneInfo(zone)
    async with asking(plausible, clock, timezone=zone) as client:
        partial = []
        for moment in (last_minute, last_minute.replace(second=59)):
            clock.set(moment)
            partial.append((await client.timeseries(today, today, Interval.DAY))[0].partial)
        clock.advance(1)
        partial.append((await client.timeseries(today, today, Interval.DAY))[0].partial)
    assert partial == [True, True, False]


# Against a model


@given(
    visits=st.dictionaries(st.integers(0, 60), st.integers(1, 1000)),
    first=st.integers(0, 60),
    length=st.integers(1, 60),
    interval=st.sampled_from(Interval),
)
def test_timeseries__against_a_model(
    visits: dict[int, int], first: int, length: int, interval: Interval
) -> None:
    """Whatever gaps there are, each day or month asked for is told once, with its own sum."""
    base = date(2026, 9, 15)
    clock = SkippingClock()
    fake = FakePlausible(clock, key=CANARY)
    by_day = {date.fromordinal(base.toordinal() + at): number for at, number in visits.items()}
    for day, number in by_day.items():
        fake.set_day(day, DayCounts(number, number, number))
    start = date.fromordinal(base.toordinal() + first)
    end = date.fromordinal(start.toordinal() + length - 1)

    async def ask() -> list[tuple[str, int]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as http:
            client = PlausibleClient(
                UpstreamClient(UPSTREAM, "http://plausible.test", http, clock),
                key=CANARY,
                site_id=SITE,
                timezone=ZoneInfo("UTC"),
                clock=clock,
            )
            told = await client.timeseries(start, end, interval)
            return [(f"{point.start}"[: _LABEL[interval]], point.visits) for point in told]

    model: dict[str, int] = {}
    for ordinal in range(start.toordinal(), end.toordinal() + 1):
        day = date.fromordinal(ordinal)
        label = f"{day}"[: _LABEL[interval]]
        model[label] = model.get(label, 0) + by_day.get(day, 0)
    assert asyncio.run(ask()) == list(model.items())


_LABEL = {Interval.DAY: 10, Interval.MONTH: 7}


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Hear everything that is logged."""
    with Logs.hearing() as logs:
        yield logs
