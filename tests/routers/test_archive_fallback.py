"""What the archive answers: when AQS cannot, and of what was known on an earlier day."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from pageviews_api.clients import rescue
from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.main import create_app
from pageviews_api.resources import open_resources
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY
from tests.support import aqs_faults
from tests.support.clock import FakeClock, SkippingClock
from tests.support.fake_aqs import FakeAqs

TODAY = YESTERDAY + timedelta(days=1)
STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


@dataclass(slots=True)
class Past:
    """Days on which we archived, and a service that begins with an empty store after them."""

    settings: Settings
    aqs: FakeAqs

    async def archive(self, day: date, *, at: date | None = None) -> None:
        """Make the archive of ``day``, on that day or a later one."""
        clock = FakeClock(datetime(*(at or day).timetuple()[:3], 12, tzinfo=UTC))
        self.aqs.loaded_through = (at or day) - timedelta(days=1)
        async with open_resources(self.settings, clock) as resources:
            (result,) = await resources.archiver.run(only=DateRange.only(day), patient=False)
            assert result.is_done

    def views(self, numbers: Mapping[date, int], title: str = "Strasbourg") -> None:
        """Set what AQS tells of an article from now on."""
        self.aqs.set_views("fr.wikipedia", title, Access.ALL_ACCESS, Agent.USER, numbers)

    @asynccontextmanager
    async def service(self) -> AsyncIterator[httpx.AsyncClient]:
        """Start the service today."""
        self.aqs.loaded_through = YESTERDAY
        app = create_app(self.settings, clock=SkippingClock())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
        ):
            yield client


@pytest.fixture
def past(settings: Settings, aqs: FakeAqs) -> Past:
    """Give a past in which Strasbourg has a thousand views and more every day."""
    return Past(settings, aqs)


async def ask(client: httpx.AsyncClient, url: str = STRASBOURG, **query: str) -> dict[str, Any]:
    """Ask, and be answered."""
    response = await client.get(url, params=query)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def numbers(**by_day: int) -> dict[date, int]:
    """Name the views of days: ``d2=7`` are 7 views two days ago, all else has 100."""
    return dict.fromkeys(DateRange(ago(200), ago(1)), 100) | {
        ago(int(name[1:])): views for name, views in by_day.items()
    }


async def test_article__aqs_is_down(past: Past) -> None:
    """Where nothing is held and AQS is down, archived days answer, each with its observation."""
    await past.archive(TODAY)
    past.aqs.behave(aqs_faults.failing())
    async with past.service() as client:
        answer = await ask(client)

    assert {item["status"] for item in answer["items"]} == {"archived"}
    assert {item["observed_on"] for item in answer["items"]} == {TODAY.isoformat()}
    assert [item["views"] for item in answer["items"]] == [
        1000 + day.toordinal() % 100 for day in DateRange(ago(30), ago(1))
    ]
    assert (answer["stale"], answer["complete_through"]) == (True, YESTERDAY.isoformat())
    assert answer["checked_at"] == f"{TODAY}T00:00:00Z"
    assert answer["summary"]["complete"] is True


async def test_article__not_archived(past: Past) -> None:
    """What is neither held nor archived stays the failure that it is."""
    await past.archive(TODAY)
    past.aqs.behave(aqs_faults.failing())
    async with past.service() as client:
        response = await client.get("/api/v1/articles/fr.wikipedia/Colmar")

    assert response.status_code == 502
    assert response.json()["type"] == "/problems/upstream-failed"


async def test_article__aqs_works(past: Past) -> None:
    """As long as AQS answers, nothing is told from the archive."""
    await past.archive(TODAY)
    async with past.service() as client:
        answer = await ask(client)

    assert {item["status"] for item in answer["items"]} == {"ok"}
    assert not any("observed_on" in item for item in answer["items"])
    assert answer["stale"] is False
    assert "as_of" not in answer


async def test_article__history_rolled_out(past: Past) -> None:
    """Days that left the newest archive's window are told from older archives; gaps are missing."""
    for back in (90, 60, 31, 0):
        await past.archive(ago(back))
    past.aqs.behave(aqs_faults.failing())
    async with past.service() as client:
        answer = await ask(client, start=ago(95).isoformat(), end=TODAY.isoformat())

    told = {date.fromisoformat(item["date"]): item for item in answer["items"]}
    assert told[ago(95)]["observed_on"] == ago(90).isoformat()
    assert told[ago(90)]["observed_on"] == ago(60).isoformat()
    assert told[ago(32)]["observed_on"] == ago(31).isoformat()
    assert told[ago(30)]["observed_on"] == TODAY.isoformat()
    assert (told[ago(31)]["status"], told[ago(31)]["views"]) == ("missing", None)
    assert told[TODAY]["status"] == "not_loaded"
    assert answer["summary"]["days_counted"] == 94
    assert answer["checked_at"] == f"{ago(90)}T00:00:00Z"


async def test_article__partly_held(past: Past) -> None:
    """Days that are held are told as held, and only the others from the archive."""
    await past.archive(TODAY)
    settings = past.settings.model_copy(update={"aqs_span_days": 7})
    past.settings = settings
    async with past.service() as client:
        await ask(client, range="latest-7")
        past.aqs.behave(aqs_faults.failing())
        answer = await ask(client, range="latest-14")

    statuses = [item["status"] for item in answer["items"]]
    assert statuses == ["archived"] * 7 + ["ok"] * 7
    assert answer["stale"] is True
    assert answer["checked_at"] == f"{TODAY}T00:00:00Z"


async def test_article__archive_is_down_too(past: Past) -> None:
    """Where the archive cannot be read, either, the answer is AQS's failure."""
    await past.archive(TODAY)
    (file,) = past.settings.archive_dir.glob("2*.json")
    file.write_bytes(file.read_bytes().replace(b'"views":1', b'"views":2'))
    past.aqs.behave(aqs_faults.failing())
    async with past.service() as client:
        response = await client.get(STRASBOURG)

    assert response.status_code == 502
    assert response.json()["type"] == "/problems/upstream-failed"


async def test_article__aqs_is_mute(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mute AQS does not use up a caller's time: the archive is read before it is over."""
    await past.archive(TODAY)
    past.aqs.behave(aqs_faults.slow())
    past.settings = past.settings.model_copy(update={"aqs_timeout": 4.0})
    monkeypatch.setattr(rescue, "AHEAD", 3.9)
    monkeypatch.setattr(rescue, "LEAST", 0.0)
    async with past.service() as client:
        answer = await ask(client)

    assert {item["status"] for item in answer["items"]} == {"archived"}


async def test_project__aqs_is_down(past: Past) -> None:
    """A project's archived total answers, too."""
    past.settings = past.settings.model_copy(
        update={"archive_articles": "fr.wikipedia:*|fr.wikipedia/Strasbourg"}
    )
    await past.archive(TODAY)
    past.aqs.behave(aqs_faults.failing())
    async with past.service() as client:
        answer = await ask(client, "/api/v1/projects/fr.wikipedia", granularity="monthly")

    assert answer["stale"] is True
    assert sum(item["days_counted"] for item in answer["items"]) == 30


async def test_top__aqs_is_down(past: Past) -> None:
    """The archived list of a day, or the newest one, answers when AQS cannot."""
    past.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Accueil", 9), ("B", 5)])
    await past.archive(TODAY)
    past.aqs.behave(aqs_faults.failing())
    async with past.service() as client:
        newest = await ask(client, "/api/v1/top/fr.wikipedia")
        same = await ask(client, "/api/v1/top/fr.wikipedia", date=YESTERDAY.isoformat())
        other = await client.get("/api/v1/top/fr.wikipedia", params={"date": ago(2).isoformat()})
        desktop = await client.get("/api/v1/top/fr.wikipedia", params={"access": "desktop"})

    assert [row["article"] for row in newest["items"]] == ["Accueil", "B"]
    assert newest["items"] == same["items"]
    assert (newest["date"], newest["stale"]) == (YESTERDAY.isoformat(), True)
    assert newest["checked_at"] == f"{TODAY}T00:00:00Z"
    assert other.status_code == desktop.status_code == 502


async def test_as_of__before_and_after_a_restatement(past: Past) -> None:
    """Each day is told as it was known then, with the day on which it was observed."""
    past.views(numbers(d12=700))
    await past.archive(ago(10))
    past.views(numbers(d12=800))
    await past.archive(ago(5))
    past.aqs.forget()
    async with past.service() as client:
        early = await ask(client, start=str(ago(12)), end=str(ago(11)), as_of=str(ago(6)))
        later = await ask(client, start=str(ago(12)), end=str(ago(11)), as_of=str(ago(5)))

    assert [item["views"] for item in early["items"]] == [700, 100]
    assert {item["observed_on"] for item in early["items"]} == {ago(10).isoformat()}
    assert [item["views"] for item in later["items"]] == [800, 100]
    assert {item["status"] for item in later["items"]} == {"archived"}
    assert (early["as_of"], early["stale"]) == (ago(6).isoformat(), False)
    assert past.aqs.count() == 0


async def test_as_of__named_range(past: Past) -> None:
    """A range that moves with the data ends with the newest day that was known then."""
    await past.archive(ago(10))
    async with past.service() as client:
        answer = await ask(client, range="latest-3", as_of=str(ago(8)))

    assert (answer["start"], answer["end"]) == (str(ago(13)), str(ago(11)))
    assert answer["complete_through"] == str(ago(11))


async def test_as_of__made_up_for_later(past: Past) -> None:
    """An archive that was made late is no evidence for the days before it was made."""
    past.views(numbers(d12=700))
    await past.archive(ago(10))
    past.views(numbers(d12=800))
    await past.archive(ago(9), at=ago(4))
    async with past.service() as client:
        before = await ask(client, start=str(ago(12)), end=str(ago(11)), as_of=str(ago(5)))
        after = await ask(client, start=str(ago(12)), end=str(ago(11)), as_of=str(ago(4)))

    assert [item["views"] for item in before["items"]] == [700, 100]
    assert [item["views"] for item in after["items"]] == [800, 100]
    assert {item["observed_on"] for item in after["items"]} == {str(ago(4))}


@pytest.mark.parametrize(
    ("title", "query"),
    [
        pytest.param("Strasbourg", {"as_of": str(ago(11))}, id="before the first archive"),
        pytest.param("Colmar", {"as_of": str(ago(5))}, id="an article that is not archived"),
        pytest.param(
            "Strasbourg",
            {"as_of": str(ago(5)), "start": "2016-01-01", "end": "2016-01-02"},
            id="days that are not archived",
        ),
    ],
)
async def test_as_of__not_archived(past: Past, title: str, query: dict[str, str]) -> None:
    """What was not archived by then is a 404 that says so."""
    await past.archive(ago(10))
    async with past.service() as client:
        response = await client.get(f"/api/v1/articles/fr.wikipedia/{title}", params=query)

    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not-archived"


@pytest.mark.parametrize("as_of", [str(TODAY + timedelta(days=1)), "2015-06-30", "yesterday"])
async def test_as_of__no_such_day(past: Past, as_of: str) -> None:
    """A day that has not come, or is before all data, is refused by the parameter's name."""
    async with past.service() as client:
        response = await client.get(STRASBOURG, params={"as_of": as_of})

    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["query", "as_of"]


async def test_article__many_callers_while_aqs_is_down(past: Past) -> None:
    """A hundred callers at once are all answered from one reading of the archive."""
    await past.archive(TODAY)
    past.aqs.behave(aqs_faults.failing())
    async with past.service() as client:
        answers = await asyncio.gather(*(ask(client) for _ in range(100)))

    assert all(answer["items"] == answers[0]["items"] for answer in answers)


@pytest.mark.parametrize("query", [{}, {"date": YESTERDAY.isoformat()}], ids=["newest", "a day"])
async def test_top__aqs_is_mute(
    past: Past, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    """A mute AQS leaves time to read the archived list."""
    past.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Accueil", 9)])
    await past.archive(TODAY)
    past.aqs.behave(aqs_faults.slow())
    past.settings = past.settings.model_copy(update={"aqs_timeout": 6.0})
    monkeypatch.setattr(rescue, "AHEAD", 30.0)  # half of the deadline is left to AQS
    async with past.service() as client:
        answer = await ask(client, "/api/v1/top/fr.wikipedia", **query)

    assert [row["article"] for row in answer["items"]] == ["Accueil"]
    assert answer["stale"] is True


async def test_article__archive_hangs(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has an answer in part does not wait for a hung archive until the deadline."""
    monkeypatch.setattr(rescue, "AHEAD", 0.05)
    await past.archive(TODAY)
    clock = SkippingClock()
    app = create_app(past.settings.model_copy(update={"aqs_timeout": 60.0}), clock=clock)
    past.aqs.loaded_through = YESTERDAY
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        await ask(client)
        clock.advance(3 * 86_400)
        past.aqs.behave(aqs_faults.failing())
        monkeypatch.setattr(app.state.resources.store, "read", _never)
        began = asyncio.get_running_loop().time()
        answer = await ask(client, start=str(ago(30)), end=str(ago(1)))

    assert asyncio.get_running_loop().time() - began < 30  # of the deadline's 60 s
    assert {item["status"] for item in answer["items"]} == {"ok", "missing"}


async def test_as_of__archive_hangs(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hung archive is the archive's failure, and not Wikimedia's."""
    await past.archive(TODAY)
    past.settings = past.settings.model_copy(update={"aqs_timeout": 1.0})
    app = create_app(past.settings, clock=FakeClock())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        monkeypatch.setattr(app.state.resources.store, "read", _never)
        response = await client.get(STRASBOURG, params={"as_of": str(TODAY)})

    assert response.status_code == 503
    assert response.json()["type"] == "/problems/archive-unavailable"


async def _never(_: date) -> None:
    await asyncio.Event().wait()
