"""What we answer about Wikipedia's pageviews."""

from datetime import date as Date  # noqa: N812  # a field below is called date
from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from pageviews_api.schemas.annotations import Annotations
from pageviews_api.schemas.left_out import is_none
from pageviews_api.schemas.points import (
    AnswerModel,
    DayPoint,
    DayStatus,
    Extreme,
    PeriodPoint,
    Summary,
)
from pageviews_api.schemas.query import Access, Agent, Granularity
from pageviews_api.schemas.sections import (
    AccessSplit,
    AgentSplit,
    Comparison,
    PerMillion,
    UnusualDays,
)

__all__ = [
    "AnswerModel",
    "ArticleSeries",
    "DayPoint",
    "DayStatus",
    "Extreme",
    "Freshness",
    "PeriodPoint",
    "ProjectSeries",
    "Summary",
]


class Freshness(AnswerModel):
    """How current an answer is."""

    checked_at: Annotated[
        datetime, Field(description="When we last made sure of everything in this answer.")
    ]
    stale: Annotated[
        bool,
        Field(description="True where that is longer ago than it should be: Wikimedia is slow."),
    ]
    notice: Annotated[
        str | None, Field(description="What else to know; set where the data are a sample.")
    ] = None
    fetched: Annotated[
        bool,
        Field(exclude=True, description="Whether Wikimedia had to be asked; not in the answer."),
    ] = False


class _Project(AnswerModel):
    project: str


class _Article(_Project):
    article: str


class _Asked(AnswerModel):
    access: Access
    agent: Agent
    granularity: Granularity
    start: Annotated[Date | None, Field(description="`null` where the range holds no day yet.")]
    end: Date | None
    as_of: Annotated[
        Date | None,
        Field(
            exclude_if=is_none,
            description="The day as of which it is told; there only where one was asked for.",
        ),
    ] = None
    reason: Annotated[str | None, Field(description="Why `items` is empty, where it is.")] = None
    complete_through: Annotated[
        Date | None, Field(description="The newest day that Wikimedia has loaded.")
    ]
    first_day: Annotated[
        Date | None, Field(description="The first day with a view, where that is known.")
    ]


class _Figures(AnswerModel):
    summary: Summary
    items: Annotated[
        list[DayPoint] | list[PeriodPoint],
        Field(description="Oldest first, without gaps: every asked day, week or month."),
    ]


class _Beside(AnswerModel):
    annotations: Annotations
    comparison: Annotated[
        Comparison | None,
        Field(exclude_if=is_none, description="There only where `compare` was asked for."),
    ] = None
    split: Annotated[
        AccessSplit | AgentSplit | None,
        Field(exclude_if=is_none, description="There only where `split` was asked for."),
    ] = None
    unusual: Annotated[
        UnusualDays | None,
        Field(exclude_if=is_none, description="There only where `unusual` was asked for."),
    ] = None


class _BesideArticle(_Beside):
    per_million: Annotated[
        PerMillion | None,
        Field(exclude_if=is_none, description="There only where `per_million` was asked for."),
    ] = None


# Pydantic orders fields from the last base to the first: what it is, what was asked, how current
# it is, the figures, what is told beside them.
class ArticleSeries(_BesideArticle, _Figures, Freshness, _Asked, _Article):
    """The views of one article."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": "fr.wikipedia",
                    "article": "Strasbourg",
                    "access": "all-access",
                    "agent": "all-agents",
                    "granularity": "daily",
                    "start": "2016-12-29",
                    "end": "2016-12-31",
                    "reason": None,
                    "complete_through": "2016-12-31",
                    "first_day": "2015-07-01",
                    "checked_at": "2017-01-01T10:00:00Z",
                    "stale": False,
                    "notice": None,
                    "summary": {
                        "total": 4179,
                        "average": 1393.0,
                        "median": 1441.0,
                        "minimum": {"date": "2016-12-31", "views": 1142},
                        "maximum": {"date": "2016-12-29", "views": 1596},
                        "days_counted": 3,
                        "days_in_range": 3,
                        "complete": True,
                    },
                    "items": [
                        {"date": "2016-12-29", "views": 1596, "status": "ok"},
                        {"date": "2016-12-30", "views": 1441, "status": "ok"},
                        {"date": "2016-12-31", "views": 1142, "status": "ok"},
                    ],
                    "annotations": [],
                }
            ]
        }
    )


class ProjectSeries(_Beside, _Figures, Freshness, _Asked, _Project):
    """The views of all pages of a project together."""

    # On a Monday: no daily total that was recorded is at hand, and none is invented.
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": "fr.wikipedia",
                    "access": "all-access",
                    "agent": "user",
                    "granularity": "daily",
                    "start": None,
                    "end": None,
                    "reason": "No day of this range is loaded yet.",
                    "complete_through": "2026-11-22",
                    "first_day": None,
                    "checked_at": "2026-11-23T10:00:00Z",
                    "stale": False,
                    "notice": None,
                    "summary": {
                        "total": None,
                        "average": None,
                        "median": None,
                        "minimum": None,
                        "maximum": None,
                        "days_counted": 0,
                        "days_in_range": 0,
                        "complete": False,
                    },
                    "items": [],
                    "annotations": [],
                }
            ]
        }
    )
