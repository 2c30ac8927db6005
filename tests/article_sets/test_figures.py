"""The figures of a set."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.article_sets.figures import Counted, figures_of, places_of

totals = st.lists(st.none() | st.integers(0, 10**9), min_size=1, max_size=60)


def counted(total: int | None, *, complete: bool = True) -> Counted:
    """Count an article that could be told."""
    return Counted(total, complete=complete, failed=False)


FAILED = Counted(None, complete=False, failed=True)


@given(totals)
def test_places__as_pandas_has_them(totals: list[int | None]) -> None:
    """Shares and ranks are what pandas makes of the same totals."""
    places = places_of({n: counted(total) for n, total in enumerate(totals)})
    series = pd.Series(totals, dtype="Int64")
    ranks = series.rank(method="min", ascending=False)
    for n, total in enumerate(totals):
        assert places[n].total == total
        assert places[n].rank == (None if total is None else ranks[n])
        whole = int(series.sum())
        expected = None if total is None or not whole else round(100 * total / whole, 2)
        assert places[n].share == expected


def test_figures__with_failures() -> None:
    """What failed is counted beside the sum, and is not in it."""
    figures = figures_of([counted(3), counted(4), FAILED])
    assert (figures.total, figures.articles, figures.failed) == (7, 3, 1)
    assert not figures.complete
    assert figures_of([counted(3), counted(4)]).complete
    assert not figures_of([counted(3, complete=False)]).complete


def test_figures__nothing_known() -> None:
    """Where no number is known, the sum is not zero but unknown."""
    assert figures_of([FAILED, counted(None)]).total is None
    assert places_of({"a": FAILED})["a"].rank is None


def test_places__of_nothing_viewed() -> None:
    """There is no share of nothing."""
    assert places_of({"a": counted(0), "b": counted(0)})["b"].share is None
    assert places_of({"a": counted(0), "b": counted(0)})["b"].rank == 1
