"""The projects known so far, through the front door."""

import httpx

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.conftest import Service
from tests.support.clock import FakeClock

PATH = "/api/v1/projects"


async def names(service: Service) -> list[str]:
    """Ask for the names of the known projects."""
    response = await service.client.get(PATH)
    assert response.status_code == 200
    return [item["project"] for item in response.json()["items"]]


async def test_get_projects__as_they_are_asked_for(service: Service) -> None:
    """A project is listed from the first number on that Wikimedia told of it, in order of name."""
    assert "fr.wikipedia" not in await names(service)
    assert service.aqs.count() == 0
    await service.client.get("/api/v1/projects/fr.wikipedia")
    await service.client.get("/api/v1/articles/en.wikipedia/Main_Page")
    asked = service.aqs.count()
    assert await names(service) == ["en.wikipedia", "fr.wikipedia"]
    assert service.aqs.count() == asked


async def test_get_projects__newest_day(service: Service) -> None:
    """The newest loaded day of a project is told, and when that was looked at."""
    await service.client.get("/api/v1/projects/fr.wikipedia")
    items = (await service.client.get(PATH)).json()["items"]
    assert {
        "project": "fr.wikipedia",
        "complete_through": "2026-11-21",
        "checked_at": "2026-11-22T12:00:00Z",
    } in items


async def test_get_projects__unknown_project(service: Service) -> None:
    """A project of which Wikimedia never told a number is not listed."""
    assert (await service.client.get("/api/v1/projects/xx.wikipedia")).status_code == 404
    assert "xx.wikipedia" not in await names(service)


async def test_get_projects__takes_no_parameters(service: Service) -> None:
    """A parameter is refused by its name."""
    for query in ("foo=1", "foo=1&foo=2"):
        response = await service.client.get(f"{PATH}?{query}")
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["errors"]] == [["query", "foo"]]


async def test_get_projects__notice(settings: Settings, clock: FakeClock) -> None:
    """Where the data are a sample, this answer says so, too."""
    app = create_app(settings, clock=clock, notice="Sample data.")
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        response = await client.get(PATH)
    assert response.json()["notice"] == "Sample data."
