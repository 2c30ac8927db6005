"""The benchmarks run, say what they should, and find nothing told wrongly."""

import json

import pytest

from benchmarks.upstream_contenders import floor_fetches, url_cache_fetches
from benchmarks.upstream_requests import Outcome, as_json, measure, print_table
from benchmarks.upstream_workload import START, ClientRequest, Workload, history_of, troubles_of
from pageviews_api.daterange import DateRange, NamedRange
from pageviews_api.schemas.query import Access, Agent, Series
from tests.support.simulated_aqs import NO_TROUBLES, Dataset

TINY = Workload("A200", 1_500, articles=10, days=6)
SERIES = Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "Article_0")
HOUR = 3600.0


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """Give what came of six days."""
    return measure(TINY, seed=1, quick=True)


def test_upstream_requests__tell_nothing_wrong(outcome: Outcome) -> None:
    """In six simulated days the store tells nothing wrong, and all that it holds in outages."""
    store = outcome.store
    assert store.examples == ()
    assert (store.wrong, store.falsely_zero, store.falsely_fresh) == (0, 0, 0)
    assert store.answered_in_outages == 1.0


def test_upstream_requests__as_json(outcome: Outcome) -> None:
    """The JSON has the figures of each workload, and whether all targets were met."""
    figures = json.loads(as_json([outcome]))
    assert list(figures["workloads"]) == ["A200"]
    assert set(figures["workloads"]["A200"]) == {
        "none",
        "url_cache",
        "days_store",
        "probes",
        "floor",
        "wrong",
        "falsely_fresh",
        "falsely_zero",
        "answered_in_outages",
    }
    assert figures["passed"] is (not outcome.missed())


def test_upstream_requests__in_their_order(outcome: Outcome) -> None:
    """No cache asks most, then the URL cache, then the store with its probes, then the floor."""
    assert outcome.none > outcome.url_cache > outcome.asked > outcome.floor


def test_upstream_requests__for_people(
    outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has a row for each workload."""
    print_table([outcome])
    assert "| A200 | 1,500 |" in capsys.readouterr().out


def test_workload__is_repeatable() -> None:
    """The same seed gives the same requests, oldest first; half of the ranges move."""
    requests = list(TINY.requests(1))
    assert requests == list(TINY.requests(1)) != list(TINY.requests(2))
    assert [request.at for request in requests] == sorted(request.at for request in requests)
    moving = sum(isinstance(request.days, NamedRange) for request in requests)
    assert 0.4 < moving / len(requests) < 0.6
    lengths = {len(one.days) for one in requests if isinstance(one.days, DateRange)}
    assert min(lengths) == 7
    assert max(lengths) == 730


def test_url_cache__keeps_for_two_hours() -> None:
    """The same URL is fetched again after 2 hours, and another range at once."""
    month = DateRange(START.date().replace(month=4), START.date().replace(month=4, day=30))
    asked: list[tuple[float, DateRange | NamedRange]] = [
        (0, month),
        (1.9, month),
        (2.0, month),
        (2.1, NamedRange("latest-30")),
    ]
    requests = [ClientRequest(hours * HOUR, SERIES, days) for hours, days in asked]
    assert url_cache_fetches(requests, NO_TROUBLES) == 3


def test_floor__fetches_for_new_days_only() -> None:
    """The floor fetches a series once, and again when an asked day was published since."""
    history = history_of(TINY, 1)
    published = history.published_at(Dataset.PER_ARTICLE, START.date())
    assert published
    at = (published - START).total_seconds()
    month = DateRange(START.date().replace(month=4), START.date().replace(month=4, day=30))
    latest = NamedRange("latest-7")
    asked: list[tuple[float, DateRange | NamedRange]] = [
        (at - HOUR, latest),
        (at - 1, month),
        (at, month),
        (at, latest),
        (at + HOUR, latest),
    ]
    requests = [ClientRequest(moment, SERIES, days) for moment, days in asked]
    assert floor_fetches(requests, NO_TROUBLES, history) == 2


def test_troubles__are_two_outages_and_a_storm() -> None:
    """There are two outages of 3 hours and a storm, all within the simulated days."""
    troubles = troubles_of(TINY)
    assert [(one.end - one.start).total_seconds() for one in troubles.outages] == [3 * HOUR] * 2
    assert len(troubles.storms) == 1
    for one in (*troubles.outages, *troubles.storms):
        assert START < one.start < one.end
        assert (one.end - START).days < TINY.days
