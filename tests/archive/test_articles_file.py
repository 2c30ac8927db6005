"""The list of what to archive, in a bucket: read anew before each run; never a reason to stop."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from loguru import logger

from pageviews_api.archive.articles_file import ArticlesFile
from pageviews_api.exceptions import ArchiveDeniedError, ArchiveError, ArchiveUnavailableError
from pageviews_api.schemas.selection import Selection

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
    """A bad entry, or bytes that are no text, are left out and named by number; no more (F26)."""
    remote = Remote(
        b"en.wikipedia/Cat\nCANARY\nevil.com/CANARY\nen.wikipedia/\xff\xfe\nen.wikipedia/Dog"
    )
    file = ArticlesFile(LOCATION, remote.read, also="")

    selection = await file.selection()

    assert [pair for pair in selection.articles if "\N{REPLACEMENT CHARACTER}" not in pair[1]] == [
        ("en.wikipedia", "Cat"),
        ("en.wikipedia", "Dog"),
    ]
    assert {line["level"] for line in lines} == {"ERROR"}
    assert len(lines) >= 2
    assert "CANARY" not in str(lines)
