"""Bytes of rows."""

import csv
import io
import json
from datetime import UTC, date, datetime

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.representation.writers import Value, csv_lines, ndjson_lines

COLUMNS = ("article", "date", "views", "partial")

ROWS: list[list[Value]] = [
    ["AC/DC", date(2016, 12, 31), 3, False],
    ['Comma, "quote"\nand line', date(2017, 1, 1), None, True],
    ["星野源", None, 0, None],
]

values = st.none() | st.integers() | st.booleans() | st.dates() | st.text()


def written(*, for_excel: bool = False) -> str:
    """Write the rows as one text."""
    return b"".join(csv_lines(COLUMNS, ROWS, for_excel=for_excel)).decode()


def test_csv__as_the_rfc_has_it() -> None:
    """Lines end with CRLF, what holds a comma or a quote is quoted, what is not known is empty."""
    assert written() == (
        "article,date,views,partial\r\n"
        "AC/DC,2016-12-31,3,false\r\n"
        '"Comma, ""quote""\nand line",2017-01-01,,true\r\n'
        "星野源,,0,\r\n"
    )


def test_csv__as_pandas_reads_it() -> None:
    """Pandas reads back what was written: text, days, numbers, and what is not known."""
    frame = pd.read_csv(io.StringIO(written()), parse_dates=["date"])
    assert list(frame["article"]) == [row[0] for row in ROWS]
    assert list(frame["date"].dt.date)[:2] == [date(2016, 12, 31), date(2017, 1, 1)]
    assert list(frame["views"].isna()) == [False, True, False]


@given(st.lists(st.lists(values, min_size=3, max_size=3)))
def test_csv__any_values(rows: list[list[Value]]) -> None:
    """Whatever the cells hold, an independent reader finds as many rows and columns."""
    text = b"".join(csv_lines(("a", "b", "c"), rows)).decode("utf-8", "surrogatepass")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert [len(row) for row in read] == [3] * (len(rows) + 1)


def test_instants__as_in_json() -> None:
    """An instant is written as JSON answers write it, in CSV and in NDJSON."""
    rows: list[list[Value]] = [[datetime(2017, 1, 1, 10, tzinfo=UTC)]]
    assert list(csv_lines(("checked_at",), rows))[1] == b"2017-01-01T10:00:00Z\r\n"
    assert list(ndjson_lines(("checked_at",), rows)) == [b'{"checked_at":"2017-01-01T10:00:00Z"}\n']


def test_csv__without_rows() -> None:
    """A table without rows has its heading."""
    assert list(csv_lines(COLUMNS, [])) == [b"article,date,views,partial\r\n"]


def test_csv__for_spreadsheets() -> None:
    """Text that looks like a formula is made text; numbers stay numbers, and Excel sees UTF-8."""
    cells: list[Value] = ["=1+1", "+x", "-x", "@x", "\tx", "\rx", "a=b", -5, 0.5]
    lines = b"".join(csv_lines(("=HYPERLINK()", "b"), [[one, 1] for one in cells], for_excel=True))
    assert lines.startswith(b"\xef\xbb\xbf'=HYPERLINK(),b\r\n")
    read = list(csv.reader(io.StringIO(lines.decode("utf-8-sig"), newline="")))[1:]
    assert [row[0] for row in read] == [
        *("'=1+1", "'+x", "'-x", "'@x", "'\tx", "'\rx"),
        *("a=b", "-5", "0.5"),
    ]


def test_csv__is_as_it_is_where_nobody_asks() -> None:
    """Without being asked for, no title is changed: pandas wants them as they are."""
    assert list(csv_lines(("article",), [["=1+1"]]))[1] == b"=1+1\r\n"


def test_ndjson__an_object_a_line() -> None:
    """Each line is an object with every column, in order; what is not known is null."""
    lines = list(ndjson_lines(COLUMNS, ROWS))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert [list(json.loads(line)) for line in lines] == [list(COLUMNS)] * 3
    assert json.loads(lines[1]) == {
        "article": ROWS[1][0],
        "date": "2017-01-01",
        "views": None,
        "partial": True,
    }
    assert "星野源".encode() in lines[2]
