"""What changed between two archives."""

from datetime import date

import pytest

from pageviews_api.archive.comparison import Comparison, compare
from pageviews_api.archive.document import differing_days
from pageviews_api.daterange import DateRange
from pageviews_api.schemas.archive_answers import ChangeKind, Elsewhere
from pageviews_api.schemas.pageviews import DayStatus
from tests.support.archives import Told, archive, series

EARLIER = date(2026, 11, 21)
LATER = date(2026, 11, 22)
CAT, DOG, EMU = series("Cat"), series("Dog"), series("Emu")


def compared(before: Told, after: Told) -> Comparison:
    """Compare two archives of consecutive days: of three days each, they share two."""
    return compare(archive(EARLIER, {CAT: before}), archive(LATER, {CAT: after}))


def changes(comparison: Comparison) -> list[tuple[int, int | None, int | None, ChangeKind]]:
    """Tell each changed day by its day of the month."""
    return [(one.day.day, one.before, one.after, one.kind) for one in comparison.changes]


def test_compare__nothing_changed() -> None:
    """The days that both tell of are compared, and those alone."""
    comparison = compared([1, 2, 3], [2, 3, 4])
    assert comparison.days == DateRange(date(2026, 11, 19), date(2026, 11, 20))
    assert comparison.compared == 1
    assert changes(comparison) == []
    assert comparison.only_in_earlier == comparison.only_in_later == ()


@pytest.mark.parametrize(
    ("before", "after", "expected", "change"),
    [
        (3, 5, ChangeKind.RESTATED, 2),
        (3, 0, ChangeKind.RESTATED, -3),
        (0, 3, ChangeKind.RESTATED, 3),
        (DayStatus.NOT_LOADED, 5, ChangeKind.LOADED, None),
        (DayStatus.MISSING, 0, ChangeKind.LOADED, None),
        (DayStatus.HOLE, 5, ChangeKind.LOADED, None),
        (3, DayStatus.HOLE, ChangeKind.WITHDRAWN, None),
        (0, DayStatus.NOT_LOADED, ChangeKind.WITHDRAWN, None),
    ],
)
def test_compare__changed(
    before: int | DayStatus, after: int | DayStatus, expected: ChangeKind, change: int | None
) -> None:
    """A number that differs is restated; one that came is loaded; one that went, withdrawn."""
    comparison = compared([1, 2, before], [2, after, 4])
    (one,) = comparison.changes
    assert (one.kind, one.change, one.day) == (expected, change, date(2026, 11, 20))
    assert comparison.kinds == {expected: 1}
    for told, views, status in (
        (before, one.before, one.before_status),
        (after, one.after, one.after_status),
    ):
        assert (views if isinstance(told, int) else status) == told


def test_compare__unknown_for_another_reason() -> None:
    """A day that is known to neither has not changed, whatever the reason."""
    assert changes(compared([1, 2, DayStatus.NOT_LOADED], [2, DayStatus.HOLE, 4])) == []


def test_compare__in_one_only() -> None:
    """A series that one archive lacks, or failed to get, stands apart, and changes nothing."""
    before = archive(EARLIER, {EMU: [1, 2, 3], CAT: [1, 2, 3]})
    after = archive(LATER, {EMU: None, CAT: [2, 3, 4], DOG: [7, 7, 7]})
    comparison = compare(before, after)
    assert comparison.changes == ()
    assert comparison.compared == 1
    assert comparison.only_in_earlier == ((EMU, Elsewhere.FAILED),)
    assert comparison.only_in_later == ((DOG, Elsewhere.ABSENT),)


def test_compare__failed_in_both() -> None:
    """A series that failed in both is told by neither."""
    comparison = compared(None, None)
    assert (comparison.compared, comparison.only_in_earlier, comparison.only_in_later) == (
        0,
        (),
        (),
    )


def test_compare__no_common_day() -> None:
    """Archives without a common day have series in common, and no changed day."""
    comparison = compare(
        archive(date(2026, 11, 1), {CAT: [1, 2, 3]}), archive(LATER, {CAT: [4, 5, 6]})
    )
    assert (comparison.days, comparison.compared, comparison.changes) == (None, 1, ())


def test_compare__windows_of_other_lengths() -> None:
    """Where one window holds the other, the shorter one is compared."""
    long = archive(LATER, {CAT: [1, 2, 3, 4, 5]}, length=5)
    short = archive(EARLIER, {CAT: [8]}, length=1)
    assert changes(compare(short, long)) == [(20, 8, 4, ChangeKind.RESTATED)]


def test_compare__order() -> None:
    """Changes are sorted as archives are, then by day."""
    total = series(None)
    before = archive(EARLIER, {one: [1, 1, 1] for one in (DOG, CAT, total)})
    after = archive(LATER, {one: [2, 2, 2] for one in (DOG, CAT, total)})
    told = [(one.series, one.day.day) for one in compare(before, after).changes]
    assert told == [(one, day) for one in (total, CAT, DOG) for day in (19, 20)]


def test_compare__agrees_with_the_archivers_own_count() -> None:
    """Of archives of one day, as many days differ as the archiver logs."""
    one = archive(LATER, {CAT: [1, 2, DayStatus.HOLE], DOG: [1, 1, 1]})
    other = archive(LATER, {CAT: [1, 3, 3], DOG: [1, 1, DayStatus.MISSING]})
    assert len(compare(one, other).changes) == differing_days(one, other) == 3
