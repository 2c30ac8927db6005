"""Top lists: what is asked of them, and what is answered."""

from dataclasses import dataclass
from datetime import date
from datetime import date as Date  # noqa: N812  # a field below is called date
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from pageviews_api.schemas.pageviews import AnswerModel, Freshness
from pageviews_api.schemas.query import (
    Access,
    Agent,
    AskedAccess,
    Day,
    FormatParameters,
    Month,
    MonthStart,
    refuse,
)


@dataclass(frozen=True, slots=True)
class TopQuery:
    """Whose list of most viewed articles is asked for: a day's, a month's, or the newest day's."""

    project: str
    access: Access
    period: date | Month | None


class TopParameters(FormatParameters):
    """The query part of a URL that asks for a list of most viewed articles."""

    date: Annotated[
        Day | None,
        Field(
            description="The day (UTC). Default: the newest that is loaded.",
            examples=["2015-10-10"],
        ),
    ] = None
    month: Annotated[
        MonthStart | None,
        Field(description="A whole calendar month, in place of `date`.", examples=["2015-10"]),
    ] = None
    access: AskedAccess = None
    agent: Annotated[
        Agent | None,
        Field(description="Only `user`: Wikimedia counts only people in its top lists."),
    ] = None

    @model_validator(mode="after")
    def _what_aqs_has(self) -> Self:
        if self.date is not None and self.month is not None:
            refuse("month", "cannot be combined with date")
        if self.agent not in {None, Agent.USER}:
            refuse("agent", "can only be user: Wikimedia counts only people in its top lists")
        return self

    @property
    def period(self) -> Day | Month | None:
        """The day or month asked for; None means the newest day."""
        return Month(self.month) if self.month else self.date


class RankedArticle(AnswerModel):
    """One row of a list; ties share a rank, and the next ranks are skipped."""

    article: str
    views: int
    rank: int


class _TopList(AnswerModel):
    project: str
    access: Access
    agent: Agent
    date: Annotated[Date | None, Field(description="The day, where a day was asked for.")]
    month: Annotated[
        str | None, Field(description="The month (`2015-10`), where one was asked for.")
    ]


class _Ranking(AnswerModel):
    items: list[RankedArticle]


class TopArticles(_Ranking, Freshness, _TopList):
    """The most viewed pages of a day or a month, counted for people only.

    Wikimedia's list has at most 1,000 rows and holds special pages and the main page, too.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": "en.wikipedia",
                    "access": "all-access",
                    "agent": "user",
                    "date": "2015-10-10",
                    "month": None,
                    "checked_at": "2017-01-01T10:00:00Z",
                    "stale": False,
                    "notice": None,
                    "items": [
                        {"article": "Main_Page", "views": 18793503, "rank": 1},
                        {"article": "Special:Search", "views": 2629537, "rank": 2},
                        {"article": "Carlos_Hathcock", "views": 291358, "rank": 3},
                    ],
                }
            ]
        }
    )
