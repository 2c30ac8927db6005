"""The OpenAPI document of AQS's own paths: they have AQS's answers, and AQS's errors."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pageviews_api.main import create_app
from pageviews_api.schemas.aqs_problem import AQS_PREFIX, is_aqs_path
from pageviews_api.schemas.problem import MEDIA_TYPE
from tests.conftest import Service
from tests.support import aqs_faults
from tests.test_openapi import SETTINGS, Schema, check, operations, validator

RECORDED = Path(__file__).parent / "data/aqs"

ERRORS = {"400", "404", "429", "502", "503", "504", "default"}

VALUES = {
    "project": "fr.wikipedia",
    "access": "all-access",
    "access_site": "all-sites",
    "agent": "user",
    "article": "Strasbourg",
    "granularity": "daily",
    "start": "20261101",
    "end": "20261102",
    "country": "FR",
    "year": "2026",
    "month": "10",
    "day": "01",
}
"""For each word of a path one that AQS takes."""


@pytest.fixture(scope="module")
def document() -> Schema:
    """Give the document that the code makes."""
    return create_app(SETTINGS).openapi()


def aqs_operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    """Go through the operations under AQS's prefix."""
    return ((path, one) for path, one in operations(document) if is_aqs_path(path))


def test_paths__are_those_of_aqs(document: Schema) -> None:
    """What is served is what the issue of a drop-in is, under one tag of its own."""
    assert {
        path.removeprefix(AQS_PREFIX).split("{")[0] for path, _ in aqs_operations(document)
    } == {
        "/pageviews",
        "/pageviews/per-article/",
        "/pageviews/aggregate/",
        "/pageviews/top/",
        "/pageviews/top-per-country/",
        "/pageviews/top-by-country/",
        "/unique-devices/",
    }
    for path, operation in operations(document):
        assert (operation["tags"] == ["aqs"]) == is_aqs_path(path)


def test_errors__are_those_of_aqs(document: Schema) -> None:
    """Every error is published in AQS's shape, with a valid example; there is no 422."""
    problem = {"$ref": "#/components/schemas/AqsProblem"}
    for path, operation in aqs_operations(document):
        assert operation["responses"].keys() == ERRORS | {"200", "304"}, path
        for status in ERRORS:
            content = operation["responses"][status]["content"]
            assert content.keys() == {MEDIA_TYPE}
            assert content[MEDIA_TYPE]["schema"] == problem
            if status != "default":
                example = content[MEDIA_TYPE]["example"]
                assert list(example) == sorted(example)
                assert example["status"] == int(status)
                assert list(validator(document, problem).iter_errors(example)) == []


def test_examples__are_recorded(document: Schema) -> None:
    """The examples are from real answers, cut."""
    schemas = document["components"]["schemas"]
    for model, name, cut in [
        ("ArticleViewsAnswer", "per_article_hiv_aids.json", None),
        ("ProjectViewsAnswer", "aggregate_en.wikipedia_desktop_monthly.json", None),
        ("TopAnswer", "top_en.wikipedia_2015-10-10_first100.json", 2),
        ("DevicesAnswer", "unique_devices_en.wikipedia_2021-01-02.json", None),
    ]:
        exchange = json.loads((RECORDED / name).read_text("utf-8"))
        item = json.loads(exchange.get("response", exchange)["body"])["items"][0]
        if cut:
            item["articles"] = item["articles"][:cut]
        assert schemas[model]["examples"] == [{"items": [item]}]


async def test_parameters__of_the_query(service: Service, document: Schema) -> None:
    """There is none, and each is refused by its name, once or twice (row C8)."""
    for path, operation in aqs_operations(document):
        assert {one["in"] for one in operation.get("parameters", [])} <= {"path"}
        target = path.format_map(VALUES)
        for query in ("unknown=1", "unknown=1&unknown=1"):
            response = await service.client.get(f"{target}?{query}")
            assert (target, response.status_code) == (target, 400)
            assert response.json()["detail"].startswith("unknown: ")
            check(document, response, path)
    assert service.aqs.count() == 0


async def test_answers__are_as_published(service: Service, document: Schema) -> None:
    """Good answers, 404 and 502 are valid."""
    statuses = []
    for fault in (aqs_faults.GOOD, aqs_faults.html_page()):
        service.aqs.behave(fault)
        for path, _ in aqs_operations(document):
            response = await service.client.get(path.format_map(VALUES))
            check(document, response, path)
            statuses.append(response.status_code)
        service.clock.advance(700)
    assert {200, 404, 502} <= set(statuses)
