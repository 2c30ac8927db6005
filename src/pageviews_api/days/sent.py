"""What AQS itself tells of some days, for those who ask us in its stead. Pure."""

from collections.abc import Iterator
from datetime import date, timedelta

from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.days.block import ABSENT, Block
from pageviews_api.days.told import STATUSES, Days, known_counts
from pageviews_api.schemas.pageviews import DayStatus

_CODES = {status: STATUSES.index(status) for status in STATUSES}


def tell_as_sent(
    asked: DateRange, block: Block | None, *, newest: date, missing: DateRange | None
) -> Days:
    """Tell each asked day as AQS sent it, oldest first.

    A day that AQS left out has no number here and counts as ``not_loaded``: it does not tell why.
    Up to ``newest``, the newest day that is loaded, what the block does not cover is ``missing``,
    and so are days that were learned too long ago to be told.
    """
    views = known_counts(asked, block)
    codes = bytearray(_CODES[_status(count)] for count in views)
    for first, last in _unknown(asked, block, newest, missing):
        start, end = max((first - asked.start).days, 0), (last - asked.start).days + 1
        for offset in range(start, min(end, len(views))):
            views[offset], codes[offset] = ABSENT, _CODES[DayStatus.MISSING]
    return Days(asked.start, views, bytes(codes))


def numbers(days: Days) -> dict[date, int]:
    """Tell the days whose number is known, oldest first."""
    return {
        days.start + timedelta(days=offset): count
        for offset, count in enumerate(days.views)
        if count != ABSENT
    }


def _unknown(
    asked: DateRange, block: Block | None, newest: date, missing: DateRange | None
) -> Iterator[tuple[date, date]]:
    """Tell from which day to which one nothing is known that should be."""
    if block is None:
        yield asked.start, newest
    else:
        yield asked.start, min(block.days.start - ONE_DAY, newest)
        yield block.days.end + ONE_DAY, newest
    if missing is not None:
        yield missing.start, missing.end


def _status(count: int) -> DayStatus:
    if count == ABSENT:
        return DayStatus.NOT_LOADED
    return DayStatus.OK if count else DayStatus.ZERO
