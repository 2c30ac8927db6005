"""What the handler of ``/api/get_views`` asks for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from pageviews_api.daterange import NamedRange
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.schemas.get_views import Period, RecentViewsParameters
from pageviews_api.schemas.query import Series, SeriesQuery


@dataclass(frozen=True, slots=True)
class RecentViewsQuery:
    """How many recent days are asked for, and the question for them and those before in one."""

    period: Period
    query: SeriesQuery


async def _recent_views(
    parameters: Annotated[RecentViewsParameters, Query()], resources: ResourcesDep
) -> RecentViewsQuery:
    settings = resources.settings
    series = Series(
        settings.default_project,
        settings.default_access,
        settings.default_agent,
        settings.default_article,
    )
    both = NamedRange(f"latest-{2 * parameters.period.days}")
    return RecentViewsQuery(parameters.period, SeriesQuery(series, both))


RecentViewsDep = Annotated[RecentViewsQuery, Depends(_recent_views)]
