"""The OpenAPI document: committed, valid, complete, and true of every answer."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator

from pageviews_api.cli.demo import TODAY, demo_settings
from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.demo.aqs import sample_aqs
from pageviews_api.main import create_app
from pageviews_api.openapi.words import WORDS
from pageviews_api.schemas.aqs_problem import is_aqs_path
from pageviews_api.schemas.problem import MEDIA_TYPE
from tests.conftest import YESTERDAY, Service
from tests.support import aqs_faults
from tests.support.clock import FakeClock
from tests.support.serving import serve

COMMITTED = Path(__file__).parent.parent / "openapi.json"

SETTINGS = Settings.model_construct()

Schema = dict[str, Any]

NOT_ASKING_AQS = {
    "/api/v1/data-state": {400, 414, 422, 429},
    "/api/v1/projects": {400, 406, 414, 422, 429},
    "/api/v1/archives": {400, 406, 414, 422, 429, 503},
    "/api/v1/archives/diff": {400, 404, 406, 414, 422, 429, 502, 503},
    "/api/v1/archives/{date}": {400, 404, 406, 414, 422, 429, 502, 503},
    "/api/v1/archives/{date}/articles/{project}/{article}": {
        400,
        404,
        406,
        414,
        422,
        429,
        502,
        503,
    },
    "/api/v1/archives/{date}/projects/{project}": {400, 404, 406, 414, 422, 429, 502, 503},
    "/api/v1/top/{project}/history": {400, 404, 406, 414, 422, 429, 502, 503},
}
"""The errors of what is answered without AQS."""

SITE_ARCHIVES = {
    "/api/v1/site-archives": {400, 401, 403, 406, 414, 422, 429, 503},
    "/api/v1/site-archives/{date}": {400, 401, 403, 404, 406, 414, 422, 429, 502, 503},
}
"""The same of the archives that are not for everybody."""

ABOUT_SITES = {"/api/v1/sites": {400, 401, 403, 406, 414, 422, 429}} | {
    f"/api/v1/sites/{{site}}/{what}": {400, 401, 403, 404, 406, 414, 422, 429, 502, 503, 504}
    for what in ("summary", "timeseries", "pages", "current", "compare")
}
"""The errors of what the provider of a site's analytics is asked."""

ARTICLE = "/api/v1/articles/{project}/{article}"
SET = "/api/v1/articles"
BATCH = "/api/v1/articles/batch"
PROJECT = "/api/v1/projects/{project}"
TOP = "/api/v1/top/{project}"

PICTURES = {"/api/v1/charts/{project}/{article}.svg": "image/svg+xml; charset=utf-8"}
"""What comes as a picture, and in no other form."""

NEVER_RECORDED = {"CountriesAnswer", "CountryTopAnswer"}
"""Answers of AQS of which we have no real one to show."""

VALUES = {
    "start": "2026-11-01",
    "end": "2026-11-02",
    "range": "latest-7",
    "access": "desktop",
    "agent": "user",
    "granularity": "daily",
    "date": "2026-11-01",
    "month": "2026-10",
    "project": "fr.wikipedia",
    "article": "Strasbourg",
    "period": "30",
    "slug": "not-found",
}
"""For each parameter a value that has a meaning."""


ONLY_IF_ASKED_FOR = {
    *("as_of", "comparison", "split", "per_million", "unusual"),
    *("filter_certain", "previous"),
}
"""Fields that are there only where they were asked for."""


@pytest.fixture(scope="module")
def document() -> Schema:
    """Give the document that the code makes."""
    return create_app(SETTINGS).openapi()


def operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    """Go through the operations; what a path has beside GET is POST."""
    for path, methods in document["paths"].items():
        assert methods.keys() <= {"get", "post"}
        for operation in methods.values():
            yield path, operation


def own_operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    """Leave out AQS's own paths, which have AQS's errors (``test_openapi_aqs``)."""
    return ((path, one) for path, one in operations(document) if not is_aqs_path(path))


def validator(document: Schema, schema: Schema) -> OAS31Validator:
    """Make a validator for a schema of the document, which OpenAPI 3.1 writes as JSON Schema."""
    whole = schema | {"components": document["components"]}
    return OAS31Validator(whole, format_checker=oas31_format_checker)


def check(document: Schema, response: httpx.Response, path: str, method: str = "get") -> None:
    """Hold an answer against what is published for its path, status and media type."""
    responses = document["paths"][path][method]["responses"]
    published = responses[str(response.status_code)]
    schema = published["content"][response.headers["content-type"]]["schema"]
    errors = [error.message for error in validator(document, schema).iter_errors(response.json())]
    assert errors == []
    for name, reference in published["headers"].items():
        header = document["components"]["headers"][reference["$ref"].rsplit("/", 1)[-1]]
        assert name in response.headers or not header.get("required", False), (path, name)


def resolved(document: Schema, schema: Schema) -> Schema:
    """Follow the reference that a schema is."""
    named: Schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return named


def single_parameters(operation: Schema) -> list[str]:
    """Tell the parameters of a query that are no lists, which may be given more than once."""
    return [
        one["name"]
        for one in operation.get("parameters", [])
        if one["in"] == "query" and one["schema"].get("type") != "array"
    ]


def test_document__is_the_committed_one(document: Schema) -> None:
    """``openapi.json`` is what the code says.

    To write it anew: ``uv run pageviews-api openapi > openapi.json``.
    """
    assert json.loads(COMMITTED.read_text("utf-8")) == document


def test_document__is_valid(document: Schema) -> None:
    """The document is valid OpenAPI 3.1, and each schema in it valid JSON Schema."""
    OpenAPIV31SpecValidator(document).validate()
    for schema in document["components"]["schemas"].values():
        OAS31Validator.check_schema(schema)


def test_operations__have_all_that_readers_want(document: Schema) -> None:
    """Every operation has a summary, a description, one known tag and a short id of its own."""
    tags = {tag["name"] for tag in document["tags"]}
    ids = []
    for path, operation in operations(document):
        assert 3 <= len(operation["summary"].split()) <= 5, path
        assert len(operation["description"]) > 30, path
        assert len(operation["tags"]) == 1, path
        assert set(operation["tags"]) <= tags, path
        ids.append(operation["operationId"])
    assert len(set(ids)) == len(ids)
    assert all(name.isidentifier() and len(name) <= 20 for name in ids)


def test_parameters__are_described(document: Schema) -> None:
    """Every parameter of a query is described; required are only those without a fair default."""
    required = {
        ("/api/get_views", "period"),
        ("/api/v1/archives/diff", "start"),
        ("/api/v1/archives/diff", "end"),
        ("/api/v1/top/{project}/history", "article"),
        ("/api/v1/articles", "article"),
        ("/api/v1/articles", "project"),
        ("/api/v1/sites/{site}/compare", "article"),
        ("/api/v1/sites/{site}/compare", "project"),
    }
    for path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            must = parameter["in"] == "path" or (path, parameter["name"]) in required
            assert parameter["required"] is must
            assert parameter["name"] == "slug" or parameter.get("description"), path


def test_parameters__are_plain(document: Schema) -> None:
    """No parameter may be null, as no URL can say that; none has its name as a title once more."""
    for _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            assert "title" not in schema
            assert {"type": "null"} not in schema.get("anyOf", [])
            assert not schema.keys() & {"ge", "le", "gt", "lt"}  # written so, nobody knows them


def test_fields__are_described(document: Schema) -> None:
    """Every schema and each of its fields says what it is; words of many answers say it once."""
    schemas = document["components"]["schemas"]
    fields = {
        (name, field): told
        for name, schema in schemas.items()
        for field, told in schema.get("properties", {}).items()
    }
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []
    untold = {at: told for at, told in fields.items() if "description" not in told}
    assert [at for at, told in untold.items() if "#/components/schemas/" not in str(told)] == []
    assert [place for place, field in fields.items() if "title" in field] == []
    assert WORDS.keys() <= {field for _, field in fields}


def test_responses__are_described(document: Schema) -> None:
    """Every response has words of its own, and names the headers that it has."""
    headers = document["components"]["headers"]
    for path, operation in operations(document):
        for status, response in operation["responses"].items():
            assert response["description"] != "Successful Response", path
            assert {"X-Request-ID", "Cache-Control"} <= response["headers"].keys()
            assert "ETag" in response["headers"] or status != "304"
            assert "Retry-After" in response["headers"] or status != "429"
            for name, reference in response["headers"].items():
                assert reference == {"$ref": f"#/components/headers/{name}"}
                assert headers[name]["description"]
                assert "example" in headers[name]


def test_answers__have_a_valid_example(document: Schema) -> None:
    """The model of every good answer has an example, which is valid."""
    for path, operation in operations(document):
        (good,) = operation["responses"].keys() & {"200", "202"}
        content = operation["responses"][good]["content"]
        if path in PICTURES:
            assert content.keys() == {PICTURES[path]}
            continue
        schema = content[min(content)]["schema"]  # application/json, where it is among them
        for one in schema.get("oneOf") or schema.get("anyOf") or [schema]:
            model = resolved(document, one)
            assert ("examples" in model) is (one["$ref"].rsplit("/", 1)[-1] not in NEVER_RECORDED)
            for example in model.get("examples", []):
                errors = list(validator(document, schema).iter_errors(example))
                assert (path, errors) == (path, [])
                left_out = model["properties"].keys() - example.keys()
                assert left_out <= ONLY_IF_ASKED_FOR, path


async def test_answers__have_true_examples(document: Schema) -> None:
    """The numbers in the examples are those of the bundled sample, which is real."""
    async with serve(sample_aqs()) as aqs_url:
        settings = demo_settings(aqs_url).model_copy(update={"archive_enabled": False})
        async with (
            serve(create_app(settings, clock=FakeClock(TODAY))) as url,
            httpx.AsyncClient(base_url=url) as client,
        ):
            article = await client.get("/api/v1/articles/fr.wikipedia/Strasbourg?range=latest-3")
            compared = await client.get(f"{article.url}&compare=previous")
            week = article.url.copy_set_param("range", "latest-7")
            unusual = await client.get(f"{week}&unusual=true")
            top = await client.get("/api/v1/top/en.wikipedia?date=2015-10-10")
            days = "start=2015-10-10&end=2015-10-10&namespace=main&main_page=false"
            ranged = await client.get(f"/api/v1/top/en.wikipedia?{days}")
            recent = await client.get("/api/get_views?period=90")
    schemas = document["components"]["schemas"]
    assert schemas["ArticleSeries"]["examples"] == [article.json()]
    assert [item["views"] for item in article.json()["items"]] == [1596, 1441, 1142]
    assert schemas["Comparison"]["examples"] == [compared.json()["comparison"]]
    assert schemas["UnusualDays"]["examples"] == [unusual.json()["unusual"]]
    last_two = {name: recent.json()[name][-2:] for name in ("current", "previous")}
    assert schemas["RecentViews"]["examples"] == [recent.json() | last_two]
    for name, answer in (("TopArticles", top.json()), ("TopRange", ranged.json())):
        assert schemas[name]["examples"] == [answer | {"items": answer["items"][:3]}]


async def test_project_example__is_what_a_monday_brings(service: Service, document: Schema) -> None:
    """The example of a project's total is an answer word for word, with no number invented."""
    service.aqs.loaded_through = None
    total = {YESTERDAY.replace(day=day): 1 for day in (21, 22)}
    for agent in ("user", "all-agents"):
        service.aqs.set_views("fr.wikipedia", None, "all-access", agent, total)
    service.clock.set(datetime(2026, 11, 23, 10, tzinfo=UTC))
    response = await service.client.get("/api/v1/projects/fr.wikipedia?range=this-week")
    assert document["components"]["schemas"]["ProjectSeries"]["examples"] == [response.json()]


def problem_examples(document: Schema, content: Schema) -> list[Schema]:
    """Tell the examples of an error, each of which is kept once for all that have it."""
    shared, slugs = document["components"]["examples"], content["examples"]
    for slug, reference in slugs.items():
        assert reference == {"$ref": f"#/components/examples/{slug}"}
    return [shared[slug]["value"] for slug in slugs]


def test_errors__are_problems(document: Schema) -> None:
    """Every error is published as a problem document, with examples; FastAPI's own is gone."""
    elsewhere = NOT_ASKING_AQS | SITE_ARCHIVES | ABOUT_SITES
    for path, operation in own_operations(document):
        errors = {int(status) for status in operation["responses"]} - {200, 202, 304}
        assert 422 in errors
        assert errors >= {401, 403} or "security" not in operation
        if path in elsewhere:
            assert errors == elsewhere[path], path
        elif path.endswith("/run"):
            more = {413} if "202" in operation["responses"] else {404, 502, 503}
            assert errors == {400, 401, 403, 414, 422, 429} | more
        elif path == SET:
            assert errors == {400, 406, 414, 422, 429, 502, 503, 504}
        elif path == BATCH:
            assert errors == {400, 408, 413, 414, 415, 422, 429}
        elif path in {"/api/get_views", *PICTURES}:
            assert errors == {400, 404, 414, 422, 429, 502, 503, 504}  # it has one form only
        elif path.startswith("/api/"):
            assert errors == {400, 404, 406, 414, 422, 429, 502, 503, 504}, path
        for status in errors:
            content = operation["responses"][str(status)]["content"]
            assert content.keys() == {MEDIA_TYPE}
            schema = content[MEDIA_TYPE]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}
            examples = problem_examples(document, content[MEDIA_TYPE])
            assert {example["status"] for example in examples} == {status}
            for example in examples:
                assert list(validator(document, schema).iter_errors(example)) == []
    assert {"Problem", "ProblemField"} <= document["components"]["schemas"].keys()
    assert "ValidationError" not in json.dumps(document)


def test_references__lead_somewhere(document: Schema) -> None:
    """Every reference leads to a component, and every component is referred to."""
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text
    for name in (part.split('"', 1)[0] for part in text.split("#/components/schemas/")[1:]):
        assert name in document["components"]["schemas"]


async def test_parameters__given_twice(service: Service, document: Schema) -> None:
    """Every parameter given twice is a 422 that names it, and nobody is asked (row C8)."""
    doubled = 0
    for path, operation in own_operations(document):
        if "security" in operation:
            continue  # who is not the operator is told of nothing else
        target = path.format_map({name: quote(value) for name, value in VALUES.items()})
        method = "post" if "requestBody" in operation else "get"
        for name in [*single_parameters(operation), "unknown"]:
            pair = f"{name}={VALUES.get(name, '1')}"
            response = await service.client.request(method, f"{target}?{pair}&{pair}")
            assert (target, name, response.status_code) == (target, name, 422)
            assert [error["loc"] for error in response.json()["errors"]] == [["query", name]]
            check(document, response, path, method)
            doubled += 1
    assert doubled == 111
    assert service.aqs.count() == 0


class TestRealAnswers:
    """What is sent is what is published, in every state."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        """Give settings under which nobody waits for a refresh."""
        return settings.model_copy(update={"cache_wait": 0.0, "rate_limit": 30})

    async def _check(self, service: Service, path: str, query: str = "") -> httpx.Response:
        response = await service.client.get(path.format_map(VALUES) + query)
        check(service.app.openapi(), response, path)
        return response

    async def test_answers__good(self, service: Service) -> None:
        """Daily, monthly, empty, zero and not loaded answers are valid."""
        service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Paris", 7)])
        service.aqs.set_top("fr.wikipedia", "all-access", "2026-10", [("Paris", 7)])
        sections = "?compare=year&split=access&unusual=true"
        queries = ["", "?start=2020-01-01&end=2026-11-22", "?granularity=monthly", sections]
        queries.append("?compare=previous&split=agent&granularity=weekly&range=latest-20")
        statuses = set()
        for path in (ARTICLE, PROJECT):
            for query in [*queries, "?start=2026-11-22&end=2026-11-22"]:
                answer = (await self._check(service, path, query)).json()
                statuses |= {item.get("status") for item in answer["items"]}
        assert statuses == {"ok", "zero", "not_loaded", None} | {"missing"} & statuses
        for query in ("?per_million=true", "?per_million=true&granularity=monthly"):
            assert (await self._check(service, ARTICLE, query)).status_code == 200
        tops = ("", "?month=2026-10", "?range=latest-2", "?namespace=main&compare=previous")
        for query in (*tops, "?range=this-month&compare=previous&main_page=false"):
            assert (await self._check(service, TOP, query)).status_code == 200
        for path in ("/problems/{slug}", "/healthz", "/readyz"):
            assert (await self._check(service, path)).status_code == 200

    async def test_answers__of_many(self, service: Service) -> None:
        """A set with a failure is valid, and so is every line of a batch."""
        query = "?project=fr.wikipedia&article=Strasbourg&article=Nobody"
        assert (await self._check(service, SET, query)).status_code == 200
        items = [
            {"project": "fr.wikipedia", "article": title}
            for title in ("Strasbourg", "Nobody", "..")
        ]
        response = await service.client.post(BATCH, json={"items": items})
        document = service.app.openapi()
        content = document["paths"][BATCH]["post"]["responses"]["200"]["content"]
        (schema,) = (one["schema"] for one in content.values())
        lines = response.text.splitlines()
        assert len(lines) == 4
        for line in lines:
            assert list(validator(document, schema).iter_errors(json.loads(line))) == []

    async def test_answers__archived(self, service: Service) -> None:
        """What is told of the archives is valid: lists, documents, series, differences, ranks."""
        day, before = YESTERDAY + timedelta(days=1), YESTERDAY
        service.aqs.set_top("fr.wikipedia", "all-access", YESTERDAY, [("Strasbourg", 7)])
        await service.resources.archiver.run(only=DateRange(before, day))
        values = VALUES | {"date": str(day)}
        queries = {"diff": f"?start={before}&end={day}", "history": "?article=Strasbourg"}
        for path in NOT_ASKING_AQS:
            target = path.format_map(values) + queries.get(path.rsplit("/", 1)[-1], "")
            response = await service.client.get(target)
            asked = path.endswith("/projects/{project}")  # no total is archived
            assert (path, response.status_code) == (path, 404 if asked else 200)
            check(service.app.openapi(), response, path)

    async def test_answers__refused(self, service: Service) -> None:
        """404, 422, 400 and 429 are valid."""
        for path in (ARTICLE, PROJECT, TOP):
            assert (await self._check(service, path, "?foo=1")).status_code == 422
        unknown = await service.client.get("/api/v1/articles/fr.wikipedia/Nobody")
        check(service.app.openapi(), unknown, ARTICLE)
        elsewhere = await service.client.get("/api/v1/top/fr.wikipedia", headers={"host": "a b"})
        check(service.app.openapi(), elsewhere, TOP)
        assert (unknown.status_code, elsewhere.status_code) == (404, 400)
        for _ in range(30):
            limited = await service.client.get("/api/v1/top/fr.wikipedia?foo=1")
        check(service.app.openapi(), limited, TOP)
        assert limited.status_code == 429

    async def test_answers__stale(self, service: Service) -> None:
        """A stale answer is valid, and one with missing days."""
        await self._check(service, ARTICLE)
        service.aqs.behave(aqs_faults.failing())
        for hours in (3, 27):
            service.clock.advance(hours * 3600)
            answer = (await self._check(service, ARTICLE)).json()
            assert answer["stale"] is True
        assert answer["items"][-1]["status"] == "missing"

    async def test_answers__failed(self, service: Service) -> None:
        """502 and 503 are valid, one with the seconds to wait."""
        service.aqs.behave(aqs_faults.html_page())
        assert (await self._check(service, ARTICLE)).status_code == 502
        service.aqs.behave(aqs_faults.throttled("60"))
        response = await self._check(service, PROJECT)
        assert response.status_code == 503
        assert response.json()["retry_after"] == 60

    async def test_validator__sees_a_fault(self, service: Service) -> None:
        """An answer that is not as published would be found."""
        response = await service.client.get(ARTICLE.format_map(VALUES))
        document = service.app.openapi()
        schema = document["components"]["schemas"]["ArticleSeries"]
        answer = response.json()
        assert list(validator(document, schema).iter_errors(answer)) == []
        assert list(validator(document, schema).iter_errors(answer | {"more": 1}))
        assert list(validator(document, schema).iter_errors(answer | {"start": "yesterday"}))
        assert list(validator(document, schema).iter_errors(answer | {"items": [{}]}))
