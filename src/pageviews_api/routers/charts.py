"""Pictures of how often an article was looked at."""

from typing import Any

from fastapi import APIRouter, Response

from pageviews_api.charts import draw
from pageviews_api.dependencies.charts import ChartQueryDep
from pageviews_api.dependencies.pageviews import PageviewsDep
from pageviews_api.dependencies.reply import OneFormReplyDep
from pageviews_api.dependencies.request import NoRepeats
from pageviews_api.exceptions import UnknownChartError
from pageviews_api.routers.responses import NOT_CHANGED
from pageviews_api.routers.title_path import TITLE
from pageviews_api.schemas.problem import UPSTREAM_PROBLEMS, problem_responses

HEADERS = {
    "Content-Type": "image/svg+xml; charset=utf-8",
    # Were it opened as a page of its own, nothing in it could run or be fetched.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    # Any page may show it, also one that is isolated from other origins.
    "Cross-Origin-Resource-Policy": "cross-origin",
}

_DRAWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An SVG document.",
        "content": {HEADERS["Content-Type"]: {"schema": {"type": "string"}}},
    }
}

router = APIRouter(prefix="/api/v1/charts", tags=["charts"], dependencies=[NoRepeats])


@router.get(
    f"/{{project}}/{TITLE}.svg",
    summary="A chart of one article",
    response_class=Response,
    responses=_DRAWN
    | NOT_CHANGED
    | problem_responses("article-never-viewed", "unknown-project", *UPSTREAM_PROBLEMS),
)
async def get_chart(
    query: ChartQueryDep, pageviews: PageviewsDep, reply: OneFormReplyDep
) -> Response:
    """The views of an article as a line chart or a sparkline, in SVG.

    It is made to be shown by `<img>` on any page: it holds no script and asks for nothing else,
    and a sentence for those who cannot see it. A day that is not known is a gap in the line,
    never a zero. A week or month of which not every day is counted is dashed.
    """
    answer = await pageviews.article(query.series)
    return reply.body(draw(answer, query.look).encode(), HEADERS, of=answer)


@router.get(f"/{{project}}/{TITLE}", include_in_schema=False)
async def get_no_chart() -> Response:
    """Tell what is missing from the URL."""
    raise UnknownChartError("The URL of a chart ends in .svg.")
