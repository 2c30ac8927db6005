"""What the handlers of top lists ask for: questions, and who answers them."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Path, Query

from pageviews_api.clients.top_lists import TopLists
from pageviews_api.daterange import (
    DateRange,
    NamedRange,
    check_asked_day,
    check_asked_days,
    month_end,
)
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.exceptions import InvalidDateRangeError
from pageviews_api.schemas.names import ArticleProject
from pageviews_api.schemas.query import Month
from pageviews_api.schemas.top_query import TopParameters, TopQuery


async def _top_lists(resources: ResourcesDep) -> TopLists:
    return resources.top_lists


TopListsDep = Annotated[TopLists, Depends(_top_lists)]


async def _top_query(
    project: Annotated[ArticleProject, Path()],
    parameters: Annotated[TopParameters, Query()],
    resources: ResourcesDep,
) -> TopQuery:
    period = parameters.period
    _check(period, today=resources.clock.now().date())
    return TopQuery(
        project,
        parameters.access or resources.settings.default_access,
        period,
        only=parameters.only,
        compared=parameters.compare is not None,
        limit=parameters.limit,
    )


def _check(period: date | Month | DateRange | NamedRange | None, *, today: date) -> None:
    """Refuse what cannot have a list."""
    if isinstance(period, Month):
        check_asked_day("month", period.first_day, today=today)
        if month_end(period.first_day) >= today:
            raise InvalidDateRangeError("month", "is not over: its list comes after its end")
    elif isinstance(period, DateRange):
        check_asked_days(period, today=today)
    elif isinstance(period, date):
        check_asked_day("date", period, today=today)


TopQueryDep = Annotated[TopQuery, Depends(_top_query)]
