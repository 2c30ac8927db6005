"""What the handlers of the archive ask for: questions, and who answers them."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Path, Query

from pageviews_api.archive.catalogue import ArchiveCatalogue
from pageviews_api.archive.differences import ArchiveComparisons
from pageviews_api.archive.runs import ArchiveRuns
from pageviews_api.archive.sites.catalogue import SitesCatalogue
from pageviews_api.archive.top_lists import ArchivedTopLists
from pageviews_api.daterange import FIRST_DAY, DateRange, check_asked_days
from pageviews_api.dependencies.pageviews import series_of
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.exceptions import FieldError, InvalidParameterError
from pageviews_api.schemas.archive_query import (
    ArchiveDay,
    ArchiveListParameters,
    DifferencesParameters,
    ObservedParameters,
    ObservedQuery,
    TopHistoryParameters,
    TopHistoryQuery,
)
from pageviews_api.schemas.names import Article, ArticleProject, Project


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


async def _sites_catalogue(resources: ResourcesDep) -> SitesCatalogue:
    return resources.sites_catalogue


SitesCatalogueDep = Annotated[SitesCatalogue, Depends(_sites_catalogue)]


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
    return ObservedQuery(date, series_of(project, article, parameters, resources))


ObservedArticleDep = Annotated[ObservedQuery, Depends(_observed_article)]


async def _observed_project(
    date: Annotated[ArchiveDay, Path()],
    project: Annotated[Project, Path()],
    parameters: Annotated[ObservedParameters, Query()],
    resources: ResourcesDep,
) -> ObservedQuery:
    return ObservedQuery(date, series_of(project, None, parameters, resources))


ObservedProjectDep = Annotated[ObservedQuery, Depends(_observed_project)]


async def _top_history(
    project: Annotated[ArticleProject, Path()],
    parameters: Annotated[TopHistoryParameters, Query()],
    resources: ResourcesDep,
) -> TopHistoryQuery:
    days = parameters.days
    if isinstance(days, DateRange):
        check_asked_days(days, today=resources.clock.now().date())
    return TopHistoryQuery(project, parameters.article, days)


TopHistoryDep = Annotated[TopHistoryQuery, Depends(_top_history)]
