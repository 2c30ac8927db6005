"""The recorded answers of a real Matomo 5.0.2, read byte for byte."""

import csv
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clients.matomo import MatomoClient
from pageviews_api.clients.matomo_reports import UPSTREAM
from pageviews_api.exceptions import (
    UpstreamInvalidError,
    UpstreamKeyRefusedError,
    UpstreamRejectedError,
)
from pageviews_api.schemas.site_metrics import Interval, PageFigures, SiteFigures
from tests.support.clock import SkippingClock

RECORDED = Path(__file__).parent.parent / "data" / "matomo"

SATURDAY = date(2026, 11, 21)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer as it was recorded."""

    status: int
    content_type: str
    body: bytes


def _recorded() -> dict[str, Recorded]:
    with (RECORDED / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {
        row["file"]: Recorded(
            int(row["http_status"] or 200),
            row["content_type"],
            (RECORDED / row["file"]).read_bytes(),
        )
        for row in rows
    }


ANSWERS = _recorded()


@asynccontextmanager
async def answering(*names: str) -> AsyncIterator[MatomoClient]:
    """Give a client that is answered with a recorded body, or with several as a bulk.

    Before, it is told the site's settings, so that it need not ask for them.
    """
    told = [ANSWERS[name] for name in names]
    body = told[0].body if len(told) == 1 else b"[" + b",".join(one.body for one in told) + b"]"
    settings = ANSWERS["sitesmanager_getSiteFromId.json"]
    first, then = (
        httpx.Response(
            one.status, headers={"content-type": one.content_type}, stream=httpx.ByteStream(text)
        )
        for one, text in ((settings, settings.body), (told[0], body))
    )
    answers = itertools.chain([first], itertools.repeat(then))
    transport = httpx.MockTransport(lambda _: next(answers))
    clock = SkippingClock()
    async with httpx.AsyncClient(transport=transport) as http:
        client = MatomoClient(
            UpstreamClient(UPSTREAM, "http://matomo.test", http, clock),
            key="t",
            site_id="1",
            timezone=ZoneInfo("Europe/Berlin"),
            clock=clock,
        )
        await client.check()
        yield client
        await client.aclose()


@pytest.mark.parametrize(
    "visits",
    [
        "visitssummary_get.day.json",
        "visitssummary_get.day.format_metrics0.json",
        "secure_token_in_post.json",
    ],
)
async def test_summary__of_a_day(visits: str) -> None:
    """A day's reports, however their ratios are written, make the same figures."""
    async with answering(visits, "actions_get.day.json") as client:
        assert await client.summary(SATURDAY, SATURDAY) == SiteFigures(
            visitors=9,
            visits=9,
            pageviews=15,
            bounce_rate=55.56,
            visit_duration=256.33,
            views_per_visit=1.67,
        )


async def test_summary__of_an_empty_day() -> None:
    """A single day without a visit is told in zeros."""
    async with answering("visitssummary_get.day.empty.json", "actions_get.day.json") as client:
        told = await client.summary(date(2026, 11, 1), date(2026, 11, 1))
    assert (told.visits, told.bounce_rate, told.views_per_visit) == (0, None, None)


@pytest.mark.parametrize(
    ("name", "start", "end", "visitors", "visits"),
    [
        ("visitssummary_get.range.json", date(2026, 11, 10), date(2026, 11, 20), None, 90),
        ("visitssummary_get.year.json", date(2026, 1, 1), date(2026, 11, 22), None, 99),
        ("visitssummary_get.month.json", date(2026, 11, 1), date(2026, 11, 22), 25, 99),
    ],
)
async def test_summary__of_days_together(
    name: str, start: date, end: date, visitors: int | None, visits: int
) -> None:
    """Of a month there are visitors, of other days together none."""
    async with answering(name, "actions_get.day.json") as client:
        told = await client.summary(start, end)
    assert (told.visitors, told.visits) == (visitors, visits)


async def test_timeseries__of_days() -> None:
    """Days that are ``[]`` are zero; page views that are not told for a day are, too."""
    names = "visitssummary_get.day.series_range.json", "actions_get.day.series.json"
    async with answering(*names) as client:
        told = await client.timeseries(date(2026, 11, 8), date(2026, 11, 14), Interval.DAY)
    assert [(p.visitors, p.visits, p.pageviews) for p in told] == [
        (0, 0, 0),
        (0, 0, 0),
        (5, 5, 17),
        (7, 7, 17),
        (8, 8, 0),
        (11, 11, 0),
        (8, 8, 0),
    ]
    assert told[2].bounce_rate == 20
    assert told[2].visit_duration == 606.2


async def test_timeseries__of_months() -> None:
    """Months are told by their names, empty ones as ``[]``."""
    names = "visitssummary_get.month.series.json", "actions_getPageUrls.day.empty.json"
    async with answering(*names) as client:
        told = await client.timeseries(date(2026, 9, 1), date(2026, 11, 22), Interval.MONTH)
    assert [(p.visitors, p.visits) for p in told] == [(0, 0), (0, 0), (25, 99)]


@pytest.mark.parametrize(
    "name",
    [
        "visitssummary_get.week.series.json",
        "visitssummary_get.day.series.single_column.json",
        "api_get.day.series.columns.json",
    ],
)
async def test_timeseries__of_another_shape(name: str) -> None:
    """Weeks, single columns and the report that drops counts are no series of ours."""
    async with answering(name, "actions_get.day.series.json") as client:
        with pytest.raises(UpstreamInvalidError):
            await client.timeseries(date(2026, 11, 8), date(2026, 11, 14), Interval.DAY)


async def test_top_pages__of_a_day() -> None:
    """Counts that are text are numbers; a page on which no visit began has no bounce rate."""
    async with answering("actions_getPageUrls.day.format_metrics0.json") as client:
        told = await client.top_pages(SATURDAY, SATURDAY, 10)
    assert [(page.path, page.pageviews, page.bounce_rate) for page in told.items] == [
        ("/wiki/Earth", 6, 60),
        ("/", 4, 0),
        ("/about", 2, 0),
        ("/top/2026/11", 1, None),
        ("/wiki/Café", 1, 100),
        ("/wiki/Python_(programming_language)", 1, 100),
    ]
    assert told.items[0] == PageFigures(
        path="/wiki/Earth",
        visitors=6,
        visits=6,
        pageviews=6,
        bounce_rate=60,
        time_on_page=68.5,
    )


async def test_top_pages__of_a_month() -> None:
    """Of several days the visitors are those of each day, added up."""
    async with answering("actions_getPageUrls.month.flat.json") as client:
        told = await client.top_pages(date(2026, 11, 1), date(2026, 11, 22), 3)
    assert [(page.path, page.pageviews, page.visitors) for page in told.items] == [
        ("/wiki/Earth", 50, 42),
        ("/", 45, 34),
        ("/top/2026/11", 43, 38),
    ]


async def test_top_pages__the_rest_is_told_apart() -> None:
    """The row without a URL is the rest."""
    async with answering("actions_getPageUrls.day.truncated_others.json") as client:
        told = await client.top_pages(SATURDAY, SATURDAY, 10)
    assert [(page.path, page.pageviews) for page in told.items] == [("/wiki/Earth", 6)]
    assert told.other_pageviews == 9


async def test_top_pages__of_odd_names() -> None:
    """What visitors made up stays as it is, without its query string."""
    async with answering("actions_getPageUrls.day.special_chars.json") as client:
        told = await client.top_pages(SATURDAY, SATURDAY, 10)
    assert [(page.path, page.visits) for page in told.items] == [
        ("/wiki/Earth", None),
        ("/", None),
        ("/R&D/<x>\"y'", None),
    ]


async def test_top_pages__empty() -> None:
    """No page is an empty list."""
    async with answering("actions_getPageUrls.day.empty.json") as client:
        assert (await client.top_pages(SATURDAY, SATURDAY, 10)).items == []


async def test_current_visitors__recorded() -> None:
    """Who is there now comes in a list of one."""
    async with answering("live_getCounters.nonzero.json") as client:
        assert (await client.current_visitors()).visitors == 3


async def test_check__recorded() -> None:
    """The site's settings prove the token."""
    async with answering("sitesmanager_getSiteFromId.json") as client:
        await client.check()


@pytest.mark.parametrize(
    "name", [name for name in ANSWERS if name.startswith(("error.", "segment."))]
)
async def test_error__recorded(name: str) -> None:
    """Every recorded error is one, of the key or of the question, with its words left out."""
    async with answering(name) as client:
        with pytest.raises(UpstreamRejectedError) as raised:
            await client.current_visitors()
    of_key = ANSWERS[name].status == 401
    assert isinstance(raised.value, UpstreamKeyRefusedError) is of_key
    assert "rejected our request with status" in f"{raised.value}"


async def test_bulk__with_a_failed_part() -> None:
    """One part that failed is an error of the whole; the others alone would be half an answer."""
    async with answering("bulk.json") as client:
        with pytest.raises(UpstreamInvalidError):  # three parts, where two are asked for
            await client.summary(SATURDAY, SATURDAY)
    names = "visitssummary_get.day.json", "error.no_such_site.json"
    async with answering(*names) as client:
        with pytest.raises(UpstreamKeyRefusedError):
            await client.summary(SATURDAY, SATURDAY)


async def test_jsonp__is_no_answer() -> None:
    """What calls a function is no JSON."""
    async with answering("jsonp.callback.txt") as client:
        with pytest.raises(UpstreamInvalidError):
            await client.check()


def test_recorded__all_are_listed() -> None:
    """Every file that is here is in the index."""
    assert {file.name for file in RECORDED.iterdir()} == ANSWERS.keys() | {"index.tsv"}
