"""Long lists of articles, through the front door: line by line, paced, ended with the caller."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pageviews_api.article_sets import batches
from pageviews_api.cache import FAILURE_REMEMBERED
from pageviews_api.clients.aqs import MAX_RETRIES
from pageviews_api.config import Settings
from pageviews_api.exceptions import TooManyBatchesError
from pageviews_api.main import create_app
from pageviews_api.schemas.query import Access, Agent
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock, SkippingClock
from tests.support.fake_aqs import FakeAqs
from tests.support.serving import serve

BATCH = "/api/v1/articles/batch"

Line = dict[str, Any]


def item(title: str, **more: str) -> dict[str, str]:
    """Ask for two days of an article."""
    return {"project": "fr.wikipedia", "article": title, "range": "latest-2"} | more


def set_articles(aqs: FakeAqs, titles: list[str]) -> None:
    """Let articles have views: the first 1 a day, the second 2, and so on."""
    for n, title in enumerate(titles, start=1):
        days = {YESTERDAY - timedelta(days=back): n for back in range(40)}
        aqs.set_views("fr.wikipedia", title, Access.ALL_ACCESS, Agent.USER, days)


async def answered(service: Service, items: list[Any]) -> tuple[dict[int, Line], Line]:
    """Send a batch; give its lines by index, and its end."""
    response = await service.client.post(BATCH, json={"items": items})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["cache-control"] == "no-store"
    *lines, end = (json.loads(line) for line in response.text.splitlines())
    assert sorted(line["index"] for line in lines) == list(range(len(items)))
    return {line["index"]: line for line in lines}, end


async def open_circuit(service: Service) -> None:
    """Let Wikimedia fail until it is left alone; it would answer again."""
    service.aqs.behave(aqs_faults.failing())
    for n in range(10):
        await service.client.get(f"/api/v1/articles/fr.wikipedia/Failing_{n}")
    readiness = (await service.client.get("/readyz")).json()
    assert readiness["aqs"]["circuit"] == "open"
    service.aqs.recover()


async def test_batch__each_and_the_whole(service: Service) -> None:
    """Each item is told as it is alone; the end has the sum, the shares and the ranks."""
    set_articles(service.aqs, ["One", "Two", "AC/DC"])
    items = [item("One"), item("AC/DC"), item("Two", granularity="weekly")]
    lines, end = await answered(service, items)

    alone = await service.client.get("/api/v1/articles/fr.wikipedia/AC%2FDC?range=latest-2")
    assert lines[1]["series"] == alone.json()
    assert (lines[1]["status"], lines[1]["problem"]) == (200, None)
    assert "days_in_period" in lines[2]["series"]["items"][0]
    assert end["summary"] == {"total": 12, "articles": 3, "failed": 0, "complete": True}
    assert [(one["index"], one["total"], one["rank"]) for one in end["ranking"]] == [
        *((1, 6, 1), (2, 4, 2), (0, 2, 3)),
    ]
    assert [one["share"] for one in end["ranking"]] == [50.0, 33.33, 16.67]


async def test_batch__repeats(service: Service) -> None:
    """The same question is answered at each of its places, fetched once, and counted once."""
    set_articles(service.aqs, ["A b"])
    service.aqs.set_views("fr.wikipedia", "A_b", Access.ALL_ACCESS, Agent.USER, {YESTERDAY: 5})
    items = [item("A b"), item("A_b"), item("A b", project="FR.wikipedia.org", agent="user")]
    lines, end = await answered(service, items)
    assert lines[0]["series"] == lines[1]["series"] == lines[2]["series"]
    assert service.aqs.count(when=lambda path: "/A_b/daily/" in path) == 1
    assert (end["summary"]["total"], end["summary"]["articles"]) == (5, 1)
    assert [one["index"] for one in end["ranking"]] == [0]


async def test_batch__same_days_in_other_steps(service: Service) -> None:
    """The same days of an article count once in the sum, in whatever steps or words."""
    set_articles(service.aqs, ["One", "Two"])
    words = {"start": str(YESTERDAY - timedelta(days=1)), "end": str(YESTERDAY)}
    in_words = {"project": "fr.wikipedia", "article": "Two"} | words
    items = [item("Two", granularity="weekly"), item("Two"), in_words, item("One")]
    lines, end = await answered(service, [*items, item("Two", range="latest-1")])
    assert [lines[n]["series"]["summary"]["total"] for n in range(3)] == [4, 4, 4]
    assert end["summary"] == {"total": 4 + 2 + 2, "articles": 3, "failed": 0, "complete": True}
    assert [(one["index"], one["share"]) for one in end["ranking"]] == [
        *((0, 50.0), (3, 25.0), (4, 25.0)),
    ]


async def test_batch__items_without_meaning(service: Service) -> None:
    """An item that cannot be read has a problem that names its part; the others are answered."""
    set_articles(service.aqs, ["One"])
    wrong: list[tuple[Any, list[str]]] = [
        (7, []),
        ({"project": "fr.wikipedia"}, ["article"]),
        (item(".."), ["article"]),
        (item("One", project="evil.com"), ["project"]),
        (item("One", titles="x"), ["titles"]),
        (item("One", range="latest-0"), ["range"]),
        (item("One", start="2026-11-01"), ["range"]),
        ({**item("One"), "range": None, "start": "2026-11-02", "end": "2026-11-01"}, ["start"]),
        ({**item("One"), "range": None, "start": "2015-06-30", "end": "2026-11-01"}, ["start"]),
        (item("One", granularity="hourly"), ["granularity"]),
        (item("One", compare="previous"), ["compare"]),
        ({"errors": []}, ["project"]),
        ([], []),
        (None, []),
    ]
    lines, end = await answered(service, [one for one, _ in wrong] + [item("One")])
    for index, (_, where) in enumerate(wrong):
        assert lines[index]["status"] == 422
        assert lines[index]["series"] is None
        loc = lines[index]["problem"]["errors"][0]["loc"]
        assert loc == ["body", "items", index, *where]
    assert lines[len(wrong)]["status"] == 200
    assert end["summary"]["failed"] == len(wrong)
    assert end["summary"]["total"] == 2


async def test_batch__one_failure_sinks_nothing(service: Service) -> None:
    """What Wikimedia cannot tell has its problem in its line."""
    set_articles(service.aqs, ["One", "Two"])
    service.aqs.behave(aqs_faults.html_page(), when=lambda path: "/Two/" in path)
    lines, end = await answered(service, [item("One"), item("Two"), item("Nobody")])
    assert [lines[n]["status"] for n in range(3)] == [200, 502, 404]
    assert lines[1]["problem"]["type"] == "/problems/upstream-invalid"
    assert (end["summary"]["total"], end["summary"]["failed"]) == (2, 2)
    assert not end["summary"]["complete"]


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "items"]),
        ({"items": []}, ["body", "items"]),
        ({"items": [item("One")] * 1001}, ["body", "items"]),
        ({"items": {"0": item("One")}}, ["body", "items"]),
        ({"items": [item("One")], "more": 1}, ["body", "more"]),
        ([item("One")], ["body"]),
        ("One", ["body"]),
    ],
)
async def test_batch__no_batch(service: Service, body: object, loc: list[str]) -> None:
    """A body that is no batch is a 422 that names what is wrong, and nobody is asked."""
    response = await service.client.post(BATCH, json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == loc
    assert service.aqs.count() == 0


async def test_batch__in_our_words(service: Service) -> None:
    """A part of the body is not called a parameter, nor a list that is no object a dictionary."""
    for body, detail in [
        ({"items": [item("One")], "more": 1}, "more: is no part of the body"),
        ([item("One")], "body: is no JSON object"),
    ]:
        assert (await service.client.post(BATCH, json=body)).json()["detail"] == detail
    lines, _ = await answered(service, [7])
    assert lines[0]["problem"]["detail"] == "items.0: is no JSON object"


async def test_batch__no_json(service: Service) -> None:
    """A body that is no JSON, or says it is none, is refused as such."""
    broken = await service.client.post(
        BATCH, content=b'{"items":[', headers={"content-type": "application/json"}
    )
    assert broken.status_code == 422
    assert broken.json()["errors"] == [{"loc": ["body"], "msg": "is no JSON"}]
    form = await service.client.post(BATCH, data={"items": "One"})
    assert (form.status_code, form.json()["type"]) == (415, "/problems/unsupported-media-type")
    assert (await service.client.get(BATCH)).status_code in {404, 405}


async def test_batch__pace(service: Service, clock: FakeClock) -> None:
    """Unknown articles are asked for at a pace that leaves room: 15 in any 10 seconds."""
    titles = [f"Article_{n}" for n in range(300)]
    set_articles(service.aqs, titles)
    begun = clock.monotonic()
    answering = asyncio.create_task(answered(service, [item(title) for title in titles]))
    asked: list[int] = []
    while not answering.done():
        await asyncio.sleep(0.002)  # let what is in flight come
        clock.advance(0.5)
        asked.append(service.aqs.count(when=lambda path: "/Article_" in path))
    lines, end = await answering

    assert {line["status"] for line in lines.values()} == {200}
    assert end["summary"]["total"] == sum(range(1, 301)) * 2
    assert service.aqs.count(when=lambda path: "/Article_" in path) == 300
    assert service.aqs.max_in_flight <= 3
    assert 190 < clock.monotonic() - begun < 260
    # What has its turn may be asked for a moment later.
    in_ten_seconds = [later - now for now, later in zip(asked, asked[20:], strict=False)]
    assert max(in_ten_seconds) <= 15 + batches.IN_WORK


async def test_batch__pace_of_what_is_held_but_old(service: Service, clock: FakeClock) -> None:
    """A batch that comes again on the next day, when all that is held lacks a day, is paced too."""
    titles = [f"Article_{n}" for n in range(60)]
    set_articles(service.aqs, titles)
    items = [item(title) for title in titles]
    for first in range(0, 60, 15):
        await answered(service, items[first : first + 15])
        clock.advance(60)
    clock.advance(86_400)
    today = service.aqs.loaded_through = YESTERDAY + timedelta(days=1)
    for project, article in [("en.wikipedia", "Main_Page"), *(("fr.wikipedia", t) for t in titles)]:
        views = {today - timedelta(days=back): 7 for back in range(100)}
        service.aqs.set_views(project, article, Access.ALL_ACCESS, Agent.USER, views)
    service.aqs.forget()
    begun = clock.monotonic()
    answering = asyncio.create_task(answered(service, items))
    while not answering.done():
        await asyncio.sleep(0.002)  # let what is in flight come
        clock.advance(0.5)
    lines, _ = await answering

    assert {lines[n]["series"]["end"] for n in range(60)} == {str(today)}
    assert service.aqs.count(when=lambda path: "/Article_" in path) == 60
    assert clock.monotonic() - begun >= 30  # 15 in any 10 seconds


async def test_batch__a_thousand(service: Service) -> None:
    """A thousand items are answered; what is held needs no request."""
    titles = [f"Article_{n}" for n in range(10)]
    set_articles(service.aqs, titles)
    await answered(service, [item(title) for title in titles])
    service.aqs.forget()
    lines, end = await answered(
        service, [item(title, range=f"latest-{n}") for n in range(1, 101) for title in titles]
    )
    assert len(lines) == end["summary"]["articles"] == len(end["ranking"]) == 1000
    assert service.aqs.count() == 0


class TestTime:
    """What a batch does with the time and the budget."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        """Give a clock on which waiting takes no time."""
        return SkippingClock()

    async def test_batch__what_is_held_does_not_wait(
        self, service: Service, clock: FakeClock
    ) -> None:
        """What is held costs neither time nor a request."""
        titles = [f"Article_{n}" for n in range(40)]
        set_articles(service.aqs, titles)
        await answered(service, [item(title) for title in titles])
        service.aqs.forget()
        before = clock.monotonic()
        await answered(service, [item(title) for title in titles] * 20)
        assert clock.monotonic() == before
        assert service.aqs.count() == 0

    async def test_batch__budget_used_up(self, service: Service, clock: FakeClock) -> None:
        """Where the budget is used up, a batch waits for the next minute instead of failing."""
        set_articles(service.aqs, ["One"])
        await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
        service.resources.condition.gate.pause(45)
        before = clock.monotonic()
        lines, _ = await answered(service, [item("One")])
        assert lines[0]["status"] == 200
        assert clock.monotonic() - before >= 45

    async def test_batch__wikimedia_says_429(self, service: Service, clock: FakeClock) -> None:
        """Where Wikimedia asks to slow down, a batch waits as long as it says, and goes on."""
        set_articles(service.aqs, ["One", "Two"])
        await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
        service.aqs.script(aqs_faults.throttled("30"), when=lambda path: "/One/" in path)
        before = clock.monotonic()
        lines, end = await answered(service, [item("One")])
        assert lines[0]["status"] == 200
        assert clock.monotonic() - before >= 30
        assert end["summary"]["failed"] == 0

    async def test_batch__wikimedia_says_429_without_a_pause(
        self, service: Service, clock: FakeClock
    ) -> None:
        """A 429 that says not to wait is not asked about again and again while it is told."""
        set_articles(service.aqs, ["One"])
        await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
        throttled = [aqs_faults.throttled("0")] * (1 + MAX_RETRIES)
        service.aqs.script(*throttled, when=lambda path: "/One/" in path)
        before = clock.monotonic()
        async with asyncio.timeout(60):
            lines, _ = await answered(service, [item("One")])
        assert lines[0]["status"] == 200
        assert clock.monotonic() - before >= FAILURE_REMEMBERED.total_seconds()

    async def test_batch__wikimedia_is_left_alone(self, service: Service, clock: FakeClock) -> None:
        """Where Wikimedia has failed often, a batch waits until it may be asked, and goes on."""
        titles = [f"Article_{n}" for n in range(20)]
        set_articles(service.aqs, titles)
        await open_circuit(service)
        before = clock.monotonic()
        lines, end = await answered(service, [item(title) for title in titles])
        assert {line["status"] for line in lines.values()} == {200}
        assert clock.monotonic() - before >= 30
        assert end["summary"]["failed"] == 0

    async def test_batch__wikimedia_is_left_alone_for_long(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It does not wait for that for ever, either."""
        monkeypatch.setattr(batches, "GIVE_UP_AFTER", 10.0)
        set_articles(service.aqs, ["One"])
        await open_circuit(service)
        lines, _ = await answered(service, [item("One")])
        assert lines[0]["problem"]["type"] == "/problems/upstream-held-back"

    async def test_batch__gives_up(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        """It does not wait for ever: in the end it says that Wikimedia could not be asked."""
        monkeypatch.setattr(batches, "GIVE_UP_AFTER", 30.0)
        set_articles(service.aqs, ["One"])
        await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
        service.resources.condition.gate.pause(600)
        lines, _ = await answered(service, [item("One")])
        assert lines[0]["problem"]["type"] == "/problems/upstream-held-back"

    async def test_batch__of_the_longest_titles(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A thousand titles are taken, however long they are and however they are escaped."""
        items = [
            item(f"{n:03}{'Ж' * 126}", range="latest-9999", access="all-access")
            for n in range(1000)
        ]
        body = json.dumps({"items": items}).encode()
        assert len(body) > 800_000
        monkeypatch.setattr(batches, "GIVE_UP_AFTER", 30.0)
        service.resources.condition.gate.pause(600)
        headers = {"Content-Type": "application/json"}
        response = await service.client.post(BATCH, content=body, headers=headers)
        assert response.status_code == 200
        lines = [json.loads(line) for line in response.text.splitlines()]
        assert {line["status"] for line in lines[:-1]} == {503}
        assert len(lines) == 1001

    async def test_batch__has_given_up(
        self, service: Service, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When it has given up, no other item takes a turn; what is held is told still."""
        monkeypatch.setattr(batches, "GIVE_UP_AFTER", 30.0)
        titles = [f"Article_{n}" for n in range(100)]
        set_articles(service.aqs, titles)
        await answered(service, [item(titles[-1])])
        service.resources.condition.gate.pause(600)
        before = clock.monotonic()
        lines, end = await answered(service, [item(title) for title in titles])
        assert [lines[n]["status"] for n in range(100)] == [503] * 99 + [200]
        assert end["summary"]["failed"] == 99
        assert clock.monotonic() - before < 10  # 15 turns in 10 s: they would take a minute


class TestAtARealPort:
    """A caller who reads, leaves, or dawdles."""

    @pytest.fixture
    async def url(self, service: Service) -> AsyncIterator[str]:
        """Serve the service, which runs already, on a real port."""

        async def running(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI
            if scope["type"] == "http":
                await service.app(scope, receive, send)

        async with serve(running) as url:
            yield url

    async def test_batch__comes_as_it_is_ready(self, service: Service, url: str) -> None:
        """A line comes as soon as it is ready, while another one is still being fetched."""
        set_articles(service.aqs, ["One", "Two"])
        service.aqs.behave(aqs_faults.slow(), when=lambda path: "/Two/" in path)
        async with (
            httpx.AsyncClient(base_url=url) as client,
            client.stream("POST", BATCH, json={"items": [item("Two"), item("One")]}) as response,
        ):
            lines = response.aiter_lines()
            async with asyncio.timeout(5):
                assert json.loads(await anext(lines))["index"] == 1
            service.aqs.recover()
            assert json.loads(await anext(lines))["index"] == 0

    async def test_batch__caller_goes_away(self, service: Service, url: str) -> None:
        """When the caller leaves, nothing more is asked of Wikimedia, and his place is free."""
        titles = [f"Article_{n}" for n in range(200)]
        set_articles(service.aqs, titles)
        running = service.resources.article_batches._running
        async with httpx.AsyncClient(base_url=url) as client:
            request = client.build_request(
                "POST", BATCH, json={"items": [item(title) for title in titles]}
            )
            response = await client.send(request, stream=True)
            await anext(response.aiter_lines())
            assert running.total() == 1
            await response.aclose()
        async with asyncio.timeout(10):
            while service.resources.article_batches._running.total():
                service.clock.advance(0.1)
                await asyncio.sleep(0.01)
        asked = service.aqs.count()
        service.clock.advance(60)
        for _ in range(50):
            await asyncio.sleep(0)
        # What is being fetched is fetched to the end, for whoever comes next.
        assert service.aqs.count() <= asked + batches.IN_WORK < 60

    async def test_batch__too_many(self, service: Service, url: str) -> None:
        """Of one client two batches are answered at a time; the third is a 429."""
        set_articles(service.aqs, ["One"])
        service.aqs.behave(aqs_faults.slow(), when=lambda path: "/One/" in path)
        async with httpx.AsyncClient(base_url=url) as client:
            body = {"items": [{"project": "nope"}, item("One")]}
            async with (
                client.stream("POST", BATCH, json=body) as first,
                client.stream("POST", BATCH, json=body) as second,
            ):
                assert (first.status_code, second.status_code) == (200, 200)
                third = await client.post(BATCH, json=body)
                assert (third.status_code, third.headers["retry-after"]) == (429, "30")
                assert third.json()["type"] == "/problems/too-many-batches"
                service.aqs.recover()
        async with asyncio.timeout(10):
            while service.resources.article_batches._running.total():  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.01)


async def test_batch__of_several_clients(settings: Settings, clock: FakeClock) -> None:
    """Four batches are answered at a time, whosever they are."""
    app = create_app(settings, clock=clock)
    async with app.router.lifespan_context(app):
        all_of_them = app.state.resources.article_batches
        held = [
            all_of_them.answering([], problem_of=lambda _: None, client=f"192.0.2.{n % 3}")
            for n in range(4)
        ]
        for one in held:
            await one.__aenter__()
        with pytest.raises(TooManyBatchesError):
            await all_of_them.answering([], problem_of=None, client="other").__aenter__()
        for one in held:
            await one.__aexit__(None, None, None)
        assert not all_of_them._running
