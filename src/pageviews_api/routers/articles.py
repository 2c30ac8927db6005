"""How often an article was looked at."""

from fastapi import APIRouter, Response

from pageviews_api.dependencies.pageviews import ArticleQueryDep, PageviewsDep
from pageviews_api.dependencies.reply import ReplyDep
from pageviews_api.dependencies.request import NoRepeats
from pageviews_api.routers.responses import data_responses
from pageviews_api.routers.title_path import TITLE
from pageviews_api.schemas.pageviews import ArticleSeries
from pageviews_api.schemas.problem import AS_OF_PROBLEMS, UPSTREAM_PROBLEMS

router = APIRouter(prefix="/api/v1/articles", tags=["articles"], dependencies=[NoRepeats])


@router.get(
    f"/{{project}}/{TITLE}",
    summary="Views of one article",
    response_model=ArticleSeries,
    responses=data_responses(
        "article-never-viewed", "unknown-project", *AS_OF_PROBLEMS, *UPSTREAM_PROBLEMS
    ),
)
async def get_article(query: ArticleQueryDep, pageviews: PageviewsDep, reply: ReplyDep) -> Response:
    """How often an article was looked at, by day, week or month, with a summary.

    The title may hold slashes, raw or as `%2F`, and spaces or underscores. Upper and lower case
    count. A redirect's title is a series of its own: its views are not in those of the article
    that it leads to.

    Beside the series there is told what is asked for: `compare` with earlier days, `split` by
    access or agent, `per_million` views of the project, `unusual` days. Each is a section of its
    own, which says where it could not be told. In CSV and NDJSON these are further columns; parts
    are rows with their own access or agent.
    """
    return await reply.current(await pageviews.article(query), as_of=query.as_of)
