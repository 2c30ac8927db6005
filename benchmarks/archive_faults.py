"""Does the daily archive lose, spoil or forge a day? A simulation of days full of trouble.

The real job (``archiver.run``, over the real clients) archives 1,000 days, in one to three passes
a day, each in a process of its own. Its S3 server is a real one (SeaweedFS); AQS is simulated, and
so is time. What goes wrong is drawn from a seed (benchmarks/archive_faults_plan.py):

- every fifth pass is killed (SIGKILL): at any moment, or in its PUT, before the server has a byte
  of it, half-way, or when it is done and the answer on its way
- every fourth: S3 refuses, is mute, breaks off in the request or in the answer, loses the answer,
  damages a byte of the upload, says 503; once, a few times, or all the time
- every fifth: AQS breaks off, is mute, says 503 or 429, sends a web page or half an answer: to
  some requests, to all from one on, or for one article
- every seventh: the job's clock is ahead or behind, by 1 hour to 45 days, or jumps in the pass
- for two to ten days at a time S3 or AQS is away
- every eighth day is loaded up to three days late, so is every eighth top list, a hundredth never;
  every tenth day is restated; a fifth of the answers are copies up to 4 hours old

The first day has no trouble (an archive begins where it begins), nor have 8 days after the last
one, with one pass each: time to make up for what was missed.

An independent reader (benchmarks/archive_faults_judge.py) looks at every object after every pass.
Targets, all 0:

- lost: days without a complete archive at the end
- corrupt: objects that are no archive, whose SHA-256 is another, or which say what AQS never said
- overwritten: complete archives that were changed
- future: archives of days that had not come
- broken: passes that ended with an error of no known kind, or not at all

Limits that are lifted: time-outs run 20 times as fast (8 s for an answer of S3 last 0.4 s), waiting
on the job's clock takes no time, and an archive is tried to be written 3 times in a pass in place
of 12. The date in S3's answers is set to the simulation's.
"""

import argparse
import json
import statistics
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # for tests/support

import pytest
from loguru import logger

from benchmarks.archive_faults_judge import Findings, Judge, s3_client
from benchmarks.archive_faults_pass import BROKEN, FASTER, STORE_TRIES, Ended, run_pass, warm_up
from benchmarks.archive_faults_plan import QUIET_DAYS, Pass, passes_of
from benchmarks.archive_faults_truth import NAMED, PROJECT, TOP, WITNESS, Truth, midnight
from benchmarks.archive_faults_world import TrueTime, World
from pageviews_api.config import Settings, load_settings
from tests.support.s3_servers import S3Server, seaweedfs

START = date(2021, 1, 1)
"""The first day. All days lie in the past, where no clock of the real world contradicts them."""

DAYS = 1_000

QUICK_DAYS = 60

USUAL = 0.3
"""Seconds that a pass is taken to last until it is known."""


@dataclass(slots=True)
class Figures:
    """What came of the simulated days."""

    days: int
    findings: Findings
    ended: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether all targets were met."""
        return self.findings.passed and not self.broken

    def as_json(self) -> str:
        """Write them as one JSON object."""
        found = self.findings
        figures = {
            "days": self.days,
            "lost": len(found.lost),
            "corrupt": len(found.corrupt),
            "overwritten": len(found.overwritten),
            "future": len(found.future),
            "broken": len(self.broken),
            "passed": self.passed,
        }
        return json.dumps(figures)

    def print_table(self) -> None:
        """Print the figures, what befell the job, and examples of what was found."""
        figures = json.loads(self.as_json())
        head = ("days", "lost", "corrupt", "overwritten", "future", "broken")
        print("|", " | ".join(head), "|")
        print("|---" * len(head) + "|")
        print("|", " | ".join(f"{figures[name]:,}" for name in head), "|\n")
        ended = ", ".join(f"{count:,} {how}" for how, count in sorted(self.ended.items()))
        print(f"passes: {ended}")
        for trouble, count in sorted(self.troubles.items()):
            print(f"  {count:>6,}  {trouble}")
        found = self.findings
        print(
            f"not counted: {len(found.misdated)} archives say that they were observed on a day that"
            f" had not come, {len(found.holes_that_came)} days told as lost at Wikimedia came later"
        )
        for example in (*self.findings.examples, *self.broken[:5]):
            print("  ", example)
        print("missed:", "no target" if self.passed else "see above")


def simulate(server: S3Server, *, seed: int, days: int, prefix: str) -> Figures:
    """Simulate so many days below a prefix of the server's bucket."""
    truth = Truth(seed, start=START, days=days)
    true_time = TrueTime(midnight(START))
    world = World(truth, true_time, s3_port=server.port)
    settings = _settings(world, server, prefix)
    warm_up(true_time, settings)
    try:
        with s3_client(server) as s3:
            judge = Judge(truth, s3, bucket=server.bucket, prefix=prefix)
            figures = Figures(days, judge.findings)
            took: list[float] = []
            for one in _shown(passes_of(seed, START, days)):
                true_time.set(max(one.at, true_time.now()))
                usual = statistics.median(took[-50:]) if took else USUAL
                ended = run_pass(one, world, true_time, settings, usual=usual)
                if ended.how == "done":
                    took.append(ended.took)
                _note(figures, one, ended)
                judge.look(true_time.now(), _named(one, seed))
            judge.finish(true_time.now(), START, START + timedelta(days=days - 1))
    finally:
        world.close()
    return figures


def main() -> int:
    """Run the benchmark; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_DAYS} days, under a minute")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seed", type=int, default=1, help="other trouble (default: 1)")
    parser.add_argument("--days", type=int, help=f"so many days (default: {DAYS:,})")
    parser.add_argument("--server", help="an S3 server that runs, as JSON; for the tests")
    options = parser.parse_args()
    days = options.days or (QUICK_DAYS if options.quick else DAYS)
    logger.remove()
    print(
        f"seed {options.seed}; {days:,} days from {START} on, and {QUIET_DAYS} quiet ones;"
        f" time-outs {FASTER:.0f} times as fast, {STORE_TRIES} tries to write in a pass\n"
    )
    with _server(options.server) as server:
        figures = simulate(
            server, seed=options.seed, days=days, prefix=f"faults-{uuid.uuid4().hex}/"
        )
    figures.print_table()
    if options.json:
        print(figures.as_json())
    return 0 if figures.passed else 1


@contextmanager
def _server(running: str | None) -> Iterator[S3Server]:
    if running is not None:
        yield S3Server(**json.loads(running))
        return
    try:
        with tempfile.TemporaryDirectory() as folder, seaweedfs(Path(folder)) as server:
            yield server
    except pytest.skip.Exception as e:
        raise SystemExit(f"NOTHING IS MEASURED without a real S3 server: {e}") from e


def _settings(world: World, server: S3Server, prefix: str) -> Settings:
    named = "|".join(f"{PROJECT}/{title}" for title in NAMED)
    return load_settings(
        _env_file=None,
        aqs_base_url=f"http://127.0.0.1:{world.aqs_port}",
        aqs_witness=f"{PROJECT}/{WITNESS}",
        archive_articles=f"{named}|{PROJECT}:*|top:{TOP}",
        archive_bucket=server.bucket,
        archive_prefix=prefix,
        archive_days=30,
        aws_region="us-east-1",
        aws_endpoint_url_s3=f"http://127.0.0.1:{world.s3_port}",
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        default_project=PROJECT,
    )


def _note(figures: Figures, one: Pass, ended: Ended) -> None:
    figures.ended[ended.how] += 1
    figures.troubles.update(one.troubles or ["no trouble"])
    if ended.how == BROKEN:
        figures.broken.append(f"broken: pass {one.number} at {one.at:%F %T}: {ended.why}")


def _named(one: Pass, seed: int) -> str:
    troubles = ", ".join(one.troubles) or "no trouble"
    return f"after pass {one.number} of seed {seed} at {one.at:%F %H:%M} ({troubles})"


def _shown(passes: Iterator[Pass]) -> Iterator[Pass]:
    """Tell the passes, and on a terminal how far we are."""
    for one in passes:
        if one.number % 100 == 0 and sys.stderr.isatty():
            print(f"pass {one.number:,}, {one.at:%F}", file=sys.stderr)
        yield one


if __name__ == "__main__":
    sys.exit(main())
