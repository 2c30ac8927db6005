"""Every kind of answer, read byte for byte by httplint, an independent reader of HTTP."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from fastapi import FastAPI
from httplint import HttpRequestLinter, HttpResponseLinter, levels
from pydantic import SecretStr

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from pageviews_api.middleware import size
from pageviews_api.resources import sites as opened_sites
from tests.conftest import YESTERDAY
from tests.routers.test_aqs_passed_on import BASE, BODIES, COUNTRIES, COUNTRY_TOP, DEVICES
from tests.support import aqs_faults, raw_http
from tests.support.aqs_faults import Behaviour
from tests.support.archived_site import put_sites
from tests.support.archives import archive, put, series, top_list
from tests.support.clock import FakeClock, SkippingClock
from tests.support.fake_aqs import FakeAqs
from tests.support.raw_http import RawAnswer
from tests.support.serving import serve
from tests.support.sites import TOKEN as SITES_TOKEN
from tests.support.sites import fakes, with_sites

ORIGIN = "https://ok.example"

TOKEN = "a-token-for-tests-only"

ARCHIVED = YESTERDAY + timedelta(days=1)

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg"

BATCH = "/api/v1/articles/batch"

BROWSER = [("User-Agent", "tests/1"), ("Origin", ORIGIN), ("Accept-Encoding", "identity")]
"""What every request has that does not say otherwise: CORS is part of what is read."""

VALUES = {
    "access": "all-access",
    "agent": "user",
    "article": "Strasbourg",
    "date": str(ARCHIVED),
    "day": f"{YESTERDAY.day:02}",
    "end": f"{YESTERDAY:%Y%m%d}",
    "granularity": "daily",
    "month": f"{YESTERDAY.month:02}",
    "project": "fr.wikipedia",
    "site": "blog",
    "slug": "not-found",
    "start": f"{YESTERDAY:%Y%m}01",
    "year": str(YESTERDAY.year),
}
"""For each part of a path what stands for it."""

QUERIES = {
    "/api/get_views": "?period=30",
    "/api/v1/articles": "?project=fr.wikipedia&article=Strasbourg&article=Nobody_reads_this",
    "/api/v1/archives/diff": f"?start={ARCHIVED - timedelta(days=1)}&end={ARCHIVED}",
    "/api/v1/top/{project}/history": "?article=Strasbourg",
    "/api/v1/sites/{site}/compare": "?project=fr.wikipedia&article=Strasbourg",
}
"""What must be asked where something must."""

PASSED_ON = {
    "top-by-country": f"{BASE}/{COUNTRIES}",
    "top-per-country": f"{BASE}/{COUNTRY_TOP}",
    "unique-devices": f"{BASE}/{DEVICES}",
}
"""What is told as Wikimedia told it: here of what the fake one knows."""

ACCEPTED = {
    "STORE_PUBLIC_UNNECESSARY": "true, and for people: who reads it need not know that rule",
    "STATUS_BAD_REQUEST": "it is what every 400 says",
    "STATUS_URI_TOO_LONG": "it is what every 414 says, an error in httplint's eyes",
    "VARY_COMPLEX": "on preflights alone, which no shared cache keeps: Starlette names each header",
}
"""Each note that we leave as it is, and why."""


@dataclass(frozen=True)
class Asked:
    """A request."""

    target: str
    headers: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: bytes = b""

    def fields(self) -> list[tuple[str, str]]:
        """Give its headers: a browser's, and its own in their place."""
        own = {name.lower() for name, _ in self.headers}
        return [(k, v) for k, v in BROWSER if k.lower() not in own] + list(self.headers)


def notes(asked: Asked, answer: RawAnswer, base_url: str) -> dict[str, str]:
    """Have an answer read; tell each error and warning by its name, with what it says."""
    request = HttpRequestLinter()
    request.process_request_topline(
        asked.method.encode(), f"{base_url}{asked.target}".encode(), b"1.1"
    )
    request.process_headers([(k.encode(), v.encode()) for k, v in asked.fields()])
    request.feed_content(asked.body)
    request.finish_content(complete=True)
    response = HttpResponseLinter(start_time=_made_at(answer))
    response.request = request
    request.response = response
    response.is_head_response = asked.method == "HEAD"
    response.base_uri = f"{base_url}{asked.target}"
    response.process_response_topline(
        answer.version, str(answer.status).encode(), answer.reason or None
    )
    response.process_headers(answer.fields)
    for piece in answer.pieces:
        response.feed_content(piece)
    response.finish_content(complete=True)
    return {
        type(note).__name__: f"{note.level.value} {note.subject}: {note.summary}"
        for note in response.notes
        if note.level in {levels.BAD, levels.WARN}
    }


def _made_at(answer: RawAnswer) -> float:
    """Tell by our clock when an answer was made: when it says, if that lies in the time it took."""
    told = answer.header("date")
    made_at = parsedate_to_datetime(told).timestamp() if told else answer.head_at
    return min(max(made_at, answer.asked_at), answer.head_at)


@dataclass
class Served:
    """The service on a real port, and what stands behind it."""

    url: str
    app: FastAPI
    aqs: FakeAqs
    clock: FakeClock

    async def check(self, asked: Asked, status: int) -> RawAnswer:
        """Ask; hold the answer against its status, and let nothing be wrong with it."""
        answer = await raw_http.ask(
            self.url, asked.target, asked.fields(), method=asked.method, body=asked.body
        )
        assert answer.status == status, answer.body[:300]
        found = notes(asked, answer, self.url)
        unknown = {name: text for name, text in found.items() if name not in ACCEPTED}
        assert (asked, unknown) == (asked, {})
        return answer


@pytest.fixture
async def served(
    settings: Settings, aqs: FakeAqs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    """Serve it with something archived, tokens, sites, an origin, and a route that fails."""
    monkeypatch.setattr(opened_sites, "site_client", fakes({}))
    aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Strasbourg", 1000), ("Paris", 900)])
    for path, body in BODIES.items():
        aqs.set_answer(path, body)
    update = {"allowed_origins": (ORIGIN,), "admin_token": SecretStr(TOKEN)}
    app = create_app(with_sites(settings, **update), clock=clock)

    async def boom() -> None:
        raise RuntimeError

    app.add_api_route("/boom", boom, include_in_schema=False)
    async with serve(app, dated=True) as url:
        for day in (ARCHIVED - timedelta(days=1), ARCHIVED):
            told = {series("Strasbourg"): [1, 2, 3], series(None): [40, 50, 60]}
            top = [top_list(day - timedelta(days=1), "Strasbourg", "Paris")]
            await put(app.state.resources.store, archive(day, told, top=top))
        await put_sites(app.state.resources.store.beside("sites"), ARCHIVED)
        yield Served(url, app, aqs, clock)


def paths_to_get(app: FastAPI) -> dict[str, str]:
    """Give for each path that is published a target that has an answer."""
    published = app.openapi()["paths"]
    return {path: target_of(path) for path in published if "get" in published[path]}


def authorised_for(path: str) -> tuple[tuple[str, str], ...]:
    """Give the token that a path needs, if it does."""
    if path.startswith(("/api/v1/sites", "/api/v1/site-archives")):
        return (("Authorization", f"Bearer {SITES_TOKEN}"),)
    return (("Authorization", f"Bearer {TOKEN}"),) if path.endswith("/run") else ()


def target_of(path: str) -> str:
    """Put values into a path."""
    for word, target in PASSED_ON.items():
        if f"/{word}/" in path:
            return target
    return re.sub(r"\{(\w+)\}", lambda part: VALUES[part[1]], path) + QUERIES.get(path, "")


async def test_lint__of_each_route(served: Served) -> None:
    """Whatever can be got, as GET and as HEAD; a new route that needs more gets a row above."""
    for path, target in paths_to_get(served.app).items():
        headers = authorised_for(path)
        answer = await served.check(Asked(target, headers), 200)
        assert answer.body
        await served.check(Asked(target, headers, method="HEAD"), 200)


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/assets/swagger-ui.css", "/openapi.json"])
async def test_lint__of_the_docs(served: Served, path: str) -> None:
    """The page of the docs, its files, and the way there."""
    await served.check(Asked(path), 307 if path == "/" else 200)
    await served.check(Asked(path, method="HEAD"), 307 if path == "/" else 200)


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip", "identity"])
@pytest.mark.parametrize("form", ["json", "csv", "ndjson"])
async def test_lint__of_each_form(served: Served, form: str, coding: str) -> None:
    """Each format compressed in each way, asked for by name or by ``Accept``, and not changed."""
    media_type = {"json": "application/json", "csv": "text/csv", "ndjson": "application/x-ndjson"}
    accepting = ("Accept-Encoding", coding)
    by_name = Asked(f"{STRASBOURG}?format={form}", (accepting,))
    by_accept = Asked(STRASBOURG, (accepting, ("Accept", media_type[form])))
    for asked in (by_name, by_accept):
        answer = await served.check(asked, 200)
        assert (answer.header("content-encoding") or "identity") == coding
        vary = (answer.header("vary") or "").lower()
        assert {"accept-encoding", "origin"} <= set(vary.split(", "))
        assert ("accept" in vary.split(", ")) is (asked is by_accept)
        tag = answer.header("etag")
        assert tag is not None
        same = replace(asked, headers=(*asked.headers, ("If-None-Match", tag)))
        unchanged = await served.check(same, 304)
        assert set((unchanged.header("vary") or "").lower().split(", ")) == set(vary.split(", "))
        for name in ("etag", "cache-control"):
            assert unchanged.header(name) == answer.header(name)
        head = await served.check(replace(asked, method="HEAD"), 200)
        assert head.header("content-length") == answer.header("content-length")


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip", "identity"])
@pytest.mark.parametrize("form", ["json", "csv", "ndjson"])
async def test_lint__of_a_document(served: Served, form: str, coding: str) -> None:
    """A whole archive, which is sent piece by piece."""
    asked = Asked(f"/api/v1/archives/{ARCHIVED}?format={form}", (("Accept-Encoding", coding),))
    answer = await served.check(asked, 200)
    tag = answer.header("etag")
    assert tag is not None
    await served.check(replace(asked, headers=(*asked.headers, ("If-None-Match", tag))), 304)
    await served.check(replace(asked, method="HEAD"), 200)


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip", "identity"])
async def test_lint__of_a_batch(served: Served, coding: str) -> None:
    """A batch, which is posted, and answered line by line."""
    body = b'{"items": [{"project": "fr.wikipedia", "article": "Strasbourg"}, 7]}'
    headers = (
        ("Accept-Encoding", coding),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
    )
    answer = await served.check(Asked(BATCH, headers, "POST", body), 200)
    assert (answer.header("content-encoding") or "identity") == coding
    wrong = (*headers[:2], ("Content-Length", "2"))
    await served.check(Asked(BATCH, wrong, "POST", b"[]"), 422)


@pytest.mark.parametrize("form", ["json", "csv", "ndjson"])
async def test_lint__of_a_site(served: Served, form: str) -> None:
    """What is for one reader alone, in each format, and not changed."""
    path = "/api/v1/sites/blog/timeseries"
    asked = Asked(f"{path}?format={form}", authorised_for(path))
    tag = (await served.check(asked, 200)).header("etag")
    assert tag is not None
    await served.check(replace(asked, headers=(*asked.headers, ("If-None-Match", tag))), 304)
    await served.check(Asked(path), 401)
    await served.check(Asked("/api/v1/sites/nobody/summary", authorised_for(path)), 404)


async def test_lint__of_methods(served: Served) -> None:
    """What a path has, by itself or as a browser asks before it posts; and what it has not."""
    for path in (STRASBOURG, f"/api/v1/archives/{ARCHIVED}/run", "/docs"):
        await served.check(Asked(path, method="OPTIONS"), 204)
        await served.check(Asked(path, method="DELETE"), 405)
    wanted = (("Access-Control-Request-Method", "POST"),)
    headers = ("Access-Control-Request-Headers", "content-type,x-request-id")
    await served.check(Asked(BATCH, (*wanted, headers), method="OPTIONS"), 200)
    await served.check(Asked(BATCH, (*wanted, ("Origin", "null")), method="OPTIONS"), 400)


REFUSED = {
    400: Asked("/problems/not-found", (("Host", "second.example"),)),
    401: Asked(f"/api/v1/archives/{ARCHIVED}/run"),
    404: Asked("/api/v1/articles/fr.wikipedia/Nobody_reads_this"),
    405: Asked("/problems/not-found", method="POST"),
    406: Asked(STRASBOURG, (("Accept", "application/xml"),)),
    413: Asked(
        BATCH, (("Content-Length", "1200000"), ("Content-Type", "application/json")), "POST"
    ),
    414: Asked(f"{STRASBOURG}?{'x' * 3000}"),
    415: Asked(BATCH, (("Content-Length", "1"),), "POST", b"x"),
    422: Asked(f"{STRASBOURG}?range=none&start=&agent=&access=&granularity=&a=1&b=2&c=3"),
    500: Asked("/boom"),
}
"""A request for each error that a request can cause."""

REFUSED_AS_AQS_DOES = {
    400: Asked(f"{BASE}/pageviews/per-article/fr.wikipedia/all-access/user/X/yearly/1/2"),
    404: Asked(f"{BASE}/pageviews/top/fr.wikipedia/all-access/2020/01/01"),
    405: Asked(f"{BASE}/pageviews", method="POST"),
}
"""The same where errors have AQS's shape."""


@pytest.mark.parametrize("coding", ["gzip", "identity"])
@pytest.mark.parametrize("status", REFUSED)
async def test_lint__of_refusals(served: Served, status: int, coding: str) -> None:
    """Each error that is the caller's, or ours, as GET or as HEAD."""
    asked = REFUSED[status]
    asked = replace(asked, headers=(*asked.headers, ("Accept-Encoding", coding)))
    answer = await served.check(asked, status)
    assert answer.header("content-type") == "application/problem+json"
    if asked.method == "GET":
        await served.check(replace(asked, method="HEAD"), status)


@pytest.mark.parametrize("status", REFUSED_AS_AQS_DOES)
async def test_lint__of_refusals_as_of_aqs(served: Served, status: int) -> None:
    """Each kind of error on AQS's own paths."""
    await served.check(REFUSED_AS_AQS_DOES[status], status)


async def test_lint__of_a_slow_body(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come."""
    monkeypatch.setattr(size, "READ_WITHIN", 0.0)
    headers = (("Content-Length", "5"), ("Content-Type", "application/json"))
    await served.check(Asked(BATCH, headers, "POST"), 408)


async def test_lint__of_too_many_requests(settings: Settings) -> None:
    """A client that has none left."""
    app = create_app(settings.model_copy(update={"rate_limit": 1}), clock=FakeClock())
    async with serve(app, dated=True) as url:
        served = Served(url, app, FakeAqs(), FakeClock())
        await served.check(Asked("/problems/not-found"), 200)
        await served.check(Asked("/problems/not-found"), 429)
        await served.check(Asked("/problems/not-found", method="HEAD"), 429)


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (aqs_faults.failing(500), 502),
        (aqs_faults.html_page(), 502),
        (aqs_faults.throttled("7"), 503),
        (aqs_faults.slow(), 504),
    ],
)
async def test_lint__of_upstream_errors(
    settings: Settings, aqs: FakeAqs, behaviour: Behaviour, status: int
) -> None:
    """Each error that is Wikimedia's."""
    aqs.behave(behaviour)
    if behaviour.waits:  # the others must not depend on how quick the machine is
        settings = settings.model_copy(update={"aqs_timeout": 0.3})
    app = create_app(settings, clock=SkippingClock())
    async with serve(app, dated=True) as url:
        answer = await Served(url, app, aqs, FakeClock()).check(Asked(STRASBOURG), status)
        assert answer.header("cache-control") == "no-store"
        assert (answer.header("retry-after") is not None) is (status == 503)
    aqs.recover()
