"""What is answered under AQS's paths from what we keep: AQS's own bodies, keys in its order.

What is passed on has the models of ``aqs``: it comes as it was sent.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from pageviews_api.daterange import aqs_stamp
from pageviews_api.schemas.aqs import TopAnswer, TopItem, TopRow
from pageviews_api.schemas.aqs_questions import DaysAsked, TopAsked
from pageviews_api.schemas.pageviews import AnswerModel
from pageviews_api.schemas.query import Access, Agent, Granularity, Month

_Views = Annotated[int, Field(ge=0)]


class ArticleViews(AnswerModel):
    """An article's views in one day or month."""

    project: str
    article: Annotated[str, Field(description="The title, with underscores.")]
    granularity: Literal["daily", "monthly"]
    timestamp: Annotated[str, Field(description="`YYYYMMDD00`; a month is told by its first day.")]
    access: Access
    agent: Agent
    views: _Views


class ArticleViewsAnswer(AnswerModel):
    """``per-article``; oldest first. Days and months without any view are left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "project": "en.wikipedia",
                            "article": "HIV/AIDS",
                            "granularity": "daily",
                            "timestamp": "2025081500",
                            "access": "all-access",
                            "agent": "user",
                            "views": 2097,
                        }
                    ]
                }
            ]
        }
    )

    items: list[ArticleViews]

    @classmethod
    def of(cls, asked: DaysAsked, views: Mapping[date, int]) -> Self:
        """Tell an article's views by day, oldest first, in the steps that are asked for."""
        series = asked.series
        return cls(
            items=[
                ArticleViews(
                    project=series.project,
                    article=series.article or "",
                    granularity=_step(asked),
                    timestamp=timestamp,
                    access=series.access,
                    agent=series.agent,
                    views=count,
                )
                for timestamp, count in _steps(asked, views).items()
            ]
        )


class ProjectViews(AnswerModel):
    """The views of all pages of a project in one hour, day or month."""

    project: str
    access: Access
    agent: Agent
    granularity: Literal["hourly", "daily", "monthly"]
    timestamp: Annotated[str, Field(description="`YYYYMMDDHH`; a month is told by its first day.")]
    views: _Views


class ProjectViewsAnswer(AnswerModel):
    """``aggregate``; oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "project": "en.wikipedia",
                            "access": "desktop",
                            "agent": "user",
                            "granularity": "monthly",
                            "timestamp": "2015070100",
                            "views": 4376666686,
                        }
                    ]
                }
            ]
        }
    )

    items: list[ProjectViews]

    @classmethod
    def of(cls, asked: DaysAsked, views: Mapping[date, int]) -> Self:
        """Tell a project's views by day, oldest first, in the steps that are asked for."""
        series = asked.series
        return cls(
            items=[
                ProjectViews(
                    project=series.project,
                    access=series.access,
                    agent=series.agent,
                    granularity=_step(asked),
                    timestamp=timestamp,
                    views=count,
                )
                for timestamp, count in _steps(asked, views).items()
            ]
        )


class MetricsListing(AnswerModel):
    """The names of what there is about pageviews."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": ["aggregate", "per-article", "top", "top-by-country"]}]
        }
    )

    items: Annotated[list[str], Field(description="Their names.")]


LISTING = MetricsListing(items=["aggregate", "per-article", "top", "top-by-country"])
"""What AQS lists; ``top-per-country`` came later, and is not in it (npm ``pageviews`` 1.5.0)."""


def top_answer(asked: TopAsked, rows: tuple[TopRow, ...]) -> TopAnswer:
    """Tell a top list by rank. Month and day have two digits, also where one was asked with."""
    period = asked.period
    first = period.first_day if isinstance(period, Month) else period
    item = TopItem(
        project=asked.project,
        access=asked.access.value,
        year=f"{first:%Y}",
        month=f"{first:%m}",
        day="all-days" if isinstance(period, Month) else f"{first:%d}",
        articles=list(rows),
    )
    return TopAnswer(items=[item])


def _step(asked: DaysAsked) -> Literal["daily", "monthly"]:
    return "monthly" if asked.granularity is Granularity.MONTHLY else "daily"


def _steps(asked: DaysAsked, views: Mapping[date, int]) -> dict[str, int]:
    """Add up days by AQS's timestamp.

    A month that is not wholly asked for counts in part, as AQS 2.0 is reported to count it; its
    predecessor left it out.
    """
    if asked.granularity is not Granularity.MONTHLY:
        return {aqs_stamp(day): count for day, count in views.items()}
    months: dict[str, int] = {}
    for day, count in views.items():
        timestamp = aqs_stamp(day.replace(day=1))
        months[timestamp] = months.get(timestamp, 0) + count
    return months
