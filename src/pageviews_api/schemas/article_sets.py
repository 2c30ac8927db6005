"""Many articles in one answer: what is asked, and what is answered."""

from dataclasses import dataclass
from datetime import date as Date  # noqa: N812  # as in pageviews
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.config import JsonDict

from pageviews_api.exceptions import FieldError, InvalidParameterError
from pageviews_api.schemas.names import Article, ArticleProject
from pageviews_api.schemas.pageviews import AnswerModel, ArticleSeries, Freshness
from pageviews_api.schemas.problem import Problem, in_words
from pageviews_api.schemas.query import (
    Access,
    Agent,
    AskedAccess,
    AskedAgent,
    DaysParameters,
    Granularity,
    GranularityParameters,
    LayoutParameters,
    QueryParameters,
)

MOST_IN_A_URL = 50
"""Articles that one URL names at the most."""

MOST_IN_A_BATCH = 1_000
"""Items of a batch at the most."""


LASTING = frozenset({HTTPStatus.OK, HTTPStatus.NOT_FOUND})
"""How an article is told that there is, or that never was; any other status may pass."""

_SERIES: JsonDict = {
    "project": "fr.wikipedia",
    "article": "Strasbourg",
    "access": "all-access",
    "agent": "all-agents",
    "granularity": "daily",
    "start": "2016-12-30",
    "end": "2016-12-31",
    "reason": None,
    "complete_through": "2016-12-31",
    "first_day": "2015-07-01",
    "checked_at": "2017-01-01T10:00:00Z",
    "stale": False,
    "notice": None,
    "summary": {
        "total": 2583,
        "average": 1291.5,
        "median": 1291.5,
        "minimum": {"date": "2016-12-31", "views": 1142},
        "maximum": {"date": "2016-12-30", "views": 1441},
        "days_counted": 2,
        "days_in_range": 2,
        "complete": True,
    },
    "items": [
        {"date": "2016-12-30", "views": 1441, "status": "ok"},
        {"date": "2016-12-31", "views": 1142, "status": "ok"},
    ],
    "annotations": [],
}
_NEVER_VIEWED: JsonDict = {
    "type": "/problems/article-never-viewed",
    "title": "Article never viewed",
    "status": 404,
    "detail": 'Wikimedia has never counted a view of "strasbourg" in fr.wikipedia (all-access, '
    "all-agents).",
    "instance": "urn:request:8f14e45fceea167a5a36dedd4bea2543",
}
_FAILED: JsonDict = {"status": 404, "series": None, "problem": _NEVER_VIEWED}
_UNKNOWN: JsonDict = {"total": None, "share": None, "rank": None}


class ArticleSetParameters(DaysParameters, GranularityParameters, LayoutParameters):
    """The query part of a URL that asks for several articles of a project."""

    project: ArticleProject
    article: Annotated[
        list[Article],
        Field(
            min_length=1,
            max_length=MOST_IN_A_URL,
            description="A title; repeat it for each article, up to 50 times. Spaces or "
            "underscores; upper and lower case count. A title named twice is told once.",
            examples=[["Strasbourg", "AC/DC"]],
        ),
    ]
    access: AskedAccess = None
    agent: AskedAgent = None


class BatchItem(DaysParameters, GranularityParameters):
    """One of many articles asked for; all but project and article is as in the URL of one."""

    project: ArticleProject
    article: Article
    access: AskedAccess = None
    agent: AskedAgent = None


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """An item that has no meaning, and why. The others are answered all the same.

    ``errors`` lead to the parts within the item.
    """

    errors: tuple[FieldError, ...]


def _read_item(value: object, read: ValidatorFunctionWrapHandler) -> object:
    try:
        return read(value)
    except InvalidParameterError as e:
        return refused_item(e)
    except ValidationError as e:
        errors = e.errors(include_url=False, include_input=False)
        stranger = "is no part of an item"
        return RefusedItem(
            tuple(FieldError(one["loc"], in_words(one, stranger=stranger)) for one in errors)
        )


def refused_item(error: InvalidParameterError) -> RefusedItem:
    """Tell of an item what would be told of a URL that asks for the same."""
    return RefusedItem(tuple(FieldError(one.loc[1:], one.msg) for one in error.errors))


if TYPE_CHECKING:
    AskedItem = BatchItem | RefusedItem
else:
    AskedItem = Annotated[BatchItem, WrapValidator(_read_item)]  # in OpenAPI it is a BatchItem


class BatchRequest(QueryParameters):
    """Up to 1,000 articles, of any projects."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"project": "fr.wikipedia", "article": "Strasbourg", "range": "latest-3"},
                        {"project": "en.wikipedia", "article": "Gordon Ramsay"},
                    ]
                }
            ]
        }
    )

    items: Annotated[
        list[AskedItem],
        Field(min_length=1, max_length=MOST_IN_A_BATCH, description="In the order of the answer."),
    ]


class SetFigures(AnswerModel):
    """The sum over the articles that could be told; each counts once, however often it is named."""

    total: Annotated[
        int | None, Field(description="Views of all of them; `null` where no number is known.")
    ]
    articles: Annotated[int, Field(description="How many were asked for, repeats left out.")]
    failed: Annotated[int, Field(description="How many could not be told, and are not in `total`.")]
    complete: Annotated[
        bool, Field(description="Whether none failed and the number of every asked day is known.")
    ]


class Place(AnswerModel):
    """What an article is within its set."""

    total: Annotated[int | None, Field(description="Its views; `null` where none is known.")]
    share: Annotated[
        float | None,
        Field(description="Percent of the set's total, to two decimals; `null` where that is 0."),
    ]
    rank: Annotated[
        int | None,
        Field(description="By views in the set; ties share a rank, and the next are skipped."),
    ]


class _Result(AnswerModel):
    """What came of one article: its series, or the problem."""

    series: ArticleSeries | None
    problem: Problem | None


class _Told(AnswerModel):
    article: str
    status: Annotated[int, Field(description="As for the article alone: 200, or the problem's.")]


# Pydantic orders fields from the last base to the first.
class ToldArticle(_Result, Place, _Told):
    """One article of a set: its place in it, and its series, or the problem."""


class _SetOf(AnswerModel):
    project: str
    access: Access
    agent: Agent
    granularity: Granularity


class _SetFigures(AnswerModel):
    summary: SetFigures
    items: Annotated[
        list[ToldArticle], Field(description="In the order in which they were asked for.")
    ]


class ArticleSet(_SetFigures, Freshness, _SetOf):
    """The views of several articles of one project.

    ``checked_at`` is that of the article that was checked longest ago; where none could be told,
    the moment of the answer.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": "fr.wikipedia",
                    "access": "all-access",
                    "agent": "all-agents",
                    "granularity": "daily",
                    "checked_at": "2017-01-01T10:00:00Z",
                    "stale": False,
                    "notice": None,
                    "summary": {"total": 2583, "articles": 2, "failed": 1, "complete": False},
                    "items": [
                        {
                            "article": "Strasbourg",
                            "status": 200,
                            "total": 2583,
                            "share": 100.0,
                            "rank": 1,
                            "series": _SERIES,
                            "problem": None,
                        },
                        {"article": "strasbourg", **_UNKNOWN, **_FAILED},
                    ],
                }
            ]
        }
    )


class _Indexed(AnswerModel):
    index: Annotated[int, Field(ge=0, description="The item's place in the request, from 0.")]
    project: Annotated[str | None, Field(description="`null` where the item cannot be read.")]
    article: str | None
    status: Annotated[int, Field(description="As for the article alone: 200, or the problem's.")]


class BatchLine(_Result, _Indexed):
    """What came of one item of a batch. Lines come as they are ready, in any order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "index": 0,
                    "project": "fr.wikipedia",
                    "article": "Strasbourg",
                    "status": 200,
                    "series": _SERIES,
                    "problem": None,
                },
                {"index": 1, "project": "fr.wikipedia", "article": "strasbourg", **_FAILED},
            ]
        }
    )


class _RankedIndex(AnswerModel):
    index: Annotated[
        int, Field(ge=0, description="Of items that ask for the same, the first one's.")
    ]
    start: Date | None
    end: Date | None


class RankedItem(Place, _RankedIndex):
    """An item's place in the whole batch."""


class BatchEnd(AnswerModel):
    """The last line of a batch; where it does not come, the answer was cut short."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "summary": {"total": 2583, "articles": 2, "failed": 1, "complete": False},
                    "ranking": [
                        {
                            "index": 0,
                            "start": "2016-12-30",
                            "end": "2016-12-31",
                            "total": 2583,
                            "share": 100.0,
                            "rank": 1,
                        }
                    ],
                }
            ]
        }
    )

    summary: SetFigures
    ranking: Annotated[
        list[RankedItem], Field(description="What could be told, the most viewed first.")
    ]
