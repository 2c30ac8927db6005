"""Which days of a project were restated, as its totals tell."""

import struct
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.days import ABSENT, Block, Corrections

D = date(2026, 11, 16)
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def day(offset: int) -> date:
    """Tell a day by its offset from ``D``."""
    return D + offset * ONE_DAY


def totals(views: str, learned_at: datetime = NOW, *, start: int = 0) -> Block:
    """Build an answer out of a number, or a dot, for each of its days."""
    words = views.split()
    days = DateRange(day(start), day(start + len(words) - 1))
    told = {one: int(word) for one, word in zip(days, words, strict=True) if word != "."}
    return Block.learned(days, told, learned_at)


def whole(views: str, learned_at: datetime) -> Block:
    """Build an answer for all days since the first, whose newest are these up to ``D + 4``."""
    words = views.split()
    days = DateRange(FIRST_DAY, day(4))
    first = 4 - len(words) + 1
    told = {day(first + n): int(word) for n, word in enumerate(words) if word != "."}
    return Block.learned(days, told, learned_at)


def offsets(moments: "dict[date, datetime] | object") -> dict[int, datetime]:
    """Tell moments by offsets from ``D``."""
    assert isinstance(moments, dict)
    return {(one - D).days: moment for one, moment in moments.items()}


# The begin


def test_of__begins_to_watch() -> None:
    """At first nothing is restated; from then on the days with a total are watched."""
    of = Corrections.of(totals("5 . 5 0 5"))
    assert of.totals == totals("5 . 5 0 5")
    assert of.begun_at == NOW
    assert offsets(of.watched_since) == dict.fromkeys([0, 2, 3, 4], NOW)
    assert of.noticed_at == {}
    assert of.history_learned_at is None
    assert of.can_notice


def test_of__history() -> None:
    """Of a long answer only the days of the last 30 are watched: older ones are learned anew."""
    of = Corrections.of(totals(" ".join(["5"] * 40), start=-35))
    assert offsets(of.watched_since) == dict.fromkeys(range(-25, 5), NOW)
    assert day(-25) == NOW.date() - 30 * ONE_DAY


def test_of__project_without_totals() -> None:
    """Where AQS has no totals, nothing can be noticed."""
    of = Corrections.of(totals(". . ."))
    assert not of.can_notice
    assert not of.lacks(day(99))
    assert of.can_tell(day(-99))
    assert of.can_tell(day(99))
    assert not of.has_lost(day(1))


# What is noticed

LATER = NOW + 2 * HOUR
NOTICED = [
    # the totals before, those of two hours later, from which day on; the days that were restated
    ("nothing", "5 5 5 5 5", "5 5 5 5 5", 0, []),
    ("one day more", "5 5 5 5 5", "5 6 5 5 5", 0, [1]),
    ("one day less", "5 5 5 5 5", "5 5 5 4 5", 0, [3]),
    ("to 0", "5 5 5 5 5", "5 5 5 0 5", 0, [3]),
    ("from 0", "5 5 0 5 5", "5 5 5 5 5", 0, [2]),
    ("all", "5 5 5 5 5", "6 7 8 9 1", 0, [0, 1, 2, 3, 4]),
    ("the first and the last", "5 5 5 5 5", "6 5 5 5 6", 0, [0, 4]),
    ("of some days", "5 5 5 5 5", "6 5 6", 2, [2, 4]),
    ("with newer days", "5 5 5 5 5", "5 6 5 7", 3, [4]),
    ("with older days", "5 5 5 5 5", "8 6 5", -1, [0]),
    ("a day comes", "5 . 5 5 5", "5 6 5 5 5", 0, []),
    ("a day goes", "5 5 5 5 5", "5 . 5 5 5", 0, []),
    ("newer days alone", "5 5 5 5 5", "6 6", 5, []),
    ("nothing any more", "5 5 5 5 5", ". . . . .", 0, []),
]


@pytest.mark.parametrize(
    ("before", "after", "start", "expected"),
    [row[1:] for row in NOTICED],
    ids=[row[0] for row in NOTICED],
)
def test_after__table(before: str, after: str, start: int, expected: list[int]) -> None:
    """A day whose total is another one was restated, noticed when the new total was made."""
    known, newer = totals(before), totals(after, LATER, start=start)
    of = Corrections.of(known).after(newer)
    assert offsets(of.noticed_at) == dict.fromkeys(expected, LATER)
    assert of.totals == known.merged(newer)
    assert of.begun_at == NOW


@pytest.mark.parametrize("later", [-4 * HOUR, -SECOND, timedelta(0)])
def test_after__older_copy(later: timedelta) -> None:
    """A copy of Wikimedia's edge that is not newer tells nothing of what is known."""
    before = Corrections.of(totals("5 5 5 5 5"))
    of = before.after(totals("6 6 6 6 6", NOW + later))
    assert of.noticed_at == {}
    assert of.watched_since == before.watched_since


def test_after__older_copy_in_part() -> None:
    """What is newer than the one answer may be older than another."""
    of = Corrections.of(totals("5 5 5 5 5")).after(totals("5 5", LATER, start=3))
    of = of.after(totals("6 6 6 6 6", NOW + HOUR))
    assert offsets(of.noticed_at) == dict.fromkeys([0, 1, 2], NOW + HOUR)
    assert of.totals.views[day(4)] == 5


def test_after__newly_loaded_day() -> None:
    """A day that comes is no correction, but watched from then on."""
    of = Corrections.of(totals("5 5 5 . 5")).after(totals("5 5 5 5 5 5 .", LATER))
    assert of.noticed_at == {}
    assert offsets(of.watched_since) == {0: NOW, 1: NOW, 2: NOW, 3: LATER, 4: NOW, 5: LATER}


def test_after__day_that_goes_and_comes_back() -> None:
    """A total that was gone is watched anew: what came meanwhile nobody saw."""
    gone = Corrections.of(totals("5 5 5")).after(totals("5 . 5", LATER))
    assert offsets(gone.watched_since) == dict.fromkeys([0, 1, 2], NOW)
    back = gone.after(totals("5 6 5", LATER + HOUR))
    assert offsets(back.watched_since) == {0: NOW, 1: LATER + HOUR, 2: NOW}
    assert back.noticed_at == {}


def test_after__restated_twice() -> None:
    """The later restatement counts; what was noticed of other days is kept."""
    of = Corrections.of(totals("5 5 5"))
    of = of.after(totals("6 6 5", LATER)).after(totals("7 6 5", LATER + HOUR))
    assert offsets(of.noticed_at) == {0: LATER + HOUR, 1: LATER}


def test_after__back_to_what_it_was() -> None:
    """A total that is restated back is restated, too."""
    of = Corrections.of(totals("5 5")).after(totals("5 6", LATER))
    assert offsets(of.after(totals("5 5", LATER + HOUR)).noticed_at) == {1: LATER + HOUR}


def test_after__old_day_by_the_history() -> None:
    """A day older than the watched ones is compared when the history is asked for."""
    of = Corrections.of(totals("5 5 5 5 5"))
    of = of.after(whole(" ".join(["5"] * 60), NOW + 2 * HOUR))
    assert of.history_learned_at == NOW + 2 * HOUR
    assert of.noticed_at == {}
    assert min(offsets(of.watched_since)) == -25
    of = of.after(totals("5 5 5 5 5", NOW + 4 * HOUR))
    assert of.history_learned_at == NOW + 2 * HOUR
    week_later = NOW + 7 * ONE_DAY
    of = of.after(whole("6 " + " ".join(["5"] * 59), week_later))
    assert offsets(of.noticed_at) == {-55: week_later}
    assert of.history_learned_at == week_later


@pytest.mark.parametrize(("start", "anew"), [(4, False), (5, False), (6, True), (40, True)])
def test_after__gap(start: int, *, anew: bool) -> None:
    """After days of which nothing is known, it all begins again."""
    before = Corrections.of(totals("5 5 5 5 5")).after(totals("6", LATER))
    newer = totals("7 7 7", NOW + 40 * ONE_DAY, start=start)
    of = before.after(newer)
    assert (of == Corrections.of(newer)) is anew
    assert of.begun_at == (NOW + 40 * ONE_DAY if anew else NOW)


def test_after__project_that_gets_totals() -> None:
    """A project that had no totals is watched from its first ones."""
    newer = totals("5 5 .", LATER)
    assert Corrections.of(totals(". . .")).after(newer) == Corrections.of(newer)


def test_after__long_ago() -> None:
    """What was noticed 31 days and 4 hours ago matters no more; nor do watched old days."""
    of = Corrections.of(totals("5 5 5")).after(totals("5 6 5", LATER))
    kept = LATER + 31 * ONE_DAY + 4 * HOUR
    for moment, expected in ((kept, {1: LATER}), (kept + SECOND, {})):
        assert offsets(of.after(totals("5", moment, start=3)).noticed_at) == expected


@pytest.mark.parametrize(("later", "watched"), [(24, [0, 1, 2]), (25, [0, 1, 2]), (26, [1, 2])])
def test_after__watched_for_thirty_days(later: int, watched: list[int]) -> None:
    """A day is watched until it is 30 days old."""
    moment = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC) + later * ONE_DAY
    of = Corrections.of(totals("5 5 5")).after(totals("5", moment, start=3))
    assert sorted(offsets(of.watched_since)) == [*watched, 3]


Model = dict[int, tuple[datetime, int]]


@given(
    answers=st.lists(
        st.tuples(
            st.integers(0, 24 * 50),  # when it was made, in hours
            st.integers(0, 8),  # from which day on
            st.lists(st.integers(ABSENT, 2), min_size=1, max_size=10),
        ),
        max_size=8,
    )
)
@settings(max_examples=120)
def test_after__as_day_by_day(answers: list[tuple[int, int, list[int]]]) -> None:
    """However answers overlap, and in whatever order they come: as if each day stood for itself."""
    of = Corrections.of(totals("1 1 1 1 1 1 1 1"))
    model: Model = dict.fromkeys(range(8), (NOW, 1))
    watched, noticed = dict.fromkeys(range(8), NOW), dict[int, datetime]()
    for hours, start, counts in answers:
        moment = NOW + hours * HOUR
        if start > max(model) + 1 or not of.can_notice:
            continue
        of = of.after(
            totals(" ".join("." if n < 0 else str(n) for n in counts), moment, start=start)
        )
        for one, count in enumerate(counts, start):
            known_at, known = model.get(one, (None, ABSENT))
            if known == ABSENT and count != ABSENT:
                watched[one] = moment
            if known_at and known_at < moment and ABSENT not in {known, count} and known != count:
                noticed[one] = moment
            if known_at is None or known_at <= moment:
                model[one] = (moment, count)
        watched = {
            one: at for one, at in watched.items() if day(one) >= moment.date() - 30 * ONE_DAY
        }
        long_ago = moment - 31 * ONE_DAY - 4 * HOUR
        noticed = {one: at for one, at in noticed.items() if at >= long_ago}
        assert [of.totals.count(day(one)) for one in sorted(model)] == [
            model[one][1] for one in sorted(model)
        ]
        assert offsets(of.watched_since) == watched
        assert offsets(of.noticed_at) == noticed
        assert of.begun_at == NOW


# What is told


COMPARED = [
    # since when they are watched, when all days were compared, the day of the last check, each in
    # days before; the oldest day whose total is asked for (None: the first of all)
    ("checked today", 1, None, 0, -25),
    ("checked yesterday", 1, None, 1, -26),
    ("checked almost a week ago", 7 - 1e-5, None, 6, -31),
    ("begun 7 days ago, never compared", 7, None, 0, None),
    ("compared lately", 40, 1, 5, -30),
    ("compared just less than 7 days ago", 40, 7 - 1e-5, 6, -31),
    ("compared 7 days ago", 40, 7, 0, None),
    ("compared long ago", 90, 60, 0, None),
]


@pytest.mark.parametrize(
    ("begun", "compared", "checked", "expected"),
    [row[1:] for row in COMPARED],
    ids=[row[0] for row in COMPARED],
)
def test_to_compare__table(
    begun: float, compared: float | None, checked: int, expected: int | None
) -> None:
    """The newest 30 days are compared, and those that left them unseen; all, if that is overdue."""
    of = replace(
        Corrections.of(totals("5 5 5 5 5")),
        begun_at=NOW - begun * ONE_DAY,
        history_learned_at=None if compared is None else NOW - compared * ONE_DAY,
    )
    asked = of.to_compare(through=day(4), checked_on=day(4) - checked * ONE_DAY, now=NOW)
    assert asked == DateRange(FIRST_DAY if expected is None else day(expected), day(4))


def test_to_compare__checked_after_the_newest_day() -> None:
    """Since the day of the last check no day need be newer."""
    of = Corrections.of(totals("5 5 5 5 5"))
    asked = of.to_compare(through=day(4), checked_on=day(5), now=NOW)
    assert asked == DateRange(day(-25), day(4))


def test_to_compare__first_days_of_all() -> None:
    """No day before the first of all is asked for."""
    of = Corrections.of(totals("5 5 5 5 5"))
    through = FIRST_DAY + ONE_DAY
    asked = of.to_compare(through=through, checked_on=through, now=NOW)
    assert asked == DateRange(FIRST_DAY, through)


def test_of__whole_history() -> None:
    """Where all days were asked for at the begin, they are next compared a week later."""
    assert Corrections.of(whole("5 5 5", NOW)).history_learned_at == NOW


LOST = [
    # a day by its offset from the first of ". 5 . 5 ."; lost, can it be told
    (-1, False, False),
    (1, False, True),
    (2, True, True),
    (3, False, True),
    (4, False, False),
    (5, False, False),
]


@pytest.mark.parametrize(("offset", "lost", "can_tell"), LOST)
def test_has_lost__table(offset: int, *, lost: bool, can_tell: bool) -> None:
    """A project has lost a day that it lacks between its first and its newest."""
    of = Corrections.of(totals(". 5 . 5 ."))
    assert of.has_lost(day(offset)) is lost
    assert of.can_tell(day(offset)) is can_tell


def test_can_tell__window_that_begins_with_absent_days() -> None:
    """Before its oldest total it is not known whether a project has lost a day or began later."""
    of = Corrections.of(totals(". 5 . 5 ."))
    assert not of.has_lost(day(0))
    assert not of.can_tell(day(0))


def test_can_tell__whole_history() -> None:
    """Before the oldest of all totals the project has lost no day: it began later."""
    of = Corrections.of(whole("5 5 5", NOW))
    for one in (FIRST_DAY, day(1)):
        assert of.can_tell(one)
        assert not of.has_lost(one)


def test_has_lost__total_of_0() -> None:
    """A total of 0 is a total."""
    assert not Corrections.of(totals("5 0 5")).has_lost(day(1))


@pytest.mark.parametrize(
    ("views", "through", "expected"),
    [
        ("5 5 5", 1, False),
        ("5 5 5", 2, False),
        ("5 5 5", 3, True),
        ("5 5 .", 2, True),
        ("5 . 5", 2, False),
        (". . .", 2, False),
    ],
)
def test_lacks__newest_totals(views: str, through: int, *, expected: bool) -> None:
    """The totals of a day may come after its views."""
    assert Corrections.of(totals(views)).lacks(day(through)) is expected


# Written and read


@given(
    views=st.lists(st.integers(ABSENT, 2**53 - 1), min_size=1, max_size=40),
    changed=st.lists(st.integers(0, 9), min_size=1, max_size=40),
    hours=st.integers(-40, 24 * 40),
)
@settings(max_examples=40)
def test_encode__round_trip(views: list[int], changed: list[int], hours: int) -> None:
    """What is encoded is decoded the same."""
    first = totals(" ".join("." if n < 0 else str(n) for n in views))
    of = Corrections.of(first)
    assert Corrections.decode(of.encode()) == of
    of = of.after(totals(" ".join(map(str, changed)), NOW + hours * HOUR))
    assert Corrections.decode(of.encode()) == of
    of = of.after(whole("1 2 3", NOW + 41 * ONE_DAY))
    assert of.history_learned_at
    assert Corrections.decode(of.encode()) == of


def corrections() -> Corrections:
    """Give some with everything in them."""
    of = Corrections.of(totals("5 5 5 5 5")).after(whole("5 6 . 5 5", LATER))
    assert of.noticed_at
    assert of.history_learned_at
    return of


def test_decode__other_format() -> None:
    """Corrections of another version are refused."""
    data = corrections().encode()
    for format_ in set(range(256)) - {data[0]}:
        with pytest.raises(ValueError, match="of format"):
            Corrections.decode(bytes([format_]) + data[1:])


BLOCK = totals("5 5 5").encode()
JUNK = [
    ("nothing", b""),
    ("half a header", b"\x01\0\0"),
    ("a header alone", b"\x01\0\0\0\0"),
    ("no moments", struct.pack(">BI", 1, 0) + BLOCK),
    ("empty moments", struct.pack(">BI", 1, 2) + b"{}" + BLOCK),
    ("more moments than bytes", struct.pack(">BI", 1, 2**32 - 1) + BLOCK),
    ("a pickle that is never run", b"\x80\x04cos\nabort\n(tR."),
]


@pytest.mark.parametrize("data", [row[1] for row in JUNK], ids=[row[0] for row in JUNK])
def test_decode__junk(data: bytes) -> None:
    """What this version does not write is refused."""
    with pytest.raises(ValueError, match=r".+"):
        Corrections.decode(data)


@given(kept=st.integers(0, 600), data=st.binary(max_size=60))
@settings(max_examples=60)
def test_decode__cut_off(kept: int, data: bytes) -> None:
    """Corrections that are cut off, and go on with anything, are refused or read as some."""
    whole_data = corrections().encode()
    try:
        of = Corrections.decode(whole_data[: min(kept, len(whole_data) - 1)] + data)
    except ValueError:
        return
    # Only what checks the counts may lack: the counts themselves are all there.
    assert of == corrections()
