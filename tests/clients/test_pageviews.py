"""The days store: what is asked of AQS, what is kept, and what callers are told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta

import httpx
import pytest

from pageviews_api.budget import CircuitBreaker, CircuitState, Gate
from pageviews_api.cache import Cache
from pageviews_api.clients.aqs import AqsClient
from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clients.days_store import DaysStore
from pageviews_api.clients.pageviews import AnswerPolicy, PageviewsClient
from pageviews_api.clients.top_lists import TopLists
from pageviews_api.config import Settings
from pageviews_api.daterange import FIRST_DAY, DateRange, NamedRange
from pageviews_api.exceptions import (
    ArticleNeverViewedError,
    BudgetExhaustedError,
    TopListNotFoundError,
    UnknownProjectError,
    UpstreamError,
    UpstreamFailedError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.pageviews import ArticleSeries, DayPoint, DayStatus
from pageviews_api.schemas.query import (
    Access,
    Agent,
    Granularity,
    Month,
    Series,
    SeriesQuery,
)
from pageviews_api.schemas.top import TopArticles
from pageviews_api.schemas.top_query import TopQuery
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import NOON, FakeClock, SkippingClock, settle
from tests.support.fake_aqs import FakeAqs
from tests.support.no_archive import NoArchive

TODAY = YESTERDAY + timedelta(days=1)
HOUR = 3600.0
DAY = 24 * HOUR
LATEST = NamedRange("latest-30")
WITNESS = Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "Main_Page")


def of(title: str, project: str = "fr.wikipedia") -> Series:
    """Name a series of people's views."""
    return Series(project, Access.ALL_ACCESS, Agent.USER, title)


def of_witness(path: str) -> bool:
    """Tell whether a request is for the witness."""
    return "/Main_Page/" in path


def of_totals(path: str) -> bool:
    """Tell whether a request is for a project's totals."""
    return "/aggregate/" in path


def of_strasbourg(path: str) -> bool:
    """Tell whether a request is for Strasbourg."""
    return "/Strasbourg/" in path


def of_top(path: str) -> bool:
    """Tell whether a request is for a top list."""
    return "/top/" in path


def not_of_witness(path: str) -> bool:
    """Tell whether a request is for anything else."""
    return not of_witness(path)


class Store:
    """The days store in front of the fake AQS, with the parts that a test looks at."""

    def __init__(self, aqs: FakeAqs, http: httpx.AsyncClient, clock: FakeClock) -> None:
        self.upstream, self.clock = aqs, clock
        self.gate = Gate("aqs", max_concurrency=3, requests_per_minute=150, clock=clock)
        self.breaker = CircuitBreaker("aqs", clock)
        client = AqsClient(
            UpstreamClient("aqs", "http://aqs.test", http, clock),
            gate=self.gate,
            breaker=self.breaker,
            clock=clock,
            timeout=8.0,
            jitter=lambda: 0.0,
        )
        self.cache = Cache(
            max_bytes=10_000_000,
            wait=timedelta(seconds=0.02),
            clock=clock,
            jitter=lambda: 0.0,
        )
        known = DaysStore(
            client,
            self.cache,
            clock=clock,
            witness=WITNESS,
            freshness=timedelta(hours=2),
            span_days=730,
        )
        policy = AnswerPolicy(
            freshness=timedelta(hours=2),
            stale_limit=timedelta(hours=26),
            deadline=timedelta(seconds=8),
        )
        self.pageviews = PageviewsClient(known, NoArchive(), clock=clock, policy=policy)
        self.top_lists = TopLists(known, NoArchive(), clock=clock, policy=policy)

    async def ask(
        self,
        title: str = "Strasbourg",
        days: DateRange | NamedRange = LATEST,
        granularity: Granularity = Granularity.DAILY,
    ) -> ArticleSeries:
        """Ask for an article of fr.wikipedia."""
        return await self.pageviews.article(SeriesQuery(of(title), days, granularity))

    async def statuses(self, title: str, days: DateRange | NamedRange = LATEST) -> list[str]:
        """Ask for the statuses of the newest days, oldest first."""
        return [point.status for point in points_of(await self.ask(title, days))]

    async def top(self, period: date | Month | None = None) -> TopArticles:
        """Ask for a list of fr.wikipedia."""
        answer = await self.top_lists.top(TopQuery("fr.wikipedia", Access.ALL_ACCESS, period))
        assert isinstance(answer, TopArticles)
        return answer

    def views(self, title: str, views: dict[date, int], project: str = "fr.wikipedia") -> None:
        """Set the views of an article at AQS."""
        self.upstream.set_views(project, title, Access.ALL_ACCESS, Agent.USER, views)

    def restate(self, title: str, views: dict[date, int], project: str = "fr.wikipedia") -> None:
        """Change days of an article at AQS, and the project's total with them."""
        for series in (of(title, project), Series(project, Access.ALL_ACCESS, Agent.USER)):
            # what the fake holds, some days changed
            known = self.upstream._series[series]
            known.update({day: known.get(day, 0) + 1 for day in views})
        self.upstream._series[of(title, project)].update(views)

    def fetches(self, title: str) -> int:
        """Count the requests for a title's views."""
        return self.upstream.count(lambda path: f"/{title}/daily/" in path)

    def spans(self, title: str) -> list[str]:
        """Tell the spans for which a title was asked, as stamps."""
        paths = [request.path for request in self.upstream.requests]
        return [path[-21:] for path in paths if f"/{title}/daily/" in path]

    def load(self, day: date) -> None:
        """Let AQS load the days up to this one, in the witness and in Strasbourg."""
        for series in (WITNESS, of("Strasbourg")):
            views = self.upstream._series[series]  # what the fake holds is added to
            newest = max(views)
            count = (day - newest).days
            views.update({newest + timedelta(days=1 + n): 3_000 + n for n in range(count)})
        self.upstream.loaded_through = day


def points_of(answer: ArticleSeries) -> list[DayPoint]:
    """Give the days of an answer by day."""
    points = [point for point in answer.items if isinstance(point, DayPoint)]
    assert len(points) == len(answer.items)
    return points


def by_day(answer: ArticleSeries) -> dict[date, DayPoint]:
    """Give the days of an answer."""
    return {point.date: point for point in points_of(answer)}


def newest(days: int) -> DateRange:
    """Name the newest loaded days."""
    return DateRange(YESTERDAY - timedelta(days=days - 1), YESTERDAY)


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock on which waiting for a retry takes no time."""
    return SkippingClock()


@asynccontextmanager
async def opened(aqs: FakeAqs, clock: FakeClock) -> AsyncIterator[Store]:
    """Open a store, and close it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(aqs)) as http:
        store = Store(aqs, http, clock)
        yield store
        aqs.recover()
        await store.cache.aclose()
        await store.gate.aclose()


@pytest.fixture
async def store(aqs: FakeAqs, clock: FakeClock) -> AsyncIterator[Store]:
    """Give an empty store in front of the fake AQS."""
    async with opened(aqs, clock) as store:
        yield store


# What is asked


async def test_fetch__many_callers(store: Store) -> None:
    """500 callers of one article cost one request, and one for each of the two checks."""
    answers = await asyncio.gather(*(store.ask() for _ in range(500)))
    assert (store.fetches("Strasbourg"), store.fetches("Main_Page")) == (1, 1)
    assert store.upstream.count(of_totals) == 1
    assert len(store.upstream.requests) == 3
    assert len({answer.model_dump_json() for answer in answers}) == 1


class TestAtTheDoor:
    """The running service, however long the machine takes for so many."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which a caller waits for as long as it takes."""
        return settings.model_copy(update={"aqs_timeout": 60.0})

    async def test_fetch__many_callers_at_the_door(self, service: Service) -> None:
        """The same holds for 500 requests to the running service."""
        url = "/api/v1/articles/fr.wikipedia/Strasbourg"
        answers = await asyncio.gather(*(service.client.get(url) for _ in range(500)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        assert service.series_fetches("Strasbourg") == 1
        assert service.aqs.count(of_totals) == 1
        assert len(service.aqs.requests) == 3


async def test_fetch__many_ranges(store: Store) -> None:
    """Every recent range is cut out of one fetch, months and single days too."""
    ranges: list[DateRange | NamedRange] = [
        *map(NamedRange, ("latest-30", "latest-90", "latest-365", "latest-700", "this-month")),
        *map(NamedRange, ("last-week", "last-month")),
        DateRange(date(2026, 3, 1), date(2026, 3, 31)),
        newest(1),
        DateRange(TODAY, TODAY),
    ]
    for days in ranges:
        answer = await store.ask(days=days)
        monthly = await store.ask(days=days, granularity=Granularity.MONTHLY)
        assert answer.summary == monthly.summary
    assert (store.fetches("Strasbourg"), store.fetches("Main_Page")) == (1, 1)


async def test_fetch__older_ranges(store: Store) -> None:
    """Older ranges fetch the whole history, once for all of them, and for recent ones, too."""
    history = {FIRST_DAY + timedelta(days=n): n + 1 for n in range(4_000)}
    store.views("Strasbourg", history)
    for _ in range(3):
        for days in (
            NamedRange("all-time"),
            NamedRange("latest-731"),
            DateRange(FIRST_DAY, FIRST_DAY),
            DateRange(date(2018, 1, 1), date(2018, 12, 31)),
        ):
            assert by_day(await store.ask(days=days))
    assert store.fetches("Strasbourg") == 1
    answer = await store.ask(days=DateRange(FIRST_DAY, FIRST_DAY))
    assert (answer.summary.total, answer.first_day) == (1, FIRST_DAY)
    await store.ask()
    assert store.fetches("Strasbourg") == 1
    (asked,) = store.spans("Strasbourg")
    assert asked == "2015070100/2026112100"


async def test_fetch__wider(store: Store) -> None:
    """A question that reaches further back fetches only what is missing, down to its start."""
    await store.ask()
    await store.ask(days=DateRange(date(2020, 2, 3), date(2020, 2, 9)))
    assert store.spans("Strasbourg") == ["2024112200/2026112100", "2020020300/2024112100"]
    await store.ask(days=DateRange(date(2021, 1, 1), YESTERDAY))
    assert store.fetches("Strasbourg") == 2


async def test_fetch__new_day(store: Store, clock: FakeClock) -> None:
    """A new day costs one request for that day alone, and one for its total."""
    await store.ask()
    clock.advance(DAY)
    store.load(TODAY)
    store.upstream.forget()
    for _ in range(3):
        answer = await store.ask()
    assert (answer.end, answer.summary.complete) == (TODAY, True)
    assert store.spans("Strasbourg") == ["2026112200/2026112200"]


async def test_fetch__fresh_for_two_hours(store: Store, clock: FakeClock) -> None:
    """An article's project is looked at again after two hours; then the newest number wins."""
    await store.ask()
    store.restate("Strasbourg", {YESTERDAY: 77})
    clock.advance(2 * HOUR - 1)
    assert by_day(await store.ask())[YESTERDAY].views != 77
    clock.advance(1)
    answer = await store.ask()
    assert by_day(answer)[YESTERDAY].views == 77
    assert (answer.checked_at, answer.stale) == (clock.now(), False)
    assert store.fetches("Strasbourg") == 2


async def test_fetch__two_series(store: Store) -> None:
    """Titles that differ in case only, in project, access or agent are series of their own."""
    store.views("strasbourg", {YESTERDAY: 1})
    store.views("Strasbourg", {YESTERDAY: 2}, project="de.wikipedia")
    totals = []
    for series in (of("Strasbourg"), of("strasbourg"), of("Strasbourg", "de.wikipedia")):
        answer = await store.pageviews.article(SeriesQuery(series, newest(1)))
        totals.append(answer.summary.total)
    assert totals[1:] == [1, 2]
    assert totals[0] not in {1, 2}


async def test_fetch__ever_older_ranges_at_once(store: Store) -> None:
    """Callers of one article who want ever more of it are all answered."""
    history = {FIRST_DAY + timedelta(days=n): n + 1 for n in range(4_000)}
    store.views("Strasbourg", history)
    store.upstream.delay = 0.01
    starts = [date(year, 1, 1) for year in range(2023, 2015, -1)]
    ranges = [DateRange(start, YESTERDAY) for start in starts]
    answers = await asyncio.gather(*(store.ask(days=days) for days in ranges))
    assert [answer.start for answer in answers] == starts
    assert all(
        point.status is DayStatus.OK for answer in answers for point in points_of(answer)[:9]
    )


async def test_fetch__old_copy(store: Store, clock: FakeClock) -> None:
    """Where the edge hands out an old copy for a restated day, it is not asked all the time."""
    await store.ask()
    store.restate("Strasbourg", {YESTERDAY: 77})
    clock.advance(2 * HOUR)
    store.upstream.behave(aqs_faults.aged(5 * 3600), when=of_strasbourg)
    store.upstream.forget()
    for _ in range(12):
        assert (await store.ask()).stale
        clock.advance(60)
    assert store.fetches("Strasbourg") == 1
    clock.advance(4 * 60)
    await store.ask()
    assert store.fetches("Strasbourg") == 2


async def test_not_found__day_that_was_there(store: Store, clock: FakeClock) -> None:
    """A 404 for a restated day does not take back its number, nor is that told as fresh."""
    before = by_day(await store.ask())[YESTERDAY].views
    store.restate("Strasbourg", {YESTERDAY: 77})
    clock.advance(2 * HOUR)
    store.upstream.behave(aqs_faults.absent(), when=of_strasbourg)
    answer = await store.ask()
    assert (by_day(answer)[YESTERDAY].views, answer.stale) == (before, True)
    store.upstream.recover()
    clock.advance(15 * 60)
    answer = await store.ask()
    assert (by_day(answer)[YESTERDAY].views, answer.stale) == (77, False)


async def test_not_found__totals_that_were_there(store: Store, clock: FakeClock) -> None:
    """A 404 for a project's totals takes back none of them, and no article is asked for again."""
    await store.ask()
    clock.advance(2 * HOUR)
    store.upstream.behave(aqs_faults.absent(), when=of_totals)
    await store.ask()
    store.upstream.recover()
    clock.advance(2 * HOUR)
    assert not (await store.ask()).stale
    assert store.fetches("Strasbourg") == 1


async def test_witness__without_any_day(store: Store, clock: FakeClock) -> None:
    """A witness that has no day at all is asked again after ten minutes, as after any 404."""
    store.upstream.set_views("en.wikipedia", "Main_Page", Access.ALL_ACCESS, Agent.USER, {})
    for _ in range(9):
        assert (await store.ask()).stale
        clock.advance(60)
    assert store.upstream.count(of_witness) == 2
    clock.advance(60)
    await store.ask()
    assert store.upstream.count(of_witness) == 4


# What a 404 means


async def test_not_found__never_viewed(store: Store) -> None:
    """A title without any view since 2015 is told so, after one more question for the whole."""
    with pytest.raises(ArticleNeverViewedError, match=r'"No_such" in fr\.wikipedia'):
        await store.ask("No_such")
    spans = [request.path[-21:] for request in store.upstream.requests if "No_such" in request.path]
    assert spans == ["2024112200/2026112100", "2015070100/2026112100"]


async def test_not_found__kept_for_ten_minutes(store: Store, clock: FakeClock) -> None:
    """A 404 is believed for ten minutes; a title that appears is found then."""
    for _ in range(3):
        with pytest.raises(ArticleNeverViewedError):
            await store.ask("New")
    assert store.fetches("New") == 2
    store.views("New", {YESTERDAY: 5})
    clock.advance(599)
    with pytest.raises(ArticleNeverViewedError):
        await store.ask("New")
    clock.advance(1)
    assert (await store.ask("New")).summary.total == 5


async def test_not_found__nothing_lately(store: Store) -> None:
    """A title that was viewed years ago only has zeros now, and its first day."""
    store.views("Old", {date(2017, 5, 5): 9})
    answer = await store.ask("Old", newest(10))
    assert {point.status for point in points_of(answer)[:7]} == {DayStatus.ZERO}
    assert answer.first_day == date(2017, 5, 5)
    assert (
        await store.ask("Old", DateRange(date(2017, 5, 5), date(2017, 5, 5)))
    ).summary.total == 9


async def test_not_found__unknown_project(store: Store) -> None:
    """A project that AQS never answered anything for is unknown."""
    query = SeriesQuery(of("Strasbourg", "xx.wikipedia"), LATEST)
    with pytest.raises(UnknownProjectError):
        await store.pageviews.article(query)
    total = Series("xx.wikipedia", Access.ALL_ACCESS, Agent.USER)
    with pytest.raises(UnknownProjectError):
        await store.pageviews.project(SeriesQuery(total, LATEST))
    with pytest.raises(UnknownProjectError):
        await store.top_lists.top(TopQuery("xx.wikipedia", Access.ALL_ACCESS, None))


async def test_not_found__project_is_asked_once(store: Store) -> None:
    """Whether a project exists is not asked apart from the check of its totals."""
    for title in ("A", "B", "C"):
        with pytest.raises(ArticleNeverViewedError):
            await store.ask(title)
    assert store.upstream.count(lambda path: "/aggregate/" in path) == 1
    for title in ("A", "B"):
        query = SeriesQuery(of(title, "en.wikipedia"), LATEST)
        with pytest.raises(ArticleNeverViewedError):
            await store.pageviews.article(query)
    assert store.upstream.count(lambda path: "/aggregate/en." in path) == 1  # the regular check


async def test_not_found__capitalised_title(store: Store) -> None:
    """The title with a capital is offered where it is held, and only there."""
    with pytest.raises(ArticleNeverViewedError) as raised:
        await store.ask("strasbourg")
    assert "There is" not in str(raised.value)
    await store.ask("Strasbourg")
    with pytest.raises(ArticleNeverViewedError, match='There is "Strasbourg"'):
        await store.ask("strasbourg")


async def test_not_found__capitalised_title_of_old(store: Store) -> None:
    """It is offered, too, if only its history is held, or only its history has views."""
    store.views("Old", {date(2017, 5, 5): 9})
    await store.ask("Old", DateRange(date(2017, 5, 5), date(2017, 5, 5)))
    with pytest.raises(ArticleNeverViewedError, match='There is "Old"'):
        await store.ask("old")


async def test_not_found__capitalised_title_neither(store: Store) -> None:
    """A title with a capital that was never viewed either is not offered."""
    for title in ("Old", "old"):
        with pytest.raises(ArticleNeverViewedError) as raised:
            await store.ask(title)
    assert "There is" not in str(raised.value)


async def test_not_found__upstream_fails_meanwhile(store: Store) -> None:
    """If the second question cannot be asked, nothing is said about the title."""
    whole = "2015070100"
    store.upstream.behave(aqs_faults.failing(), when=lambda path: whole in path)
    with pytest.raises(UpstreamFailedError):
        await store.ask("No_such")


# Zero, hole, not loaded


async def test_day__without_a_view(store: Store) -> None:
    """A loaded day that AQS leaves out is a zero; so is one that it tells as 0."""
    ago = [YESTERDAY - timedelta(days=n) for n in range(12)]
    store.views("Quiet", {ago[11]: 4, ago[8]: 0, ago[6]: 3})
    answer = await store.ask("Quiet", DateRange(ago[11], ago[6]))
    assert [point.views for point in points_of(answer)] == [4, 0, 0, 0, 0, 3]
    assert answer.summary.complete


async def test_day__not_loaded(store: Store) -> None:
    """The newest day before it is loaded has no number, and the answer tells the last that has."""
    store.upstream.loaded_through = YESTERDAY - timedelta(days=1)
    answer = await store.ask(days=newest(3))
    assert [point.status for point in points_of(answer)] == ["ok", "ok", "not_loaded"]
    assert points_of(answer)[-1].views is None
    assert answer.complete_through == YESTERDAY - timedelta(days=1)
    assert not answer.summary.complete
    assert (await store.ask()).end == YESTERDAY - timedelta(days=1)


async def test_day__today(store: Store) -> None:
    """Today is not loaded, and a range of it alone is told as such."""
    assert await store.statuses("Strasbourg", DateRange(TODAY, TODAY)) == ["not_loaded"]


async def test_day__lost(store: Store) -> None:
    """A day that the witness lacks as well is a hole, however many views it had."""
    lost = YESTERDAY - timedelta(days=5)
    views = store.upstream._series[WITNESS]  # what the fake holds, less one day
    del views[lost]
    store.views("Quiet", {YESTERDAY - timedelta(days=10): 4})
    answer = by_day(await store.ask("Quiet", newest(11)))
    assert (answer[lost].status, answer[lost].views) == (DayStatus.HOLE, None)
    assert answer[lost - timedelta(days=1)].status is DayStatus.ZERO


async def test_day__lost_long_ago(store: Store) -> None:
    """Holes are known in the whole history, too."""
    since = {FIRST_DAY + timedelta(days=n): 5 for n in range((YESTERDAY - FIRST_DAY).days + 1)}
    lost = date(2019, 3, 31)
    del since[lost]
    store.views("Main_Page", since, project="en.wikipedia")
    store.views("Strasbourg", {FIRST_DAY: 1, YESTERDAY: 1})
    days = DateRange(lost - timedelta(days=1), lost + timedelta(days=1))
    assert await store.statuses("Strasbourg", days) == ["zero", "hole", "zero"]


async def test_day__shown_just_now(store: Store, clock: FakeClock) -> None:
    """A day that the witness showed less than two hours before may still come: it is no zero."""
    store.views("Quiet", {YESTERDAY - timedelta(days=9): 4})
    days = newest(1)
    assert await store.statuses("Quiet", days) == ["not_loaded"]
    clock.advance(2 * HOUR - 1)
    assert await store.statuses("Quiet", days) == ["not_loaded"]
    clock.advance(1)
    assert await store.statuses("Quiet", days) == ["zero"]
    assert store.fetches("Quiet") == 2


async def test_day__shown_just_now_to_an_old_copy(store: Store, clock: FakeClock) -> None:
    """An answer that lay at the edge for hours is as old as its ``Age`` says."""
    store.views("Quiet", {YESTERDAY - timedelta(days=9): 4})
    await store.ask("Quiet")
    store.upstream.behave(aqs_faults.aged(3600), when=not_of_witness)
    clock.advance(2 * HOUR + 1)
    assert await store.statuses("Quiet", newest(1)) == ["not_loaded"]
    clock.advance(2 * HOUR)
    assert await store.statuses("Quiet", newest(1)) == ["zero"]


async def test_day__shown_by_an_old_copy(store: Store) -> None:
    """A witness that lay at the edge for three hours had shown the day three hours ago."""
    store.views("Quiet", {YESTERDAY - timedelta(days=9): 4})
    store.upstream.behave(aqs_faults.aged(3 * 3600), when=of_witness)
    assert await store.statuses("Quiet", newest(1)) == ["zero"]


async def test_day__is_loaded(store: Store, clock: FakeClock) -> None:
    """While yesterday is outstanding the witness is asked every half hour, then no more today."""
    store.upstream.loaded_through = YESTERDAY - timedelta(days=1)
    for _ in range(4):
        await store.ask()
        clock.advance(1800 - 1)
        await store.ask()
        clock.advance(1)
    assert store.fetches("Main_Page") == 4
    store.upstream.loaded_through = YESTERDAY
    assert (await store.ask()).complete_through == YESTERDAY
    clock.advance(1800)
    await store.ask()
    assert store.fetches("Main_Page") == 5


async def test_day__after_midnight(store: Store, clock: FakeClock) -> None:
    """When a day ends, it is not loaded until the witness shows it, and then it is there."""
    clock.set(NOON + timedelta(hours=11, minutes=50))
    assert (await store.ask()).complete_through == YESTERDAY
    clock.advance(20 * 60)
    answer = await store.ask(days=DateRange(YESTERDAY, TODAY))
    assert [point.status for point in points_of(answer)] == ["ok", "not_loaded"]
    clock.advance(4 * HOUR)
    store.load(TODAY)
    answer = await store.ask(days=DateRange(YESTERDAY, TODAY))
    assert [point.status for point in points_of(answer)] == ["ok", "ok"]
    assert (await store.ask()).end == TODAY


async def test_day__loaded_right_after_midnight(store: Store, clock: FakeClock) -> None:
    """What the witness showed before midnight does not count for the day that has begun."""
    clock.set(NOON + timedelta(hours=11, minutes=50))
    await store.ask()
    store.load(TODAY)
    clock.advance(10 * 60)
    assert (await store.ask()).complete_through == TODAY


async def test_range__without_a_loaded_day(store: Store, clock: FakeClock) -> None:
    """A named range that holds no day yet is empty, and says why."""
    clock.set(NOON + timedelta(days=9))  # 2026-12-01
    answer = await store.ask(days=NamedRange("this-month"))
    assert (answer.items, answer.start, answer.end) == ([], None, None)
    assert answer.reason


# When AQS fails


async def test_outage__of_a_day(store: Store, clock: FakeClock) -> None:
    """For 26 hours all is served stale; then the last three days are missing, the others stay."""
    good = await store.ask()
    checked_at = clock.now()
    store.upstream.behave(aqs_faults.failing())
    for hours in range(1, 27):
        clock.advance(HOUR)
        answer = await store.ask()
        assert points_of(answer) == points_of(good)
        assert (answer.checked_at, answer.stale) == (checked_at, hours > 2)
    clock.advance(1)
    for _ in range(3):
        answer = await store.ask()
        assert answer.stale
        assert [point.status for point in points_of(answer)] == ["ok"] * 27 + ["missing"] * 3
        assert points_of(answer)[:27] == points_of(good)[:27]
        clock.advance(100 * DAY)


async def test_outage__newest_days_only(store: Store, clock: FakeClock) -> None:
    """Who asks for nothing but what is too old to be told gets the error."""
    await store.ask()
    store.upstream.behave(aqs_faults.failing())
    clock.advance(27 * HOUR)
    with pytest.raises(UpstreamUnreachableError):
        await store.ask(days=newest(3))
    assert await store.statuses("Strasbourg", newest(4)) == ["ok", *["missing"] * 3]


async def test_outage__at_the_door(service: Service, clock: FakeClock) -> None:
    """The service goes on answering 200, says that it is stale, and is ready but degraded."""
    url = "/api/v1/articles/fr.wikipedia/Strasbourg"
    good = (await service.client.get(url)).json()
    service.aqs.behave(aqs_faults.failing())
    for _ in range(6):
        clock.advance(4 * HOUR)
        # Each of twelve other articles fails, until the circuit opens.
        for number in range(12):
            await service.client.get(f"/api/v1/articles/fr.wikipedia/Other_{number}")
        response = await service.client.get(url)
        answer = response.json()
        assert (response.status_code, answer["stale"]) == (200, True)
        assert (answer["items"], answer["checked_at"]) == (good["items"], good["checked_at"])
    ready = await service.client.get("/readyz")
    assert (ready.status_code, ready.json()["aqs"]["status"]) == (200, "degraded")


async def test_outage__nothing_held(store: Store) -> None:
    """What was never seen is an error, remembered for 30 s, and no answer."""
    store.upstream.behave(aqs_faults.failing(), when=not_of_witness)
    for _ in range(5):
        with pytest.raises(UpstreamFailedError):
            await store.ask()
    assert store.fetches("Strasbourg") == 3  # one call with its retries


async def test_outage__ends(store: Store, clock: FakeClock) -> None:
    """When AQS is back, answers are fresh again."""
    await store.ask()
    store.upstream.behave(aqs_faults.failing())
    clock.advance(3 * HOUR)
    assert (await store.ask()).stale
    store.upstream.recover()
    clock.advance(31)
    answer = await store.ask()
    assert (answer.stale, answer.checked_at) == (False, clock.now())


async def test_outage__circuit_open(store: Store, clock: FakeClock) -> None:
    """While the circuit is open what is held comes without a call."""
    await store.ask()
    clock.advance(3 * HOUR)
    store.upstream.behave(aqs_faults.failing())
    for number in range(12):
        with pytest.raises(UpstreamError):
            await store.ask(f"Other_{number}")
    assert store.breaker.state is CircuitState.OPEN
    store.upstream.forget()
    answer = await store.ask()
    assert answer.stale
    assert store.upstream.requests == []


async def test_outage__throttled(aqs: FakeAqs) -> None:
    """During a pause that AQS asked for, what is held comes at once and nothing is asked."""
    clock = FakeClock()
    async with opened(aqs, clock) as store:
        await store.ask()
        clock.advance(3 * HOUR)
        aqs.script(aqs_faults.throttled("300"))
        aqs.forget()
        assert (await store.ask()).stale
        sent = len(aqs.requests)
        assert 1 <= sent <= 2  # the witness's request may be on its way already
        with pytest.raises(BudgetExhaustedError):
            await store.ask("Other")
        clock.advance(299)
        assert (await store.ask()).stale
        assert len(aqs.requests) == sent
        clock.advance(1)
        assert not (await store.ask()).stale


async def test_outage__throttled_shortly(aqs: FakeAqs) -> None:
    """A refresh that meets a short pause is not made after it: nobody waits for it any more."""
    clock = FakeClock()
    async with opened(aqs, clock) as store:
        await store.ask()
        clock.advance(3 * HOUR)
        store.gate.pause(5)
        aqs.forget()
        assert (await store.ask()).stale
        clock.advance(5)
        await settle()
        assert aqs.requests == []
        assert not (await store.ask()).stale


async def test_slow__something_held(store: Store, clock: FakeClock) -> None:
    """When AQS is slow, what is held comes after a short wait, and the new numbers come later."""
    await store.ask()
    clock.advance(3 * HOUR)
    store.upstream.behave(aqs_faults.slow())
    store.restate("Strasbourg", {YESTERDAY: 77})
    assert (await store.ask()).stale
    store.upstream.recover()
    await settle()
    answer = await store.ask()
    assert (by_day(answer)[YESTERDAY].views, answer.stale) == (77, False)
    assert store.fetches("Strasbourg") == 2


@pytest.mark.parametrize(
    "fault", [aqs_faults.renamed(), aqs_faults.cut(), aqs_faults.of_other_article()], ids=str
)
async def test_invalid__something_held(
    store: Store, clock: FakeClock, fault: aqs_faults.Behaviour
) -> None:
    """An answer that is refused leaves what is held as it was."""
    good = await store.ask()
    clock.advance(3 * HOUR)
    store.upstream.behave(fault)
    answer = await store.ask()
    assert points_of(answer) == points_of(good)
    assert answer.stale


async def test_witness__down(store: Store) -> None:
    """Without the witness the numbers that AQS told are served, marked stale, the rest missing."""
    store.views("Quiet", {YESTERDAY: 3, YESTERDAY - timedelta(days=2): 4})
    store.upstream.behave(aqs_faults.failing(), when=of_witness)
    answer = await store.ask("Quiet", newest(3))
    assert [point.views for point in points_of(answer)] == [4, None, 3]
    assert points_of(answer)[1].status is DayStatus.MISSING
    assert (answer.stale, answer.complete_through) == (True, None)


async def test_witness__unknown(store: Store) -> None:
    """A witness that AQS does not know is as good as none: answers come, marked stale."""
    store.views("Main_Page", {}, project="en.wikipedia")
    assert (await store.ask()).stale
    with pytest.raises(UpstreamUnreachableError):
        await store.pageviews.calendar()


async def test_witness__down_later(store: Store, clock: FakeClock) -> None:
    """What the witness once showed goes on counting while it is down."""
    store.views("Quiet", {YESTERDAY - timedelta(days=8): 3})
    await store.ask("Quiet")
    store.upstream.behave(aqs_faults.failing(), when=of_witness)
    clock.advance(2 * HOUR)
    await store.ask("Quiet")
    clock.advance(11 * HOUR)
    answer = await store.ask("Quiet", newest(8))
    assert {point.status for point in points_of(answer)} == {DayStatus.ZERO}
    assert answer.stale


async def test_numbers__revised(store: Store, clock: FakeClock) -> None:
    """A number that Wikimedia restates is the one that is told after the next fetch."""
    day = YESTERDAY - timedelta(days=20)
    before = by_day(await store.ask())[day].views
    store.restate("Strasbourg", {day: 123_456})
    assert by_day(await store.ask())[day].views == before
    clock.advance(2 * HOUR)
    assert by_day(await store.ask())[day].views == 123_456


# Totals and lists


async def test_project__of_people(store: Store) -> None:
    """A project's sum over access and agents is its witness, that of people tells restatements."""
    query = SeriesQuery(Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER), LATEST)
    for _ in range(3):
        answer = await store.pageviews.project(query)
    assert answer.complete_through == YESTERDAY
    assert answer.summary.complete
    assert not answer.stale
    assert len(store.upstream.requests) == 3


ROWS = [("Accueil", 900), ("Spécial:Recherche", 800), ("Strasbourg", 800), ("AC/DC", 7)]


@pytest.mark.parametrize("back", [1, 2, 7])
async def test_top__newest_list(store: Store, back: int) -> None:
    """Where no day is named, the newest list of the last week is told."""
    day = TODAY - timedelta(days=back)
    store.upstream.set_top("fr.wikipedia", "all-access", day, ROWS)
    store.upstream.set_top("fr.wikipedia", "all-access", day - timedelta(days=1), [("Old", 1)])
    answer = await store.top()
    assert answer.date == day
    assert [(row.article, row.rank) for row in answer.items] == [
        ("Accueil", 1),
        ("Spécial:Recherche", 2),
        ("Strasbourg", 2),
        ("AC/DC", 4),
    ]
    assert store.upstream.count(of_top) == back
    await store.top()
    assert store.upstream.count(of_top) == back
    assert store.upstream.count(of_totals) == 1


async def test_top__settled(store: Store, clock: FakeClock) -> None:
    """A list is kept while its project's totals stay; once its day is restated, it is fetched."""
    store.upstream.set_top("fr.wikipedia", "all-access", YESTERDAY, ROWS)
    await store.top(YESTERDAY)
    clock.advance(6 * HOUR)
    answer = await store.top(YESTERDAY)
    assert (answer.stale, answer.checked_at) == (False, clock.now())
    assert store.upstream.count(of_top) == 1
    store.restate("Strasbourg", {YESTERDAY: 5})
    store.upstream.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Other", 1)])
    clock.advance(2 * HOUR)
    assert [row.article for row in (await store.top(YESTERDAY)).items] == ["Other"]
    assert store.upstream.count(of_top) == 2


async def test_top__newest_list_appears(store: Store, clock: FakeClock) -> None:
    """A day without a list yet is looked for again after ten minutes."""
    store.upstream.set_top("fr.wikipedia", "all-access", YESTERDAY - timedelta(days=1), ROWS)
    assert (await store.top()).date == YESTERDAY - timedelta(days=1)
    store.upstream.set_top("fr.wikipedia", "all-access", YESTERDAY, ROWS)
    clock.advance(599)
    assert (await store.top()).date == YESTERDAY - timedelta(days=1)
    clock.advance(1)
    assert (await store.top()).date == YESTERDAY


async def test_top__none_for_a_week(store: Store) -> None:
    """A list older than a week is not told as the newest."""
    store.upstream.set_top("fr.wikipedia", "all-access", TODAY - timedelta(days=8), ROWS)
    with pytest.raises(TopListNotFoundError, match="the last 7 days"):
        await store.top()


async def test_top__of_a_month(store: Store) -> None:
    """A month's list is told under its month."""
    store.upstream.set_top("fr.wikipedia", "all-access", "2026-10", ROWS)
    answer = await store.top(Month(date(2026, 10, 1)))
    assert (answer.month, answer.date, len(answer.items)) == ("2026-10", None, 4)


@pytest.mark.parametrize("period", [date(2016, 1, 1), Month(date(2016, 1, 1))], ids=str)
async def test_top__no_such_list(store: Store, period: date | Month) -> None:
    """A list that a known project lacks is told to be lacking."""
    with pytest.raises(TopListNotFoundError, match="2016-01"):
        await store.top(period)


async def test_top__stale(store: Store, clock: FakeClock) -> None:
    """A list that was told is told again while AQS fails."""
    store.upstream.set_top("fr.wikipedia", "all-access", YESTERDAY, ROWS)
    good = await store.top(YESTERDAY)
    store.upstream.behave(aqs_faults.failing())
    clock.advance(3 * HOUR)
    answer = await store.top(YESTERDAY)
    assert (answer.items, answer.stale, answer.checked_at) == (good.items, True, good.checked_at)


async def test_top__titles(store: Store) -> None:
    """A day's list is told by rank for the archive; nothing where there is no list."""
    store.upstream.set_top("fr.wikipedia", "all-access", YESTERDAY, ROWS)
    rows = await store.pageviews.observe_top("fr.wikipedia", YESTERDAY)
    assert [row.article for row in rows[:2]] == ["Accueil", "Spécial:Recherche"]
    assert await store.pageviews.observe_top("fr.wikipedia", date(2016, 1, 1)) == ()


async def test_observe_top__held_or_asked_after_everybody(store: Store) -> None:
    """A list that is held and current is told as it is; else it waits for its turn, and is kept."""
    store.upstream.set_top("fr.wikipedia", "all-access", YESTERDAY, ROWS)
    for _ in range(20):  # what the archive may ask in 10 seconds
        await store.pageviews.observe(of("Strasbourg"), newest(1))
    slept = len(store.clock.slept)
    rows = await store.pageviews.observe_top("fr.wikipedia", YESTERDAY)
    assert store.clock.slept[slept:] == [10.0]
    asked = store.upstream.count()

    assert await store.pageviews.observe_top("fr.wikipedia", YESTERDAY) == rows
    assert store.upstream.count() == asked


# For the archive


async def test_observe__anew(store: Store) -> None:
    """The archive asks anew for its very days, whatever is held, and callers are told the same."""
    await store.ask()
    store.views("Strasbourg", {YESTERDAY: 77})
    seen = await store.pageviews.observe(of("Strasbourg"), newest(2))
    assert [point.views for point in seen.days.points()] == [None, 77]
    assert not seen.no_data
    assert store.upstream.requests[-1].path.endswith("/2026112000/2026112100")
    assert by_day(await store.ask())[YESTERDAY].views == 77
    assert store.fetches("Strasbourg") == 2


async def test_observe__no_data(store: Store) -> None:
    """A 404 for all of its days is told to the archive as such."""
    seen = await store.pageviews.observe(of("No_such"), newest(5))
    assert seen.no_data
    assert {point.views for point in seen.days.points()} <= {0, None}


async def test_observe__fails(store: Store) -> None:
    """What cannot be observed now is an error, and no stale number."""
    await store.ask()
    store.upstream.behave(aqs_faults.failing())
    with pytest.raises(UpstreamError):
        await store.pageviews.observe(of("Strasbourg"), newest(5))
