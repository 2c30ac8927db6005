"""The model of AQS does what the benchmark and the tests that use it rely on."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pageviews_api.budget import CircuitBreaker, Gate
from pageviews_api.clients.aqs import AqsClient, DailyViews
from pageviews_api.clients.base import Answer
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import (
    UpstreamFailedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.aqs import SeriesAnswer
from pageviews_api.schemas.query import Access, Agent, Series
from tests.support.clock import FakeClock
from tests.support.simulated_aqs import (
    ABSENT,
    Dataset,
    History,
    Interval,
    Kind,
    Restatement,
    SimulatedAqs,
    Troubles,
    usual_history,
)

DAY = date(2026, 11, 10)
FIRST = date(2026, 10, 1)
HOUR = timedelta(hours=1)
D = timedelta(days=1)
LOADED = datetime(2026, 11, 11, 5, tzinfo=UTC)
RESTATED = Restatement("fr.wikipedia", DAY, LOADED + 24 * HOUR, LOADED + 27 * HOUR)
NEXT = DAY + timedelta(days=1)
LOST = date(2026, 11, 3)


def of(title: str | None, access: Access = Access.ALL_ACCESS, agent: Agent = Agent.USER) -> Series:
    """Name a series of fr.wikipedia."""
    return Series("fr.wikipedia", access, agent, title)


BUSY, RARE, TOTALS = of("Strasbourg"), of("Broussards"), of(None)
WITNESS = Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "Main_Page")
CELLS = [(access, agent) for access in Access for agent in Agent]


@pytest.fixture
def history() -> History:
    """Give 40 days of two articles: one day restated, one lost, one never published."""
    return History(
        1,
        first_day=FIRST,
        last_day=NEXT,
        mean_views={
            ("fr.wikipedia", "Strasbourg"): 3_000.0,
            ("fr.wikipedia", "Broussards"): 0.5,
            ("en.wikipedia", "Main_Page"): 5e6,
        },
        published={
            (Dataset.PER_ARTICLE, DAY): LOADED,
            (Dataset.AGGREGATE, DAY): LOADED - 3 * HOUR,
            (Dataset.PER_ARTICLE, NEXT): None,
            (Dataset.AGGREGATE, NEXT): LOADED + 24 * HOUR,
        },
        lost=[("fr.wikipedia", LOST)],
        restatements=[RESTATED],
    )


def aqs_client(aqs: SimulatedAqs, clock: FakeClock) -> AqsClient:
    """Put the real client in front of the model."""
    return AqsClient(
        aqs,  # type: ignore[arg-type]  # it stands for the upstream client
        gate=Gate("aqs", max_concurrency=3, requests_per_minute=150, clock=clock),
        breaker=CircuitBreaker("aqs", clock),
        clock=clock,
        timeout=8.0,
    )


async def ask(aqs: SimulatedAqs, series: Series, days: DateRange, clock: FakeClock) -> DailyViews:
    """Ask through the real client, which checks what it is told."""
    return await aqs_client(aqs, clock).daily_views(series, days)


def test_truth__of_a_day(history: History) -> None:
    """A day has no number before it is published, then its first, then the restated one."""
    assert history.truth(BUSY, DAY, LOADED - HOUR / 60) is None
    first = history.truth(BUSY, DAY, LOADED)
    assert first
    assert history.truth(BUSY, DAY, RESTATED.articles_at - HOUR) == first
    assert history.truth(BUSY, DAY, RESTATED.articles_at) not in {first, None}
    assert not history.is_loaded(BUSY, DAY, LOADED - HOUR)
    assert history.is_loaded(BUSY, DAY, LOADED)


def test_values_between__around_a_restatement(history: History) -> None:
    """What AQS had in an interval is what it had at its start and whatever came in it."""
    before, after = (history.truth(BUSY, DAY, LOADED + n * HOUR) for n in (0, 27))
    span = LOADED + 20 * HOUR, LOADED + 28 * HOUR
    assert history.values_between(BUSY, DAY, *span) == {before, after}
    assert history.values_between(BUSY, DAY, LOADED - HOUR, LOADED) == {None, before}
    assert history.values_between(BUSY, DAY, span[1], span[1] + HOUR) == {after}


def test_newest_day__is_published(history: History) -> None:
    """The newest day of a dataset moves when the next one is published."""
    newest = [
        history.newest_day(dataset, at)
        for at in (LOADED - HOUR / 60, LOADED, LOADED + 24 * HOUR)
        for dataset in Dataset
    ]
    assert newest == [DAY - D, DAY, DAY, DAY, DAY, NEXT]


def test_restatement__totals_first(history: History) -> None:
    """The totals change at their own moment, before the articles do."""
    moments = [RESTATED.totals_at - HOUR, RESTATED.totals_at]
    before, after = (history.truth(TOTALS, DAY, at) for at in moments)
    assert before != after
    assert len({history.truth(BUSY, DAY, at) for at in moments}) == 1
    assert history.changes(BUSY) == [(LOADED, DAY), (RESTATED.articles_at, DAY)]


def test_restatement__of_all_cells(history: History) -> None:
    """All cells of access and agent are restated at the same moment."""
    for access, agent in CELLS:
        series = of("Strasbourg", access, agent)
        assert history.changes(series) == [(LOADED, DAY), (RESTATED.articles_at, DAY)]


def test_days_that_never_come(history: History) -> None:
    """A day that is never published, or that the project lost, has no number at any time."""
    late = LOADED + 1000 * HOUR
    assert history.truth(BUSY, NEXT, late) is None
    assert history.truth(TOTALS, NEXT, late)
    assert history.truth(BUSY, LOST, late) is None
    assert history.truth(WITNESS, LOST, late)
    assert history.published_at(Dataset.PER_ARTICLE, NEXT) is None
    assert history.published_at(Dataset.PER_ARTICLE, LOST, "fr.wikipedia") is None


def test_rows__of_a_rare_article(history: History) -> None:
    """A rare article lacks days, in all its cells alike, and has zeros in some of the others."""
    columns = [history.column(of("Broussards", *cell), LOADED) for cell in CELLS]
    absent = [[n == ABSENT for n in column] for column in columns]
    assert all(days == absent[0] for days in absent)
    assert 5 < sum(absent[0]) < 35
    assert any(0 in column for column in columns)
    assert ABSENT not in history.column(BUSY, LOADED)[: (LOST - FIRST).days]


@pytest.mark.parametrize("series", [BUSY, RARE, TOTALS, WITNESS, of("Nobody"), of("Strasbourg/x")])
def test_column__is_the_truth(history: History, series: Series) -> None:
    """A column holds the truth of each day, at each moment."""
    for hours in range(-2, 30, 2):
        at = LOADED + hours * HOUR
        column = [None if n == ABSENT else n for n in history.column(series, at)]
        assert column == [history.truth(series, day, at) for day in history.days]


@pytest.mark.parametrize("series", [BUSY, RARE, TOTALS, WITNESS])
async def test_get__through_the_real_client(history: History, series: Series) -> None:
    """The real client accepts the answers and reads the truth in them, cut at the asked days."""
    clock = FakeClock(LOADED)
    aqs = SimulatedAqs(history, clock, witness=WITNESS)
    for days in (DateRange(FIRST, DAY), DateRange(date(2015, 7, 1), NEXT), DateRange(DAY, DAY)):
        answer = await ask(aqs, series, days, clock)
        truth = {day: history.truth(series, day, LOADED) for day in history.days if day in days}
        assert answer.views == {day: n for day, n in truth.items() if n is not None}
        assert answer.age == timedelta(0)


async def test_get__of_nothing(history: History) -> None:
    """What has no day in the range is a 404: unknown, not loaded, lost or before the history."""
    clock = FakeClock(LOADED)
    aqs = SimulatedAqs(history, clock, witness=WITNESS)
    before = date(2016, 1, 1)
    assert (await ask(aqs, of("Nobody"), DateRange(FIRST, DAY), clock)).views == {}
    assert (await ask(aqs, BUSY, DateRange(NEXT, NEXT), clock)).views == {}
    assert (await ask(aqs, BUSY, DateRange(LOST, LOST), clock)).views == {}
    assert (await ask(aqs, BUSY, DateRange(before, before), clock)).views == {}
    assert [one.status for one in aqs.log] == [404] * 4


async def test_edge__keeps_copies(history: History) -> None:
    """The same URL gets a copy with its age for 4 hours, then a new answer; others get their own.

    The copy is what AQS had when it was made.
    """
    clock = FakeClock(RESTATED.articles_at - HOUR)
    aqs = SimulatedAqs(history, clock, witness=WITNESS)
    days = DateRange(FIRST, DAY)
    first = await ask(aqs, BUSY, days, clock)
    clock.advance(4 * 3600 - 0.5)
    copy = await ask(aqs, BUSY, days, clock)
    assert (copy.views, copy.age) == (first.views, timedelta(seconds=4 * 3600 - 1))
    other = await ask(aqs, BUSY, DateRange(FIRST, NEXT), clock)
    clock.advance(0.5)
    new = await ask(aqs, BUSY, days, clock)
    assert new.views == other.views != first.views
    assert new.age == other.age == timedelta(0)


async def test_edge__forgets_404(history: History) -> None:
    """A 404 is kept for 10 minutes only."""
    clock = FakeClock(LOADED - HOUR / 12)
    aqs = SimulatedAqs(history, clock, witness=WITNESS)
    found = []
    for seconds in (0, 301, 298, 2):
        clock.advance(seconds)
        found.append(len((await ask(aqs, BUSY, DateRange(DAY, DAY), clock)).views))
    assert found == [0, 0, 0, 1]


async def test_edge__warmed_by_others(history: History) -> None:
    """Where others ask, too, even a first answer may be a copy, of what was there up to 4 h ago."""
    clock = FakeClock(LOADED + 2 * HOUR)
    aqs = SimulatedAqs(history, clock, witness=WITNESS, warmed=1.0)
    answers = [
        await ask(aqs, BUSY, DateRange(day, DAY), clock) for day in DateRange(FIRST, FIRST + 20 * D)
    ]
    ages = [answer.age for answer in answers]
    assert min(ages) < HOUR < 3 * HOUR < max(ages) < 4 * HOUR
    for answer in answers:
        assert (DAY in answer.views) == (answer.age <= 2 * HOUR)


async def test_troubles__fail_by_turns(history: History) -> None:
    """In an outage requests fail in all three ways, in a storm they are throttled; both end."""
    clock = FakeClock(LOADED)
    outage = Interval(LOADED, LOADED + HOUR)
    storm = Interval(LOADED + HOUR, LOADED + 2 * HOUR)
    troubles = Troubles(outages=(outage,), storms=(storm,), retry_after=7.0)
    aqs = SimulatedAqs(history, clock, witness=WITNESS, troubles=troubles)
    path = "/metrics/pageviews/per-article/fr.wikipedia/all-access/user/Strasbourg/daily"
    for error in (UpstreamUnreachableError, UpstreamFailedError, UpstreamTimeoutError):
        with pytest.raises(error):
            await aqs.get(f"{path}/20261001/20261002", SeriesAnswer, timeout=3.0)
    clock.set(LOADED + HOUR)
    with pytest.raises(UpstreamThrottledError) as caught:
        await aqs.get(f"{path}/20261001/20261002", SeriesAnswer, timeout=3.0)
    assert caught.value.retry_after == 7.0
    clock.set(LOADED + 2 * HOUR)
    answer = await aqs.get(f"{path}/20261001/20261002", SeriesAnswer, timeout=3.0)
    assert isinstance(answer, Answer)
    assert [one.status for one in aqs.log] == [None, 500, None, 429, 200]


async def test_log__tells_what_for(history: History) -> None:
    """Requests are counted by what they are for: series, witness, totals."""
    clock = FakeClock(LOADED)
    aqs = SimulatedAqs(history, clock, witness=WITNESS)
    for series in (BUSY, RARE, WITNESS, TOTALS, BUSY):
        await ask(aqs, series, DateRange(FIRST, DAY), clock)
    assert [aqs.count(kind) for kind in (Kind.SERIES, Kind.WITNESS, Kind.TOTALS)] == [3, 1, 1]
    assert aqs.count() == 5
    assert aqs.log[0].at == LOADED


def test_usual_history__from_a_seed() -> None:
    """The same seed makes the same history; days come when they usually do; some are restated."""
    start = date(2026, 6, 1)
    mean_views = {("fr.wikipedia", "Strasbourg"): 3_000.0, ("en.wikipedia", "Main_Page"): 5e6}

    def made(seed: int) -> History:
        return usual_history(
            seed, start=start, days=30, past_days=100, mean_views=mean_views, restated=0.5, lost=1
        )

    history, same, other = made(1), made(1), made(2)
    at = datetime(2026, 6, 20, tzinfo=UTC)
    assert history.restatements == same.restatements != other.restatements
    assert history.column(BUSY, at) == same.column(BUSY, at) != other.column(BUSY, at)
    for day in DateRange(start, start + 29 * D):
        totals, articles = (history.published_at(dataset, day) for dataset in reversed(Dataset))
        assert totals
        assert articles
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + D
        assert midnight + HOUR <= totals <= midnight + 9 * HOUR
        assert totals <= articles <= totals + 4 * HOUR
    for one in history.restatements:
        assert timedelta(0) <= one.articles_at - one.totals_at <= 4 * HOUR
        published = history.published_at(Dataset.AGGREGATE, one.day)
        assert published is None or published <= one.totals_at
