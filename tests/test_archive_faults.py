"""The simulation of archive days runs, and its judge finds what is wrong."""

import asyncio
import hashlib
import json
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks import archive_faults
from benchmarks.archive_faults import Figures
from benchmarks.archive_faults_judge import Findings, Judge, s3_client
from benchmarks.archive_faults_plan import QUIET_DAYS, passes_of
from benchmarks.archive_faults_truth import LISTED, NAMED, PROJECT, TOP, TOTAL, Title, Truth
from tests.support.s3_servers import S3Server

START = date(2021, 1, 1)

DAY = date(2021, 1, 20)

LATER = datetime(2021, 2, 15, tzinfo=UTC)
"""When all that is planted has been loaded long ago."""

Document = dict[str, Any]


@dataclass
class Bench:
    """A judge, and a way to plant what it is to find."""

    judge: Judge
    truth: Truth
    s3: Any  # botocore's client has no type
    bucket: str
    prefix: str

    @property
    def found(self) -> Findings:
        """What the judge has found so far."""
        return self.judge.findings

    def plant(self, name: str, document: Document, *, sha256: str | None = None) -> None:
        """Put a document there, as the product would."""
        body = json.dumps(document).encode()
        digest = hashlib.sha256(body).hexdigest() if sha256 is None else sha256
        self.put(name, body, {"sha256": digest})

    def put(self, name: str, body: bytes, metadata: dict[str, str]) -> None:
        """Put bytes there."""
        self.s3.put_object(
            Bucket=self.bucket, Key=f"{self.prefix}{name}", Body=body, Metadata=metadata
        )

    def right(self, day: date) -> Document:
        """Write the archive of a day as it should be."""
        top = {
            "project": PROJECT,
            "access": "all-access",
            "date": str(day - timedelta(days=1)),
            "outcome": "ok",
            "reason": None,
            "articles": [
                {"article": title, "views": views, "rank": rank}
                for rank, title, views in self.truth.top(day - timedelta(days=1))
            ],
        }
        chosen = sorted(self.truth.titles(day - timedelta(days=1))[:TOP])
        return {
            "schema_version": 1,
            "date": str(day),
            "observed_on": str(day),
            "late": False,
            "window": {
                "start": str(day - timedelta(days=30)),
                "end": str(day - timedelta(days=1)),
            },
            "complete": True,
            "top": [top],
            "items": [self._item(day, title) for title in (TOTAL, *sorted((*NAMED, *chosen)))],
        }

    def _item(self, day: date, title: Title) -> Document:
        listed = title in LISTED
        points = [self._point(day - timedelta(days=back), title) for back in range(30, 0, -1)]
        return {
            "project": PROJECT,
            "article": title,
            "access": "all-access",
            "agent": "user",
            "outcome": "ok",
            "reason": None,
            "listed_on": str(day - timedelta(days=1)) if listed else None,
            "points": points,
        }

    def _point(self, day: date, title: Title) -> Document:
        if self.truth.came(title, day) is None:
            return {"date": str(day), "views": None, "status": "hole"}
        views = self.truth.views(title, [day], LATER).get(day, 0)
        return {"date": str(day), "views": views, "status": "ok" if views else "zero"}


@pytest.fixture(scope="module")
def s3(seaweedfs_server: S3Server) -> Iterator[Any]:
    """Give a client of botocore."""
    with s3_client(seaweedfs_server) as client:
        yield client


@pytest.fixture
def bench(
    seaweedfs_server: S3Server,
    s3: Any,  # noqa: ANN401  # as above
) -> Bench:
    """Give a judge of an empty place in SeaweedFS."""
    bucket, prefix = seaweedfs_server.bucket, f"judged-{uuid.uuid4().hex}/"
    truth = Truth(1, start=START, days=60)
    return Bench(Judge(truth, s3, bucket=bucket, prefix=prefix), truth, s3, bucket, prefix)


def name(day: date) -> str:
    """Name the archive of a day."""
    return f"{day}.json"


def test_judge__finds_nothing_in_right_archives(bench: Bench) -> None:
    """Right archives, looked at again and again, are found right."""
    for offset in range(5):
        day = DAY + timedelta(days=offset)
        bench.plant(name(day), bench.right(day))
        bench.judge.look(LATER, "")
    bench.judge.finish(LATER, DAY, DAY + timedelta(days=4))
    assert bench.found.examples == []
    assert Figures(5, bench.found).passed


def _point_of(document: Document, number: int, **changes: object) -> None:
    document["items"][1]["points"][number].update(changes)


DAMAGES: dict[str, Callable[[Document], object]] = {
    "of another day": lambda it: it.update(date="2021-01-19"),
    "of another window": lambda it: it["window"].update(start="2021-01-01"),
    "on time, and late": lambda it: it.update(observed_on="2021-01-22"),
    "unsorted": lambda it: it["items"].reverse(),
    "an item twice": lambda it: it["items"].append(it["items"][-1]),
    "an item missing": lambda it: it["items"].pop(1),
    "a listed item missing": lambda it: it["items"].remove(
        next(item for item in it["items"] if item["article"] in LISTED)
    ),
    "a point missing": lambda it: it["items"][1]["points"].pop(),
    "a number that never was": lambda it: _point_of(it, 3, views=12, status="ok"),
    "a number, but zero": lambda it: _point_of(it, 3, views=0, status="zero"),
    "a number, but a hole": lambda it: _point_of(it, 3, views=None, status="hole"),
    "complete, but not loaded": lambda it: _point_of(it, 3, views=None, status="not_loaded"),
    "complete, but failed": lambda it: it["items"][1].update(
        outcome="failed", reason="no answer", points=[]
    ),
    "complete, but its list failed": lambda it: it["top"][0].update(
        outcome="failed", reason="no answer", articles=[]
    ),
    "another list": lambda it: it["top"][0]["articles"].reverse(),
    "a list that is there": lambda it: it["top"][0].update(outcome="no_data", articles=[]),
    "of another shape": lambda it: it.pop("window"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_judge__finds_what_is_no_archive(
    bench: Bench, damage: Callable[[Document], object]
) -> None:
    """A document that says what is not so is corrupt."""
    document = bench.right(DAY)
    damage(document)
    bench.plant(name(DAY), document)
    bench.judge.look(LATER, "")
    assert bench.found.corrupt == {str(DAY)}
    assert not Figures(1, bench.found).passed


def test_judge__finds_other_bytes(bench: Bench) -> None:
    """Another SHA-256, half a document and a stray object are corrupt; what lies below is not."""
    bench.plant(name(DAY), bench.right(DAY), sha256="0" * 64)
    half = json.dumps(bench.right(DAY + timedelta(days=1))).encode()[:500]
    bench.put("2021-01-21.json", half, {"sha256": hashlib.sha256(half).hexdigest()})
    bench.put("2021-01-22.json.tmp", b"{}", {})
    bench.put("progress/00000.json", b"{}", {})
    bench.judge.look(LATER, "")
    assert bench.found.corrupt == {"2021-01-20", "2021-01-21", "2021-01-22.json.tmp"}


def test_judge__finds_what_was_overwritten(bench: Bench) -> None:
    """A complete archive that changes, or goes, was overwritten; one that was not may change."""
    days = [DAY + timedelta(days=offset) for offset in range(4)]
    documents = [bench.right(day) for day in days]
    documents[2]["complete"] = False
    for day, document in zip(days, documents, strict=True):
        bench.plant(name(day), document)
    bench.judge.look(LATER, "")
    for document in documents[:3]:
        document.update(observed_on="2021-02-01", late=True, complete=True)
    bench.plant(name(days[0]), documents[0])
    bench.plant(name(days[2]), documents[2])
    bench.s3.delete_object(Bucket=bench.bucket, Key=f"{bench.prefix}{days[1]}.json")
    bench.judge.look(LATER, "")
    assert bench.found.overwritten == {days[0], days[1]}
    bench.judge.finish(LATER, DAY, DAY)
    assert bench.found.overwritten == {days[0], days[1]}
    assert not bench.found.corrupt
    assert not Figures(1, bench.found).passed


def test_judge__finds_one_that_tells_less(bench: Bench) -> None:
    """An incomplete archive that is replaced by one with fewer numbers is corrupt."""
    document = bench.right(DAY) | {"complete": False}
    bench.plant(name(DAY), document)
    bench.judge.look(LATER, "")
    document["items"][1].update(outcome="failed", reason="no answer", points=[])
    bench.plant(name(DAY), document)
    bench.judge.look(LATER, "")
    assert bench.found.corrupt == {str(DAY)}


def test_judge__finds_lost_days(bench: Bench) -> None:
    """A day without an archive, and one with an incomplete one, are lost at the end."""
    bench.plant(name(DAY), bench.right(DAY))
    incomplete = bench.right(DAY + timedelta(days=1)) | {"complete": False}
    bench.plant("2021-01-21.json", incomplete)
    bench.judge.look(LATER, "")
    assert not bench.found.lost
    bench.judge.finish(LATER, DAY, DAY + timedelta(days=2))
    assert bench.found.lost == {date(2021, 1, 21), date(2021, 1, 22)}
    assert not bench.found.corrupt
    assert not Figures(3, bench.found).passed


def test_judge__finds_future_days(bench: Bench) -> None:
    """An archive of a day that has not come is found; today's is none."""
    for offset in range(2):
        day = DAY + timedelta(days=offset)
        document = bench.right(day) | {"complete": False}
        # Of a day before nothing can be told but what was loaded.
        for item in document["items"]:
            for point in item["points"]:
                if point["date"] >= "2021-01-16":
                    point.update(views=None, status="not_loaded")
        document["top"][0].update(outcome="failed", reason="no answer", articles=[])
        bench.plant(name(day), document)
    bench.judge.look(datetime(2021, 1, 20, 23, 59, tzinfo=UTC), "")
    assert bench.found.future == {date(2021, 1, 21)}
    assert not Figures(1, bench.found).passed


def test_plan__is_repeatable() -> None:
    """The same seed gives the same passes, oldest first; the first and the last have no trouble."""
    passes = list(passes_of(1, START, 200))
    assert passes == list(passes_of(1, START, 200)) != list(passes_of(2, START, 200))
    assert [one.at for one in passes] == sorted(one.at for one in passes)
    assert not passes[0].troubles
    assert not any(one.troubles for one in passes[-QUIET_DAYS:])
    a_day = len(passes[1:-QUIET_DAYS]) / 199
    assert 1.8 < a_day < 2.2


def test_plan__has_every_trouble() -> None:
    """In 1,000 days each kind of trouble comes several times."""
    troubles = [trouble for one in passes_of(1, START, 1_000) for trouble in one.troubles]
    s3 = "refuse mute reset_req reset_resp trunc_resp lost flip 503"
    aqs = "reset mute 503 429 page cut"
    expected = {
        *(f"s3 {kind}" for kind in s3.split()),
        *(f"aqs {kind}" for kind in aqs.split()),
        *(f"kill {when}" for when in ("time", "before", "half", "after")),
        *(f"clock {how} {way}" for how in ("is", "jumps") for way in ("ahead", "behind")),
        "aqs some articles",
    }
    assert set(troubles) == expected
    assert min(map(troubles.count, expected)) >= 5


async def test_archive_faults__four_days(seaweedfs_server: S3Server) -> None:
    """Four days of kills, S3 and AQS faults and wrong clocks leave every archive as it should be.

    It runs in a process of its own, for it forks.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, archive_faults.__file__, "--json", "--days", "4", "--seed", "267"),
        *("--server", json.dumps(asdict(seaweedfs_server))),
        cwd=Path(archive_faults.__file__).parent,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await program.communicate()
    text = out.decode()
    assert "| 4 | 0 | 0 | 0 | 0 | 0 |" in text, text
    assert " killed" in text
    assert json.loads(text.splitlines()[-1]) == {
        "days": 4,
        "lost": 0,
        "corrupt": 0,
        "overwritten": 0,
        "future": 0,
        "broken": 0,
        "passed": True,
    }
    assert program.returncode == 0
