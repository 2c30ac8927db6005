"""What we tell of our own knowledge: sorted, and never without a bound."""

from datetime import UTC, date, datetime, timedelta

from pageviews_api.schemas.data_state import Dataset, LoadedDays, RestatedDays

NEWEST = date(2026, 11, 21)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def back(days: int) -> date:
    """Name the day that is so many before the newest."""
    return NEWEST - timedelta(days=days)


def loaded(holes: set[date], shown_at: dict[date, datetime]) -> LoadedDays:
    """Tell what is known of the articles' dataset."""
    return LoadedDays.of(
        Dataset.PER_ARTICLE,
        "en.wikipedia",
        complete_through=NEWEST,
        known_from=back(4000),
        shown_at=shown_at,
        holes=holes,
        checked_at=NOON,
        next_check_at=None,
    )


def restated(noticed_at: dict[date, datetime]) -> RestatedDays:
    """Tell what was noticed of a project."""
    return RestatedDays.of(
        "fr.wikipedia",
        noticed_at=noticed_at,
        watched_since=NOON,
        checked_at=NOON,
        history_checked_at=None,
    )


def test_loaded_days__holes() -> None:
    """Holes of the 365 days up to the newest are listed, newest first; older ones are counted."""
    told = loaded({back(days) for days in (3, 1, 364, 365, 2000)}, {})
    assert told.holes == [back(1), back(3), back(364)]
    assert told.older_holes == 2


def test_loaded_days__recent() -> None:
    """Days that came are told newest first, with the moment of each, and 31 at the most."""
    shown_at = {back(days): NOON - timedelta(days=days) for days in range(100)}
    told = loaded(set(), shown_at).recent
    assert [day.date for day in told] == [back(days) for days in range(31)]
    assert {day.date: day.shown_at for day in told}.items() <= shown_at.items()


def test_restated_days__last_noticed_first() -> None:
    """What was noticed last is told first, and of the same moment the newest day."""
    early = NOON - timedelta(days=2)
    told = restated({back(1): early, back(9): NOON, back(5): NOON})
    assert [day.date for day in told.items] == [back(5), back(9), back(1)]
    assert told.more == 0


def test_restated_days__many() -> None:
    """When all of history is restated, 31 days are listed and the others counted."""
    told = restated(dict.fromkeys(map(back, range(4000)), NOON))
    assert len(told.items) == 31
    assert told.more == 4000 - 31
