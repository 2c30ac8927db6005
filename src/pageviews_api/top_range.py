"""What the top lists of single days tell of a range: bounds in place of sums. Pure.

A day's list holds the most viewed pages of that day, at most 1,000: Wikimedia keeps the rows whose
rank is below that of row 1,001, so that of pages with the same number of views either all are in
the list or none (wikimedia/analytics-refinery, ``hql/cassandra/daily``). So whatever is not in a
list had at most as many views as its last row. That holds of a page of a dropped tie, which had
fewer, and also of a list that somebody has cut after any row, as the bundled sample is. It does not
hold of pages that Wikimedia never lists: the title ``-``, and those on its disallow list.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from pageviews_api.schemas.aqs import TopRow

_FIELDS = ("article", "rank", "views_min", "views_max", "days_listed", "exact")


@dataclass(frozen=True, slots=True)
class BoundedRow:
    """The least and the most views that an article can have had; ``views_max`` None is unknown."""

    article: str
    rank: int
    views_min: int
    views_max: int | None
    days_listed: int

    @property
    def exact(self) -> bool:
        """Whether this is the true sum."""
        return self.views_min == self.views_max

    def fields(self) -> dict[str, Any]:
        """Tell all of it by name."""
        return {name: getattr(self, name) for name in _FIELDS}


@dataclass(frozen=True, slots=True)
class BoundedRanking:
    """Rows by ``views_min``, most first; then by ``views_max``, then by title.

    ``unlisted_max``: the most views that a page in no list can have had. ``certain_through_rank``:
    no row behind one of this rank or a better one, and no page in no list, had more views than it.
    """

    rows: tuple[BoundedRow, ...]
    unlisted_max: int | None
    certain_through_rank: int

    def ranks(self) -> dict[str, int]:
        """Tell the rank of each article."""
        return {row.article: row.rank for row in self.rows}


def rank_range(
    lists: Sequence[Sequence[TopRow]], *, complete: bool, keep: Callable[[str], bool]
) -> BoundedRanking:
    """Rank the articles that are kept, by the lists of a range's days, none of them empty.

    ``complete``: whether there is a list of every day. Otherwise there is no upper bound, and no
    order is certain: the days without a list may have brought anything.
    """
    cutoffs = [min(row.views for row in rows) for rows in lists]
    unlisted = sum(cutoffs)
    seen: dict[str, list[int]] = {}
    for rows, cutoff in zip(lists, cutoffs, strict=True):
        for article, views in {row.article: row.views for row in rows}.items():
            found = seen.setdefault(article, [0, unlisted, 0])
            found[0] += views
            found[1] += views - cutoff
            found[2] += 1
    ordered = sorted(
        (-low, -high, article, days) for article, (low, high, days) in seen.items() if keep(article)
    )
    bounds = [(-low, -high) for low, high, _, _ in ordered]
    ranks = _ranks([low for low, _ in bounds])
    return BoundedRanking(
        rows=tuple(
            BoundedRow(article, rank, -low, -high if complete else None, days)
            for rank, (low, high, article, days) in zip(ranks, ordered, strict=True)
        ),
        unlisted_max=unlisted if complete else None,
        certain_through_rank=_certain_through(ranks, bounds, unlisted) if complete else 0,
    )


def _ranks(views: Sequence[int]) -> list[int]:
    """Tell the rank of each number, most first: equal ones share one, the next are skipped."""
    ranks: list[int] = []
    for place, number in enumerate(views):
        ranks.append(ranks[-1] if place and number == views[place - 1] else place + 1)
    return ranks


def _certain_through(ranks: Sequence[int], bounds: Sequence[tuple[int, int]], unlisted: int) -> int:
    """Tell the last rank that is certain, with all of those before it; 0 if the first is not.

    Of a tie, none is certain if the first is not: what is behind the second is behind both.
    """
    behind = list(accumulate((high for _, high in reversed(bounds)), max, initial=unlisted))
    certain = 0
    for rank, (low, _), most in zip(ranks, bounds, reversed(behind[:-1]), strict=True):
        if low < most:
            break
        certain = rank
    return certain
