"""What a day's archive is: what goes in, when it is complete, when it is better. Pure.

The contract is told in docs/archive.md. An archive of 10,000 series must fit into little memory:
here each series is two columns, not one object for each day.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pageviews_api.daterange import DateRange
from pageviews_api.days import Days
from pageviews_api.schemas.archive import ArchivedTop, Outcome
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Series

KEPT_AFTER_LISTED = timedelta(days=30)
"""How long an article stays archived after it left the top list."""

LIST_LOST_AFTER = timedelta(days=4)
"""How long after its day a top list is still waited for."""

_UNSETTLED = (DayStatus.NOT_LOADED, DayStatus.MISSING)


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of asking for a series: some stretch of days, or the reason why there is none.

    ``on`` is the UTC day on which it was asked.
    """

    days: Days | None
    on: date
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What an archive tells of a series; ``days`` is None where it ``failed``."""

    outcome: Outcome
    days: Days | None
    reason: str | None = None
    listed_on: date | None = None

    @property
    def is_settled(self) -> bool:
        """Whether asking again could add nothing."""
        return self.days is not None and not self.days.has(*_UNSETTLED)


@dataclass(frozen=True, slots=True)
class Archive:
    """The archive of ``day``: see ``ArchiveDocument``, which is how it is written.

    ``series`` are sorted by project, article, access and agent.
    """

    day: date
    window: DateRange
    observed_on: date
    complete: bool
    top: tuple[ArchivedTop, ...]
    series: Mapping[Series, Record]

    @property
    def late(self) -> bool:
        """Whether it was observed after its day."""
        return self.observed_on > self.day

    def outcomes(self) -> Counter[Outcome]:
        """Count the series by what came of them."""
        return Counter(record.outcome for record in self.series.values())

    def known_days(self) -> int:
        """Count the days whose number it tells, over all its series."""
        return sum(record.days.known() for record in self.series.values() if record.days)


def settled_series(archive: Archive | None) -> set[Series]:
    """Tell the series of an archive that need not be asked for again."""
    records = archive.series.items() if archive else ()
    return {series for series, record in records if record.is_settled}


def unsettled_series(archive: Archive | None) -> dict[Series, date | None]:
    """Tell the series that an archive has in part, with what it says of their lists.

    They are asked for again, also if they are no longer wanted: the archive keeps them.
    """
    records = archive.series.items() if archive else ()
    return {
        series: record.listed_on
        for series, record in records
        if record.days and not record.is_settled
    }


def build(
    day: date,
    *,
    window: DateRange,
    wanted: Mapping[Series, date | None],
    observed: Mapping[Series, Observed],
    top: Iterable[ArchivedTop],
    expected: Collection[str],
    today: date,
    before: Archive | None,
) -> Archive:
    """Put an archive together from what was observed and what an earlier pass had.

    ``wanted`` tells for each series the day whose top list last named it, or None. What an
    earlier pass had settled stays as it was; nothing that it knew is lost. ``expected`` are the
    projects whose top lists are waited for: one that is not there may come for days.
    """
    earlier = before.series.items() if before else ()
    records = {series: record for series, record in earlier if record.days}
    observed_on = before.observed_on if before else None
    for series, listed_on in wanted.items():
        known, seen = records.get(series), observed.get(series)
        if known is not None and (seen is None or seen.reason or known.is_settled):
            continue
        records[series] = _record(window, seen, listed_on, known)
        if seen is not None:
            observed_on = max(observed_on or seen.on, seen.on)
    had = before.top if before else ()
    lists = _better_lists(top, had)
    if observed_on is not None and any(one.articles for one in lists if one not in had):
        observed_on = max(observed_on, today)
    ordered = {series: records[series] for series in sorted(records, key=order)}
    lists_settled = all(
        _is_list_settled(one, expected=one.project in expected, today=today) for one in lists
    )
    settled = all(record.is_settled for record in ordered.values())
    return Archive(
        day=day,
        window=window,
        observed_on=observed_on or today,
        complete=bool(ordered) and lists_settled and settled,
        top=lists,
        series=ordered,
    )


def _better_lists(
    new: Iterable[ArchivedTop], old: Iterable[ArchivedTop]
) -> tuple[ArchivedTop, ...]:
    """Take what was asked now, but keep a list that was had once."""
    lists = {one.project: one for one in old}
    for one in new:
        before = lists.get(one.project)
        if before is None or before.outcome is not Outcome.OK:
            lists[one.project] = one
    return tuple(lists[project] for project in sorted(lists))


def _is_list_settled(top: ArchivedTop, *, expected: bool, today: date) -> bool:
    """Tell whether asking again could add nothing."""
    if top.outcome is Outcome.NO_DATA:
        return not expected or today - top.date > LIST_LOST_AFTER
    return top.outcome is Outcome.OK


def is_better(new: Archive, old: Archive) -> bool:
    """Tell whether ``new`` may replace ``old``: that is incomplete, and this tells more.

    It must not tell less of anything that is counted, be it complete or not.
    """
    if old.complete:
        return False
    days, days_before = new.known_days(), old.known_days()
    lists, lists_before = _lists_had(new), _lists_had(old)
    if days < days_before or lists < lists_before:
        return False
    return new.complete or days > days_before or lists > lists_before


def _lists_had(archive: Archive) -> int:
    return sum(one.outcome is Outcome.OK for one in archive.top)


def differing_days(one: Archive, other: Archive) -> int:
    """Count the days whose number two archives tell differently, or only one of them tells."""
    count = 0
    for series in one.series.keys() | other.series.keys():
        first, second = one.series.get(series), other.series.get(series)
        if first is None or second is None or first.days != second.days:
            mine, theirs = _numbers(first), _numbers(second)
            count += sum(mine.get(day) != theirs.get(day) for day in mine.keys() | theirs.keys())
    return count


def order(series: Series) -> tuple[str, str, str, str]:
    """Sort series as archives do."""
    return series.project, series.article or "", series.access, series.agent


def _record(
    window: DateRange, observed: Observed | None, listed_on: date | None, earlier: Record | None
) -> Record:
    if observed is None or observed.days is None:
        reason = (observed.reason if observed else None) or "was not asked for"
        return Record(Outcome.FAILED, None, reason, listed_on)
    days = observed.days.within(window)
    if earlier is not None and earlier.days is not None:
        days = days.filled(earlier.days)
    return Record(
        Outcome.OK if days.has(DayStatus.OK) else Outcome.NO_DATA, days, listed_on=listed_on
    )


def _numbers(record: Record | None) -> dict[date, int]:
    days = record.days if record else None
    numbers = ((day, days.view_of(day)) for day in days.range) if days else ()
    return {day: count for day, count in numbers if count is not None}
