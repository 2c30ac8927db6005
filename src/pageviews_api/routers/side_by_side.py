"""A page of a site beside an article."""

from fastapi import APIRouter, Response

from pageviews_api.dependencies.request import NoRepeats
from pageviews_api.dependencies.side_by_side import SideBySideDep, SideBySideQueryDep
from pageviews_api.dependencies.sites import SiteReplyDep, SitesReader
from pageviews_api.routers.responses import data_responses
from pageviews_api.schemas.problem import SITE_PROBLEMS
from pageviews_api.schemas.side_by_side import SideBySide

router = APIRouter(prefix="/api/v1/sites", tags=["sites"], dependencies=[SitesReader, NoRepeats])


@router.get(
    "/{site}/compare",
    summary="A page beside an article",
    response_model=SideBySide,
    responses=data_responses("article-never-viewed", "unknown-project", *SITE_PROBLEMS),
)
async def compare_site(
    query: SideBySideQueryDep, answers: SideBySideDep, reply: SiteReplyDep
) -> Response:
    """How often a page of the site, or all of it, and an article were looked at, day by day.

    A site's day is one of its own time zone, of 23 to 25 hours; an article's is a UTC day. Those
    of one date stand side by side, with the site's offset: they overlap, but for as many hours.

    `lag` tells by how many days the article follows the site, or goes before it. It is `null`
    unless one of the lags is clearly ahead of all others; each lag's rank correlation is told in
    any case. That one follows the other says nothing of a cause.

    Where one side cannot be told, the other is told all the same, and `site_reason` or
    `article_reason` says why.
    """
    return await reply.current(await answers.told(query))
