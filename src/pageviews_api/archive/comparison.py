"""What changed between two archives. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from pageviews_api.archive.document import Archive, Record, order
from pageviews_api.daterange import DateRange
from pageviews_api.days import Days
from pageviews_api.schemas.archive_answers import ChangeKind, Elsewhere
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Series


@dataclass(frozen=True, slots=True)
class Change:
    """A day whose number differs; None where it is not known."""

    series: Series
    day: date
    before: int | None
    before_status: DayStatus
    after: int | None
    after_status: DayStatus

    @property
    def kind(self) -> ChangeKind:
        """Tell how it changed."""
        if self.before is None:
            return ChangeKind.LOADED
        return ChangeKind.WITHDRAWN if self.after is None else ChangeKind.RESTATED

    @property
    def change(self) -> int | None:
        """Tell by how much; None where either number is not known."""
        return None if self.before is None or self.after is None else self.after - self.before


Lone = tuple[Series, Elsewhere]
"""A series that one archive tells, and what the other has of it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two archives; lists are sorted as archives are, then by day.

    ``days`` are those that both tell of, None if there are none. ``compared`` counts the series
    that both tell.
    """

    days: DateRange | None
    compared: int
    changes: tuple[Change, ...]
    only_in_earlier: tuple[Lone, ...]
    only_in_later: tuple[Lone, ...]
    kinds: Counter[ChangeKind]


def compare(earlier: Archive, later: Archive) -> Comparison:
    """Tell what changed from ``earlier`` to ``later``: which was observed first.

    A series that failed in one of them is not told there. Top lists are not compared.
    """
    days = _common(earlier.window, later.window)
    pairs = [
        (series, before, after)
        for series, record in earlier.series.items()
        if (before := record.days) and (after := _days(later.series.get(series)))
    ]
    pairs.sort(key=lambda pair: order(pair[0]))
    changes = tuple(
        change
        for series, before, after in pairs
        for change in (_changes(series, before.within(days), after.within(days)) if days else ())
    )
    return Comparison(
        days=days,
        compared=len(pairs),
        changes=changes,
        only_in_earlier=tuple(_only_in(earlier, later)),
        only_in_later=tuple(_only_in(later, earlier)),
        kinds=Counter(change.kind for change in changes),
    )


def _common(one: DateRange, other: DateRange) -> DateRange | None:
    start, end = max(one.start, other.start), min(one.end, other.end)
    return DateRange(start, end) if start <= end else None


def _days(record: Record | None) -> Days | None:
    return record.days if record else None


def _changes(series: Series, before: Days, after: Days) -> Iterator[Change]:
    if before.views == after.views:  # so it is nearly always, and the columns tell it at once
        return
    for day in before.range:
        was, now = before.view_of(day), after.view_of(day)
        if was != now:
            yield Change(series, day, was, before.status_of(day), now, after.status_of(day))


def _only_in(one: Archive, other: Archive) -> Iterable[Lone]:
    """Tell the series of which only ``one`` tells days, sorted."""
    lone = [
        (series, Elsewhere.FAILED if series in other.series else Elsewhere.ABSENT)
        for series, record in one.series.items()
        if record.days and not _days(other.series.get(series))
    ]
    return sorted(lone, key=lambda pair: order(pair[0]))
