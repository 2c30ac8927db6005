"""Bounds of ranges of top lists, against true counts."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.schemas.aqs import TopRow
from pageviews_api.top_range import BoundedRanking, rank_range
from tests.support.top_cut import cut_list, ranked_list

TITLES = "ABCDEFGHIJ"

Counts = dict[str, int]

days = st.lists(
    st.fixed_dictionaries({title: st.integers(0, 9) for title in TITLES}).filter(
        lambda counts: any(counts.values())
    ),
    min_size=1,
    max_size=6,
)
"""True counts of all titles for each day of a range; ties are frequent."""


def of(*rows: tuple[str, int]) -> list[TopRow]:
    """Build a list of titles with their views."""
    return ranked_list(dict(rows))


def rank(lists: Sequence[Sequence[TopRow]], *, complete: bool = True) -> BoundedRanking:
    """Rank all titles."""
    return rank_range(lists, complete=complete, keep=lambda _: True)


def truth(counts: Sequence[Counts]) -> Counts:
    """Sum the true counts of each title."""
    return {title: sum(day[title] for day in counts) for title in TITLES}


def check(ranking: BoundedRanking, true: Counts, told: str = TITLES) -> None:
    """See that nothing that a ranking says is wrong."""
    listed = {row.article: row for row in ranking.rows}
    assert listed.keys() <= set(told)
    for row in ranking.rows:
        assert row.views_max is not None
        assert row.views_min <= true[row.article] <= row.views_max
        assert not row.exact or row.views_min == true[row.article]
    assert ranking.unlisted_max is not None
    unlisted = [true[title] for title in told if title not in listed]
    assert all(views <= ranking.unlisted_max for views in unlisted)
    for place, row in enumerate(ranking.rows):
        if row.rank <= ranking.certain_through_rank:
            behind = [true[other.article] for other in ranking.rows[place + 1 :]]
            assert max([*behind, *unlisted], default=0) <= true[row.article]


@given(days, st.integers(1, len(TITLES)))
def test_bounds__of_lists_as_aqs_cuts_them(counts: list[Counts], rows: int) -> None:
    """The true sum of every title, listed or not, is within its bounds; no certainty is wrong."""
    lists = [listed for day in counts if (listed := cut_list(day, rows=rows))]
    if len(lists) == len(counts):
        check(rank(lists), truth(counts))


@given(days, st.data())
def test_bounds__of_lists_cut_anywhere(counts: list[Counts], data: st.DataObject) -> None:
    """The same holds where a list is cut within a tie, as the bundled sample may be."""
    lists = [ranked_list(day) for day in counts]
    lists = [rows[: data.draw(st.integers(1, len(rows)))] for rows in lists]
    check(rank(lists), truth(counts))


@given(days, st.integers(2, 5), st.sets(st.sampled_from(TITLES)))
def test_bounds__filtered(counts: list[Counts], rows: int, left_out: set[str]) -> None:
    """What a filter leaves has true bounds, and its certain order holds among what it leaves."""
    lists = [listed for day in counts if (listed := cut_list(day, rows=rows))]
    if len(lists) == len(counts):
        ranking = rank_range(lists, complete=True, keep=lambda title: title not in left_out)
        check(ranking, truth(counts), "".join(title for title in TITLES if title not in left_out))


@given(days, st.data())
def test_bounds__where_a_list_is_missing(counts: list[Counts], data: st.DataObject) -> None:
    """Without a day's list there is no upper bound and no certainty; the lower bound holds."""
    lost = data.draw(st.integers(0, len(counts) - 1))
    lists = [cut_list(day) for at, day in enumerate(counts) if at != lost]
    ranking = rank(lists, complete=False)
    assert (ranking.unlisted_max, ranking.certain_through_rank) == (None, 0)
    true = truth(counts)
    for row in ranking.rows:
        assert (row.views_max, row.exact) == (None, False)
        assert row.views_min <= true[row.article]


@given(days, st.integers(2, len(TITLES)))
def test_order__by_least_most_and_title(counts: list[Counts], rows: int) -> None:
    """Rows are ordered by both bounds and title; each title is there once; ties share a rank."""
    lists = [cut_list(day, rows=rows) or ranked_list(day) for day in counts]
    told = rank(lists).rows
    keys = [(-row.views_min, -(row.views_max or 0), row.article) for row in told]
    assert keys == sorted(keys)
    assert len({row.article for row in told}) == len(told)
    for row in told:
        assert row.rank == 1 + sum(other.views_min > row.views_min for other in told)
        assert 1 <= row.days_listed <= len(counts)


def test_rank_range__an_example() -> None:
    """Who is in every list is exact; who is not, may have had up to the last row of the others."""
    ranking = rank([of(("A", 90), ("B", 50), ("C", 40)), of(("A", 80), ("B", 60), ("D", 30))])
    assert [
        (row.rank, row.article, row.views_min, row.views_max, row.days_listed, row.exact)
        for row in ranking.rows
    ] == [
        (1, "A", 170, 170, 2, True),
        (2, "B", 110, 110, 2, True),
        (3, "C", 40, 70, 1, False),
        (4, "D", 30, 70, 1, False),
    ]
    assert (ranking.unlisted_max, ranking.certain_through_rank) == (70, 2)
    assert ranking.ranks() == {"A": 1, "B": 2, "C": 3, "D": 4}


@pytest.mark.parametrize(
    ("lists", "through"),
    [
        ([of(("A", 9))], 1),
        ([of(("A", 9), ("B", 9))], 1),
        ([of(("A", 9), ("B", 8), ("C", 8), ("D", 7))], 4),
        ([of(("A", 9), ("B", 8)), of(("C", 9), ("D", 8))], 0),
        ([of(("A", 9), ("B", 1)), of(("A", 8), ("C", 1)), of(("A", 1), ("D", 1))], 1),
        ([of(("A", 9), ("B", 9), ("C", 3)), of(("A", 3), ("C", 2))], 3),
        ([of(("A", 3), ("B", 2)), of(("A", 3), ("C", 1))], 1),
        ([of(("A", 9), ("B", 9), ("C", 3)), of(("A", 3), ("D", 2))], 2),
        ([of(("A", 5), ("B", 5), ("C", 4)), of(("D", 4), ("E", 4))], 0),
    ],
)
def test_certain_through_rank(lists: list[list[TopRow]], through: int) -> None:
    """It is the last rank down to which nothing behind can have had more; a tie is in whole."""
    assert rank(lists).certain_through_rank == through


def test_rank_range__one_day() -> None:
    """Of one day all rows are exact and in order: nobody in no list had more than the last."""
    ranking = rank([cut_list(dict(zip(TITLES, range(20, 10, -1), strict=True)), rows=5)])
    assert [row.exact for row in ranking.rows] == [True] * 5
    assert (ranking.certain_through_rank, ranking.unlisted_max) == (5, 16)


def test_rank_range__nothing_kept() -> None:
    """Where nothing is kept, there are no rows, and nothing is certain."""
    ranking = rank_range([of(("A", 9))], complete=True, keep=lambda _: False)
    assert (ranking.rows, ranking.certain_through_rank, ranking.unlisted_max) == ((), 0, 9)


def test_rank_range__title_twice_in_a_list() -> None:
    """A title that a list has twice counts as on one day of it."""
    rows = [TopRow(article="A", views=9, rank=1), TopRow(article="A", views=5, rank=2)]
    (row,) = rank([rows]).rows
    assert row.days_listed == 1


def test_cut_list__drops_a_tie_whole() -> None:
    """The list that tests make is cut as AQS cuts it."""
    counts = {"A": 9, "B": 7, "C": 5, "D": 5, "E": 5, "F": 1, "G": 0}
    assert [row.article for row in cut_list(counts, rows=4)] == ["A", "B"]
    assert [row.article for row in cut_list(counts, rows=5)] == ["A", "B", "C", "D", "E"]
    assert [row.rank for row in cut_list(counts)] == [1, 2, 3, 3, 3, 6]
