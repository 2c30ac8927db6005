"""Runs of the archive by hand: for the operator alone."""

from fastapi import APIRouter, Request, Response, status

from pageviews_api.dependencies.archive import ArchiveRunsDep, DayToArchiveDep
from pageviews_api.dependencies.request import ClientDep, NoParametersDep, NoRepeats, OperatorOnly
from pageviews_api.schemas.archive_runs import ArchiveRun
from pageviews_api.schemas.problem import problem_responses

_PROBLEMS = (
    "invalid-request",
    "not-authorised",
    "admin-disabled",
    "too-many-requests",
    "unknown-host",
    "uri-too-long",
)

router = APIRouter(
    prefix="/api/v1/archives/{date}/run",
    tags=["archives"],
    dependencies=[OperatorOnly, NoRepeats],
)


@router.post(
    "",
    summary="Archive a day now",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problem_responses(*_PROBLEMS, "too-many-runs", "content-too-large"),
)
async def post_archive_run(
    _: NoParametersDep,
    day: DayToArchiveDep,
    client: ClientDep,
    runs: ArchiveRunsDep,
    request: Request,
    response: Response,
) -> ArchiveRun:
    """Have the archive of a day made, or completed; `Location` tells where to look how far it is.

    Asking again while it runs changes nothing, and a complete archive stays as it is. It does not
    wait for days that Wikimedia has not loaded: such an archive is incomplete, and a later run
    fetches what is missing.
    """
    response.headers["Location"] = request.url.path
    response.headers["Cache-Control"] = "no-store"
    return await runs.ask(day, by=client)


@router.get(
    "",
    summary="How a run goes",
    responses=problem_responses(
        *_PROBLEMS, "not-archived", "archive-corrupt", "archive-unavailable"
    ),
)
async def get_archive_run(
    _: NoParametersDep, day: DayToArchiveDep, runs: ArchiveRunsDep, response: Response
) -> ArchiveRun:
    """How far the last run for a day is, or how it ended.

    Where no run is known any more, it tells what is stored for the day.
    """
    response.headers["Cache-Control"] = "no-store"
    return await runs.tell(day)
