"""What a chart is made of."""

from datetime import date

import pytest

from pageviews_api.charts.marks import Mark, dots, lines, stretches
from pageviews_api.schemas.query import Granularity
from tests.support.answers import article_series


def shown(views: list[int | None]) -> list[list[int]]:
    """Tell the numbers of each stretch."""
    return [[mark.views for mark in run] for run in stretches(article_series(views).items)]


@pytest.mark.parametrize(
    ("views", "runs"),
    [
        ([], []),
        ([None], []),
        ([5], [[5]]),
        ([0, 0], [[0, 0]]),
        ([1, None, 3, 4, None, None, 7], [[1], [3, 4], [7]]),
    ],
)
def test_stretches__parted_by_what_is_not_known(
    views: list[int | None], runs: list[list[int]]
) -> None:
    """A number that is not known parts the line; a zero is a number."""
    assert shown(views) == runs


def test_stretches__weeks() -> None:
    """A week stands at its first asked day, and is whole or not."""
    answer = article_series([1] * 10, start=date(2026, 11, 14), granularity=Granularity.WEEKLY)
    (run,) = stretches(answer.items)
    assert run == [
        Mark(date(2026, 11, 14), 2, whole=False),
        Mark(date(2026, 11, 16), 7),
        Mark(date(2026, 11, 23), 1, whole=False),
    ]
    assert lines(run) == [(False, run)]
    assert dots([run]) == [run[0], run[2]]


def test_lines__solid_between_whole_marks() -> None:
    """A line is dashed from and to a part, and solid between; each goes on where one ended."""
    a, b, c, d = (Mark(date(2026, 11, day), day, whole=day > 1) for day in (1, 2, 3, 4))
    assert lines([a, b, c, d]) == [(False, [a, b]), (True, [b, c, d])]
    assert lines([b]) == []
    assert dots([[b], [c, d]]) == [b]
