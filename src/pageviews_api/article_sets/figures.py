"""What the members of a set are together: the sum, and each one's share and rank. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from pageviews_api.exceptions import PageviewsApiError
from pageviews_api.schemas.article_sets import Place, SetFigures
from pageviews_api.schemas.pageviews import ArticleSeries
from pageviews_api.schemas.problem import Problem

Outcome = ArticleSeries | PageviewsApiError
"""What comes of one article."""

ProblemOf = Callable[[PageviewsApiError], Problem]
"""Puts an error into words for the caller."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts of an outcome in its set's figures; ``total`` is None where no day is known."""

    total: int | None
    complete: bool
    failed: bool

    @classmethod
    def of(cls, outcome: Outcome) -> "Counted":
        """Take it from an outcome."""
        if isinstance(outcome, ArticleSeries):
            return cls(outcome.summary.total, outcome.summary.complete, failed=False)
        return cls(None, complete=False, failed=True)


def figures_of(members: Collection[Counted]) -> SetFigures:
    """Add up what could be told of a set, whose members are all different."""
    totals = [one.total for one in members if one.total is not None]
    return SetFigures(
        total=sum(totals) if totals else None,
        articles=len(members),
        failed=sum(one.failed for one in members),
        complete=all(one.complete for one in members),
    )


def places_of(members: Mapping[Key, Counted]) -> dict[Key, Place]:
    """Tell each member's place in the set: its share of the sum, and its rank by views."""
    known = sorted((one.total for one in members.values() if one.total is not None), reverse=True)
    whole = sum(known)
    ranks: dict[int | None, int] = {}
    for position, total in enumerate(known, start=1):
        ranks.setdefault(total, position)
    return {
        key: Place(
            total=one.total,
            share=None if one.total is None or not whole else round(100 * one.total / whole, 2),
            rank=ranks.get(one.total),
        )
        for key, one in members.items()
    }


def status_of(problem: Problem | None) -> int:
    """Tell the status that an article alone would have been answered with."""
    return problem.status if problem else HTTPStatus.OK
