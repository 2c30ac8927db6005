"""Days of a time zone: when one begins, and how long it is. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pageviews_api.daterange import ONE_DAY

_HOUR = timedelta(hours=1)


def hours_of(day: date, zone: ZoneInfo) -> int | float:
    """Tell how long a day is: 24 hours; 23 or 25 where clocks change; 23.5 or 24.5 on Lord Howe."""
    hours = (_begin(day + ONE_DAY, zone) - _begin(day, zone)) / _HOUR
    return int(hours) if hours.is_integer() else hours


def offset_of(day: date, zone: ZoneInfo) -> str:
    """Tell what a day's first moment is ahead of UTC, such as ``+01:00``.

    Where clocks go forward at midnight that moment is 01:00.
    """
    minutes = _minutes_ahead(_begin(day, zone).astimezone(zone))
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """Tell in UTC when a day begins: hours between local times would count the clock's hands.

    A midnight that is skipped is that moment all the same; of two, the first is meant (PEP 495).
    """
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _minutes_ahead(moment: datetime) -> int:
    ahead = moment.utcoffset()
    assert ahead is not None
    return ahead // timedelta(minutes=1)
