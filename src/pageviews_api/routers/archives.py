"""What is archived, and what it tells."""

from fastapi import APIRouter, Request, Response

from pageviews_api.dependencies.archive import (
    ArchiveCatalogueDep,
    ArchiveComparisonsDep,
    ArchiveDateDep,
    ArchiveListDep,
    DifferencesDep,
    ObservedArticleDep,
    ObservedProjectDep,
)
from pageviews_api.dependencies.reply import AskedFormDep, ReplyDep, not_changed
from pageviews_api.dependencies.request import (
    ClientDep,
    IfNoneMatchDep,
    NoRepeats,
    OnlyFormatDep,
    UntilSentDep,
)
from pageviews_api.representation.conditional import has
from pageviews_api.representation.freshness import FOR_A_DAY, FOR_A_MINUTE
from pageviews_api.routers.archive_document import DocumentResponse, document_headers
from pageviews_api.routers.responses import data_responses
from pageviews_api.routers.title_path import TITLE
from pageviews_api.schemas.archive import ArchiveDocument
from pageviews_api.schemas.archive_answers import ArchiveDifferences, ArchiveList, ObservedSeries
from pageviews_api.schemas.problem import ARCHIVE_PROBLEMS

router = APIRouter(prefix="/api/v1/archives", tags=["archives"], dependencies=[NoRepeats])


@router.get(
    "",
    summary="Which archives there are",
    response_model=ArchiveList,
    responses=data_responses(*ARCHIVE_PROBLEMS),
)
async def list_archives(
    asked: ArchiveListDep, archives: ArchiveCatalogueDep, request: Request, reply: ReplyDep
) -> Response:
    """The archives, newest first, with what is in each, and the days that have none.

    An archive is named for the day on which it was due; it holds the days before that one.
    """
    answer = await archives.page(asked)
    return leading_on(request, await reply.kept(answer, FOR_A_MINUTE), answer.next_cursor)


@router.get(
    "/diff",
    summary="What changed between archives",
    response_model=ArchiveDifferences,
    responses=data_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def diff_archives(
    asked: DifferencesDep, comparisons: ArchiveComparisonsDep, request: Request, reply: ReplyDep
) -> Response:
    """Each day whose number differs between the archives of `start` and `end`.

    They are compared from the one that was observed first to the other, in whichever order they
    are named: an archive that was made up for later is no evidence of an earlier day. Series that
    only one of them tells stand apart; top lists are not compared.
    """
    answer = await comparisons.differences(asked)
    both = answer.earlier.complete and answer.later.complete
    response = await reply.kept(answer, _keep(is_complete=both))
    return leading_on(request, response, answer.next_cursor)


@router.get(
    "/{date}",
    summary="One archive, whole",
    response_model=ArchiveDocument,
    responses=data_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def get_archive(
    _: OnlyFormatDep,
    day: ArchiveDateDep,
    form: AskedFormDep,
    archives: ArchiveCatalogueDep,
    if_none_match: IfNoneMatchDep,
    until_sent: UntilSentDep,
    client: ClientDep,
) -> Response:
    """The archive of a day, byte for byte as it was written; as rows, without its top lists.

    The bytes were checked against their SHA-256, which is also the `ETag`. It may be large: 10,000
    series take 17 MB, and a tenth of that compressed. Two are sent to a client at a time.
    """
    headers = document_headers(await archives.entry(day), form)
    if has(if_none_match, headers["ETag"]):
        return not_changed(headers)
    read = await until_sent.enter_async_context(archives.lend(day, to=client))
    return DocumentResponse(read, form)


@router.get(
    f"/{{date}}/articles/{{project}}/{TITLE}",
    summary="An article as archived",
    response_model=ObservedSeries,
    responses=data_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def get_archived_article(
    asked: ObservedArticleDep, archives: ArchiveCatalogueDep, reply: ReplyDep
) -> Response:
    """An article's views as they were observed for the archive of a day.

    The title may hold slashes, raw or as `%2F`, and spaces or underscores. Upper and lower case
    count.
    """
    answer = await archives.observed(asked)
    return await reply.kept(answer, _keep(is_complete=answer.complete))


@router.get(
    "/{date}/projects/{project}",
    summary="A project as archived",
    response_model=ObservedSeries,
    responses=data_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def get_archived_project(
    asked: ObservedProjectDep, archives: ArchiveCatalogueDep, reply: ReplyDep
) -> Response:
    """A project's total views as they were observed for the archive of a day."""
    answer = await archives.observed(asked)
    return await reply.kept(answer, _keep(is_complete=answer.complete))


def _keep(*, is_complete: bool) -> str:
    return FOR_A_DAY if is_complete else FOR_A_MINUTE


def leading_on(request: Request, response: Response, cursor: str | None) -> Response:
    """Lead to the next page (RFC 8288), if there is one."""
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return response
