"""Archives for tests of the archive itself: small ones of a few series, as columns."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from pageviews_api.archive.document import Archive, Record, order
from pageviews_api.archive.encoding import encode
from pageviews_api.archive.facts import Facts
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.daterange import DateRange
from pageviews_api.days import Days
from pageviews_api.schemas.archive import ArchivedTop, Outcome
from pageviews_api.schemas.pageviews import DayPoint, DayStatus
from pageviews_api.schemas.query import Access, Agent, Series
from pageviews_api.schemas.top import RankedArticle

Views = Sequence[int | DayStatus]
"""One for each day of a window: a number, or why there is none."""


def series_of(article: str | None, project: str = "en.wikipedia") -> Series:
    """Name a series."""
    return Series(project, Access.ALL_ACCESS, Agent.USER, article)


def record_of(window: DateRange, views: Views, listed_on: date | None = None) -> Record:
    """Make a record of a window's days."""
    points = [
        DayPoint(date=day, views=None, status=one)
        if isinstance(one, DayStatus)
        else DayPoint(date=day, views=one, status=DayStatus.OK if one else DayStatus.ZERO)
        for day, one in zip(window, views, strict=True)
    ]
    told = any(point.views for point in points)
    return Record(Outcome.OK if told else Outcome.NO_DATA, Days.of(points), listed_on=listed_on)


def top_of(
    day: date, *titles: str, project: str = "en.wikipedia", outcome: Outcome = Outcome.OK
) -> ArchivedTop:
    """Make a top list, its articles by rank."""
    rows = (
        RankedArticle(article=title, views=1000 - rank, rank=rank)
        for rank, title in enumerate(titles, start=1)
    )
    return ArchivedTop(
        project=project,
        access=Access.ALL_ACCESS,
        date=day,
        outcome=outcome,
        reason="was cut off" if outcome is Outcome.FAILED else None,
        articles=tuple(rows),
    )


def archive_of(
    day: date,
    views: Mapping[str, Views],
    *,
    observed_on: date | None = None,
    complete: bool = True,
    top: Sequence[ArchivedTop] = (),
) -> Archive:
    """Make the archive of a day out of the numbers of its articles, all of the same length."""
    length = max(map(len, views.values()), default=1)
    window = DateRange(day - timedelta(days=length), day - timedelta(days=1))
    records = {series_of(title): record_of(window, numbers) for title, numbers in views.items()}
    return Archive(
        day=day,
        window=window,
        observed_on=observed_on or day,
        complete=complete,
        top=tuple(top),
        series={series: records[series] for series in sorted(records, key=order)},
    )


async def put(store: ArchiveStore, archive: Archive) -> bytes:
    """Store an archive as the job does, in place of what is there; give its bytes."""
    body, about = encode(archive), Facts.of(archive).as_notes()
    there = await store.read(archive.day)
    if there is None:
        await store.create(archive.day, body, run_id="test", about=about)
    else:
        await store.replace(archive.day, body, run_id="test", version=there.version, about=about)
    return body
