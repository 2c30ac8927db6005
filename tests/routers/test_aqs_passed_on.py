"""AQS's own paths, through the front door: what is passed on, and kept for a while."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.conftest import Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock, SkippingClock

RECORDED = Path(__file__).parents[1] / "data/aqs"
BASE = "/api/rest_v1/metrics"

HOURLY = "pageviews/aggregate/fr.wikipedia/all-access/user/hourly/2026110100/2026110101"
COUNTRIES = "pageviews/top-by-country/fr.wikipedia/all-access/2026/09"
COUNTRY_TOP = "pageviews/top-per-country/FR/all-access/2026/09/01"
DEVICES = "unique-devices/fr.wikipedia/all-sites/monthly/20260901/20261001"

BODIES = {
    HOURLY: '{"items":[{"project":"fr.wikipedia","access":"all-access","agent":"user",'
    '"granularity":"hourly","timestamp":"2026110100","views":3},{"project":"fr.wikipedia",'
    '"access":"all-access","agent":"user","granularity":"hourly","timestamp":"2026110101",'
    '"views":0}]}',
    COUNTRIES: '{"items":[{"project":"fr.wikipedia","access":"all-access","year":"2026",'
    '"month":"09","countries":[{"country":"FR","views":"1000000-9999999","views_ceil":2000000,'
    '"rank":1},{"country":"BE","views":"100-999","views_ceil":1000,"rank":3}]}]}',
    COUNTRY_TOP: '{"items":[{"country":"FR","access":"all-access","year":"2026","month":"09",'
    '"day":"01","articles":[{"article":"Cookie_(informatique)","project":"fr.wikipedia",'
    '"views_ceil":1200,"rank":1}]}]}',
    DEVICES: '{"items":[{"project":"fr.wikipedia","access-site":"all-sites",'
    '"granularity":"monthly","timestamp":"20260901","devices":5,"offset":2,"underestimate":3}]}',
}
"""Bodies of AQS's shape; the numbers are made up."""

OTHERS = {
    HOURLY: [
        ("fr.wikipedia", "de.wikipedia"),
        ('"user"', '"spider"'),
        ("2026110100", "2026103123"),
        ("2026110100", "2026110101"),
        ('"views":3', '"views":-3'),
        ('"views":3', '"views":3.0'),
    ],
    COUNTRIES: [
        ("fr.wikipedia", "de.wikipedia"),
        ('"09"', '"08"'),
        ('"100-999"', "100"),
        ("views_ceil", "views_floor"),
        ("all-access", "desktop"),
    ],
    COUNTRY_TOP: [('"FR"', '"BE"'), ('"01"', '"02"'), ('"rank":1', '"rank":0')],
    DEVICES: [
        ("all-sites", "desktop-site"),
        ("monthly", "daily"),
        ("20260901", "20260801"),
        ("access-site", "access_site"),
        ('"devices":5', '"devices":"5"'),
    ],
}
"""Changes that make an answer one to another question, or none of AQS's."""


def _set(service: Service) -> None:
    for path, body in BODIES.items():
        service.aqs.set_answer(path, body)


@pytest.mark.parametrize("path", BODIES)
async def test_passed_on__word_for_word(service: Service, path: str) -> None:
    """An answer comes as AQS sent it, by one request, and is kept for two hours."""
    _set(service)
    for _ in range(3):
        response = await service.client.get(f"{BASE}/{path}")
        assert (response.status_code, response.text) == (200, BODIES[path])
        assert response.headers["etag"].startswith('W/"')
        service.clock.advance(2_000)
    assert response.headers["cache-status"].startswith("pageviews-api; hit")
    assert response.headers["cache-control"].startswith("public, max-age=3200")
    assert [one.raw_path for one in service.aqs.requests] == [f"/metrics/{path}"]
    service.clock.advance(2_000)
    await service.client.get(f"{BASE}/{path}")
    assert service.aqs.count() == 2


async def test_devices__as_recorded(service: Service) -> None:
    """Unique devices are AQS's to the byte, the hyphen in ``access-site`` included."""
    exchange = json.loads((RECORDED / "unique_devices_en.wikipedia_2021-01-02.json").read_text())
    path = exchange["request"]["path"]
    service.aqs.set_answer(path.removeprefix("/metrics/"), exchange["body"])
    response = await service.client.get(f"/api/rest_v1{path}")
    assert response.content == exchange["body"].encode()


@pytest.mark.parametrize(
    ("spelling", "path"),
    [
        (
            "pageviews/aggregate/FR.wikipedia.org/all-access/user/Hourly/2026110100/2026110101",
            HOURLY,
        ),
        ("pageviews/top-by-country/fr.wikipedia.org/all-access/2026/9", COUNTRIES),
        ("pageviews/top-per-country/FR/all-access/2026/9/1", COUNTRY_TOP),
        ("unique-devices/www.fr.wikipedia/ALL-sites/monthly/2026090100/20261001", DEVICES),
    ],
)
async def test_spellings__are_one(service: Service, spelling: str, path: str) -> None:
    """Spellings of one question are one request, and one entry (row B7)."""
    _set(service)
    for one in (spelling, path):
        assert (await service.client.get(f"{BASE}/{one}")).text == BODIES[path]
    assert service.aqs.count() == 1


async def test_future__is_cut_off(service: Service) -> None:
    """Ranges that end in the future are asked for up to now: one question, one entry."""
    for end in ("2026112212", "2026112300", "2099010100"):
        path = f"pageviews/aggregate/fr.wikipedia/all-access/user/hourly/2026112200/{end}"
        await service.client.get(f"{BASE}/{path}")
    for end in ("20261122", "20991231"):
        path = f"unique-devices/fr.wikipedia/all-sites/daily/20100101/{end}"
        await service.client.get(f"{BASE}/{path}")
    assert [one.raw_path.rsplit("/", 2)[-2:] for one in service.aqs.requests] == [
        ["2026112200", "2026112212"],
        ["20150701", "20261122"],
    ]


async def test_devices__of_a_family(service: Service) -> None:
    """All projects of a family have devices, though no views of their own."""
    path = "unique-devices/all-wikipedia-projects/all-sites/daily/20261101/20261101"
    assert (await service.client.get(f"{BASE}/{path}")).status_code == 404
    assert service.aqs.count() == 1


@pytest.mark.parametrize("path", BODIES)
async def test_not_found__for_ten_minutes(service: Service, path: str) -> None:
    """A 404 is AQS's own, and believed for ten minutes (row A14)."""
    for _ in range(2):
        response = await service.client.get(f"{BASE}/{path}")
        assert response.status_code == 404
        assert response.json()["uri"] == f"/metrics/{path}"
        service.clock.advance(200)
    assert service.aqs.count() == 1
    _set(service)
    service.clock.advance(400)
    assert (await service.client.get(f"{BASE}/{path}")).text == BODIES[path]


async def test_many_callers__one_request(service: Service) -> None:
    """Fifty callers of one question cost one request (row B1)."""
    _set(service)
    answers = await asyncio.gather(*(service.client.get(f"{BASE}/{COUNTRIES}") for _ in range(50)))
    assert {answer.text for answer in answers} == {BODIES[COUNTRIES]}
    assert service.aqs.count() == 1


@pytest.mark.parametrize(
    ("path", "old", "new"), [(path, *pair) for path, pairs in OTHERS.items() for pair in pairs]
)
async def test_other_answers__are_refused(service: Service, path: str, old: str, new: str) -> None:
    """What answers another question, or is not as documented, is a 502 (rows A10, A20, A23)."""
    assert old in BODIES[path]
    service.aqs.set_answer(path, BODIES[path].replace(old, new))
    assert (await service.client.get(f"{BASE}/{path}")).status_code == 502


class TestFailing:
    """An AQS that fails after it has answered."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Give a clock on which the pauses between tries take no time."""
        return SkippingClock()

    @pytest.mark.parametrize("path", BODIES)
    async def test_passed_on__stale(self, service: Service, path: str) -> None:
        """What was once told is told again when AQS fails, as what is not fresh (row B6)."""
        _set(service)
        await service.client.get(f"{BASE}/{path}")
        service.aqs.behave(aqs_faults.failing())
        service.clock.advance(10_000)
        response = await service.client.get(f"{BASE}/{path}")
        assert (response.status_code, response.text) == (200, BODIES[path])
        assert response.headers["cache-control"].startswith("public, max-age=0,")
