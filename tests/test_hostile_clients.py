"""Clients that mean no good, or only behave so: floods, silence, nonsense (`C` rows)."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp
import pytest
import uvicorn
from typer.testing import CliRunner

from pageviews_api.cli import app as command_line
from pageviews_api.config import Settings
from pageviews_api.main import create_app
from pageviews_api.middleware.size import MAX_HEADER_BYTES
from tests.conftest import Service
from tests.support import raw_http
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs
from tests.support.serving import serve

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"


@pytest.fixture
async def url(settings: Settings, clock: FakeClock) -> AsyncIterator[str]:
    """Serve it on a real port, behind one trusted proxy, with 50 requests a minute for each."""
    update = {"rate_limit": 50, "trusted_proxy_hops": 1}
    async with serve(create_app(settings.model_copy(update=update), clock=clock)) as url:
        yield url


def sent_by(address: str) -> dict[str, str]:
    """Say who asks, as the proxy does."""
    return {"X-Forwarded-For": address}


@pytest.fixture
async def crowd(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Give 20 connections on which many can ask."""
    connector = aiohttp.TCPConnector(limit=20)
    async with aiohttp.ClientSession(url, connector=connector) as session:
        yield session


async def status(crowd: aiohttp.ClientSession, path: str, *, of: str) -> int:
    """Ask once."""
    async with crowd.get(path, headers=sent_by(of)) as answer:
        await answer.read()
        return answer.status


async def statuses(crowd: aiohttp.ClientSession, path: str, *, of: str, times: int) -> Counter[int]:
    """Ask so many times at once; count the statuses."""
    return Counter(await asyncio.gather(*(status(crowd, path, of=of) for _ in range(times))))


async def test_flood__of_one_client(crowd: aiohttp.ClientSession, aqs: FakeAqs) -> None:
    """A client that floods gets its share and no more; nobody else notices (row C14)."""
    assert await status(crowd, STRASBOURG, of="203.0.113.3") == 200
    flood = asyncio.create_task(statuses(crowd, STRASBOURG, of="203.0.113.1", times=1000))
    probes = await statuses(crowd, "/healthz", of="203.0.113.1", times=60)
    assert probes == {200: 60}
    assert await statuses(crowd, STRASBOURG, of="203.0.113.2", times=50) == {200: 50}
    assert await flood == {200: 50, 429: 950}
    assert await status(crowd, STRASBOURG, of="203.0.113.1") == 429
    assert aqs.count(lambda path: "/Strasbourg/" in path) == 1


async def test_flood__of_many_clients(crowd: aiohttp.ClientSession) -> None:
    """However many ask at once, each has a share of its own (row C14)."""
    addresses = [f"10.0.{n // 250}.{n % 250}" for n in range(2000)]
    asked = (status(crowd, "/problems/not-found", of=address) for address in addresses)
    assert set(await asyncio.gather(*asked)) == {200}


async def test_silence__of_many_connections(url: str) -> None:
    """Connections that say nothing, or half a request, hold up nobody (row C16).

    The server has no time limit for them (docs/decisions/0015); who runs it has one in front.
    """
    at = urlsplit(url)
    async with AsyncExitStack() as stack:
        for number in range(400):
            _, writer = await asyncio.open_connection(at.hostname, at.port)
            stack.callback(writer.close)
            if number % 2:
                writer.write(b"GET /healthz HTTP/1.1\r\nhost: testserver\r\nx-slow: ")
        async with asyncio.timeout(30):
            for path in ("/healthz", STRASBOURG):
                answer = await raw_http.ask(url, path, sent_by("203.0.113.1").items())
                assert answer.status == 200


def test_silence__is_bounded_by_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A used connection is closed after 5 s, and their number has a bound above 5,000 (C16)."""
    given: dict[str, object] = {}
    monkeypatch.setattr(uvicorn, "run", lambda _, **options: given.update(options))
    monkeypatch.setenv("AQS_CONTACT", "tests@example.org")
    monkeypatch.setenv("ARCHIVE_ENABLED", "false")
    result = CliRunner().invoke(command_line, ["serve"])
    assert result.exit_code == 0, result.output
    assert given["timeout_keep_alive"] == 5
    assert isinstance(given["limit_concurrency"], int)
    assert given["limit_concurrency"] > 5_000
    assert given["server_header"] is False
    assert given["http"] == "httptools"  # which is strict where two lengths are told (row C17)


@pytest.mark.parametrize(
    "headers",
    [
        [("x", "a" * MAX_HEADER_BYTES)],
        [("x", "a" * 1_000_000)],
        [("accept-encoding", ", ".join(f"x{n}" for n in range(20_000)))],
        [("cookie", "a=b")] * 4_000,
        [(f"x-{n}", "a") for n in range(20_000)],
    ],
)
async def test_headers__that_are_too_long(url: str, headers: list[tuple[str, str]]) -> None:
    """More headers than any client needs are refused; the server would take them all (C19)."""
    answer = await raw_http.ask(url, STRASBOURG, [*headers, *sent_by("203.0.113.1").items()])
    assert answer.status == 431
    assert answer.header("content-type") == "application/problem+json"
    assert b"/problems/headers-too-large" in answer.body


async def test_headers__of_nonsense(service: Service) -> None:
    """The longest headers that get in take no longer for being chosen with care (row C9)."""
    plain = await service.client.get(STRASBOURG)
    started = time.process_time()  # others on this machine do not count
    names = ("Accept", "Accept-Encoding", "If-None-Match", "X-Forwarded-For", "X-Request-ID")
    units = ('"', '"a",', ",", " ", ";", "a;q=", "*/*,", "a/b;", "W/", "\\", "gzip;q=0.,", '"\t')
    for name in (*names, "Origin", "Host", "Authorization", "Content-Type"):
        for unit in units:
            value = unit * (30_000 // len(unit))
            for text in (value, f"{value}x", f"x{value}"):
                response = await service.client.get(STRASBOURG, headers={name: text})
                assert response.status_code in {200, 400, 406}, (name, unit)
                if response.status_code == 200 and name != "Accept":
                    assert response.content == plain.content
    # All together take about 2 s; one quadratic pattern alone would take far longer than 30.
    assert time.process_time() - started < 30


@pytest.mark.parametrize(
    ("framing", "piece", "status"),
    [
        ("Content-Length: 1000000000", b"[" * 100_000, 413),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (100_000, b"[" * 100_000), 413),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", b"5\r\n[1,2]\r\n0\r\n\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6", b"[1,2]", 400),
    ],
)
async def test_body__of_any_length(url: str, framing: str, piece: bytes, status: int) -> None:
    """A body that is too long is cut off, and one of two lengths refused (rows C11, C17)."""
    at = urlsplit(url)
    head = (
        "POST /api/v1/articles/batch HTTP/1.1\r\nHost: testserver\r\n"
        f"Content-Type: application/json\r\n{framing}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(head.encode() + piece * (11 if status == 413 else 1))
    async with asyncio.timeout(30):
        answer = await reader.readline()
    writer.close()
    assert answer.split(b" ")[1] == b"%d" % status


async def test_range__is_ignored(service: Service) -> None:
    """Parts of an answer are not to be had: whoever asks for one gets the whole (row C19)."""
    whole = await service.client.get(STRASBOURG)
    for value in ("bytes=0-9", "bytes=-5", "bytes=5-2", "items=0-1", "nonsense"):
        part = await service.client.get(STRASBOURG, headers={"Range": value})
        assert (part.status_code, part.content) == (200, whole.content)
        assert "content-range" not in part.headers
        assert "accept-ranges" not in part.headers


async def test_accept__of_nothing_that_we_have(service: Service) -> None:
    """A client that takes none of our formats is told which there are (row C19)."""
    response = await service.client.get(STRASBOURG, headers={"Accept": "application/xml"})
    assert response.status_code == 406
    assert response.json()["choices"] == ["application/json", "text/csv", "application/x-ndjson"]


async def test_compression__of_what_is_worth_it(service: Service) -> None:
    """Only what is longer than 500 bytes is compressed, and only as the client can read (C19)."""
    short, long = "/problems/not-found", STRASBOURG
    for accepted, coding in {
        "gzip": "gzip",
        "br;q=0, gzip": "gzip",
        "gzip, br, zstd": "zstd",
        "*": "zstd",
        "identity": None,
        "compress, x-none": None,
        "gzip;q=0": None,
        "gzip;q=nonsense": None,
        "": None,
    }.items():
        headers = {"Accept-Encoding": accepted}
        answer = await service.client.get(long, headers=headers)
        assert (accepted, answer.headers.get("content-encoding")) == (accepted, coding)
        assert "accept-encoding" in answer.headers["vary"].lower()
        answer = await service.client.get(short, headers=headers)
        assert "content-encoding" not in answer.headers
        assert "accept-encoding" not in answer.headers.get("vary", "").lower()
