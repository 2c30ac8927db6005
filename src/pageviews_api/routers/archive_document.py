"""A whole archive on its way: piece by piece, as long as each is taken in time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import chain, islice

from pageviews_api.archive.encoding import series_in
from pageviews_api.archive.index import Entry
from pageviews_api.archive.reader import ReadArchive
from pageviews_api.dependencies.reply import AskedForm
from pageviews_api.representation.freshness import FOR_A_DAY, FOR_A_MINUTE
from pageviews_api.representation.tables import ARCHIVED, Table, archived_rows
from pageviews_api.routers.streaming import StreamTakenInTime
from pageviews_api.schemas.query import Format

PIECE = 64 * 1024
"""Bytes of a document that are sent, and compressed, at a time: about a millisecond's work."""

PIECE_OF_ROWS = 200
"""Rows that are written at a time: about two milliseconds' work."""


class DocumentResponse(StreamTakenInTime):
    """An archive, as it was written or as rows; who is too slow gets a broken connection."""

    def __init__(self, read: ReadArchive, form: AskedForm) -> None:
        headers = document_headers(read.entry, form)
        if form.format is Format.JSON:
            length = {"Content-Length": str(len(read.body))}
            super().__init__(_pieces(read.body), headers=headers | length)
        else:
            rows = chain.from_iterable(map(archived_rows, series_in(read.entry.day, read.body)))
            lines = form.lines(Table(_name(read.entry), ARCHIVED, rows))
            super().__init__(_pieces_of_rows(lines), headers=headers)


def document_headers(entry: Entry, form: AskedForm) -> dict[str, str]:
    """Tell what a response in this form says of an archive, with or without a body.

    The ``ETag`` names the content: weakly, for it is the same however it is compressed.
    """
    is_json = form.format is Format.JSON
    headers = form.headers(None if is_json else _name(entry))
    kind = "" if is_json else f"-{form.format}{'-excel' * form.excel}"
    return headers | {
        "Cache-Control": FOR_A_DAY if entry.facts.complete else FOR_A_MINUTE,
        "ETag": f'W/"{entry.sha256}{kind}"',
    }


def _name(entry: Entry) -> str:
    return f"archive_{entry.day}"


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]
        await asyncio.sleep(0)  # a piece is compressed on the loop: now it is somebody else's turn


async def _pieces_of_rows(lines: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := b"".join(islice(lines, PIECE_OF_ROWS)):
        yield piece
        await asyncio.sleep(0)  # as above
