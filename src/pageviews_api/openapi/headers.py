"""The headers of responses, each described once (OpenAPI 3.1 §4.8.21).

Which of them a response has follows from its status and its route, so that no route says it.
"""

from collections.abc import Iterator
from typing import Any

_TEXT = {"type": "string"}

HEADERS: dict[str, dict[str, Any]] = {
    "Cache-Control": {
        "description": "For how long the answer may be kept (RFC 9111).",
        "required": True,
        "schema": _TEXT,
        "example": "public, max-age=7167, stale-while-revalidate=600, stale-if-error=86400",
    },
    "Cache-Status": {
        "description": "What this service's own cache did for the answer (RFC 9211).",
        "schema": _TEXT,
        "example": "pageviews-api; hit; ttl=7167",
    },
    "Content-Disposition": {
        "description": "The name of the file; with `csv` and `ndjson` only.",
        "schema": _TEXT,
        "example": 'attachment; filename="Strasbourg.csv"',
    },
    "ETag": {
        "description": "Names what the answer tells. Sent back as `If-None-Match`, it gets a 304 "
        "as long as nothing has changed.",
        "required": True,
        "schema": _TEXT,
        "example": 'W/"6d5ea2460b6bb84d43d0e243b908d079"',
    },
    "Link": {
        "description": 'Where the next page is, `rel="next"` (RFC 8288); absent on the last one.',
        "schema": _TEXT,
        "example": '</api/v1/archives?cursor=2016-12-02>; rel="next"',
    },
    "Location": {
        "description": "Where to look how far it is.",
        "required": True,
        "schema": _TEXT,
        "example": "/api/v1/archives/2017-01-01/run",
    },
    "RateLimit": {
        "description": "How many requests this client has left, and the seconds until it has all "
        "of them again (draft-ietf-httpapi-ratelimit-headers).",
        "required": True,
        "schema": _TEXT,
        "example": '"default";r=599;t=60',
    },
    "RateLimit-Policy": {
        "description": "How many requests a client has in how many seconds.",
        "required": True,
        "schema": _TEXT,
        "example": '"default";q=600;w=60',
    },
    "Retry-After": {
        "description": "Seconds after which asking again makes sense.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 60,
    },
    "WWW-Authenticate": {
        "description": "How to say who you are.",
        "required": True,
        "schema": _TEXT,
        "example": "Bearer",
    },
    "X-Request-ID": {
        "description": "Names the request, in the service's log as well. A caller may send one.",
        "required": True,
        "schema": _TEXT,
        "example": "8f14e45fceea167a5a36dedd4bea2543",
    },
}
"""``required``: wherever it is named below, it is there in every answer."""

_BY_STATUS = {
    "202": ["Location"],
    "304": ["ETag", "Cache-Status"],
    "401": ["WWW-Authenticate"],
    "429": ["Retry-After"],
    "503": ["Retry-After"],
}


def add_headers(document: dict[str, Any]) -> None:
    """Name in each response the headers that it has."""
    used: set[str] = set()
    for operation in (one for path in document["paths"].values() for one in path.values()):
        for status, response in operation["responses"].items():
            headers = response.setdefault("headers", {})
            for name in _names(operation, status, response):
                headers.setdefault(name, {"$ref": f"#/components/headers/{name}"})
                used.add(name)
    document["components"]["headers"] = {name: HEADERS[name] for name in sorted(used)}


def _names(operation: dict[str, Any], status: str, response: dict[str, Any]) -> Iterator[str]:
    yield from ("X-Request-ID", "Cache-Control")
    if "health" not in operation.get("tags", ()):  # probes are not counted
        yield from ("RateLimit", "RateLimit-Policy")
    yield from _BY_STATUS.get(status, ())
    if status == "200":
        yield from _of_good_ones(operation, response)


def _of_good_ones(operation: dict[str, Any], response: dict[str, Any]) -> Iterator[str]:
    if "304" in operation["responses"]:
        yield from ("ETag", "Cache-Status")
    if any(media_type.startswith("text/csv") for media_type in response.get("content", ())):
        yield "Content-Disposition"
    if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
        yield "Link"
