"""An archive's bytes: read back as they were written, by us and by anybody, or refused."""

import json
import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pageviews_api.archive.document import Archive, Record, order
from pageviews_api.archive.encoding import decode, decode_series, decode_without_series, encode
from pageviews_api.daterange import DateRange
from pageviews_api.days import Days
from pageviews_api.exceptions import ArchiveCorruptError
from pageviews_api.schemas.archive import ArchiveDocument, ArchivedTop, Outcome
from pageviews_api.schemas.pageviews import DayPoint, DayStatus
from pageviews_api.schemas.query import Access, Agent, Series
from pageviews_api.schemas.top import RankedArticle
from tests.support.small_archives import archive_of, record_of, series_of, top_of

DAY = date(2026, 11, 22)
Document = dict[str, Any]

TRICKY = [
    '"',
    "\\",
    '\\"',
    "\\n",
    "\n",
    '","outcome":"ok',
    '","outcome"',
    ',"outcome"',
    '\\",\\"outcome\\"',
    '\n],"items":[\n',
    '],"items":[',
    ',"top":[\n',
    "\n]}\n",
    '{"project":"en.wikipedia","article":"A","access":"all-access","agent":"user"',
    '\n{"project":"en.wikipedia","article":"A","access":"all-access","agent":"user"',
    "A",
    "A,",
    "A\\",
    'A"',
    "a",
    "\N{GRINNING FACE}",
    "e\N{COMBINING ACUTE ACCENT}",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "\N{LINE SEPARATOR}",
    "\x00",
    "\x7f",
    "null",
    " ",
]
"""Titles that could be taken for a part of the document, or for each other."""

titles = st.sampled_from(TRICKY) | st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(list('"\\\n,{}[]:')),
    min_size=1,
    max_size=12,
)
projects = st.sampled_from(["en.wikipedia", "fr.wikipedia", "all-projects", '"', "\n"])
series = st.builds(
    Series, projects, st.sampled_from(Access), st.sampled_from(Agent), st.none() | titles
)


@st.composite
def records(draw: st.DrawFn, window: DateRange) -> Record:
    """Make any record: one that failed, or one with any day known or not."""
    listed_on = draw(st.none() | st.dates())
    if draw(st.booleans()):
        return Record(Outcome.FAILED, None, draw(titles), listed_on)
    unknown = st.sampled_from([DayStatus.NOT_LOADED, DayStatus.HOLE, DayStatus.MISSING])
    views = draw(
        st.lists(st.integers(0, 2**63 - 1) | unknown, min_size=len(window), max_size=len(window))
    )
    return record_of(window, views, listed_on)


@st.composite
def top_lists(draw: st.DrawFn) -> ArchivedTop:
    """Make any top list."""
    rows = st.builds(RankedArticle, article=titles, views=st.integers(0), rank=st.integers(1))
    return draw(
        st.builds(
            ArchivedTop,
            project=projects,
            access=st.sampled_from(Access),
            date=st.dates(),
            outcome=st.sampled_from(Outcome),
            reason=st.none() | titles,
            articles=st.lists(rows, max_size=3).map(tuple),
        )
    )


@st.composite
def archives(draw: st.DrawFn) -> Archive:
    """Make any archive."""
    day = draw(st.dates(date(2015, 8, 1), date(2100, 1, 1)))
    window = DateRange.ending(day - timedelta(days=1), days=draw(st.integers(1, 5)))
    told = draw(st.dictionaries(series, records(window), max_size=6))
    return Archive(
        day=day,
        window=window,
        observed_on=day + timedelta(days=draw(st.integers(0, 40))),
        complete=draw(st.booleans()),
        top=tuple(draw(st.lists(top_lists(), max_size=3))),
        series={one: told[one] for one in sorted(told, key=order)},
    )


def same(one: Archive, other: Archive) -> bool:
    """Tell whether two archives tell the same, in the same order."""
    return one == other and list(one.series) == list(other.series)


SMALL = archive_of(
    DAY,
    {"A": [1, 2, 3], 'B"': [0, 0, 0], "C": [4, DayStatus.HOLE, DayStatus.NOT_LOADED]},
    top=(top_of(DAY - timedelta(days=1), "A", 'B"'),),
)


# What is written


@settings(max_examples=200)
@given(archives())
@example(archive_of(DAY, {}))
@example(SMALL)
def test_encode__read_back(archive: Archive) -> None:
    """An archive is read back as it was, whole or without its series."""
    body = encode(archive)

    assert same(decode(archive.day, body), archive)
    assert same(decode(None, body), archive)
    head = decode_without_series(archive.day, body)
    assert (head.top, head.window, head.observed_on, head.complete, head.series) == (
        archive.top,
        archive.window,
        archive.observed_on,
        archive.complete,
        {},
    )


@given(archives())
def test_encode__as_the_schema_says(archive: Archive) -> None:
    """The whole document is one of the published schema, and writing that anew loses nothing."""
    document = ArchiveDocument.model_validate_json(encode(archive))

    assert (document.date, document.observed_on) == (archive.day, archive.observed_on)
    assert (document.window.start, document.window.end) == (
        archive.window.start,
        archive.window.end,
    )
    assert document.top == archive.top
    assert document.late is archive.late
    assert [
        (item.project, item.article, item.access, item.agent, item.outcome, item.reason)
        for item in document.items
    ] == [
        (one.project, one.article, one.access, one.agent, record.outcome, record.reason)
        for one, record in archive.series.items()
    ]
    assert [list(item.points) for item in document.items] == [
        record.days.points() if record.days else [] for record in archive.series.values()
    ]
    assert same(decode(archive.day, document.model_dump_json().encode()), archive)


@given(archives(), st.randoms(use_true_random=False))
def test_encode__same_facts(archive: Archive, rng: random.Random) -> None:
    """Equal facts give equal bytes, however they came; other facts give others."""
    shuffled = list(archive.series.items())
    rng.shuffle(shuffled)
    ordered = dict(sorted(shuffled, key=lambda pair: order(pair[0])))
    again = Archive(
        day=archive.day,
        window=archive.window,
        observed_on=archive.observed_on,
        complete=archive.complete,
        top=archive.top,
        series=ordered,
    )

    assert encode(again) == encode(archive)
    assert encode(decode(None, encode(archive))) == encode(archive)


@given(archives(), archives())
def test_encode__other_facts(one: Archive, other: Archive) -> None:
    """Two archives have the same bytes only if they tell the same."""
    assert (encode(one) == encode(other)) is same(one, other)


@given(archives())
def test_encode__line_by_line(archive: Archive) -> None:
    """Each series is one line, and so is each list; every line can be read by itself."""
    lines = encode(archive).decode().split("\n")

    middle = lines.index('],"items":[')
    assert lines[0].endswith(',"top":[')
    assert lines[-2:] == ["]}", ""]
    items = [json.loads(line.removesuffix(",")) for line in lines[middle + 1 : -2] if line]
    assert [(item["project"], item["article"]) for item in items] == [
        (one.project, one.article) for one in archive.series
    ]
    lists = [json.loads(line.removesuffix(",")) for line in lines[1:middle] if line]
    assert [one["project"] for one in lists] == [one.project for one in archive.top]


def test_encode__time_of_day() -> None:
    """No time of day is inside, so that two writers of one day write the same bytes (F5)."""
    assert b":00" not in encode(SMALL)


def test_encode__as_documented() -> None:
    """The bytes are those of docs/archive.md's example, which other programs rely on."""
    window = DateRange(date(2016, 12, 31), date(2016, 12, 31))
    archive = Archive(
        day=date(2017, 1, 1),
        window=window,
        observed_on=date(2017, 1, 1),
        complete=True,
        top=(top_of(date(2016, 12, 31), "Main_Page"),),
        series={series_of("Gordon_Ramsay"): record_of(window, [6880])},
    )

    assert encode(archive).decode() == (
        '{"schema_version":1,"date":"2017-01-01","observed_on":"2017-01-01","late":false,'
        '"window":{"start":"2016-12-31","end":"2016-12-31"},"complete":true,"top":[\n'
        '{"project":"en.wikipedia","access":"all-access","date":"2016-12-31","outcome":"ok",'
        '"reason":null,"articles":[{"article":"Main_Page","views":999,"rank":1}]}\n'
        '],"items":[\n'
        '{"project":"en.wikipedia","article":"Gordon_Ramsay","access":"all-access",'
        '"agent":"user","outcome":"ok","reason":null,"listed_on":null,"points":['
        '{"date":"2016-12-31","views":6880,"status":"ok"}]}\n'
        "]}\n"
    )


# One series


@settings(max_examples=300)
@given(archives(), series)
def test_decode_series__exactly_the_asked_one(archive: Archive, absent: Series) -> None:
    """Each series is found among its neighbours, and none that is not there."""
    body = encode(archive)

    for one, record in archive.series.items():
        assert decode_series(archive.day, body, one) == record
    if absent not in archive.series:
        assert decode_series(archive.day, body, absent) is None


@given(st.sampled_from(TRICKY), st.sampled_from(TRICKY))
def test_decode_series__tricky_neighbours(asked: str, neighbour: str) -> None:
    """A title that looks like a part of the document, or of another title, misleads nobody."""
    assume(asked != neighbour)
    both = encode(archive_of(DAY, {asked: [7], neighbour: [8]}))
    other = encode(archive_of(DAY, {neighbour: [8]}))

    found = decode_series(DAY, both, series_of(asked))
    assert found is not None
    assert found.days is not None
    assert list(found.days.views) == [7]
    assert decode_series(DAY, other, series_of(asked)) is None


def test_decode_series__access_agent_and_total() -> None:
    """The same article by another access or agent, and the project's total, are other series."""
    window = DateRange(DAY - timedelta(days=1), DAY - timedelta(days=1))
    several = [
        Series("en.wikipedia", Access.ALL_ACCESS, Agent.ALL_AGENTS, "A"),
        Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "A"),
        Series("en.wikipedia", Access.DESKTOP, Agent.USER, "A"),
        Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER),
        Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER, "A"),
    ]
    told = {one: record_of(window, [number]) for number, one in enumerate(several, start=1)}
    archive = Archive(
        day=DAY,
        window=window,
        observed_on=DAY,
        complete=True,
        top=(),
        series={one: told[one] for one in sorted(told, key=order)},
    )
    body = encode(archive)

    assert [decode_series(DAY, body, one) for one in several] == [told[one] for one in several]
    mobile = Series("en.wikipedia", Access.MOBILE_WEB, Agent.USER, "A")
    assert decode_series(DAY, body, mobile) is None


# What others write


def indented(document: Document) -> str:
    """Write it as for people."""
    return json.dumps(document, indent=2)


def spaced(document: Document) -> str:
    """Write it as Python does by default: spaces, and everything but ASCII escaped."""
    return json.dumps(document)


def sorted_keys(document: Document) -> str:
    """Write it with its keys in order of the alphabet, and a line end."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n"


def reversed_keys(document: Document) -> str:
    """Write it with all keys in reverse: its items come first."""

    def turned(value: Any) -> Any:  # noqa: ANN401  # any JSON
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(one) for one in value] if isinstance(value, list) else value

    return json.dumps(turned(document), ensure_ascii=False, separators=(",", ":"))


def line_by_line(document: Document) -> str:
    """Write it in our lines, but with other keys first and with escapes."""
    head = json.dumps({key: document[key] for key in document if key not in {"top", "items"}})
    top = ",\n".join(json.dumps(one, sort_keys=True) for one in document["top"])
    items = ",\n".join(json.dumps(one, sort_keys=True) for one in document["items"])
    return f'{head[:-1]},"top":[\n{top}\n],"items":[\n{items}\n]}}\n'


def escaped_line_by_line(document: Document) -> str:
    """Write it in our lines and order, but with everything but ASCII escaped."""

    def compact(value: Document) -> str:
        return json.dumps(value, separators=(",", ":"))

    head = compact({key: document[key] for key in document if key not in {"top", "items"}})
    top = ",\n".join(map(compact, document["top"]))
    items = ",\n".join(map(compact, document["items"]))
    return f'{head[:-1]},"top":[\n{top}\n],"items":[\n{items}\n]}}\n'


@pytest.mark.parametrize(
    "write",
    [indented, spaced, sorted_keys, reversed_keys, line_by_line, escaped_line_by_line],
    ids=lambda write: write.__name__,
)
@settings(max_examples=40)
@given(archive=archives(), absent=series)
def test_decode__written_by_another_library(
    write: Callable[[Document], str], archive: Archive, absent: Series
) -> None:
    """The same document in another layout, with other spaces or key order, is read as well."""
    body = write(json.loads(encode(archive))).encode()

    assert same(decode(archive.day, body), archive)
    assert decode_without_series(archive.day, body).top == archive.top
    for one in [*archive.series, absent]:
        assert decode_series(archive.day, body, one) == archive.series.get(one)


def test_decode_series__escaped_more_than_must_be() -> None:
    """A title is found in our lines, too, where another library has escaped it."""
    archive = archive_of(
        DAY, {"A": [1], "AC/DC": [2], "Caf\N{LATIN SMALL LETTER E WITH ACUTE}": [3]}
    )
    body = escaped_line_by_line(json.loads(encode(archive))).encode()

    for written in (body, encode(archive).replace(b"/", b"\\/")):
        for one, record in archive.series.items():
            assert decode_series(DAY, written, one) == record


# What is refused


def edited(edit: Callable[[Document], object], *, ours: bool) -> bytes:
    """Change the small archive's document; write it line by line as ``ours``, or in one."""
    document = json.loads(encode(SMALL))
    edit(document)
    if ours:
        return escaped_line_by_line(document).encode()
    return json.dumps(document).encode()


def _point(index: int, **change: object) -> Callable[[Document], object]:
    return lambda document: document["items"][0]["points"][index].update(change)


EDITS: Mapping[str, Callable[[Document], object]] = {
    "another day": lambda document: document.update(date="2026-11-21"),
    "window a day later": lambda document: document["window"].update(
        start="2026-11-20", end="2026-11-22"
    ),
    "window longer": lambda document: document["window"].update(start="2026-11-18"),
    "window turned": lambda document: document["window"].update(
        start="2026-11-21", end="2026-11-19"
    ),
    "point of another day": _point(1, date="2026-11-22"),
    "a day twice": _point(1, date="2026-11-19"),
    "a hole between points": lambda document: document["items"][0]["points"].pop(1),
    "the first point gone": lambda document: document["items"][0]["points"].pop(0),
    "the last point gone": lambda document: document["items"][0]["points"].pop(),
    "points turned": lambda document: document["items"][0]["points"].reverse(),
    "negative views": _point(0, views=-1),
    "views of 64 bits": _point(0, views=2**63),
    "views of 4,000 digits": _point(0, views=10**4000),
    "views as text": _point(0, views="many"),
    "views as a fraction": _point(0, views=1.5),
    "no such status": _point(0, status="guessed"),
    "the end of time": lambda document: [
        point.update(date="9999-12-31") for point in document["items"][0]["points"]
    ],
    "no such day": _point(0, date="2026-02-30"),
    "a field more": lambda document: document.update(more=1),
    "a field more in an item": lambda document: document["items"][0].update(more=1),
    "another schema": lambda document: document.update(schema_version=2),
    "no such outcome": lambda document: document["items"][0].update(outcome="lost"),
    "no date": lambda document: document.update(date=None),
    "an item that is none": lambda document: document["items"].append({}),
    "a list that is none": lambda document: document["top"].append({}),
}


@pytest.mark.parametrize("ours", [True, False], ids=["our lines", "one line"])
@pytest.mark.parametrize("edit", EDITS)
def test_decode__not_what_an_archive_is(edit: str, ours: bool) -> None:
    """What is no archive, or one of another day, is refused with that one error."""
    with pytest.raises(ArchiveCorruptError):
        decode(DAY, edited(EDITS[edit], ours=ours))


@pytest.mark.parametrize("ours", [True, False], ids=["our lines", "one line"])
@pytest.mark.parametrize("edit", EDITS)
def test_decode_series__not_what_an_archive_is(edit: str, ours: bool) -> None:
    """A single series, or the head, is at the worst refused with that same error."""
    body = edited(EDITS[edit], ours=ours)
    for read in (
        lambda: decode_series(DAY, body, series_of("A")),
        lambda: decode_without_series(DAY, body),
    ):
        try:
            read()
        except ArchiveCorruptError:
            continue
    if edit in {"another day", "a field more", "another schema", "no date"}:
        with pytest.raises(ArchiveCorruptError):
            decode_without_series(DAY, body)
    if edit not in {"an item that is none", "a list that is none"}:  # it is in no line of A
        with pytest.raises(ArchiveCorruptError):
            decode_series(DAY, body, series_of("A"))


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b"\n", b"[" * 100_000])
def test_decode__no_document(body: bytes) -> None:
    """Whatever else lies there is refused, too."""
    for read in (
        lambda: decode(DAY, body),
        lambda: decode(None, body),
        lambda: decode_series(DAY, body, series_of("A")),
        lambda: decode_without_series(DAY, body),
    ):
        with pytest.raises(ArchiveCorruptError):
            read()


def test_decode__cut() -> None:
    """A document that was cut anywhere is refused; one series of it is right or refused."""
    whole = encode(SMALL)
    for length in range(len(whole) - 1):  # all of it but the last line end is all of it
        with pytest.raises(ArchiveCorruptError):
            decode(DAY, whole[:length])
        with pytest.raises(ArchiveCorruptError):
            decode_series(DAY, whole[:length], series_of("A"))


@settings(max_examples=500)
@given(st.data())
def test_decode__mutated(data: st.DataObject) -> None:
    """Whatever becomes of some bytes, an archive comes of it or that one error."""
    body = bytearray(encode(SMALL))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = start + data.draw(st.integers(0, 8))
        body[start:end] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b'"', b"\\", b"\n", b",", b"9" * 30, b"]}\n"])
        )
    for read in (
        lambda: decode(DAY, bytes(body)),
        lambda: decode(None, bytes(body)),
        lambda: decode_series(DAY, bytes(body), series_of("A")),
        lambda: decode_series(DAY, bytes(body), series_of("absent")),
        lambda: decode_without_series(DAY, bytes(body)),
    ):
        try:
            told = read()
        except ArchiveCorruptError:
            continue
        assert told is None or isinstance(told, Archive | Record)


def test_decode__days_of_our_archive() -> None:
    """A day that an archive got from an archive keeps the day on which it was observed."""
    window = DateRange(DAY - timedelta(days=1), DAY - timedelta(days=1))
    point = DayPoint(date=window.start, views=3, status=DayStatus.ARCHIVED, observed_on=DAY)
    record = Record(Outcome.OK, Days.of([point]))
    archive = Archive(
        day=DAY,
        window=window,
        observed_on=DAY,
        complete=True,
        top=(),
        series={series_of("A"): record},
    )

    assert same(decode(DAY, encode(archive)), archive)
