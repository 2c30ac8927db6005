"""What archived top lists tell of an article: ranks by day, streaks, entries. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby, pairwise

from pageviews_api.schemas.archive import ArchivedTop, Outcome
from pageviews_api.schemas.archive_answers import BestRank, RankedDay, RankStatus, Streak

_TOLD = (RankStatus.LISTED, RankStatus.NOT_LISTED)


def ranked_day(day: date, top: ArchivedTop | None, article: str) -> RankedDay:
    """Tell an article's place in the list of a day; ``top`` is None where none is archived.

    A list that was not to be had when it was archived is none.
    """
    if top is None or top.outcome is not Outcome.OK or top.date != day:
        return untold_day(day, RankStatus.NOT_ARCHIVED)
    for row in top.articles:
        if row.article == article:
            return RankedDay(date=day, rank=row.rank, views=row.views, status=RankStatus.LISTED)
    return untold_day(day, RankStatus.NOT_LISTED)


def untold_day(day: date, status: RankStatus) -> RankedDay:
    """Tell a day without a rank."""
    return RankedDay(date=day, rank=None, views=None, status=status)


def is_told(day: RankedDay) -> bool:
    """Tell whether the day's list is known."""
    return day.status in _TOLD


def best_rank(days: Iterable[RankedDay]) -> BestRank | None:
    """Tell the best rank, on the first day that has it; None where no day is listed."""
    ranks = [(one.rank, one.date) for one in days if one.rank is not None]
    if not ranks:
        return None
    rank, day = min(ranks)
    return BestRank(date=day, rank=rank)


def entries(days: Sequence[RankedDay]) -> list[date]:
    """Tell the days on which it came into the list, of consecutive days, oldest first.

    After a day of which nothing is known, it cannot be told whether it came.
    """
    return [
        day.date
        for before, day in pairwise(days)
        if before.status is RankStatus.NOT_LISTED and day.status is RankStatus.LISTED
    ]


def streaks(days: Sequence[RankedDay]) -> list[Streak]:
    """Tell the runs of listed days, of consecutive days, oldest first.

    A day of which nothing is known is in no run; those beside it say that they may be longer. So
    do those at either end of the days.
    """
    told: list[Streak] = []
    at = 0
    for listed, group in groupby(days, key=lambda day: day.status is RankStatus.LISTED):
        run = list(group)
        before, after = at - 1, at + len(run)
        if listed:
            told.append(
                Streak(
                    start=run[0].date,
                    end=run[-1].date,
                    days=len(run),
                    best_rank=min(day.rank for day in run if day.rank is not None),
                    may_begin_earlier=before < 0 or not is_told(days[before]),
                    may_end_later=after >= len(days) or not is_told(days[after]),
                )
            )
        at = after
    return told
