"""What a day's archive is: tables of facts, no store and no network."""

from datetime import date, timedelta

import pytest

from pageviews_api.archive import (
    Observed,
    build,
    days_due,
    differing_days,
    encode,
    is_better,
    is_settled,
    known_days,
    settled_series,
    window_of,
)
from pageviews_api.daterange import DateRange
from pageviews_api.schemas.archive import ArchiveDocument, ConsultedList, Outcome
from pageviews_api.schemas.pageviews import DayPoint, DayStatus
from pageviews_api.schemas.query import Access, Agent, Series

TODAY = date(2026, 11, 22)
WINDOW = DateRange(date(2026, 11, 19), date(2026, 11, 21))
STRASBOURG = Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER, "Strasbourg")
TOTAL = Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER)
CAT = Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "Cat")


def ago(days: int) -> date:
    """Name the day so many days before today."""
    return TODAY - timedelta(days=days)


def seen(
    *views: int | None, last: DayStatus = DayStatus.NOT_LOADED, on: date | None = None
) -> Observed:
    """Observe the window's days; an absent number has the status ``last``."""
    points = {
        day: DayPoint(
            date=day,
            views=count,
            status=last if count is None else DayStatus.OK if count else DayStatus.ZERO,
        )
        for day, count in zip(WINDOW, views, strict=True)
    }
    return Observed(points, TODAY if on is None else on)


def made(
    observed: dict[Series, Observed],
    *,
    before: ArchiveDocument | None = None,
    lists: tuple[ConsultedList, ...] = (),
    today: date = TODAY,
) -> ArchiveDocument:
    """Build the archive of today out of what was observed."""
    return build(
        TODAY,
        window=WINDOW,
        wanted=dict.fromkeys(observed),
        observed=observed,
        lists=lists,
        today=today,
        before=before,
    )


@pytest.mark.parametrize(
    ("held", "first", "today_due", "due"),
    [
        pytest.param({}, None, True, [0], id="an empty store gets today's only"),
        pytest.param({}, None, False, [], id="and that not before its time"),
        pytest.param({0: True}, 0, True, [], id="a complete one is left alone"),
        pytest.param({0: False}, 0, True, [0], id="an incomplete one is not"),
        pytest.param({2: True}, 2, True, [0, 1], id="missed days, newest first"),
        pytest.param({2: True}, 2, False, [1], id="missed days do not wait for today's time"),
        pytest.param({0: True, 2: True}, 2, True, [1], id="a gap behind the newest"),
        pytest.param({1: True, 5: False}, 5, True, [0, 2, 3, 4, 5], id="incomplete ones of before"),
        pytest.param({}, 400, True, list(range(31)), id="at most 30 days back"),
    ],
)
def test_days_due__by_what_is_held(
    held: dict[int, bool], first: int | None, today_due: bool, due: list[int]
) -> None:
    """Due are today and what is missing or incomplete of the last 30 days, newest first (F1)."""
    days = days_due(
        {ago(back): complete for back, complete in held.items()},
        first=None if first is None else ago(first),
        today=TODAY,
        today_due=today_due,
    )

    assert days == [ago(back) for back in due]


@pytest.mark.parametrize("day", [date(2028, 1, 1), date(2028, 2, 29), date(2028, 12, 31)])
def test_window_of__any_day(day: date) -> None:
    """An archive covers the 30 days before its day, that day not included."""
    window = window_of(day, length=30)

    assert len(window) == 30
    assert window.end == day - timedelta(days=1)


def test_build__everything_known() -> None:
    """An archive is complete when nothing failed and every day was loaded."""
    document = made({STRASBOURG: seen(3, 0, 5), TOTAL: seen(7, 8, 9)})

    assert document.complete
    assert [item.article for item in document.items] == [None, "Strasbourg"]
    assert document.window.start == WINDOW.start
    assert not document.late


def test_build__a_hole_at_wikimedia() -> None:
    """A day that was lost at Wikimedia does not keep an archive from being complete."""
    assert made({STRASBOURG: seen(3, None, 5, last=DayStatus.HOLE)}).complete


@pytest.mark.parametrize("status", [DayStatus.NOT_LOADED, DayStatus.MISSING])
def test_build__a_day_unknown(status: DayStatus) -> None:
    """A day that may still come keeps an archive from being complete."""
    document = made({STRASBOURG: seen(3, 4, None, last=status)})

    assert not document.complete
    assert not is_settled(document.items[0])


def test_build__one_series_failed() -> None:
    """A failed series is named with its reason, and the rest is there (F2)."""
    document = made({STRASBOURG: seen(3, 4, 5), CAT: Observed({}, TODAY, reason="was cut off")})

    outcomes = {item.article: (item.outcome, item.reason) for item in document.items}
    assert outcomes == {"Strasbourg": (Outcome.OK, None), "Cat": (Outcome.FAILED, "was cut off")}
    assert not document.complete


def test_build__no_view_at_all() -> None:
    """A series without a view is ``no_data``, which is an outcome like any other."""
    (item,) = made({CAT: seen(0, 0, 0)}).items

    assert item.outcome is Outcome.NO_DATA
    assert is_settled(item)


def test_build__list_failed() -> None:
    """An archive whose top list could not be had is not complete: articles may be missing."""
    failed = ConsultedList(
        project="en.wikipedia", date=ago(1), outcome=Outcome.FAILED, reason="was cut off"
    )

    assert not made({STRASBOURG: seen(3, 4, 5)}, lists=(failed,)).complete


def test_build__second_pass() -> None:
    """A later pass keeps what an earlier one had settled, and adds what it lacked (F2, F7)."""
    first = made({STRASBOURG: seen(3, 4, 5), CAT: Observed({}, TODAY, reason="was cut off")})

    tomorrow = TODAY + timedelta(1)
    second = made(
        {STRASBOURG: seen(9, 9, 9), CAT: seen(1, 2, 3, on=tomorrow)}, before=first, today=tomorrow
    )

    views = {item.article: [point.views for point in item.points] for item in second.items}
    assert views == {"Strasbourg": [3, 4, 5], "Cat": [1, 2, 3]}
    assert second.complete
    assert second.late
    assert second.observed_on == TODAY + timedelta(1)


def test_build__second_pass_fails() -> None:
    """A pass that fails loses nothing that an earlier one had (F2)."""
    first = made({STRASBOURG: seen(3, 4, None)})

    second = made({STRASBOURG: Observed({}, TODAY, reason="was cut off")}, before=first)

    assert [point.views for point in second.items[0].points] == [3, 4, None]


def test_build__series_no_longer_wanted() -> None:
    """A series that is no longer asked for stays in an archive that has it."""
    first = made({STRASBOURG: seen(3, 4, 5), CAT: Observed({}, TODAY, reason="was cut off")})

    second = made({CAT: seen(1, 2, 3)}, before=first)

    assert [item.article for item in second.items] == ["Cat", "Strasbourg"]


def test_build__nothing_new() -> None:
    """An archive that is only put together anew was observed when it was observed."""
    first = made({STRASBOURG: seen(3, 4, 5)})

    again = made({STRASBOURG: seen(3, 4, 5)}, before=first, today=TODAY + timedelta(1))

    assert again == first


def test_build__failed_and_no_longer_wanted() -> None:
    """A series that failed and is no longer asked for does not keep an archive incomplete."""
    first = made({STRASBOURG: seen(3, 4, 5), CAT: Observed({}, TODAY, reason="was cut off")})

    second = made({STRASBOURG: seen(3, 4, 5)}, before=first)

    assert second.complete
    assert [item.article for item in second.items] == ["Strasbourg"]


@pytest.mark.parametrize(("back", "complete"), [(1, False), (4, False), (5, True)])
def test_build__list_not_there(back: int, complete: bool) -> None:
    """A top list that is not there may still come; after four days it is lost."""
    absent = ConsultedList(project="en.wikipedia", date=ago(back), outcome=Outcome.NO_DATA)

    assert made({STRASBOURG: seen(3, 4, 5)}, lists=(absent,)).complete is complete


def test_build__list_was_had() -> None:
    """A list that was had once stays had, whatever becomes of asking again."""
    had = ConsultedList(project="en.wikipedia", date=ago(1), outcome=Outcome.OK)
    failed = ConsultedList(project="en.wikipedia", date=ago(1), outcome=Outcome.FAILED, reason="x")
    first = made({STRASBOURG: seen(3, 4, None)}, lists=(had,))

    assert made({STRASBOURG: seen(3, 4, 5)}, lists=(failed,), before=first).complete


def test_settled_series__incomplete_archive() -> None:
    """Only what failed, or has days to come, is asked for again."""
    document = made(
        {STRASBOURG: seen(3, 4, 5), TOTAL: seen(3, 4, None), CAT: Observed({}, TODAY, reason="x")}
    )

    assert settled_series(document) == {STRASBOURG}
    assert settled_series(None) == set()


def test_encode__same_facts() -> None:
    """Equal facts give equal bytes, in whatever order they came."""
    one = made({STRASBOURG: seen(3, 4, 5), CAT: seen(1, 2, 3)})
    other = made({CAT: seen(1, 2, 3), STRASBOURG: seen(3, 4, 5)})

    assert encode(one) == encode(other)
    assert ArchiveDocument.model_validate_json(encode(one)) == one


def test_encode__time_of_day() -> None:
    """No time of day is inside, so that two writers of one day write the same bytes (F5)."""
    assert b":00" not in encode(made({STRASBOURG: seen(3, 4, 5)}))


def test_is_better__by_what_it_tells() -> None:
    """Only an incomplete archive may be replaced, and only by one that tells more."""
    complete = made({STRASBOURG: seen(3, 4, 5)})
    partial = made({STRASBOURG: seen(3, 4, None)})
    restated = made({STRASBOURG: seen(9, 9, 9)})

    assert is_better(complete, partial)
    assert not is_better(partial, complete)
    assert not is_better(partial, partial)
    assert not is_better(restated, complete)


def test_differing_days__restated() -> None:
    """Days that two archives tell differently are counted, and those that one lacks (F7)."""
    one = made({STRASBOURG: seen(3, 4, 5), CAT: seen(1, 1, 1)})
    other = made({STRASBOURG: seen(3, 9, None)})

    assert differing_days(one, other) == 5
    assert differing_days(one, one) == 0
    assert known_days(other) == 2
