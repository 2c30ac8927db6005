"""What a day's archive holds. A change of this format raises ``SCHEMA_VERSION``."""

from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pageviews_api.schemas.pageviews import DayPoint
from pageviews_api.schemas.query import Access, Agent

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
    """One series as it was observed.

    ``article`` is None for a project's total. ``no_data``: Wikimedia told no view in the
    window. ``failed`` comes with a ``reason`` and no points. ``points`` are oldest first, one for
    each day of the window. ``listed_on`` is the day whose top list last named the article, None
    where it was asked for by name.
    """

    project: str
    article: str | None
    access: Access
    agent: Agent
    outcome: Outcome
    reason: str | None = None
    listed_on: Date | None = None
    points: tuple[DayPoint, ...] = ()


class ConsultedList(ArchiveModel):
    """A top list that was asked which articles to archive.

    ``no_data``: Wikimedia has no list for that day. ``failed``: it could not be had, so articles
    may be missing from ``items``.
    """

    project: str
    date: Date
    outcome: Outcome
    reason: str | None = None


class Window(ArchiveModel):
    """The days that an archive covers, both included."""

    start: Date
    end: Date


class ArchiveDocument(ArchiveModel):
    """The archive of day ``date``: the days before it, as Wikimedia told them.

    ``observed_on`` is the UTC day of the latest fetch in it; ``late`` says that this was after
    ``date``. ``complete`` says that nothing failed and that every day of the window was loaded at
    Wikimedia when its items were fetched: a complete archive is never replaced. ``items`` are
    sorted by project, article, access and agent. The same facts give the same bytes: no time of
    day, no run's name is inside.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    date: Date
    observed_on: Date
    late: bool
    window: Window
    complete: bool
    lists: tuple[ConsultedList, ...] = ()
    items: tuple[ArchivedSeries, ...]
