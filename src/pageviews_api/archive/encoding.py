"""An archive as bytes: one JSON document with one series, or one list, a line. Pure.

A line can be found and read by itself, so that telling one series does not take reading 10,000.
Equal archives have equal bytes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from pydantic import BaseModel

from pageviews_api.archive.document import Archive, Record
from pageviews_api.daterange import DateRange
from pageviews_api.days import Days
from pageviews_api.exceptions import ArchiveCorruptError, InvalidDateRangeError
from pageviews_api.schemas.archive import (
    ArchiveDocument,
    ArchivedSeries,
    ArchivedTop,
    ArchiveHeader,
    Outcome,
    Window,
)
from pageviews_api.schemas.query import Series

_TOP = b',"top":[\n'
_ITEMS = b'\n],"items":[\n'
_END = b"\n]}\n"
_NEXT = b",\n"

_OTHERS_ESCAPES = re.compile(rb"\\[u/]")
"""What no library must escape, and ours does not, control characters apart."""

_NOT_AS_WRITTEN = (InvalidDateRangeError, OverflowError, ValueError)
"""What reading something else comes to; a ValidationError is a ValueError."""


def encode(archive: Archive) -> bytes:
    """Write the archive's bytes."""
    header = _header(archive).model_dump_json().encode().removesuffix(b"}")
    top = _NEXT.join(map(_line, archive.top))
    items = _NEXT.join(_line(_item(*pair)) for pair in archive.series.items())
    return b"".join((header, _TOP, top, _ITEMS, items, _END))


def decode(day: date | None, body: bytes) -> Archive:
    """Read the archive of ``day``, or of whichever day.

    Raises
    ------
    ArchiveCorruptError
        It is no archive, or one of another day.
    """
    try:
        header, top, items = _read(body)
        window = _window(day, header)
        series = {_series(item): _record(item, window) for item in items}
    except _NOT_AS_WRITTEN as e:
        raise ArchiveCorruptError(f"the archive of {day} is no archive") from e
    return Archive(
        day=header.date,
        window=window,
        observed_on=header.observed_on,
        complete=header.complete,
        top=top,
        series=series,
    )


def series_in(day: date, body: bytes) -> Iterator[ArchivedSeries]:
    """Read the series of the archive of ``day`` one by one, as they are written.

    Raises
    ------
    ArchiveCorruptError
        It is no archive.
    """
    try:
        _, _, items = _read(body)
        yield from items
    except _NOT_AS_WRITTEN as e:
        raise ArchiveCorruptError(f"the archive of {day} is no archive") from e


def decode_without_series(day: date, body: bytes) -> Archive:
    """Read the archive of ``day`` as far as its top lists; its ``series`` are left out.

    Raises
    ------
    ArchiveCorruptError
        It is no archive, or one of another day.
    """
    head, found, _ = body.partition(_ITEMS)
    return decode(day, head + _ITEMS + _END) if found else decode(day, body)


def without_series(day: date, body: bytes) -> bytes:
    """Cut an archive down to its top lists, as an archive of its own.

    Raises
    ------
    ArchiveCorruptError
        It is no archive, or one of another day.
    """
    head, found, _ = body.partition(_ITEMS)
    return head + _ITEMS + _END if found else encode(replace(decode(day, body), series={}))


def decode_top(day: date, body: bytes, project: str) -> ArchivedTop | None:
    """Read a project's top list of what ``without_series`` gave; None if it is not in it.

    Raises
    ------
    ArchiveCorruptError
        It is no archive.
    """
    lists = body.partition(_TOP)[2].partition(_ITEMS)[0]
    begins = f'{{"project":"{project}",'.encode()
    line = next((line for line in _lines(lists) if line.startswith(begins)), None)
    try:
        return None if line is None else ArchivedTop.model_validate_json(line)
    except ValueError as e:  # a ValidationError is one
        raise ArchiveCorruptError(f"the archive of {day} is no archive") from e


def decode_series(day: date, body: bytes, series: Series) -> Record | None:
    """Read one series of the archive of ``day``; None if it is not in it.

    Raises
    ------
    ArchiveCorruptError
        It is no archive, or one of another day. Other series are not looked at.
    """
    head, items = body.find(_TOP), body.find(_ITEMS)
    if not (0 < head < items and body.endswith(_END)):
        return decode(day, body).series.get(series)
    try:
        window = _window(day, ArchiveHeader.model_validate_json(body[:head] + b"}"))
        start = body.find(b"\n" + _beginning(series), items) + 1
        if start:
            return _record(ArchivedSeries.model_validate_json(_line_at(body, start)), window)
        ours = _is_our_hand(body, items + len(_ITEMS))
    except _NOT_AS_WRITTEN as e:
        raise ArchiveCorruptError(f"the archive of {day} is no archive") from e
    return None if ours else decode(day, body).series.get(series)


def encode_series(series: Series, record: Record) -> bytes:
    """Write a series as it stands in an archive."""
    return _line(_item(series, record))


def _beginning(series: Series) -> bytes:
    """Write a series' line as far as no other has the same."""
    line = _line(_item(series, Record(Outcome.FAILED, None)))
    return line.partition(b',"outcome"')[0]  # in a title, a quotation mark is escaped


def _line_at(body: bytes, start: int) -> bytes:
    return body[start : body.index(b"\n", start)].removesuffix(b",")


def _is_our_hand(body: bytes, first: int) -> bool:
    """Tell whether series are written as we do, so that one that is not found is not there.

    Others put keys in another order, or escape more than they must.
    """
    if _OTHERS_ESCAPES.search(body):
        return False
    line = _line_at(body, first)
    return not line or line == _line(ArchivedSeries.model_validate_json(line))


def _window(day: date | None, header: ArchiveHeader) -> DateRange:
    if day is not None and header.date != day:
        raise ValueError(f"an archive of {header.date}")
    return DateRange(header.window.start, header.window.end)


def _line(model: BaseModel) -> bytes:
    return model.model_dump_json().encode()


def _header(archive: Archive) -> ArchiveHeader:
    return ArchiveHeader(
        date=archive.day,
        observed_on=archive.observed_on,
        late=archive.late,
        window=Window(start=archive.window.start, end=archive.window.end),
        complete=archive.complete,
    )


def _item(series: Series, record: Record) -> ArchivedSeries:
    return ArchivedSeries(
        project=series.project,
        article=series.article,
        access=series.access,
        agent=series.agent,
        outcome=record.outcome,
        reason=record.reason,
        listed_on=record.listed_on,
        points=tuple(record.days.points()) if record.days else (),
    )


def _series(item: ArchivedSeries) -> Series:
    return Series(item.project, item.access, item.agent, item.article)


def _record(item: ArchivedSeries, window: DateRange) -> Record:
    days = Days.of(item.points) if item.points else None
    if days and [point.date for point in item.points] != list(window):
        raise ValueError("points that are not the days of the window")
    return Record(item.outcome, days, item.reason, item.listed_on)


def _read(body: bytes) -> tuple[ArchiveHeader, tuple[ArchivedTop, ...], Iterable[ArchivedSeries]]:
    """Read line by line what we wrote, and as a whole what somebody wrote anew."""
    start, has_top, rest = body.partition(_TOP)
    top, has_items, items = rest.partition(_ITEMS)
    if not (has_top and has_items and items.endswith(_END)):
        document = ArchiveDocument.model_validate_json(body)
        header = ArchiveHeader(**document.model_dump(exclude={"top", "items"}))
        return header, document.top, document.items
    header = ArchiveHeader.model_validate_json(start + b"}")
    lists = tuple(map(ArchivedTop.model_validate_json, _lines(top)))
    return header, lists, map(ArchivedSeries.model_validate_json, _lines(items[: -len(_END)]))


def _lines(text: bytes) -> Iterator[bytes]:
    """Cut at line ends, one by one: a list of all would be as large as the text."""
    start = 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end].removesuffix(b",")
        start = end + 1
