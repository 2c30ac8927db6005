"""A site in front of its provider: asked once for everybody, kept for a while, told stale."""

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pageviews_api.cache import Cache
from pageviews_api.clients import sites
from pageviews_api.clients.site_answers import series_of, summary_of
from pageviews_api.clients.sites import Keeping, Site, Sites, Told
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import (
    CircuitOpenError,
    UnknownSiteError,
    UpstreamFailedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
)
from pageviews_api.schemas.site_metrics import Interval, Provider, SiteFigures
from pageviews_api.schemas.site_query import SiteSeriesQuery, SiteSummaryQuery
from tests.support.clock import NOON, FakeClock, settle
from tests.support.fake_site import FakeSite, Visited

BERLIN = ZoneInfo("Europe/Berlin")

TODAY = date(2026, 11, 22)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

FAILED = UpstreamFailedError("plausible", "failed with status 500")


@pytest.fixture
def behind(clock: FakeClock) -> FakeSite:
    """Give a provider that counts a site in Berlin."""
    fake = FakeSite(clock, BERLIN.key)
    fake.days = {TODAY - timedelta(days=back): Visited(1, 1, 1) for back in range(40)}
    return fake


@pytest.fixture
async def cache(clock: FakeClock) -> AsyncIterator[Cache]:
    """Give a cache in which nobody waits for a refresh, and freshness is exact."""
    cache = Cache(max_bytes=1_000_000, wait=timedelta(0), clock=clock, jitter=lambda: 0.0)
    yield cache
    await cache.aclose()


def site_over(behind: FakeSite, cache: Cache, clock: FakeClock, identity: str = "1") -> Site:
    """Put a site in front of its provider."""
    return Site(
        "blog",
        behind,
        cache,
        clock=clock,
        timezone=BERLIN,
        keeping=Keeping(unsettled=timedelta(hours=26)),
        identity=identity,
    )


@pytest.fixture
def site(behind: FakeSite, cache: Cache, clock: FakeClock) -> Site:
    """Give that site."""
    return site_over(behind, cache, clock)


def day(back: int) -> date:
    """Name a day of the site, so many before today."""
    return TODAY - timedelta(days=back)


async def figures(site: Site, back: int) -> Told[SiteFigures]:
    """Ask for the figures of a week that ended so many days ago."""
    return await site.summary(day(back + 6), day(back))


async def test_every_question__once(site: Site, behind: FakeSite) -> None:
    """Each method passes its question on once, and tells the same the second time."""
    for _ in range(2):
        assert (await site.current_visitors()).value.visitors == 0
        assert (await figures(site, 1)).value.visits == 7
        points = (await site.timeseries(day(2), day(1), Interval.DAY)).value
        assert [point.start for point in points] == [day(2), day(1)]
        assert (await site.timeseries(day(2), day(1), Interval.DAY, path="/a?b")).value == points
        assert (await site.timeseries(day(2), day(1), Interval.MONTH)).value
        assert (await site.top_pages(day(2), day(1), 5)).value.items == []
        assert (await site.top_pages(day(2), day(1), 6)).value.items == []
    assert behind.asked == [
        "current",
        "summary 2026-11-15 2026-11-21",
        "timeseries day 2026-11-20 2026-11-21 None",
        "timeseries day 2026-11-20 2026-11-21 /a?b",
        "timeseries month 2026-11-20 2026-11-21 None",
        "pages 2026-11-20 2026-11-21 5",
        "pages 2026-11-20 2026-11-21 6",
    ]


async def test_callers__share_one_question(site: Site, behind: FakeSite) -> None:
    """A hundred callers at once are one question, and one of them leaving changes nothing."""
    told = await asyncio.gather(*(figures(site, 0) for _ in range(100)))
    assert len(behind.asked) == 1
    assert {one.value.visits for one in told} == {7}
    assert all(one.fetched and not one.stale for one in told)


@pytest.mark.parametrize(
    ("back", "seconds"),
    [
        (None, MINUTE),
        (0, 5 * MINUTE),
        (1, HOUR),
        (3, HOUR),
        (4, 24 * HOUR),
        (30, 24 * HOUR),
    ],
)
async def test_current__for_so_long(
    site: Site, behind: FakeSite, clock: FakeClock, back: int | None, seconds: float
) -> None:
    """How long an answer is current depends on how long the last of its days has been over."""
    clock.set(datetime(2026, 11, 22, 0, 0, 1, tzinfo=BERLIN).astimezone(UTC))

    async def ask() -> Told[object]:
        if back is None:
            return await site.current_visitors()  # type: ignore[return-value]  # as any
        return await figures(site, back)  # type: ignore[return-value]  # as any

    first = await ask()
    assert (first.fetched, first.left) == (True, timedelta(seconds=seconds))
    clock.advance(seconds - 1)
    again = await ask()
    assert (again.fetched, again.stale, again.left) == (False, False, timedelta(seconds=1))
    assert len(behind.asked) == 1
    clock.advance(1)
    await ask()
    await settle()
    assert len(behind.asked) == 2
    assert (await ask()).stale is False


async def test_midnight__ends_what_was_partial(
    site: Site, behind: FakeSite, clock: FakeClock
) -> None:
    """What was told of a day before it was over is not current when it is, however young."""
    clock.set(datetime(2026, 11, 22, 22, 59, 50, tzinfo=UTC))
    await figures(site, 0)
    await figures(site, 7)
    clock.advance(15)
    assert site.today() == date(2026, 11, 23)
    behind.error = FAILED
    told = await figures(site, 0)
    await settle()
    assert told.stale is True
    assert len(behind.asked) == 3
    answer = await summary_of(site, SiteSummaryQuery(DateRange(day(6), day(0)), compared=True))
    assert (answer.partial, answer.stale) == (True, True)
    assert answer.comparison is not None
    assert answer.comparison.current is None
    assert answer.comparison.reason == NOT_OVER
    behind.error = None
    clock.advance(31)
    await figures(site, 0)
    await settle()
    assert (await figures(site, 0)).stale is False


NOT_OVER = "The provider could not be asked since these days are over."


async def test_compare__with_a_day_held_since_it_went_on(
    site: Site, behind: FakeSite, clock: FakeClock
) -> None:
    """Nothing is compared with what was told of a day while it went on, whoever had asked."""
    clock.set(datetime(2026, 11, 22, 22, 30, tzinfo=UTC))
    went_on, yesterday = DateRange(day(0), day(0)), DateRange(day(-1), day(-1))

    async def ask(days: DateRange) -> None:
        await site.summary(days.start, days.end)
        await site.timeseries(days.start, days.end, Interval.DAY)

    await ask(went_on)
    clock.advance(25 * HOUR)
    await ask(yesterday)
    behind.error = FAILED
    summary = await summary_of(site, SiteSummaryQuery(yesterday, compared=True))
    assert summary.comparison is not None
    assert (summary.comparison.base, summary.comparison.reason) == (None, NOT_OVER)
    series = await series_of(site, SiteSeriesQuery(yesterday, Interval.DAY, compared=True))
    assert series.comparison is not None
    assert (series.comparison.items, series.comparison.reason) == ([], NOT_OVER)


async def test_midnight__passes_while_asking(
    site: Site, behind: FakeSite, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that was asked for on one day and came on the next is asked for once more."""
    clock.set(datetime(2026, 11, 22, 22, 59, 59, tzinfo=UTC))
    plain = behind.summary

    async def slow(start: date, end: date) -> SiteFigures:
        told = await plain(start, end)
        if len(behind.asked) == 1:
            clock.advance(2)
        return told

    monkeypatch.setattr(behind, "summary", slow)
    assert (await figures(site, 0)).stale is False
    assert len(behind.asked) == 2


@pytest.mark.parametrize(
    ("moment", "hours"),
    [
        (datetime(2026, 3, 29, tzinfo=BERLIN), 23),
        (datetime(2026, 10, 25, tzinfo=BERLIN), 25),
        (datetime(2026, 11, 22, tzinfo=BERLIN), 24),
    ],
)
async def test_day__has_23_to_25_hours(
    site: Site, clock: FakeClock, moment: datetime, hours: int
) -> None:
    """A day lasts from midnight to midnight of the site's own time, whatever the clocks do."""
    clock.set(moment.astimezone(UTC))
    assert (site.today(), site.ends_in()) == (moment.date(), timedelta(hours=hours))
    clock.advance(hours * HOUR - 1)
    assert (site.today(), site.ends_in()) == (moment.date(), timedelta(seconds=1))
    clock.advance(1)
    assert site.today() == moment.date() + timedelta(days=1)


async def test_day__without_a_midnight(cache: Cache, clock: FakeClock) -> None:
    """Where clocks go forward at midnight, the day before ends when they do."""
    behind = FakeSite(clock, "America/Santiago", Provider.MATOMO)
    site = Site(
        "shop",
        behind,
        cache,
        clock=clock,
        timezone=ZoneInfo("America/Santiago"),
        keeping=Keeping(unsettled=timedelta(hours=26)),
    )
    clock.set(datetime(2026, 9, 6, 3, 59, tzinfo=UTC))
    assert (site.today(), site.ends_in()) == (date(2026, 9, 5), timedelta(minutes=1))
    clock.advance(MINUTE)
    assert (site.today(), site.ends_in()) == (date(2026, 9, 6), timedelta(hours=23))


@pytest.mark.parametrize("error", [FAILED, UpstreamThrottledError("plausible", 600.0)])
async def test_stale__where_the_provider_fails(
    site: Site, behind: FakeSite, clock: FakeClock, error: UpstreamFailedError
) -> None:
    """What is held is told, and marked, for a while that depends on the days; then the error is."""
    old = [await figures(site, back) for back in (0, 1, 4)]
    await site.current_visitors()
    assert not any(one.stale for one in old)
    behind.error = error
    clock.advance(9 * MINUTE)
    assert (await site.current_visitors()).stale is True
    clock.advance(2 * MINUTE)
    with pytest.raises(type(error)):
        await site.current_visitors()
    clock.advance(25 * HOUR)
    for back in (0, 1, 4):
        told = await figures(site, back)
        assert (told.stale, told.fetched, told.left) == (True, False, timedelta(0))
        assert told.checked_at == NOON
    clock.advance(2 * HOUR)
    for back in (0, 1):
        with pytest.raises(type(error)):
            await figures(site, back)
    assert (await figures(site, 4)).stale is True


async def test_failure__is_not_asked_for_again_at_once(
    site: Site, behind: FakeSite, clock: FakeClock
) -> None:
    """What failed is left alone for half a minute, and then asked for again."""
    behind.error = FAILED
    for _ in range(20):
        with pytest.raises(UpstreamFailedError):
            await figures(site, 1)
    assert len(behind.asked) == 1
    clock.advance(31)
    behind.error = None
    assert (await figures(site, 1)).stale is False


async def test_mute__ends_in_time(
    site: Site, behind: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that never answers is given up, and counts as failing."""
    monkeypatch.setattr(sites, "WITHIN", 0.01)
    behind.mute = True
    with pytest.raises(UpstreamTimeoutError):
        await figures(site, 1)
    assert site.failing is True


async def test_mute__with_something_held(site: Site, behind: FakeSite, clock: FakeClock) -> None:
    """Who can be told something held does not wait for a provider that is mute (row E1)."""
    await figures(site, 1)
    behind.mute = True
    clock.advance(2 * HOUR)
    async with asyncio.timeout(60):
        assert (await figures(site, 1)).stale is True


async def test_end__in_the_midst_of_a_question(site: Site, behind: FakeSite, cache: Cache) -> None:
    """At the end a question under way is given up at once, and nothing is kept of it (row E4)."""
    behind.mute = True
    asking = asyncio.create_task(figures(site, 1))
    await settle()
    asking.cancel()
    async with asyncio.timeout(60):
        await cache.aclose()
    behind.mute = False
    assert (await figures(site, 1)).fetched is True
    assert len(behind.asked) == 2
    gc.collect()


async def test_failing__is_known_without_asking(site: Site, behind: FakeSite) -> None:
    """Whether a provider fails is known from the last question; not being asked tells nothing."""
    others = Sites([site])
    assert others.failing == 0
    behind.error = FAILED
    with pytest.raises(UpstreamFailedError):
        await site.check()
    assert others.failing == 1
    behind.error = CircuitOpenError("plausible", 10.0)
    with pytest.raises(CircuitOpenError):
        await site.check()
    assert others.failing == 1
    behind.error = None
    await site.check()
    assert others.failing == 0


async def test_identity__another_site_of_the_same_name(
    site: Site, behind: FakeSite, cache: Cache, clock: FakeClock
) -> None:
    """What was kept of one site is not told of another that got its name."""
    await figures(site, 1)
    await figures(site_over(behind, cache, clock, identity="2"), 1)
    assert len(behind.asked) == 2
    await figures(site_over(behind, cache, clock), 1)
    assert len(behind.asked) == 2


async def test_sites__by_name(site: Site) -> None:
    """A site is found by its exact name."""
    assert Sites([site]).names() == ("blog",)
    assert Sites([site]).site("blog") is site
    for name in ("Blog", "", "shop"):
        with pytest.raises(UnknownSiteError):
            Sites([site]).site(name)
