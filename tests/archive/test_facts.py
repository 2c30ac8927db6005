"""What is told of an archive unread, and kept beside it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.archive.document import Archive, Record
from pageviews_api.archive.facts import Facts
from pageviews_api.clients.archive_store import notes
from pageviews_api.daterange import DateRange
from pageviews_api.schemas.archive import Outcome
from pageviews_api.schemas.pageviews import DayStatus
from tests.support.small_archives import record_of, series_of, top_of

DAY = date(2026, 11, 22)
WINDOW = DateRange(date(2026, 11, 20), date(2026, 11, 21))

_days = st.dates(date(2015, 7, 1), date(9999, 12, 31) - timedelta(days=1))
_counts = st.integers(0, 10**9)

facts = st.builds(
    Facts,
    window=st.tuples(_days, _days).map(lambda pair: DateRange(min(pair), max(pair))),
    observed_on=_days,
    complete=st.booleans(),
    ok=_counts,
    no_data=_counts,
    failed=_counts,
    known_days=_counts,
    lists=_counts,
    lists_failed=_counts,
)


def test_of__each_kind() -> None:
    """Series are counted by what came of them, lists by whether they were had, and known days."""
    day_before = DAY - timedelta(days=1)
    archive = Archive(
        day=DAY,
        window=WINDOW,
        observed_on=DAY + timedelta(days=1),
        complete=False,
        top=(
            top_of(day_before, "A"),
            top_of(day_before, project="fr.wikipedia", outcome=Outcome.FAILED),
            top_of(day_before, project="de.wikipedia", outcome=Outcome.NO_DATA),
        ),
        series={
            series_of("A"): record_of(WINDOW, [3, 0]),
            series_of("B"): record_of(WINDOW, [3, DayStatus.NOT_LOADED]),
            series_of("C"): record_of(WINDOW, [0, 0]),
            series_of("D"): Record(Outcome.FAILED, None, "was cut off"),
        },
    )

    told = Facts.of(archive)

    assert told == Facts(
        window=WINDOW,
        observed_on=DAY + timedelta(days=1),
        complete=False,
        ok=2,
        no_data=1,
        failed=1,
        known_days=5,
        lists=1,
        lists_failed=1,
    )
    assert told.series == 4


@given(facts)
def test_notes__written_and_read(told: Facts) -> None:
    """What was written beside an archive is read as it was, and any store may keep it."""
    beside = notes(b"{}", "run-1", told.as_notes())

    assert Facts.from_notes(beside) == told


@given(st.data())
def test_from_notes__not_all_there(data: st.DataObject) -> None:
    """Where one of them is missing or has no meaning, nothing is told, and nothing is raised."""
    beside = data.draw(facts).as_notes()
    name = data.draw(st.sampled_from(sorted(beside)))
    del beside[name]
    assert Facts.from_notes(beside) is None
    assert Facts.from_notes(beside | {name: "x"}) is None

    broken = data.draw(st.text() | st.from_regex(r"[0-9/,-]{0,30}", fullmatch=True))
    told = Facts.from_notes(beside | {name: broken})
    assert told is None or isinstance(told, Facts)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("window", "2026-11-21/2026-11-20"),
        ("window", "2026-11-21"),
        ("complete", "true"),
        ("series", "1,2"),
        ("lists", "1,2,3"),
        ("known-days", ""),
        ("observed-on", "2026-02-30"),
    ],
)
def test_from_notes__no_meaning(name: str, text: str) -> None:
    """Notes by another hand are not believed in part."""
    good = {
        "window": "2026-11-20/2026-11-21",
        "observed-on": "2026-11-22",
        "complete": "yes",
        "series": "1,2,3",
        "known-days": "4",
        "lists": "1,0",
    }
    assert Facts.from_notes(good) is not None

    assert Facts.from_notes(good | {name: text}) is None
    assert Facts.from_notes({}) is None
