"""What a day's archive holds. A change of this format raises ``SCHEMA_VERSION``."""

from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pageviews_api.schemas.pageviews import DayPoint
from pageviews_api.schemas.query import Access, Agent
from pageviews_api.schemas.top import RankedArticle

SCHEMA_VERSION: Literal[1] = 1


class ArchiveModel(BaseModel):
    """Frozen, and nothing beside the fields: an archive is read back for years."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(StrEnum):
    """How the fetch of one series or list went."""

    OK = "ok"
    NO_DATA = "no_data"
    FAILED = "failed"


class ArchivedSeries(ArchiveModel):
    """One series as it was observed."""

    project: str
    article: Annotated[str | None, Field(description="`null` for a project's total.")]
    access: Access
    agent: Agent
    outcome: Annotated[
        Outcome, Field(description="`no_data`: Wikimedia told no view in the window.")
    ]
    reason: Annotated[str | None, Field(description="Why it `failed`; then without points.")] = None
    listed_on: Annotated[
        Date | None,
        Field(description="The day whose top list last named it; `null` if asked for by name."),
    ] = None
    points: Annotated[
        tuple[DayPoint, ...], Field(description="One for each day of the window, oldest first.")
    ] = ()


class ArchivedTop(ArchiveModel):
    """The list of the most viewed articles of a project's day, as it was observed.

    ``no_data``: Wikimedia has no list for that day. ``failed``: it could not be had; where it
    also chooses what is archived, articles may be missing.
    """

    project: str
    access: Access
    date: Date
    outcome: Outcome
    reason: Annotated[str | None, Field(description="Why it `failed`; then without articles.")] = (
        None
    )
    articles: Annotated[
        tuple[RankedArticle, ...],
        Field(description="By rank, as Wikimedia gives them: at most 1,000."),
    ] = ()


class Window(ArchiveModel):
    """The days that an archive covers, both included."""

    start: Date
    end: Date


class ArchiveHeader(ArchiveModel):
    """What stands at the beginning of an archive."""

    schema_version: Annotated[Literal[1], Field(description="The version of this format.")] = (
        SCHEMA_VERSION
    )
    date: Date
    observed_on: Annotated[Date, Field(description="The UTC day of the latest fetch in it.")]
    late: Annotated[bool, Field(description="Whether that was after `date`.")]
    window: Window
    complete: Annotated[
        bool,
        Field(
            description="Nothing failed, and every day of the window was loaded at Wikimedia when "
            "it was fetched. A complete archive is never replaced."
        ),
    ]


class ArchiveDocument(ArchiveHeader):
    """The archive of day `date`: the days before it, as Wikimedia told them.

    The same facts give the same bytes: no time of day, no run's name is inside.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "schema_version": 1,
                    "date": "2017-01-01",
                    "observed_on": "2017-01-01",
                    "late": False,
                    "window": {"start": "2016-12-29", "end": "2016-12-31"},
                    "complete": True,
                    "top": [
                        {
                            "project": "en.wikipedia",
                            "access": "all-access",
                            "date": "2016-12-31",
                            "outcome": "no_data",
                            "reason": None,
                            "articles": [],
                        },
                        {
                            "project": "fr.wikipedia",
                            "access": "all-access",
                            "date": "2016-12-31",
                            "outcome": "no_data",
                            "reason": None,
                            "articles": [],
                        },
                    ],
                    "items": [
                        {
                            "project": "fr.wikipedia",
                            "article": "Strasbourg",
                            "access": "all-access",
                            "agent": "all-agents",
                            "outcome": "ok",
                            "reason": None,
                            "listed_on": None,
                            "points": [
                                {"date": "2016-12-29", "views": 1596, "status": "ok"},
                                {"date": "2016-12-30", "views": 1441, "status": "ok"},
                                {"date": "2016-12-31", "views": 1142, "status": "ok"},
                            ],
                        }
                    ],
                }
            ]
        }
    )

    top: Annotated[
        tuple[ArchivedTop, ...],
        Field(description="The top lists of the day before, by project."),
    ] = ()
    items: Annotated[
        tuple[ArchivedSeries, ...],
        Field(description="Sorted by project, article, access and agent."),
    ]
