"""The shelf where the store fails: what waits in memory is bounded, and a refusal is told."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from pageviews_api.archive.shelf import MAX_UNSAVED, ArchiveShelf, DayOutcome
from pageviews_api.clients.archive_store import NOTHING, About
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.exceptions import ArchiveDeniedError, ArchiveError, ArchiveUnavailableError
from tests.support.clock import SkippingClock
from tests.support.small_archives import archive_of

TODAY = date(2026, 11, 22)


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


class FailingStore(FolderArchiveStore):
    """Writes nothing as long as it is to fail."""

    failure: ArchiveError | None = None

    async def create(self, day: date, body: bytes, *, run_id: str, about: About = NOTHING) -> None:
        """Fail, or create it."""
        if self.failure is not None:
            raise self.failure
        await super().create(day, body, run_id=run_id, about=about)


@pytest.fixture
def store(tmp_path: Path) -> FailingStore:
    """Give a folder."""
    return FailingStore(tmp_path)


@pytest.fixture
def shelf(store: FailingStore) -> ArchiveShelf:
    """Give a shelf before the folder, on whose clock waiting takes no time."""
    return ArchiveShelf(store, clock=SkippingClock(), tries=2)


async def kept_in_memory(shelf: ArchiveShelf, days: int) -> list[date]:
    """Tell of which days something is known that is not stored."""
    return [day for day in map(ago, range(days)) if await shelf.before(day) is not None]


@pytest.mark.parametrize("newest_first", [True, False])
async def test_keep__a_year_that_cannot_be_stored(
    shelf: ArchiveShelf, store: FailingStore, *, newest_first: bool
) -> None:
    """Of many days that cannot be stored the newest two wait in memory, and are stored later."""
    store.failure = ArchiveDeniedError("no permission")
    days = [ago(back) for back in range(20)]
    for day in days if newest_first else reversed(days):
        await shelf.keep(archive_of(day, {"A": [1, 2, 3]}), run_id="run")
    assert await kept_in_memory(shelf, 20) == [ago(0), ago(1)]
    assert (await shelf.look(days)).incomplete == {ago(0), ago(1)}
    assert MAX_UNSAVED == 2

    store.failure = None
    for back in (19, 1, 0):
        result = await shelf.keep(archive_of(ago(back), {"A": [1, 2, 3]}), run_id="run")
        assert result.outcome is DayOutcome.WRITTEN

    assert await store.days() == [ago(19), ago(1), ago(0)]
    assert (await shelf.look(days)).incomplete == set()


@pytest.mark.parametrize(
    ("failure", "refused"),
    [(ArchiveDeniedError("no permission"), True), (ArchiveUnavailableError("down"), False)],
)
async def test_keep__tells_of_a_refusal(
    shelf: ArchiveShelf, store: FailingStore, failure: ArchiveError, *, refused: bool
) -> None:
    """A result tells a store that refuses us, where going on is useless, from one that is down."""
    store.failure = failure

    result = await shelf.keep(archive_of(TODAY, {"A": [1, 2, 3]}), run_id="run")

    assert (result.outcome, result.refused) == (DayOutcome.FAILED, refused)


async def test_keep__stored(shelf: ArchiveShelf) -> None:
    """What is stored was not refused."""
    result = await shelf.keep(archive_of(TODAY, {"A": [1, 2, 3]}), run_id="run")

    assert (result.outcome, result.refused) == (DayOutcome.WRITTEN, False)
