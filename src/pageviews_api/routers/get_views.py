"""What older frontends ask for, by the URL that they have."""

from fastapi import APIRouter, Response

from pageviews_api.dependencies.get_views import RecentViewsDep
from pageviews_api.dependencies.pageviews import PageviewsDep
from pageviews_api.dependencies.reply import OneFormReplyDep
from pageviews_api.dependencies.request import NoRepeats
from pageviews_api.routers.responses import NOT_CHANGED
from pageviews_api.schemas.get_views import RecentViews
from pageviews_api.schemas.problem import UPSTREAM_PROBLEMS, problem_responses

router = APIRouter(prefix="/api/get_views", tags=["get_views"], dependencies=[NoRepeats])


@router.get(
    "",
    summary="Recent and previous views",
    response_model=RecentViews,
    responses=NOT_CHANGED
    | problem_responses("article-never-viewed", "unknown-project", *UPSTREAM_PROBLEMS),
)
async def get_views(
    asked: RecentViewsDep, pageviews: PageviewsDep, reply: OneFormReplyDep
) -> Response:
    """The operator's default article in the newest 30, 90 or 365 days, and in as many before."""
    series = await pageviews.article(asked.query)
    return reply.in_json(RecentViews.of(asked.period, series), of=series)
