"""The document as a whole, in steps that hold for whatever routes there are."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from pageviews_api.openapi.headers import add_headers
from pageviews_api.openapi.words import WORDS
from pageviews_api.schemas.aqs_problem import AqsProblem
from pageviews_api.schemas.problem import MEDIA_TYPE, Problem

Schema = dict[str, Any]

_UNTOLD = "Successful Response"
"""How FastAPI describes what nobody described."""


def describe(app: FastAPI, *, with_example: Iterable[type[BaseModel]]) -> Schema:
    """Describe the API, with the one error body and without FastAPI's own.

    ``with_example`` are the answers whose example holds a null.
    """
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        contact={"name": "Whoever runs this service"},
        license_info=app.license_info,
        servers=[{"url": "/", "description": "Where this document came from."}],
        tags=app.openapi_tags,
        routes=app.routes,
    )
    document["security"] = []  # nobody has to say who they are, unless a route says so
    schemas: dict[str, Schema] = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas |= {"Problem": problem, "AqsProblem": AqsProblem.model_json_schema()}
    for model in with_example:
        # FastAPI drops every null from an example; our answers write them out.
        schemas[model.__name__]["examples"] = model.model_json_schema()["examples"]
    for schema in schemas.values():
        _tidy_fields(schema)
    for operation in _operations(document):
        _tidy_parameters(operation)
        _tell_answers(operation, schemas)
    _share_examples(document)
    add_headers(document)
    return document


def _operations(document: Schema) -> Iterator[Schema]:
    return (operation for path in document["paths"].values() for operation in path.values())


def _tidy_fields(schema: Schema) -> None:
    """Describe each field, and leave out its title, which is its name once more."""
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        if name in WORDS:
            field.setdefault("description", WORDS[name])


def _tidy_parameters(operation: Schema) -> None:
    """Leave out of parameters that they may be null: a URL leaves them out, and has no null.

    Their title is their name once more, and their description stands beside their schema.
    """
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        options = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
        if len(options) == 1:
            schema |= options[0]
        elif options:
            schema["anyOf"] = options
        schema.pop("title", None)
        if schema.get("description") == parameter.get("description"):
            schema.pop("description", None)


def _tell_answers(operation: Schema, schemas: dict[str, Schema]) -> None:
    """Describe an answer by its schema's own words, where the route has none."""
    for response in operation["responses"].values():
        if response["description"] != _UNTOLD:
            continue
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        name = schema.get("$ref", "").rsplit("/", 1)[-1]
        named = schemas.get(name, operation)
        told = str(named.get("description", operation["summary"]))
        response["description"] = told.partition("\n")[0]


def _share_examples(document: Schema) -> None:
    """Keep each problem's example once, where all responses refer to it."""
    shared: dict[str, Schema] = document["components"].setdefault("examples", {})
    for operation in _operations(document):
        for response in operation["responses"].values():
            examples = response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
            for slug, example in examples.items():
                shared[slug] = example
                examples[slug] = {"$ref": f"#/components/examples/{slug}"}
