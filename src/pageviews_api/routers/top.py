"""What was looked at most."""

from fastapi import APIRouter

from pageviews_api.dependencies import NoRepeats, PageviewsDep, TopQueryDep
from pageviews_api.schemas.pageviews import TopArticles
from pageviews_api.schemas.problem import UPSTREAM_PROBLEMS, problem_responses

router = APIRouter(prefix="/api/v1/top", tags=["top"], dependencies=[NoRepeats])


@router.get(
    "/{project}",
    summary="Most viewed articles",
    responses=problem_responses("no-top-list", "unknown-project", *UPSTREAM_PROBLEMS),
)
async def get_top(query: TopQueryDep, pageviews: PageviewsDep) -> TopArticles:
    """The pages of a project that people looked at most on a day or in a month, by rank.

    Wikimedia's list is given as it is: at most 1,000 rows, special pages and the main page
    among them, ties with one rank.
    """
    return await pageviews.top(query)
