"""The error body of AQS, which everything under AQS's paths is answered with."""

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from pageviews_api.schemas.problem import MEDIA_TYPE

PUBLIC_PREFIX = "/api/rest_v1"
"""Where Wikimedia mounts AQS; the ``uri`` of an error does not have it (recorded)."""

AQS_PREFIX = f"{PUBLIC_PREFIX}/metrics"
"""Under which paths AQS's rules hold, its error body among them."""

NO_DATA = (
    "The date(s) you used are valid, but we either do not have data for those date(s), or the "
    "project you asked for is not loaded yet. Please check documentation for more information"
)
"""What AQS says with a 404 (recorded): no view, unknown, or not loaded yet."""

NO_ROUTE = "Invalid route"
"""What AQS says where there is nothing at a path (device-analytics, route miss)."""

MAX_URI = 2_000
"""Characters of a path that an error repeats; a title takes at most 765 of them."""

_ASCII = "".join(map(chr, range(0x21, 0x7F)))


def is_aqs_path(path: str) -> bool:
    """Tell whether AQS's rules hold for a path."""
    return path == AQS_PREFIX or path.startswith(f"{AQS_PREFIX}/")


class AqsProblem(BaseModel):
    """An error as AQS 2.0 tells it. Its keys come in the order of the alphabet, as there."""

    model_config = ConfigDict(frozen=True)

    detail: Annotated[str, Field(description="What is wrong, in AQS's words where it has some.")]
    method: Annotated[str, Field(description="The method, in lower case.")]
    status: Annotated[int, Field(ge=400, le=599, description="The status of the answer.")]
    title: Annotated[str, Field(description="What the status is called.")]
    type: Annotated[str, Field(description="Always `about:blank`.")] = "about:blank"
    uri: Annotated[str, Field(description="The path as it was asked for, from `/metrics` on.")]

    @classmethod
    def of(cls, status: int, detail: str, *, method: str, raw_path: bytes) -> "AqsProblem":
        """Tell an error of a request for a path that is still percent-encoded.

        HEAD is answered as GET, so that both have the same length.
        """
        uri = quote(raw_path[:MAX_URI], safe=_ASCII).removeprefix(PUBLIC_PREFIX)
        return cls(
            detail=detail,
            method="get" if method == "HEAD" else method.lower(),
            status=status,
            title=HTTPStatus(status).phrase,
            uri=uri,
        )


_EXAMPLE = (
    b"/api/rest_v1/metrics/pageviews/per-article/en.wikipedia/all-access/user"
    b"/THIS_IS_NOT_A_REAL_ARTICLE/daily/2025081500/2025081900"
)

_WHAT_IT_MEANS = {
    400: ("A parameter is none that AQS takes.", "Invalid granularity"),
    404: ("No view, unknown, or not loaded yet: AQS does not tell which.", NO_DATA),
    429: ("This client asks too often.", "This client has used up its requests for now."),
    502: ("Wikimedia did not give a usable answer.", "aqs failed with status 500."),
    503: ("Wikimedia may not be asked just now.", "aqs asks us to slow down."),
    504: ("Wikimedia gave no answer in time.", "aqs gave no complete answer in time."),
}


def aqs_problem_responses() -> dict[int | str, dict[str, Any]]:
    """Describe AQS's errors for OpenAPI, as a route's ``responses``.

    The media type is written out: FastAPI would file a ``model`` under ``application/json``. What
    is told of other errors keeps it from adding a 422, which AQS does not have.
    """
    schema = {"$ref": "#/components/schemas/AqsProblem"}
    responses: dict[int | str, dict[str, Any]] = {
        "default": {
            "description": "Any other error.",
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
    }
    for status, (description, detail) in _WHAT_IT_MEANS.items():
        problem = AqsProblem.of(status, detail, method="GET", raw_path=_EXAMPLE)
        responses[status] = {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": schema, "example": problem.model_dump()}},
        }
    return responses
