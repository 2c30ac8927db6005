"""How often a project was looked at."""

from fastapi import APIRouter

from pageviews_api.dependencies import NoRepeats, PageviewsDep, ProjectQueryDep
from pageviews_api.schemas.pageviews import ProjectSeries
from pageviews_api.schemas.problem import UPSTREAM_PROBLEMS, problem_responses

router = APIRouter(prefix="/api/v1/projects", tags=["projects"], dependencies=[NoRepeats])


@router.get(
    "/{project}",
    summary="Views of a project",
    responses=problem_responses("unknown-project", *UPSTREAM_PROBLEMS),
)
async def get_project(query: ProjectQueryDep, pageviews: PageviewsDep) -> ProjectSeries:
    """How often all pages of a project together were looked at; `all-projects` is their sum."""
    return await pageviews.project(query)
