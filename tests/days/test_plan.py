"""What has to be asked for."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.days import (
    ABSENT,
    Block,
    Checked,
    Corrections,
    LoadCalendar,
    days_to_ask,
    is_restated,
    settle,
)
from pageviews_api.days.plan import due_ranges

NEWEST = date(2026, 11, 20)
"""The newest loaded day; the tables name days by their offset from it."""

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
SPAN_DAYS = 10

Span = tuple[int, int]


def day(offset: int) -> date:
    """Tell a day by its offset from the newest."""
    return NEWEST + offset * ONE_DAY


def span(first: int, last: int) -> DateRange:
    """Tell days by their offsets from the newest."""
    return DateRange(day(first), day(last))


def learned(
    first: int, last: int, at: datetime = NOW, *, without: Iterable[int] = (), views: int = 9
) -> Block:
    """Build what one answer told of these days; it left some out."""
    days = span(first, last)
    lacking = {day(offset) for offset in without}
    return Block.learned(days, {one: views for one in days if one not in lacking}, at)


def joined(*blocks: Block) -> Block:
    """Join blocks that touch."""
    first, *others = blocks
    for other in others:
        first = first.merged(other)
    return first


CALENDAR = LoadCalendar(NEWEST, frozenset())


def ask(
    first: int,
    last: int,
    held: Block | None,
    now: datetime = NOW,
    *,
    checked: Checked | None = None,
    span_days: int = SPAN_DAYS,
) -> Span | None:
    """Tell what is asked for, by offsets from the newest day."""
    checked = checked or Checked(CALENDAR)
    days = days_to_ask(span(first, last), held, checked, now, span_days=span_days)
    return None if days is None else ((days.start - NEWEST).days, (days.end - NEWEST).days)


def due(held: Block, checked: Checked, now: datetime = NOW) -> list[Span]:
    """Tell what is due, by offsets from the newest day."""
    return [
        ((days.start - NEWEST).days, (days.end - NEWEST).days)
        for days in due_ranges(held, checked, now)
    ]


# What is not held

COVERAGE = [
    # the asked days, what is held; what is asked for
    ("cold: the span", (-2, 0), None, (-9, 0)),
    ("cold: up to the newest day", (-8, -6), None, (-9, 0)),
    ("cold: back to the asked start", (-30, -20), None, (-30, 0)),
    ("cold: just the span", (-9, -9), None, (-9, 0)),
    ("cold: a day more", (-10, -10), None, (-10, 0)),
    ("cold: today, too", (-2, 1), None, (-9, 0)),
    ("cold: today alone", (1, 1), None, None),
    ("all held", (-9, 0), (-9, 0), None),
    ("the midst", (-5, -3), (-9, 0), None),
    ("held, and today", (-5, 1), (-9, 0), None),
    ("today alone", (1, 1), (-9, 0), None),
    ("today alone, newer ones lack", (1, 1), (-9, -1), None),
    ("newer ones lack, not asked for", (-5, -1), (-9, -1), None),
    ("older ones lack, not asked for", (-3, 0), (-3, 0), None),
    ("older ones", (-15, -12), (-9, 0), (-15, -10)),
    ("older ones, within the span", (-5, -4), (-3, 0), (-9, -4)),
    ("older ones, the span is held", (-25, -21), (-20, 0), (-25, -21)),
    ("one older", (-4, 0), (-3, 0), (-9, -4)),
    ("newer ones", (-3, 0), (-9, -1), (0, 0)),
    ("newer ones, up to the newest", (-5, -3), (-9, -4), (-3, 0)),
    ("newer ones, and today", (-5, 1), (-9, -1), (0, 0)),
    ("newer ones alone, after a gap", (-2, -1), (-30, -20), (-19, 0)),
    ("both", (-12, -1), (-5, -3), (-12, 0)),
    ("both, within the span", (-6, 0), (-5, -3), (-9, 0)),
    ("older ones, and newer ones lack", (-15, -12), (-9, -1), (-15, 0)),
    ("more than the newest is held", (-3, 0), (-9, 1), None),
]


@pytest.mark.parametrize(
    ("asked", "held", "expected"),
    [row[1:] for row in COVERAGE],
    ids=[row[0] for row in COVERAGE],
)
def test_days_to_ask__coverage(asked: Span, held: Span | None, expected: Span | None) -> None:
    """What lacks is asked for in one: back to the span or the asked start, up to the newest day."""
    assert ask(*asked, learned(*held) if held else None) == expected


@given(
    asked=st.tuples(st.integers(-40, 2), st.integers(0, 40)),
    held=st.none() | st.tuples(st.integers(-40, 0), st.integers(0, 40)),
    span_days=st.integers(1, 50),
)
def test_days_to_ask__any_coverage(asked: Span, held: Span | None, span_days: int) -> None:
    """Whatever is held: the answer touches it, and then every asked loaded day is held."""
    first, last = asked[0], asked[0] + asked[1]
    block = learned(held[0], min(0, held[0] + held[1])) if held else None
    days = days_to_ask(span(first, last), block, Checked(CALENDAR), NOW, span_days=span_days)
    if days is not None:
        assert days.end <= NEWEST
        answer = Block.learned(days, {}, NOW)
        block = block.merged(answer) if block else answer
    wanted = [one for one in span(first, last) if one <= NEWEST]
    assert not wanted or (block and all(one in block.days for one in wanted))
    assert ask(first, last, block, span_days=span_days) is None


def test_days_to_ask__without_a_check() -> None:
    """Where the days were never checked, yesterday is taken to be the newest."""
    midnight = datetime.combine(NEWEST + ONE_DAY, time(), UTC)
    assert ask(-2, 1, None, midnight, checked=Checked()) == (-9, 0)
    assert ask(-2, 1, None, midnight - SECOND, checked=Checked()) == (-10, -1)


@pytest.mark.parametrize("offset", range(12))
def test_days_to_ask__near_the_first_day(offset: int) -> None:
    """No day is asked for before AQS has any."""
    newest = FIRST_DAY + offset * ONE_DAY
    checked = Checked(LoadCalendar(newest, frozenset()))
    days = days_to_ask(DateRange(newest, newest), None, checked, NOW, span_days=SPAN_DAYS)
    assert days == DateRange(FIRST_DAY + max(0, offset - 9) * ONE_DAY, newest)


# Days that were restated

NOTICED = NOW - HOUR


def restated(
    *offsets: int, begun_at: datetime = NOW - 99 * HOUR, noticed_at: datetime = NOTICED
) -> Corrections:
    """Tell that these days were restated."""
    before = Corrections.of(learned(-29, 0, begun_at, views=5_000))
    newer = dict.fromkeys(span(-29, 0), 5000) | {day(offset): 6_000 for offset in offsets}
    after = before.after(Block.learned(span(-29, 0), newer, noticed_at))
    assert set(after.noticed_at) == {day(offset) for offset in offsets}
    return after


def test_days_to_ask__restated_day() -> None:
    """A restated day is asked for again if the question has it."""
    checked = Checked(CALENDAR, restated(-3))
    held = learned(-9, 0, NOTICED - SECOND)
    assert ask(-9, 0, held, checked=checked) == (-3, -3)
    assert ask(-3, -3, held, checked=checked) == (-3, -3)
    assert ask(-2, 0, held, checked=checked) is None
    assert ask(-9, -4, held, checked=checked) is None


RESTATED = [
    # when the number was learned, and now, both counted from the notice; whether it is asked again
    (-24 * HOUR, 0 * HOUR, True),
    (-SECOND, 0 * HOUR, True),
    (0 * HOUR, 0 * HOUR, False),
    (SECOND, 2 * HOUR, False),
    (0 * HOUR, 4 * HOUR - SECOND, False),
    (0 * HOUR, 4 * HOUR, True),
    (4 * HOUR - SECOND, 9 * HOUR, True),
    (4 * HOUR, 9 * HOUR, False),
    (4 * HOUR, 25 * 24 * HOUR, False),
]


@pytest.mark.parametrize(("learned_at", "now", "expected"), RESTATED)
def test_days_to_ask__restated_twice(
    learned_at: timedelta, now: timedelta, *, expected: bool
) -> None:
    """A restated day is asked for at once, and once more when all numbers must be the new ones."""
    corrections = restated(-3)
    held = learned(-9, 0, NOTICED + learned_at)
    asked = ask(-9, 0, held, NOTICED + now, checked=Checked(CALENDAR, corrections))
    assert asked == ((-3, -3) if expected else None)
    moment = NOTICED + learned_at
    assert is_restated(span(-3, -3), moment, corrections, NOTICED + now) is expected


def test_days_to_ask__restated_in_the_course_of_time() -> None:
    """A restated day costs two requests, and no third one."""
    checked = Checked(CALENDAR, restated(-3))
    held, asked = learned(-9, 0, NOTICED - 20 * HOUR), []
    for minutes in range(0, 60 * 24 * 7, 20):
        now = NOTICED + minutes * MINUTE
        if ask(-9, 0, held, now, checked=checked):
            asked.append(minutes // 60)
            held = joined(held, learned(-3, -3, now))
    assert asked == [0, 4]


def test_days_to_ask__watched_since() -> None:
    """What was learned before the totals were known may have been restated unseen."""
    checked = Checked(CALENDAR, Corrections.of(learned(-29, 0, NOTICED)))
    later = NOTICED + 9 * HOUR
    assert ask(-9, 0, learned(-9, 0, NOTICED - SECOND), later, checked=checked) == (-9, 0)
    assert ask(-9, 0, learned(-9, 0, NOTICED), later, checked=checked) is None
    beyond = learned(-40, 0, NOTICED - SECOND)
    assert ask(-40, 0, beyond, later, checked=checked) == (-40, 0)
    assert ask(-40, -30, beyond, later, checked=checked) == (-40, 0)


def changed(held: Block, *offsets: int, at: datetime, views: int = 7, last: int = 0) -> Block:
    """Give a later answer for the days from the first of ``offsets`` on, these ones changed."""
    days = span(min(offsets), last)
    counts = {one: held.count(one) for one in days if held.count(one) != ABSENT}
    return Block.learned(days, counts | {day(one): views for one in offsets}, at)


def settled_of(answer: Block) -> list[int]:
    """Tell the days that are settled, by their offsets."""
    stretches = [stretch for stretch in answer.stretches if stretch.settled]
    return [(one - NEWEST).days for stretch in stretches for one in stretch.days]


SETTLED = [
    # the restated days, those that the answer shows with another number; those that are settled
    ((-3,), (-3,), [-3]),
    ((-3, -5), (-5, -3), [-5, -3]),
    ((-3, -5), (-5,), [-5]),
    ((-3,), (-4,), []),
    ((), (-3,), []),
]


@pytest.mark.parametrize(("days", "shown", "expected"), SETTLED)
def test_settle__table(days: tuple[int, ...], shown: tuple[int, ...], expected: list[int]) -> None:
    """A restated day is settled if the answer shows another number for it."""
    held, corrections = learned(-9, 0, NOTICED - HOUR), restated(*days)
    answer = settle(changed(held, *shown, at=NOTICED), held, corrections)
    assert settled_of(answer) == expected
    assert answer.days == DateRange(day(min(shown)), NEWEST)


def test_settle__asked_once_only() -> None:
    """A restated day whose number has changed is not asked for a second time."""
    checked = Checked(CALENDAR, restated(-3))
    held = learned(-9, 0, NOTICED - HOUR)
    answer = settle(changed(held, -3, at=NOTICED, last=-3), held, restated(-3))
    for hours in (0, 5, 100):
        assert ask(-9, 0, held.merged(answer), NOTICED + hours * HOUR, checked=checked) is None
    assert Block.decode(held.merged(answer).encode()) == held.merged(answer)


def test_settle__restated_again() -> None:
    """What is settled is doubted again when the day is restated once more."""
    held = learned(-9, 0, NOTICED - HOUR)
    answer = settle(changed(held, -3, at=NOTICED, last=-3), held, restated(-3))
    again = Checked(CALENDAR, restated(-3, noticed_at=NOTICED + 9 * HOUR))
    block = held.merged(answer)
    assert ask(-9, 0, block, NOTICED + 9 * HOUR, checked=again) == (-3, -3)


def test_settle__asked_for_in_vain_before() -> None:
    """A day that was asked for too early does not count as settled by another day's number."""
    corrections = restated(-3, -5)
    held = learned(-9, 0, NOTICED)
    answer = settle(changed(held, -5, at=NOTICED + 2 * HOUR), held, corrections)
    assert settled_of(answer) == [-5]


def test_settle__absent_day() -> None:
    """In a settled answer a day that was left out too early is asked for once more all the same."""
    shown = LoadCalendar(NEWEST, frozenset(), {NEWEST: NOTICED - HOUR})
    checked = Checked(shown, restated(-3))
    held = learned(-9, 0, NOTICED - HOUR, without=[0])
    answer = settle(changed(held, -3, at=NOTICED), held, restated(-3))
    assert settled_of(answer) == [-3]
    assert ask(-9, 0, held.merged(answer), NOTICED + HOUR, checked=checked) == (0, 0)


def test_days_to_ask__day_watched_later() -> None:
    """A day whose total came later is doubted alone."""
    corrections = Corrections.of(learned(-29, -1, NOTICED - 9 * HOUR))
    checked = Checked(CALENDAR, corrections.after(learned(-29, 0, NOTICED)))
    held = learned(-9, 0, NOTICED - SECOND)
    assert ask(-9, 0, held, checked=checked) == (0, 0)
    assert ask(-9, -1, held, checked=checked) is None


def test_days_to_ask__restated_and_watched() -> None:
    """Of two doubts about a day the later one counts."""
    corrections = restated(-3, begun_at=NOTICED - HOUR)
    for since in (NOTICED - HOUR, NOTICED + HOUR):
        watched = replace(corrections, watched_since={day(-3): since})
        later = max(since, NOTICED)
        checked = Checked(CALENDAR, watched)
        held = learned(-9, 0, later - SECOND)
        assert due(held, checked, NOTICED + 2 * HOUR) == [(-3, -3)]
        assert due(learned(-9, 0, later), checked, NOTICED + 2 * HOUR) == []


# Days that were left out

SHOWN = NOW - 6 * HOUR
ABSENT_DAY = [
    # when it was learned that the day was left out, and now, both counted from its show; asked?
    (-9 * HOUR, 0 * HOUR, True),
    (-SECOND, 0 * HOUR, True),
    (0 * HOUR, 0 * HOUR, False),
    (0 * HOUR, 2 * HOUR - SECOND, False),
    (0 * HOUR, 2 * HOUR, True),
    (2 * HOUR - SECOND, 7 * HOUR, True),
    (2 * HOUR, 7 * HOUR, False),
    (2 * HOUR, 25 * 24 * HOUR, False),
]


@pytest.mark.parametrize(("learned_at", "now", "expected"), ABSENT_DAY)
def test_days_to_ask__absent_day(learned_at: timedelta, now: timedelta, *, expected: bool) -> None:
    """A day that was left out is asked for when it was shown since; once more after two hours."""
    checked = Checked(replace(CALENDAR, shown_at={NEWEST: SHOWN}))
    held = learned(-9, 0, SHOWN + learned_at, without=[0])
    assert ask(-9, 0, held, SHOWN + now, checked=checked) == ((0, 0) if expected else None)
    assert ask(-9, -1, held, SHOWN + now, checked=checked) is None
    there = learned(-9, 0, SHOWN + learned_at)
    assert ask(-9, 0, there, SHOWN + now, checked=checked) is None


def test_days_to_ask__absent_in_the_course_of_time() -> None:
    """A day without a view costs two requests, and no third one."""
    checked = Checked(replace(CALENDAR, shown_at={NEWEST: SHOWN}))
    held, asked = learned(-9, 0, SHOWN - HOUR, without=[0]), []
    for minutes in range(0, 60 * 24 * 7, 5):
        now = SHOWN + minutes * MINUTE
        if ask(-9, 0, held, now, checked=checked):
            asked.append(minutes)
            held = joined(held, learned(0, 0, now, without=[0]))
    assert asked == [0, 120]


def test_days_to_ask__absent_day_that_is_not_covered() -> None:
    """Only covered days can have been left out."""
    shown = {day(offset): SHOWN for offset in (-10, 0)}
    checked = Checked(replace(CALENDAR, shown_at=shown))
    assert due(learned(-9, -1, SHOWN - HOUR, without=range(-9, 0)), checked) == []
    assert due(learned(0, 0, SHOWN), checked, SHOWN) == []
    assert due(learned(-10, -1, SHOWN - HOUR, without=[-10]), checked) == [(-10, -10)]


def test_days_to_ask__absent_and_restated() -> None:
    """Of two doubts about a day the later one counts, whichever it is."""
    shown = Checked(replace(CALENDAR, shown_at={day(-3): NOTICED + 2 * HOUR}), restated(-3))
    now = NOTICED + 3 * HOUR
    held = learned(-9, 0, NOTICED + HOUR, without=[-3])
    assert due(held, shown, now) == [(-3, -3)]
    earlier = Checked(replace(CALENDAR, shown_at={day(-3): NOTICED - HOUR * 9}), restated(-3))
    assert due(learned(-9, 0, NOTICED - SECOND, without=[-3]), earlier, now) == [(-3, -3)]
    assert due(learned(-9, 0, NOTICED, without=[-3]), earlier, now) == []


# Numbers that are old

MONTH = 30 * ONE_DAY


@pytest.mark.parametrize(
    ("age", "expected"), [(MONTH - SECOND, None), (MONTH, (-9, 0)), (2 * MONTH, (-9, 0))]
)
def test_days_to_ask__after_thirty_days(age: timedelta, expected: Span | None) -> None:
    """After 30 days everything is learned anew, whatever else is known."""
    held = learned(-9, 0, NOW - age)
    assert ask(-3, 0, held) == expected
    assert ask(-3, 0, held, checked=Checked()) == expected
    watched = replace(restated(begun_at=NOW - 90 * ONE_DAY), watched_since={})
    assert ask(-3, 0, held, checked=Checked(CALENDAR, watched)) == expected
    assert is_restated(span(-3, 0), NOW - age, watched, NOW) is (expected is not None)


def test_days_to_ask__old_in_part() -> None:
    """What is old of a block is asked for when the question has some of it."""
    held = joined(learned(-9, -5, NOW - MONTH), learned(-4, 0, NOW - HOUR))
    assert ask(-9, 0, held) == ask(-5, -5, held) == (-9, -5)
    assert ask(-4, 0, held) is None


NO_TOTALS = Corrections.of(Block.learned(span(-29, 0), {}, NOW - 99 * HOUR))


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (2 * HOUR - 3 * SECOND, None),
        (2 * HOUR - 2 * SECOND, None),  # the edge has a copy of just these days
        (2 * HOUR - SECOND, (-9, -3)),
        (2 * HOUR, (-9, 0)),
        (9 * HOUR, (-9, 0)),
    ],
)
def test_days_to_ask__project_without_totals(age: timedelta, expected: Span | None) -> None:
    """Where no restatement could be seen, numbers hold for two hours."""
    older = joined(learned(-9, -5, NOW - age - 2 * SECOND), learned(-4, -3, NOW - age - SECOND))
    held = joined(older, learned(-2, 0, NOW - age))
    assert ask(-9, 0, held, checked=Checked(CALENDAR, NO_TOTALS)) == expected
    assert ask(-9, 0, held, checked=Checked(CALENDAR)) is None


@pytest.mark.parametrize(
    ("age", "expected"), [(2 * HOUR - SECOND, False), (2 * HOUR, True), (9 * HOUR, True)]
)
def test_is_restated__project_without_totals(age: timedelta, *, expected: bool) -> None:
    """The same of an answer about several days."""
    assert is_restated(span(-3, 0), NOW - age, NO_TOTALS, NOW) is expected


# What Wikimedia's edge would answer with the same copy

COPIES = [
    # the age of the answer that is held; whether it is asked for, with views and without any
    (0 * HOUR, False, False),
    (10 * MINUTE - SECOND, False, False),
    (10 * MINUTE, False, True),
    (4 * HOUR - SECOND, False, True),
    (4 * HOUR, True, True),
]


@pytest.mark.parametrize(("age", "with_views", "without_any"), COPIES)
def test_days_to_ask__same_copy(age: timedelta, *, with_views: bool, without_any: bool) -> None:
    """The very question is not repeated while the edge would hand out the answer that we hold."""
    began = Corrections.of(learned(-29, 0, NOW + age))
    checked, now = Checked(CALENDAR, began), NOW + age
    if age:
        assert due(learned(-9, 0), checked, now)
    assert ask(-3, 0, learned(-9, 0), now, checked=checked) == ((-9, 0) if with_views else None)
    nothing = learned(-9, 0, without=range(-9, 1))
    assert ask(-3, 0, nothing, now, checked=checked) == ((-9, 0) if without_any else None)
    one_number = learned(-9, 0, without=range(-9, 0), views=0)
    assert ask(-3, 0, one_number, now, checked=checked) == ((-9, 0) if with_views else None)


def test_days_to_ask__other_question_than_before() -> None:
    """Another question is asked, however young what we hold is: it has an answer of its own."""
    checked = Checked(CALENDAR, restated(-3, -2, noticed_at=NOW))
    held = learned(-9, 0, NOW - 2 * SECOND)
    assert ask(-9, 0, held, checked=checked) == (-3, -2)
    asked_before = joined(held, learned(-3, -2, NOW - SECOND))
    assert ask(-9, 0, asked_before, checked=checked) is None
    asked_before = joined(held, learned(-3, -1, NOW - SECOND))
    assert ask(-9, 0, asked_before, checked=checked) == (-3, -2)


@pytest.mark.parametrize("asked", [(-9, 0), (-12, -1)])
def test_days_to_ask__copy_of_a_part(asked: Span) -> None:
    """A question is not held back where more is asked for than what we have a copy of."""
    checked = Checked(CALENDAR, restated(*range(-9, 0), noticed_at=NOW))
    held = learned(-9, -1, NOW - SECOND)
    assert ask(*asked, held, checked=checked) == (min(asked[0], -9), 0)


def test_days_to_ask__copy_without_the_newest_day() -> None:
    """Nor where the newest day is taken along, for that is another question."""
    checked = Checked(CALENDAR, restated(*range(-9, 0), noticed_at=NOW))
    assert ask(-9, -1, learned(-9, -1, NOW - SECOND), checked=checked) == (-9, 0)


# All in one

TOGETHER = [
    # the asked days, the restated ones, what is held; what is asked for
    ("all that is due", (-9, 0), [-8, -2], (-9, 0), (-8, -2)),
    ("also beyond the question", (-2, -2), [-8, -2], (-9, 0), (-8, -2)),
    ("not if the question has none of it", (-7, -3), [-8, -2], (-9, 0), None),
    ("newer days, with what is due", (0, 0), [-8, -2], (-9, -1), (-8, 0)),
    ("older days, with what is due", (-12, -12), [-8, -2], (-9, 0), (-12, -2)),
    ("newest day, with what is due", (-2, -2), [-8, -2], (-9, -1), (-8, 0)),
    ("restated, but not covered", (-3, 0), [-20], (-9, 0), None),
    ("the first covered day", (-9, -9), [-9, -10], (-9, 0), (-9, -9)),
    ("the last covered day", (0, 0), [0], (-9, 0), (0, 0)),
]


@pytest.mark.parametrize(
    ("asked", "restated_days", "held", "expected"),
    [row[1:] for row in TOGETHER],
    ids=[row[0] for row in TOGETHER],
)
def test_days_to_ask__together(
    asked: Span, restated_days: list[int], held: Span, expected: Span | None
) -> None:
    """One request takes along everything that is due: it costs the same."""
    checked = Checked(CALENDAR, restated(*restated_days))
    assert ask(*asked, learned(*held, NOTICED - 5 * HOUR), checked=checked) == expected


def test_due_ranges__of_several_stretches() -> None:
    """Each stretch is judged by when it was learned, and what is due is told oldest first."""
    corrections = restated(*range(-9, 1))
    held = joined(
        learned(-9, -7, NOTICED - SECOND),
        learned(-6, -5, NOTICED),
        learned(-4, -3, NOW - MONTH),
        learned(-2, 0, NOTICED - SECOND, without=[-1]),
    )
    checked = Checked(replace(CALENDAR, shown_at={day(-1): NOW}), corrections)
    expected = [(-9, -9), (-8, -8), (-7, -7), (-4, -3), (-2, -2), (-1, -1), (0, 0)]
    assert due(held, checked) == expected


def test_due_ranges__nothing_known() -> None:
    """Without any check nothing is due but what is old."""
    held = joined(learned(-9, -5, NOW - MONTH), learned(-4, 0, without=[-2]))
    assert due(held, Checked()) == [(-9, -5)]


@given(
    held=st.lists(
        st.tuples(st.integers(-14, 0), st.integers(0, 6), st.integers(0, 800)),
        min_size=1,
        max_size=4,
    ),
    restated_days=st.lists(st.integers(-14, 0), unique=True, max_size=4),
    shown=st.dictionaries(st.integers(-14, 0), st.integers(0, 6), max_size=4),
    asked=st.tuples(st.integers(-20, 0), st.integers(0, 20)),
)
def test_days_to_ask__answered(
    held: list[tuple[int, int, int]],
    restated_days: list[int],
    shown: dict[int, int],
    asked: Span,
) -> None:
    """Whatever is due: after a new answer to what is asked for, nothing is asked for any more."""
    block = learned(-14, 0, NOW - 70 * HOUR, without=range(-14, 0, 2))
    for first, more, hours in held:
        days = (first, min(0, first + more))
        block = joined(block, learned(*days, NOW - hours * HOUR, without=[first]))
    shown_at = {day(offset): NOW - hours * HOUR for offset, hours in shown.items()}
    checked = Checked(replace(CALENDAR, shown_at=shown_at), restated(*restated_days))
    question = span(asked[0], min(0, asked[0] + asked[1]))
    days_ = days_to_ask(question, block, checked, NOW, span_days=SPAN_DAYS)
    if days_ is not None:
        answer = Block.learned(days_, dict.fromkeys(days_, 7), NOW)
        block = block.merged(answer)
    assert days_to_ask(question, block, checked, NOW, span_days=SPAN_DAYS) is None


def test_days_to_ask__learned_within_the_second_of_the_show() -> None:
    """An answer made just after the day was shown is not asked for again at once."""
    at = NOW + timedelta(microseconds=400_000)
    calendar = LoadCalendar.of(span(-9, 0), asked=span(-9, 0), learned_at=at)
    held = learned(-9, 0, at + timedelta(microseconds=300_000), without=[0])
    assert ask(-9, 0, held, at + SECOND, checked=Checked(calendar)) is None


# Answers about several days

SEVERAL = [
    # the days of the answer, whether it is restated when days -8 and -2 are
    ((-9, 0), True),
    ((-8, -8), True),
    ((-2, 0), True),
    ((-7, -3), False),
    ((-1, 0), False),
    ((-29, -9), False),
]


@pytest.mark.parametrize(("days", "expected"), SEVERAL)
def test_is_restated__several_days(days: Span, *, expected: bool) -> None:
    """An answer about several days is restated with any of them."""
    corrections = restated(-8, -2)
    assert is_restated(span(*days), NOTICED - SECOND, corrections, NOW) is expected
    assert not is_restated(span(*days), NOTICED, corrections, NOW)
    settled = NOTICED + 4 * HOUR
    assert is_restated(span(*days), settled - SECOND, corrections, settled) is expected
    assert not is_restated(span(*days), settled, corrections, settled)


def test_is_restated__not_watched() -> None:
    """Top lists are not asked for again because the totals were not watched yet."""
    corrections = Corrections.of(learned(-29, 0, NOTICED))
    assert not is_restated(span(-9, 0), NOTICED - 9 * HOUR, corrections, NOW)
