"""What we tell about our own knowledge: projects, loaded days, corrections, archive, budget."""

from collections.abc import Collection, Mapping
from datetime import date as Date  # noqa: N812  # fields below are called date
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from pageviews_api.schemas.points import AnswerModel

HOLES_TOLD = timedelta(days=365)
"""How far behind the newest loaded day holes are listed; older ones are counted."""

MOST_TOLD = 31
"""Days that one list of arrivals, or of corrections, names at the most."""


class Dataset(StrEnum):
    """What Wikimedia loads at one time, for all projects together."""

    PER_ARTICLE = "per-article"
    AGGREGATE = "aggregate"
    TOP = "top"


class KnownProject(AnswerModel):
    """A project of which Wikimedia has told us a number."""

    project: str
    complete_through: Annotated[
        Date | None,
        Field(description="The newest day loaded of it; `null` where we have not looked."),
    ]
    checked_at: Annotated[
        datetime | None, Field(description="When we last looked; `null` where we have not.")
    ]


class KnownProjects(AnswerModel):
    """The projects of which Wikimedia has told us a number so far; it has about a thousand."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "project": "en.wikipedia",
                            "complete_through": None,
                            "checked_at": None,
                        },
                        {
                            "project": "fr.wikipedia",
                            "complete_through": "2026-11-21",
                            "checked_at": "2026-11-22T12:00:00Z",
                        },
                    ],
                    "notice": None,
                }
            ]
        }
    )

    items: Annotated[list[KnownProject], Field(description="Sorted by project.")]
    notice: Annotated[
        str | None, Field(description="What else to know; set where the data are a sample.")
    ] = None


class ShownDay(AnswerModel):
    """A day that came while we watched."""

    date: Date
    shown_at: Annotated[datetime, Field(description="When we first saw it loaded.")]


class LoadedDays(AnswerModel):
    """Which days of a dataset are there, as the series shows that we watch for it."""

    dataset: Dataset
    project: Annotated[
        str,
        Field(
            description="Whose views show it. Wikimedia loads a dataset for all projects together."
        ),
    ]
    complete_through: Annotated[Date, Field(description="The newest loaded day.")]
    known_from: Annotated[Date, Field(description="The first day since which holes are known.")]
    recent: Annotated[
        list[ShownDay],
        Field(description="Days that came while we watched, newest first, at most 31."),
    ]
    holes: Annotated[
        list[Date],
        Field(
            description="Days lost at Wikimedia, newest first, of the 365 days up to "
            "`complete_through`."
        ),
    ]
    older_holes: Annotated[int, Field(ge=0, description="How many older days were lost.")]
    checked_at: Annotated[datetime, Field(description="When we last looked.")]
    next_check_at: Annotated[
        datetime | None,
        Field(
            description="From when on the next question makes us look again; `null` where any does."
        ),
    ]

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        project: str,
        *,
        complete_through: Date,
        known_from: Date,
        shown_at: Mapping[Date, datetime],
        holes: Collection[Date],
        checked_at: datetime,
        next_check_at: datetime | None,
    ) -> Self:
        """Tell what is known of a dataset, with lists that are sorted and bounded."""
        told = sorted((day for day in holes if day > complete_through - HOLES_TOLD), reverse=True)
        newest = sorted(shown_at, reverse=True)[:MOST_TOLD]
        return cls(
            dataset=dataset,
            project=project,
            complete_through=complete_through,
            known_from=known_from,
            recent=[ShownDay(date=day, shown_at=shown_at[day]) for day in newest],
            holes=told,
            older_holes=len(holes) - len(told),
            checked_at=checked_at,
            next_check_at=next_check_at,
        )


class RestatedDay(AnswerModel):
    """A day whose numbers Wikimedia changed after we knew them."""

    date: Date
    noticed_at: Annotated[datetime, Field(description="When the new total was seen.")]


class RestatedDays(AnswerModel):
    """Which days of a project were restated, as its total views show."""

    project: str
    items: Annotated[
        list[RestatedDay], Field(description="The last noticed first, then by day; at most 31.")
    ]
    more: Annotated[int, Field(ge=0, description="How many more were noticed and are not listed.")]
    watched_since: Annotated[
        datetime | None,
        Field(description="Since when the newest days are compared; `null` where none can be."),
    ]
    checked_at: Annotated[datetime, Field(description="When the newest days were last compared.")]
    history_checked_at: Annotated[
        datetime | None, Field(description="When all days were last compared; `null`: not yet.")
    ]

    @classmethod
    def of(
        cls,
        project: str,
        *,
        noticed_at: Mapping[Date, datetime],
        watched_since: datetime | None,
        checked_at: datetime,
        history_checked_at: datetime | None,
    ) -> Self:
        """Tell what was noticed of a project, with a list that is sorted and bounded."""
        days = sorted(noticed_at, key=lambda day: (noticed_at[day], day), reverse=True)
        return cls(
            project=project,
            items=[RestatedDay(date=day, noticed_at=noticed_at[day]) for day in days[:MOST_TOLD]],
            more=len(days[MOST_TOLD:]),
            watched_since=watched_since,
            checked_at=checked_at,
            history_checked_at=history_checked_at,
        )


class ArchiveCoverage(AnswerModel):
    """Which days are archived, and how the daily job does."""

    enabled: Annotated[bool, Field(description="Whether this process archives.")]
    newest: Annotated[Date | None, Field(description="The newest archived day.")]
    oldest: Annotated[Date | None, Field(description="The oldest archived day.")]
    days: Annotated[
        int | None,
        Field(ge=0, description="How many days are archived; `null` where the store is silent."),
    ]
    incomplete: Annotated[
        list[Date] | None,
        Field(
            description="Those of the last 30 days that are archived in part or cannot be read, "
            "newest first, as the last run found; `null` where no run of this process has ended."
        ),
    ]
    last_run: Annotated[datetime | None, Field(description="When this process last began a run.")]
    last_success: Annotated[
        datetime | None, Field(description="When one last ended with nothing left to do.")
    ]
    last_error: Annotated[str | None, Field(description="What is wrong, where something is.")]


class Budget(AnswerModel):
    """What may be asked of Wikimedia now."""

    requests_per_minute: Annotated[int, Field(description="Requests allowed in any 60 seconds.")]
    remaining: Annotated[int, Field(ge=0, description="How many of them are left now.")]
    in_flight: Annotated[
        int | None, Field(ge=0, description="Requests being answered now; `null` if not known.")
    ]
    paused_until: Annotated[
        datetime | None, Field(description="Until when Wikimedia asked us to stay away.")
    ]
    circuit: Annotated[
        str,
        Field(
            description="`open`: Wikimedia failed so often that we leave it alone; `half-open`: "
            "one request is to try.",
            examples=["closed"],
        ),
    ]
    shared: Annotated[bool, Field(description="Whether other processes use the same budget now.")]


class DataState(AnswerModel):
    """What is loaded at Wikimedia, restated and archived, as far as this service knows."""

    # The calendar's days are plausible, not recorded; there is no number of views among them.
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "datasets": [
                        {
                            "dataset": "per-article",
                            "project": "en.wikipedia",
                            "complete_through": "2026-11-21",
                            "known_from": "2024-11-22",
                            "recent": [
                                {"date": "2026-11-21", "shown_at": "2026-11-22T05:45:00Z"},
                                {"date": "2026-11-20", "shown_at": "2026-11-21T05:30:00Z"},
                            ],
                            "holes": [],
                            "older_holes": 0,
                            "checked_at": "2026-11-22T05:45:00Z",
                            "next_check_at": "2026-11-23T00:00:00Z",
                        }
                    ],
                    "corrections": [
                        {
                            "project": "fr.wikipedia",
                            "items": [{"date": "2026-11-19", "noticed_at": "2026-11-21T08:00:00Z"}],
                            "more": 0,
                            "watched_since": "2026-11-20T06:00:00Z",
                            "checked_at": "2026-11-22T10:00:00Z",
                            "history_checked_at": None,
                        }
                    ],
                    "archive": {
                        "enabled": True,
                        "newest": "2026-11-22",
                        "oldest": "2026-10-01",
                        "days": 53,
                        "incomplete": [],
                        "last_run": "2026-11-22T11:15:00Z",
                        "last_success": "2026-11-22T11:15:01Z",
                        "last_error": None,
                    },
                    "budget": {
                        "requests_per_minute": 150,
                        "remaining": 147,
                        "in_flight": 0,
                        "paused_until": None,
                        "circuit": "closed",
                        "shared": False,
                    },
                    "notice": None,
                }
            ]
        }
    )

    datasets: Annotated[
        list[LoadedDays],
        Field(description="By dataset and project, as far as they were asked for."),
    ]
    corrections: Annotated[
        list[RestatedDays], Field(description="By project, as far as they were asked for.")
    ]
    archive: ArchiveCoverage
    budget: Budget
    notice: Annotated[
        str | None, Field(description="What else to know; set where the data are a sample.")
    ] = None
