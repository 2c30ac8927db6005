"""What the handlers of top lists ask for: questions, and who answers them."""

from typing import Annotated

from fastapi import Depends, Path, Query

from pageviews_api.clients.top_lists import TopLists
from pageviews_api.daterange import check_asked_day, month_end
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.exceptions import InvalidDateRangeError
from pageviews_api.schemas.names import ArticleProject
from pageviews_api.schemas.query import Month
from pageviews_api.schemas.top import TopParameters, TopQuery


async def _top_lists(resources: ResourcesDep) -> TopLists:
    return resources.top_lists


TopListsDep = Annotated[TopLists, Depends(_top_lists)]


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
