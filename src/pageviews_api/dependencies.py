"""What handlers ask for, and how it comes out of a request."""

import hmac
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from loguru import logger

from pageviews_api.archive.catalogue import ArchiveCatalogue
from pageviews_api.archive.differences import ArchiveComparisons
from pageviews_api.archive.runs import ArchiveRuns
from pageviews_api.archive.top_lists import ArchivedTopLists
from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.daterange import (
    FIRST_DAY,
    DateRange,
    check_asked_day,
    check_asked_days,
    month_end,
)
from pageviews_api.exceptions import (
    AdminDisabledError,
    FieldError,
    InvalidDateRangeError,
    InvalidParameterError,
    NotAuthorisedError,
)
from pageviews_api.middleware import client_address
from pageviews_api.resources import Resources
from pageviews_api.schemas.archive_query import (
    ArchiveDay,
    ArchiveListParameters,
    DifferencesParameters,
    ObservedParameters,
    ObservedQuery,
    TopHistoryParameters,
    TopHistoryQuery,
)
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


async def _client(request: Request, resources: ResourcesDep) -> str:
    return client_address(request.scope, proxy_hops=resources.settings.proxy_hops)


ClientDep = Annotated[str, Depends(_client)]
"""The address of who asks, for the log."""

_bearer = HTTPBearer(
    scheme_name="operator", description="The operator's `ADMIN_TOKEN`.", auto_error=False
)


async def _operator(
    request: Request,
    resources: ResourcesDep,
    client: ClientDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Let the operator pass. Whoever else asks is not told what was wrong."""
    token = resources.settings.admin_token
    if token is None:
        raise AdminDisabledError("The operator has set no ADMIN_TOKEN: this is not to be had here.")
    given = credentials.credentials if credentials else ""
    only_one = len(request.headers.getlist("authorization")) == 1
    # As bytes: of text, only ASCII can be compared in constant time.
    same = hmac.compare_digest(given.encode(), token.get_secret_value().encode())
    if not (same and only_one):
        logger.bind(by=client, route=request.scope["route"].path).warning("not the operator")
        raise NotAuthorisedError("This needs the operator's token.")


OperatorOnly = Depends(_operator)
"""Guards a router: it comes first, so that nothing is told to anybody else."""


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
    days = parameters.days
    if isinstance(days, DateRange):
        check_asked_days(days, today=resources.clock.now().date())
    if parameters.as_of is not None:
        check_asked_day("as_of", parameters.as_of, today=resources.clock.now().date())
    series = _series(project, article, parameters, resources)
    return SeriesQuery(series, days, parameters.granularity, parameters.as_of)


def _series(
    project: str,
    article: str | None,
    parameters: SeriesParameters | ObservedParameters,
    resources: Resources,
) -> Series:
    settings = resources.settings
    return Series(
        project,
        parameters.access or settings.default_access,
        parameters.agent or settings.default_agent,
        article,
    )


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


async def _day_to_archive(
    day: Annotated[ArchiveDay, Path(alias="date")], resources: ResourcesDep
) -> date:
    today = resources.clock.now().date()
    if day <= FIRST_DAY:
        msg = f"is not after {FIRST_DAY}, when Wikimedia's data begin"
    elif day > today:
        msg = f"is after today, {today} UTC"
    else:
        return day
    raise InvalidParameterError(FieldError(("path", "date"), msg))


DayToArchiveDep = Annotated[date, Depends(_day_to_archive)]
"""The day of an archive to be made: it can have one by now."""


async def _archive_runs(resources: ResourcesDep) -> ArchiveRuns:
    return resources.archive_runs


ArchiveRunsDep = Annotated[ArchiveRuns, Depends(_archive_runs)]


async def _archive_catalogue(resources: ResourcesDep) -> ArchiveCatalogue:
    return resources.archive_catalogue


ArchiveCatalogueDep = Annotated[ArchiveCatalogue, Depends(_archive_catalogue)]


async def _archive_comparisons(resources: ResourcesDep) -> ArchiveComparisons:
    return resources.archive_comparisons


ArchiveComparisonsDep = Annotated[ArchiveComparisons, Depends(_archive_comparisons)]


async def _archived_top_lists(resources: ResourcesDep) -> ArchivedTopLists:
    return resources.archived_top_lists


ArchivedTopListsDep = Annotated[ArchivedTopLists, Depends(_archived_top_lists)]

ArchiveListDep = Annotated[ArchiveListParameters, Query()]

DifferencesDep = Annotated[DifferencesParameters, Query()]


ArchiveDateDep = Annotated[ArchiveDay, Path(alias="date")]
"""The day of an archive to be read: one that has none is a 404, whichever it is."""


async def _observed_article(
    date: Annotated[ArchiveDay, Path()],
    project: Annotated[ArticleProject, Path()],
    article: Annotated[Article, Path()],
    parameters: Annotated[ObservedParameters, Query()],
    resources: ResourcesDep,
) -> ObservedQuery:
    return ObservedQuery(date, _series(project, article, parameters, resources))


ObservedArticleDep = Annotated[ObservedQuery, Depends(_observed_article)]


async def _observed_project(
    date: Annotated[ArchiveDay, Path()],
    project: Annotated[Project, Path()],
    parameters: Annotated[ObservedParameters, Query()],
    resources: ResourcesDep,
) -> ObservedQuery:
    return ObservedQuery(date, _series(project, None, parameters, resources))


ObservedProjectDep = Annotated[ObservedQuery, Depends(_observed_project)]


async def _top_history(
    project: Annotated[ArticleProject, Path()],
    parameters: Annotated[TopHistoryParameters, Query()],
    resources: ResourcesDep,
) -> TopHistoryQuery:
    days = parameters.days
    if isinstance(days, DateRange):
        check_asked_days(days, today=resources.clock.now().date())
    assert parameters.article is not None
    return TopHistoryQuery(project, parameters.article, days)


TopHistoryDep = Annotated[TopHistoryQuery, Depends(_top_history)]


async def _if_none_match(request: Request) -> str | None:
    tags = request.headers.getlist("if-none-match")
    return ",".join(tags) if tags else None


IfNoneMatchDep = Annotated[str | None, Depends(_if_none_match)]


async def _until_sent() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


UntilSentDep = Annotated[AsyncExitStack, Depends(_until_sent)]
"""Holds what the answer is made of, until it has been sent."""
