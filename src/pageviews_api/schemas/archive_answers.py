"""What we answer about the archive: what there is, what it tells, what changed, who was listed."""

from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from pydantic import ConfigDict, Field

from pageviews_api.schemas.archive import Outcome
from pageviews_api.schemas.pageviews import AnswerModel, DayPoint, DayStatus, Summary
from pageviews_api.schemas.query import Access, Agent

Item = TypeVar("Item", bound=AnswerModel)

Notice = Annotated[
    str | None, Field(description="What else to know; set where the data are a sample.")
]

NextCursor = Annotated[
    str | None,
    Field(
        description="The `cursor` of the next page, to which the header `Link` leads; `null` on "
        "the last one."
    ),
]


class Span(AnswerModel):
    """Consecutive UTC days, both included."""

    start: Date
    end: Date


class SeriesCounts(AnswerModel):
    """How many series an archive holds, by what came of asking for them."""

    ok: Annotated[int, Field(description="Wikimedia told views.")]
    no_data: Annotated[int, Field(description="Wikimedia told no view in the window.")]
    failed: Annotated[int, Field(description="They could not be had.")]


class ArchiveItem(AnswerModel):
    """One archive, as the list tells of it."""

    date: Date
    observed_on: Annotated[Date | None, Field(description="The UTC day of the latest fetch in it.")]
    late: Annotated[bool | None, Field(description="Whether that was after `date`.")]
    complete: Annotated[
        bool | None,
        Field(description="Whether nothing failed and every day was loaded; never replaced then."),
    ]
    window: Annotated[Span | None, Field(description="The days that it tells of.")]
    series: SeriesCounts | None
    known_days: Annotated[
        int | None, Field(description="How many numbers it tells, over all its series.")
    ]
    top_lists: Annotated[int | None, Field(description="How many top lists it holds.")]
    size: Annotated[int, Field(description="Bytes, before compression.")]
    sha256: Annotated[
        str | None, Field(description="Of its bytes, as 64 lower-case hexadecimal digits.")
    ]
    reason: Annotated[
        str | None, Field(description="Why the rest is `null`, where it is; `null` elsewhere.")
    ]


class Listing(AnswerModel, Generic[Item]):
    """Archives of one kind, and the days that have none."""

    items: Annotated[list[Item], Field(description="Newest first.")]
    newest: Annotated[Date | None, Field(description="The newest archived day.")]
    oldest: Annotated[Date | None, Field(description="The oldest archived day.")]
    total: Annotated[int, Field(ge=0, description="How many days are archived.")]
    gaps: Annotated[
        list[Span],
        Field(
            description="The days without an archive, oldest first: of the last 365 up to "
            "yesterday (today's archive may still be due), from the first archive on."
        ),
    ]
    next_cursor: NextCursor
    notice: Notice = None


class ArchiveList(Listing[ArchiveItem]):
    """Which days are archived, and which are not."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "date": "2017-01-01",
                            "observed_on": "2017-01-01",
                            "late": False,
                            "complete": True,
                            "window": {"start": "2016-12-29", "end": "2016-12-31"},
                            "series": {"ok": 1, "no_data": 0, "failed": 0},
                            "known_days": 3,
                            "top_lists": 0,
                            "size": 702,
                            "sha256": "0c4095f2817385811a552f401fbed396"
                            "22962a2180fefd3379d207f73ee823df",
                            "reason": None,
                        }
                    ],
                    "newest": "2017-01-01",
                    "oldest": "2017-01-01",
                    "total": 1,
                    "gaps": [],
                    "next_cursor": None,
                    "notice": None,
                }
            ]
        }
    )


class ObservedSeries(AnswerModel):
    """A series as one archive tells it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "date": "2017-01-01",
                    "observed_on": "2017-01-01",
                    "late": False,
                    "complete": True,
                    "project": "fr.wikipedia",
                    "article": "Strasbourg",
                    "access": "all-access",
                    "agent": "all-agents",
                    "outcome": "ok",
                    "reason": None,
                    "listed_on": None,
                    "start": "2016-12-29",
                    "end": "2016-12-31",
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
                }
            ]
        }
    )

    date: Annotated[Date, Field(description="The archive's day.")]
    observed_on: Annotated[Date, Field(description="The UTC day of the latest fetch in it.")]
    late: Annotated[bool, Field(description="Whether that was after `date`.")]
    complete: Annotated[
        bool, Field(description="Whether the whole archive is complete, and so never replaced.")
    ]
    project: str
    article: Annotated[str | None, Field(description="`null` for a project's total.")]
    access: Access
    agent: Agent
    outcome: Annotated[
        Outcome, Field(description="`no_data`: Wikimedia told no view in the window.")
    ]
    reason: Annotated[str | None, Field(description="Why it `failed`; then `items` is empty.")]
    listed_on: Annotated[
        Date | None,
        Field(description="The day whose top list last named it; `null` if asked for by name."),
    ]
    start: Annotated[Date, Field(description="The first day that the archive tells of.")]
    end: Annotated[Date, Field(description="The last day that the archive tells of.")]
    notice: Notice = None
    summary: Summary
    items: Annotated[list[DayPoint], Field(description="As archived: oldest first, without gaps.")]


class ComparedArchive(AnswerModel):
    """One of the two archives that are compared."""

    date: Date
    observed_on: Annotated[Date, Field(description="The UTC day of the latest fetch in it.")]
    late: Annotated[bool, Field(description="Whether that was after `date`.")]
    complete: Annotated[bool, Field(description="Whether nothing failed and every day was loaded.")]


class ChangeKind(StrEnum):
    """How a day's number changed."""

    RESTATED = "restated"
    LOADED = "loaded"
    WITHDRAWN = "withdrawn"


class ChangedDay(AnswerModel):
    """A day whose number two archives tell differently."""

    project: str
    article: Annotated[str | None, Field(description="`null` for a project's total.")]
    access: Access
    agent: Agent
    date: Date
    before: Annotated[int | None, Field(description="As the earlier archive has it.")]
    before_status: DayStatus
    after: Annotated[int | None, Field(description="As the later archive has it.")]
    after_status: DayStatus
    change: Annotated[
        int | None, Field(description="`after` less `before`; `null` where either is not known.")
    ]
    kind: Annotated[
        ChangeKind,
        Field(
            description="`restated`: from one number to another. `loaded`: it was not known, and "
            "is now. `withdrawn`: it was known, and is not any more; `after_status` says why."
        ),
    ]


class Elsewhere(StrEnum):
    """What the other archive has of a series that only one tells."""

    ABSENT = "absent"
    FAILED = "failed"


class LoneSeries(AnswerModel):
    """A series that only one of two archives tells."""

    project: str
    article: str | None
    access: Access
    agent: Agent
    elsewhere: Annotated[
        Elsewhere,
        Field(description="Whether the other archive lacks it, or tells that it `failed`."),
    ]


class DifferenceCounts(AnswerModel):
    """How much differs, on all pages together."""

    compared_series: Annotated[int, Field(description="Series that both archives tell.")]
    restated: Annotated[int, Field(description="Days that changed from one number to another.")]
    loaded: Annotated[int, Field(description="Days that were not known, and are now.")]
    withdrawn: Annotated[int, Field(description="Days that were known, and are not any more.")]
    only_in_earlier: Annotated[
        int, Field(description="Series that only the earlier archive tells.")
    ]
    only_in_later: Annotated[int, Field(description="Series that only the later archive tells.")]


class ArchiveDifferences(AnswerModel):
    """What changed between two archives."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "earlier": {
                        "date": "2017-01-01",
                        "observed_on": "2017-01-01",
                        "late": False,
                        "complete": False,
                    },
                    "later": {
                        "date": "2017-01-02",
                        "observed_on": "2017-01-02",
                        "late": False,
                        "complete": False,
                    },
                    "days": {"start": "2016-12-30", "end": "2016-12-31"},
                    "counts": {
                        "compared_series": 1,
                        "restated": 0,
                        "loaded": 1,
                        "withdrawn": 0,
                        "only_in_earlier": 0,
                        "only_in_later": 0,
                    },
                    "changed": [
                        {
                            "project": "fr.wikipedia",
                            "article": "Strasbourg",
                            "access": "all-access",
                            "agent": "all-agents",
                            "date": "2016-12-31",
                            "before": None,
                            "before_status": "not_loaded",
                            "after": 1142,
                            "after_status": "ok",
                            "change": None,
                            "kind": "loaded",
                        }
                    ],
                    "only_in_earlier": [],
                    "only_in_later": [],
                    "next_cursor": None,
                    "notice": None,
                }
            ]
        }
    )

    earlier: Annotated[
        ComparedArchive,
        Field(description="That which was observed first, whichever day it is named for."),
    ]
    later: ComparedArchive
    days: Annotated[
        Span | None, Field(description="The days that both tell of; `null` where there are none.")
    ]
    counts: DifferenceCounts
    changed: Annotated[
        list[ChangedDay],
        Field(description="By project, article, access and agent, then by day; a page of them."),
    ]
    only_in_earlier: Annotated[
        list[LoneSeries], Field(description="The first 1,000; sorted as the archives are.")
    ]
    only_in_later: Annotated[
        list[LoneSeries], Field(description="The first 1,000; sorted as the archives are.")
    ]
    next_cursor: NextCursor
    notice: Notice = None


class RankStatus(StrEnum):
    """What is known of an article's rank on a day."""

    LISTED = "listed"
    NOT_LISTED = "not_listed"
    NOT_ARCHIVED = "not_archived"
    MISSING = "missing"


class RankedDay(AnswerModel):
    """An article's place in the top list of a day."""

    date: Date
    rank: Annotated[int | None, Field(description="Ties share one, and the next are skipped.")]
    views: int | None
    status: Annotated[
        RankStatus,
        Field(
            description="`not_listed`: the list is archived and does not name it. "
            "`not_archived`: no list of the day is archived. `missing`: it is archived and could "
            "not be read now."
        ),
    ]


class BestRank(AnswerModel):
    """The first day on which an article stood highest."""

    date: Date
    rank: int


class Streak(AnswerModel):
    """Consecutive days on which an article was listed.

    A day of which no list is known is in no streak. It neither ends one for certain nor goes on
    with it, and the streaks beside it say so.
    """

    start: Date
    end: Date
    days: Annotated[int, Field(description="How many days it has.")]
    best_rank: Annotated[int, Field(description="The highest place in it.")]
    may_begin_earlier: Annotated[
        bool, Field(description="Whether it is not known if the day before was listed, too.")
    ]
    may_end_later: Annotated[
        bool, Field(description="Whether it is not known if the day after was listed, too.")
    ]


class TopHistory(AnswerModel):
    """An article's ranks in the archived top lists of a project."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": "en.wikipedia",
                    "article": "Carlos_Hathcock",
                    "access": "all-access",
                    "agent": "user",
                    "start": "2015-10-09",
                    "end": "2015-10-10",
                    "reason": None,
                    "days_listed": 1,
                    "days_archived": 1,
                    "best": {"date": "2015-10-10", "rank": 3},
                    "streaks": [
                        {
                            "start": "2015-10-10",
                            "end": "2015-10-10",
                            "days": 1,
                            "best_rank": 3,
                            "may_begin_earlier": True,
                            "may_end_later": True,
                        }
                    ],
                    "entries": [],
                    "notice": None,
                    "items": [
                        {
                            "date": "2015-10-09",
                            "rank": None,
                            "views": None,
                            "status": "not_archived",
                        },
                        {"date": "2015-10-10", "rank": 3, "views": 291358, "status": "listed"},
                    ],
                }
            ]
        }
    )

    project: str
    article: str
    access: Annotated[Access, Field(description="The archive keeps the lists of all access.")]
    agent: Annotated[Agent, Field(description="Wikimedia counts only people in its top lists.")]
    start: Annotated[Date | None, Field(description="`null` where the range holds no day yet.")]
    end: Date | None
    reason: Annotated[str | None, Field(description="Why `items` is empty, where it is.")]
    days_listed: Annotated[int, Field(description="Days on which the article was in the list.")]
    days_archived: Annotated[int, Field(description="Days whose list could be read.")]
    best: BestRank | None
    streaks: Annotated[list[Streak], Field(description="Oldest first.")]
    entries: Annotated[
        list[Date],
        Field(
            description="The days on which it came into the list: listed, and known not to be on "
            "the day before."
        ),
    ]
    notice: Notice = None
    items: Annotated[
        list[RankedDay], Field(description="Oldest first, without gaps: every asked day.")
    ]
