"""The archive's commands: what they print, how they end, and how they are stopped."""

import asyncio
import fcntl
import hashlib
import json
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pageviews_api.archive.encoding import encode
from pageviews_api.cli import app
from pageviews_api.clock import SystemClock
from pageviews_api.shared import open_shared
from tests.support.aqs_faults import failing, slow
from tests.support.archive_samples import ARCHIVED, archive_text, write_month
from tests.support.fake_aqs import FakeAqs
from tests.support.processes import DEAD, WORDS, environment, run
from tests.support.redis_server import RedisServer
from tests.support.small_archives import archive_of

TODAY = datetime.now(UTC).date()
"""By the machine's own clock, as a command lives by it."""


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name the folder of the archives, which is not there yet."""
    return tmp_path / "archives"


@pytest.fixture
def env(aqs: FakeAqs, aqs_url: str, folder: Path) -> dict[str, str]:
    """Give the environment of a command that archives four articles with 60 days each."""
    aqs.loaded_through = None
    views = {ago(back): 100 + back for back in range(1, 61)}
    aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", views)
    for title in ("A", "B", "C", "D"):
        aqs.set_views("fr.wikipedia", title, "all-access", "user", views)
    articles = "fr.wikipedia/A|fr.wikipedia/B|fr.wikipedia/C|fr.wikipedia/D"
    return environment(aqs_url, ARCHIVE_DIR=str(folder), ARCHIVE_ARTICLES=articles)


@pytest.fixture
def month(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Give a folder with the archives of October 2015, for commands within this process."""
    write_month(folder)
    settings = environment(DEAD, LOG_LEVEL="error", ARCHIVE_DIR=str(folder))
    for name, value in settings.items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    return folder


def call(*words: str) -> Result:
    """Run one of the archive's commands within this process."""
    return CliRunner().invoke(app, ["archive", *words])


def fetches(aqs: FakeAqs, title: str) -> int:
    """Count the requests for an article."""
    return aqs.count(lambda asked: f"/{title}/daily/" in asked)


def prove(folder: Path, day: date) -> None:
    """Put beside an archive the SHA-256 of what it holds now."""
    body = (folder / f"{day}.json").read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    note = {"sha256": digest, "run-id": "test"}
    (folder / f"{day}.json.{digest}.meta").write_text(json.dumps(note))


async def test_backfill__three_days(aqs: FakeAqs, env: dict[str, str], folder: Path) -> None:
    """Each day gets its archive, the newest first and all late; each series is asked once."""
    words = ("archive", "backfill", "--start", str(ago(12)), "--end", str(ago(10)))
    code, out, err = await run(*words, env=env)
    assert code == 0, err
    told = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line[:35] for line in told] == [
        f"{ago(back)}  written, complete, late"[:35] for back in (10, 11, 12)
    ]
    for back in (10, 11, 12):
        document = json.loads((folder / f"{ago(back)}.json").read_bytes())
        assert document["late"] is True
        assert document["window"]["end"] == str(ago(back + 1))
        assert [len(item["points"]) for item in document["items"]] == [30] * 4
    assert [fetches(aqs, title) for title in "ABCD"] == [1, 1, 1, 1]

    aqs.forget()
    code, out, _ = await run(*words, env=env)
    assert (code, aqs.count()) == (0, 0)
    assert out.count("unchanged, complete, late") == 3


async def test_backfill__one_series_fails(aqs: FakeAqs, env: dict[str, str]) -> None:
    """Where something is missing the exit code is 1; called again, only that is fetched."""
    aqs.behave(failing(400), when=lambda asked: "/B/" in asked)
    words = ("archive", "backfill", "--start", str(ago(1)), "--end", str(TODAY))
    code, out, _ = await run(*words, env=env)
    assert code == 1
    assert out.count("written, incomplete") == 2
    assert out.count("3 ok, 1 failed") == 2

    aqs.recover()
    aqs.forget()
    code, out, _ = await run(*words, env=env)
    assert (code, out.count("written, complete")) == (0, 2)
    assert [fetches(aqs, title) for title in "ABCD"] == [0, 1, 0, 0]


@pytest.mark.usefixtures("month")
@pytest.mark.parametrize(
    "words",
    [
        ("backfill",),
        ("backfill", "--start", "2016-01-01"),
        ("backfill", "--start", "2016-01-02", "--end", "2016-01-01"),
        ("backfill", "--start", "2016-01-01", "--end", "2017-01-01"),
        ("backfill", "--start", "2015-07-01", "--end", "2015-07-02"),
        ("backfill", "--start", "2016-01-01", "--end", "2999-01-01"),
        ("backfill", "--start", "yesterday", "--end", "2016-01-01"),
        ("list", "--limit", "0"),
        ("list", "--limit", "x"),
        ("verify", "--start", "2016-01-02", "--end", "2016-01-01"),
        ("verify", "--start", "2015-07-01"),
        ("show",),
        ("show", "today"),
        ("show", "2999-01-01"),
        ("show", "../2015-10-10"),
        ("show", "2015-10-10", "--article", "Strasbourg"),
        ("show", "2015-10-10", "--article", "evil.com/Strasbourg"),
        ("show", "2015-10-10", "--article", "top:100"),
        ("show", "2015-10-10", "--article", "fr.wikipedia/A|fr.wikipedia/B"),
        ("show", "2015-10-10", "--article", ""),
    ],
    ids=" ".join,
)
def test_usage__is_2(words: tuple[str, ...]) -> None:
    """A call without a meaning ends with 2 and says why on stderr."""
    result = call(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_backfill__a_year_at_most(month: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leap year's 366 days are let through; one more is not."""
    (month / "file").write_text("")
    monkeypatch.setenv("ARCHIVE_DIR", str(month / "file"))  # it cannot be archived there
    result = call("backfill", "--start", "2016-01-01", "--end", "2016-12-31")
    assert result.exit_code == 1
    result = call("backfill", "--start", "2016-01-01", "--end", "2017-01-01")
    assert result.exit_code == 2
    assert "367 days; at most 366" in result.stderr


@pytest.mark.usefixtures("month")
def test_list__a_month() -> None:
    """Every archive is a line of the table, the newest first; days without one are told."""
    result = call("list")
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows, last = result.stdout.splitlines()
    assert head.split() == ["date", "state", "observed", "series", "bytes", "sha256"]
    assert [row[:10] for row in rows] == [str(day) for day in ARCHIVED[::-1]] + ["2015-09-30"]
    assert rows[0].startswith("2015-10-31  complete        2015-10-31  14 ok, 1 no_data")
    assert "2015-10-25  incomplete" in "\n".join(rows)
    assert "2015-10-05  complete, late" in "\n".join(rows)
    digest = hashlib.sha256(archive_text(date(2015, 10, 31)).encode()).hexdigest()
    assert rows[0].endswith(digest)
    assert last == f"not archived: 2015-11-01 to {ago(1)}, 2015-10-18"


@pytest.mark.usefixtures("month")
def test_list__as_json() -> None:
    """With --json each archive is an object, and so is each stretch of days without one."""
    result = call("list", "--json", "--limit", "14")
    *archives, gap, other_gap = map(json.loads, result.stdout.splitlines())
    assert len(archives) == 14
    body = archive_text(date(2015, 10, 31)).encode()
    assert archives[0] == {
        "date": "2015-10-31",
        "complete": True,
        "late": False,
        "observed_on": "2015-10-31",
        "window": {"start": "2015-10-01", "end": "2015-10-30"},
        "series": {"ok": 14, "no_data": 1, "failed": 0},
        "lists": 1,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    assert gap == {"gap": {"start": "2015-11-01", "end": str(ago(1))}}
    assert other_gap == {"gap": {"start": "2015-10-18", "end": "2015-10-18"}}
    assert len(call("list", "--json", "--limit", "2").stdout.splitlines()) == 3


def test_list__one_is_corrupt(month: Path) -> None:
    """One of which only its reading could tell, and that cannot be read, is told as that."""
    (month / "2015-10-30.json").write_text("{}")
    result = call("list", "--limit", "2")
    assert result.exit_code == 0
    assert "2015-10-30  unreadable" in result.stdout
    (fault,) = [line for line in call("list", "--json").stdout.splitlines() if "fault" in line]
    assert json.loads(fault)["date"] == "2015-10-30"


def test_list__nothing(month: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty store is told as empty, and as JSON there is no line."""
    (month / "empty").mkdir()
    monkeypatch.setenv("ARCHIVE_DIR", str(month / "empty"))
    result = call("list")
    assert (result.exit_code, result.stdout) == (0, f"nothing is archived in {month / 'empty'}\n")
    assert call("list", "--json").stdout == ""


@pytest.mark.parametrize("words", [("list",), ("verify",), ("show", "2015-10-10")])
def test_any__store_cannot_be_read(
    month: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Where the store cannot be read the command ends with 1 and one line on stderr."""
    (month / "file").write_text("")
    monkeypatch.setenv("ARCHIVE_DIR", str(month / "file"))
    result = call(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("pageviews-api: ")
    assert result.stderr.count("\n") == 1


def test_verify__finds_each_kind(month: Path) -> None:
    """Every bad archive is told, with all that is wrong with it, and their sum."""
    for day in ARCHIVED[20:]:
        prove(month, day)

    def change(day: int, old: str, new: str) -> None:
        file = month / f"2015-10-{day}.json"
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), "utf-8")

    for day in ARCHIVED:
        if '"missing"' in archive_text(day) or day < date(2015, 10, 20):
            (month / f"{day}.json").unlink()
    change(31, '"views":', '"views":1')  # its SHA-256 is another one now
    change(30, '"late":false', '"late":true')
    prove(month, date(2015, 10, 30))
    change(20, '"date":"2015-10-20","obs', '"date":"2015-10-21","obs')

    result = call("verify", "--start", "2015-10-01")

    assert result.exit_code == 1
    *bad, total = result.stdout.splitlines()
    assert [line[:10] for line in bad] == ["2015-10-20", "2015-10-30", "2015-10-31"]
    assert bad[1].endswith("what it says of being late is not true of its dates")
    assert total == "10 archives read, 3 bad, 1 without a SHA-256 beside them"
    as_json = call("verify", "--start", "2015-10-30", "--json")
    *faults, counts = map(json.loads, as_json.stdout.splitlines())
    assert [fault["date"] for fault in faults] == ["2015-10-30", "2015-10-31"]
    assert counts == {"archives": 2, "bad": 2, "without_sha256": 0}


def test_verify__all_good(month: Path) -> None:
    """Where nothing is bad the exit code is 0, and what has no proof is counted."""
    prove(month, date(2015, 10, 30))
    result = call("verify", "--start", "2015-10-29", "--end", "2015-10-31")
    assert result.exit_code == 0
    assert result.stdout == "3 archives read, 0 bad, 2 without a SHA-256 beside them\n"


def test_verify__days_that_have_not_come(month: Path) -> None:
    """By default all is judged; a document of a day that has not come is bad, whatever it holds."""
    for file in month.glob("*.json"):
        file.unlink()
    for day, body in {
        date(1999, 1, 1): b"garbage",
        ago(0): encode(archive_of(ago(0), {"A": [1]})),
        ago(-1): encode(archive_of(ago(-1), {"A": [1]})),
        date(2999, 1, 1): b"garbage",
    }.items():
        (month / f"{day}.json").write_bytes(body)

    result = call("verify")

    assert result.exit_code == 1
    *bad, total = result.stdout.splitlines()
    assert [line[:10] for line in bad] == ["1999-01-01", str(ago(-1)), "2999-01-01"]
    assert bad[1].endswith("its day has not come")
    assert total.startswith("4 archives read, 3 bad, ")
    result = call("verify", "--start", str(ago(0)), "--end", str(ago(0)))
    assert (result.exit_code, result.stdout[:22]) == (0, "1 archive read, 0 bad,")


def test_show__a_document(month: Path) -> None:
    """What is printed is what is stored, byte for byte."""
    result = call("show", "2015-10-10")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout_bytes == (month / "2015-10-10.json").read_bytes()


@pytest.mark.usefixtures("month")
@pytest.mark.parametrize(
    ("name", "article"),
    [
        ("test.wikipedia/Restated", "Restated"),
        ('test.wikipedia/"Heroes"_(David_Bowie_album)', '"Heroes"_(David_Bowie_album)'),
        ("test.wikipedia:*", None),
    ],
)
def test_show__one_series(name: str, article: str | None) -> None:
    """An article, or a project's total, is printed as the archive has it, and nothing else."""
    document = json.loads(archive_text(date(2015, 10, 10)))
    result = call("show", "2015-10-10", "--article", name)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    (item,) = [
        item
        for item in document["items"]
        if (item["project"], item["article"]) == ("test.wikipedia", article)
    ]
    assert json.loads(line) == item


def test_show__what_is_not_there(month: Path) -> None:
    """What is not there, or is no archive, ends with 1 and one line on stderr."""
    (month / "2015-10-30.json").write_text("{}")
    prove(month, date(2015, 10, 31))
    (month / "2015-10-31.json").write_text("{}")
    for words, why in {
        ("2015-10-18",): "there is no archive of 2015-10-18 in ",
        ("2015-10-10", "--article", "fr.wikipedia/None"): "2015-10-10 has no fr.wikipedia/None",
        ("2015-10-10", "--article", "fr.wikipedia:*"): "2015-10-10 has no fr.wikipedia\n",
        ("2015-10-30",): "the archive of 2015-10-30 is no archive",
        ("2015-10-31",): "2015-10-31",
    }.items():
        result = call("show", *words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert why in result.stderr
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", ["list", "list --json", "verify", "show 2015-10-10"])
async def test_any__nobody_reads(month: Path, words: str) -> None:
    """Where stdout is closed the command ends with 1 and no trace."""
    reading, writing = os.pipe()
    os.close(reading)
    process = await asyncio.create_subprocess_exec(
        *WORDS,
        "archive",
        *words.split(),
        env=environment(DEAD, LOG_LEVEL="error", ARCHIVE_DIR=str(month)),
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    async with asyncio.timeout(30):
        _, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")


class Terminal:
    """A terminal of 100 columns, and all that was written to it."""

    def __init__(self, screen: int, keyboard: int) -> None:
        self.screen = screen
        self._keyboard = keyboard
        self.text = ""

    async def read_all(self) -> None:
        """Take what comes until nobody writes any more."""
        with suppress(OSError):  # that is how a terminal's end is told
            while written := await asyncio.to_thread(os.read, self._keyboard, 4096):
                self.text += written.decode()


@asynccontextmanager
async def terminal() -> AsyncIterator[Terminal]:
    """Give a terminal."""
    keyboard, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    try:
        yield Terminal(screen, keyboard)
    finally:
        os.close(keyboard)


async def test_run__on_a_terminal(aqs: FakeAqs, env: dict[str, str]) -> None:
    """A bar on stderr shows how much is asked, in place of log lines; stdout is data.

    Here that is two lists and four series.
    """
    aqs.delay = 0.2
    aqs.behave(failing(400), when=lambda asked: "/B/" in asked)
    async with terminal() as shown:
        process = await asyncio.create_subprocess_exec(
            *WORDS, "archive", "run", env=env, stdout=-1, stderr=shown.screen
        )
        os.close(shown.screen)
        async with asyncio.timeout(60):
            (out, _), _ = await asyncio.gather(process.communicate(), shown.read_all())
    assert process.returncode == 1
    assert out.decode().startswith(f"{TODAY}  written, incomplete")
    assert "Archiving  [---" in shown.text
    assert "0/2" in shown.text
    assert "##]  6/6" in shown.text
    assert "archive run started" not in shown.text
    # What goes wrong is told on a line of its own.
    assert "\r\x1b[K" in shown.text
    assert "warning series not fetched" in shown.text.split("\r\x1b[K")[1]


async def test_run__piped(env: dict[str, str]) -> None:
    """Where stderr is no terminal there is no bar, only log lines."""
    code, _, err = await run("archive", "run", env=env)
    assert code == 0
    assert "archive run finished" in [json.loads(line)["message"] for line in err.splitlines()]


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
@pytest.mark.parametrize("words", ["run", "backfill"])
async def test_run__is_stopped(
    aqs: FakeAqs, env: dict[str, str], folder: Path, words: str, sent: signal.Signals, code: int
) -> None:
    """Stopped, it says in one line that the next run goes on, which it does."""
    days = ("--start", str(ago(1)), "--end", str(TODAY)) if words == "backfill" else ()
    aqs.behave(slow(), when=lambda asked: "/C/" in asked or "/D/" in asked)
    process = await asyncio.create_subprocess_exec(
        *WORDS, "archive", words, *days, env=env | {"LOG_LEVEL": "error"}, stdout=-1, stderr=-1
    )
    async with asyncio.timeout(30):
        # Two are asked at a time: when these are, the answers of A and B have come.
        while not (fetches(aqs, "C") and fetches(aqs, "D")):  # noqa: ASYNC110  # elsewhere
            await asyncio.sleep(0.02)
        process.send_signal(sent)
        out, err = await process.communicate()
    assert (process.returncode, out) == (code, b"")
    assert err == b"pageviews-api: stopped; the next run goes on where this one was\n"
    assert not list(folder.glob("*.json"))  # noqa: ASYNC240  # a folder on this machine

    aqs.recover()
    aqs.forget()
    assert (await run("archive", words, *days, env=env))[0] == 0
    assert [fetches(aqs, title) for title in "ABCD"] == [0, 0, 1, 1]


async def test_run__another_process_archives(
    aqs: FakeAqs, env: dict[str, str], redis: RedisServer
) -> None:
    """With Redis it waits for its turn, and finds what the other one has made."""
    async with open_shared(redis.url, SystemClock()) as shared:
        async with shared.hold("archive", lease=60) as ours:
            assert ours
            process = await asyncio.create_subprocess_exec(
                *WORDS, "archive", "run", env=env | {"REDIS_URL": redis.url}, stdout=-1, stderr=-1
            )
            assert process.stderr is not None
            seen = b""
            async with asyncio.timeout(30):
                while b"another process archives, waiting for it" not in seen:
                    line = await process.stderr.readline()
                    assert line, seen
                    seen += line
            assert aqs.count() == 0
        async with asyncio.timeout(30):
            out, _ = await process.communicate()
    assert process.returncode == 0
    assert b"written, complete" in out


def test_commands__are_described() -> None:
    """Each command says what it does, and how it ends."""
    told = CliRunner().invoke(app, ["archive", "--help"], terminal_width=200).output
    for name in ("run", "backfill", "list", "verify", "show"):
        assert name in told
    assert "exit" in call("run", "--help").output.lower()


@pytest.mark.parametrize("words", [("list",), ("verify",), ("show", "2015-10-11")], ids=str)
def test_reading__no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A folder that is not there is no empty archive: a mistyped name is no success."""
    monkeypatch.setenv("ARCHIVE_DIR", str(tmp_path / "nosuch"))
    result = call(*words)
    assert result.exit_code == 1
    assert "there is no folder" in result.stderr


def test_list__without_a_contact(month: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who only reads archives needs no contact for Wikimedia."""
    monkeypatch.delenv("AQS_BASE_URL")
    result = call("list", "--limit", "1")
    assert (result.exit_code, month.is_dir()) == (0, True)
