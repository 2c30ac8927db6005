"""Archives for tests, put into a store as the archiver does."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from pageviews_api.archive.document import Archive, Record, order
from pageviews_api.archive.encoding import encode
from pageviews_api.archive.facts import Facts
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.days import Days
from pageviews_api.schemas.archive import ArchivedTop, Outcome
from pageviews_api.schemas.pageviews import DayPoint, DayStatus, RankedArticle
from pageviews_api.schemas.query import Access, Agent, Series

Told = Sequence[int | DayStatus] | None
"""For each day of the window a number, or why there is none; None for a series that failed."""


def series(article: str | None, project: str = "fr.wikipedia") -> Series:
    """Name a series."""
    return Series(project, Access.ALL_ACCESS, Agent.USER, article)


def archive(
    day: date,
    told: Mapping[Series, Told],
    *,
    length: int = 3,
    observed_on: date | None = None,
    complete: bool = True,
    top: Iterable[ArchivedTop] = (),
) -> Archive:
    """Make the archive of a day, whose window is the days before it."""
    window = DateRange(day - timedelta(days=length), day - ONE_DAY)
    return Archive(
        day=day,
        window=window,
        observed_on=observed_on or day,
        complete=complete,
        top=tuple(top),
        series={one: _record(window, told[one]) for one in sorted(told, key=order)},
    )


def top_list(
    day: date, *titles: str, project: str = "fr.wikipedia", outcome: Outcome = Outcome.OK
) -> ArchivedTop:
    """Make the top list of a day; the first title has rank 1 and 1,000 views, the next 999."""
    rows = enumerate(titles, start=1)
    return ArchivedTop(
        project=project,
        access=Access.ALL_ACCESS,
        date=day,
        outcome=outcome,
        reason="failed with status 500" if outcome is Outcome.FAILED else None,
        articles=tuple(
            RankedArticle(article=title, views=1001 - rank, rank=rank) for rank, title in rows
        ),
    )


async def put(store: ArchiveStore, *archives: Archive) -> None:
    """Store archives, each for a day that has none."""
    for one in archives:
        facts = Facts.of(one).as_notes()
        await store.create(one.day, encode(one), run_id="test", about=facts)


def _record(window: DateRange, told: Told) -> Record:
    if told is None:
        return Record(Outcome.FAILED, None, "failed with status 500")
    points = [_point(day, one) for day, one in zip(window, told, strict=True)]
    known = any(point.views for point in points)
    return Record(Outcome.OK if known else Outcome.NO_DATA, Days.of(points))


def _point(day: date, told: int | DayStatus) -> DayPoint:
    if isinstance(told, DayStatus):
        return DayPoint(date=day, views=None, status=told)
    return DayPoint(date=day, views=told, status=DayStatus.OK if told else DayStatus.ZERO)
