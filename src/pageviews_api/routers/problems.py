"""What an error means."""

from fastapi import APIRouter

from pageviews_api.dependencies.request import NoParametersDep, NoRepeats
from pageviews_api.exceptions import UnknownProblemError
from pageviews_api.schemas.problem import PROBLEMS, ProblemType, problem_responses

router = APIRouter(prefix="/problems", tags=["problems"], dependencies=[NoRepeats])


@router.get(
    "/{slug}",
    summary="What a problem means",
    responses=problem_responses("not-found", "invalid-request"),
)
async def get_problem(slug: str, _: NoParametersDep) -> ProblemType:
    """What an error's `type` means and what a caller can do about it."""
    if slug not in PROBLEMS:
        raise UnknownProblemError("No problem is known by this name.")
    return PROBLEMS[slug]
