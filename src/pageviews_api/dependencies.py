"""What handlers ask for, and how it comes out of a request."""

from collections import Counter
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.daterange import DateRange, check_asked_day, check_asked_days, month_end
from pageviews_api.exceptions import FieldError, InvalidDateRangeError, InvalidParameterError
from pageviews_api.resources import Resources
from pageviews_api.schemas.data_state import DataState
from pageviews_api.schemas.health import Readiness
from pageviews_api.schemas.names import Article, ArticleProject, Project
from pageviews_api.schemas.query import (
    Month,
    QueryParameters,
    Series,
    SeriesParameters,
    SeriesQuery,
    TopParameters,
    TopQuery,
)


async def _resources(request: Request) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(_resources)]


async def _no_repeats(request: Request) -> None:
    """Refuse a parameter given twice: no one of its values is the one that was meant."""
    names = Counter(name for name, _ in request.query_params.multi_items())
    repeated = sorted(name for name, count in names.items() if count > 1)
    if repeated:
        raise InvalidParameterError(
            *(FieldError(("query", name), "is given more than once") for name in repeated)
        )


NoRepeats = Depends(_no_repeats)
"""Guards a router: each parameter is given once."""

NoParametersDep = Annotated[QueryParameters, Query()]
"""Guards a route that takes no parameters."""


async def _pageviews(resources: ResourcesDep) -> PageviewsClient:
    return resources.pageviews


PageviewsDep = Annotated[PageviewsClient, Depends(_pageviews)]


async def _article_query(
    project: Annotated[ArticleProject, Path()],
    article: Annotated[Article, Path()],
    parameters: Annotated[SeriesParameters, Query()],
    resources: ResourcesDep,
) -> SeriesQuery:
    return _series_query(project, article, parameters, resources)


ArticleQueryDep = Annotated[SeriesQuery, Depends(_article_query)]


async def _project_query(
    project: Annotated[Project, Path()],
    parameters: Annotated[SeriesParameters, Query()],
    resources: ResourcesDep,
) -> SeriesQuery:
    return _series_query(project, None, parameters, resources)


ProjectQueryDep = Annotated[SeriesQuery, Depends(_project_query)]


def _series_query(
    project: str, article: str | None, parameters: SeriesParameters, resources: Resources
) -> SeriesQuery:
    settings = resources.settings
    days = parameters.days
    if isinstance(days, DateRange):
        check_asked_days(days, today=resources.clock.now().date())
    series = Series(
        project,
        parameters.access or settings.default_access,
        parameters.agent or settings.default_agent,
        article,
    )
    return SeriesQuery(series, days, parameters.granularity)


async def _top_query(
    project: Annotated[ArticleProject, Path()],
    parameters: Annotated[TopParameters, Query()],
    resources: ResourcesDep,
) -> TopQuery:
    today = resources.clock.now().date()
    period = parameters.period
    if isinstance(period, Month):
        check_asked_day("month", period.first_day, today=today)
        if month_end(period.first_day) >= today:
            raise InvalidDateRangeError("month", "is not over: its list comes after its end")
    elif period is not None:
        check_asked_day("date", period, today=today)
    return TopQuery(project, parameters.access or resources.settings.default_access, period)


TopQueryDep = Annotated[TopQuery, Depends(_top_query)]


async def _readiness(resources: ResourcesDep) -> Readiness:
    return await resources.readiness()


ReadinessDep = Annotated[Readiness, Depends(_readiness)]


async def _data_state(resources: ResourcesDep) -> DataState:
    return await resources.data_state()


DataStateDep = Annotated[DataState, Depends(_data_state)]
