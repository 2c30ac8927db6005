"""Projects' totals, through the front door; ``test_articles`` asks what they share."""

from datetime import timedelta

from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults


async def test_get_project__latest_days(service: Service) -> None:
    """A project's total is asked of AQS's aggregate, once, and told day by day."""
    response = await service.client.get("/api/v1/projects/fr.wikipedia")

    assert response.status_code == 200
    answer = response.json()
    assert "article" not in answer
    assert answer["project"] == "fr.wikipedia"
    assert answer["end"] == answer["complete_through"] == "2026-11-21"
    assert [item["status"] for item in answer["items"]] == ["ok"] * 30
    assert answer["summary"]["total"] == sum(item["views"] for item in answer["items"])
    await service.client.get("/api/v1/projects/fr.wikipedia?range=latest-90")
    assert service.aqs.count(lambda path: "/all-access/user/daily/2024112200/" in path) == 1
    # The sum over all agents tells which days are loaded, that of people which were restated.
    assert service.aqs.count(lambda path: "/all-access/all-agents/" in path) == 1
    assert service.aqs.count(lambda path: "/all-access/user/daily/2015070100/" in path) == 1
    assert service.aqs.count() == 3


async def test_get_project__part_without_views(service: Service) -> None:
    """A part of a project that nobody used has true zeros, not days lost at Wikimedia."""
    old = {YESTERDAY - timedelta(days=40): 3, YESTERDAY - timedelta(days=45): 2}
    service.aqs.set_views("fr.wikipedia", None, "mobile-app", "user", old)
    response = await service.client.get(
        "/api/v1/projects/fr.wikipedia?access=mobile-app&range=latest-10"
    )

    answer = response.json()
    assert answer["end"] == answer["complete_through"] == "2026-11-21"
    statuses = [item["status"] for item in answer["items"]]
    assert statuses == ["zero"] * 7 + ["not_loaded"] * 3  # of these we cannot be sure yet


async def test_get_project__all_projects(service: Service) -> None:
    """The sum over all projects has a total of its own."""
    service.aqs.set_views("all-projects", None, "all-access", "user", {YESTERDAY: 700_000_000})
    response = await service.client.get("/api/v1/projects/all-projects?range=latest-1")

    assert response.status_code == 200
    assert response.json()["items"] == [
        {"date": "2026-11-21", "views": 700_000_000, "status": "ok"}
    ]


async def test_get_project__unknown(service: Service) -> None:
    """A project of which AQS has no total is unknown."""
    response = await service.client.get("/api/v1/projects/xx.wikipedia")

    assert response.status_code == 404
    assert response.json()["type"] == "/problems/unknown-project"
    assert response.headers["cache-control"] == "public, max-age=60"


async def test_get_project__throttled(service: Service) -> None:
    """While AQS asks us to slow down, a caller is told for how long."""
    service.aqs.behave(aqs_faults.throttled("60"))
    response = await service.client.get("/api/v1/projects/fr.wikipedia")

    assert response.status_code == 503
    assert response.json()["upstream"] == "aqs"
    assert response.headers["retry-after"] == "60"


async def test_get_project__hole(service: Service) -> None:
    """A day that a project's total lacks although later ones are there was lost."""
    total = dict.fromkeys((YESTERDAY.replace(day=18), YESTERDAY.replace(day=20)), 1)
    for agent in ("user", "all-agents"):
        service.aqs.set_views("de.wikipedia", None, "all-access", agent, total)
    response = await service.client.get("/api/v1/projects/de.wikipedia?range=latest-3")

    statuses = {item["date"]: item["status"] for item in response.json()["items"]}
    assert statuses == {"2026-11-18": "ok", "2026-11-19": "hole", "2026-11-20": "ok"}
