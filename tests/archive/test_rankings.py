"""Ranks by day, streaks and entries."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.archive.rankings import best_rank, entries, ranked_day, streaks
from pageviews_api.schemas.archive import Outcome
from pageviews_api.schemas.archive_answers import RankedDay, RankStatus
from tests.support.archives import top_list

FIRST = date(2026, 11, 1)
UNKNOWN = {"?": RankStatus.NOT_ARCHIVED, "!": RankStatus.MISSING, "-": RankStatus.NOT_LISTED}


def days(text: str) -> list[RankedDay]:
    """Make consecutive days: a digit is a rank, ``-`` not listed, ``?`` and ``!`` not known."""
    return [
        RankedDay(
            date=FIRST + timedelta(days=offset),
            rank=int(mark) if mark.isdigit() else None,
            views=1 if mark.isdigit() else None,
            status=UNKNOWN.get(mark, RankStatus.LISTED),
        )
        for offset, mark in enumerate(text)
    ]


def test_ranked_day__listed() -> None:
    """The list's own rank and views are told."""
    told = ranked_day(FIRST, top_list(FIRST, "Main_Page", "Cat"), "Cat")
    assert told == RankedDay(date=FIRST, rank=2, views=999, status=RankStatus.LISTED)


def test_ranked_day__not_listed() -> None:
    """A list that does not name the article says that it was not listed; case counts."""
    told = ranked_day(FIRST, top_list(FIRST, "Main_Page", "Cat"), "cat")
    assert told == RankedDay(date=FIRST, rank=None, views=None, status=RankStatus.NOT_LISTED)


@pytest.mark.parametrize("outcome", [Outcome.NO_DATA, Outcome.FAILED])
def test_ranked_day__no_list(outcome: Outcome) -> None:
    """Without a list of that very day nothing is known: not that the article was not on it."""
    other_day = top_list(FIRST - timedelta(days=1), "Cat")
    for top in (None, top_list(FIRST, outcome=outcome), other_day):
        assert ranked_day(FIRST, top, "Cat").status is RankStatus.NOT_ARCHIVED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("--?!", []),
        ("-32-", [("32", False, False)]),
        ("321", [("321", True, True)]),
        ("3?1", [("3", True, True), ("1", True, True)]),
        ("-3!1-", [("3", False, True), ("1", True, False)]),
        ("3-1", [("3", True, False), ("1", False, True)]),
    ],
)
def test_streaks(text: str, expected: list[tuple[str, bool, bool]]) -> None:
    """Each run of listed days is told, and whether it may be longer than is known."""
    told = streaks(days(text))
    assert [
        (one.days, one.best_rank, one.may_begin_earlier, one.may_end_later) for one in told
    ] == [(len(run), min(map(int, run)), *more) for run, *more in expected]
    assert [(one.end - one.start).days + 1 for one in told] == [one.days for one in told]


def test_entries__after_a_day_without() -> None:
    """It came in where it was listed and is known not to have been on the day before."""
    assert entries(days("3-2?1-1!-4")) == [FIRST + timedelta(days=day) for day in (2, 6, 9)]


def test_best_rank__first_day() -> None:
    """The best rank is told with the first of the days that have it."""
    best = best_rank(days("-3?1-12"))
    assert best is not None
    assert (best.date, best.rank) == (FIRST + timedelta(days=3), 1)
    assert best_rank(days("-?!")) is None


@given(text=st.text("12-?!", max_size=40))
def test_streaks__cover_the_listed_days(text: str) -> None:
    """The streaks hold every listed day once, in order, and an entry always begins one."""
    told = days(text)
    listed = [day.date for day in told if day.status is RankStatus.LISTED]
    runs = streaks(told)
    covered = [one.start + timedelta(days=offset) for one in runs for offset in range(one.days)]
    assert covered == listed
    assert entries(told) == [one.start for one in runs if not one.may_begin_earlier]
