"""What docs/archive-data.md shows is run as it stands there, and gives what plain Python reads.

The tools run in processes of their own: each brings threads and a start of its own, which is no
business of the other tests. A warning is an error there, too, so that no snippet shows one.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pageviews_api.archive.encoding import decode, encode
from pageviews_api.clients.archive_store import MAX_ARCHIVE_BYTES
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from tests.support.archive_samples import ARCHIVED, archive_text, big_archive_text, write_month

ROOT = Path(__file__).parent.parent

REFUSED_BY_DEFAULT = 2 * 16 * 1024 * 1024
"""Bytes above which DuckDB reads no document by default: twice its limit (measured)."""

TOOLS = ("DuckDB", "Polars", "pandas")

NOT_RUN = "Getting the files"

SERIES = ("project", "article", "access", "agent")

COLUMNS = {
    "points": (*SERIES, "day", "views", "status", "archive", "observed_on"),
    "newest": (*SERIES, "day", "views", "observed_on"),
    "completeness": ("archive", "complete", "late", "series", "failed"),
    "ranks": ("project", "access", "day", "rank", "views"),
}

HARNESSES = {
    "sql": """
import duckdb, json, sys
blocks, tables = json.load(sys.stdin)
connection = duckdb.connect()
for block in blocks:
    connection.execute(block)
told = {}
for table in tables:
    answer = connection.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in answer.description]
    told[table] = [dict(zip(names, row)) for row in answer.fetchall()]
print(json.dumps(told, default=str))
""",
    "python": """
import json, sys
blocks, tables = json.load(sys.stdin)
names = {"__name__": "__main__"}
for block in blocks:
    exec(block, names)
told = {}
for table in tables:
    frame = names[table]
    if hasattr(frame, "write_json"):
        told[table] = json.loads(frame.write_json())
    else:
        told[table] = json.loads(frame.to_json(orient="records", date_format="iso"))
print(json.dumps(told))
""",
}
"""Programs that run the blocks of a section one after the other and tell the tables they made."""

LARGE = """
import duckdb, json, sys
without, shown = json.load(sys.stdin)
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")  # it goes to stdout where it takes long
try:
    connection.execute(without)
except duckdb.Error as e:
    refusal = str(e)
connection.execute(shown)
((series,),) = connection.execute("SELECT len(items) FROM archives").fetchall()
print(json.dumps([refusal, series]))
"""
"""A program that tells what DuckDB says to the first statement, and what the second one reads."""

Row = tuple[object, ...]
Tables = Mapping[str, list[Row]]


def _page() -> str:
    return (ROOT / "docs" / "archive-data.md").read_text(encoding="utf-8")


def _sections() -> dict[str, str]:
    """Return the text below each heading of the second level."""
    _, *parts = re.split(r"^## (.+)\n", _page(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _blocks(section: str) -> list[tuple[str, str]]:
    """Return the language and the code of each fenced block of a section."""
    text = _sections()[section]
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _run(tool: str, folder: Path, *, tables: Iterable[str]) -> Tables:
    """Run the blocks of a tool's section beside the folder ``archives``."""
    ((language, blocks),) = _by_language(tool).items()
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-W", "error", "-c", HARNESSES[language]],
        input=json.dumps([blocks, list(tables)]),
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return {table: _rows(table, told[table]) for table in told}


def _by_language(tool: str) -> dict[str, list[str]]:
    blocks: dict[str, list[str]] = {}
    for language, code in _blocks(tool):
        blocks.setdefault(language, []).append(code)
    return blocks


def _rows(table: str, records: Iterable[dict[str, Any]]) -> list[Row]:
    """Sort rows, so that tables can be compared; the columns must be those that the page names."""
    rows = []
    for record in records:
        assert tuple(record) == COLUMNS[table]
        rows.append(tuple(map(_plain, record.values())))
    return sorted(rows, key=str)


def _plain(value: object) -> object:
    """Take the midnight off a day that is told as a time."""
    return value.removesuffix("T00:00:00.000") if isinstance(value, str) else value


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((folder / "archives").glob("2015-10-*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def _points(folder: Path) -> Iterator[dict[str, Any]]:
    for document in _documents(folder):
        for item in document["items"]:
            for point in item["points"]:
                yield {
                    **{name: item[name] for name in SERIES},
                    "day": point["date"],
                    "views": point["views"],
                    "status": point["status"],
                    "archive": document["date"],
                    "observed_on": document["observed_on"],
                }


def _newest(folder: Path) -> Iterator[dict[str, Any]]:
    newest: dict[Row, dict[str, Any]] = {}
    for point in _points(folder):
        key = (*(point[name] for name in SERIES), point["day"])
        order = (point["observed_on"], point["archive"])
        known = newest.get(key)
        if point["views"] is None or (known and order < (known["observed_on"], known["archive"])):
            continue
        newest[key] = point
    for point in newest.values():
        yield {name: point[name] for name in COLUMNS["newest"]}


def _completeness(folder: Path) -> Iterator[dict[str, Any]]:
    for document in _documents(folder):
        yield {
            "archive": document["date"],
            "complete": document["complete"],
            "late": document["late"],
            "series": len(document["items"]),
            "failed": len([item for item in document["items"] if item["outcome"] == "failed"]),
        }


def _ranks(folder: Path) -> Iterator[dict[str, Any]]:
    for document in _documents(folder):
        for one in document["top"]:
            for entry in one["articles"]:
                if entry["article"] == "Main_Page":
                    yield {
                        "project": one["project"],
                        "access": one["access"],
                        "day": one["date"],
                        "rank": entry["rank"],
                        "views": entry["views"],
                    }


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a month of archives in its folder ``archives``."""
    folder = tmp_path_factory.mktemp("month")
    write_month(folder / "archives")
    return folder


@pytest.fixture(scope="module")
def expected(month: Path) -> Tables:
    """Return what plain Python reads from the month's files."""
    told = {
        "points": _points(month),
        "newest": _newest(month),
        "completeness": _completeness(month),
        "ranks": _ranks(month),
    }
    return {table: _rows(table, records) for table, records in told.items()}


def _shell(code: str, folder: Path) -> str:
    """Run a block in a shell that finds this interpreter as ``python3``; return what it prints."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = shutil.which("sh")
    assert shell is not None
    done = subprocess.run(  # noqa: S603  # our own words
        [shell, "-eu", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PATH": path, "PYTHONUTF8": "1"},
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def _items(text: str) -> list[dict[str, Any]]:
    """Read the lines of an archive that have items or lists."""
    return [json.loads(line.removesuffix(",")) for line in text.splitlines()]


def test_page__says_of_each_block_whether_it_is_run() -> None:
    """A block has a language where it is run here, and none under the heading that is not."""
    languages = {section: {language for language, _ in _blocks(section)} for section in _sections()}
    assert languages == {
        "The four tables": set(),
        NOT_RUN: {""},
        "Verifying them": {"sh", ""},
        "grep": {"sh"},
        "DuckDB": {"sql"},
        "Polars": {"python"},
        "pandas": {"python"},
        "Large archives": set(),
    }


def test_samples__are_what_the_service_writes() -> None:
    """The service reads each sample, and would write the same bytes."""
    for day in ARCHIVED:
        body = archive_text(day).encode()
        assert encode(decode(day, body)) == body


def test_samples__have_every_case(expected: Tables) -> None:
    """The month has each status, a restated day, a project's total and two late archives."""
    points = [dict(zip(COLUMNS["points"], row, strict=True)) for row in expected["points"]]
    statuses = {point["status"] for point in points}
    assert statuses == {"ok", "zero", "not_loaded", "hole", "missing"}
    assert any(point["article"] is None for point in points)
    assert len(expected["completeness"]) == len(ARCHIVED) == 30
    restated = {row for row in expected["newest"] if row[1] == "Restated"}
    # The newest archive that tells a day is not always the one that observed it last.
    assert {row[-1] for row in restated} > {"2015-10-12", "2015-10-31"}
    assert len(expected["ranks"]) > 20


@pytest.mark.parametrize("tool", TOOLS)
def test_snippets__tell_what_plain_python_reads(tool: str, month: Path, expected: Tables) -> None:
    """Each tool's snippets make the four tables, and each table is right in every row."""
    told = _run(tool, month, tables=COLUMNS)
    for table in COLUMNS:
        assert told[table] == expected[table], table


def test_table__names_the_columns_and_a_row_that_is_there(expected: Tables) -> None:
    """The page names each table's columns, and its example row is a row of that table."""
    lines = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", _page(), re.MULTILINE)
    assert [table for table, _, _ in lines] == list(COLUMNS)
    for table, columns, example in lines:
        assert tuple(columns.split(", ")) == COLUMNS[table]
        shown = [", ".join(map(_shown, row)) for row in expected[table]]
        assert example in shown


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_duckdb__reads_a_large_document_if_told_to(tmp_path: Path) -> None:
    """DuckDB reads more than 32 MiB with the option that the page sets, and not without it."""
    (tmp_path / "archives").mkdir()
    text = big_archive_text(date(2015, 10, 1), series=21_000)
    assert len(text) > REFUSED_BY_DEFAULT
    (tmp_path / "archives" / "2015-10-01.json").write_text(text, encoding="utf-8")
    shown = _blocks("DuckDB")[0][1].split(";")[0]
    option = re.search(r"\n *maximum_object_size = (\d+),", shown)
    assert option is not None
    assert int(option[1]) >= MAX_ARCHIVE_BYTES
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-W", "error", "-c", LARGE],
        input=json.dumps([shown.replace(option[0], ""), shown]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refusal, series = json.loads(done.stdout)
    assert "maximum_object_size" in refusal
    assert series == 21_000


def test_grep__finds_one_article_in_one_archive(month: Path) -> None:
    """The first grep prints the article's line, which is the item that a JSON reader finds."""
    document = json.loads((month / "archives" / "2015-10-11.json").read_text(encoding="utf-8"))
    found = _items(_shell(_blocks("grep")[0][1], month))
    assert found == [item for item in document["items"] if item["article"] == "Gordon_Ramsay"]
    assert len(found) == 1


def test_grep__finds_lists_beside_series(month: Path) -> None:
    """With an article of a top list, the first grep prints the line of that list, too."""
    code = _blocks("grep")[0][1].replace("Gordon_Ramsay", "Main_Page")
    found = _items(_shell(code, month))
    assert found
    assert all("articles" in one for one in found)


def test_grep__finds_one_article_in_each_archive(month: Path) -> None:
    """The second grep prints the article's line of each archive of the month."""
    found = _items(_shell(_blocks("grep")[1][1], month))
    assert found == [
        item
        for document in _documents(month)
        for item in document["items"]
        if (item["project"], item["article"]) == ("en.wikipedia", "Gordon_Ramsay")
    ]
    assert len(found) == len(ARCHIVED)


def test_grep__makes_a_document_of_a_line(month: Path) -> None:
    """The third grep prints a project's total as a JSON document of its own."""
    document = json.loads((month / "archives" / "2015-10-11.json").read_text(encoding="utf-8"))
    (total,) = [item for item in document["items"] if item["article"] is None]
    assert json.loads(_shell(_blocks("grep")[2][1], month)) == total


async def test_verifying__names_what_differs(tmp_path: Path) -> None:
    """The snippet is silent for what the service wrote and replaced, and names what was altered."""
    (code,) = [code for language, code in _blocks("Verifying them") if language == "sh"]
    folder = tmp_path / "archives"
    store = FolderArchiveStore(folder)
    for day in ARCHIVED[:3]:
        await store.create(day, archive_text(day).encode(), run_id="first")
    stored = await store.read(ARCHIVED[0])
    assert stored is not None
    replacement = archive_text(ARCHIVED[0]).replace("zero", "ok").encode()
    await store.replace(ARCHIVED[0], replacement, run_id="second", version=stored.version)
    assert len(list(folder.glob("*.meta"))) == 4
    assert _shell(code, tmp_path) == ""
    altered = folder / f"{ARCHIVED[1]}.json"
    altered.write_bytes(altered.read_bytes().replace(b"1", b"2", 1))
    assert _shell(code, tmp_path) == f"{altered.name}: no .meta names its SHA-256\n"


def test_tools__are_not_needed_to_run_the_service() -> None:
    """The data tools are in the group for development, and not among what the service needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = {tool.lower() for tool in TOOLS}
    group = {re.split(r"\W", entry)[0] for entry in project["dependency-groups"]["dev"]}
    needed = {re.split(r"\W", entry)[0] for entry in project["project"]["dependencies"]}
    assert names <= group
    assert not names & needed
