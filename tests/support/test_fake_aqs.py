"""The fakes do what the tests that use them rely on."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator
from datetime import date

import httpx
import pytest

from tests.support import aqs_faults
from tests.support.aqs_faults import Behaviour
from tests.support.fake_aqs import FakeAqs
from tests.support.raw_aqs import RawMode, serve_raw
from tests.support.serving import serve

PATH = "/metrics/pageviews/per-article/en.wikipedia/all-access/user/HIV%2FAIDS/daily"
WEEK = f"{PATH}/20250815/20250821"


@pytest.fixture
def fake() -> FakeAqs:
    """Give an AQS with two days of one article."""
    fake = FakeAqs()
    views = {date(2025, 8, 15): 2097, date(2025, 8, 16): 2016}
    fake.set_views("en.wikipedia", "HIV/AIDS", "all-access", "user", views)
    return fake


@pytest.fixture
async def client(fake: FakeAqs) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the fake, in the same process."""
    transport = httpx.ASGITransport(app=fake)
    async with httpx.AsyncClient(transport=transport, base_url="http://aqs.test") as client:
        yield client


async def test_log__of_a_request(fake: FakeAqs, client: httpx.AsyncClient) -> None:
    """The log has both forms of the path, the headers, and when the request came and went."""
    await client.get(WEEK, headers={"user-agent": "us/1 (a@b.org)"})
    (request,) = fake.requests
    assert request.path.endswith("/user/HIV/AIDS/daily/20250815/20250821")
    assert request.raw_path == WEEK
    assert request.user_agent == "us/1 (a@b.org)"
    assert (request.status, request.behaviour, request.in_flight) == (200, "good", 1)
    assert request.left is not None
    assert request.arrived <= request.left <= time.monotonic()


async def test_script__then_good(fake: FakeAqs, client: httpx.AsyncClient) -> None:
    """A script gives one behaviour to each matching request, and then nothing more."""
    fake.script(
        aqs_faults.failing(500), aqs_faults.throttled("7"), when=lambda path: "/AIDS/" in path
    )
    assert (await client.get("/other")).status_code == 404
    answers = [await client.get(WEEK) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 429, 200]
    assert answers[1].headers["retry-after"] == "7"
    assert fake.count(lambda path: "/AIDS/" in path) == 3


async def test_behave__until_recovery(fake: FakeAqs, client: httpx.AsyncClient) -> None:
    """A lasting fault lasts until the fake recovers; the newest instruction counts."""
    fake.behave(aqs_faults.failing())
    fake.behave(aqs_faults.blocked())
    assert [(await client.get(WEEK)).status_code for _ in range(2)] == [403, 403]
    fake.recover()
    assert (await client.get(WEEK)).status_code == 200


async def test_data__set_again(fake: FakeAqs, client: httpx.AsyncClient) -> None:
    """Views, lists and the newest day can be changed at any time; lists get AQS's ranks."""
    fake.loaded_through = date(2025, 8, 15)
    assert len((await client.get(WEEK)).json()["items"]) == 1
    fake.set_top("en.wikipedia", "all-access", "2025-07", [("A", 9), ("B", 9), ("C", 1)])
    top = await client.get("/metrics/pageviews/top/en.wikipedia/all-access/2025/07/all-days")
    assert [row["rank"] for row in top.json()["items"][0]["articles"]] == [1, 1, 3]


async def test_slow__until_release(fake: FakeAqs, client: httpx.AsyncClient) -> None:
    """Slow requests are in flight together until they are released."""
    fake.behave(aqs_faults.slow())
    asked = [asyncio.create_task(client.get(WEEK)) for _ in range(3)]
    async with asyncio.timeout(30):
        await fake.until_in_flight(3)
    assert not any(task.done() for task in asked)
    fake.release.set()
    assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * 3
    assert (fake.in_flight, fake.max_in_flight) == (0, 3)


async def test_slow__client_leaves(fake: FakeAqs) -> None:
    """A client that leaves, over a real connection too, ends its request without an answer."""
    fake.behave(aqs_faults.slow())
    async with serve(fake) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(WEEK, timeout=httpx.Timeout(30, read=0.5))
        async with asyncio.timeout(30):
            await fake.until_in_flight(0)
    assert fake.requests[0].status is None
    assert fake.requests[0].left is not None


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (aqs_faults.refusing(), '"detail":"Invalid granularity"'),
        (aqs_faults.absent(), '"status":404'),
        (aqs_faults.html_page(), "<!DOCTYPE html>"),
        (aqs_faults.throttling_notice(), "You are making too many requests to the API"),
        (aqs_faults.other_json("[]"), "[]"),
        (aqs_faults.deep_json(9), '{"items":[[[[[[[[[]]]]]]]]]}'),
        (aqs_faults.of_other_article("B"), '"article":"B"'),
        (aqs_faults.of_other_project("de.wikipedia"), '"project":"de.wikipedia"'),
        (aqs_faults.of_other_agent("spider"), '"agent":"spider"'),
        (aqs_faults.with_stray_day(date(2024, 1, 1)), '"timestamp":"2024010100"'),
        (aqs_faults.with_doubled_day(), '"timestamp":"2025081600","access":"all-access",'),
        (aqs_faults.with_reversed_days(), '{"items":[{"project":"en.wikipedia",'),
        (aqs_faults.with_views("NaN"), '"views":NaN}'),
        (aqs_faults.with_views("9" * 5000), f'"views":{"9" * 5000}'),
        (aqs_faults.renamed(), '"view_count":2097'),
    ],
    ids=str,
)
async def test_fault__in_the_body(
    fake: FakeAqs, client: httpx.AsyncClient, behaviour: Behaviour, text: str
) -> None:
    """Each fault is in the body, which arrives whole."""
    fake.behave(behaviour)
    answer = await client.get(WEEK)
    assert text in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert fake.requests[0].behaviour == behaviour.name


async def test_fault__in_the_headers(fake: FakeAqs, client: httpx.AsyncClient) -> None:
    """The other faults are in headers, or in what is missing."""
    fake.script(
        aqs_faults.redirecting("http://evil.test/"),
        aqs_faults.mistyped("text/csv"),
        aqs_faults.aged(14_000),
        aqs_faults.cut(),
        aqs_faults.empty(),
        aqs_faults.throttled(None),
    )
    answers = [await client.get(WEEK) for _ in range(6)]
    assert answers[0].headers["location"] == "http://evil.test/"
    assert answers[1].headers["content-type"] == "text/csv"
    assert answers[2].headers["age"] == "14000"
    assert len(answers[3].content) == len(answers[1].content) // 2
    assert answers[4].content == b""
    assert "retry-after" not in answers[5].headers


async def test_gzip_bomb__small_on_the_wire(fake: FakeAqs, client: httpx.AsyncClient) -> None:
    """The bomb is small on the wire and decodes to as many bytes as asked."""
    fake.behave(aqs_faults.gzip_bomb(3_000_000))
    async with client.stream("GET", WEEK) as answer:
        packed = b"".join([part async for part in answer.aiter_raw()])
    assert len(packed) < 10_000
    text = zlib.decompress(packed, wbits=31)
    assert len(text) == 3_000_000
    assert text.split() == [b'{"items":[', b"]}"]


async def test_serve__over_a_real_connection(fake: FakeAqs) -> None:
    """Over loopback the answers are those of the same process, and the port is closed after."""
    async with serve(fake) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        assert (await client.get(WEEK)).json()["items"][0]["article"] == "HIV/AIDS"
        assert fake.requests[0].raw_path == WEEK
    async with httpx.AsyncClient(base_url=base_url) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(WEEK)


async def test_serve__app_that_does_not_start() -> None:
    """An app whose lifespan fails is an error of the test, not the end of the process."""

    async def app(_scope: object, _receive: object, send: object) -> None:
        assert callable(send)
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(RuntimeError, match="did not start"):
        async with serve(app):
            pytest.fail("it is served")


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (RawMode.SHORT_LENGTH, httpx.RemoteProtocolError),
        (RawMode.SHORT_CHUNK, httpx.RemoteProtocolError),
        (RawMode.ENDLESS_HEADERS, httpx.RemoteProtocolError),
        (RawMode.RESET, httpx.ReadError),
        (RawMode.REFUSE, httpx.NetworkError),
        (RawMode.MUTE, httpx.ReadTimeout),
    ],
)
async def test_raw__breaks_http(fake: FakeAqs, mode: RawMode, error: type[Exception]) -> None:
    """Each mode is the fault it is named for, and a script goes on to its next mode."""
    async with serve_raw(mode, RawMode.GOOD, service=fake.service) as raw:
        async with httpx.AsyncClient(base_url=raw.base_url, timeout=30) as client:
            with pytest.raises(error):
                await client.get(WEEK, timeout=0.5 if mode is RawMode.MUTE else 30)
            assert len((await client.get(WEEK)).json()["items"]) == 2
        assert raw.connections == 2


async def test_raw__drips() -> None:
    """Bytes come one by one, so that no time-out between bytes ever fires."""
    async with (
        serve_raw(RawMode.DRIP) as raw,
        httpx.AsyncClient(base_url=raw.base_url, timeout=5) as client,
        client.stream("GET", WEEK) as answer,
    ):
        parts = answer.aiter_raw()
        assert [await anext(parts) for _ in range(3)] == [b" "] * 3
