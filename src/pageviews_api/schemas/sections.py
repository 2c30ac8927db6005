"""What is told beside a series where it is asked for: each is a section of the answer.

Items of a section stand in the order of the answer's own ``items``, one for each, so that a chart
may put them side by side.
"""

from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pageviews_api.schemas.points import AnswerModel, DayPoint, DayStatus, PeriodPoint, Summary
from pageviews_api.schemas.query import Access, Agent, Align, Compare, SplitBy

Percent = Annotated[float | None, Field(description="Percent, to two decimals.")]


class _Section(AnswerModel):
    complete: Annotated[
        bool, Field(description="Whether every asked day could be counted in this section.")
    ]
    reason: Annotated[
        str | None,
        Field(description="Why numbers of this section could not be told, where that is so."),
    ] = None


class ComparedDay(AnswerModel):
    """The day with which a day is compared."""

    date: Annotated[Date, Field(description="The day of the range.")]
    base_date: Annotated[
        Date | None,
        Field(description="The day it is compared with; `null` where there is none."),
    ]
    views: Annotated[int | None, Field(ge=0, description="The views of `base_date`.")]
    status: Annotated[
        DayStatus | None, Field(description="What is known of them; `null` without `base_date`.")
    ]


class ComparedPeriod(AnswerModel):
    """The days with which those of a week or month are compared."""

    start: Annotated[Date, Field(description="The first day of the range in this week or month.")]
    end: Date
    base_start: Annotated[Date | None, Field(description="The first day it is compared with.")]
    base_end: Annotated[Date | None, Field(description="The last of them, included.")]
    views: Annotated[
        int | None, Field(ge=0, description="The views of the days compared with, of all pairs.")
    ]
    current_views: Annotated[
        int | None, Field(ge=0, description="The views of the range's own days of the same pairs.")
    ]
    days_counted: Annotated[
        int, Field(description="Pairs of days of which both numbers are known.")
    ]


class Comparison(_Section):
    """The range beside earlier days, paired one by one.

    A pair is counted only where both numbers are known: both sums are over equally many days.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "complete": True,
                    "reason": None,
                    "compare": "previous",
                    "align": "weekday",
                    "start": "2016-12-22",
                    "end": "2016-12-24",
                    "days_compared": 3,
                    "current": {
                        "total": 4179,
                        "average": 1393.0,
                        "median": 1441.0,
                        "minimum": {"date": "2016-12-31", "views": 1142},
                        "maximum": {"date": "2016-12-29", "views": 1596},
                        "days_counted": 3,
                        "days_in_range": 3,
                        "complete": True,
                    },
                    "previous": {
                        "total": 4163,
                        "average": 1387.67,
                        "median": 1448.0,
                        "minimum": {"date": "2016-12-24", "views": 1221},
                        "maximum": {"date": "2016-12-22", "views": 1494},
                        "days_counted": 3,
                        "days_in_range": 3,
                        "complete": True,
                    },
                    "change": 16,
                    "change_percent": 0.38,
                    "items": [
                        {
                            "date": "2016-12-29",
                            "base_date": "2016-12-22",
                            "views": 1494,
                            "status": "ok",
                        },
                        {
                            "date": "2016-12-30",
                            "base_date": "2016-12-23",
                            "views": 1448,
                            "status": "ok",
                        },
                        {
                            "date": "2016-12-31",
                            "base_date": "2016-12-24",
                            "views": 1221,
                            "status": "ok",
                        },
                    ],
                }
            ]
        }
    )

    compare: Compare
    align: Align
    start: Annotated[
        Date | None,
        Field(description="The first day compared with; `null` where no day can be."),
    ]
    end: Date | None
    days_compared: Annotated[
        int, Field(description="Pairs of days of which both numbers are known.")
    ]
    current: Annotated[Summary, Field(description="Over the range's own days of these pairs.")]
    previous: Annotated[Summary, Field(description="Over the days that they are compared with.")]
    change: Annotated[int | None, Field(description="`current.total` less `previous.total`.")]
    change_percent: Annotated[
        float | None,
        Field(
            description="`change` in percent of `previous.total`, to two decimals; `null` where "
            "that is 0 or not known."
        ),
    ]
    items: list[ComparedDay] | list[ComparedPeriod]


class _OfAccess(AnswerModel):
    access: Access


class _OfAgent(AnswerModel):
    agent: Agent


class _Part(AnswerModel):
    summary: Summary
    share: Annotated[
        float | None,
        Field(
            description="Percent of the sum of all parts, to two decimals, over the days on which "
            "all parts are known; `null` where that sum is 0 or not known."
        ),
    ]
    items: list[DayPoint] | list[PeriodPoint]


class AccessPart(_Part, _OfAccess):
    """The views that came by one access."""


class AgentPart(_Part, _OfAgent):
    """The views of one kind of agent."""


class _Split(_Section):
    days_counted: Annotated[int, Field(description="Days on which all parts are known.")]


class AccessSplit(_Split):
    """All accesses apart."""

    by: Literal[SplitBy.ACCESS] = SplitBy.ACCESS
    mobile_share: Annotated[
        float | None,
        Field(description="The share of mobile web and app together; see `share` of a part."),
    ]
    parts: Annotated[list[AccessPart], Field(description="desktop, mobile-web, mobile-app.")]


class AgentSplit(_Split):
    """All agents apart. Suspected bots are counted apart since April 2020."""

    by: Literal[SplitBy.AGENT] = SplitBy.AGENT
    automated_share: Annotated[
        float | None, Field(description="The share of suspected bots; see `share` of a part.")
    ]
    parts: Annotated[list[AgentPart], Field(description="user, spider, automated.")]


class DayPerMillion(AnswerModel):
    """A day's views beside those of the whole project."""

    date: Date
    project_views: Annotated[int | None, Field(ge=0)]
    per_million: Annotated[
        float | None,
        Field(description="To four decimals; `null` where a number is not known, or 0 views."),
    ]


class PeriodPerMillion(AnswerModel):
    """The same of a week or month, over the days on which both are known."""

    start: Date
    end: Date
    project_views: Annotated[int | None, Field(ge=0)]
    per_million: float | None
    days_counted: int


class PerMillion(_Section):
    """The article's views for each million of the project, with the same access and agent.

    Counted are the days on which both numbers are known.
    """

    per_million: Annotated[
        float | None,
        Field(description="Over all counted days, to four decimals; `null` where that is unknown."),
    ]
    views: Annotated[int | None, Field(ge=0, description="The article's, on the counted days.")]
    project_views: Annotated[int | None, Field(ge=0, description="The project's, on the same.")]
    days_counted: int
    items: list[DayPerMillion] | list[PeriodPerMillion]


class Direction(StrEnum):
    """Whether there were more or fewer views than usual."""

    UP = "up"
    DOWN = "down"


class AccessShare(AnswerModel):
    """How much of a day's views came by one access, and how much usually does."""

    access: Access
    share: Percent
    usual_share: Percent


class Evidence(AnswerModel):
    """What else is known of that day.

    A rise by one access alone, or one of the whole project, says little about the article.
    """

    project_change_percent: Annotated[
        float | None,
        Field(
            description="By how much the whole project's views differ from their own median on "
            "this weekday in the 8 weeks before, in percent; `null` where that is not known."
        ),
    ]
    access: Annotated[
        list[AccessShare] | None,
        Field(
            description="Percent that came by each access that day, and in the same weekdays of "
            "the 8 weeks before; `null` where that is not known, or one access was asked for."
        ),
    ]


class UnusualDay(AnswerModel):
    """A day that is far from what is usual on its weekday."""

    date: Date
    views: int
    expected: Annotated[float, Field(description="The median of the weeks used.")]
    score: Annotated[
        float,
        Field(
            description="How far off: (views - median) / scale, to two decimals. The scale is "
            "1.4826 times the median absolute deviation, but no less than the root of the "
            "median, which is the noise of counting, and than 1."
        ),
    ]
    direction: Direction
    weeks_used: Annotated[
        int, Field(ge=4, le=8, description="Weeks of the 8 before whose number is known.")
    ]
    evidence: Evidence


class UnusualDays(_Section):
    """The days that are far from the median of the same weekday in the 8 weeks before.

    A day is not judged where its number is not known, or that of fewer than 4 of the weeks.
    """

    # Of the bundled sample, which has no totals and no accesses: there is no evidence in it.
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "complete": True,
                    "reason": None,
                    "threshold": 3.5,
                    "days_judged": 7,
                    "days_not_judged": 0,
                    "items": [
                        {
                            "date": "2016-12-25",
                            "views": 1261,
                            "expected": 1733.0,
                            "score": -4.52,
                            "direction": "down",
                            "weeks_used": 8,
                            "evidence": {"project_change_percent": None, "access": None},
                        }
                    ],
                }
            ]
        }
    )

    threshold: Annotated[
        float,
        Field(description="A day is marked where its score, up or down, is at least this."),
    ]
    days_judged: Annotated[int, Field(description="Days of the range that have a score.")]
    days_not_judged: Annotated[int, Field(description="Days that cannot be judged.")]
    items: Annotated[list[UnusualDay], Field(description="Only the marked days, oldest first.")]
