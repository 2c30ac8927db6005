"""How often a project was looked at."""

from fastapi import APIRouter, Response

from pageviews_api.dependencies.pageviews import PageviewsDep, ProjectQueryDep
from pageviews_api.dependencies.reply import ReplyDep
from pageviews_api.dependencies.request import NoRepeats, OnlyFormatDep
from pageviews_api.representation.freshness import FOR_A_MINUTE
from pageviews_api.routers.responses import data_responses
from pageviews_api.schemas.data_state import KnownProjects
from pageviews_api.schemas.pageviews import ProjectSeries
from pageviews_api.schemas.problem import AS_OF_PROBLEMS, UPSTREAM_PROBLEMS

router = APIRouter(prefix="/api/v1/projects", tags=["projects"], dependencies=[NoRepeats])


@router.get(
    "",
    summary="Projects known so far",
    response_model=KnownProjects,
    responses=data_responses(
        "invalid-request", "too-many-requests", "unknown-host", "uri-too-long"
    ),
)
async def get_projects(_: OnlyFormatDep, pageviews: PageviewsDep, reply: ReplyDep) -> Response:
    """The projects of which Wikimedia has told this service a number so far.

    Wikimedia is not asked: a project that is not listed may well have views.
    """
    return await reply.kept(await pageviews.projects(), FOR_A_MINUTE)


@router.get(
    "/{project}",
    summary="Views of a project",
    response_model=ProjectSeries,
    responses=data_responses("unknown-project", *AS_OF_PROBLEMS, *UPSTREAM_PROBLEMS),
)
async def get_project(query: ProjectQueryDep, pageviews: PageviewsDep, reply: ReplyDep) -> Response:
    """How often all pages of a project together were looked at; `all-projects` is their sum.

    Beside the series there is told what is asked for, as of an article: `compare`, `split`,
    `unusual`.
    """
    return await reply.current(await pageviews.project(query), as_of=query.as_of)
