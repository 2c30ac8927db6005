"""What the handlers of charts ask for."""

from typing import Annotated

from fastapi import Depends, Path, Query

from pageviews_api.daterange import DateRange, check_asked_days
from pageviews_api.dependencies.pageviews import series_of
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.schemas.charts import ChartParameters, ChartQuery
from pageviews_api.schemas.names import Article, ArticleProject
from pageviews_api.schemas.query import SeriesQuery


async def _chart_query(
    project: Annotated[ArticleProject, Path()],
    article: Annotated[Article, Path()],
    parameters: Annotated[ChartParameters, Query()],
    resources: ResourcesDep,
) -> ChartQuery:
    days = parameters.days
    if isinstance(days, DateRange):
        check_asked_days(days, today=resources.clock.now().date())
    series = series_of(project, article, parameters, resources)
    return ChartQuery(SeriesQuery(series, days, parameters.granularity), parameters.look)


ChartQueryDep = Annotated[ChartQuery, Depends(_chart_query)]
