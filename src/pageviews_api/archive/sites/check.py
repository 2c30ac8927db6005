"""What is wrong with an archive of the sites, beyond what every reader refuses. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import pairwise

from pageviews_api.archive.facts import Facts
from pageviews_api.archive.sites.document import SITES
from pageviews_api.daterange import ONE_DAY
from pageviews_api.schemas.site_archive import ArchivedSite, SitesDocument


def faults(day: date, body: bytes, notes: Mapping[str, str], *, today: date) -> list[str]:
    """Tell all that is wrong with the sites' archive of ``day``; ``notes`` are kept beside it.

    ``today`` is the UTC day on which it is asked: there is no archive of a later one.

    Raises
    ------
    ArchiveCorruptError
        It is no such archive, or one of another day.
    """
    document = SITES.decode(day, body)
    found = ["its day has not come"] if day > today else []
    found += _of_content(document)
    told = Facts.from_notes(notes)
    if told is not None and told != SITES.facts(document):
        found.append("what is told beside it is not what it holds")
    return found


def _of_content(document: SitesDocument) -> Iterator[str]:
    if document.window.end != document.day - ONE_DAY:
        yield f"its window ends on {document.window.end}, not the day before"
    if document.late is not (document.observed_on > document.day):
        yield "what it says of being late is not true of its dates"
    if document.complete and not document.sites:
        yield "it says that it is complete, and is not"
    if not _ascends(site.site for site in document.sites):
        yield "its sites are not in order, or one is told twice"
    for site in document.sites:
        yield from _of_site(site)


def _of_site(site: ArchivedSite) -> Iterator[str]:
    days = [one.date for one in site.days]
    if not _ascends(days):
        yield f"the days of {site.site} are not in order, or one is told twice"
    if not set(site.not_finished).isdisjoint(days):
        yield f"it tells a day of {site.site} that was not over"


def _ascends(values: Iterable[str] | Iterable[date]) -> bool:
    return all(one < other for one, other in pairwise(values))  # type: ignore[operator]  # of one kind
