"""Weeks, through the front door: of an article and of a project's total."""

from datetime import date

import pytest

from tests.conftest import Service
from tests.support import aqs_faults

SERIES = ["/api/v1/articles/fr.wikipedia/Strasbourg", "/api/v1/projects/fr.wikipedia"]


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__weekly(service: Service, path: str) -> None:
    """Weeks are sums of the asked days from Monday to Sunday, and say whether they are whole."""
    asked = {"start": "2026-11-05", "end": "2026-11-22"}
    daily = (await service.client.get(path, params=asked)).json()
    response = await service.client.get(path, params=asked | {"granularity": "weekly"})

    assert response.status_code == 200
    answer = response.json()
    assert answer["granularity"] == "weekly"
    assert answer["summary"] == daily["summary"]
    views = [item["views"] for item in daily["items"]]
    assert answer["items"] == [
        {
            "start": start,
            "end": end,
            "views": sum(counted),
            "days_counted": len(counted),
            "days_in_period": 7,
            "partial": len(counted) < 7,
            "per_day": round(sum(counted) / len(counted), 2),
        }
        for start, end, counted in [
            ("2026-11-05", "2026-11-08", views[:4]),
            ("2026-11-09", "2026-11-15", views[4:11]),
            ("2026-11-16", "2026-11-22", views[11:17]),  # the 22nd is not loaded yet
        ]
    ]


@pytest.mark.parametrize("path", SERIES)
async def test_get_series__weekly_all_time(service: Service, path: str) -> None:
    """The weeks of all time begin with five days of July 2015, and pass each New Year in one."""
    response = await service.client.get(path, params={"range": "all-time", "granularity": "weekly"})

    items = response.json()["items"]
    assert (items[0]["start"], items[0]["end"], items[0]["partial"]) == (
        "2015-07-01",
        "2015-07-05",
        True,
    )
    starts = [date.fromisoformat(item["start"]) for item in items]
    assert {start.isoweekday() for start in starts[1:]} == {1}
    assert len({start.isocalendar()[:2] for start in starts}) == len(items)
    assert [item["end"] for item in items if item["start"] == "2020-12-28"] == ["2021-01-03"]


async def test_get_article__weekly_with_a_missing_day(service: Service) -> None:
    """A week of which a day cannot be learned now has no sum; the week before keeps its own."""
    path, asked = SERIES[0], {"start": "2026-11-09", "end": "2026-11-21", "granularity": "weekly"}
    whole, _ = (await service.client.get(path, params=asked)).json()["items"]
    service.aqs.behave(aqs_faults.failing())
    service.clock.advance(27 * 3600)
    kept, broken = (await service.client.get(path, params=asked)).json()["items"]

    assert kept == whole
    assert (kept["partial"], kept["days_counted"]) == (False, 7)
    assert (broken["views"], broken["per_day"], broken["partial"]) == (None, None, True)
    assert broken["days_counted"] < 6
