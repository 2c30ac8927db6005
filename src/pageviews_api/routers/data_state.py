"""What is known, and how much more may be asked."""

from fastapi import APIRouter, Response

from pageviews_api.dependencies.pageviews import DataStateDep
from pageviews_api.dependencies.request import NoParametersDep, NoRepeats
from pageviews_api.schemas.data_state import DataState
from pageviews_api.schemas.problem import problem_responses

router = APIRouter(prefix="/api/v1/data-state", tags=["data-state"], dependencies=[NoRepeats])


@router.get(
    "",
    summary="What is known now",
    responses=problem_responses(
        "invalid-request", "too-many-requests", "unknown-host", "uri-too-long"
    ),
)
async def get_data_state(
    _: NoParametersDep, data_state: DataStateDep, response: Response
) -> DataState:
    """Which days are loaded and when they came, which were lost or restated, what is archived.

    It tells what this process knows already; Wikimedia is not asked. `budget` says how much may
    be asked of Wikimedia at this moment.
    """
    response.headers["Cache-Control"] = "no-store"
    return data_state
