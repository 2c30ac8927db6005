"""Which days a dataset has."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.days import LOAD_MARGIN, LoadCalendar

D = date(2026, 11, 16)
BEGIN = (FIRST_DAY - D).days
"""The first day of all, counted from ``D``."""

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


def day(offset: int) -> date:
    """Tell a day by its offset from ``D``."""
    return D + offset * ONE_DAY


def days(*offsets: int) -> set[date]:
    """Tell days by their offsets from ``D``."""
    return {day(offset) for offset in offsets}


def shown(pattern: str, start: int = 0) -> tuple[list[date], DateRange]:
    """Read what a witness showed: a letter for each asked day, a dot where it lacks the day."""
    asked = DateRange(day(start), day(start + len(pattern) - 1))
    return [one for one, mark in zip(asked, pattern, strict=True) if mark != "."], asked


def first(pattern: str, learned_at: datetime = NOW, *, start: int = 0) -> LoadCalendar:
    """Read the calendar off a first answer."""
    told, asked = shown(pattern, start)
    of = LoadCalendar.of(told, asked=asked, learned_at=learned_at)
    assert of is not None
    return of


def then(
    before: LoadCalendar, pattern: str, learned_at: datetime, *, start: int = 0
) -> LoadCalendar:
    """Add another answer."""
    told, asked = shown(pattern, start)
    return before.after(told, asked=asked, learned_at=learned_at)


# The first answer


def test_of__without_any_day() -> None:
    """A witness without a day tells nothing."""
    assert LoadCalendar.of([], asked=DateRange(D, D), learned_at=NOW) is None


def test_of__holes() -> None:
    """Days that the witness lacks between its first and its newest are holes."""
    of = first(".x.xx..")
    assert of.complete_through == day(4)
    assert of.holes == days(2)
    assert (of.known_from, of.learned_at) == (day(1), NOW)
    assert of.oldest == day(1)
    assert of.counted_from == FIRST_DAY


def test_of__recent_days() -> None:
    """At first sight days of the last three count as loaded just now, older ones long ago."""
    assert first("xxxxx").shown_at == dict.fromkeys(days(2, 3, 4), NOW)


def test_moments__to_the_second() -> None:
    """Moments are kept to the second, as those of blocks: else both could not be compared."""
    of = first("xxxxx", NOW + 999_999 * MICROSECOND)
    assert of == first("xxxxx")
    later = NOW + HOUR
    assert then(of, "x" * 6, later + 999_999 * MICROSECOND) == then(of, "x" * 6, later)


def test_of__in_any_order() -> None:
    """The order in which the days are told is of no matter, nor whether one comes twice."""
    told, asked = shown("xx.xx")
    again = LoadCalendar.of([*reversed(told), *told], asked=asked, learned_at=NOW)
    assert again == first("xx.xx")


# Further answers


def test_after__seen_again() -> None:
    """A day keeps the moment at which it was first shown; a new one counts from now."""
    later = NOW + 20 * HOUR
    of = then(first("xxxxx"), "xxxxxx", later)
    assert of.shown_at[day(4)] == NOW
    assert of.shown_at[day(5)] == later
    assert of.complete_through == day(5)
    assert of.holes == set()


def test_after__outstanding_days_alone() -> None:
    """An answer about the outstanding days leaves the others as they were."""
    before = first("xx.xx")
    of = then(before, "x.x", NOW + 72 * HOUR, start=5)
    assert of.complete_through == day(7)
    assert of.holes == days(2, 6)
    assert of.known_from == D
    assert of.learned_at == NOW, "that is when all of it was learned"


@pytest.mark.parametrize(
    ("start", "pattern", "anew"), [(0, "xxxxx", True), (-1, "xxxxxx", True), (1, "xxxx", False)]
)
def test_after__learned_anew(start: int, pattern: str, *, anew: bool) -> None:
    """All is learned anew where all that was known was asked for again."""
    later = NOW + HOUR
    assert then(first("xxxxx"), pattern, later, start=start).learned_at == (later if anew else NOW)


@pytest.mark.parametrize("pattern", ["xxxx.", ".....", "x.xxx"])
def test_after__older_copy(pattern: str) -> None:
    """What was shown once is loaded, even if an older copy lacks it."""
    before = first("xxxxx")
    assert then(before, pattern, NOW) == before


def test_after__skipped_day() -> None:
    """A day that does not come although a later one does is a hole from then on."""
    before = first("xxxxx")
    assert then(before, "..", NOW + 24 * HOUR, start=5).holes == set()
    of = then(before, ".x", NOW + 48 * HOUR, start=5)
    assert of.holes == days(5)
    assert of.complete_through == day(6)
    assert set(of.shown_at) == days(2, 3, 4, 6)


def test_after__hole_is_filled() -> None:
    """A day that was a hole, and comes at last, counts as loaded only just now."""
    began = NOW + 4 * ONE_DAY
    before = first("x.xxxxxx", began)
    of = then(before, "xxxxxxxx", began + 3 * HOUR)
    assert of.holes == set()
    assert of.shown_at == {**before.shown_at, day(1): began + 3 * HOUR}
    assert not of.is_loaded(day(1), learned_at=began + 3 * HOUR)
    assert of.is_loaded(day(1), learned_at=began + 5 * HOUR)
    assert then(of, "x.xxxxxx", began + 6 * HOUR) == replace(of, learned_at=began + 6 * HOUR)


def test_after__hole_stays() -> None:
    """A hole stays one while nobody shows the day."""
    before = first("x.xxx")
    assert then(before, "x.xxx", NOW + HOUR).holes == days(1)
    assert then(before, "x", NOW + HOUR, start=4).holes == days(1)


def test_after__longer_history() -> None:
    """Older days add their holes; they were loaded long before, and none is a hole before them."""
    before = first("xx.xx")
    of = then(before, ".x.xx.xx.xx", NOW + HOUR, start=-6)
    assert of.holes == days(-4, -1, 2)
    assert of.known_from == day(-5)
    assert of.oldest == day(-5)
    assert of.shown_at == before.shown_at
    assert of.complete_through == day(4)
    assert of.learned_at == NOW + HOUR


def test_after__longer_history_without_any_day() -> None:
    """An answer without any day adds no hole, and none is known farther back."""
    before = first("xx.xx")
    assert then(before, "." * 11, NOW, start=-6) == before


def test_after__longer_history_shows_that_the_first_days_were_lost() -> None:
    """Days before the first known one are holes once still earlier ones are shown."""
    before = first("..xxx")
    assert before.holes == set()
    of = then(before, ".xx..xxx", NOW + HOUR, start=-3)
    assert of.holes == days(0, 1)
    assert of.oldest == day(-2)
    assert then(of, "xx", NOW + 2 * HOUR, start=4).oldest == day(-2)


def test_after__first_days_come_late() -> None:
    """A day before the oldest that was shown is shown later: it was loaded long before."""
    of = then(first("..xxx"), ".xxxx", NOW + HOUR)
    assert (of.oldest, of.holes) == (day(1), frozenset())
    assert of.shown_at == first("..xxx").shown_at


@pytest.mark.parametrize(
    ("later", "kept"),
    [(31 * ONE_DAY - SECOND, True), (31 * ONE_DAY, False), (40 * ONE_DAY, False)],
)
def test_after__long_shown(later: timedelta, *, kept: bool) -> None:
    """When a day was shown is forgotten after 31 days: by then everything was learned anew."""
    of = then(first("xxxxx"), "x", NOW + later, start=5)
    assert set(of.shown_at) == days(5) | (days(2, 3, 4) if kept else set())


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 10), st.text("x.", min_size=1, max_size=20), st.integers(0, 30)),
        min_size=1,
        max_size=8,
    )
)
def test_after__any_answers(steps: list[tuple[int, str, int]]) -> None:
    """A day that was ever shown is loaded; the others up to the newest are holes, from D on."""
    of = then(first("x"), "x", NOW)
    ever = days(0)
    shown_at: dict[date, datetime] = {}
    for start, pattern, hours in steps:
        moment = NOW + hours * HOUR
        told = set(shown(pattern, start)[0])
        before, of = of, then(of, pattern, moment, start=start)
        shown_at |= dict.fromkeys(told - ever, moment)
        ever |= told
        assert of.complete_through == max(ever)
        assert of.complete_through >= before.complete_through
        assert of.holes == set(DateRange(D, max(ever))) - ever
        assert of.shown_at == shown_at
        assert all(of.has(one) for one in ever)


# What is told


@pytest.mark.parametrize(
    ("offset", "expected"), [(-999, True), (0, True), (2, False), (4, True), (5, False)]
)
def test_has__day(offset: int, *, expected: bool) -> None:
    """A dataset has the days up to the newest loaded one, except for holes."""
    assert first("xx.xx").has(day(offset)) is expected


def test_has__before_it_was_counted() -> None:
    """It has no day before it was counted at all."""
    of = replace(first("xxxxx"), counted_from=day(2))
    assert [of.has(day(n)) for n in range(-1, 5)] == [False, False, False, True, True, True]


def test_is_loaded__after_the_margin() -> None:
    """An answer must have a day two hours after it was shown; an old day, always."""
    of = first("xxxxx")
    assert not of.is_loaded(day(4), learned_at=NOW + LOAD_MARGIN - MICROSECOND)
    assert of.is_loaded(day(4), learned_at=NOW + LOAD_MARGIN)
    assert of.is_loaded(day(1), learned_at=NOW - ONE_DAY)
    assert timedelta(hours=2) == LOAD_MARGIN


MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
FRESH = [
    # what is known (D is five days ago), now; how long it need not be checked, whether it is final
    ("yesterday is outstanding", "xxxx", NOW, 30 * MINUTE, False),
    ("and a hole is", "x.xx", NOW, 30 * MINUTE, False),
    ("yesterday is there", "xxxxx", NOW, 18 * HOUR, True),
    ("a hole is", "x.xxx", NOW, 2 * HOUR, False),
    ("a hole is, late in the day", "x.xxx", MIDNIGHT - HOUR, HOUR, False),
    ("a hole is, two hours before", "x.xxx", MIDNIGHT - 2 * HOUR, 2 * HOUR, False),
    ("at the last moment", "xxxxx", MIDNIGHT - MICROSECOND, MICROSECOND, True),
    ("at midnight, the last day came at 6", "xxxxx", MIDNIGHT, HOUR, False),
    ("at midnight, with today", "xxxxxx", MIDNIGHT, 24 * HOUR, True),
    ("today is there", "xxxxxx", NOW, 18 * HOUR, True),
]


@pytest.mark.parametrize(
    ("pattern", "now", "fresh_for", "final"),
    [row[1:] for row in FRESH],
    ids=[row[0] for row in FRESH],
)
def test_fresh_for__table(
    pattern: str, now: datetime, fresh_for: timedelta, *, final: bool
) -> None:
    """It is looked at as often as something may have come."""
    of = first(pattern)
    assert of.fresh_for(now) == fresh_for
    assert of.is_final(now.date()) is final


OUTSTANDING = [
    # how long after midnight the days of the last month came, how long after it is; not checked for
    ("none came while we watched", [], 0 * HOUR, 30 * MINUTE),
    ("long before the earliest", [6 * HOUR], 0 * HOUR, HOUR),
    ("an hour before the earliest", [6 * HOUR], 5 * HOUR, HOUR),
    ("half an hour before", [6 * HOUR], 5 * HOUR + 30 * MINUTE, 30 * MINUTE),
    ("just before", [6 * HOUR], 5 * HOUR + 50 * MINUTE, 30 * MINUTE),
    ("later", [6 * HOUR], 9 * HOUR, 30 * MINUTE),
    ("the earliest of several", [6 * HOUR, 4 * HOUR, 9 * HOUR], 3.5 * HOUR, 30 * MINUTE),
    ("late days do not count", [24 * HOUR, 30 * HOUR], 0 * HOUR, 30 * MINUTE),
    ("nor beside others", [30 * HOUR, 5 * HOUR], 4.5 * HOUR, 30 * MINUTE),
    ("just in time", [24 * HOUR - SECOND], 0 * HOUR, HOUR),
    ("before it was over", [-2 * HOUR], 0 * HOUR, 30 * MINUTE),
]


@pytest.mark.parametrize(
    ("came", "now", "fresh_for"),
    [row[1:] for row in OUTSTANDING],
    ids=[row[0] for row in OUTSTANDING],
)
def test_fresh_for__outstanding(
    came: list[timedelta], now: timedelta, fresh_for: timedelta
) -> None:
    """While yesterday is outstanding, it is looked for more often once days have ever come."""
    shown_at = {}
    for n, after in enumerate(came):
        one = day(4 - n)
        shown_at[one] = datetime.combine(one + ONE_DAY, time(), UTC) + after
    of = LoadCalendar(day(4), frozenset(), shown_at)
    assert of.fresh_for(MIDNIGHT + now) == fresh_for
    assert not of.is_final(MIDNIGHT.date())


@pytest.mark.parametrize(("age", "recent"), [(29, True), (30, True), (31, False)])
def test_fresh_for__old_hole(age: int, *, recent: bool) -> None:
    """A hole of more than 30 days ago is not waited for."""
    today = NOW.date()
    of = LoadCalendar(today - ONE_DAY, frozenset([today - age * ONE_DAY]))
    assert of.is_final(today) is not recent
    assert of.fresh_for(NOW) == (2 * HOUR if recent else 18 * HOUR)
    expected = today - (age if recent else 1) * ONE_DAY
    assert of.to_ask(NOW, since=today) == DateRange(expected, today - ONE_DAY)


ASKED = [
    # what is known from D on, since when it is to be, days later; first day to ask the witness for
    ("yesterday alone, if none is outstanding", "xxxxx", 0, 0 * HOUR, 4),
    ("also if today is there", "xxxxxx", 0, 0 * HOUR, 4),
    ("the outstanding day", "xxxx", 0, 0 * HOUR, 4),
    ("the outstanding days", "xx", 0, 0 * HOUR, 2),
    ("from the first hole on", "x.x.x", 0, 0 * HOUR, 1),
    ("from the outstanding, if since later", "xx", 4, 0 * HOUR, 2),
    ("back to where it is not known", "xxxxx", -9, 0 * HOUR, BEGIN),
    ("one day back", "xxxxx", -1, 0 * HOUR, BEGIN),
    ("learned 30 days ago", "xxxxx", 4, 30 * ONE_DAY, 5),
    ("learned more than 30 days ago", "xxxxx", 4, 30 * ONE_DAY + MICROSECOND, 0),
    ("both", "xxxxx", -9, 31 * ONE_DAY, BEGIN),
]


@pytest.mark.parametrize(
    ("pattern", "since", "later", "expected"),
    [row[1:] for row in ASKED],
    ids=[row[0] for row in ASKED],
)
def test_to_ask__table(pattern: str, since: int, later: timedelta, expected: int) -> None:
    """One request brings all that is outstanding, or not known, up to yesterday."""
    now = NOW + later
    asked = first(pattern).to_ask(now, since=day(since))
    assert asked == DateRange(day(expected), now.date() - ONE_DAY)


def test_to_ask__answered() -> None:
    """What was asked for is known by the answer."""
    before = first("xx.x")
    asked = before.to_ask(NOW + HOUR, since=day(-3))
    of = before.after(asked, asked=asked, learned_at=NOW + HOUR)
    assert (of.known_from, of.complete_through, of.holes) == (FIRST_DAY, day(4), frozenset())
    assert of.is_final(NOW.date())


EARLY = [
    # how long after midnight days came, in hours, for days before yesterday; the hour of the
    # check; for how many minutes it holds
    ([], 0.5, 30),
    ([6], 0.5, 60),
    ([6, 3, 9], 0.5, 60),
    ([6, 3, 9], 2.5, 30),
    ([6, 3, 9], 2.75, 30),
    ([6, 3, 9], 3, 30),
    ([6, 3, 9], 12, 30),
    ([30], 0.5, 30),
    ([30, 4], 0.5, 60),
]


@pytest.mark.parametrize(("came", "hour", "minutes"), EARLY)
def test_fresh_for__before_days_come(came: list[float], hour: float, minutes: int) -> None:
    """Earlier than any day of the last month came, the witness is asked every hour only."""
    today = NOW.date()
    through = today - 2 * ONE_DAY
    midnight = datetime.combine(today, time(), UTC)
    shown_at = {
        through - back * ONE_DAY: midnight - (back + 1) * ONE_DAY + hours * HOUR
        for back, hours in enumerate(came)
    }
    of = LoadCalendar(through, frozenset(), shown_at)
    assert of.fresh_for(midnight + hour * HOUR) == minutes * MINUTE


# Written and read


@given(
    pattern=st.text("x.", min_size=1, max_size=40),
    start=st.integers(-4_000, 40),
    micro=st.integers(0, 10**12),
    counted=st.dates(FIRST_DAY, D),
)
def test_encode__round_trip(pattern: str, start: int, micro: int, counted: date) -> None:
    """What is encoded is decoded the same."""
    told, asked = shown(pattern, start)
    learned_at = datetime.combine(asked.end, time(), UTC) + micro * MICROSECOND
    of = LoadCalendar.of(told, asked=asked, learned_at=learned_at)
    if of is not None:
        of = replace(of, counted_from=counted)
        read = LoadCalendar.decode(of.encode())
        assert read == of
        assert read.learned_at.utcoffset() == timedelta(0)


JUNK = [
    b"",
    b"1",
    b"1\n",
    b"1\n{}",
    b"1\n[]",
    b"1\n\xff",
    b'1\n{"complete_through": "2026-11-31", "holes": []}',
    b'1\n{"complete_through": "2026-11-30"}',
    b"\x80\x04cos\nabort\n(tR.",
]


@pytest.mark.parametrize("data", JUNK)
def test_decode__junk(data: bytes) -> None:
    """What this version does not write is refused."""
    with pytest.raises(ValueError, match=r".+"):
        LoadCalendar.decode(data)


def test_decode__other_format() -> None:
    """A calendar of another version is refused, be it complete or not."""
    data = first("xxxxx").encode()
    assert json.loads(data.removeprefix(b"2\n"))["complete_through"] == "2026-11-20"
    for other in (b"1" + data[1:], b"22\n" + data[2:], data[2:], b"\n" + data):
        with pytest.raises(ValueError, match="this format"):
            LoadCalendar.decode(other)


@given(kept=st.integers(0, 500), more=st.binary(max_size=3))
def test_decode__cut_off(kept: int, more: bytes) -> None:
    """A calendar that is cut off is refused, also with anything behind it."""
    of = first("xx.xx")
    data = of.encode()
    broken = data[: min(kept, len(data) - 1)] + more.strip()
    try:
        assert LoadCalendar.decode(broken) == of  # the last byte was put back
    except ValueError:
        return
    assert broken == data


@given(data=st.binary(max_size=100).map(b"1\n".__add__) | st.binary(max_size=100))
def test_decode__any_bytes(data: bytes) -> None:
    """Random bytes are refused, and nothing else happens."""
    with pytest.raises(ValueError, match=r".+"):
        LoadCalendar.decode(data)
