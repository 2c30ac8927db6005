"""A page of a site beside an article, through the front door."""

import csv
import io
import json
import threading
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pandas as pd
import pytest

from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import UpstreamKeyRefusedError, UpstreamTimeoutError
from pageviews_api.side_by_side import answers
from pageviews_api.side_by_side.lags import Lags, compare
from tests.conftest import YESTERDAY
from tests.support import aqs_faults
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs
from tests.support.fake_site import Visited
from tests.support.sites import BLOG, SHOP, SitesService, serving_sites, with_sites

ASKED = "project=fr.wikipedia&article=Strasbourg"

HAVANA = {**BLOG, "name": "havana", "timezone": "America/Havana"}
HONOLULU = {**BLOG, "name": "honolulu", "timezone": "Pacific/Honolulu"}
AUCKLAND = {**BLOG, "name": "auckland", "timezone": "Pacific/Auckland"}

COLUMNS = [
    *("date", "site_views", "site_status", "article_views", "article_status"),
    *("site_day_hours", "site_utc_offset"),
]

Answer = dict[str, Any]


def days_until(end: date, count: int) -> DateRange:
    """Give so many days."""
    return DateRange(end - timedelta(days=count - 1), end)


def drawn(seed: int, days: DateRange) -> dict[date, int]:
    """Draw views that have nothing to do with each other."""
    random = Random(seed)  # noqa: S311  # nothing is kept secret by it
    return {day: random.randint(100, 1000) for day in days}


@pytest.fixture
def aqs(aqs: FakeAqs) -> FakeAqs:
    """Give an article whose days differ."""
    views = drawn(1, days_until(YESTERDAY, 500))
    aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", views)
    return aqs


@pytest.fixture
async def service(
    settings: Settings, aqs: FakeAqs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SitesService]:
    """Run the service with sites in several zones."""
    assert aqs.loaded_through == YESTERDAY
    sites = with_sites(settings, BLOG, SHOP, HAVANA, HONOLULU, AUCKLAND)
    async with serving_sites(sites, clock, monkeypatch) as running:
        yield running


def visit(service: SitesService, views: dict[date, int], site: str = "blog") -> None:
    """Have pages of a site looked at."""
    service.behind[site].days |= {
        day: Visited(visitors=1, visits=1, pageviews=count) for day, count in views.items()
    }


async def ask(service: SitesService, query: str = "", site: str = "blog") -> Answer:
    """Ask for a site beside Strasbourg; it is answered."""
    return await service.told(f"/{site}/compare?{ASKED}&{query}".rstrip("&"))


async def refused(service: SitesService, query: str, site: str = "blog") -> Answer:
    """Ask for what is not answered; give the problem."""
    response = await service.get(f"/{site}/compare?{query}")
    problem: Answer = response.json()
    assert response.status_code == problem["status"]
    return problem


def fields_of(problem: Answer) -> set[str]:
    """Tell which parts of the query a problem names."""
    assert (problem["status"], problem["type"]) == (422, "/problems/invalid-request")
    return {".".join(error["loc"]) for error in problem["errors"]}


async def test_answer__as_asked(service: SitesService) -> None:
    """The answer says what was asked, and has every day of the 90 newest that are over."""
    days = days_until(YESTERDAY, 90)
    visit(service, dict.fromkeys(days, 5))
    answer = await ask(service, "path=/wiki/Earth")

    head = {name: answer[name] for name in list(answer)[:12]}
    assert head == {
        "site": "blog",
        "provider": "plausible",
        "timezone": "Europe/Berlin",
        "checked_at": "2026-11-22T12:00:00Z",
        "stale": False,
        "path": "/wiki/Earth",
        "project": "fr.wikipedia",
        "article": "Strasbourg",
        "access": "all-access",
        "agent": "user",
        "start": "2026-08-24",
        "end": "2026-11-21",
    }
    assert answer["reason"] is answer["site_reason"] is answer["article_reason"] is None
    assert [item["date"] for item in answer["items"]] == [str(day) for day in days]
    assert list(answer["items"][0]) == COLUMNS
    assert answer["summary"]["complete"]
    assert service.blog.asked == ["timeseries day 2026-08-24 2026-11-21 /wiki/Earth"]


async def test_items__clocks_change(service: SitesService) -> None:
    """The days on which clocks change have 23 or 25 hours; the offset is that of their start."""
    autumn = (await ask(service, "start=2026-10-24&end=2026-10-26"))["items"]
    assert [item["site_day_hours"] for item in autumn] == [24, 25, 24]
    assert [item["site_utc_offset"] for item in autumn] == ["+02:00", "+02:00", "+01:00"]

    spring = (await ask(service, "start=2026-03-07&end=2026-03-09", "havana"))["items"]
    assert [item["site_day_hours"] for item in spring] == [24, 23, 24]
    assert [item["site_utc_offset"] for item in spring] == ["-05:00", "-04:00", "-04:00"]


async def test_items__against_pandas(service: SitesService) -> None:
    """Statuses and sums are those of both sides; a day counts where both are known."""
    article = drawn(1, days_until(YESTERDAY, 30))
    article[YESTERDAY - timedelta(days=3)] = 0
    service_days = days_until(YESTERDAY, 25)
    visits = drawn(2, service_days) | {YESTERDAY - timedelta(days=5): 0}
    visit(service, visits)
    visit(service, {YESTERDAY + timedelta(days=1): 4})
    answer = await ask(service, "start=2026-10-28&end=2026-11-22")

    frame = pd.DataFrame(answer["items"]).set_index("date")
    assert list(frame.site_status) == [
        "zero" if not visits.get(date.fromisoformat(day)) else "ok" for day in frame.index[:-1]
    ] + ["partial"]
    assert (frame.site_views.iloc[-1], frame.article_status.iloc[-1]) == (4, "not_loaded")
    common = frame[frame.site_status.isin(["ok", "zero"]) & frame.article_views.notna()]
    assert answer["summary"] == {
        "site_views": int(common.site_views.sum()),
        "article_views": int(common.article_views.sum()),
        "days_common": 25,
        "days_in_range": 26,
        "complete": False,
    }


@pytest.mark.parametrize("lag", [-7, 0, 2])
async def test_lag__planted(service: SitesService, aqs: FakeAqs, lag: int) -> None:
    """Where the article repeats the site so many days later, that lag is told, with all values."""
    days = days_until(YESTERDAY, 110)
    site = drawn(3, days)
    later = timedelta(days=lag)
    random = Random(4)  # noqa: S311  # as above
    article = {
        day: round(site[day - later] * random.uniform(8, 12)) for day in days if day - later in site
    }
    visit(service, site)
    aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", article)
    told = (await ask(service))["lag"]

    assert (told["lag"], told["reason"]) == (lag, None)
    assert [value["lag"] for value in told["values"]] == list(range(-7, 8))
    best = max(told["values"], key=lambda value: value["correlation"])
    assert best["lag"] == lag
    assert best["correlation"] > 0.9
    assert best["correlation"] == round(best["correlation"], 4)
    assert best["days"] == 90 - abs(lag)


async def test_lag__holds_nobody_up(service: SitesService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lags are worked out in a thread, beside what the service does for others."""
    threads = []

    def noted(site: dict[date, int], article: dict[date, int]) -> Lags:
        threads.append(threading.current_thread())
        return compare(site, article)

    monkeypatch.setattr(answers, "compare", noted)
    assert len((await ask(service))["lag"]["values"]) == 15
    assert len(threads) == 1
    assert threading.main_thread() not in threads


async def test_lag__none(service: SitesService) -> None:
    """Without a lag that is ahead there is none, and all values are told nevertheless."""
    visit(service, drawn(9, days_until(YESTERDAY, 90)))
    told = (await ask(service))["lag"]
    assert told["lag"] is None
    assert told["reason"].startswith("No lag has a correlation")
    assert all(-1 <= value["correlation"] <= 1 for value in told["values"])


async def test_lag__too_few_days(service: SitesService) -> None:
    """Today is no day to compare: with it there are 56 days, and 55 that count."""
    views = drawn(1, days_until(YESTERDAY, 500))
    visit(service, views | {YESTERDAY + timedelta(days=1): 4})
    start = YESTERDAY - timedelta(days=54)
    few = (await ask(service, f"start={start}&end=2026-11-22"))["lag"]
    enough = (await ask(service, "range=latest-56"))["lag"]

    assert (few["lag"], enough["lag"]) == (None, 0)
    assert few["reason"] == "Too few days are known of both: 55, and 56 are needed."
    assert [value["correlation"] for value in few["values"]] == [None] * 15


@pytest.mark.parametrize(
    ("now", "site", "end"),
    [
        (datetime(2026, 11, 22, 12, tzinfo=UTC), "blog", "2026-11-21"),
        # In Honolulu it is still the 21st, in Auckland the 23rd already.
        (datetime(2026, 11, 22, 9, 59, tzinfo=UTC), "honolulu", "2026-11-20"),
        (datetime(2026, 11, 22, 10, 0, tzinfo=UTC), "honolulu", "2026-11-21"),
        (datetime(2026, 11, 22, 12, tzinfo=UTC), "auckland", "2026-11-21"),
    ],
)
async def test_range__ends_where_both_are_over(
    service: SitesService, now: datetime, site: str, end: str
) -> None:
    """A named range ends with the newest day that is over in UTC and at the site."""
    service.clock.set(now) if now > service.clock.now() else service.clock.jump(
        (now - service.clock.now()).total_seconds()
    )
    answer = await ask(service, "range=latest-2", site)
    assert (answer["end"], len(answer["items"])) == (end, 2)
    assert "partial" not in {item["site_status"] for item in answer["items"]}


async def test_range__explicit_beyond_the_sites_today(service: SitesService) -> None:
    """Of a day that has not begun at the site its provider is not asked; it is partial."""
    service.clock.jump(-3 * 3600)
    answer = await ask(service, "start=2026-11-22&end=2026-11-22", "honolulu")
    (item,) = answer["items"]
    assert (item["site_views"], item["site_status"]) == (None, "partial")
    assert service.behind["honolulu"].asked == ["timeseries day 2026-11-21 2026-11-21 None"]


async def test_range__without_a_day(service: SitesService) -> None:
    """Where no day of a range is over nobody is asked, and the answer is empty and says so."""
    service.clock.set(datetime(2026, 12, 1, 12, tzinfo=UTC))
    answer = await ask(service, "range=this-month")
    assert answer["start"] is answer["end"] is answer["lag"]["lag"] is None
    assert (answer["items"], len(answer["lag"]["values"])) == ([], 15)
    assert answer["reason"] == "No day of this range is over yet."
    assert service.blog.asked == []


BAD = {
    "range=latest-401": "range",
    "range=all-time": "range",
    "range=yesterday": "range",
    "start=2025-10-18&end=2026-11-22": "end",
    "start=2026-11-22&end=2026-11-23": "end",
    "start=2015-06-30&end=2015-07-01": "start",
    "start=2026-11-02&end=2026-11-01": "start",
    "start=2026-11-02": "end",
    "range=latest-3&start=2026-11-01&end=2026-11-02": "range",
    "path=wiki": "path",
    "path=/a%3Fb=c": "path",
    "path=/a%0Ab": "path",
    "path=/%2500": "path",
    "path=": "path",
    "path=/&path=/": "path",
    "granularity=weekly": "granularity",
    "idSite=7": "idSite",
    "agent=bots": "agent",
    "format=xml": "format",
}


@pytest.mark.parametrize(("query", "field"), BAD.items())
async def test_parameters__bad(service: SitesService, query: str, field: str) -> None:
    """What has no meaning is refused by its name, and nobody is asked."""
    problem = await refused(service, f"{ASKED}&{query}")
    assert fields_of(problem) == {f"query.{field}"}
    assert service.blog.asked == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("article=Strasbourg", "project"),
        ("project=fr.wikipedia", "article"),
        ("project=all-projects&article=Strasbourg", "project"),
    ],
)
async def test_parameters__required(service: SitesService, query: str, field: str) -> None:
    """The article is to be named."""
    problem = await refused(service, query)
    assert fields_of(problem) == {f"query.{field}"}


async def test_range__of_400_days(service: SitesService) -> None:
    """400 days are answered."""
    answer = await ask(service, "range=latest-400")
    assert len(answer["items"]) == 400
    answer = await ask(service, "start=2025-10-19&end=2026-11-22")
    assert len(answer["items"]) == 400


async def test_path__as_browsers_show_it(service: SitesService) -> None:
    """A percent-encoded path and the decoded one are the same question, asked once."""
    encoded = await ask(service, "range=latest-2&path=/wiki/Caf%25C3%25A9")
    decoded = await ask(service, "range=latest-2&path=/wiki/Caf%C3%A9")
    assert encoded["path"] == decoded["path"] == "/wiki/Café"
    assert len(service.blog.asked) == 1


async def test_site_fails__article_is_told(service: SitesService) -> None:
    """Where the provider cannot be asked, its days are missing and say why; the article is told."""
    service.blog.error = UpstreamKeyRefusedError("plausible", 401)
    response = await service.get(f"/blog/compare?{ASKED}&range=latest-60")
    answer = response.json()

    assert {item["site_status"] for item in answer["items"]} == {"missing"}
    assert {item["site_views"] for item in answer["items"]} == {None}
    assert {item["article_status"] for item in answer["items"]} == {"ok"}
    assert answer["site_reason"] == "plausible rejected our request with status 401."
    assert answer["article_reason"] is None
    assert answer["stale"] is True
    assert answer["summary"]["days_common"] == 0
    assert answer["lag"]["lag"] is None
    assert "max-age=0" in response.headers["cache-control"]


async def test_article_fails__site_is_told(service: SitesService, aqs: FakeAqs) -> None:
    """Where Wikimedia cannot be asked, the article's days are missing; the site is told."""
    visit(service, dict.fromkeys(days_until(YESTERDAY, 90), 5))
    aqs.behave(aqs_faults.html_page())
    answer = await ask(service, "start=2026-11-20&end=2026-11-22")

    assert [item["article_status"] for item in answer["items"]] == [
        "missing",
        "missing",
        "not_loaded",
    ]
    assert [item["site_status"] for item in answer["items"]] == ["ok", "ok", "partial"]
    assert answer["article_reason"].startswith("aqs ")
    assert (answer["site_reason"], answer["stale"]) == (None, True)


async def test_both_fail__site_is_told_of(service: SitesService, aqs: FakeAqs) -> None:
    """Where neither can be asked, the answer is the site's problem."""
    service.blog.error = UpstreamTimeoutError("plausible", "gave no complete answer in time")
    aqs.behave(aqs_faults.html_page())
    problem = await refused(service, ASKED)
    assert (problem["status"], problem["upstream"]) == (504, "plausible")


@pytest.mark.parametrize("article", ["Nobody", "strasbourg"])
async def test_article__never_viewed(service: SitesService, article: str) -> None:
    """An article that was never viewed is a 404, as on its own route."""
    problem = await refused(service, f"project=fr.wikipedia&article={article}")
    assert (problem["status"], problem["type"]) == (404, "/problems/article-never-viewed")


async def test_site__unknown(service: SitesService) -> None:
    """A site that is not configured is a 404."""
    problem = await refused(service, ASKED, site="nobody")
    assert (problem["status"], problem["type"]) == (404, "/problems/unknown-site")


async def test_token__is_needed(service: SitesService) -> None:
    """Who lacks the token is told nothing, whatever else is wrong."""
    for path in (f"/blog/compare?{ASKED}", "/nobody/compare?foo=1"):
        response = await service.client.get(f"/api/v1/sites{path}")
        assert response.status_code == 401
    assert service.blog.asked == []


async def test_current__as_the_less_current_side(service: SitesService) -> None:
    """The answer was checked when its older side was, and is kept by nobody else for as long."""
    visit(service, dict.fromkeys(days_until(YESTERDAY, 90), 5))
    query = f"/blog/compare?{ASKED}&start=2026-10-01&end=2026-10-31"
    first = await service.get(query)
    service.clock.advance(3600)
    later = await service.get(query)

    assert first.headers["cache-control"] == "private, max-age=7200"
    assert "fwd=miss" in first.headers["cache-status"]
    assert later.headers["cache-control"] == "private, max-age=3600"
    assert "hit" in later.headers["cache-status"]
    assert later.json()["checked_at"] == "2026-11-22T12:00:00Z"
    assert later.json()["stale"] is False
    assert "authorization" in later.headers["vary"].lower()


async def test_current__older_article(service: SitesService) -> None:
    """Where only the site had to be asked again, the answer is as old as the article."""
    await ask(service, "start=2026-10-01&end=2026-10-31")
    service.clock.advance(1800)
    answer = await ask(service, "start=2026-10-02&end=2026-10-31")
    assert len(service.blog.asked) == 2
    assert answer["checked_at"] == "2026-11-22T12:00:00Z"


async def test_current__stale_site(service: SitesService) -> None:
    """Where the provider fails later on, what is held is told, and is stale."""
    visit(service, dict.fromkeys(days_until(YESTERDAY, 90), 5))
    query = "start=2026-11-20&end=2026-11-22"
    await ask(service, query)
    service.blog.error = UpstreamTimeoutError("plausible", "gave no complete answer in time")
    service.clock.advance(400)
    answer = await ask(service, query)
    assert (answer["stale"], answer["site_reason"]) == (True, None)
    assert answer["checked_at"] == "2026-11-22T12:00:00Z"


async def test_yesterday__known_from_when_it_went_on(service: SitesService) -> None:
    """A day that is over, but was not when the provider last told of it, stays partial."""
    today = YESTERDAY + timedelta(days=1)
    visit(service, {YESTERDAY: 7, today: 4})
    query = f"start={YESTERDAY}&end={today}"
    await ask(service, query)
    service.blog.error = UpstreamTimeoutError("plausible", "gave no complete answer in time")
    service.clock.advance(24 * 3600)
    items = (await ask(service, query))["items"]
    assert [item["site_status"] for item in items] == ["ok", "partial"]


async def test_formats__rows(service: SitesService) -> None:
    """CSV and NDJSON have the same rows: one a day, in the order of the items."""
    visit(service, drawn(2, days_until(YESTERDAY, 3)))
    query = "start=2026-11-19&end=2026-11-22"
    answer = await ask(service, query)
    rows = (await service.get(f"/blog/compare?{ASKED}&{query}&format=csv")).text
    lines = (await service.get(f"/blog/compare?{ASKED}&{query}&format=ndjson")).text

    assert [json.loads(line) for line in lines.splitlines()] == answer["items"]
    read = list(csv.DictReader(io.StringIO(rows)))
    assert list(read[0]) == COLUMNS
    assert read == [
        {name: "" if value is None else str(value) for name, value in item.items()}
        for item in answer["items"]
    ]
