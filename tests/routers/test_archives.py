"""The archives, through the front door."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.types import Message

from pageviews_api.archive.encoding import encode
from pageviews_api.archive.facts import Facts
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.demo.aqs import sample_aqs
from pageviews_api.exceptions import NotTakenInTimeError
from pageviews_api.main import create_app
from pageviews_api.routers import archive_document as routes
from pageviews_api.routers import streaming
from pageviews_api.schemas.archive import ArchiveDocument
from pageviews_api.schemas.pageviews import DayStatus
from tests.conftest import Service
from tests.support.archives import Told, archive, put, series, top_list
from tests.support.clock import FakeClock
from tests.support.fake_aqs import FakeAqs
from tests.support.serving import serve

ARCHIVES = "/api/v1/archives"
TODAY = date(2026, 11, 22)
DOCUMENT = f"{ARCHIVES}/{TODAY}"
CAT = series("Cat")

BAD_DAYS = [
    b"..",
    b"%2e%2e",
    b"%2E%2E",
    b"2026-1-1",
    b"2026-11-22.json",
    b"2026-11-22%0A",
    b"%202026-11-22",
    b"2026-02-30",
    b"0000-01-01",
    b"20261122",
    b"2026112200",
    b"2026-W47-7",
    b"+026-11-22",
    b"%d9%a2%d9%a0%d9%a2%d9%a6-11-22",
    b"%ff",
    b"%00",
    b"today",
]


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


async def get_raw(app: FastAPI, raw_path: bytes) -> tuple[int, bytes]:
    """Ask for a path as it is: clients resolve dot segments away before they ask."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:  # ASGI says so
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    await app(scope, receive, send)
    body = b"".join(one.get("body", b"") for one in messages)
    return int(messages[0]["status"]), body


def _asked(path: str) -> dict[str, Any]:
    """Ask for a path as a server does."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
    }


class TestList:
    """Which archives there are."""

    async def test_list__nothing_archived(self, service: Service) -> None:
        """Without archives, the list is empty; nothing is missing that never began."""
        response = await service.client.get(ARCHIVES)
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=60"
        assert "link" not in response.headers
        assert response.json() == {
            "items": [],
            "newest": None,
            "oldest": None,
            "total": 0,
            "gaps": [],
            "next_cursor": None,
            "notice": None,
        }

    async def test_list__as_archived(self, service: Service) -> None:
        """What the daily job wrote is told with its counts, size and SHA-256."""
        (result,) = await service.resources.archiver.run()
        answer = (await service.client.get(ARCHIVES)).json()
        body = (await service.client.get(DOCUMENT)).content
        assert answer["items"] == [
            {
                "date": "2026-11-22",
                "observed_on": "2026-11-22",
                "late": False,
                "complete": True,
                "window": {"start": "2026-10-23", "end": "2026-11-21"},
                "series": {"ok": 1, "no_data": 0, "failed": 0},
                "known_days": 30,
                "top_lists": 0,
                "size": len(body),
                "sha256": hashlib.sha256(body).hexdigest(),
                "reason": None,
            }
        ]
        assert result.sha256 == answer["items"][0]["sha256"]

    async def test_list__late_and_incomplete(self, service: Service) -> None:
        """An archive that was made up for later says so, and so does one that lacks something."""
        partly: Told = [1, 2, DayStatus.NOT_LOADED]
        told = {CAT: partly, series("Dog"): None}
        await put(service.resources.store, archive(ago(3), told, observed_on=TODAY, complete=False))
        (item,) = (await service.client.get(ARCHIVES)).json()["items"]
        assert (item["observed_on"], item["late"], item["complete"]) == ("2026-11-22", True, False)
        assert item["series"] == {"ok": 1, "no_data": 0, "failed": 1}
        assert item["known_days"] == 2

    async def test_list__pages(self, service: Service) -> None:
        """Following the links leads through all archives, newest first, each once."""
        days = [ago(days) for days in range(1, 8)]
        await put(service.resources.store, *(archive(day, {CAT: [1, 2, 3]}) for day in days))
        told, url = [], f"{ARCHIVES}?limit=3"
        for left in (1, 1, 0):
            response = await service.client.get(url)
            answer = response.json()
            told += [item["date"] for item in answer["items"]]
            assert (answer["total"], answer["newest"]) == (7, "2026-11-21")
            assert ("link" in response.headers) == (answer["next_cursor"] is not None) == bool(left)
            url = response.links["next"]["url"] if left else ""
        assert told == [day.isoformat() for day in days]

    async def test_list__link(self, service: Service) -> None:
        """The link is relative, and has what was asked."""
        await put(service.resources.store, *(archive(ago(n), {CAT: [1, 2, 3]}) for n in (0, 1)))
        response = await service.client.get(f"{ARCHIVES}?limit=1")
        assert response.headers["link"] == (
            '</api/v1/archives?limit=1&cursor=2026-11-22>; rel="next"'
        )

    async def test_list__cursor_of_a_day_without_archive(self, service: Service) -> None:
        """A page begins before its cursor, also where that day's archive has gone."""
        await put(service.resources.store, *(archive(ago(n), {CAT: [1, 2, 3]}) for n in (0, 4)))
        answer = (await service.client.get(f"{ARCHIVES}?cursor={ago(2)}")).json()
        assert [item["date"] for item in answer["items"]] == [ago(4).isoformat()]

    @pytest.mark.parametrize(
        ("archived", "gaps"),
        [
            ([0], []),
            ([1, 0], []),
            ([1], []),  # today's archive may still be due
            ([3], [(2, 1)]),
            ([8, 7, 4, 3, 0], [(6, 5), (2, 1)]),
            ([400, 0], [(365, 1)]),
            ([366, 365, 0], [(364, 1)]),
            ([-1], []),
        ],
    )
    async def test_list__gaps(
        self, service: Service, archived: list[int], gaps: list[tuple[int, int]]
    ) -> None:
        """The days without archive are told: up to yesterday, of a year, since the first."""
        await put(service.resources.store, *(archive(ago(n), {CAT: [1, 2, 3]}) for n in archived))
        answer = (await service.client.get(f"{ARCHIVES}?limit=1")).json()
        expected = [(ago(start).isoformat(), ago(end).isoformat()) for start, end in gaps]
        assert [(gap["start"], gap["end"]) for gap in answer["gaps"]] == expected

    async def test_list__copied_in_by_hand(self, service: Service, settings: Settings) -> None:
        """An archive with nothing told beside it is read for its facts; one that is none says so.

        It does not sink the rest.
        """
        good = encode(archive(TODAY, {CAT: [1, 2, 3]}))
        settings.archive_dir.mkdir(exist_ok=True)
        settings.archive_dir.joinpath(f"{TODAY}.json").write_bytes(good)
        settings.archive_dir.joinpath(f"{ago(1)}.json").write_text("{}")
        response = await service.client.get(ARCHIVES)
        assert response.status_code == 200
        first, second = response.json()["items"]
        assert (first["known_days"], first["reason"]) == (3, None)
        assert first["sha256"] == hashlib.sha256(good).hexdigest()
        assert (second["known_days"], second["sha256"], second["size"]) == (None, None, 2)
        assert second["reason"].startswith("It is corrupt")

    @pytest.mark.parametrize(
        ("query", "name"),
        [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=-1", "limit"),
            ("limit=%2B5", "limit"),
            ("limit=5.0", "limit"),
            ("limit=1_0", "limit"),
            ("limit=%205", "limit"),
            ("limit=%D9%A5", "limit"),
            ("limit=", "limit"),
            ("limit=9999999999", "limit"),
            ("limit=5&limit=6", "limit"),
            ("cursor=", "cursor"),
            ("cursor=20261122", "cursor"),
            ("cursor=2026-11-31", "cursor"),
            ("cursor=../x", "cursor"),
            ("start=2026-11-01", "start"),
        ],
    )
    async def test_list__bad_parameters(self, service: Service, query: str, name: str) -> None:
        """A parameter that has no meaning is refused by its name."""
        response = await service.client.get(f"{ARCHIVES}?{query}")
        assert response.status_code == 422
        assert [one["loc"] for one in response.json()["errors"]] == [["query", name]]


class TestDocument:
    """One archive, whole."""

    @pytest.fixture
    async def body(self, service: Service) -> bytes:
        """Have the daily job write today's archive, and give its bytes."""
        await service.resources.archiver.run()
        stored = await service.resources.store.read(TODAY)
        assert stored is not None
        return stored.body

    async def test_document__as_it_was_written(self, service: Service, body: bytes) -> None:
        """The bytes are those that are stored, with their SHA-256 as a weak tag."""
        response = await service.client.get(DOCUMENT, headers={"Accept-Encoding": "identity"})
        assert response.status_code == 200
        assert response.content == body
        assert response.headers["content-type"] == "application/json"
        assert response.headers["content-length"] == str(len(body))
        assert response.headers["etag"] == f'W/"{hashlib.sha256(body).hexdigest()}"'
        assert response.headers["cache-control"] == "public, max-age=86400"
        assert "Accept-Encoding" in response.headers["vary"]
        assert ArchiveDocument.model_validate_json(response.content).complete

    async def test_document__incomplete(self, service: Service) -> None:
        """An archive that may yet be replaced is kept for a minute only."""
        told = archive(TODAY, {CAT: [1, 2, DayStatus.NOT_LOADED]}, complete=False)
        await put(service.resources.store, told)
        response = await service.client.get(DOCUMENT)
        assert response.headers["cache-control"] == "public, max-age=60"

    async def test_document__head(self, service: Service, body: bytes) -> None:
        """HEAD tells what GET does, without the body."""
        for encoding in ("identity", "gzip"):
            headers = {"Accept-Encoding": encoding}
            head = await service.client.head(DOCUMENT, headers=headers)
            get = await service.client.get(DOCUMENT, headers=headers)
            assert head.content == b""
            assert len(get.content) == len(body)
            for name in ("x-request-id", "date", "ratelimit"):
                head.headers.pop(name, None)
                get.headers.pop(name, None)
            assert head.headers == get.headers

    @pytest.mark.parametrize(
        "asked",
        [
            "*",
            " * ",
            "{tag}",
            "{strong}",
            '"x", {tag}',
            '"x" ,W/"y",{tag}',
            ", {tag} ,",
            '"", {strong}',
        ],
    )
    async def test_document__not_changed(
        self, service: Service, settings: Settings, body: bytes, asked: str
    ) -> None:
        """Who has it already gets a 304, for which the archive is not even read."""
        tag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        await service.client.get(ARCHIVES)
        settings.archive_dir.joinpath(f"{TODAY}.json").write_bytes(b"corrupt")
        headers = {"If-None-Match": asked.format(tag=tag, strong=tag[2:])}
        response = await service.client.get(DOCUMENT, headers=headers)
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
        assert response.headers["cache-control"] == "public, max-age=86400"
        assert "Accept-Encoding" in response.headers["vary"]
        assert "content-encoding" not in response.headers

    @pytest.mark.parametrize(
        "asked",
        [
            "",
            "{bare}",
            '"x"',
            'W/"{bare}',
            "'{bare}'",
            'w/"{bare}"',
            '"x" "{bare}"',
            'x, "{bare}"',
            '"{bare}-gzip"',
            "**",
            '"' * 5_000,
            '"x",' * 2_000,
        ],
    )
    async def test_document__other_tag(self, service: Service, body: bytes, asked: str) -> None:
        """Another tag, or what is none at all, gets the whole archive."""
        bare = hashlib.sha256(body).hexdigest()
        headers = {"If-None-Match": asked.replace("{bare}", bare)}
        response = await service.client.get(DOCUMENT, headers=headers)
        assert (response.status_code, response.content) == (200, body)

    async def test_document__tags_in_two_lines(self, service: Service, body: bytes) -> None:
        """The lines of a repeated header are one list (RFC 9110 §5.3)."""
        bare = hashlib.sha256(body).hexdigest()
        headers = [("If-None-Match", '"x"'), ("If-None-Match", f'"{bare}"')]
        assert (await service.client.get(DOCUMENT, headers=headers)).status_code == 304

    async def test_document__replaced_since_listed(
        self, service: Service, settings: Settings
    ) -> None:
        """What another process has replaced a moment ago comes with its own tag, not the old."""
        before = archive(TODAY, {CAT: [1, 2, DayStatus.NOT_LOADED]}, complete=False)
        after = archive(TODAY, {CAT: [1, 2, 3]})
        await put(service.resources.store, before)
        first = await service.client.get(DOCUMENT)
        other = FolderArchiveStore(settings.archive_dir)
        stored = await other.read(TODAY)
        assert stored is not None
        facts = Facts.of(after).as_notes()
        await other.replace(TODAY, encode(after), run_id="t", version=stored.version, about=facts)
        # The list, kept for a minute, still has the one before; the reader keeps that, too.
        service.resources.archive_reader._kept.clear()
        second = await service.client.get(DOCUMENT)
        assert first.content == encode(before)
        assert second.content == encode(after)
        assert second.headers["etag"] == f'W/"{hashlib.sha256(second.content).hexdigest()}"'
        assert second.headers["cache-control"] == "public, max-age=86400"

    async def test_document__missing(self, service: Service, body: bytes) -> None:
        """A day without archive is a 404 that says so; also one of the far future or past."""
        assert body
        for day in ("2026-11-20", "0001-01-01", "9999-12-31"):
            response = await service.client.get(f"{ARCHIVES}/{day}")
            assert response.status_code == 404
            assert response.json()["type"] == "/problems/not-archived"
            assert response.json()["detail"] == f"There is no archive of {day}."
            assert response.headers["cache-control"] == "public, max-age=60"

    async def test_document__unknown_parameter(self, service: Service) -> None:
        """The document takes no parameter but those of its form."""
        for name in ("limit", "layout", "range"):
            response = await service.client.get(f"{DOCUMENT}?{name}=1")
            assert response.status_code == 422
            assert response.json()["errors"][0]["loc"] == ["query", name]

    async def test_document__too_many_on_their_way(
        self, service: Service, body: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While eight callers are being sent documents, the ninth gets a 503, and later his."""
        catalogue = service.resources.archive_catalogue
        monkeypatch.setattr(catalogue, "_deadline", 0.05)
        lent = [catalogue.lend(TODAY, to=f"192.0.2.{number}") for number in range(8)]
        for one in lent:
            assert (await one.__aenter__()).body == body
        refused = await service.client.get(DOCUMENT)
        for one in lent:
            await one.__aexit__(None, None, None)
        assert refused.json()["type"] == "/problems/archive-unavailable"
        for _ in range(20):  # each gives its place back
            assert (await service.client.get(DOCUMENT)).content == body
        assert (await service.client.get(f"{ARCHIVES}/2026-11-20")).status_code == 404

    async def test_document__two_at_a_time_for_one_caller(
        self, service: Service, body: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Who is being sent two documents waits for a third; others get theirs meanwhile."""
        catalogue = service.resources.archive_catalogue
        lent = [catalogue.lend(TODAY, to="127.0.0.1") for _ in range(2)]
        for one in lent:
            assert (await one.__aenter__()).body == body
        other = httpx.ASGITransport(service.app, client=("192.0.2.7", 1))
        waiting = asyncio.create_task(service.client.get(DOCUMENT))
        async with httpx.AsyncClient(transport=other, base_url="http://testserver") as client:
            for _ in range(3):
                assert (await client.get(DOCUMENT)).content == body
        assert not waiting.done()
        with monkeypatch.context() as patch:
            patch.setattr(catalogue, "_deadline", 0.05)
            refused = await service.client.get(DOCUMENT)
        for one in lent:
            await one.__aexit__(None, None, None)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        assert refused.json()["type"] == "/problems/too-many-requests"
        assert (await waiting).content == body
        lent.clear()
        assert catalogue._lending._value == 8
        assert len(catalogue._lending_to) == 0

    async def test_document__taken_slowly(
        self, service: Service, body: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A caller who takes each piece in time gets all of it, however long that takes."""
        monkeypatch.setattr(streaming, "TAKEN_WITHIN", 0.3)
        monkeypatch.setattr(routes, "PIECE", len(body) // 10)
        taken = b""

        async def receive() -> Message:
            return await asyncio.Future()

        async def send(message: Message) -> None:
            nonlocal taken
            await asyncio.sleep(0.05)
            taken += message.get("body", b"")

        begun = monotonic()
        await service.app(_asked(DOCUMENT), receive, send)

        assert taken == body
        assert monotonic() - begun > streaming.TAKEN_WITHIN

    async def test_document__taken_too_slowly(
        self, service: Service, body: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A caller who does not take a piece in time loses the connection and gives back his place.

        However many he had taken before.
        """
        monkeypatch.setattr(streaming, "TAKEN_WITHIN", 0.02)
        monkeypatch.setattr(routes, "PIECE", len(body) // 4)
        taken = 0

        async def receive() -> Message:
            return await asyncio.Future()

        async def send(message: Message) -> None:
            nonlocal taken
            taken += len(message.get("body", b""))
            if taken > len(body) / 2:
                await asyncio.Future()

        for _ in range(10):
            taken = 0
            with pytest.raises(NotTakenInTimeError):
                await service.app(_asked(DOCUMENT), receive, send)
            assert taken < len(body)
        monkeypatch.undo()
        assert service.resources.archive_catalogue._lending._value == 8


class TestCompression:
    """What is compressed, and how."""

    async def test_document__compressed(self, service: Service) -> None:
        """Each coding gives the same bytes, under the same weak tag."""
        await service.resources.archiver.run()
        plain = await service.client.get(DOCUMENT, headers={"Accept-Encoding": "identity"})
        for coding in ("gzip", "br", "zstd"):
            response = await service.client.get(DOCUMENT, headers={"Accept-Encoding": coding})
            assert response.headers["content-encoding"] == coding
            assert "content-length" not in response.headers
            assert response.content == plain.content
            assert 0 < response.num_bytes_downloaded < len(plain.content) / 3
            assert response.headers["etag"] == plain.headers["etag"]
            assert response.headers["vary"] == plain.headers["vary"]

    async def test_document__others_get_their_turn(self, service: Service) -> None:
        """Between any two pieces of a document the loop is free for others."""
        told = {series(f"Article_{number}"): [1, 2, 3] for number in range(10_000)}
        await put(service.resources.store, archive(TODAY, told))
        size = (await service.client.get(ARCHIVES)).json()["items"][0]["size"]
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async def send(message: Message) -> None:  # ASGI says so
            turns_at.append(turns)
            if message["type"] == "http.response.start":
                turns_at.clear()

        async def receive() -> Message:
            return await asyncio.Future()

        turns_at: list[int] = []
        others = asyncio.create_task(count_turns())
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "method": "GET",
            "path": DOCUMENT,
            "raw_path": DOCUMENT.encode(),
            "query_string": b"",
            "headers": [(b"host", b"testserver"), (b"accept-encoding", b"identity")],
        }
        await service.app(scope, receive, send)
        others.cancel()
        pieces = size // (64 * 1024)
        assert pieces >= 40
        assert len(turns_at) == pieces + 2  # the rest, and the end
        assert turns_at[-2] - turns_at[0] >= pieces - 1

    async def test_small_answers__as_they_are(self, service: Service) -> None:
        """A short answer is not compressed."""
        response = await service.client.get("/healthz", headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in response.headers

    async def test_problems__compressed(self, service: Service) -> None:
        """A long problem is compressed as well, and varies by nothing else."""
        query = "&".join(f"unknown_parameter_{number}=1" for number in range(40))
        response = await service.client.get(
            f"{ARCHIVES}?{query}",
            headers={"Accept-Encoding": "gzip", "Origin": "https://example.org"},
        )
        assert response.status_code == 422
        assert response.headers["content-encoding"] == "gzip"
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["vary"] == "Accept-Encoding"
        assert len(response.json()["errors"]) == 40


class TestSeries:
    """One series as it was observed."""

    async def test_article__as_archived(self, service: Service) -> None:
        """What the daily job wrote is told day by day, whatever AQS says since."""
        await service.resources.archiver.run()
        service.aqs.set_views("fr.wikipedia", "Strasbourg", "all-access", "user", {})
        asked = service.aqs.count()
        response = await service.client.get(f"{DOCUMENT}/articles/fr.wikipedia/Strasbourg")
        answer = response.json()
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=86400"
        assert (answer["date"], answer["observed_on"]) == ("2026-11-22", "2026-11-22")
        assert (answer["late"], answer["complete"], answer["outcome"]) == (False, True, "ok")
        assert (answer["access"], answer["agent"]) == ("all-access", "user")
        assert (answer["start"], answer["end"]) == ("2026-10-23", "2026-11-21")
        assert len(answer["items"]) == 30
        assert answer["summary"]["total"] == sum(item["views"] for item in answer["items"])
        assert answer["items"][0]["views"] == 1000 + date(2026, 10, 23).toordinal() % 100
        assert service.aqs.count() == asked

    @pytest.mark.parametrize("path", ["AC/DC", "AC%2FDC", "AC%2fDC"])
    async def test_article__slash(self, service: Service, path: str) -> None:
        """A title may hold slashes, raw or encoded."""
        await put(service.resources.store, archive(TODAY, {series("AC/DC"): [1, 2, 3]}))
        response = await service.client.get(f"{DOCUMENT}/articles/fr.wikipedia/{path}")
        assert response.json()["article"] == "AC/DC"
        assert response.json()["summary"]["total"] == 6

    async def test_article__spaces(self, service: Service) -> None:
        """Spaces and underscores are one; a title like JSON is a title."""
        titles = ['"Heroes"_(album)', 'x","access":"desktop']
        told = {series(title): [1, 2, 3] for title in titles}
        await put(service.resources.store, archive(TODAY, told))
        for title in titles:
            url = f"{DOCUMENT}/articles/fr.wikipedia/{title.replace('_', ' ')}"
            assert (await service.client.get(url)).json()["article"] == title

    async def test_project__total(self, service: Service) -> None:
        """A project's total is a series without an article."""
        await put(service.resources.store, archive(TODAY, {series(None): [1, 0, 3]}))
        answer = (await service.client.get(f"{DOCUMENT}/projects/FR.wikipedia.org")).json()
        assert (answer["project"], answer["article"]) == ("fr.wikipedia", None)
        assert [item["status"] for item in answer["items"]] == ["ok", "zero", "ok"]

    async def test_series__failed(self, service: Service) -> None:
        """A series that failed is told with its reason and without days."""
        await put(service.resources.store, archive(TODAY, {CAT: None}, complete=False))
        response = await service.client.get(f"{DOCUMENT}/articles/fr.wikipedia/Cat")
        answer = response.json()
        assert (answer["outcome"], answer["reason"]) == ("failed", "failed with status 500")
        assert (answer["items"], answer["summary"]["total"]) == ([], None)
        assert answer["summary"]["complete"] is False
        assert (answer["start"], answer["end"]) == ("2026-11-19", "2026-11-21")
        assert response.headers["cache-control"] == "public, max-age=60"

    async def test_series__not_archived(self, service: Service) -> None:
        """The 404 says which is missing: the day, or the series in it."""
        await put(
            service.resources.store, archive(TODAY, {CAT: [1, 2, 3], series(None): [1, 2, 3]})
        )
        details = {
            f"{ARCHIVES}/2026-11-21/articles/fr.wikipedia/Cat": "no archive of 2026-11-21",
            f"{ARCHIVES}/2026-11-21/projects/fr.wikipedia": "no archive of 2026-11-21",
            f"{DOCUMENT}/articles/fr.wikipedia/cat": "archive of 2026-11-22 does not hold",
            f"{DOCUMENT}/articles/fr.wikipedia/Ca": "archive of 2026-11-22 does not hold",
            f"{DOCUMENT}/articles/fr.wikipedia/Cat?agent=spider": "fr.wikipedia/all-access/spider",
            f"{DOCUMENT}/articles/fr.wikipedia/Cat?access=desktop": "fr.wikipedia/desktop/user",
            f"{DOCUMENT}/projects/de.wikipedia": "archive of 2026-11-22 does not hold",
        }
        for url, detail in details.items():
            response = await service.client.get(url)
            assert (url, response.status_code) == (url, 404)
            assert response.json()["type"] == "/problems/not-archived"
            assert detail in response.json()["detail"]

    @pytest.mark.parametrize("query", ["agent=bot", "access=all", "start=2026-11-01", "as_of=x"])
    async def test_series__bad_parameters(self, service: Service, query: str) -> None:
        """A parameter that has no meaning is refused by its name."""
        for path in ("articles/fr.wikipedia/Cat", "projects/fr.wikipedia"):
            response = await service.client.get(f"{DOCUMENT}/{path}?{query}")
            assert response.status_code == 422
            assert response.json()["errors"][0]["loc"] == ["query", query.split("=", maxsplit=1)[0]]

    async def test_series__bad_names(self, service: Service) -> None:
        """What is no project, title or day is refused by its place in the path."""
        paths = {
            "2026-11-22/articles/klingon/Cat": "project",
            "2026-11-22/articles/all-projects/Cat": "project",
            "2026-11-22/articles/fr.wikipedia/": "article",
            "2026-11-22/projects/klingon": "project",
            "2026-1-1/projects/fr.wikipedia": "date",
            "2026-1-1/articles/fr.wikipedia/Cat": "date",
        }
        for path, name in paths.items():
            response = await service.client.get(f"{ARCHIVES}/{path}")
            assert (path, response.status_code) == (path, 422)
            assert response.json()["errors"][0]["loc"] == ["path", name]


class TestDifferences:
    """What changed between two archives."""

    async def test_diff__all_kinds(self, service: Service) -> None:
        """Restatements, late loads and withdrawals are told, and what stands in one only."""
        unknown = DayStatus.NOT_LOADED
        await put(
            service.resources.store,
            archive(
                ago(1), {CAT: [1, 2, unknown], series("Dog"): [5, 5, 5], series(None): [1] * 3}
            ),
            archive(TODAY, {CAT: [3, 4, 5], series("Emu"): [6] * 3, series(None): [1, 1, 9]}),
        )
        response = await service.client.get(f"{ARCHIVES}/diff?start={ago(1)}&end={TODAY}")
        answer = response.json()
        assert response.status_code == 200
        assert response.headers["cache-control"] == "public, max-age=86400"
        assert answer["days"] == {"start": "2026-11-19", "end": "2026-11-20"}
        assert answer["earlier"] == {
            "date": "2026-11-21",
            "observed_on": "2026-11-21",
            "late": False,
            "complete": True,
        }
        assert answer["counts"] == {
            "compared_series": 2,
            "restated": 1,
            "loaded": 1,
            "withdrawn": 0,
            "only_in_earlier": 1,
            "only_in_later": 1,
        }
        first, second = answer["changed"]
        assert (first["article"], first["date"], first["kind"]) == ("Cat", "2026-11-19", "restated")
        assert (first["before"], first["after"], first["change"]) == (2, 3, 1)
        assert (second["before"], second["before_status"]) == (None, "not_loaded")
        assert (second["after"], second["kind"], second["change"]) == (4, "loaded", None)
        (only,) = answer["only_in_earlier"]
        assert (only["article"], only["elsewhere"]) == ("Dog", "absent")

    async def test_diff__by_when_they_were_observed(self, service: Service) -> None:
        """A late archive is the later one, whatever day it is named for, and however asked."""
        await put(
            service.resources.store,
            archive(ago(1), {CAT: [1, 1, 1]}, observed_on=TODAY + timedelta(days=1)),
            archive(TODAY, {CAT: [2, 2, 2]}),
        )
        for query in (f"start={ago(1)}&end={TODAY}", f"start={TODAY}&end={ago(1)}"):
            answer = (await service.client.get(f"{ARCHIVES}/diff?{query}")).json()
            assert answer["earlier"]["date"] == "2026-11-22"
            assert (answer["later"]["date"], answer["later"]["late"]) == ("2026-11-21", True)
            assert {(one["before"], one["after"]) for one in answer["changed"]} == {(2, 1)}

    async def test_diff__pages(self, service: Service) -> None:
        """Following the links leads through all changes, each once, in order."""
        names = [series(f"Article_{number:03}") for number in range(10)]
        await put(
            service.resources.store,
            archive(ago(1), {name: [1, 1, 1] for name in names}),
            archive(TODAY, {name: [2, 2, 2] for name in names}),
        )
        told, url = [], f"{ARCHIVES}/diff?start={ago(1)}&end={TODAY}&limit=7"
        for left in (2, 1, 0):
            response = await service.client.get(url)
            answer = response.json()
            told += [(one["article"], one["date"]) for one in answer["changed"]]
            assert answer["counts"]["restated"] == 20
            assert ("link" in response.headers) == (answer["next_cursor"] is not None) == bool(left)
            url = response.links["next"]["url"] if left else ""
        days = ("2026-11-19", "2026-11-20")
        assert told == [(one.article, day) for one in names for day in days]

    async def test_diff__cursor_of_other_archives(
        self, service: Service, settings: Settings
    ) -> None:
        """A cursor does not lead on in archives that were replaced meanwhile."""
        before = archive(TODAY, {CAT: [2, 2, DayStatus.NOT_LOADED]}, complete=False)
        await put(service.resources.store, archive(ago(1), {CAT: [1, 1, 1]}), before)
        url = f"{ARCHIVES}/diff?start={ago(1)}&end={TODAY}&limit=1"
        response = await service.client.get(url)
        after = response.links["next"]["url"]
        assert response.headers["cache-control"] == "public, max-age=60"
        assert (await service.client.get(after)).status_code == 200
        store = FolderArchiveStore(settings.archive_dir)
        stored = await store.read(TODAY)
        assert stored is not None
        new = archive(TODAY, {CAT: [2, 2, 2]})
        about = Facts.of(new).as_notes()
        await store.replace(TODAY, encode(new), run_id="t", version=stored.version, about=about)
        service.clock.advance(961)
        refused = await service.client.get(after)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["loc"] == ["query", "cursor"]

    async def test_diff__many_in_one_only(self, service: Service) -> None:
        """What stands in one archive only is counted, and its first thousand named."""
        names = [series(f"Article_{number:04}") for number in range(1_001)]
        await put(
            service.resources.store,
            archive(ago(1), {CAT: [1, 1, 1]}),
            archive(TODAY, {CAT: [1, 1, 1]} | {name: [2, 2, 2] for name in names}),
        )
        answer = (await service.client.get(f"{ARCHIVES}/diff?start={ago(1)}&end={TODAY}")).json()
        assert answer["counts"]["only_in_later"] == 1_001
        assert [one["article"] for one in answer["only_in_later"]] == [
            one.article for one in names[:1000]
        ]

    async def test_diff__asked_by_many(self, service: Service) -> None:
        """Whoever asks for the same pair at once, or again, waits for one comparison."""
        await put(
            service.resources.store,
            archive(ago(1), {CAT: [1, 1, 1]}),
            archive(TODAY, {CAT: [2, 2, 2]}),
        )
        url = f"{ARCHIVES}/diff?start={ago(1)}&end={TODAY}"
        answers = await asyncio.gather(*(service.client.get(url) for _ in range(20)))
        comparisons = service.resources.archive_comparisons
        last = comparisons._last
        answers.append(await service.client.get(url))
        assert {answer.content for answer in answers} == {answers[0].content}
        assert comparisons._last is last is not None
        assert comparisons._comparing == {}

    async def test_diff__too_many_waiting(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Eight pairs may wait to be compared; a ninth is refused at once, and taken later."""
        await put(service.resources.store, *(archive(ago(n), {CAT: [1, 1, 1]}) for n in range(10)))
        await service.client.get(ARCHIVES)
        comparisons = service.resources.archive_comparisons
        urls = [f"{ARCHIVES}/diff?start={ago(n + 1)}&end={ago(n)}" for n in range(9)]
        async with comparisons._one_at_a_time:
            monkeypatch.setattr(comparisons, "_deadline", 0.1)
            for url in urls:
                assert (await service.client.get(url)).status_code == 503
            assert len(comparisons._comparing) == 8
        monkeypatch.undo()
        assert {(await service.client.get(url)).status_code for url in urls} == {200}

    async def test_diff__too_slow(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        """What takes too long is a 503, goes on, and is there for the next who asks."""
        names = [series(f"Article_{number:04}") for number in range(3_000)]
        await put(
            service.resources.store,
            archive(ago(1), {name: [1, 1, 1] for name in names}),
            archive(TODAY, {name: [2, 2, 2] for name in names}),
        )
        comparisons = service.resources.archive_comparisons
        await service.client.get(ARCHIVES)
        monkeypatch.setattr(comparisons, "_deadline", 0.01)
        url = f"{ARCHIVES}/diff?start={ago(1)}&end={TODAY}&limit=1"
        refused = await service.client.get(url)
        assert refused.json()["type"] == "/problems/archive-unavailable"
        await asyncio.gather(*comparisons._comparing.values())
        await asyncio.sleep(0)
        monkeypatch.setattr(comparisons, "_deadline", 0.5)
        assert (await service.client.get(url)).status_code == 200

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("", ["start", "end"]),
            ("start=2026-11-21", ["end"]),
            ("end=2026-11-21", ["start"]),
            ("start=2026-11-21&end=2026-11-21", ["end"]),
            ("start=2026-11-21&end=20261121", ["end"]),
            ("start=x&end=2026-11-21", ["start"]),
            ("start=2026-11-21&end=2026-11-22&limit=1001", ["limit"]),
            ("start=2026-11-21&end=2026-11-22&limit=0", ["limit"]),
            ("start=2026-11-21&end=2026-11-22&cursor=7", ["cursor"]),
            ("start=2026-11-21&end=2026-11-22&cursor=", ["cursor"]),
            ("start=2026-11-21&end=2026-11-22&cursor=7-0123456%D9%A5", ["cursor"]),
            ("start=2026-11-21&end=2026-11-22&cursor=0-01234567", ["cursor"]),
            ("start=2026-11-21&end=2026-11-22&range=latest-7", ["range"]),
            ("start=2026-11-21&start=2026-11-20&end=2026-11-22", ["start"]),
        ],
    )
    async def test_diff__bad_parameters(
        self, service: Service, query: str, names: list[str]
    ) -> None:
        """A parameter that is absent, or has no meaning, is refused by its name."""
        await put(service.resources.store, *(archive(ago(n), {CAT: [1, 1, 1]}) for n in (0, 1)))
        response = await service.client.get(f"{ARCHIVES}/diff?{query}")
        assert response.status_code == 422
        assert [one["loc"] for one in response.json()["errors"]] == [["query", n] for n in names]

    async def test_diff__not_archived(self, service: Service) -> None:
        """The 404 names the day that has no archive."""
        await put(service.resources.store, archive(TODAY, {CAT: [1, 1, 1]}))
        response = await service.client.get(f"{ARCHIVES}/diff?start={ago(1)}&end={TODAY}")
        assert response.status_code == 404
        assert response.json()["detail"] == "There is no archive of 2026-11-21."


class TestFaults:
    """Missing, corrupt, or the store down: 404, 502, 503 as problems, with both stores (F23)."""

    @pytest.fixture(params=["folder", "seaweedfs"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        """Name the store."""
        kind: str = request.param
        return kind

    @pytest.fixture
    def settings(
        self, settings: Settings, kind: str, request: pytest.FixtureRequest, tmp_path: Path
    ) -> Settings:
        """Give settings that lead to the store, by way of a fault proxy if it is a server."""
        if kind == "folder":
            return settings
        proxy = request.getfixturevalue("seaweedfs_proxy")
        server = request.getfixturevalue("seaweedfs_server")
        return Settings(
            **settings.model_dump(exclude_unset=True, exclude={"env_file"})
            | {
                "archive_bucket": server.bucket,
                "archive_prefix": f"{tmp_path.name}/",
                "aws_region": "us-east-1",
                "aws_endpoint_url_s3": proxy.url,
                "aws_access_key_id": server.access_key_id,
                "aws_secret_access_key": server.secret_access_key,
            },
        )

    async def _corrupt(self, service: Service, kind: str, request: pytest.FixtureRequest) -> None:
        """Change a byte of today's archive, past the store; what lies beside it stays."""
        settings = service.resources.settings
        if kind == "folder":
            path = settings.archive_dir / f"{TODAY}.json"
            path.write_bytes(path.read_bytes().replace(b"1111", b"1112"))
            return
        server = request.getfixturevalue("seaweedfs_server")
        async with server.client() as client:
            where = {"Bucket": server.bucket, "Key": f"{settings.archive_prefix}{TODAY}.json"}
            stored = await client.get_object(**where)
            body = (await stored["Body"].read()).replace(b"1111", b"1112")
            await client.put_object(**where, Body=body, Metadata=stored["Metadata"])

    def _break(self, service: Service, kind: str, request: pytest.FixtureRequest) -> None:
        if kind == "folder":
            folder = service.resources.settings.archive_dir
            folder.rename(folder.with_name("moved"))
            folder.write_text("a file stands where the folder should be")
        else:
            proxy = request.getfixturevalue("seaweedfs_proxy")
            proxy.set("refuse")
            proxy.drop()

    @pytest.fixture
    def urls(self) -> list[str]:
        """Name every URL that must read today's archive."""
        return [
            DOCUMENT,
            f"{DOCUMENT}/articles/fr.wikipedia/Cat",
            f"{DOCUMENT}/projects/fr.wikipedia",
            f"{ARCHIVES}/diff?start={ago(1)}&end={TODAY}",
            f"/api/v1/top/fr.wikipedia/history?article=Cat&start={ago(1)}&end={ago(1)}",
        ]

    async def _put(self, service: Service) -> None:
        told = {CAT: [1111, 2, 3], series(None): [1111, 2, 3]}
        top = [top_list(ago(1), "Cat")]
        await put(service.resources.store, archive(TODAY, told, top=top))
        await put(service.resources.store, archive(ago(1), told))

    async def test_faults__none(self, service: Service, urls: list[str]) -> None:
        """As long as nothing is wrong, all of it is told."""
        await self._put(service)
        for url in [*urls, ARCHIVES]:
            assert (await service.client.get(url)).status_code == 200

    async def test_faults__missing(self, service: Service, urls: list[str]) -> None:
        """A day that is not archived is a 404."""
        for url in urls:
            await self._expect(service, url, 404, "not-archived")

    async def test_faults__corrupt(
        self, service: Service, urls: list[str], kind: str, request: pytest.FixtureRequest
    ) -> None:
        """Bytes that are not what was written are a 502, and not one of them is told."""
        await self._put(service)
        await self._corrupt(service, kind, request)
        for url in urls:
            response = await self._expect(service, url, 502, "archive-corrupt")
            assert "111" not in str(response.json() | {"instance": None})
            assert (await service.client.head(url)).status_code == 502
        items = (await service.client.get(ARCHIVES)).json()["items"]
        assert [item["date"] for item in items] == ["2026-11-22", "2026-11-21"]

    async def test_faults__down(
        self, service: Service, urls: list[str], kind: str, request: pytest.FixtureRequest
    ) -> None:
        """A store that does not answer is a 503, whether its archives were listed before or not.

        Nothing is told of the store.
        """
        await self._put(service)
        assert len((await service.client.get(ARCHIVES)).json()["items"]) == 2
        self._break(service, kind, request)
        for url in urls:
            response = await self._expect(service, url, 503, "archive-unavailable")
            assert str(service.resources.settings.archive_dir) not in response.text
        service.clock.advance(961)
        for url in [*urls, ARCHIVES]:
            await self._expect(service, url, 503, "archive-unavailable")

    async def _expect(self, service: Service, url: str, status: int, slug: str) -> httpx.Response:
        response = await service.client.get(url)
        assert (url, response.status_code) == (url, status)
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["type"] == f"/problems/{slug}"
        assert "etag" not in response.headers
        assert response.headers["cache-control"] == (
            "public, max-age=60" if status == 404 else "no-store"
        )
        return response


OPENED: list[str] | None = None
"""What is opened is noted here, while it is a list: an audit hook is for ever."""


def _note_opened(event: str, args: tuple[Any, ...]) -> None:
    if OPENED is not None and event in {"open", "os.scandir", "os.listdir", "glob.glob"}:
        OPENED.append(str(args[0]))


sys.addaudithook(_note_opened)


class TestPaths:
    """The archive's day in the path is a date, and nothing else gets to the store (row C13)."""

    @pytest.fixture
    def opened(self) -> Iterator[list[str]]:
        """Note what is opened."""
        global OPENED  # noqa: PLW0603  # an audit hook knows nothing else
        OPENED = []
        yield OPENED
        OPENED = None

    @pytest.mark.parametrize("day", BAD_DAYS)
    async def test_day__is_none(self, service: Service, day: bytes) -> None:
        """What is no date in ISO's long form is refused by its name."""
        for rest in (b"", b"/articles/fr.wikipedia/Cat", b"/projects/fr.wikipedia"):
            path = ARCHIVES.encode() + b"/" + day + rest
            status, body = await get_raw(service.app, path)
            assert (path, status) == (path, 422)
            assert [one["loc"] for one in json.loads(body)["errors"]] == [["path", "date"]]

    @pytest.mark.parametrize(
        "path", [b"2026-11-22.json/../x", b"..%2f..%2fetc", b"../2026-11-22", b"%2e%2e/x", b"/"]
    )
    async def test_day__more_than_one_segment(self, service: Service, path: bytes) -> None:
        """A path that is none of ours is a 404."""
        status, body = await get_raw(service.app, ARCHIVES.encode() + b"/" + path)
        assert (path, status) == (path, 404)
        assert json.loads(body)["type"] == "/problems/not-found"

    @examples(
        max_examples=150,
    )
    @given(
        day=st.one_of(
            st.binary(max_size=30),
            st.lists(
                st.sampled_from(
                    [b"..", b"/", b"%2e", b"%2f", b"%00", b".json", b"2026-11-22", b"2026", b"-1"]
                ),
                max_size=6,
            ).map(b"".join),
            st.dates().map(lambda day: day.isoformat().encode()),
        )
    )
    async def test_day__any_bytes(
        self, service: Service, settings: Settings, opened: list[str], day: bytes
    ) -> None:
        """Whatever stands for the day, nothing is opened outside the archives' folder."""
        service.clock.advance(1)
        quoted = bytes(byte for byte in day if 0x20 < byte < 0x7F and byte not in b"?#")
        for path in (DOCUMENT.encode(), b"/"):  # what is imported at the first request is not meant
            await get_raw(service.app, path)
        opened.clear()
        status, _ = await get_raw(service.app, ARCHIVES.encode() + b"/" + quoted)
        found = [path for path in opened if not path.startswith(str(settings.archive_dir))]
        assert (found, status in {200, 404, 422}) == ([], True)

    async def test_day__is_opened(
        self, service: Service, settings: Settings, opened: list[str]
    ) -> None:
        """What is opened would be seen."""
        await put(service.resources.store, archive(TODAY, {CAT: [1, 2, 3]}))
        opened.clear()
        assert (await get_raw(service.app, DOCUMENT.encode()))[0] == 200
        assert str(settings.archive_dir / f"{TODAY}.json") in opened


async def test_answers__cors(aqs_url: str, settings: Settings, clock: FakeClock) -> None:
    """A script of an allowed origin may read the tag and the link."""
    settings = settings.model_copy(update={"allowed_origins": ("https://example.org",)})
    app = create_app(settings, clock=clock)
    async with serve(app) as url, httpx.AsyncClient(base_url=url) as client:
        await put(app.state.resources.store, archive(TODAY, {CAT: [1, 2, 3]}))
        origin = {"Origin": "https://example.org"}
        response = await client.get(DOCUMENT, headers=origin | {"Accept-Encoding": "gzip"})
        etag = {"If-None-Match": response.headers["etag"]}
        not_changed = await client.get(DOCUMENT, headers=origin | etag)
        missing = await client.get(f"{ARCHIVES}/2026-01-01", headers=origin)
    assert aqs_url
    assert [one.status_code for one in (response, not_changed, missing)] == [200, 304, 404]
    for one in (response, not_changed, missing):
        assert one.headers["access-control-allow-origin"] == "https://example.org"
        assert {"ETag", "Link"} <= set(one.headers["access-control-expose-headers"].split(", "))
        assert "Origin" in one.headers["vary"]
    assert response.headers["content-encoding"] == "gzip"
    assert json.loads(response.content)["date"] == "2026-11-22"


async def test_examples__are_true(tmp_path: Path) -> None:
    """The examples in the OpenAPI document are answers word for word, of the bundled sample."""
    clock = FakeClock(datetime(2017, 1, 1, 10, tzinfo=UTC))
    sample = sample_aqs()
    async with serve(sample) as aqs_url:
        common: dict[str, Any] = {
            "_env_file": None,
            "aqs_base_url": aqs_url,
            "aqs_witness": "en.wikipedia/Gordon_Ramsay",
            "default_agent": "all-agents",
            "archive_enabled": False,
            "archive_articles": "fr.wikipedia/Strasbourg",
            "archive_days": 3,
        }
        app = create_app(Settings(**common, archive_dir=tmp_path / "one"), clock=clock)
        schemas = app.openapi()["components"]["schemas"]
        async with serve(app) as url, httpx.AsyncClient(base_url=url) as client:
            await app.state.resources.archiver.run(patient=False)
            paths = {
                "ArchiveList": ARCHIVES,
                "ArchiveDocument": f"{ARCHIVES}/2017-01-01",
                "ObservedSeries": f"{ARCHIVES}/2017-01-01/articles/fr.wikipedia/Strasbourg",
            }
            for name, path in paths.items():
                assert schemas[name]["examples"] == [(await client.get(path)).json()]


async def test_example__of_differences(aqs: FakeAqs, tmp_path: Path) -> None:
    """The example of what changed is an answer word for word: a day that came late.

    Its number is that of the sample.
    """
    clock = FakeClock(datetime(2017, 1, 1, 10, tzinfo=UTC))
    views = {date(2016, 12, 29): 1596, date(2016, 12, 30): 1441}
    last = {date(2016, 12, 31): 1142}
    for title in ("Strasbourg", "Witness"):
        aqs.set_views("fr.wikipedia", title, "all-access", "all-agents", views | last)
    async with serve(aqs) as aqs_url:
        settings = Settings(
            _env_file=None,
            aqs_base_url=aqs_url,
            aqs_witness="fr.wikipedia/Witness",
            default_agent="all-agents",
            archive_enabled=False,
            archive_articles="fr.wikipedia/Strasbourg",
            archive_days=3,
            archive_dir=tmp_path / "archives",
        )
        app = create_app(settings, clock=clock)
        async with serve(app) as url, httpx.AsyncClient(base_url=url) as client:
            for day in (1, 2):
                clock.set(datetime(2017, 1, day, 10, tzinfo=UTC))
                aqs.loaded_through = date(2016, 12, 29 + day)
                only = DateRange.only(date(2017, 1, day))
                await app.state.resources.archiver.run(patient=False, only=only)
            answer = await client.get(f"{ARCHIVES}/diff?start=2017-01-01&end=2017-01-02")
    schemas = app.openapi()["components"]["schemas"]
    assert schemas["ArchiveDifferences"]["examples"] == [answer.json()]
