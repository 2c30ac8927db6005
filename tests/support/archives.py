"""Archives for tests, put into a store as the archiver does."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from pageviews_api.archive.document import Archive, Record, order
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.schemas.archive import ArchivedTop, Outcome
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Access, Series
from pageviews_api.schemas.top import RankedArticle
from tests.support import small_archives
from tests.support.small_archives import record_of, series_of

Told = Sequence[int | DayStatus] | None
"""For each day of the window a number, or why there is none; None for a series that failed."""


def series(article: str | None, project: str = "fr.wikipedia") -> Series:
    """Name a series."""
    return series_of(article, project)


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
    """Store archives, each in place of what is there."""
    for one in archives:
        await small_archives.put(store, one)


def _record(window: DateRange, told: Told) -> Record:
    if told is None:
        return Record(Outcome.FAILED, None, "failed with status 500")
    return record_of(window, told)
