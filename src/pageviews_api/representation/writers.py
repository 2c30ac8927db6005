"""Bytes of rows: CSV (RFC 4180) and one JSON object a line. Pure."""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

Value = str | int | float | bool | date | None
"""What a cell can hold; None is a number or a word that is not known. A ``datetime`` is a ``date``,
and in UTC."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet takes for a formula (OWASP, CSV Injection)."""

_BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for the machine's own encoding."""


def csv_lines(
    columns: Sequence[str], rows: Iterable[Sequence[Value]], *, for_excel: bool = False
) -> Iterator[bytes]:
    """Write a heading and rows, one piece each: UTF-8, CRLF, nothing where nothing is known.

    ``for_excel``: with a byte order mark, and an apostrophe before text that a spreadsheet would
    take for a formula.
    """
    line = io.StringIO(_BYTE_ORDER_MARK if for_excel else "")
    line.seek(0, io.SEEK_END)
    writer = csv.writer(line)
    for row in itertools.chain([columns], rows):
        cells = map(_cell, row)
        writer.writerow(map(_guarded, cells) if for_excel else cells)
        yield _taken(line)


def ndjson_lines(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[bytes]:
    """Write each row as an object in a line of its own; ``null`` where nothing is known."""
    for row in rows:
        yield json_line(dict(zip(columns, row, strict=True)))


def json_line(value: object) -> bytes:
    """Write a value compactly in one line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_time)
    return text.encode() + b"\n"


def _cell(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case date():
            return _time(value)
    return str(value)


def _time(value: date) -> str:
    """Write a day or an instant as in JSON answers: an instant ends with ``Z``."""
    text = value.isoformat()
    return text.replace("+00:00", "Z") if isinstance(value, datetime) else text


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _taken(line: io.StringIO) -> bytes:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text.encode()
