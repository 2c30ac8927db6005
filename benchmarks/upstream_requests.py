"""How many requests reach Wikimedia, and whether what is told is true: a simulated month.

Clients ask for the views of 500 articles in 5 projects, drawn by Zipf's law (exponent 1), for 7
to 730 days: half of the ranges move with the data, half are weeks, months, quarters and years of
the two years before. AQS is simulated (tests/support/simulated_aqs.py), and so is time: each day
is published between 01:00 and 09:00 UTC, for articles up to 4 hours later; on a fifth of the days
something is restated; the edge hands out copies of up to 4 hours, of every fiftieth first request,
too; twice AQS is out for 3 hours, once it answers 429 for half an hour. Workloads:

- A200: 200,000 requests, all access, people only
- A600: the same with 600,000
- C200: 200,000, spread over 4 kinds of access and 3 agents

Contenders:

- none: every request goes to AQS
- URL cache: keyed by URL, 2 hours; its clients end moving ranges with yesterday, so that a URL
  changes once a day, as it would if they knew the newest loaded day
- days store: the real store, cache, client, gate and breaker, with their defaults
- floor: a clairvoyant, who at all times knows what was published and restated, gets all days of a
  series with each fetch, and fetches a series only when an asked day is new

Targets: fetches of series at most 1.10 times the floor; all requests, with the probes (the
witness, the projects' totals), at most 1.25 times; the URL cache asks at least 8 (A200), 18
(A600) and 3.5 (C200) times as much as the days store with its probes; nothing wrong, nothing
falsely zero, nothing falsely fresh (benchmarks/upstream_judge.py says what that is); in outages
all that is held is answered.

``--quick`` is a twentieth of it: of requests and of articles, so that a series is asked for as
often. The probes do not shrink with it, so that the targets that count them are not judged.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # for the model of AQS, in tests/support

from loguru import logger

from benchmarks.upstream_contenders import floor_fetches, url_cache_fetches
from benchmarks.upstream_store import StoreFigures, run_store
from benchmarks.upstream_workload import ClientRequest, Workload, history_of, troubles_of
from pageviews_api.schemas.query import Access, Agent

THREE_AGENTS = (Agent.USER, Agent.SPIDER, Agent.ALL_AGENTS)

WORKLOADS = (
    Workload("A200", 200_000),
    Workload("A600", 600_000),
    Workload("C200", 200_000, access=tuple(Access), agents=THREE_AGENTS),
)

SERIES_PER_FLOOR = 1.10

ALL_PER_FLOOR = 1.25

URL_CACHE_PER_ALL = {"A200": 8.0, "A600": 18.0, "C200": 3.5}

QUICK = 20
"""The quick version has one of so many requests and articles."""

HEAD = (
    "workload", "no cache", "URL cache", "days store", "probes", "floor",
    "series/floor", "all/floor", "URL cache/all",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What every contender asked of AQS in one workload. ``quick``: only a part was run."""

    workload: str
    none: int
    url_cache: int
    floor: int
    store: StoreFigures
    quick: bool

    @property
    def probes(self) -> int:
        """What the days store asked beside series."""
        return self.store.witness + self.store.totals

    @property
    def asked(self) -> int:
        """All that the days store asked."""
        return self.store.series + self.probes

    def missed(self) -> list[str]:
        """Name the targets that were missed."""
        store = self.store
        right = {
            "series/floor": store.series <= SERIES_PER_FLOOR * self.floor,
            "wrong": store.wrong == 0,
            "falsely zero": store.falsely_zero == 0,
            "falsely fresh": store.falsely_fresh == 0,
            "answered in outages": store.answered_in_outages == 1.0,
        }
        if not self.quick:
            least = URL_CACHE_PER_ALL[self.workload]
            right["all/floor"] = self.asked <= ALL_PER_FLOOR * self.floor
            right["URL cache/all"] = self.url_cache >= least * self.asked
        return [target for target, is_met in right.items() if not is_met]

    def row(self) -> tuple[str, ...]:
        """Write it for people."""
        counts = (self.none, self.url_cache, self.store.series, self.probes, self.floor)
        ratios = (
            self.store.series / self.floor,
            self.asked / self.floor,
            self.url_cache / self.asked,
        )
        return (self.workload, *(f"{n:,}" for n in counts), *(f"{ratio:.2f}" for ratio in ratios))

    def figures(self) -> dict[str, float]:
        """Write it for programs; ``days_store`` are the fetches of series."""
        store = self.store
        return {
            "none": self.none,
            "url_cache": self.url_cache,
            "days_store": store.series,
            "probes": self.probes,
            "floor": self.floor,
            "wrong": store.wrong,
            "falsely_fresh": store.falsely_fresh,
            "falsely_zero": store.falsely_zero,
            "answered_in_outages": store.answered_in_outages,
        }


def measure(workload: Workload, *, seed: int, quick: bool) -> Outcome:
    """Run all contenders on one workload."""
    faults: list[str] = []
    sink = logger.add(faults.append, level="ERROR")
    history, troubles = history_of(workload, seed), troubles_of(workload)
    outcome = Outcome(
        workload=workload.name,
        none=workload.count,
        url_cache=url_cache_fetches(workload.requests(seed), troubles),
        floor=floor_fetches(workload.requests(seed), troubles, history),
        store=run_store(_shown(workload, seed), history, troubles, seed),
        quick=quick,
    )
    logger.remove(sink)
    assert not faults, f"the service logged a fault of its own: {faults[0]}"
    return outcome


def measure_all(workloads: Sequence[Workload], *, seed: int, quick: bool) -> list[Outcome]:
    """Run all workloads, on all processors."""
    with ProcessPoolExecutor(initializer=logger.remove) as pool:
        return list(pool.map(partial(measure, seed=seed, quick=quick), workloads))


def quick_workloads() -> list[Workload]:
    """Give a small version of each workload."""
    return [
        replace(workload, count=workload.count // QUICK, articles=workload.articles // QUICK)
        for workload in WORKLOADS
    ]


def as_json(outcomes: Iterable[Outcome]) -> str:
    """Write all figures, and whether all targets were met, as one JSON object."""
    outcomes = list(outcomes)
    workloads = {outcome.workload: outcome.figures() for outcome in outcomes}
    passed = not any(outcome.missed() for outcome in outcomes)
    return json.dumps({"workloads": workloads, "passed": passed})


def print_table(outcomes: Iterable[Outcome]) -> None:
    """Print the table, and what was missed."""
    outcomes = list(outcomes)
    print("|", " | ".join(HEAD), "|")
    print("|---" * len(HEAD) + "|")
    for outcome in outcomes:
        print("|", " | ".join(outcome.row()), "|")
    print()
    for outcome in outcomes:
        store = outcome.store
        print(
            f"{outcome.workload}: {store.wrong} wrong, {store.falsely_zero} falsely zero,"
            f" {store.falsely_fresh} falsely fresh; in outages {store.answered_in_outages:.1%}"
            f" of what was held answered; probes: {store.witness:,} for the witness,"
            f" {store.totals:,} for totals; {store.unanswered} requests not answered"
        )
        for example in store.examples:
            print("  ", example)
        print("   missed:", ", ".join(outcome.missed()) or "no target")


def main() -> int:
    """Run the benchmark; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth, in under a minute")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seed", type=int, default=1, help="another month (default: 1)")
    options = parser.parse_args()
    workloads = quick_workloads() if options.quick else WORKLOADS
    outcomes = measure_all(workloads, seed=options.seed, quick=options.quick)
    if options.quick:
        print("A twentieth of each workload: all/floor and URL cache/all are not judged.\n")
    print_table(outcomes)
    if options.json:
        print(as_json(outcomes))
    return 1 if any(outcome.missed() for outcome in outcomes) else 0


def _shown(workload: Workload, seed: int) -> Iterator[ClientRequest]:
    """Tell the requests, and on a terminal how far we are."""
    every = max(workload.count // 10, 1)
    for number, request in enumerate(workload.requests(seed)):
        if number % every == 0 and sys.stderr.isatty():
            print(f"{workload.name}: {number / workload.count:.0%}", file=sys.stderr)
        yield request


if __name__ == "__main__":
    sys.exit(main())
