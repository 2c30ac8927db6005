"""What was looked at most."""

from fastapi import APIRouter, Response

from pageviews_api.dependencies.archive import ArchivedTopListsDep, TopHistoryDep
from pageviews_api.dependencies.reply import ReplyDep
from pageviews_api.dependencies.request import NoRepeats
from pageviews_api.dependencies.top import TopListsDep, TopQueryDep
from pageviews_api.representation.freshness import FOR_A_MINUTE, NOT_AT_ALL
from pageviews_api.routers.responses import data_responses
from pageviews_api.schemas.archive_answers import RankStatus, TopHistory
from pageviews_api.schemas.problem import ARCHIVE_PROBLEMS, UPSTREAM_PROBLEMS
from pageviews_api.schemas.top import TopArticles, TopRange

router = APIRouter(prefix="/api/v1/top", tags=["top"], dependencies=[NoRepeats])


@router.get(
    "/{project}",
    summary="Most viewed articles",
    response_model=TopArticles | TopRange,
    responses=data_responses("no-top-list", "unknown-project", *UPSTREAM_PROBLEMS),
)
async def get_top(query: TopQueryDep, lists: TopListsDep, reply: ReplyDep) -> Response:
    """The pages of a project that people looked at most on a day, in a month or in a range.

    A day's or a month's list is Wikimedia's own: at most 1,000 rows, special pages and the main
    page among them, ties with one rank. `namespace=main` and `main_page=false` leave rows out,
    and the others keep their rank.

    A range of up to 31 days is told from its daily lists. A page that is in some of them only had
    views on the other days, too, at most as many as the last row of each of these lists. So every
    row has bounds, `views_min` and `views_max`, and the rows are ranked by `views_min`. Down to
    `certain_through_rank` no other page can have had more views than the rows up to there.
    """
    return await reply.current(await lists.top(query))


@router.get(
    "/{project}/history",
    summary="An article's ranks, archived",
    response_model=TopHistory,
    responses=data_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def get_top_history(
    asked: TopHistoryDep, lists: ArchivedTopListsDep, reply: ReplyDep
) -> Response:
    """An article's place in a project's top list, day by day, as far as lists are archived.

    At most 366 days at a time; `latest-N` are the N days up to the newest archived list. A day of
    which no list is known is in no streak, and neither ends one for certain nor goes on with it.
    """
    answer = await lists.history(asked)
    is_whole = all(day.status is not RankStatus.MISSING for day in answer.items)
    return await reply.kept(answer, FOR_A_MINUTE if is_whole else NOT_AT_ALL)
