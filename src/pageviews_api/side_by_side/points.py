"""A site's days and an article's on one axis. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from pageviews_api.schemas.points import DayPoint
from pageviews_api.schemas.side_by_side import BothDays, BothSummary, SiteDayStatus
from pageviews_api.schemas.site_metrics import SitePoint
from pageviews_api.side_by_side.site_days import hours_of, offset_of


def both_days(
    article: Iterable[DayPoint], site: Iterable[SitePoint], *, zone: ZoneInfo, today: date
) -> list[BothDays]:
    """Put beside each of an article's days the site's of the same date.

    ``today`` is the site's: from it on no day is over. Of what ``site`` lacks, no number is known.
    """
    told = {point.start: point for point in site}
    return [_both(point, told.get(point.date), zone, today) for point in article]


def summary_of(days: Sequence[BothDays]) -> BothSummary:
    """Add up both sides over the days that are over, and of which both are known."""
    site, article = known_of_site(days), known_of_article(days)
    common = site.keys() & article.keys()
    return BothSummary(
        site_views=sum(site[day] for day in common) if common else None,
        article_views=sum(article[day] for day in common) if common else None,
        days_common=len(common),
        days_in_range=len(days),
        complete=len(common) == len(days) > 0,
    )


def known_of_site(days: Iterable[BothDays]) -> dict[date, int]:
    """Tell the site's views of the days that are over, and whose number is known."""
    return {
        day.date: day.site_views
        for day in days
        if day.site_views is not None and day.site_status is not SiteDayStatus.PARTIAL
    }


def known_of_article(days: Iterable[BothDays]) -> dict[date, int]:
    """Tell the article's views of the days whose number is known."""
    return {day.date: day.article_views for day in days if day.article_views is not None}


def _both(article: DayPoint, site: SitePoint | None, zone: ZoneInfo, today: date) -> BothDays:
    return BothDays(
        date=article.date,
        site_views=site.pageviews if site else None,
        site_status=_status(article.date, site, today),
        article_views=article.views,
        article_status=article.status,
        site_day_hours=hours_of(article.date, zone),
        site_utc_offset=offset_of(article.date, zone),
    )


def _status(day: date, site: SitePoint | None, today: date) -> SiteDayStatus:
    # A day that is over by now may have been told before it was, and be held since.
    if day >= today or (site and site.partial):
        return SiteDayStatus.PARTIAL
    if site is None:
        return SiteDayStatus.MISSING
    return SiteDayStatus.OK if site.pageviews else SiteDayStatus.ZERO
