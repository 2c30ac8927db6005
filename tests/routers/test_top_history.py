"""An article's ranks in the archived top lists, through the front door."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from pageviews_api.cli.demo import demo_settings
from pageviews_api.clients.archive_store import StoredArchive
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.config import Settings
from pageviews_api.demo.aqs import sample_aqs
from pageviews_api.main import create_app
from pageviews_api.schemas.archive import Outcome
from tests.conftest import YESTERDAY, Service
from tests.support.archives import archive, put, series, top_list
from tests.support.clock import FakeClock
from tests.support.serving import serve

HISTORY = "/api/v1/top/fr.wikipedia/history"
TODAY = date(2026, 11, 22)


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


async def put_lists(service: Service, lists: dict[int, tuple[str, ...]]) -> None:
    """Archive the top lists of days so many days ago, each in the archive of the day after."""
    for days, titles in lists.items():
        top = [top_list(ago(days), *titles), top_list(ago(days), "Katze", project="de.wikipedia")]
        await put(
            service.resources.store,
            archive(ago(days - 1), {series("Cat"): [1, 2, 3]}, top=top),
        )


async def ask(service: Service, query: str) -> dict[str, Any]:
    """Ask for ``Cat``'s history, which must be told."""
    response = await service.client.get(f"{HISTORY}?article=Cat&{query}")
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def statuses(answer: dict[str, Any]) -> list[str]:
    """Tell each day's rank, or why there is none."""
    return [str(item["rank"] or item["status"]) for item in answer["items"]]


async def test_history__of_what_the_job_archives(service: Service) -> None:
    """The list of yesterday, which the daily job kept today, is told."""
    rows = [("Main_Page", 900), ("Chat", 500), ("Cat", 500)]
    service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, rows)
    await service.resources.archiver.run()
    asked = service.aqs.count()
    response = await service.client.get(f"{HISTORY}?article=Cat&range=latest-1")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=60"
    assert response.json() == {
        "project": "fr.wikipedia",
        "article": "Cat",
        "access": "all-access",
        "agent": "user",
        "start": "2026-11-21",
        "end": "2026-11-21",
        "reason": None,
        "days_listed": 1,
        "days_archived": 1,
        "best": {"date": "2026-11-21", "rank": 2},
        "streaks": [
            {
                "start": "2026-11-21",
                "end": "2026-11-21",
                "days": 1,
                "best_rank": 2,
                "may_begin_earlier": True,
                "may_end_later": True,
            }
        ],
        "entries": [],
        "notice": None,
        "items": [{"date": "2026-11-21", "rank": 2, "views": 500, "status": "listed"}],
    }
    assert service.aqs.count() == asked


async def test_history__all_that_can_be(service: Service) -> None:
    """Ranks, absences and days without list are told, with streaks, entries and the best."""
    await put_lists(
        service,
        {9: ("A", "Cat"), 8: ("Cat",), 7: ("A",), 6: ("Cat", "A"), 4: ("A", "B", "Cat"), 2: ("A",)},
    )
    await put(
        service.resources.store,
        archive(
            ago(2),
            {series("Cat"): [1, 2, 3]},
            top=[top_list(ago(3), outcome=Outcome.FAILED)],
        ),
    )
    answer = await ask(service, f"start={ago(9)}&end={ago(1)}")
    none = "not_archived"
    assert statuses(answer) == ["2", "1", "not_listed", "1", none, "3", none, "not_listed", none]
    runs = [(one["start"], one["days"], one["best_rank"]) for one in answer["streaks"]]
    assert runs == [(str(ago(9)), 2, 1), (str(ago(6)), 1, 1), (str(ago(4)), 1, 3)]
    assert [one["may_end_later"] for one in answer["streaks"]] == [False, True, True]
    assert answer["entries"] == [str(ago(6))]
    assert answer["best"] == {"date": str(ago(8)), "rank": 1}
    assert (answer["days_listed"], answer["days_archived"]) == (4, 6)


async def test_history__default_range(service: Service) -> None:
    """Without a range, it is the 30 days up to the newest archived list."""
    await put_lists(service, {5: ("Cat",), 3: ("Cat",)})
    answer = await ask(service, "")
    assert (answer["start"], answer["end"]) == (str(ago(32)), str(ago(3)))
    assert len(answer["items"]) == 30
    assert answer["days_listed"] == 2


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("latest-1", 3, 3),
        ("latest-366", 368, 3),
        ("all-time", 40, 3),
        ("this-month", 21, 3),
        ("last-month", 52, 22),
        ("this-week", 6, 3),
    ],
)
async def test_history__ranges(service: Service, name: str, start: int, end: int) -> None:
    """Ranges have the same words as elsewhere; all time begins with the first archived list."""
    await put_lists(service, {40: ("Cat",), 3: ("Cat",)})
    answer = await ask(service, f"range={name}")
    assert (answer["start"], answer["end"]) == (str(ago(start)), str(ago(end)))


async def test_history__range_without_a_day_yet(service: Service) -> None:
    """A range of which no list is archived yet is empty, and says so."""
    await put_lists(service, {22: ("Cat",)})
    answer = await ask(service, "range=this-month")
    assert (answer["items"], answer["start"], answer["streaks"]) == ([], None, [])
    assert answer["reason"] == "No list of this range is archived yet."


async def test_history__projects_apart(service: Service) -> None:
    """Each project has lists of its own, and one without lists has none archived."""
    await put_lists(service, {1: ("Cat",)})
    for project, status in (("de", "not_listed"), ("es", "not_archived")):
        url = f"/api/v1/top/{project}.wikipedia/history?article=Cat&range=latest-1"
        (item,) = (await service.client.get(url)).json()["items"]
        assert item["status"] == status


@pytest.mark.parametrize("title", ["AC/DC", 'Say_"Hi"', "星野源", "A=B&C=D"])
async def test_history__titles(service: Service, title: str) -> None:
    """Any title can be asked for, with spaces or underscores."""
    await put_lists(service, {1: ("A", title)})
    for asked in (title, title.replace("_", " ")):
        url = f"{HISTORY}?article={quote(asked)}&range=latest-1"
        answer = (await service.client.get(url)).json()
        assert (answer["article"], answer["items"][0]["rank"]) == (title, 2)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "article"),
        ("article=", "article"),
        ("article=%00", "article"),
        ("article=Cat&article=Dog", "article"),
        ("article=Cat&range=latest-367", "range"),
        ("article=Cat&range=latest-9999", "range"),
        ("article=Cat&range=last-30", "range"),
        ("article=Cat&start=2025-11-21&end=2026-11-22", "end"),
        ("article=Cat&start=2026-11-21", "end"),
        ("article=Cat&end=2026-11-21", "start"),
        ("article=Cat&start=2026-11-21&end=2026-11-20", "start"),
        ("article=Cat&start=2026-11-21&end=2026-11-23", "end"),
        ("article=Cat&start=2015-06-30&end=2015-07-01", "start"),
        ("article=Cat&start=2026-11-20&end=2026-11-21&range=latest-7", "range"),
        ("article=Cat&access=desktop", "access"),
        ("article=Cat&date=2026-11-21", "date"),
    ],
)
async def test_history__bad_parameters(service: Service, query: str, name: str) -> None:
    """A parameter that is absent, or has no meaning, is refused by its name."""
    await put_lists(service, {1: ("Cat",)})
    response = await service.client.get(f"{HISTORY}?{query}")
    assert response.status_code == 422
    assert [one["loc"] for one in response.json()["errors"]] == [["query", name]]
    if "367" in query:
        assert "at most 366" in response.json()["detail"]


async def test_history__nothing_archived(service: Service) -> None:
    """While nothing at all is archived, there is nothing to tell."""
    for query in ("", "&start=2026-11-20&end=2026-11-21"):
        response = await service.client.get(f"{HISTORY}?article=Cat{query}")
        assert response.status_code == 404
        assert response.json()["type"] == "/problems/not-archived"


async def test_history__one_corrupt(service: Service, settings: Settings) -> None:
    """A list that cannot be read is missing, the rest is told, and nobody keeps the answer."""
    await put_lists(service, {3: ("Cat",), 2: ("Cat",), 1: ("Cat",)})
    settings.archive_dir.joinpath(f"{ago(1)}.json").write_text("{}")
    response = await service.client.get(f"{HISTORY}?article=Cat&range=latest-3")
    assert statuses(response.json()) == ["1", "missing", "1"]
    assert response.headers["cache-control"] == "no-store"
    first, second = response.json()["streaks"]
    assert (first["may_end_later"], second["may_begin_earlier"]) == (True, True)


class _SlowStore(FolderArchiveStore):
    """A folder of which some archives take until they are let go on."""

    def __init__(self, folder: Path, slow: set[date]) -> None:
        super().__init__(folder)
        self.slow = slow
        self.reads: list[date] = []
        self.at_once = self.most_at_once = 0

    async def read(self, day: date) -> StoredArchive | None:
        """Read, or wait."""
        self.reads.append(day)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if day in self.slow:
                await asyncio.Future()
            return await super().read(day)
        finally:
            self.at_once -= 1


async def test_history__not_all_in_time(
    service: Service, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not read within the deadline is missing; the newest is read first, two at a time."""
    await put_lists(service, dict.fromkeys(range(1, 9), ("Cat",)))
    store = _SlowStore(settings.archive_dir, slow={ago(3), ago(4)})
    monkeypatch.setattr(service.resources.archive_reader, "_store", store)
    monkeypatch.setattr(service.resources.archived_top_lists, "_deadline", 0.5)
    response = await service.client.get(f"{HISTORY}?article=Cat&range=latest-8")
    assert statuses(response.json()) == ["missing"] * 5 + ["1"] * 3
    assert response.headers["cache-control"] == "no-store"
    assert store.most_at_once == 2
    assert len(service.resources.archive_reader._reading) <= 4  # the rest is not begun any more


async def test_history__read_once(
    service: Service, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that were read are kept: asking again, of whichever article, reads nothing."""
    await put_lists(service, dict.fromkeys(range(1, 9), ("Cat",)))
    store = _SlowStore(settings.archive_dir, slow=set())
    monkeypatch.setattr(service.resources.archive_reader, "_store", store)
    for article in ("Cat", "Dog", "Cat"):
        url = f"{HISTORY}?article={article}&range=latest-8"
        assert (await service.client.get(url)).json()["days_archived"] == 8
        service.resources.archive_reader._kept.clear()
    assert sorted(store.reads) == [ago(days) for days in range(7, -1, -1)]


async def test_history__lists_kept_in_little_memory(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kept lists take no more than they may, and no list is wrong for that."""
    titles = tuple(f"Article_{number}" for number in range(200))
    await put_lists(service, dict.fromkeys(range(1, 9), (*titles, "Cat")))
    monkeypatch.setattr("pageviews_api.archive.reader.KEPT_TOPS_BYTES", 10_000)
    for _ in range(2):
        answer = await ask(service, "range=latest-8")
        assert statuses(answer) == ["201"] * 8
    reader = service.resources.archive_reader
    assert 0 < sum(map(len, reader._tops.values())) == reader._tops_bytes <= 10_000


async def test_history__does_not_hide_the_list(service: Service) -> None:
    """The day's list of the project itself is where it was."""
    service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Paris", 7)])
    response = await service.client.get("/api/v1/top/fr.wikipedia")
    assert response.json()["items"] == [{"article": "Paris", "views": 7, "rank": 1}]


async def test_example__is_true(tmp_path: Path) -> None:
    """The example in the OpenAPI document is an answer word for word, of the bundled sample."""
    clock = FakeClock(datetime(2015, 10, 11, 10, tzinfo=UTC))
    async with serve(sample_aqs()) as aqs_url:
        settings = demo_settings(aqs_url).model_copy(
            update={
                "archive_enabled": False,
                "archive_articles": "fr.wikipedia/Strasbourg",
                "archive_dir": tmp_path / "archives",
            }
        )
        app = create_app(settings, clock=clock)
        async with serve(app) as url, httpx.AsyncClient(base_url=url) as client:
            await app.state.resources.archiver.run(patient=False)
            answer = await client.get(
                "/api/v1/top/en.wikipedia/history"
                "?article=Carlos_Hathcock&start=2015-10-09&end=2015-10-10"
            )
    schemas = app.openapi()["components"]["schemas"]
    assert schemas["TopHistory"]["examples"] == [answer.json()]
