"""What OpenAPI says of the responses that routes have in common."""

from typing import Any

from pageviews_api.representation.negotiation import MEDIA_TYPES
from pageviews_api.schemas.problem import problem_responses
from pageviews_api.schemas.query import Format

NOT_CHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "It is what `If-None-Match` names. There is no body."},
}

_ROWS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            MEDIA_TYPES[form]: {"schema": {"type": "string"}}
            for form in (Format.CSV, Format.NDJSON)
        }
    }
}


def data_responses(*problems: str) -> dict[int | str, dict[str, Any]]:
    """Describe a route whose answer comes in every format: its forms, a 304, its problems."""
    return _ROWS | NOT_CHANGED | problem_responses("not-acceptable", *problems)
