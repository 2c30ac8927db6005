"""What the handlers of many articles ask for: questions, and who answers them."""

from typing import Annotated

from fastapi import Depends, Query

from pageviews_api.article_sets.batches import ArticleBatches, Asked
from pageviews_api.article_sets.figures import ProblemOf
from pageviews_api.article_sets.sets import ArticleSets
from pageviews_api.dependencies.pageviews import asked_days, series_of
from pageviews_api.dependencies.request import ResourcesDep
from pageviews_api.exception_handlers import problem_of
from pageviews_api.exceptions import InvalidParameterError
from pageviews_api.resources import Resources
from pageviews_api.schemas.article_sets import (
    ArticleSetParameters,
    BatchItem,
    BatchRequest,
    RefusedItem,
    refused_item,
)
from pageviews_api.schemas.query import SeriesQuery


async def _article_sets(resources: ResourcesDep) -> ArticleSets:
    return ArticleSets(resources.pageviews, problem_of=problem_of, clock=resources.clock)


ArticleSetsDep = Annotated[ArticleSets, Depends(_article_sets)]


async def _set_queries(
    asked: Annotated[ArticleSetParameters, Query()], resources: ResourcesDep
) -> list[SeriesQuery]:
    days = asked_days(asked, resources)
    return [
        SeriesQuery(series_of(asked.project, article, asked, resources), days, asked.granularity)
        for article in asked.article
    ]


SetQueriesDep = Annotated[list[SeriesQuery], Depends(_set_queries)]


async def _article_batches(resources: ResourcesDep) -> ArticleBatches:
    return resources.article_batches


ArticleBatchesDep = Annotated[ArticleBatches, Depends(_article_batches)]


async def _batch(asked: BatchRequest, resources: ResourcesDep) -> list[Asked]:
    return [
        item if isinstance(item, RefusedItem) else _item_query(item, resources)
        for item in asked.items
    ]


def _item_query(item: BatchItem, resources: Resources) -> Asked:
    """Ask for an item; one that has no meaning is told so beside the others' answers."""
    try:
        days = asked_days(item, resources)
    except InvalidParameterError as e:
        return refused_item(e)
    return SeriesQuery(
        series_of(item.project, item.article, item, resources), days, item.granularity
    )


BatchDep = Annotated[list[Asked], Depends(_batch)]


async def _problem_of() -> ProblemOf:
    return problem_of


ProblemOfDep = Annotated[ProblemOf, Depends(_problem_of)]
"""Puts an error into words for the caller."""
