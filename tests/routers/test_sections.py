"""What is told beside a series, through the front door."""

import asyncio
import csv
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pageviews_api.config import Settings
from pageviews_api.daterange import FIRST_DAY, DateRange
from pageviews_api.series.parts import ACCESSES, AGENTS
from tests.conftest import YESTERDAY, Service
from tests.routers.test_articles import problem_fields
from tests.support import aqs_faults

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"
PROJECT = "/api/v1/projects/fr.wikipedia"
SERIES = [STRASBOURG, PROJECT]
NAMES = {"comparison", "split", "per_million", "unusual"}

Answer = dict[str, Any]


async def ask(service: Service, query: str, path: str = STRASBOURG) -> Answer:
    """Ask for an article, or what else is at a path; it is answered."""
    response = await service.client.get(f"{path}?{query}")
    assert response.status_code == 200, response.text
    answer: Answer = response.json()
    return answer


def days_until(end: date, count: int) -> DateRange:
    """Give so many days."""
    return DateRange(end - timedelta(days=count - 1), end)


def set_parts(
    service: Service, *, article: str | None = "Strasbourg", days: int = 400
) -> dict[str, dict[date, int]]:
    """Give the series other accesses and agents, of changing numbers."""
    parts = {}
    for number, (access, agent) in enumerate(
        [
            ("desktop", "user"),
            ("mobile-web", "user"),
            ("mobile-app", "user"),
            ("all-access", "spider"),
            ("all-access", "automated"),
        ],
        start=1,
    ):
        views = {day: number * (day.toordinal() % 50) for day in days_until(YESTERDAY, days)}
        service.aqs.set_views("fr.wikipedia", article, access, agent, views)
        parts[agent if access == "all-access" else access] = views
    return parts


BAD = {
    "compare=week": "compare",
    "compare=": "compare",
    "compare=Previous": "compare",
    "align=date": "align",
    "align=weekday": "align",
    "compare=year&align=month": "align",
    "split=country": "split",
    "split=access&access=desktop": "access",
    "split=agent&agent=user": "agent",
    "unusual=maybe": "unusual",
    "unusual=": "unusual",
    "unusual=true&granularity=weekly": "unusual",
    "unusual=true&granularity=monthly": "unusual",
    "as_of=2026-11-01&compare=year": "as_of",
    "as_of=2026-11-01&split=agent": "as_of",
    "as_of=2026-11-01&unusual=true": "as_of",
}


@pytest.mark.parametrize("path", SERIES)
@pytest.mark.parametrize("query", BAD)
async def test_get_series__sections_without_meaning(
    service: Service, path: str, query: str
) -> None:
    """What has no meaning is refused by its name, and nobody is asked."""
    response = await service.client.get(f"{path}?{query}")

    assert problem_fields(response) == [BAD[query]]
    assert service.aqs.count() == 0


async def test_get_series__per_million_without_meaning(service: Service) -> None:
    """A project has no share of itself; an article's is asked for by true, and not as of a day."""
    for path, query in [
        (PROJECT, "per_million=true"),
        (STRASBOURG, "per_million=1"),
    ]:
        assert problem_fields(await service.client.get(f"{path}?{query}")) == ["per_million"]
    old = await service.client.get(f"{STRASBOURG}?per_million=true&as_of=2026-11-01")
    assert problem_fields(old) == ["as_of"]


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__no_sections(service: Service, path: str) -> None:
    """What was not asked for is not there; nor is it where it is refused in words."""
    plain = await ask(service, "", path)
    refused = await ask(service, "unusual=false", path)

    assert plain == refused
    assert not NAMES & plain.keys()
    assert plain["annotations"] == []


# Comparison


@pytest.mark.parametrize("path", SERIES)
async def test_comparison__costs_nothing(service: Service, path: str) -> None:
    """The days before are held already: a comparison asks Wikimedia for nothing more."""
    plain = await ask(service, "range=latest-30", path)
    before = service.aqs.count()

    for query in ("compare=previous", "compare=previous&align=date", "compare=year"):
        answer = await ask(service, f"range=latest-30&{query}", path)
        assert answer["comparison"]["complete"] is True
        assert answer["comparison"]["reason"] is None
        assert answer["items"] == plain["items"]
    assert service.aqs.count() == before


@pytest.mark.parametrize("query", ["compare=year", "unusual=true", "compare=previous"])
async def test_sections__one_request_for_older_days(service: Service, query: str) -> None:
    """Where the days before are older than what is fetched anyhow, one request brings all."""
    views = dict.fromkeys(days_until(YESTERDAY, 3000), 100)
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", views)
    service.aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", views)
    answer = await ask(service, f"start=2022-01-01&end=2022-03-31&{query}")

    assert answer["summary"]["complete"]
    assert answer[("unusual" if "unusual" in query else "comparison")]["complete"]
    assert service.series_fetches("Strasbourg") == 1
    assert service.series_fetches("Main_Page") == 1


async def test_sections__one_request_for_each_series_beside(service: Service) -> None:
    """Sections that need the same series, over other days, have it fetched once for all of them."""
    days = dict.fromkeys(days_until(YESTERDAY, 3000), 100)
    views = days | {date(2022, 3, 1): 9000}
    for access in ("all-access", *ACCESSES):
        service.aqs.set_views("fr.wikipedia", "Strasbourg", access, "user", views)
        service.aqs.set_views("fr.wikipedia", None, access, "user", days)
    service.aqs.set_views("fr.wikipedia", None, "all-access", "all-agents", days)
    service.aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", days)
    query = "start=2022-01-01&end=2022-03-31&split=access&per_million=true&unusual=true"
    answer = await ask(service, query)

    assert all(answer[name]["complete"] for name in ("split", "per_million", "unusual"))
    assert [len(part["items"]) for part in answer["split"]["parts"]] == [90, 90, 90]
    assert answer["per_million"]["items"][0]["date"] == "2022-01-01"
    (marked,) = answer["unusual"]["items"]
    assert None not in marked["evidence"].values()
    assert service.series_fetches("Strasbourg") == 4
    total = "/aggregate/fr.wikipedia/all-access/user/daily/20211106"
    assert service.aqs.count(when=lambda path: total in path) == 1


@pytest.mark.parametrize("path", SERIES)
@pytest.mark.parametrize("align", ["weekday", "date"])
@pytest.mark.parametrize("compare", ["previous", "year"])
@pytest.mark.parametrize("name", ["latest-30", "this-month", "last-month", "latest-1"])
async def test_comparison__against_pandas(
    service: Service, path: str, compare: str, align: str, name: str
) -> None:
    """The sums and the change are those that pandas makes of AQS's own numbers."""
    views = {day: 1 + day.toordinal() * 7919 % 1000 for day in days_until(YESTERDAY, 1000)}
    article = "Strasbourg" if path == STRASBOURG else None
    service.aqs.set_views("fr.wikipedia", article, "all-access", "user", views)
    answer = await ask(service, f"range={name}&compare={compare}&align={align}", path)

    told, numbers = (
        answer["comparison"],
        pd.Series(views.values(), index=pd.DatetimeIndex(list(views))),
    )
    days = pd.date_range(answer["start"], answer["end"])
    step = {
        ("previous", "weekday"): pd.Timedelta(weeks=(len(days) + 6) // 7),
        ("previous", "date"): pd.Timedelta(days=len(days)),
        ("year", "weekday"): pd.Timedelta(weeks=52),
        ("year", "date"): pd.DateOffset(years=1),
    }[compare, align]
    now, then = numbers[days], numbers[[day - step for day in days]]
    assert (told["compare"], told["align"]) == (compare, align)
    assert (told["start"], told["end"]) == (str(then.index[0].date()), str(then.index[-1].date()))
    assert told["current"]["total"] == answer["summary"]["total"] == now.sum()
    assert told["previous"]["total"] == then.sum()
    assert told["previous"]["median"] == then.median()
    assert told["change"] == now.sum() - then.sum()
    change = 100 * (now.sum() - then.sum()) / then.sum()
    assert told["change_percent"] == pytest.approx(change, abs=0.0051)
    assert told["days_compared"] == len(days) == len(told["items"])
    assert [item["views"] for item in told["items"]] == list(then)
    assert [item["date"] for item in told["items"]] == [one["date"] for one in answer["items"]]


@pytest.mark.parametrize("granularity", ["weekly", "monthly"])
async def test_comparison__periods(service: Service, granularity: str) -> None:
    """Weeks and months stand in the order and the bounds of the answer's own."""
    answer = await ask(service, f"compare=previous&range=latest-60&granularity={granularity}")

    told = answer["comparison"]["items"]
    bounds = [(item["start"], item["end"]) for item in answer["items"]]
    assert [(item["start"], item["end"]) for item in told] == bounds
    assert [item["current_views"] for item in told] == [item["views"] for item in answer["items"]]
    assert sum(item["views"] for item in told) == answer["comparison"]["previous"]["total"]


async def test_comparison__day_not_loaded(service: Service) -> None:
    """Today has no number yet: it, and the day beside it, count on neither side."""
    answer = await ask(service, "start=2026-11-20&end=2026-11-22&compare=previous")

    told = answer["comparison"]
    assert [item["status"] for item in answer["items"]] == ["ok", "ok", "not_loaded"]
    assert (told["start"], told["end"]) == ("2026-11-13", "2026-11-15")
    assert (told["days_compared"], told["complete"]) == (2, False)
    assert told["current"]["total"] == sum(item["views"] for item in answer["items"][:2])
    assert told["previous"]["total"] == sum(item["views"] for item in told["items"][:2])
    assert told["items"][2]["status"] == "ok"


async def test_comparison__before_the_data_begin(service: Service) -> None:
    """Days before July 2015 are not asked for; without any to compare with, it says so."""
    views = dict.fromkeys(DateRange(FIRST_DAY, date(2015, 12, 31)), 10)
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", views)
    service.aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", views)
    some = await ask(service, "start=2015-07-10&end=2015-07-31&compare=previous")
    none = await ask(service, "start=2015-07-01&end=2015-07-31&compare=year&unusual=true")

    assert some["comparison"]["start"] == "2015-07-01"
    assert some["comparison"]["days_compared"] == 3  # by weekday it is 28 days back
    assert some["comparison"]["items"][0] == {
        "date": "2015-07-10",
        "base_date": None,
        "views": None,
        "status": None,
    }
    assert none["summary"]["total"] == 310
    told = none["comparison"]
    assert told["start"] is told["previous"]["total"] is told["change_percent"] is None
    assert "2015-07-01" in told["reason"]
    assert none["unusual"]["days_judged"] == 3  # the 29th to the 31st have four weeks before
    starts = [request.path.split("/")[-2] for request in service.aqs.requests]
    assert min(starts) == "2015070100"


async def test_comparison__29_february(service: Service) -> None:
    """A 29 February is compared by date with no day, and is left out on both sides."""
    views = dict.fromkeys(days_until(YESTERDAY, 2000), 10)
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", views)
    service.aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", views)
    query = "start=2024-02-01&end=2024-02-29&compare=year&align=date"
    told = (await ask(service, query))["comparison"]

    assert (told["days_compared"], told["current"]["total"], told["previous"]["total"]) == (
        28,
        280,
        280,
    )
    assert told["items"][-1]["base_date"] is None


async def test_comparison__29_february_alone(service: Service) -> None:
    """Alone it is compared with nothing, and the reason is the calendar, not where data begin."""
    views = dict.fromkeys(days_until(YESTERDAY, 2000), 10)
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", views)
    query = "start=2024-02-29&end=2024-02-29&compare=year&align=date"
    told = (await ask(service, query))["comparison"]

    assert (told["days_compared"], told["start"], told["change"]) == (0, None, None)
    assert told["reason"] == "The year before has no 29 February."


async def test_sections__range_without_a_day(service: Service) -> None:
    """On a Monday this week is empty, and so are its sections."""
    service.clock.set(datetime(2026, 11, 23, 12, tzinfo=UTC))
    query = "range=this-week&compare=previous&split=access&per_million=true&unusual=true"
    answer = await ask(service, query)

    assert {len(answer[name]["items"]) for name in NAMES - {"split"}} == {0}
    assert not any(answer[name]["complete"] for name in NAMES)
    assert {part["share"] for part in answer["split"]["parts"]} == {None}
    assert answer["comparison"]["start"] is answer["comparison"]["change"] is None


# Parts


@pytest.mark.parametrize("path", SERIES)
async def test_split__by_access(service: Service, path: str) -> None:
    """All accesses are told in one answer, each asked for once, with the mobile share."""
    parts = set_parts(service, article="Strasbourg" if path == STRASBOURG else None)
    answer = await ask(service, "split=access&range=latest-10", path)
    again = await ask(service, "split=access&range=latest-40", path)

    told = answer["split"]
    days = list(days_until(YESTERDAY, 10))
    sums = {access: sum(parts[access][day] for day in days) for access in list(parts)[:3]}
    assert told["by"] == "access"
    assert [part["access"] for part in told["parts"]] == ["desktop", "mobile-web", "mobile-app"]
    assert [part["summary"]["total"] for part in told["parts"]] == list(sums.values())
    assert [part["share"] for part in told["parts"]] == [16.67, 33.33, 50.0]
    assert told["mobile_share"] == 83.33
    assert (told["days_counted"], told["complete"]) == (10, True)
    assert all(len(part["items"]) == 10 for part in told["parts"])
    assert again["split"]["complete"]
    for access in sums:
        asked = [one for one in service.aqs.requests if f"/{access}/user/" in one.path]
        assert len(asked) == 1


async def test_split__by_agent(service: Service) -> None:
    """By agent all three are told, though the series itself is of people only."""
    parts = set_parts(service)
    answer = await ask(service, "split=agent&range=latest-10&granularity=monthly")

    told = answer["split"]
    assert answer["agent"] == "user"
    assert [part["agent"] for part in told["parts"]] == ["user", "spider", "automated"]
    assert told["parts"][0]["items"] == answer["items"]
    days = list(days_until(YESTERDAY, 10))
    sums = [
        answer["summary"]["total"],
        *(sum(parts[one][day] for day in days) for one in ("spider", "automated")),
    ]
    assert told["automated_share"] == round(100 * sums[2] / sum(sums), 2)
    assert "mobile_share" not in told


async def test_split__before_bots_were_counted_apart(service: Service) -> None:
    """Before 30 April 2020 suspected bots have no number: no share is made up of it."""
    views = dict.fromkeys(days_until(YESTERDAY, 3000), 10)
    for agent in ("user", "spider", "automated"):
        service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", agent, views)
    service.aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", views)
    answer = await ask(service, "split=agent&start=2020-04-28&end=2020-05-01")

    automated = answer["split"]["parts"][2]
    assert [item["status"] for item in automated["items"]] == ["hole", "hole", "ok", "ok"]
    assert (answer["split"]["days_counted"], answer["split"]["automated_share"]) == (2, 33.33)


async def test_split__part_that_cannot_be_told(service: Service) -> None:
    """A part that fails is unknown, with its reason; the rest is told, and all is stale."""
    set_parts(service)
    service.aqs.behave(aqs_faults.html_page(), when=lambda path: "/mobile-web/" in path)
    answer = await ask(service, "split=access&range=latest-10")

    told = answer["split"]
    assert answer["summary"]["complete"]
    assert answer["stale"] is True
    assert told["parts"][1]["summary"]["total"] is None
    assert {item["status"] for item in told["parts"][1]["items"]} == {"missing"}
    assert told["parts"][0]["summary"]["complete"]
    assert told["mobile_share"] is told["parts"][0]["share"] is None
    assert told["complete"] is False
    assert told["reason"].startswith("aqs ")


async def test_split__part_never_viewed(service: Service) -> None:
    """A part of which AQS has never told anything is unknown, not 0, while the whole has views."""
    answer = await ask(service, "split=access&range=latest-3")

    assert answer["summary"]["complete"]
    for part in answer["split"]["parts"]:
        assert {(item["views"], item["status"]) for item in part["items"]} == {(None, "missing")}
    assert "never counted" in answer["split"]["reason"]
    assert "(desktop, user)" in answer["split"]["reason"]


# Views per million


@pytest.mark.parametrize("granularity", ["daily", "weekly", "monthly"])
async def test_per_million__same_access_agent_and_days(service: Service, granularity: str) -> None:
    """The project's views are those of the same access and agent, on the same days."""
    set_parts(service)
    whole = dict.fromkeys(days_until(YESTERDAY, 400), 50000)
    service.aqs.set_views("fr.wikipedia", None, "desktop", "user", whole)
    query = f"per_million=true&access=desktop&range=latest-10&granularity={granularity}"
    answer = await ask(service, query)

    told = answer["per_million"]
    assert told["project_views"] == 500_000
    assert told["views"] == answer["summary"]["total"]
    assert told["per_million"] == round(1e6 * told["views"] / 500_000, 4)
    assert (told["days_counted"], told["complete"]) == (10, True)
    for item, own in zip(told["items"], answer["items"], strict=True):
        assert item["per_million"] == round(1e6 * own["views"] / item["project_views"], 4)
    assert service.aqs.count(lambda path: "/aggregate/fr.wikipedia/desktop/user/" in path) == 1


async def test_per_million__total_is_shared(service: Service) -> None:
    """The project's total is asked for once, for all its articles."""
    views = dict.fromkeys(days_until(YESTERDAY, 400), 5)
    service.aqs.set_views("fr.wikipedia", "Colmar", "all-access", "user", views)
    await ask(service, "per_million=true")
    before = service.aqs.count()
    await ask(service, "per_million=true", "/api/v1/articles/fr.wikipedia/Colmar")

    assert service.aqs.count() == before + 1  # its own views


async def test_per_million__no_total(service: Service) -> None:
    """A project without totals leaves the article's views as they are."""
    views = dict.fromkeys(days_until(YESTERDAY, 400), 5)
    service.aqs.set_views("xx.wikipedia", "Colmar", "all-access", "user", views)
    answer = await ask(service, "per_million=true", "/api/v1/articles/xx.wikipedia/Colmar")

    assert answer["summary"]["total"] == 150
    told = answer["per_million"]
    assert told["per_million"] is told["views"] is told["project_views"] is None
    assert told["complete"] is False
    assert "xx.wikipedia" in told["reason"]


# Unusual days


def set_spike(service: Service, days: Mapping[date, int]) -> None:
    """Give Strasbourg the same views each day, except some."""
    views = dict.fromkeys(days_until(YESTERDAY, 400), 100) | dict(days)
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", views)


async def test_unusual__none(service: Service) -> None:
    """Where no day is marked, nothing is asked for beside it."""
    set_spike(service, {})
    await ask(service, "")
    before = service.aqs.count()
    told = (await ask(service, "unusual=true&range=latest-30"))["unusual"]

    assert told["items"] == []
    assert (told["days_judged"], told["days_not_judged"], told["complete"]) == (30, 0, True)
    assert told["threshold"] == 3.5
    assert service.aqs.count() == before


async def test_unusual__evidence(service: Service) -> None:
    """A marked day comes with the project's change and the accesses, asked for once.

    That is one request for each access and one for the total, and one for which days it has.
    """
    day = YESTERDAY - timedelta(days=3)
    set_spike(service, {day: 1000, day - timedelta(days=5): 0})
    for access, usual in (("desktop", 50), ("mobile-web", 40), ("mobile-app", 10)):
        views = dict.fromkeys(days_until(YESTERDAY, 400), usual)
        views[day] = 950 if access == "desktop" else usual
        service.aqs.set_views("fr.wikipedia", "Strasbourg", access, "user", views)
    whole = dict.fromkeys(days_until(YESTERDAY, 1000), 20_000) | {day: 21_000}
    service.aqs.set_views("fr.wikipedia", None, "all-access", "user", whole)
    await ask(service, "")
    before = service.aqs.count()
    answer = await ask(service, "unusual=true&range=latest-30")

    down, up = answer["unusual"]["items"]
    assert (down["date"], down["direction"], down["views"]) == (
        str(day - timedelta(days=5)),
        "down",
        0,
    )
    assert up == {
        "date": str(day),
        "views": 1000,
        "expected": 100.0,
        "score": 90.0,
        "direction": "up",
        "weeks_used": 8,
        "evidence": {
            "project_change_percent": 5.0,
            "access": [
                {"access": "desktop", "share": 95.0, "usual_share": 50.0},
                {"access": "mobile-web", "share": 4.0, "usual_share": 40.0},
                {"access": "mobile-app", "share": 1.0, "usual_share": 10.0},
            ],
        },
    }
    assert service.aqs.count() - before == 5
    await ask(service, "unusual=true&range=latest-30")
    assert service.aqs.count() - before == 5


async def test_unusual__evidence_cannot_be_had(service: Service) -> None:
    """Without evidence a day is marked all the same."""
    day = YESTERDAY - timedelta(days=3)
    set_spike(service, {day: 1000})
    await ask(service, "")
    service.aqs.behave(aqs_faults.html_page())
    answer = await ask(service, "unusual=true&range=latest-30")

    (item,) = answer["unusual"]["items"]
    assert item["evidence"] == {"project_change_percent": None, "access": None}
    assert answer["stale"] is True


async def test_unusual__of_one_access(service: Service) -> None:
    """Of one access alone, shares of the accesses have no meaning, and are not asked for."""
    day = YESTERDAY - timedelta(days=3)
    views = dict.fromkeys(days_until(YESTERDAY, 400), 100) | {day: 1000}
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "desktop", "user", views)
    answer = await ask(service, "unusual=true&access=desktop")

    (item,) = answer["unusual"]["items"]
    assert item["evidence"]["access"] is None
    assert service.aqs.count(lambda path: "/mobile-" in path) == 0


async def test_unusual__project(service: Service) -> None:
    """A project is judged by itself; it has no project beside it."""
    day = YESTERDAY - timedelta(days=3)
    whole = dict.fromkeys(days_until(YESTERDAY, 1000), 20_000) | {day: 90_000}
    service.aqs.set_views("fr.wikipedia", None, "all-access", "user", whole)
    set_parts(service, article=None)
    (item,) = (await ask(service, "unusual=true", PROJECT))["unusual"]["items"]

    assert item["date"] == str(day)
    assert item["evidence"]["project_change_percent"] is None
    assert [one["access"] for one in item["evidence"]["access"]] == [
        "desktop",
        "mobile-web",
        "mobile-app",
    ]


# As rows


@pytest.mark.parametrize("granularity", ["daily", "monthly"])
async def test_rows__sections_beside(service: Service, granularity: str) -> None:
    """As CSV, sections are columns beside the series' own, and parts are rows of their own."""
    day = YESTERDAY - timedelta(days=3)
    set_spike(service, {day: 1000})
    set_parts(service)
    unusual = "&unusual=true" if granularity == "daily" else ""
    query = f"compare=previous&split=access&per_million=true&granularity={granularity}{unusual}"
    answer = await ask(service, query)
    response = await service.client.get(f"{STRASBOURG}?{query}&format=csv")

    rows = list(csv.DictReader(io.StringIO(response.text)))
    count = len(answer["items"])
    assert len(rows) == 4 * count
    for row, item, base, share in zip(
        rows,
        answer["items"],
        answer["comparison"]["items"],
        answer["per_million"]["items"],
        strict=False,
    ):
        assert row["access"] == "all-access"
        assert row["views"] == str(item["views"])
        assert row["base_views"] == str(base["views"])
        assert row["base_date"] == base.get("base_date", base.get("base_start"))
        assert float(row["per_million"]) == share["per_million"]
    if unusual:
        assert [row["date"] for row in rows if row["score"]] == [str(day)]
    parts = answer["split"]["parts"]
    assert [(row["access"], row["views"]) for row in rows[count:]] == [
        (part["access"], str(item["views"])) for part in parts for item in part["items"]
    ]
    assert {row["base_views"] for row in rows[count:]} == {""}


@pytest.mark.parametrize(("split", "parts"), [("access", ACCESSES), ("agent", AGENTS)])
async def test_rows__wide(service: Service, split: str, parts: tuple[str, ...]) -> None:
    """In the wide layout each part is a column."""
    set_parts(service)
    response = await service.client.get(f"{STRASBOURG}?split={split}&format=csv&layout=wide")

    heading = response.text.splitlines()[0]
    assert heading == ",".join(["date", "Strasbourg", *(f"Strasbourg ({one})" for one in parts)])


@pytest.mark.parametrize("granularity", ["daily", "weekly"])
async def test_rows__wide_sections(service: Service, granularity: str) -> None:
    """In the wide layout, too, each column of a section stands beside the series."""
    set_parts(service)
    unusual = "&unusual=true" if granularity == "daily" else ""
    query = f"compare=previous&per_million=true&granularity={granularity}{unusual}&format=csv"
    long = await service.client.get(f"{STRASBOURG}?{query}")
    wide = await service.client.get(f"{STRASBOURG}?{query}&layout=wide")

    rows = list(csv.DictReader(io.StringIO(wide.text)))
    listed = list(csv.DictReader(io.StringIO(long.text)))
    added = list(listed[0])[list(listed[0]).index("base_date") :]
    assert list(rows[0]) == ["date", "Strasbourg", *(f"Strasbourg ({name})" for name in added)]
    for row, one in zip(rows, listed, strict=True):
        assert [row[f"Strasbourg ({name})"] for name in added] == [one[name] for name in added]
        assert (row["date"], row["Strasbourg"]) == (one["date"], one["views"])


# Annotations, freshness, time


async def test_annotations__of_the_range_and_what_it_is_compared_with(service: Service) -> None:
    """Incidents in the range are told, and those in the days that it is compared or judged by."""
    views = dict.fromkeys(days_until(YESTERDAY, 2500), 100)
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", views)
    service.aqs.set_views("en.wikipedia", "Main_Page", "all-access", "user", views)
    inside = await ask(service, "start=2021-12-01&end=2021-12-31")
    outside = await ask(service, "start=2022-12-01&end=2022-12-31")
    compared = await ask(service, "start=2022-12-01&end=2022-12-31&compare=year")
    judged = await ask(service, "start=2022-03-01&end=2022-03-31&unusual=true")

    assert [one["id"] for one in inside["annotations"]] == ["2021-traffic-loss-2"]
    assert outside["annotations"] == []
    assert compared["annotations"] == inside["annotations"]
    assert judged["annotations"] == inside["annotations"]
    assert inside["annotations"][0]["source"].startswith("https://wikitech.wikimedia.org/")


async def test_sections__oldest_part_tells_how_current(service: Service) -> None:
    """An answer is as current as the oldest of its parts, and stale if one is."""
    first = await ask(service, "per_million=true&range=latest-3")
    service.clock.advance(86_400)
    service.aqs.behave(aqs_faults.html_page(), when=lambda path: "/all-agents/" in path)
    alone = await ask(service, "range=latest-3")
    both = await ask(service, "per_million=true&range=latest-3")

    assert (first["checked_at"], first["stale"]) == ("2026-11-22T12:00:00Z", False)
    assert (alone["checked_at"], alone["stale"]) == ("2026-11-23T12:00:00Z", False)
    assert (both["checked_at"], both["stale"]) == ("2026-11-22T12:00:00Z", True)
    assert both["per_million"]["complete"] is True


class TestDeadline:
    """Sections do not make an answer late."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which a caller waits four seconds: the rest needs some of them."""
        return settings.model_copy(update={"aqs_timeout": 4.0})

    async def test_sections__mute(self, service: Service) -> None:
        """Where AQS does not tell the parts, the series itself comes in time, without them."""
        await ask(service, "range=latest-3")
        service.aqs.behave(aqs_faults.slow(), when=lambda path: "/desktop/" in path)
        set_parts(service)
        begun = asyncio.get_running_loop().time()
        answer = await ask(service, "split=access&per_million=true&range=latest-3")

        assert asyncio.get_running_loop().time() - begun < 20  # and not until the part comes
        assert answer["summary"]["complete"]
        assert answer["per_million"]["complete"]
        assert answer["split"]["complete"] is False
        assert answer["split"]["parts"][1]["summary"]["complete"]
        service.aqs.recover()


async def test_rows__no_day_stands_twice(service: Service) -> None:
    """Split by agent, the series itself is one of the parts: sums of rows count no view twice."""
    set_parts(service)
    query = "split=agent&range=latest-10"
    answer = await ask(service, query)
    response = await service.client.get(f"{STRASBOURG}?{query}&format=csv")

    rows = pd.read_csv(io.StringIO(response.text))
    parts = {part["agent"]: part["summary"]["total"] for part in answer["split"]["parts"]}
    assert rows.groupby("agent")["views"].sum().to_dict() == parts
    assert not rows.duplicated(["access", "agent", "date"]).any()
