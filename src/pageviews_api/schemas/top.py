"""What is answered about top lists."""

from datetime import date as Date  # noqa: N812  # a field below is called date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from pageviews_api.schemas.annotations import Annotations
from pageviews_api.schemas.left_out import is_none
from pageviews_api.schemas.pageviews import AnswerModel, DayStatus, Freshness
from pageviews_api.schemas.query import Access, Agent


class RankedArticle(AnswerModel):
    """One row of a list; ties share a rank, and the next ranks are skipped."""

    article: str
    views: int
    rank: int


_PREVIOUS_RANK = Field(
    description="The rank in the period before, found and filtered in the same way; `null` where "
    "it was in no list of it."
)
_IS_NEW = Field(
    description="Whether it was in no list of the period before; `null` where a list of it is "
    "missing and none of the others has it. New in the lists is not unseen before."
)


class ComparedArticle(AnswerModel):
    """A row of a list, beside its rank in the period before."""

    article: str
    views: int
    rank: int
    previous_rank: Annotated[int | None, _PREVIOUS_RANK]
    is_new: Annotated[bool | None, _IS_NEW]


_RANK = Field(
    description="The place by `views_min` among the rows told; ties share one, the next are "
    "skipped."
)
_VIEWS_MIN = Field(ge=0, description="The sum over the lists that have it: not less than this.")
_VIEWS_MAX = Field(
    ge=0,
    description="Not more than this: on a day whose list does not have it, it had at most as many "
    "views as that list's last row. `null` where a day's list is missing.",
)
_DAYS_LISTED = Field(description="On how many of the days it is in the list.")
_EXACT = Field(description="Whether both bounds are the same, so that this is the true sum.")


class RangedArticle(AnswerModel):
    """What is known of an article's views in a range: bounds, for no list has every article."""

    article: str
    rank: Annotated[int, _RANK]
    views_min: Annotated[int, _VIEWS_MIN]
    views_max: Annotated[int | None, _VIEWS_MAX]
    days_listed: Annotated[int, _DAYS_LISTED]
    exact: Annotated[bool, _EXACT]


class ComparedRangedArticle(AnswerModel):
    """The same, beside its rank in the range before."""

    article: str
    rank: Annotated[int, _RANK]
    views_min: Annotated[int, _VIEWS_MIN]
    views_max: Annotated[int | None, _VIEWS_MAX]
    days_listed: Annotated[int, _DAYS_LISTED]
    exact: Annotated[bool, _EXACT]
    previous_rank: Annotated[int | None, _PREVIOUS_RANK]
    is_new: Annotated[bool | None, _IS_NEW]


class MissingList(AnswerModel):
    """A day of which there is no list."""

    date: Date
    status: Annotated[
        Literal[DayStatus.NOT_LOADED, DayStatus.HOLE, DayStatus.MISSING],
        Field(
            description="`not_loaded`: Wikimedia has not published it yet. `hole`: it was lost at "
            "Wikimedia. `missing`: it could not be had now."
        ),
    ]


class PreviousPeriod(AnswerModel):
    """The period with which the ranks are compared."""

    start: Date
    end: Date
    complete: Annotated[bool, Field(description="Whether all of its lists are known.")]


class _Where(AnswerModel):
    project: str
    access: Access
    agent: Agent


class _TopList(_Where):
    date: Annotated[Date | None, Field(description="The day, where a day was asked for.")]
    month: Annotated[
        str | None, Field(description="The month (`2015-10`), where one was asked for.")
    ]


class _Told(AnswerModel):
    """What stands before the rows: what is known of them, and what was asked for beside them."""

    annotations: Annotations
    filter_certain: Annotated[
        bool | None,
        Field(
            exclude_if=is_none,
            description="There only with a filter. `false`: we do not know this project's own "
            "names of namespaces and of its main page, so that rows under these may be left.",
        ),
    ] = None
    previous: Annotated[
        PreviousPeriod | None,
        Field(
            exclude_if=is_none,
            description="What is compared with; there only where it was asked for.",
        ),
    ] = None


class _Ranking(AnswerModel):
    items: Annotated[
        list[RankedArticle] | list[ComparedArticle],
        Field(description="By rank, which is Wikimedia's own, also where rows are left out."),
    ]


class TopArticles(_Ranking, _Told, Freshness, _TopList):
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
                    "annotations": [],
                    "items": [
                        {"article": "Main_Page", "views": 18793503, "rank": 1},
                        {"article": "Special:Search", "views": 2629537, "rank": 2},
                        {"article": "Carlos_Hathcock", "views": 291358, "rank": 3},
                    ],
                }
            ]
        }
    )


class _Range(_Where):
    start: Annotated[Date | None, Field(description="`null` where the range holds no day yet.")]
    end: Date | None
    reason: Annotated[str | None, Field(description="Why `items` is empty, where it is.")] = None
    days_in_range: int
    days_missing: Annotated[
        list[MissingList],
        Field(description="The days of which there is no list, oldest first."),
    ]
    certain_through_rank: Annotated[
        int,
        Field(
            ge=0,
            description="Down to this rank the order is certain: no row behind one of these, and "
            "no page that is in no list, had more views than it. 0 where a list is missing.",
        ),
    ]
    unlisted_max: Annotated[
        int | None,
        Field(
            ge=0,
            description="The most views that a page can have had that is in none of the lists; "
            "`null` where a list is missing.",
        ),
    ]


class _Bounds(AnswerModel):
    items: Annotated[
        list[RangedArticle] | list[ComparedRangedArticle],
        Field(description="By `views_min`, most first; then by `views_max`, then by title."),
    ]


class TopRange(_Bounds, _Told, Freshness, _Range):
    """The most viewed pages of several days: within bounds, counted for people only.

    The sum of daily lists is too small for a page that was on some days behind the last row. So
    each row has the least and the most that its true sum can be.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": "en.wikipedia",
                    "access": "all-access",
                    "agent": "user",
                    "start": "2015-10-10",
                    "end": "2015-10-10",
                    "reason": None,
                    "days_in_range": 1,
                    "days_missing": [],
                    "certain_through_rank": 88,
                    "unlisted_max": 29060,
                    "checked_at": "2017-01-01T10:00:00Z",
                    "stale": False,
                    "notice": None,
                    "annotations": [],
                    "filter_certain": True,
                    "items": [
                        {
                            "article": "Carlos_Hathcock",
                            "rank": 1,
                            "views_min": 291358,
                            "views_max": 291358,
                            "days_listed": 1,
                            "exact": True,
                        },
                        {
                            "article": "UEFA_Euro_2016_qualifying",
                            "rank": 2,
                            "views_min": 143704,
                            "views_max": 143704,
                            "days_listed": 1,
                            "exact": True,
                        },
                        {
                            "article": "Web_scraping",
                            "rank": 3,
                            "views_min": 115672,
                            "views_max": 115672,
                            "days_listed": 1,
                            "exact": True,
                        },
                    ],
                }
            ]
        }
    )
