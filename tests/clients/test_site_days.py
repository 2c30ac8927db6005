"""Days and months of a site, from our own calendar."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.clients.site_days import (
    Bucket,
    bounce_rate,
    buckets,
    figures,
    points,
    same_clock,
)
from pageviews_api.exceptions import InvalidDateRangeError
from pageviews_api.schemas.site_metrics import Interval

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@given(st.dates(date(2020, 1, 1), date(2028, 1, 1)), st.integers(1, 400), st.sampled_from(Interval))
def test_buckets__cover_each_day_once(start: date, length: int, interval: Interval) -> None:
    """The items of a series cover every day asked for, once and in order."""
    end = date.fromordinal(start.toordinal() + length - 1)
    asked = buckets(start, end, interval)
    covered = [
        ordinal
        for bucket in asked
        for ordinal in range(bucket.start.toordinal(), bucket.end.toordinal() + 1)
    ]
    assert covered == list(range(start.toordinal(), end.toordinal() + 1))
    same = {
        (bucket.start.year, bucket.start.month) == (bucket.end.year, bucket.end.month)
        for bucket in asked
    }
    assert same == {True}
    if interval is Interval.DAY:
        assert len(asked) == length


def test_buckets__end_before_start() -> None:
    """No days are no series."""
    with pytest.raises(InvalidDateRangeError):
        buckets(date(2026, 1, 2), date(2026, 1, 1), Interval.DAY)


@pytest.mark.parametrize(
    ("bucket", "interval", "partial"),
    [
        (Bucket(date(2026, 11, 21), date(2026, 11, 21)), Interval.DAY, False),
        (Bucket(date(2026, 11, 22), date(2026, 11, 22)), Interval.DAY, True),
        (Bucket(date(2026, 10, 1), date(2026, 10, 31)), Interval.MONTH, False),
        (Bucket(date(2026, 10, 1), date(2026, 10, 30)), Interval.MONTH, True),
        (Bucket(date(2026, 10, 2), date(2026, 10, 31)), Interval.MONTH, True),
        (Bucket(date(2024, 2, 1), date(2024, 2, 28)), Interval.MONTH, True),
        (Bucket(date(2026, 11, 1), date(2026, 11, 30)), Interval.MONTH, True),
    ],
)
def test_points__partial(bucket: Bucket, interval: Interval, partial: bool) -> None:
    """A day is partial until it is over, a month where it is not whole, too."""
    nothing = figures(visitors=0, visits=0, pageviews=0, bounce_rate=0, visit_duration=0)
    (point,) = points([(bucket, nothing)], interval, today=date(2026, 11, 22))
    assert point.partial is partial


@pytest.mark.parametrize(
    ("bounces", "visits", "rate"),
    [(1, 3, 33.33), (0, 3, 0), (3, 3, 100), (4, 3, 100), (0, 0, None), (None, 3, None)],
)
def test_bounce_rate__in_percent(bounces: int | None, visits: int, rate: float | None) -> None:
    """A rate is from 0 to 100, and none without a visit."""
    assert bounce_rate(bounces, visits) == rate


@pytest.mark.parametrize(
    ("name", "zone", "same"),
    [
        ("Europe/Berlin", "Europe/Paris", True),
        ("Africa/Abidjan", "UTC", True),
        ("Europe/London", "UTC", False),
        ("America/Santiago", "America/Havana", False),
        ("Nowhere", "UTC", False),
        ("America", "UTC", False),
    ],
)
def test_same_clock__all_year(name: str, zone: str, same: bool) -> None:
    """Zones are the same here if they show the same time all year."""
    assert same_clock(name, ZoneInfo(zone), near=NOW) is same
