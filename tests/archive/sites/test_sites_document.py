"""What a document of the sites is: which days it holds, and which of two is better."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pageviews_api.archive.sites.document import (
    ObservedSite,
    build,
    decode,
    differing_days,
    encode,
    facts,
    finished_at,
    is_better,
    newest_finished,
    wanted_days,
)
from pageviews_api.clients.archive_store import sha256
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import ArchiveCorruptError
from pageviews_api.schemas.site_archive import SiteArchiveList, SiteOutcome, SitesDocument
from pageviews_api.schemas.site_metrics import Provider, SiteFigures

DAY = date(2026, 11, 22)
WINDOW = DateRange(date(2026, 11, 20), date(2026, 11, 21))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EARLY = datetime(2026, 11, 22, 4, 15, tzinfo=UTC)


UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True)
class Named:
    """A site by its name and zone."""

    name: str
    timezone: ZoneInfo = UTC_ZONE
    provider: Provider = Provider.PLAUSIBLE


BLOG, SHOP = Named("blog"), Named("shop")
ANGELES = Named("angeles", ZoneInfo("America/Los_Angeles"))


def told(views: Mapping[date, int], *, at: datetime = NOON) -> ObservedSite:
    """Tell so many views of each day."""
    return ObservedSite({day: figures(count) for day, count in views.items()}, at)


def figures(views: int) -> SiteFigures:
    """Make a day's figures out of its views."""
    return SiteFigures(
        visitors=None,
        visits=1,
        pageviews=views,
        bounce_rate=None,
        visit_duration=None,
        views_per_visit=float(views),
    )


def both(views: int, *, at: datetime = NOON) -> ObservedSite:
    """Tell so many views of every day of the window."""
    return told(dict.fromkeys(WINDOW, views), at=at)


def made(
    observed: Mapping[str, ObservedSite],
    *sites: Named,
    before: SitesDocument | None = None,
    today: date = DAY,
) -> SitesDocument:
    """Build the day's document."""
    return build(DAY, window=WINDOW, sites=sites, observed=observed, today=today, before=before)


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("UTC", date(2026, 11, 21), datetime(2026, 11, 22, 0, tzinfo=UTC)),
        ("Pacific/Auckland", date(2026, 11, 21), datetime(2026, 11, 21, 11, tzinfo=UTC)),
        ("America/Los_Angeles", date(2026, 11, 21), datetime(2026, 11, 22, 8, tzinfo=UTC)),
        # Clocks went back at 02:00: the day had 25 hours.
        ("America/Los_Angeles", date(2026, 11, 1), datetime(2026, 11, 2, 8, tzinfo=UTC)),
        # They went forward at 24:00: the next day has no midnight.
        ("America/Santiago", date(2026, 9, 5), datetime(2026, 9, 6, 4, tzinfo=UTC)),
        # They went back at 01:00: the next day has midnight twice, and begins with the first.
        ("America/Havana", date(2026, 10, 31), datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_finished_at__an_hour_after_the_end(zone: str, day: date, end: datetime) -> None:
    """A day is finished an hour after its end in its own zone, whatever clocks do there."""
    assert finished_at(day, ZoneInfo(zone)) == end + timedelta(hours=1)


@pytest.mark.parametrize(("minutes", "day"), [(59, date(2026, 11, 20)), (60, date(2026, 11, 21))])
def test_newest_finished__around_the_hour(minutes: int, day: date) -> None:
    """Up to an hour after midnight the day before is not finished."""
    now = datetime(2026, 11, 22, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    assert newest_finished(BLOG, now=now) == day


def test_build__all_told() -> None:
    """Where every site told every day, the document is complete, its sites by name."""
    document = made({"shop": both(2), "blog": both(1)}, SHOP, BLOG)
    assert document.complete
    assert not document.late
    assert [one.site for one in document.sites] == ["blog", "shop"]
    assert [[day.pageviews for day in one.days] for one in document.sites] == [[1, 1], [2, 2]]


def test_build__a_day_is_not_over() -> None:
    """A day that was not over when the provider was asked is left out, also if it was told."""
    document = made({"angeles": both(1, at=EARLY), "blog": both(1, at=EARLY)}, ANGELES, BLOG)
    angeles, blog = document.sites
    assert (angeles.outcome, angeles.not_finished) == (SiteOutcome.OK, (date(2026, 11, 21),))
    assert [day.date for day in angeles.days] == [date(2026, 11, 20)]
    assert len(blog.days) == 2
    assert not document.complete


def test_build__a_site_failed() -> None:
    """A site that failed says why, has no days, and leaves the document incomplete."""
    failed = ObservedSite(None, NOON, "was cut off")
    document = made({"blog": failed, "shop": both(1)}, BLOG, SHOP)
    blog, _ = document.sites
    assert (blog.outcome, blog.reason, blog.days) == (SiteOutcome.FAILED, "was cut off", ())
    assert not document.complete
    assert (facts(document).ok, facts(document).failed) == (1, 1)


def test_build__a_day_is_lacking() -> None:
    """A site that tells not every finished day failed: no number is made up."""
    document = made({"blog": told({WINDOW.start: 1})}, BLOG)
    assert document.sites[0].outcome is SiteOutcome.FAILED
    assert not document.complete


def test_build__keeps_what_was_settled() -> None:
    """What an earlier pass had of every day stays as it was; the rest is made better."""
    before = made({"blog": both(1, at=EARLY), "angeles": both(1, at=EARLY)}, BLOG, ANGELES)
    after = made({"blog": both(7), "angeles": both(7)}, BLOG, ANGELES, before=before)
    angeles, blog = after.sites
    assert [day.pageviews for day in blog.days] == [1, 1]
    assert [day.pageviews for day in angeles.days] == [7, 7]
    assert after.complete
    assert is_better(after, before)


def test_build__loses_nothing() -> None:
    """A site that fails in a later pass stays as the earlier one had it."""
    before = made({"angeles": both(1, at=EARLY)}, ANGELES)
    after = made({"angeles": ObservedSite(None, NOON, "was cut off")}, ANGELES, before=before)
    assert after == before
    assert not is_better(after, before)


def test_build__a_site_is_not_configured_any_more() -> None:
    """Its days stay, and nobody waits for the one that is lacking."""
    before = made({"angeles": both(1, at=EARLY), "blog": both(1, at=EARLY)}, ANGELES, BLOG)
    after = made({}, BLOG, before=before)
    assert [one.site for one in after.sites] == ["angeles", "blog"]
    assert after.complete
    assert is_better(after, before)


def test_build__observed_later() -> None:
    """A document that was fetched after its day says so."""
    later = NOON + timedelta(days=2)
    document = made({"blog": both(1, at=later)}, BLOG, today=later.date())
    assert (document.observed_on, document.late) == (date(2026, 11, 24), True)


def test_wanted_days__of_a_new_document() -> None:
    """All finished days of the window are wanted, and none that is not."""
    assert wanted_days(BLOG, WINDOW, None, now=EARLY) == WINDOW
    assert wanted_days(ANGELES, WINDOW, None, now=EARLY) == DateRange.only(WINDOW.start)
    long_before = datetime(2026, 11, 20, tzinfo=UTC)
    assert wanted_days(BLOG, WINDOW, None, now=long_before) is None


def test_wanted_days__nothing_to_add() -> None:
    """A site is asked again only when a day that was lacking is finished, or it had failed."""
    failed = ObservedSite(None, EARLY, "was cut off")
    before = made(
        {"angeles": both(1, at=EARLY), "blog": both(1, at=EARLY), "shop": failed},
        *(ANGELES, BLOG, SHOP),
    )
    nine = datetime(2026, 11, 22, 9, tzinfo=UTC)
    before_nine = nine - timedelta(seconds=1)
    assert wanted_days(ANGELES, WINDOW, before, now=before_nine) is None
    assert wanted_days(ANGELES, WINDOW, before, now=nine) == WINDOW
    assert wanted_days(BLOG, WINDOW, before, now=nine) is None
    assert wanted_days(SHOP, WINDOW, before, now=EARLY) == WINDOW


def test_is_better__never_than_a_complete_one() -> None:
    """A complete document is never replaced, an incomplete one never by as much or less."""
    complete = made({"blog": both(1)}, BLOG)
    more = made({"blog": both(2), "shop": both(2)}, BLOG, SHOP)
    less = made({"blog": both(1), "shop": told({})}, BLOG, SHOP)
    assert not is_better(more, complete)
    assert is_better(more, less)
    assert not is_better(less, less)


def test_is_better__never_without_a_site() -> None:
    """However many days it tells, a document does not replace one with days that it lacks."""
    failed, sites = told({}), (BLOG, SHOP, ANGELES)
    one = made({"blog": both(1), "shop": failed, "angeles": failed}, *sites)
    two = made({"blog": failed, "shop": both(1), "angeles": both(1)}, *sites)
    assert not is_better(two, one)
    assert is_better(made({"blog": both(2)}, *sites, before=two), one)


def test_differing_days__counts_each_day_of_each_site() -> None:
    """A day counts that is told differently, or by one of them only."""
    one = made({"blog": both(1), "shop": both(1)}, BLOG, SHOP)
    other = made({"blog": told({WINDOW.start: 1, WINDOW.end: 2})}, BLOG)
    assert differing_days(one, other) == 3
    assert differing_days(one, one) == 0


def test_encode__same_facts_same_bytes() -> None:
    """The bytes depend on the facts only; each site has a line, and they are read back equal."""
    document = made({"blog": both(1), "shop": both(1)}, BLOG, SHOP)
    again = made({"shop": both(1), "blog": both(1)}, SHOP, BLOG)
    body = encode(document)
    assert body == encode(again)
    assert [line[:8] for line in body.splitlines()] == [
        *(b'{"schema', b'{"site":', b'{"site":', b"]}")
    ]
    assert decode(DAY, body) == document


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"date":"2026-11-22"', b'"date":"2026-11-23"'),
        (b'"end":"2026-11-21"', b'"end":"2026-11-20"'),
        (b'"start":"2026-11-20"', b'"start":"2026-11-23"'),
        (b'"schema_version":1', b'"schema_version":2'),
        (b'"provider":"plausible"', b'"provider":"other"'),
        (b"]}\n", b"]"),
    ],
)
def test_decode__refuses(old: bytes, new: bytes) -> None:
    """What is no document of that day is corrupt."""
    body = encode(made({"blog": both(1)}, BLOG))
    assert old in body
    with pytest.raises(ArchiveCorruptError):
        decode(DAY, body.replace(old, new))


def test_examples__are_of_one_document() -> None:
    """What the list's example says of a document is true of the document that is the other one."""
    (example,) = SitesDocument.model_json_schema()["examples"]
    body = encode(SitesDocument.model_validate(example))
    (listed,) = SiteArchiveList.model_json_schema()["examples"]
    assert listed["items"][0]["size"] == len(body)
    assert listed["items"][0]["sha256"] == sha256(body)
