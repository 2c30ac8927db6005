"""What a big archive costs those who ask meanwhile: 10,000 articles of 30 days, in a real service.

The service runs as its users run it (``pageviews-api serve``), in front of an AQS of our own on
this machine and a real S3 server (SeaweedFS). A client asks for articles that are held, steadily,
first while nothing else goes on, then while the archive is made; so both are measured in one run,
by one client, of one service. In the midst of the first try the service is killed (``kill -9``) and
started again; the fake AQS counts what is fetched twice.

Targets: the 99th percentile of the answers' time grows by at most 20 ms, the memory (RSS) of the
service by at most 150 MB; the archive is complete, is read back and has every article; after the
kill at most one piece of progress and what was in flight is fetched again.

Limits that are lifted, or the run would take 83 minutes: ``AQS_REQUESTS_PER_MINUTE`` (150) and the
clients' ``RATE_LIMIT``. The three requests in flight stay. AQS answers after 15 ms, ten times as
fast as Wikimedia: about 100 series a second, forty times as many as in life. ``--quick`` archives
1,000 articles.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))  # for the S3 servers, in tests/support

import httpx
import psutil

from benchmarks.archive_load_aqs import PlentifulAqs
from pageviews_api.archive.journal import PIECE
from tests.support.processes import serving
from tests.support.s3_servers import S3Server, seaweedfs

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

ARTICLES, QUICK_ARTICLES = 10_000, 1_000
MAX_SLOWER_MS = 20.0
MAX_GROWTH_MB = 150.0
IN_FLIGHT = 3
HELD = 20
"""Articles that the client asks for again and again."""

PAUSE = 0.01
"""Seconds between two of the client's questions: about a hundred a second."""

BEFORE = 12.0
"""Seconds for which the service is measured before it archives."""

SERVICE = [sys.executable, str(Path(__file__).parent / "archive_load_service.py")]

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: milliseconds, megabytes, and counts of series."""

    articles: int
    p50_before_ms: float
    p50_during_ms: float
    p99_before_ms: float
    p99_during_ms: float
    worst_during_ms: float
    answers_during: int
    failed_answers: int
    rss_before_mb: float
    rss_growth_mb: float
    archived: int
    complete: bool
    fetched_twice: int
    seconds: float

    def missed(self) -> list[str]:
        """Name the targets that were missed."""
        right = {
            "p99": self.p99_during_ms - self.p99_before_ms <= MAX_SLOWER_MS,
            "memory": self.rss_growth_mb <= MAX_GROWTH_MB,
            "complete": self.complete and self.archived == self.articles,
            "fetched twice": self.fetched_twice <= PIECE + IN_FLIGHT,
            "answers": self.failed_answers == 0,
        }
        return [target for target, is_met in right.items() if not is_met]


class Client:
    """Asks steadily for what is held, and takes the time of each answer."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=30)
        self.times: list[float] = []
        self.failed = 0

    async def ask(self, number: int) -> None:
        """Ask once."""
        began = time.perf_counter()
        answer = await self._http.get(f"/api/v1/articles/en.wikipedia/Held_{number % HELD}")
        self.times.append((time.perf_counter() - began) * 1000)
        self.failed += answer.status_code != httpx.codes.OK or answer.json()["stale"]

    async def ask_until(self, is_over: Callable[[], Awaitable[bool]]) -> list[float]:
        """Ask until something is over; give the milliseconds of each answer."""
        self.times = []
        watching = asyncio.create_task(_wait(is_over))
        number = 0
        while not watching.done():
            await self.ask(number)
            number += 1
            await asyncio.sleep(PAUSE)
        await watching
        return self.times

    async def aclose(self) -> None:
        """Hang up."""
        await self._http.aclose()


async def _wait(is_over: Callable[[], Awaitable[bool]]) -> None:
    while not await is_over():  # noqa: ASYNC110  # it happens in another process
        await asyncio.sleep(0.2)


def measure(articles: int) -> Figures:
    """Run it all."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        names = [f"en.wikipedia/Article_{number:05}" for number in range(articles)]
        (place / "articles").write_text("\n".join(names), "utf-8")
        (place / "s3").mkdir()
        with seaweedfs(place / "s3") as s3:
            return asyncio.run(_measure(articles, place / "articles", s3))


async def _measure(articles: int, names: Path, s3: S3Server) -> Figures:
    aqs = PlentifulAqs(newest=datetime.now(UTC).date() - timedelta(days=1))
    async with aqs.serving() as aqs_url, s3.client() as bucket:
        env = _environment(aqs_url, names, s3)
        quiet = {**env, "ARCHIVE_ENABLED": "false"}
        async with serving(quiet, words=SERVICE) as server, _client(server.url) as client:
            began = time.monotonic()
            await _has_archive(s3, bucket)  # the first call loads certificates
            before = await client.ask_until(_after(began + BEFORE))
            rss_before = _rss(server.process.pid)
        aqs.forget()
        async with serving(env, words=SERVICE) as server:  # killed on leaving
            await _wait(_has(lambda: len(aqs.fetched) > articles // 3))
            server.process.kill()
        began = time.monotonic()
        async with serving(env, words=SERVICE) as server, _client(server.url) as client:
            rss = [_rss(server.process.pid)]

            async def is_archived() -> bool:
                rss.append(_rss(server.process.pid))
                return await _has_archive(s3, bucket)

            during = await client.ask_until(is_archived)
            failed = client.failed
        body = await _archive(s3, bucket)
    document = json.loads(body)
    told = Counter(item["outcome"] for item in document["items"])
    return Figures(
        articles=articles,
        p50_before_ms=statistics.median(before),
        p50_during_ms=statistics.median(during),
        p99_before_ms=_p99(before),
        p99_during_ms=_p99(during),
        worst_during_ms=max(during),
        answers_during=len(during),
        failed_answers=failed,
        rss_before_mb=rss_before / MEGABYTE,
        rss_growth_mb=(max(rss) - rss_before) / MEGABYTE,
        archived=told["ok"],
        complete=document["complete"],
        fetched_twice=sum(count - 1 for count in aqs.fetched.values()),
        seconds=time.monotonic() - began,
    )


def _environment(aqs_url: str, names: Path, s3: S3Server) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOST": "127.0.0.1",
        "PORT": "0",
        "AQS_BASE_URL": aqs_url,
        "RATE_LIMIT": "1000000",
        "ARCHIVE_ARTICLES_FILE": str(names),
        "ARCHIVE_SCHEDULE": "0 0 * * *",  # it is always due
        "ARCHIVE_BUCKET": s3.bucket,
        "AWS_ENDPOINT_URL_S3": s3.endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
    }


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[Client]:
    client = Client(url)
    try:
        for number in range(HELD):  # so that all is held
            await client.ask(number)
        yield client
    finally:
        await client.aclose()


def _after(moment: float) -> Callable[[], Awaitable[bool]]:
    return _has(lambda: time.monotonic() >= moment)


def _has(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return condition()

    return holds


async def _has_archive(s3: S3Server, bucket: "S3Client") -> bool:
    with suppress(bucket.exceptions.ClientError):
        await bucket.head_object(Bucket=s3.bucket, Key=_key())
        return True
    return False


async def _archive(s3: S3Server, bucket: "S3Client") -> bytes:
    answer = await bucket.get_object(Bucket=s3.bucket, Key=_key())
    body: bytes = await answer["Body"].read()
    return body


def _key() -> str:
    return f"archives/{_today()}.json"


def _today() -> date:
    return datetime.now(UTC).date()


def _rss(pid: int) -> int:
    rss: int = psutil.Process(pid).memory_info().rss
    return rss


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[-1]


def print_table(figures: Figures) -> None:
    """Tell it to people."""
    print("Lifted: AQS_REQUESTS_PER_MINUTE (150) and RATE_LIMIT. In flight: 3, as ever.\n")
    for name, value in asdict(figures).items():
        shown = f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
        print(f"{re.sub('_', ' ', name):18} {shown:>12}")
    missed = figures.missed()
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nall targets met")


def main() -> None:
    """Measure, print, and end with 1 where a target was missed."""
    parser = argparse.ArgumentParser(description="What a big archive costs those who ask.")
    parser.add_argument("--quick", action="store_true", help="1,000 articles")
    parser.add_argument("--articles", type=int, help="another number of articles")
    parser.add_argument("--json", action="store_true", help="the figures as the last line")
    options = parser.parse_args()
    figures = measure(options.articles or (QUICK_ARTICLES if options.quick else ARTICLES))
    print_table(figures)
    if options.json:
        print(json.dumps({**asdict(figures), "passed": not figures.missed()}))
    sys.exit(bool(figures.missed()))


if __name__ == "__main__":
    main()
