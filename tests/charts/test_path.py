"""Lines as text, thinned to what can be seen."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.charts import path
from pageviews_api.charts.scale import Place
from tests.support import svg

PLACES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2000)), min_size=2).map(sorted)


def columns(places: list[Place]) -> dict[int, list[Place]]:
    """Part places by the column of pixels that they stand in."""
    return {column: list(run) for column, run in groupby(places, key=lambda place: place[0] // 10)}


@given(PLACES)
def test_thinned__keeps_extremes(places: list[Place]) -> None:
    """The highest and the lowest of each column stay, in order, with the first and the last."""
    thinned = path.thinned(places)
    left = columns(thinned)
    assert left.keys() == columns(places).keys()
    for column, run in columns(places).items():
        heights = [y for _, y in run]
        kept = [y for _, y in left[column]]
        assert (min(kept), max(kept)) == (min(heights), max(heights))
        assert len(kept) <= 4
    assert (thinned[0], thinned[-1]) == (places[0], places[-1])
    rest = iter(places)
    assert all(place in rest for place in thinned)
    assert len(thinned) <= 2 * len(left) + 2


def test_thinned__nothing_to_leave_out() -> None:
    """Up to two places in a column stay as they are."""
    places = [(0, 5), (9, 7), (10, 1), (25, 2)]
    assert path.thinned(places) == places


@given(PLACES)
def test_line__leads_through_all_places(places: list[Place]) -> None:
    """What is written leads through just these places, to the tenth of a pixel."""
    (line,) = svg.lines(path.line(places))
    assert line == [(x / 10, y / 10) for x, y in places]


@given(PLACES)
def test_area__closes_below_the_line(places: list[Place]) -> None:
    """An area follows the line to half a pixel, and ends at its bottom."""
    (outline,) = svg.lines(path.area(places, bottom=200))
    for (x, y), (at_x, at_y) in zip(places, outline, strict=False):
        assert abs(x / 10 - at_x) <= 0.5
        assert abs(y / 10 - at_y) <= 0.5
    assert outline[-2:] == [(outline[-3][0], 200), (outline[0][0], 200)]


def test_points__have_no_length() -> None:
    """A dot is a line that ends where it begins."""
    assert path.points([(5, 10), (123, 0)]) == "M.5 1h0M12.3 0h0"


@pytest.mark.parametrize(
    ("tenths", "text"), [(0, "0"), (3, ".3"), (-3, "-.3"), (10, "1"), (-125, "-12.5")]
)
def test_number__short(tenths: int, text: str) -> None:
    """No digit is written that says nothing."""
    assert path.number(tenths) == text


def test_line__parts_numbers_by_what_is_there() -> None:
    """A sign or a second point parts two numbers; otherwise a space does."""
    assert path.line([(0, 0), (5, 5), (15, 0), (25, 5)]) == "M0 0l.5.5 1-.5 1 .5"
