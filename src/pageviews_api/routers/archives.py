"""What is archived, and what it tells."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from pageviews_api.archive.index import Entry
from pageviews_api.archive.reader import ReadArchive
from pageviews_api.dependencies.archive import (
    ArchiveCatalogueDep,
    ArchiveComparisonsDep,
    ArchiveDateDep,
    ArchiveListDep,
    DifferencesDep,
    ObservedArticleDep,
    ObservedProjectDep,
)
from pageviews_api.dependencies.request import (
    ClientDep,
    IfNoneMatchDep,
    NoParametersDep,
    NoRepeats,
    UntilSentDep,
)
from pageviews_api.routers.conditional import has
from pageviews_api.routers.title_path import TITLE
from pageviews_api.schemas.archive import ArchiveDocument
from pageviews_api.schemas.archive_answers import ArchiveDifferences, ArchiveList, ObservedSeries
from pageviews_api.schemas.problem import ARCHIVE_PROBLEMS, problem_responses

PIECE = 64 * 1024
"""Bytes of a document that are sent, and compressed, at a time: about a millisecond's work."""

TAKEN_WITHIN = 10.0
"""Seconds in which a caller must take each piece: the document is held in memory meanwhile."""

FOR_A_DAY = "public, max-age=86400"
"""For what a complete archive tells: it is never replaced."""

FOR_A_MINUTE = "public, max-age=60"
"""For what may be replaced, or grow, any time."""

_VARY = {"Vary": "Accept-Encoding"}
"""What the document itself gets where it is compressed or not, and a 304 must repeat."""

_NOT_CHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "It is what `If-None-Match` names. There is no body."},
}

router = APIRouter(prefix="/api/v1/archives", tags=["archives"], dependencies=[NoRepeats])


@router.get("", summary="Which archives there are", responses=problem_responses(*ARCHIVE_PROBLEMS))
async def list_archives(
    asked: ArchiveListDep, archives: ArchiveCatalogueDep, request: Request, response: Response
) -> ArchiveList:
    """The archives, newest first, with what is in each, and the days that have none.

    An archive is named for the day on which it was due; it holds the days before that one.
    """
    answer = await archives.page(asked)
    response.headers["Cache-Control"] = FOR_A_MINUTE
    _lead_on(request, response, answer.next_cursor)
    return answer


@router.get(
    "/diff",
    summary="What changed between archives",
    responses=problem_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def diff_archives(
    asked: DifferencesDep,
    comparisons: ArchiveComparisonsDep,
    request: Request,
    response: Response,
) -> ArchiveDifferences:
    """Each day whose number differs between the archives of `start` and `end`.

    They are compared from the one that was observed first to the other, in whichever order they
    are named: an archive that was made up for later is no evidence of an earlier day. Series that
    only one of them tells stand apart; top lists are not compared.
    """
    answer = await comparisons.differences(asked)
    both = answer.earlier.complete and answer.later.complete
    response.headers["Cache-Control"] = _keep(is_complete=both)
    _lead_on(request, response, answer.next_cursor)
    return answer


@router.get(
    "/{date}",
    summary="One archive, whole",
    response_model=ArchiveDocument,
    responses=_NOT_CHANGED
    | problem_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def get_archive(
    _: NoParametersDep,
    day: ArchiveDateDep,
    archives: ArchiveCatalogueDep,
    if_none_match: IfNoneMatchDep,
    until_sent: UntilSentDep,
    client: ClientDep,
) -> Response:
    """The archive of a day, byte for byte as it was written.

    The bytes were checked against their SHA-256, which is also the `ETag`. It may be large: 10,000
    series take 17 MB, and a tenth of that compressed. Two are sent to a client at a time.
    """
    entry = await archives.entry(day)
    if has(if_none_match, _etag(entry)):
        return Response(status_code=304, headers=_document_headers(entry) | _VARY)
    read = await until_sent.enter_async_context(archives.lend(day, to=client))
    return _DocumentResponse(read)


@router.get(
    f"/{{date}}/articles/{{project}}/{TITLE}",
    summary="An article as archived",
    responses=problem_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def get_archived_article(
    asked: ObservedArticleDep, archives: ArchiveCatalogueDep, response: Response
) -> ObservedSeries:
    """An article's views as they were observed for the archive of a day.

    The title may hold slashes, raw or as `%2F`, and spaces or underscores. Upper and lower case
    count.
    """
    answer = await archives.observed(asked)
    response.headers["Cache-Control"] = _keep(is_complete=answer.complete)
    return answer


@router.get(
    "/{date}/projects/{project}",
    summary="A project as archived",
    responses=problem_responses("not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def get_archived_project(
    asked: ObservedProjectDep, archives: ArchiveCatalogueDep, response: Response
) -> ObservedSeries:
    """A project's total views as they were observed for the archive of a day."""
    answer = await archives.observed(asked)
    response.headers["Cache-Control"] = _keep(is_complete=answer.complete)
    return answer


class _DocumentResponse(StreamingResponse):
    """A document on its way, piece by piece, as long as each is taken in time."""

    media_type = "application/json"

    def __init__(self, read: ReadArchive) -> None:
        length = {"Content-Length": str(len(read.body))}
        super().__init__(_pieces(read.body), headers=_document_headers(read.entry) | length)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a caller who is too slow gets a broken connection."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(TAKEN_WITHIN):
                await send(message)

        await super().__call__(scope, receive, send_in_time)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]
        await asyncio.sleep(0)  # a piece is compressed on the loop: now it is somebody else's turn


def _document_headers(entry: Entry) -> dict[str, str]:
    return {
        "Cache-Control": _keep(is_complete=entry.facts.complete),
        "ETag": _etag(entry),
    }


def _etag(entry: Entry) -> str:
    """Name the document's content: weakly, for it is the same however it is compressed."""
    return f'W/"{entry.sha256}"'


def _keep(*, is_complete: bool) -> str:
    return FOR_A_DAY if is_complete else FOR_A_MINUTE


def _lead_on(request: Request, response: Response, cursor: str | None) -> None:
    """Lead to the next page (RFC 8288), if there is one."""
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
