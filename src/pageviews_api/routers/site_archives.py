"""What is archived of the operator's own sites: for whoever may read them, and nobody else."""

import asyncio

from fastapi import APIRouter, Request, Response

from pageviews_api.archive.index import Entry
from pageviews_api.archive.sites.document import decode
from pageviews_api.dependencies.archive import (
    ArchiveDateDep,
    ArchiveListDep,
    SitesCatalogueDep,
)
from pageviews_api.dependencies.reply import AskedForm, AskedFormDep, not_changed
from pageviews_api.dependencies.request import IfNoneMatchDep, NoRepeats, OnlyFormatDep
from pageviews_api.dependencies.sites import SiteReply, SiteReplyDep, SitesReader
from pageviews_api.representation.conditional import has
from pageviews_api.representation.freshness import A_DAY, A_MINUTE
from pageviews_api.routers.archives import leading_on
from pageviews_api.routers.responses import data_responses
from pageviews_api.schemas.problem import ARCHIVE_PROBLEMS
from pageviews_api.schemas.query import Format
from pageviews_api.schemas.site_archive import SiteArchiveList, SitesDocument

_GUARDED = ("not-authorised", "sites-disabled")

router = APIRouter(
    prefix="/api/v1/site-archives", tags=["sites"], dependencies=[SitesReader, NoRepeats]
)


@router.get(
    "",
    summary="Archives of the sites",
    response_model=SiteArchiveList,
    responses=data_responses(*_GUARDED, *ARCHIVE_PROBLEMS),
)
async def list_site_archives(
    asked: ArchiveListDep, archives: SitesCatalogueDep, request: Request, reply: SiteReplyDep
) -> Response:
    """The archives of the configured sites, newest first, and the days that have none.

    An archive is named for the day on which it was due; it holds the days before that one.
    """
    answer = await archives.page(asked)
    return leading_on(request, await reply.kept(answer, A_MINUTE), answer.next_cursor)


@router.get(
    "/{date}",
    summary="One archive of sites",
    response_model=SitesDocument,
    responses=data_responses(*_GUARDED, "not-archived", "archive-corrupt", *ARCHIVE_PROBLEMS),
)
async def get_site_archive(
    _: OnlyFormatDep,
    day: ArchiveDateDep,
    form: AskedFormDep,
    archives: SitesCatalogueDep,
    reply: SiteReplyDep,
    if_none_match: IfNoneMatchDep,
) -> Response:
    """The archive of a day, byte for byte as it was written; as rows, one for each day of a site.

    The bytes were checked against their SHA-256, which is also the `ETag`.
    """
    headers = _headers(await archives.entry(day), form, reply)
    if has(if_none_match, headers["ETag"]):
        return not_changed(headers)
    read = await archives.read(day)
    body, headers = read.body, _headers(read.entry, form, reply)
    if form.format is not Format.JSON:
        body, described = await form.write(await asyncio.to_thread(decode, day, body))
        headers = described | headers
    return Response(body, headers=headers)


def _headers(entry: Entry, form: AskedForm, reply: SiteReply) -> dict[str, str]:
    kind = "" if form.format is Format.JSON else f"-{form.format}{'-excel' * form.excel}"
    seconds = A_DAY if entry.facts.complete else A_MINUTE
    return reply.marked(form.headers(), seconds) | {"ETag": f'W/"{entry.sha256}{kind}"'}
