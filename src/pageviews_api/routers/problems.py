"""What an error means."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from pageviews_api.dependencies.request import NoParametersDep, NoRepeats
from pageviews_api.exceptions import UnknownProblemError
from pageviews_api.representation.freshness import FOR_AN_HOUR
from pageviews_api.schemas.problem import PROBLEMS, ProblemType, problem_responses

router = APIRouter(prefix="/problems", tags=["problems"], dependencies=[NoRepeats])


@router.get(
    "/{slug}",
    summary="What a problem means",
    responses=problem_responses(
        "not-found", "invalid-request", "too-many-requests", "unknown-host", "uri-too-long"
    ),
)
async def get_problem(
    slug: Annotated[
        str, Path(description="The end of an error's `type`.", examples=["not-archived"])
    ],
    _: NoParametersDep,
    response: Response,
) -> ProblemType:
    """What an error's `type` means and what a caller can do about it."""
    if slug not in PROBLEMS:
        raise UnknownProblemError("No problem is known by this name.")
    response.headers["Cache-Control"] = FOR_AN_HOUR
    return PROBLEMS[slug]
