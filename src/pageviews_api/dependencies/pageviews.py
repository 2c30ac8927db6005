"""What the handlers of views ask for: questions, and who answers them."""

from typing import Annotated, Protocol

from fastapi import Depends, Path, Query

from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.daterange import (
    DateRange,
    NamedRange,
    check_asked_day,
    check_asked_days,
)
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.resources import Resources
from pageviews_api.schemas.data_state import DataState
from pageviews_api.schemas.health import Readiness
from pageviews_api.schemas.names import Article, ArticleProject, Project
from pageviews_api.schemas.query import (
    Access,
    Agent,
    ArticleParameters,
    DaysParameters,
    SectionParameters,
    Series,
    SeriesQuery,
)


async def _pageviews(resources: ResourcesDep) -> PageviewsClient:
    return resources.pageviews


PageviewsDep = Annotated[PageviewsClient, Depends(_pageviews)]


async def _article_query(
    project: Annotated[ArticleProject, Path()],
    article: Annotated[Article, Path()],
    parameters: Annotated[ArticleParameters, Query()],
    resources: ResourcesDep,
) -> SeriesQuery:
    return _series_query(project, article, parameters, resources)


ArticleQueryDep = Annotated[SeriesQuery, Depends(_article_query)]


async def _project_query(
    project: Annotated[Project, Path()],
    parameters: Annotated[SectionParameters, Query()],
    resources: ResourcesDep,
) -> SeriesQuery:
    return _series_query(project, None, parameters, resources)


ProjectQueryDep = Annotated[SeriesQuery, Depends(_project_query)]


def _series_query(
    project: str, article: str | None, parameters: SectionParameters, resources: Resources
) -> SeriesQuery:
    days = asked_days(parameters, resources)
    if parameters.as_of is not None:
        check_asked_day("as_of", parameters.as_of, today=resources.clock.now().date())
    series = series_of(project, article, parameters, resources)
    return SeriesQuery(series, days, parameters.granularity, parameters.as_of, parameters.sections)


def asked_days(parameters: DaysParameters, resources: Resources) -> DateRange | NamedRange:
    """Tell the days that are asked for.

    Raises
    ------
    InvalidDateRangeError
        They cannot have views.
    """
    days = parameters.days
    if isinstance(days, DateRange):
        check_asked_days(days, today=resources.clock.now().date())
    return days


class _OfASeries(Protocol):
    """What names the access and the agent of a series, or leaves them to the operator."""

    @property
    def access(self) -> Access | None: ...

    @property
    def agent(self) -> Agent | None: ...


def series_of(
    project: str,
    article: str | None,
    parameters: _OfASeries,
    resources: Resources,
) -> Series:
    """Name the series that is asked for, with the operator's defaults."""
    settings = resources.settings
    return Series(
        project,
        parameters.access or settings.default_access,
        parameters.agent or settings.default_agent,
        article,
    )


async def _readiness(resources: ResourcesDep) -> Readiness:
    return await resources.condition.readiness()


ReadinessDep = Annotated[Readiness, Depends(_readiness)]


async def _data_state(resources: ResourcesDep) -> DataState:
    return await resources.condition.data_state()


DataStateDep = Annotated[DataState, Depends(_data_state)]
