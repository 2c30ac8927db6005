"""The list of what to archive, in a bucket: read anew before each run; never a reason to stop."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from pageviews_api.archive import articles_file as module
from pageviews_api.archive.articles_file import ArticlesFile
from pageviews_api.exceptions import ArchiveDeniedError, ArchiveError, ArchiveUnavailableError
from pageviews_api.schemas.selection import Selection, parse_selection

if TYPE_CHECKING:
    from loguru import Message

LOCATION = "s3://bucket/articles.txt"


class Remote:
    """An object of a bucket, which can be changed and can fail."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.failure: ArchiveError | None = None

    async def read(self) -> bytes:
        """Read it."""
        if self.failure is not None:
            raise self.failure
        return self.text


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """Take what is logged."""
    taken: list[dict[str, Any]] = []

    def take(message: "Message") -> None:
        record = message.record
        taken.append(
            {"level": record["level"].name, "message": record["message"], **record["extra"]}
        )

    sink = logger.add(take, format="")
    yield taken
    logger.remove(sink)


async def test_selection__as_it_is_now() -> None:
    """What the list says counts from the next run on, beside what the settings name."""
    remote = Remote("# ours\nen.wikipedia/Café\nfr.wikipedia:*\n".encode())
    file = ArticlesFile(LOCATION, remote.read, also="en.wikipedia/Cat|top:5")
    assert await file.selection() == Selection(
        (("en.wikipedia", "Cat"), ("en.wikipedia", "Café")), ("fr.wikipedia",), 5
    )

    remote.text = b"en.wikipedia/Dog\r\nen.wikipedia/Cat"

    assert await file.selection() == Selection(
        (("en.wikipedia", "Cat"), ("en.wikipedia", "Dog")), (), 5
    )


@pytest.mark.parametrize(
    "failure", [ArchiveUnavailableError("down"), ArchiveDeniedError("it is not there")]
)
async def test_selection__cannot_be_read(
    failure: ArchiveError, lines: list[dict[str, Any]]
) -> None:
    """A list that cannot be read now stands as it was read last, which is logged."""
    remote = Remote(b"en.wikipedia/Cat")
    file = ArticlesFile(LOCATION, remote.read, also="")
    first = await file.selection()
    remote.failure = failure

    assert await file.selection() == first

    (line,) = lines
    assert (line["level"], line["location"]) == ("WARNING", LOCATION)
    remote.failure, remote.text = None, b"en.wikipedia/Dog"
    assert await file.selection() == Selection((("en.wikipedia", "Dog"),))


async def test_selection__never_read() -> None:
    """A list that was never read is an error: what to archive is not known."""
    remote = Remote(b"")
    remote.failure = ArchiveUnavailableError("down")

    with pytest.raises(ArchiveUnavailableError, match="down"):
        await ArticlesFile(LOCATION, remote.read, also="en.wikipedia/Cat").selection()


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"\n\n | \n", b"CANARY\n"])
async def test_selection__names_nothing(text: bytes) -> None:
    """A list of nothing is a fault, at first and later on: it does not empty the archive (F26)."""
    remote = Remote(text)
    file = ArticlesFile(LOCATION, remote.read, also="")
    with pytest.raises(ArchiveDeniedError, match="names nothing"):
        await file.selection()
    remote.text = b"en.wikipedia/Cat"
    first = await file.selection()

    remote.text = text

    assert await file.selection() == first


async def test_selection__bad_entries(lines: list[dict[str, Any]]) -> None:
    """A bad entry, or bytes that are no text, are left out and named by number; no more (F26).

    The numbers are the file's own, whatever the settings name beside it.
    """
    remote = Remote(
        b"en.wikipedia/Cat\nCANARY\nevil.com/CANARY\nen.wikipedia/\xff\xfe\nen.wikipedia/Dog"
    )
    file = ArticlesFile(LOCATION, remote.read, also="en.wikipedia/A|en.wikipedia/B")

    selection = await file.selection()

    assert [title for _, title in selection.articles] == ["A", "B", "Cat", "Dog"]
    assert {line["level"] for line in lines} == {"ERROR"}
    assert [line["reason"].split(" is neither")[0] for line in lines] == [
        "cannot be read: entry 2",
        "cannot be read: entry 3",
        "cannot be read: entry 4",
    ]
    assert "CANARY" not in str(lines)


async def test_selection__byte_order_mark(lines: list[dict[str, Any]]) -> None:
    """A list that an editor began with a byte order mark loses no entry by it."""
    remote = Remote(b"\xef\xbb\xbfen.wikipedia/Cat\nen.wikipedia/Dog")

    selection = await ArticlesFile(LOCATION, remote.read, also="").selection()

    assert [title for _, title in selection.articles] == ["Cat", "Dog"]
    assert lines == []


async def test_selection__off_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long list is parsed in a thread: those who ask meanwhile do not wait for it."""
    threads: set[str] = set()

    def parse(text: str, *, refused: list[str] | None = None) -> Selection:
        threads.add(threading.current_thread().name)
        return parse_selection(text, refused=refused)

    monkeypatch.setattr(module, "parse_selection", parse)
    remote = Remote(b"en.wikipedia/Cat")

    assert await ArticlesFile(LOCATION, remote.read, also="").selection()

    assert threads
    assert threading.current_thread().name not in threads
