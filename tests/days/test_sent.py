"""Days as AQS sent them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from pageviews_api.daterange import DateRange
from pageviews_api.days import Block, numbers, tell_as_sent
from pageviews_api.schemas.pageviews import DayStatus

FIRST = date(2026, 11, 1)
ASKED = DateRange(FIRST, FIRST + timedelta(days=4))
LEARNED = datetime(2026, 11, 20, tzinfo=UTC)


def day(number: int) -> date:
    """Name a day of November."""
    return date(2026, 11, number)


def block(start: int, end: int, views: dict[int, int]) -> Block:
    """Learn some days of November."""
    days = DateRange(day(start), day(end))
    return Block.learned(days, {day(number): count for number, count in views.items()}, LEARNED)


@pytest.mark.parametrize(
    ("known", "newest", "too_old", "told"),
    [
        (block(1, 5, {1: 7, 2: 0, 5: 9}), 5, None, "7 zero - - 9"),
        (block(1, 5, {1: 7, 2: 0, 5: 9}), 5, (4, 9), "7 zero - ? ?"),
        (block(2, 3, {2: 1}), 5, None, "? 1 - ? ?"),
        (block(2, 3, {2: 1}), 3, None, "? 1 - - -"),
        (block(1, 9, {9: 1}), 9, None, "- - - - -"),
        (None, 2, None, "? ? - - -"),
        (None, 2, (2, 4), "? ? ? ? -"),
        (None, 0, None, "- - - - -"),
    ],
)
def test_tell_as_sent__each_day(
    known: Block | None, newest: int, too_old: tuple[int, int] | None, told: str
) -> None:
    """Left out is what AQS left out; missing, what should be known and is not, or was too long ago.

    A zero that AQS sent is told as zero, one that it left out is not.
    """
    last = FIRST + timedelta(days=newest - 1)
    span = DateRange(day(too_old[0]), day(too_old[1])) if too_old else None
    days = tell_as_sent(ASKED, known, newest=last, missing=span)
    words = {"-": DayStatus.NOT_LOADED, "?": DayStatus.MISSING, "zero": DayStatus.ZERO}
    assert [point.status for point in days.points()] == [
        words.get(word, DayStatus.OK) for word in told.split()
    ]
    counts = {"zero": 0, "-": None, "?": None}
    expected = [counts[word] if word in counts else int(word) for word in told.split()]
    assert [point.views for point in days.points()] == expected
    by_day = dict(zip(ASKED, expected, strict=True))
    assert numbers(days) == {one: count for one, count in by_day.items() if count is not None}
