"""How often a project was looked at."""

from fastapi import APIRouter

from pageviews_api.dependencies.pageviews import PageviewsDep, ProjectQueryDep
from pageviews_api.dependencies.request import NoParametersDep, NoRepeats
from pageviews_api.schemas.data_state import KnownProjects
from pageviews_api.schemas.pageviews import ProjectSeries
from pageviews_api.schemas.problem import AS_OF_PROBLEMS, UPSTREAM_PROBLEMS, problem_responses

router = APIRouter(prefix="/api/v1/projects", tags=["projects"], dependencies=[NoRepeats])


@router.get(
    "",
    summary="Projects known so far",
    responses=problem_responses(
        "invalid-request", "too-many-requests", "unknown-host", "uri-too-long"
    ),
)
async def get_projects(_: NoParametersDep, pageviews: PageviewsDep) -> KnownProjects:
    """The projects of which Wikimedia has told this service a number so far.

    Wikimedia is not asked: a project that is not listed may well have views.
    """
    return await pageviews.projects()


@router.get(
    "/{project}",
    summary="Views of a project",
    responses=problem_responses("unknown-project", *AS_OF_PROBLEMS, *UPSTREAM_PROBLEMS),
)
async def get_project(query: ProjectQueryDep, pageviews: PageviewsDep) -> ProjectSeries:
    """How often all pages of a project together were looked at; `all-projects` is their sum."""
    return await pageviews.project(query)
