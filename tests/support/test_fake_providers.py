"""The fakes of both providers do what is documented of them, or was measured."""

from datetime import date

import httpx
import pytest

from tests.support.clock import FakeClock
from tests.support.fake_matomo import FakeMatomo
from tests.support.fake_plausible import BURST_SECONDS, HOUR_SECONDS, FakePlausible
from tests.support.fake_provider import DayCounts, UrlCounts
from tests.support.site_logs import CANARY

DAY = date(2026, 11, 21)
KEY = {"authorization": f"Bearer {CANARY}"}
REALTIME = "http://p.test/api/v1/stats/realtime/visitors"


@pytest.mark.parametrize(
    ("headers", "site_id", "is_over", "has_plan", "status"),
    [
        ({}, "dummy.site", True, False, 401),
        ({"authorization": "Bearer wrong"}, "dummy.site", True, False, 401),
        (KEY, "wrong", True, False, 429),
        (KEY, "wrong", False, False, 402),
        (KEY, "wrong", False, True, 401),
        (KEY, "dummy.site", False, True, 200),
    ],
)
async def test_plausible__order_of_checks(
    headers: dict[str, str], site_id: str, is_over: bool, has_plan: bool, status: int
) -> None:
    """Token, key, limits, plan, site: in this order, and a 429 without a word of when."""
    fake = FakePlausible(FakeClock(), key=CANARY)
    fake.has_plan = has_plan
    fake.used_by_others[BURST_SECONDS if has_plan else HOUR_SECONDS] = 600 if is_over else 0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as http:
        response = await http.get(REALTIME, params={"site_id": site_id}, headers=headers)
    assert response.status_code == status
    assert "retry-after" not in response.headers


@pytest.mark.parametrize(
    "change",
    [
        {"date_range": "7d"},
        {"metrics": ["visits", "visits"]},
        {"metrics": ["baa"]},
        {"dimensions": ["badproperty"]},
        {"period": "7d"},
        {"site_id": None},
    ],
)
async def test_plausible__refuses_questions(change: dict[str, object]) -> None:
    """Whatever is wrong with a question is a 400."""
    fake = FakePlausible(FakeClock(), key=CANARY)
    query = {"site_id": "dummy.site", "metrics": ["visits"], "date_range": ["2026-11-21"] * 2}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as http:
        url = "http://p.test/api/v2/query"
        assert (await http.post(url, json=query, headers=KEY)).status_code == 200
        assert (await http.post(url, json=query | change, headers=KEY)).status_code == 400


@pytest.mark.parametrize(
    ("asked", "early", "late"),
    [
        ({"method": "VisitsSummary.get", "period": "fortnight", "date": "2026-11-21"}, 200, 400),
        ({"method": "VisitsSummary.get", "period": "day", "date": "2026-99-99"}, 200, 400),
        ({"method": "VisitsSummary.nope"}, 200, 404),
        ({"method": "VisitsSummary.get", "idSite": "99"}, 401, 401),
    ],
)
async def test_matomo__status_of_errors(asked: dict[str, str], early: int, late: int) -> None:
    """Errors have a status of their own since 5.7, and the same body before and after."""
    for version, status in (((5, 0), early), ((5, 7), late)):
        response = await _ask(FakeMatomo(token=CANARY, version=version), asked)
        assert response.status_code == status
        assert response.json()["result"] == "error"


async def test_matomo__takes_the_token_of_a_form_only() -> None:
    """A header or a JSON body with the token is as none."""
    fake = FakeMatomo(token=CANARY)
    url = "http://m.test/index.php?module=API&format=JSON&method=API.getMatomoVersion"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as http:
        told = [
            (await http.post(url, headers=KEY)).status_code,
            (await http.post(url, json={"token_auth": CANARY})).status_code,
            (await http.post(url, data={"token_auth": CANARY})).status_code,
        ]
    assert told == [401, 401, 200]


async def test_matomo__tree_or_flat() -> None:
    """Pages are folders, unless they are to be flat; counts of a day are text."""
    fake = FakeMatomo(token=CANARY)
    pages = {"http://e.org/wiki/A": UrlCounts(2, entries=1), "http://e.org/wiki/B": UrlCounts(1)}
    fake.set_day(DAY, DayCounts(), pages)
    asked = {"method": "Actions.getPageUrls", "period": "day", "date": f"{DAY}"}
    (folder,) = (await _ask(fake, asked)).json()
    assert folder == {"label": "wiki", "nb_hits": 3, "idsubdatatable": 1}
    flat = asked | {"flat": "1", "filter_sort_column": "nb_hits"}
    first, second = (await _ask(fake, flat)).json()
    assert (first["label"], first["entry_nb_visits"]) == ("/wiki/A", "1")
    assert "entry_nb_visits" not in second


async def _ask(fake: FakeMatomo, asked: dict[str, str]) -> httpx.Response:
    parameters = {"module": "API", "format": "JSON", "idSite": "1"} | asked
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as http:
        url = "http://m.test/index.php"
        return await http.post(url, params=parameters, data={"token_auth": CANARY})
