"""Both sides on one axis."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from pageviews_api.schemas.points import DayPoint, DayStatus
from pageviews_api.schemas.side_by_side import BothDays, SiteDayStatus
from pageviews_api.schemas.site_metrics import SitePoint
from pageviews_api.side_by_side.points import (
    both_days,
    known_of_article,
    known_of_site,
    summary_of,
)

BERLIN = ZoneInfo("Europe/Berlin")

FIRST = date(2026, 10, 23)


def site_days(*views: int | None, partial: bool = False) -> list[SitePoint]:
    """Give a site's days; None is one of which nothing is told."""
    days = [FIRST + timedelta(days=n) for n in range(len(views))]
    return [
        SitePoint(
            start=day,
            end=day,
            partial=partial,
            visitors=None,
            visits=0,
            pageviews=count,
            bounce_rate=None,
            visit_duration=None,
            views_per_visit=None,
        )
        for day, count in zip(days, views, strict=True)
        if count is not None
    ]


def article_days(*views: int | None) -> list[DayPoint]:
    """Give an article's days; None is one that was lost."""
    return [
        DayPoint(
            date=FIRST + timedelta(days=n),
            views=count,
            status=DayStatus.HOLE if count is None else DayStatus.OK,
        )
        for n, count in enumerate(views)
    ]


def both(article: list[DayPoint], site: list[SitePoint], *, today: int = 9) -> list[BothDays]:
    """Put them side by side; ``today`` is so many days after the first."""
    return both_days(article, site, zone=BERLIN, today=FIRST + timedelta(days=today))


def test_both_days__status() -> None:
    """A day is ok, zero, missing, or not over; each has its own hours and offset."""
    days = both(article_days(1, None, 3, 4, 5), site_days(7, 0, None, 2, 3), today=3)

    assert [(day.site_views, day.site_status) for day in days] == [
        (7, SiteDayStatus.OK),
        (0, SiteDayStatus.ZERO),
        (None, SiteDayStatus.MISSING),
        (2, SiteDayStatus.PARTIAL),
        (3, SiteDayStatus.PARTIAL),
    ]
    assert [day.article_status for day in days][:2] == [DayStatus.OK, DayStatus.HOLE]
    assert [day.site_day_hours for day in days] == [24, 24, 25, 24, 24]
    assert [day.site_utc_offset for day in days] == [*["+02:00"] * 3, *["+01:00"] * 2]


def test_both_days__told_before_it_was_over() -> None:
    """A day whose number was learned while it went on stays partial when it is over."""
    (day,) = both(article_days(1), site_days(7, partial=True))
    assert (day.site_views, day.site_status) == (7, SiteDayStatus.PARTIAL)


def test_both_days__begins_later() -> None:
    """A day of which no provider can tell yet is no missing one."""
    (day,) = both(article_days(1), [], today=0)
    assert (day.site_views, day.site_status) == (None, SiteDayStatus.PARTIAL)


def test_summary__common_days() -> None:
    """Sums are over the days that are over and of which both are known; zeros count."""
    days = both(article_days(1, None, 4, 8, 16, 32), site_days(7, 9, 0, None, 3, 5), today=5)

    told = summary_of(days)
    assert (told.site_views, told.article_views) == (7 + 0 + 3, 1 + 4 + 16)
    assert (told.days_common, told.days_in_range, told.complete) == (3, 6, False)
    assert summary_of(days[:1]).complete
    assert FIRST + timedelta(days=5) not in known_of_site(days)
    assert FIRST + timedelta(days=5) in known_of_article(days)


def test_summary__nothing_in_common() -> None:
    """Without a common day there is no sum, and least of all a zero."""
    told = summary_of(both(article_days(None, 4), site_days(3, None)))
    assert told.site_views is told.article_views is None
    assert (told.days_common, told.complete) == (0, False)
    assert not summary_of([]).complete
