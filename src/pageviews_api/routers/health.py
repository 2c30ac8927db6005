"""What probes ask for."""

from fastapi import APIRouter, Response

from pageviews_api import __version__
from pageviews_api.dependencies.pageviews import ReadinessDep
from pageviews_api.dependencies.request import NoParametersDep, NoRepeats
from pageviews_api.schemas.health import Health, Readiness
from pageviews_api.schemas.problem import problem_responses

router = APIRouter(
    tags=["health"], dependencies=[NoRepeats], responses=problem_responses("invalid-request")
)


@router.get("/healthz", summary="Is the process alive?")
async def get_health(_: NoParametersDep, response: Response) -> Health:
    """Always 200 while the process runs; it asks nobody else."""
    response.headers["Cache-Control"] = "no-store"
    return Health(version=__version__)


@router.get("/readyz", summary="Can it serve?")
async def get_readiness(
    _: NoParametersDep, readiness: ReadinessDep, response: Response
) -> Readiness:
    """How well everything works that the service depends on.

    `degraded` is still 200: what was once seen is served without Wikimedia and without the
    archive.
    """
    response.headers["Cache-Control"] = "no-store"
    return readiness
