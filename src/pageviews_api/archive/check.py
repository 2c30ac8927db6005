"""What is wrong with an archive, beyond what every reader refuses. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise

from pageviews_api.archive.document import Archive, order
from pageviews_api.archive.encoding import decode, encode
from pageviews_api.archive.facts import Facts
from pageviews_api.daterange import ONE_DAY
from pageviews_api.schemas.archive import ArchiveDocument, Outcome
from pageviews_api.schemas.query import Series


def faults(day: date, body: bytes, notes: Mapping[str, str], *, today: date) -> list[str]:
    """Tell all that is wrong with the archive of ``day``; ``notes`` are kept beside it.

    ``today`` is the UTC day on which it is asked: there is no archive of a later one.

    Raises
    ------
    ArchiveCorruptError
        It is no archive, or one of another day.
    """
    archive = decode(day, body)
    found = ["its day has not come"] if day > today else []
    found += _of_content(archive)
    if encode(archive) != body:  # somebody wrote it anew: what it says may still be right
        found += _of_order(ArchiveDocument.model_validate_json(body), archive)
    told = Facts.from_notes(notes)
    if told is not None and told != Facts.of(archive):
        found.append("what is told beside it is not what it holds")
    return found


def _of_content(archive: Archive) -> Iterator[str]:
    if archive.window.end != archive.day - ONE_DAY:
        yield f"its window ends on {archive.window.end}, not the day before"
    if any(one.date != archive.day - ONE_DAY for one in archive.top):
        yield "it holds a top list of another day"
    failed = any(one.outcome is Outcome.FAILED for one in archive.top)
    unsettled = any(not record.is_settled for record in archive.series.values())
    if archive.complete and (failed or unsettled):
        yield "it says that it is complete, and is not"


def _of_order(document: ArchiveDocument, archive: Archive) -> Iterator[str]:
    names = [
        order(Series(item.project, item.access, item.agent, item.article))
        for item in document.items
    ]
    if len(set(names)) < len(names):
        yield "it tells a series twice"
    elif any(one > other for one, other in pairwise(names)):
        yield "its items are not in order"
    if document.late is not archive.late:
        yield "what it says of being late is not true of its dates"
