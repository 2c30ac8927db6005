"""Ranges of top lists, filters and comparisons, through the front door."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from pageviews_api.clients import rescue
from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.demo.sample import load_sample
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import settle
from tests.support.fake_aqs import When
from tests.support.top_cut import cut_list

TOP = "/api/v1/top/fr.wikipedia"

A_DAY = date(2026, 11, 1)


def day(number: int) -> date:
    """Name a day of November 2026, or before it."""
    return A_DAY + timedelta(days=number - 1)


def of_top(path: str) -> bool:
    """Tell whether a request is for a top list."""
    return "/top/" in path


def of(number: int) -> When:
    """Tell whether a request is for the list of that day of November."""
    return lambda path: path.endswith(f"/{day(number):%Y/%m/%d}")


def put(service: Service, number: int, *rows: tuple[str, int], project: str = "fr") -> None:
    """Set the list of a day of November."""
    service.aqs.set_top(f"{project}.wikipedia", "all-access", day(number), rows)


async def ask(service: Service, query: str, project: str = "fr.wikipedia") -> dict[str, Any]:
    """Ask for what was viewed most, which must be told."""
    response = await service.client.get(f"/api/v1/top/{project}?{query}")
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def rows(answer: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    """Tell these fields of each row."""
    return [tuple(row[name] for name in names) for row in answer["items"]]


async def test_range__bounds(service: Service) -> None:
    """A page has the sum of its lists at least, and the last rows of the others more at most."""
    put(service, 1, ("Accueil", 900), ("Paris", 50), ("Chat", 40))
    put(service, 2, ("Accueil", 800), ("Paris", 60), ("Chien", 30))
    answer = await ask(service, "start=2026-11-01&end=2026-11-02")
    assert answer == {
        "project": "fr.wikipedia",
        "access": "all-access",
        "agent": "user",
        "start": "2026-11-01",
        "end": "2026-11-02",
        "reason": None,
        "days_in_range": 2,
        "days_missing": [],
        "certain_through_rank": 2,
        "unlisted_max": 70,
        "checked_at": "2026-11-22T12:00:00Z",
        "stale": False,
        "notice": None,
        "annotations": [],
        "items": [
            _row("Accueil", 1, 1700, 1700, 2),
            _row("Paris", 2, 110, 110, 2),
            _row("Chat", 3, 40, 70, 1),
            _row("Chien", 4, 30, 70, 1),
        ],
    }


def _row(article: str, rank: int, low: int, high: int, days: int) -> dict[str, Any]:
    bounds = {"views_min": low, "views_max": high, "days_listed": days, "exact": low == high}
    return {"article": article, "rank": rank} | bounds


async def test_range__true_sums_are_within(service: Service) -> None:
    """What AQS cuts off its lists is within the bounds that are told."""
    titles = [f"T{number}" for number in range(40)]
    counts = {
        number: {title: 1 + (7 * at * number + at * at) % 31 for at, title in enumerate(titles)}
        for number in range(1, 8)
    }
    for number, true in counts.items():
        listed = cut_list(true, rows=20)
        assert 0 < len(listed) <= 20
        put(service, number, *((row.article, row.views) for row in listed))
    answer = await ask(service, "start=2026-11-01&end=2026-11-07")
    told = {row["article"]: (row["views_min"], row["views_max"]) for row in answer["items"]}
    for title in titles:
        low, high = told.get(title, (0, answer["unlisted_max"]))
        assert low <= sum(true[title] for true in counts.values()) <= high


async def test_range__each_list_is_fetched_once(service: Service) -> None:
    """A second range that overlaps asks for the new days only, and so does a single day."""
    for number in range(1, 12):
        put(service, number, ("Paris", 100 + number))
    await ask(service, "start=2026-11-01&end=2026-11-07")
    assert service.aqs.count(of_top) == 7
    assert service.aqs.count() == 8  # the project's totals tell whether a day was restated
    await ask(service, "start=2026-11-04&end=2026-11-10")
    assert service.aqs.count(of_top) == 10
    await ask(service, "start=2026-11-02&end=2026-11-09&namespace=main&limit=1")
    await ask(service, "date=2026-11-05")
    assert service.aqs.count() == 11


async def test_range__of_31_days(service: Service) -> None:
    """31 days may be asked for; never are more than three lists asked for at a time."""
    for number in range(-10, 21):
        put(service, number, ("Paris", 10), (f"T{number}", 5))
    service.aqs.delay = 0.01
    answer = await ask(service, f"start={day(-10)}&end={day(20)}")
    assert (answer["days_in_range"], answer["days_missing"]) == (31, [])
    assert rows(answer, "article", "views_min", "exact")[0] == ("Paris", 310, True)
    assert service.aqs.count(of_top) == 31
    assert service.aqs.max_in_flight <= 3


async def test_range__leaves_room(service: Service) -> None:
    """Who asks for many lists asks for three at a time: another caller comes in between."""
    for number in range(-10, 21):
        put(service, number, ("Paris", 10))
    await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
    service.aqs.forget()
    service.aqs.behave(aqs_faults.slow(), when=of_top)
    asking = asyncio.create_task(ask(service, f"start={day(-10)}&end={day(20)}"))
    await service.aqs.until_in_flight(3)
    other = asyncio.create_task(service.client.get("/api/v1/projects/fr.wikipedia?agent=spider"))
    await settle()
    service.aqs.recover()
    await asyncio.gather(asking, other)
    asked = [request.path for request in service.aqs.requests]
    first = next(n for n, path in enumerate(asked) if "/spider/" in path)
    assert first < 12  # not behind all of the 31


async def test_range__touched_by_an_incident(service: Service) -> None:
    """A list of days that are known to be touched by something says so."""
    for number in (1, 2):
        put(service, number, ("Paris", 10))
    assert (await ask(service, f"start={day(1)}&end={day(2)}"))["annotations"] == []
    rows = [("Pagina_principale", 7)]
    for known in (date(2024, 3, 30), date(2024, 4, 1)):
        service.aqs.set_top("it.wikipedia", "all-access", known, rows)
    response = await service.client.get("/api/v1/top/it.wikipedia?start=2024-03-30&end=2024-04-01")
    answer = response.json()
    assert [one["id"] for one in answer["annotations"]] == ["2024-it-wikipedia-top-hole"]
    assert answer["days_missing"] == [{"date": "2024-03-31", "status": "hole"}]
    whole = (await service.client.get("/api/v1/top/it.wikipedia?date=2024-04-01")).json()
    assert whole["annotations"] == []


async def test_range__many_callers(service: Service) -> None:
    """Many callers of one range cost one request for each of its days."""
    for number in (1, 2, 3):
        put(service, number, ("Paris", 10))
    query = "start=2026-11-01&end=2026-11-03"
    answers = await asyncio.gather(*(ask(service, query) for _ in range(50)))
    assert service.aqs.count(of_top) == 3
    assert all(answer["items"] == answers[0]["items"] for answer in answers)


async def test_range__days_without_a_list(service: Service) -> None:
    """A day without a list is named with the reason; then nothing is said of an upper bound."""
    for number in (1, 3, 19, 20):
        put(service, number, ("Paris", 10), ("Chat", 5))
    service.aqs.behave(aqs_faults.html_page(), when=of(3))
    answer = await ask(service, "start=2026-11-01&end=2026-11-03")
    assert answer["days_missing"] == [
        {"date": "2026-11-02", "status": "hole"},
        {"date": "2026-11-03", "status": "missing"},
    ]
    assert rows(answer, "article", "rank", "views_min", "views_max", "days_listed", "exact") == [
        ("Paris", 1, 10, None, 1, False),
        ("Chat", 2, 5, None, 1, False),
    ]
    assert (answer["unlisted_max"], answer["certain_through_rank"]) == (None, 0)
    assert answer["stale"] is True


async def test_range__newest_days_are_not_loaded(service: Service) -> None:
    """Days after the newest list are not loaded yet, and today is not even asked for."""
    put(service, 18, ("Paris", 10))
    put(service, 20, ("Paris", 10))
    answer = await ask(service, "start=2026-11-18&end=2026-11-22")
    assert answer["days_missing"] == [
        {"date": "2026-11-19", "status": "hole"},
        {"date": "2026-11-21", "status": "not_loaded"},
        {"date": "2026-11-22", "status": "not_loaded"},
    ]
    assert answer["stale"] is False
    assert service.aqs.count(of_top) == 4


async def test_range__gap_before_a_list_that_was_seen(service: Service) -> None:
    """A day is lost, too, where a later list is known from another question."""
    put(service, 19, ("Paris", 10))
    put(service, 21, ("Paris", 10))
    query = "start=2026-11-19&end=2026-11-20"
    assert (await ask(service, query))["days_missing"][0]["status"] == "not_loaded"
    await ask(service, "date=2026-11-21")
    assert (await ask(service, query))["days_missing"][0]["status"] == "hole"


async def test_range__no_list_at_all(service: Service) -> None:
    """Where no day has a list, that is said; where none can be had now, that."""
    query = f"{TOP}?start=2026-11-01&end=2026-11-02"
    response = await service.client.get(query)
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/no-top-list"
    assert "2026-11-01 to 2026-11-02" in response.json()["detail"]
    unknown = await service.client.get(query.replace("fr.", "xx."))
    assert unknown.json()["type"] == "/problems/unknown-project"
    service.aqs.behave(aqs_faults.html_page())
    failed = await service.client.get(query.replace("-11-", "-10-"))
    assert failed.status_code == 502


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("latest-1", 20, 20),
        ("latest-7", 14, 20),
        ("latest-31", -10, 20),
        ("this-week", 16, 20),
        ("last-week", 9, 15),
        ("this-month", 1, 20),
        ("last-month", -30, 0),
    ],
)
async def test_range__named(service: Service, name: str, start: int, end: int) -> None:
    """Ranges that go on end with the newest list; finished ones are whole."""
    for number in range(-30, 21):
        put(service, number, ("Paris", 1))
    answer = await ask(service, f"range={name}")
    assert (answer["start"], answer["end"]) == (str(day(start)), str(day(end)))
    assert answer["items"] == [_row("Paris", 1, end - start + 1, end - start + 1, end - start + 1)]


async def test_range__finished_ones_do_not_ask_for_the_newest(service: Service) -> None:
    """Of last week only its own lists are asked for."""
    put(service, 10, ("Paris", 1))
    await ask(service, "range=last-week")
    assert service.aqs.count(of_top) == 7


async def test_range__holds_no_day_yet(service: Service) -> None:
    """On the first of a month, its range is empty, and says why."""
    put(service, 0, ("Paris", 1))
    service.clock.set(service.clock.now().replace(day=1))
    answer = await ask(service, "range=this-month")
    assert (answer["items"], answer["start"], answer["days_in_range"]) == ([], None, 0)
    assert answer["reason"] == "No day of this range is loaded yet."


async def test_range__no_newest_list(service: Service) -> None:
    """Without a list in the last week, there is no range that ends with the newest."""
    put(service, 10, ("Paris", 1))
    response = await service.client.get(f"{TOP}?range=latest-7")
    assert response.status_code == 404
    assert "the last 7 days" in response.json()["detail"]


async def test_range__as_rows(service: Service) -> None:
    """A range comes as CSV as well, with both bounds."""
    put(service, 1, ("Paris", 50), ("Chat", 40))
    put(service, 2, ("Paris", 60), ("Chien", 30))
    response = await service.client.get(f"{TOP}?start=2026-11-01&end=2026-11-02&format=csv")
    assert response.text.splitlines()[1:3] == [
        "fr.wikipedia,all-access,user,2026-11-01,2026-11-02,1,Paris,110,110,2,true",
        "fr.wikipedia,all-access,user,2026-11-01,2026-11-02,2,Chat,40,70,1,false",
    ]
    compared = await service.client.get(f"{TOP}?date=2026-11-02&compare=previous&format=csv")
    assert compared.text.splitlines() == [
        "project,access,agent,date,rank,article,views,previous_rank,is_new",
        "fr.wikipedia,all-access,user,2026-11-02,1,Paris,60,1,false",
        "fr.wikipedia,all-access,user,2026-11-02,2,Chien,30,,true",
    ]


class TestSample:
    """Filters, with the real list of the bundled sample."""

    @pytest.fixture(autouse=True)
    def _sample(self, service: Service) -> None:
        top = load_sample().top
        listed = [(row.article, row.views) for row in top.rows]
        service.aqs.set_top(top.project, top.access, top.day, listed)

    async def test_filter__main_namespace(self, service: Service) -> None:
        """Other namespaces are left out; the others keep their rank."""
        query = "date=2015-10-10&namespace=main"
        answer = await ask(service, query, "en.wikipedia")
        assert answer["filter_certain"] is True
        assert len(answer["items"]) == 89
        assert rows(answer, "article", "rank")[:3] == [
            ("Main_Page", 1),
            ("Carlos_Hathcock", 3),
            ("UEFA_Euro_2016_qualifying", 6),
        ]
        assert ("American_Horror_Story:_Hotel", 11) in rows(answer, "article", "rank")

    async def test_filter__main_page(self, service: Service) -> None:
        """The main page is left out; all else stays."""
        query = "date=2015-10-10&main_page=false"
        answer = await ask(service, query, "en.wikipedia")
        assert len(answer["items"]) == 99
        assert rows(answer, "article", "rank")[0] == ("Special:Search", 2)

    async def test_filter__range(self, service: Service) -> None:
        """In a range the rows that are left are ranked among themselves."""
        query = "start=2015-10-10&end=2015-10-10&namespace=main&main_page=false"
        answer = await ask(service, query, "en.wikipedia")
        assert rows(answer, "article", "rank", "views_min", "exact")[:2] == [
            ("Carlos_Hathcock", 1, 291358, True),
            ("UEFA_Euro_2016_qualifying", 2, 143704, True),
        ]
        assert answer["certain_through_rank"] == len(answer["items"]) == 88
        assert answer["unlisted_max"] == 29060

    async def test_filter__none(self, service: Service) -> None:
        """Without a filter nothing is said of one, and all is told."""
        answer = await ask(service, "date=2015-10-10", "en.wikipedia")
        assert len(answer["items"]) == 100
        assert not {"filter_certain", "previous"} & answer.keys()

    async def test_limit(self, service: Service) -> None:
        """As many rows as are wanted are told, of those that a filter leaves."""
        for query in ("date=2015-10-10", "start=2015-10-10&end=2015-10-10"):
            answer = await ask(service, f"{query}&namespace=main&limit=2", "en.wikipedia")
            assert rows(answer, "article") == [("Main_Page",), ("Carlos_Hathcock",)]


async def test_filter__project_without_names(service: Service) -> None:
    """Where we do not know a project's names, English ones are left out, and that is said."""
    service.aqs.set_views("xx.wikipedia", None, "all-access", "user", {YESTERDAY: 1})
    put(service, 1, ("Main_Page", 9), ("Special:Search", 8), ("Xyz:Search", 7), project="xx")
    answer = await ask(service, "date=2026-11-01&namespace=main&main_page=false", "xx.wikipedia")
    assert answer["filter_certain"] is False
    assert rows(answer, "article") == [("Xyz:Search",)]


async def test_filter__local_names(service: Service) -> None:
    """A project's own names count, and so do its main page and the English names."""
    put(service, 1, ("Wikipédia:Accueil_principal", 9), ("Spécial:Recherche", 8), ("Paris", 7))
    answer = await ask(service, "date=2026-11-01&namespace=main")
    assert rows(answer, "article", "rank") == [("Paris", 3)]
    answer = await ask(service, "date=2026-11-01&main_page=false")
    assert rows(answer, "article") == [("Spécial:Recherche",), ("Paris",)]


class TestCompared:
    """Ranks beside those of the period before."""

    async def test_compare__day(self, service: Service) -> None:
        """Each row has its rank of the day before; who was not in that list is new."""
        put(service, 1, ("Accueil", 9), ("Chat", 8), ("Paris", 7))
        put(service, 2, ("Accueil", 9), ("Paris", 8), ("Chien", 7))
        answer = await ask(service, "date=2026-11-02&compare=previous")
        assert answer["previous"] == {"start": "2026-11-01", "end": "2026-11-01", "complete": True}
        assert rows(answer, "article", "rank", "previous_rank", "is_new") == [
            ("Accueil", 1, 1, False),
            ("Paris", 2, 3, False),
            ("Chien", 3, None, True),
        ]
        assert service.aqs.count(of_top) == 2

    async def test_compare__newest(self, service: Service) -> None:
        """The newest list is compared with that of the day before it."""
        put(service, 20, ("Paris", 9))
        answer = await ask(service, "compare=previous")
        assert (answer["date"], answer["previous"]["start"]) == ("2026-11-20", "2026-11-19")

    async def test_compare__month(self, service: Service) -> None:
        """A month is compared with the month before."""
        service.aqs.set_top("fr.wikipedia", "all-access", "2026-02", [("Paris", 9), ("Chat", 8)])
        service.aqs.set_top("fr.wikipedia", "all-access", "2026-03", [("Chat", 9), ("Paris", 8)])
        answer = await ask(service, "month=2026-03&compare=previous")
        assert answer["previous"] == {"start": "2026-02-01", "end": "2026-02-28", "complete": True}
        assert rows(answer, "article", "previous_rank") == [("Chat", 2), ("Paris", 1)]

    async def test_compare__range(self, service: Service) -> None:
        """A range is compared with as many days before it, ranked and filtered in the same way."""
        put(service, 1, ("Spécial:Recherche", 90), ("Paris", 9), ("Chat", 8))
        put(service, 2, ("Paris", 1), ("Chat", 3))
        put(service, 3, ("Paris", 9), ("Chien", 8))
        put(service, 4, ("Paris", 9), ("Chat", 2))
        answer = await ask(
            service, "start=2026-11-03&end=2026-11-04&compare=previous&namespace=main"
        )
        assert answer["previous"] == {"start": "2026-11-01", "end": "2026-11-02", "complete": True}
        assert rows(answer, "article", "rank", "previous_rank", "is_new") == [
            ("Paris", 1, 2, False),
            ("Chien", 2, None, True),
            ("Chat", 3, 1, False),
        ]

    async def test_compare__list_before_is_missing(self, service: Service) -> None:
        """Where a list before is missing, nobody is called new who may not be."""
        put(service, 2, ("Paris", 9))
        put(service, 3, ("Paris", 9), ("Chien", 8))
        put(service, 4, ("Paris", 9))
        answer = await ask(service, "start=2026-11-03&end=2026-11-04&compare=previous")
        assert answer["previous"]["complete"] is False
        assert rows(answer, "article", "previous_rank", "is_new") == [
            ("Paris", 1, False),
            ("Chien", None, None),
        ]
        assert answer["days_missing"] == []
        answer = await ask(service, "date=2026-11-02&compare=previous")
        assert rows(answer, "article", "previous_rank", "is_new") == [("Paris", None, None)]

    @pytest.mark.parametrize(
        ("query", "asked"),
        [
            ("date=2015-07-01", 1),
            ("month=2015-07", 1),
            ("start=2015-07-01&end=2015-07-02", 2),
            ("start=2015-07-02&end=2015-07-03", 3),
        ],
    )
    async def test_compare__before_the_data_begin(
        self, service: Service, query: str, asked: int
    ) -> None:
        """Before July 2015 there are no lists, and none is asked for."""
        for number in (1, 2, 3):
            service.aqs.set_top("fr.wikipedia", "all-access", date(2015, 7, number), [("A", 1)])
        service.aqs.set_top("fr.wikipedia", "all-access", "2015-07", [("A", 1)])
        answer = await ask(service, f"{query}&compare=previous")
        assert answer["previous"]["complete"] is False
        assert service.aqs.count(of_top) == asked

    async def test_compare__not_asked_for(self, service: Service) -> None:
        """Without it, no other list is asked for."""
        put(service, 1, ("Paris", 9))
        put(service, 2, ("Paris", 9))
        await ask(service, "date=2026-11-02")
        assert service.aqs.count(of_top) == 1


class TestInTime:
    """What is to be had in time is told."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which callers wait four seconds."""
        return settings.model_copy(update={"aqs_timeout": 4.0, "cache_wait": 0.0})

    async def test_range__a_mute_list(self, service: Service) -> None:
        """A list that does not come in time is missing; it comes later."""
        for number in (1, 2, 3):
            put(service, number, ("Paris", 9))
        service.aqs.behave(aqs_faults.slow(), when=of(2))
        query = "start=2026-11-01&end=2026-11-03"
        answer = await ask(service, query)
        assert answer["days_missing"] == [{"date": "2026-11-02", "status": "missing"}]
        assert (answer["items"][0]["views_min"], answer["stale"]) == (18, True)

    async def test_range__archived_lists_help_out(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Days that AQS cannot tell are told as they were archived, and the answer is stale."""
        monkeypatch.setattr(rescue, "AHEAD", 3.0)
        service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Paris", 9), ("Chat", 5)])
        await service.resources.archiver.run(only=DateRange.only(YESTERDAY + timedelta(days=1)))
        await service.resources.pageviews._store._cache.discard(
            f"top/fr.wikipedia/all-access/{YESTERDAY}"
        )
        put(service, 20, ("Paris", 9))
        service.aqs.behave(aqs_faults.html_page(), when=of(21))
        answer = await ask(service, "start=2026-11-20&end=2026-11-21")
        assert answer["days_missing"] == []
        assert rows(answer, "article", "views_min", "exact") == [
            ("Paris", 18, True),
            ("Chat", 5, False),
        ]
        assert (answer["stale"], answer["checked_at"]) == (True, "2026-11-22T00:00:00Z")

    async def test_range__held_lists_stay(self, service: Service) -> None:
        """A range that was told is told again while AQS fails, flagged."""
        for number in (1, 2):
            put(service, number, ("Paris", 9))
        query = "start=2026-11-01&end=2026-11-02"
        fresh = await ask(service, query)
        service.aqs.behave(aqs_faults.html_page())
        service.clock.advance(2 * 3600 + 1)
        assert await ask(service, query) == fresh | {"stale": True}
