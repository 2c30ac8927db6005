"""What a day's archive is: which days are due, what goes in, when it is better. Pure.

The contract is told in docs/archive.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.schemas.archive import (
    ArchiveDocument,
    ArchivedSeries,
    ConsultedList,
    Outcome,
    Window,
)
from pageviews_api.schemas.pageviews import DayPoint, DayStatus
from pageviews_api.schemas.query import Series

CATCH_UP_DAYS = 30
"""How far back a missed day is made up for."""

KEPT_AFTER_LISTED = timedelta(days=30)
"""How long an article stays archived after it left the top list."""

LIST_LOST_AFTER = timedelta(days=4)
"""How long after its day a top list is still waited for."""

_UNSETTLED = {DayStatus.NOT_LOADED, DayStatus.MISSING}


@dataclass(frozen=True, slots=True)
class Observed:
    """What came of asking for a series: points of some stretch of days, or why there are none.

    ``on`` is the UTC day on which it was asked.
    """

    points: Mapping[date, DayPoint]
    on: date
    reason: str | None = None


def days_due(
    held: Mapping[date, bool], *, first: date | None, today: date, today_due: bool
) -> list[date]:
    """Tell which days want archiving, newest first.

    ``held`` tells for each archived day of the last 30 whether nothing can be added to it;
    ``first`` is the first day ever archived. Due are the days of the last 30 that are missing or
    incomplete, from ``first`` on (a new archive does not begin in the past), and ``today`` if its
    time has come.
    """
    due = [today] if today_due and not held.get(today) else []
    if first is not None:
        past = (today - timedelta(days=back) for back in range(1, CATCH_UP_DAYS + 1))
        due += [day for day in past if day >= first and not held.get(day)]
    return due


def window_of(day: date, *, length: int) -> DateRange:
    """Tell the days that the archive of ``day`` covers: so many before it."""
    return DateRange.ending(day - ONE_DAY, days=length)


def is_settled(item: ArchivedSeries) -> bool:
    """Tell whether asking again could add nothing."""
    return item.outcome is not Outcome.FAILED and not any(
        point.status in _UNSETTLED for point in item.points
    )


def settled_series(document: ArchiveDocument | None) -> set[Series]:
    """Tell the series of an archive that need not be asked for again."""
    items = document.items if document else ()
    return {series_of(item) for item in items if is_settled(item)}


def series_of(item: ArchivedSeries) -> Series:
    """Tell whose numbers an item holds."""
    return Series(item.project, item.access, item.agent, item.article)


def build(
    day: date,
    *,
    window: DateRange,
    wanted: Mapping[Series, date | None],
    observed: Mapping[Series, Observed],
    lists: Iterable[ConsultedList],
    today: date,
    before: ArchiveDocument | None,
) -> ArchiveDocument:
    """Put an archive together from what was observed and what an earlier pass had.

    ``wanted`` tells for each series the day whose top list last named it, or None. What an
    earlier pass had settled stays as it was; nothing that it knew is lost.
    """
    known = [item for item in (before.items if before else ()) if item.points]
    items = {series_of(item): item for item in known}
    observed_on = before.observed_on if before else None
    for series, listed_on in wanted.items():
        earlier, seen = items.get(series), observed.get(series)
        if earlier is not None and (seen is None or seen.reason or is_settled(earlier)):
            continue
        items[series] = _item(series, window, seen, listed_on)
        if seen is not None:
            observed_on = max(observed_on or seen.on, seen.on)
    consulted = _better_lists(lists, before.lists if before else ())
    ordered = tuple(items[series] for series in sorted(items, key=_order))
    lists_settled = all(_is_list_settled(one, today=today) for one in consulted)
    return ArchiveDocument(
        date=day,
        observed_on=observed_on or today,
        late=(observed_on or today) > day,
        window=Window(start=window.start, end=window.end),
        complete=bool(ordered) and lists_settled and all(map(is_settled, ordered)),
        lists=consulted,
        items=ordered,
    )


def _better_lists(
    new: Iterable[ConsultedList], old: Iterable[ConsultedList]
) -> tuple[ConsultedList, ...]:
    """Take what was consulted now, but keep a list that was had once."""
    had = {(one.project, one.date): one for one in old if one.outcome is Outcome.OK}
    return tuple(had.get((one.project, one.date), one) for one in new) or tuple(old)


def _is_list_settled(consulted: ConsultedList, *, today: date) -> bool:
    """Tell whether asking again could add nothing. A list that is not there may come for days."""
    if consulted.outcome is Outcome.NO_DATA:
        return today - consulted.date > LIST_LOST_AFTER
    return consulted.outcome is Outcome.OK


def is_better(new: ArchiveDocument, old: ArchiveDocument) -> bool:
    """Tell whether ``new`` may replace ``old``: that is incomplete, and this tells more."""
    return not old.complete and (new.complete or known_days(new) > known_days(old))


def known_days(document: ArchiveDocument) -> int:
    """Count the days whose number the archive tells, over all its series."""
    return sum(point.views is not None for item in document.items for point in item.points)


def differing_days(one: ArchiveDocument, other: ArchiveDocument) -> int:
    """Count the days whose number two archives tell differently, or only one of them tells."""
    first, second = _numbers(one), _numbers(other)
    return sum(first.get(place) != second.get(place) for place in first.keys() | second.keys())


def encode(document: ArchiveDocument) -> bytes:
    """Write the archive's bytes; equal archives have equal bytes."""
    return document.model_dump_json().encode()


def _item(
    series: Series, window: DateRange, observed: Observed | None, listed_on: date | None
) -> ArchivedSeries:
    reason = observed.reason if observed else "was not asked for"
    points = () if observed is None or reason else tuple(observed.points[day] for day in window)
    seen = any(point.status is DayStatus.OK for point in points)
    return ArchivedSeries(
        project=series.project,
        article=series.article,
        access=series.access,
        agent=series.agent,
        outcome=Outcome.FAILED if reason else Outcome.OK if seen else Outcome.NO_DATA,
        reason=reason,
        listed_on=listed_on,
        points=points,
    )


def _numbers(document: ArchiveDocument) -> dict[tuple[Series, date], int]:
    return {
        (series_of(item), point.date): point.views
        for item in document.items
        for point in item.points
        if point.views is not None
    }


def _order(series: Series) -> tuple[str, str, str, str]:
    return series.project, series.article or "", series.access, series.agent
