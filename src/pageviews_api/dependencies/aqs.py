"""What the handlers of AQS's own paths ask for: questions, and who answers them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Path, Query

from pageviews_api.clients.compatible import CompatibleClient
from pageviews_api.daterange import FIRST_DAY, month_end
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.exceptions import NoDataError
from pageviews_api.schemas.aqs import CountriesAnswer, CountryTopAnswer, DevicesAnswer, HourlyAnswer
from pageviews_api.schemas.aqs_problem import NO_DATA
from pageviews_api.schemas.aqs_questions import (
    DaysAsked,
    Question,
    TopAsked,
    hourly_totals,
    top_by_country,
    top_per_country,
    unique_devices,
)
from pageviews_api.schemas.aqs_words import (
    AqsAccess,
    AqsAccessSite,
    AqsAgent,
    AqsArticle,
    AqsArticleGranularity,
    AqsCountry,
    AqsDay,
    AqsDayOrAll,
    AqsDevicesGranularity,
    AqsEnd,
    AqsMonth,
    AqsProject,
    AqsStart,
    AqsTotalGranularity,
    AqsYear,
    TotalGranularity,
    is_country,
    read_day,
    read_days,
    read_hours,
    read_month,
    refuse,
)
from pageviews_api.schemas.names import ALL_PROJECTS, has_articles, has_devices, is_project
from pageviews_api.schemas.query import (
    Granularity,
    Month,
    QueryParameters,
    Series,
)

MAX_HOURS = 366 * 24
"""Hours that are passed on in one: a year of them is more than a megabyte."""

_ONE_HOUR = timedelta(hours=1)


async def _compatible(resources: ResourcesDep) -> CompatibleClient:
    return resources.compatible


CompatibleDep = Annotated[CompatibleClient, Depends(_compatible)]


async def _no_parameters(_: Annotated[QueryParameters, Query()]) -> None:
    """Refuse every parameter of a query: AQS's are all in the path."""


NoParameters = Depends(_no_parameters)
"""Guards a router that takes no parameters."""


async def _per_article(
    project: Annotated[AqsProject, Path()],
    access: Annotated[AqsAccess, Path()],
    agent: Annotated[AqsAgent, Path()],
    article: Annotated[AqsArticle, Path()],
    granularity: Annotated[AqsArticleGranularity, Path()],
    start: Annotated[AqsStart, Path()],
    end: Annotated[AqsEnd, Path()],
) -> DaysAsked:
    days = read_days(start, end)
    _refuse_unknown(is_project(project) and has_articles(project))
    return DaysAsked(Series(project, access, agent, article), days, Granularity(granularity))


PerArticleDep = Annotated[DaysAsked, Depends(_per_article)]


async def _aggregate(
    project: Annotated[AqsProject, Path()],
    access: Annotated[AqsAccess, Path()],
    agent: Annotated[AqsAgent, Path()],
    granularity: Annotated[AqsTotalGranularity, Path()],
    start: Annotated[AqsStart, Path()],
    end: Annotated[AqsEnd, Path()],
    resources: ResourcesDep,
) -> DaysAsked | Question[HourlyAnswer]:
    if granularity is not TotalGranularity.HOURLY:
        days = read_days(start, end)
        _refuse_unknown(is_project(project))
        return DaysAsked(Series(project, access, agent), days, Granularity(granularity))
    first, last = read_hours(start, end)
    now = resources.clock.now().astimezone(UTC).replace(tzinfo=None)
    first = max(first, datetime.combine(FIRST_DAY, datetime.min.time()))
    last = min(last, now.replace(minute=0, second=0, microsecond=0))
    _refuse_unknown(is_project(project) and first <= last)
    if last - first >= MAX_HOURS * _ONE_HOUR:
        refuse("end", f"more than {MAX_HOURS} hours cannot be asked for at once here")
    return hourly_totals(project, access, agent, first, last)


AggregateDep = Annotated[DaysAsked | Question[HourlyAnswer], Depends(_aggregate)]


async def _top(
    project: Annotated[AqsProject, Path()],
    access: Annotated[AqsAccess, Path()],
    year: Annotated[AqsYear, Path()],
    month: Annotated[AqsMonth, Path()],
    day: Annotated[AqsDayOrAll, Path()],
) -> TopAsked:
    period = read_day(year, month, day)
    _refuse_unknown(is_project(project) and has_articles(project))
    return TopAsked(project, access, period)


TopAskedDep = Annotated[TopAsked, Depends(_top)]


async def _top_per_country(
    country: Annotated[AqsCountry, Path()],
    access: Annotated[AqsAccess, Path()],
    year: Annotated[AqsYear, Path()],
    month: Annotated[AqsMonth, Path()],
    day: Annotated[AqsDay, Path()],
    resources: ResourcesDep,
) -> Question[CountryTopAnswer]:
    asked = read_day(year, month, day)
    if isinstance(asked, Month):
        raise NoDataError(NO_DATA)  # it is told by the day only
    _refuse_unknown(is_country(country) and FIRST_DAY <= asked < resources.clock.now().date())
    return top_per_country(country, access, asked)


TopPerCountryDep = Annotated[Question[CountryTopAnswer], Depends(_top_per_country)]


async def _top_by_country(
    project: Annotated[AqsProject, Path()],
    access: Annotated[AqsAccess, Path()],
    year: Annotated[AqsYear, Path()],
    month: Annotated[AqsMonth, Path()],
    resources: ResourcesDep,
) -> Question[CountriesAnswer]:
    asked = read_month(year, month)
    is_over = month_end(asked.first_day) < resources.clock.now().date()
    known = is_project(project) or project == ALL_PROJECTS
    _refuse_unknown(known and asked.first_day.year >= FIRST_DAY.year and is_over)
    return top_by_country(project, access, asked)


TopByCountryDep = Annotated[Question[CountriesAnswer], Depends(_top_by_country)]


async def _unique_devices(
    project: Annotated[AqsProject, Path()],
    access_site: Annotated[AqsAccessSite, Path()],
    granularity: Annotated[AqsDevicesGranularity, Path()],
    start: Annotated[AqsStart, Path()],
    end: Annotated[AqsEnd, Path()],
    resources: ResourcesDep,
) -> Question[DevicesAnswer]:
    days = read_days(start, end)
    first, last = max(days.start, FIRST_DAY), min(days.end, resources.clock.now().date())
    _refuse_unknown(has_devices(project) and first <= last)
    return unique_devices(project, access_site, granularity, first, last)


UniqueDevicesDep = Annotated[Question[DevicesAnswer], Depends(_unique_devices)]


def _refuse_unknown(known: bool) -> None:  # noqa: FBT001  # it is all that is told
    """Answer as AQS does where it has nothing, without asking it."""
    if not known:
        raise NoDataError(NO_DATA)
