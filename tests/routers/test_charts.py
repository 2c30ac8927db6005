"""Charts, through the front door."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults, svg

CHART = "/api/v1/charts/fr.wikipedia/Strasbourg.svg"

TITLES = json.loads((Path(__file__).parent.parent / "data/titles.json").read_text("utf-8"))

BAD_PARAMETERS = {
    "kind=bar": "kind",
    "kind=": "kind",
    "kind=LINE": "kind",
    "theme=blue": "theme",
    "format=svg": "format",
    "as_of=2026-11-01": "as_of",
    "range=latest-0": "range",
    "range=latest-%D9%A3": "range",
    "start=2026-11-02&end=2026-11-01": "start",
    "start=2026-11-01&end=2026-11-23": "end",
    "start=2026-11-01": "end",
    "access=all": "access",
    "agent=bot": "agent",
    "granularity=hourly": "granularity",
    **{
        f"{side}={value}": side
        for side, less, more in [("width", 79, 2001), ("height", 19, 1001)]
        for value in [
            *(str(less), str(more), "0", "-1", "-640", "1e2", "1_00", "100.0", "+100", "%20100"),
            *("", "NaN", "0x64", "%D9%A1%D9%A0%D9%A0", "100%0A", "9" * 26, "00640"),
        ]
    },
}
"""Each query that has no meaning, and the parameter that is to blame."""


def problem(response: httpx.Response) -> dict[str, object]:
    """Read a problem, and make sure that it is one."""
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = response.json()
    assert body["status"] == response.status_code
    return body


async def test_get_chart__headers(service: Service) -> None:
    """It may be shown by any page, and can do nothing."""
    response = await service.client.get(CHART)
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert response.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'"
    )
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "content-disposition" not in response.headers


async def test_get_chart__numbers(service: Service) -> None:
    """It draws and says what the article's own route tells."""
    told = (await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")).json()
    chart = svg.read((await service.client.get(CHART)).text)
    (line,) = [line for data in svg.paths(chart, "l") for line in svg.lines(data)]
    assert len(line) == len(told["items"]) == 30
    summary = told["summary"]
    description = chart.findtext(f"{svg.NAMESPACE}desc") or ""
    for words in (
        f"from {told['start']} to {told['end']} (all-access, user)",
        f"{summary['total']:,} in all on 30 days",
        f"The fewest in a day were {summary['minimum']['views']:,} on",
        f"the most {summary['maximum']['views']:,} on {summary['maximum']['date']}.",
    ):
        assert words in description
    fetches = service.series_fetches("Strasbourg")
    assert fetches == 1  # the chart asked for nothing more


async def test_get_chart__parameters(service: Service) -> None:
    """Days, access, agent, granularity, size, kind and theme are as asked."""
    asked = {"start": "2026-10-01", "end": "2026-11-21", "granularity": "weekly", "width": "80"}
    more = {"height": "1000", "kind": "sparkline", "theme": "auto", "access": "desktop"}
    service.aqs.set_views("fr.wikipedia", "Strasbourg", "desktop", "spider", {YESTERDAY: 5})
    response = await service.client.get(CHART, params=asked | more | {"agent": "spider"})
    chart = svg.read(response.text)
    assert chart.attrib["viewBox"] == "0 0 80 1000"
    assert "prefers-color-scheme" in response.text
    description = chart.findtext(f"{svg.NAMESPACE}desc") or ""
    assert "by week from 2026-10-01 to 2026-11-21 (desktop, spider): 5 in all" in description


async def test_get_chart__any_title(service: Service) -> None:
    """Titles with slashes, of any script, and ones that look like markup or files are drawn."""
    awkward = ["AC/DC", "File.svg", "a.svg/b", ".svg", "<b>&amp;\"'</b>", "]]>", "x\ufffe", "100%"]
    for title in [*awkward, *(one["article"] for one in TITLES)]:
        service.aqs.set_views("en.wikipedia", title, "all-access", "user", {YESTERDAY: 5})
        for path in {quote(title, safe="/"), quote(title, safe="")}:
            url = f"/api/v1/charts/en.wikipedia/{path}.svg?range=latest-3"
            response = await service.client.get(url)
            assert (title, response.status_code) == (title, 200)
            named = svg.read(response.text).findtext(f"{svg.NAMESPACE}title")
            shown = title.replace("_", " ").replace("\ufffe", "\ufffd")
            assert named == f"Views of {shown} on en.wikipedia"


async def test_get_chart__without_its_ending(service: Service) -> None:
    """A URL that does not end in ``.svg`` is a 404 that says so; nobody is asked."""
    for ending in ("", ".SVG", ".png", ".svg/", ".svg.gz"):
        response = await service.client.get(f"/api/v1/charts/fr.wikipedia/Strasbourg{ending}")
        assert response.status_code == 404
        assert problem(response)["type"] == "/problems/not-found"
        assert problem(response)["detail"] == "The URL of a chart ends in .svg."
    assert service.aqs.count() == 0


async def test_get_chart__bad_parameters(service: Service) -> None:
    """A query without meaning is refused with the name of the parameter (rows C6 to C8)."""
    for query, field in BAD_PARAMETERS.items():
        response = await service.client.get(f"{CHART}?{query}")
        assert (query, response.status_code) == (query, 422)
        (error,) = response.json()["errors"]
        assert (query, error["loc"]) == (query, ["query", field])
    assert service.aqs.count() == 0


async def test_get_chart__bad_path(service: Service) -> None:
    """A project that is none, and a title that is none, are refused by name."""
    for path, field in [
        ("evil.com/X.svg", "project"),
        ("all-projects/X.svg", "project"),
        ("fr.wikipedia/.svg", "article"),
        ("fr.wikipedia/%00.svg", "article"),
        ("fr.wikipedia/%ff.svg", "article"),
        (f"fr.wikipedia/{'x' * 256}.svg", "article"),
    ]:
        response = await service.client.get(f"/api/v1/charts/{path}")
        assert (path, response.status_code) == (path, 422)
        assert [error["loc"] for error in response.json()["errors"]] == [["path", field]]
    assert service.aqs.count() == 0


async def test_get_chart__never_viewed(service: Service) -> None:
    """An article that Wikimedia has never counted is a problem, not a picture."""
    response = await service.client.get("/api/v1/charts/fr.wikipedia/Nobody.svg")
    assert response.status_code == 404
    assert problem(response)["type"] == "/problems/article-never-viewed"


async def test_get_chart__no_day_yet(service: Service) -> None:
    """On a Monday this week is empty, and the picture says so."""
    service.clock.set(datetime(2026, 11, 23, 12, tzinfo=UTC))
    response = await service.client.get(CHART, params={"range": "this-week"})
    assert response.status_code == 200
    assert "No day of this range is loaded yet." in svg.texts(svg.read(response.text))


async def test_get_chart__conditional(service: Service) -> None:
    """Who has it already gets a 304; a look of its own is another picture; a check keeps it."""
    first = await service.client.get(CHART)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    assert first.headers["cache-control"].startswith("public, max-age=7")
    again = await service.client.get(CHART, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    kept = ("etag", "cache-control", "cross-origin-resource-policy")
    assert {name: again.headers[name] for name in kept} == {
        name: first.headers[name] for name in kept
    }
    for query in ("kind=sparkline", "theme=dark", "width=641", "height=241", "range=latest-31"):
        other = await service.client.get(f"{CHART}?{query}", headers={"if-none-match": tag})
        assert (query, other.status_code) == (query, 200)
    service.clock.advance(3 * 3600)
    later = await service.client.get(CHART, headers={"if-none-match": tag})
    assert later.status_code == 304


@pytest.mark.parametrize("accept", ["image/svg+xml", "image/avif,image/webp,*/*;q=0.8", "image/*"])
async def test_get_chart__as_browsers_ask(service: Service, accept: str) -> None:
    """Whatever a browser accepts for an image, it gets the picture."""
    response = await service.client.get(CHART, headers={"accept": accept})
    assert response.status_code == 200
    assert "accept" not in response.headers.get("vary", "").lower().replace("accept-encoding", "")


async def test_get_chart__stale(service: Service) -> None:
    """When Wikimedia is down, it draws what is held, and says that it is not current."""
    await service.client.get(CHART)
    service.aqs.behave(aqs_faults.failing())
    service.clock.advance(timedelta(hours=27).total_seconds())
    response = await service.client.get(CHART)
    assert response.status_code == 200
    assert "Not current: checked 2026-11-22 12:00 UTC." in response.text
    assert "days are not known" in response.text or "day is not known" in response.text


async def test_get_chart__failed(service: Service) -> None:
    """When nothing is held, and Wikimedia is down, it is a problem."""
    service.aqs.behave(aqs_faults.html_page())
    response = await service.client.get(CHART)
    assert response.status_code == 502
    assert problem(response)["upstream"]


async def test_head_chart__as_get(service: Service) -> None:
    """HEAD tells the same headers, without the picture."""
    got, head = await service.client.get(CHART), await service.client.head(CHART)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "etag"):
        assert head.headers[name] == got.headers[name]


async def test_get_chart__compressed(service: Service) -> None:
    """It is compressed for who takes that."""
    headers = {"accept-encoding": "gzip"}
    response = await service.client.get(CHART, headers=headers)
    assert response.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in response.headers["vary"].lower()


async def test_chart__sizes_where_none_is_asked_for(service: Service) -> None:
    """A line chart has room for its axes; a sparkline is small."""
    for query, size in (("", ("640", "240")), ("&kind=sparkline", ("120", "30"))):
        response = await service.client.get(f"{CHART}?range=latest-5{query}")
        assert f'width="{size[0]}" height="{size[1]}"' in response.text
