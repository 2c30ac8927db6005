"""What the handler of a site beside an article asks for."""

from typing import Annotated

from fastapi import Depends, Query

from pageviews_api.clients.site_pages import path_asked
from pageviews_api.dependencies.pageviews import asked_days, series_of
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.dependencies.sites import SiteDep
from pageviews_api.schemas.side_by_side import SideBySideParameters, SideBySideQuery
from pageviews_api.side_by_side.answers import SideBySideAnswers


async def _side_by_side(site: SiteDep, resources: ResourcesDep) -> SideBySideAnswers:
    return SideBySideAnswers(
        resources.pageviews,
        site,
        clock=resources.clock,
        fresh_for=resources.settings.freshness,
    )


SideBySideDep = Annotated[SideBySideAnswers, Depends(_side_by_side)]


async def _side_by_side_query(
    parameters: Annotated[SideBySideParameters, Query()], resources: ResourcesDep
) -> SideBySideQuery:
    return SideBySideQuery(
        series_of(parameters.project, parameters.article, parameters, resources),
        None if parameters.path is None else path_asked(parameters.path),
        asked_days(parameters, resources),
    )


SideBySideQueryDep = Annotated[SideBySideQuery, Depends(_side_by_side_query)]
