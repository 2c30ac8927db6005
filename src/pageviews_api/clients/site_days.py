"""The days and months of a site's series, from our own calendar. Pure.

They are dates in the site's own time zone, and never so many seconds: a day there has 23 to 25
hours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pageviews_api.daterange import DateRange, month_end
from pageviews_api.schemas.site_metrics import Interval, SiteFigures, SitePoint
from pageviews_api.series.ratios import percent, ratio


@dataclass(frozen=True, slots=True)
class Bucket:
    """The days that one item of a series covers, both included."""

    start: date
    end: date

    @property
    def is_whole_month(self) -> bool:
        """Whether these are all days of a month."""
        return self.start.day == 1 and self.end == month_end(self.start)


def buckets(start: date, end: date, interval: Interval) -> list[Bucket]:
    """Tell the days, or the months as far as they lie within, oldest first.

    Raises
    ------
    InvalidDateRangeError
        ``start`` is after ``end``.
    """
    days = DateRange(start, end)
    if interval is Interval.DAY:
        return [Bucket(day, day) for day in days]
    firsts = [day for day in days if day.day == 1 or day == start]
    return [Bucket(first, min(month_end(first), end)) for first in firsts]


def points(
    told: Iterable[tuple[Bucket, SiteFigures]], interval: Interval, *, today: date
) -> tuple[SitePoint, ...]:
    """Put figures to their days; ``partial`` where a bucket is not over, or not a whole month."""
    return tuple(
        SitePoint(
            **dict(figures),
            start=bucket.start,
            end=bucket.end,
            partial=bucket.end >= today
            or (interval is Interval.MONTH and not bucket.is_whole_month),
        )
        for bucket, figures in told
    )


def figures(
    *,
    visitors: int | None,
    visits: int,
    pageviews: int,
    bounce_rate: float | None,
    visit_duration: float | None,
) -> SiteFigures:
    """Make figures of what was counted; without a visit there are no ratios."""
    return SiteFigures(
        visitors=visitors,
        visits=visits,
        pageviews=pageviews,
        bounce_rate=bounce_rate if visits else None,
        visit_duration=visit_duration if visits else None,
        views_per_visit=ratio(pageviews, visits, of=1, digits=2),
    )


def bounce_rate(bounces: int | None, visits: int | None) -> float | None:
    """Tell the bounces in percent of the visits; None without a visit, or where one is unknown."""
    rate = percent(bounces, visits)
    return None if rate is None else min(rate, 100.0)


def same_clock(name: str, timezone: ZoneInfo, *, near: datetime) -> bool:
    """Tell whether a zone shows the same time as ours, all through the year around ``near``.

    Zones have several names (``Europe/Kiev``, ``Europe/Kyiv``). One that is no name is not ours.
    """
    try:
        theirs = ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: some names lead to a folder
        return False
    weeks = (near + timedelta(weeks=number) for number in range(-26, 27))
    return all(
        week.astimezone(theirs).utcoffset() == week.astimezone(timezone).utcoffset()
        for week in weeks
    )
