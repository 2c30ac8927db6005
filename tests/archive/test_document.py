"""What a day's archive is: tables of facts, no store and no network."""

from datetime import date, timedelta

import pytest

from pageviews_api.archive.document import (
    Archive,
    Observed,
    build,
    differing_days,
    is_better,
    settled_series,
    unsettled_series,
)
from pageviews_api.daterange import DateRange
from pageviews_api.days import Days
from pageviews_api.schemas.archive import ArchivedTop, Outcome
from pageviews_api.schemas.pageviews import DayPoint, DayStatus
from pageviews_api.schemas.query import Access, Agent, Series
from pageviews_api.schemas.top import RankedArticle

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
    points = [
        DayPoint(
            date=day,
            views=count,
            status=last if count is None else DayStatus.OK if count else DayStatus.ZERO,
        )
        for day, count in zip(WINDOW, views, strict=True)
    ]
    return Observed(Days.of(points), TODAY if on is None else on)


def failed() -> Observed:
    """Observe that a series could not be had."""
    return Observed(None, TODAY, reason="was cut off")


def listed(outcome: Outcome, *, back: int = 1, project: str = "en.wikipedia") -> ArchivedTop:
    """Have asked for a top list."""
    return ArchivedTop(
        project=project,
        access=Access.ALL_ACCESS,
        date=ago(back),
        outcome=outcome,
        reason="was cut off" if outcome is Outcome.FAILED else None,
        articles=(RankedArticle(article="Cat", views=9, rank=1),) if outcome is Outcome.OK else (),
    )


def views_of(archive: Archive) -> dict[str | None, list[int | None]]:
    """Tell the numbers of an archive's series, by their articles."""
    return {
        series.article: [record.days.view_of(day) for day in WINDOW] if record.days else []
        for series, record in archive.series.items()
    }


def titles(archive: Archive) -> list[str | None]:
    """Tell the articles of an archive, in its order."""
    return [series.article for series in archive.series]


def made(
    observed: dict[Series, Observed],
    *,
    before: Archive | None = None,
    top: tuple[ArchivedTop, ...] = (),
    expected: tuple[str, ...] = ("en.wikipedia",),
    today: date = TODAY,
) -> Archive:
    """Build the archive of today out of what was observed."""
    return build(
        TODAY,
        window=WINDOW,
        wanted=dict.fromkeys(observed),
        observed=observed,
        top=top,
        expected=expected,
        today=today,
        before=before,
    )


def test_build__everything_known() -> None:
    """An archive is complete when nothing failed and every day was loaded."""
    document = made({STRASBOURG: seen(3, 0, 5), TOTAL: seen(7, 8, 9)})

    assert document.complete
    assert titles(document) == [None, "Strasbourg"]
    assert document.window == WINDOW
    assert not document.late


def test_build__a_hole_at_wikimedia() -> None:
    """A day that was lost at Wikimedia does not keep an archive from being complete."""
    assert made({STRASBOURG: seen(3, None, 5, last=DayStatus.HOLE)}).complete


@pytest.mark.parametrize("status", [DayStatus.NOT_LOADED, DayStatus.MISSING])
def test_build__a_day_unknown(status: DayStatus) -> None:
    """A day that may still come keeps an archive from being complete."""
    document = made({STRASBOURG: seen(3, 4, None, last=status)})

    assert not document.complete
    assert not document.series[STRASBOURG].is_settled


def test_build__one_series_failed() -> None:
    """A failed series is named with its reason, and the rest is there (F2)."""
    document = made({STRASBOURG: seen(3, 4, 5), CAT: failed()})

    outcomes = {
        series.article: (record.outcome, record.reason)
        for series, record in document.series.items()
    }
    assert outcomes == {"Strasbourg": (Outcome.OK, None), "Cat": (Outcome.FAILED, "was cut off")}
    assert not document.complete


def test_build__no_view_at_all() -> None:
    """A series without a view is ``no_data``, which is an outcome like any other."""
    record = made({CAT: seen(0, 0, 0)}).series[CAT]

    assert record.outcome is Outcome.NO_DATA
    assert record.is_settled


def test_build__list_failed() -> None:
    """An archive whose top list could not be had is not complete: articles may be missing."""
    assert not made({STRASBOURG: seen(3, 4, 5)}, top=(listed(Outcome.FAILED),)).complete


def test_build__second_pass() -> None:
    """A later pass keeps what an earlier one had settled, and adds what it lacked (F2, F7)."""
    first = made({STRASBOURG: seen(3, 4, 5), CAT: failed()})

    tomorrow = TODAY + timedelta(1)
    second = made(
        {STRASBOURG: seen(9, 9, 9), CAT: seen(1, 2, 3, on=tomorrow)}, before=first, today=tomorrow
    )

    assert views_of(second) == {"Cat": [1, 2, 3], "Strasbourg": [3, 4, 5]}
    assert second.complete
    assert second.late
    assert second.observed_on == TODAY + timedelta(1)


def test_build__second_pass_fails() -> None:
    """A pass that fails loses nothing that an earlier one had (F2)."""
    first = made({STRASBOURG: seen(3, 4, None)})

    second = made({STRASBOURG: failed()}, before=first)

    assert views_of(second) == {"Strasbourg": [3, 4, None]}


def test_build__series_no_longer_wanted() -> None:
    """A series that is no longer asked for stays in an archive that has it."""
    first = made({STRASBOURG: seen(3, 4, 5), CAT: failed()})

    second = made({CAT: seen(1, 2, 3)}, before=first)

    assert titles(second) == ["Cat", "Strasbourg"]


def test_build__nothing_new() -> None:
    """An archive that is only put together anew was observed when it was observed."""
    first = made({STRASBOURG: seen(3, 4, 5)})

    again = made({STRASBOURG: seen(3, 4, 5)}, before=first, today=TODAY + timedelta(1))

    assert again == first


def test_build__failed_and_no_longer_wanted() -> None:
    """A series that failed and is no longer asked for does not keep an archive incomplete."""
    first = made({STRASBOURG: seen(3, 4, 5), CAT: failed()})

    second = made({STRASBOURG: seen(3, 4, 5)}, before=first)

    assert second.complete
    assert titles(second) == ["Strasbourg"]


@pytest.mark.parametrize(("back", "complete"), [(1, False), (4, False), (5, True)])
def test_build__list_not_there(back: int, complete: bool) -> None:
    """A top list that is not there may still come; after four days it is lost."""
    absent = listed(Outcome.NO_DATA, back=back)

    assert made({STRASBOURG: seen(3, 4, 5)}, top=(absent,)).complete is complete


def test_build__list_that_nobody_expects() -> None:
    """A project that has no top lists is not waited for, and one that fails is asked again."""
    views, never = {STRASBOURG: seen(3, 4, 5)}, listed(Outcome.NO_DATA, project="fr.wikipedia")
    broken = listed(Outcome.FAILED, project="fr.wikipedia")

    assert made(views, top=(listed(Outcome.OK), never)).complete
    assert not made(views, top=(never,), expected=("fr.wikipedia",)).complete
    assert not made(views, top=(broken,)).complete


def test_build__list_was_had() -> None:
    """A list that was had once stays had, whatever becomes of asking again."""
    first = made({STRASBOURG: seen(3, 4, None)}, top=(listed(Outcome.OK),))

    for again in (Outcome.FAILED, Outcome.NO_DATA):
        second = made({STRASBOURG: seen(3, 4, 5)}, top=(listed(again),), before=first)
        assert second.complete
        assert second.top == first.top


def test_build__list_comes_later() -> None:
    """What a later pass gets of a list that failed before is kept, in order of the projects."""
    french = listed(Outcome.OK, project="fr.wikipedia")
    lists = (french, listed(Outcome.FAILED))
    first = made({STRASBOURG: seen(3, 4, 5)}, top=lists)

    second = made({STRASBOURG: seen(3, 4, 5)}, top=(listed(Outcome.OK),), before=first)

    assert not first.complete
    assert second.complete
    assert second.top == (listed(Outcome.OK), french)


def test_build__nothing_at_all() -> None:
    """An archive of nothing is not complete."""
    assert not made({}).complete


def test_settled_series__incomplete_archive() -> None:
    """Only what failed, or has days to come, is asked for again."""
    document = made({STRASBOURG: seen(3, 4, 5), TOTAL: seen(3, 4, None), CAT: failed()})

    assert settled_series(document) == {STRASBOURG}
    assert settled_series(None) == set()


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
    assert other.known_days() == 2
    assert one.outcomes() == {Outcome.OK: 2}


def test_is_better__by_its_lists() -> None:
    """One more top list is more, too; the same is not, and less is not."""
    partial = made({STRASBOURG: seen(3, 4, None)}, top=(listed(Outcome.FAILED),))
    more = made({STRASBOURG: seen(3, 4, None)}, top=(listed(Outcome.OK),))

    assert is_better(more, partial)
    assert not is_better(partial, more)
    assert not is_better(more, more)


def test_build__list_had_later() -> None:
    """An archive whose list was had on a later day was observed on that day."""
    failed = listed(Outcome.FAILED)
    first = made({STRASBOURG: seen(3, 4, 5)}, top=(failed,))
    later = TODAY + timedelta(days=3)

    second = made({}, before=first, top=(listed(Outcome.OK),), today=later)

    assert (first.observed_on, first.late) == (TODAY, False)
    assert (second.observed_on, second.late) == (later, True)


def test_build__day_known_before_only() -> None:
    """A later answer that tells fewer days takes back none that was known."""
    first = made({STRASBOURG: seen(3, 4, None)})

    second = made({STRASBOURG: seen(9, None, None, last=DayStatus.MISSING)}, before=first)

    days = second.series[STRASBOURG].days
    assert days is not None
    assert [days.view_of(day) for day in WINDOW] == [9, 4, None]


def test_is_better__complete_but_less() -> None:
    """A complete archive of few series does not replace an incomplete one that tells more."""
    many = made({STRASBOURG: seen(3, 4, 5), CAT: seen(1, 2, None)})
    few = made({STRASBOURG: seen(3, 4, 5)})
    with_list = made({STRASBOURG: seen(3, 4, None)}, top=(listed(Outcome.OK),))

    assert few.complete
    assert not is_better(few, many)
    assert not is_better(few, with_list)


def test_unsettled_series__asked_for_again() -> None:
    """What an archive has in part is to be asked for again; what failed altogether is not kept."""
    archive = made(
        {
            STRASBOURG: seen(3, 4, 5),
            TOTAL: seen(3, 4, None),
            CAT: failed(),
        }
    )

    assert unsettled_series(archive) == {TOTAL: None}
    assert unsettled_series(None) == {}
