"""AQS's own paths: whoever asks Wikimedia's API asks here by another base URL, and no other change.

Paths, bodies, statuses and errors are those of
https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/.
"""

from typing import Any

from fastapi import APIRouter, Response

from pageviews_api.dependencies.aqs import (
    AggregateDep,
    CompatibleDep,
    NoParameters,
    PerArticleDep,
    TopAskedDep,
    TopByCountryDep,
    TopPerCountryDep,
    UniqueDevicesDep,
)
from pageviews_api.dependencies.reply import OneFormReplyDep
from pageviews_api.dependencies.request import NoRepeats
from pageviews_api.representation.freshness import FOR_A_DAY
from pageviews_api.routers.responses import NOT_CHANGED
from pageviews_api.schemas.aqs import CountriesAnswer, CountryTopAnswer, DevicesAnswer, TopAnswer
from pageviews_api.schemas.aqs_answers import (
    LISTING,
    ArticleViewsAnswer,
    MetricsListing,
    ProjectViewsAnswer,
    top_answer,
)
from pageviews_api.schemas.aqs_problem import AQS_PREFIX, aqs_problem_responses
from pageviews_api.schemas.aqs_questions import Question

router = APIRouter(prefix=AQS_PREFIX, tags=["aqs"], dependencies=[NoRepeats, NoParameters])

RESPONSES: dict[int | str, dict[str, Any]] = NOT_CHANGED | aqs_problem_responses()


@router.get("/pageviews/", include_in_schema=False)
@router.get(
    "/pageviews",
    summary="Metrics of pageviews",
    response_model=MetricsListing,
    responses=RESPONSES,
)
async def aqs_listing(reply: OneFormReplyDep) -> Response:
    """The metrics of pageviews, as Wikimedia's API lists them."""
    return await reply.kept(LISTING, FOR_A_DAY)


@router.get(
    "/pageviews/per-article/{project}/{access}/{agent}/{article}/{granularity}/{start}/{end}",
    summary="Article views, AQS's way",
    response_model=ArticleViewsAnswer,
    responses=RESPONSES,
)
async def aqs_per_article(
    asked: PerArticleDep, aqs: CompatibleDep, reply: OneFormReplyDep
) -> Response:
    """An article's views by day or month; days without any view are left out.

    https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html
    """
    known = await aqs.views(asked.series, asked.days)
    return reply.in_json(ArticleViewsAnswer.of(asked, known.value), of=known.freshness)


@router.get(
    "/pageviews/aggregate/{project}/{access}/{agent}/{granularity}/{start}/{end}",
    summary="Project views, AQS's way",
    response_model=ProjectViewsAnswer,
    responses=RESPONSES,
)
async def aqs_aggregate(
    asked: AggregateDep, aqs: CompatibleDep, reply: OneFormReplyDep
) -> Response:
    """The views of all pages of a project by hour, day or month; at most 366 days of hours.

    https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html
    """
    if isinstance(asked, Question):
        hours = await aqs.passed_on(asked)
        return reply.in_json(hours.value, of=hours.freshness)
    days = await aqs.views(asked.series, asked.days)
    return reply.in_json(ProjectViewsAnswer.of(asked, days.value), of=days.freshness)


@router.get(
    "/pageviews/top/{project}/{access}/{year}/{month}/{day}",
    summary="Top list, AQS's way",
    response_model=TopAnswer,
    responses=RESPONSES,
)
async def aqs_top(asked: TopAskedDep, aqs: CompatibleDep, reply: OneFormReplyDep) -> Response:
    """The pages of a project that people looked at most on a day, or in a month (`all-days`).

    https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html
    """
    known = await aqs.top(asked.project, asked.access, asked.period)
    return reply.in_json(top_answer(asked, known.value), of=known.freshness)


@router.get(
    "/pageviews/top-per-country/{country}/{access}/{year}/{month}/{day}",
    summary="Top list by country",
    response_model=CountryTopAnswer,
    responses=RESPONSES,
)
async def aqs_top_per_country(
    asked: TopPerCountryDep, aqs: CompatibleDep, reply: OneFormReplyDep
) -> Response:
    """The pages that people in a country looked at most on a day; counts are rounded up.

    https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html
    """
    known = await aqs.passed_on(asked)
    return reply.in_json(known.value, of=known.freshness)


@router.get(
    "/pageviews/top-by-country/{project}/{access}/{year}/{month}",
    summary="Countries of a project",
    response_model=CountriesAnswer,
    responses=RESPONSES,
)
async def aqs_top_by_country(
    asked: TopByCountryDep, aqs: CompatibleDep, reply: OneFormReplyDep
) -> Response:
    """The countries from which a project was looked at most in a month; counts are rounded up.

    https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html
    """
    known = await aqs.passed_on(asked)
    return reply.in_json(known.value, of=known.freshness)


@router.get(
    "/unique-devices/{project}/{access_site}/{granularity}/{start}/{end}",
    summary="Unique devices, AQS's way",
    response_model=DevicesAnswer,
    responses=RESPONSES,
)
async def aqs_unique_devices(
    asked: UniqueDevicesDep, aqs: CompatibleDep, reply: OneFormReplyDep
) -> Response:
    """How many devices came to a project, by day or month.

    https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/unique-devices.html
    """
    known = await aqs.passed_on(asked)
    return reply.in_json(known.value, of=known.freshness)
