"""How often several articles were looked at."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response

from pageviews_api.dependencies.article_sets import (
    ArticleBatchesDep,
    ArticleSetsDep,
    BatchDep,
    ProblemOfDep,
    SetQueriesDep,
)
from pageviews_api.dependencies.reply import ReplyDep
from pageviews_api.dependencies.request import (
    ClientDep,
    NoParametersDep,
    UntilSentDep,
    no_repeats_but,
)
from pageviews_api.representation.freshness import NOT_AT_ALL
from pageviews_api.routers.responses import data_responses
from pageviews_api.routers.streaming import LinesResponse, StreamTakenInTime
from pageviews_api.schemas.article_sets import LASTING, ArticleSet, BatchEnd, BatchLine
from pageviews_api.schemas.problem import UPSTREAM_PROBLEMS, problem_responses

router = APIRouter(
    prefix="/api/v1/articles", tags=["articles"], dependencies=[no_repeats_but("article")]
)


@router.get(
    "",
    summary="Views of several articles",
    response_model=ArticleSet,
    responses=data_responses(*UPSTREAM_PROBLEMS),
)
async def get_articles(
    queries: SetQueriesDep, articles: ArticleSetsDep, reply: ReplyDep
) -> Response:
    """How often up to 50 articles of a project were looked at, each with its result or problem.

    Name each with its own `article=`. One that fails sinks nothing else: `summary.failed` counts
    those, and `summary.total` is the sum over the others, of which each has its share and rank.
    """
    answer = await articles.told(queries)
    statuses = {item.status for item in answer.items}
    if statuses - LASTING:
        return await reply.kept(answer, NOT_AT_ALL)
    if HTTPStatus.NOT_FOUND in statuses:
        return await reply.briefly(answer)
    return await reply.current(answer)


_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line for each item as it is ready, in any order; then the end.",
        "content": {
            LinesResponse.media_type: {
                "schema": {
                    "oneOf": [
                        {"$ref": f"#/components/schemas/{line.__name__}"}
                        for line in (BatchLine, BatchEnd)
                    ]
                }
            }
        },
    }
}
"""What FastAPI does not say of a stream: each line is one of these."""


@router.post(
    "/batch",
    summary="Views of many articles",
    response_class=StreamTakenInTime,
    response_model=BatchLine | BatchEnd,
    responses=_LINES
    | problem_responses(
        "invalid-request",
        "too-many-requests",
        "too-many-batches",
        "unknown-host",
        "uri-too-long",
        "content-too-large",
        "unsupported-media-type",
        "request-timeout",
    ),
)
async def post_articles(
    _: NoParametersDep,
    items: BatchDep,
    batches: ArticleBatchesDep,
    problem_of: ProblemOfDep,
    until_sent: UntilSentDep,
    client: ClientDep,
) -> Response:
    """How often up to 1,000 articles were looked at, of any projects and days, line by line.

    The answer is NDJSON: a line for each item as soon as it is ready, told by its `index`, and a
    last line with the sum, the shares and the ranks. An item that cannot be read, or told, has a
    problem in its line, and sinks nothing else. Items that ask for the same are fetched, and
    counted, once, also where their steps differ; other days, accesses or agents of an article each
    count. What has to be fetched from Wikimedia comes at a pace of about 90 a minute.
    """
    lines = batches.answering(items, problem_of=problem_of, client=client)
    return LinesResponse(await until_sent.enter_async_context(lines))
