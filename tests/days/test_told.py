"""What a caller is told of each day."""

from array import array
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.days import (
    ABSENT,
    LOAD_MARGIN,
    STATUSES,
    Block,
    Corrections,
    Days,
    LoadCalendar,
    first_unsettled,
    tell,
)
from pageviews_api.schemas.aqs import MAX_COUNT
from pageviews_api.schemas.pageviews import DayStatus

D = date(2026, 11, 16)
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
WEEK = DateRange(D, D + 6 * ONE_DAY)


def day(offset: int) -> date:
    """Tell a day by its offset from ``D``."""
    return D + offset * ONE_DAY


def block(views: str, learned_at: datetime = NOW, *, start: int = 0) -> Block:
    """Build a block out of a number, or a dot, for each of its days."""
    words = views.split()
    days = DateRange(day(start), day(start + len(words) - 1))
    told = {one: int(word) for one, word in zip(days, words, strict=True) if word != "."}
    return Block.learned(days, told, learned_at)


def calendar(
    through: int, *, holes: tuple[int, ...] = (), shown: dict[int, datetime] | None = None
) -> LoadCalendar:
    """Build a calendar by offsets from ``D``."""
    return LoadCalendar(
        day(through),
        frozenset(day(hole) for hole in holes),
        {day(offset): moment for offset, moment in (shown or {}).items()},
    )


def written(points: Days) -> str:
    """Write each day as its number, or the first letter of its status."""
    words = []
    for point in points.points():
        assert (point.status is DayStatus.ZERO) == (point.views == 0)
        assert (point.status is DayStatus.OK) == bool(point.views)
        words.append(str(point.status)[0] if point.views is None else str(point.views))
    return " ".join(words)


def told(
    block_: Block | None,
    loaded: LoadCalendar | None,
    missing_from: int | None = None,
    corrections: Corrections | None = None,
    asked: DateRange = WEEK,
) -> str:
    """Tell each day of the week as its number, or the first letter of its status."""
    first = None if missing_from is None else day(missing_from)
    told_ = tell(asked, block_, loaded, corrections, missing_from=first)
    points = tell(asked, block_, loaded, corrections, missing_from=first).points()
    assert points == told_.points()
    assert [point.date for point in points] == list(asked)
    assert len(told_) == len(asked)
    return written(told_)


LATE = NOW + LOAD_MARGIN

POINTS = [
    # what AQS told, the calendar, the first day that is too old to be told; what is told
    ("all loaded", block("9 9 9 9 9 9 9"), calendar(6), None, "9 9 9 9 9 9 9"),
    ("a zero that was sent", block("9 0 9 9 9 9 9"), calendar(6), None, "9 0 9 9 9 9 9"),
    ("left out, long loaded", block("9 . 9 9 . 9 9"), calendar(6), None, "9 0 9 9 0 9 9"),
    ("a hole", block("9 . 9 9 . 9 9"), calendar(6, holes=(1,)), None, "9 h 9 9 0 9 9"),
    ("a number in a hole", block("9 9 9 9 9 9 9"), calendar(6, holes=(1,)), None, "9 9 9 9 9 9 9"),
    ("a 0 in a hole", block("9 0 9 9 9 9 9"), calendar(6, holes=(1,)), None, "9 0 9 9 9 9 9"),
    ("not loaded", block("9 9 9 9 9 . ."), calendar(4), None, "9 9 9 9 9 n n"),
    ("sooner than the witness", block("9 9 9 9 9 9 ."), calendar(4), None, "9 9 9 9 9 9 n"),
    ("a 0 sooner than the witness", block("9 9 9 9 9 0 ."), calendar(4), None, "9 9 9 9 9 0 n"),
    ("not loaded at all", block(". . . . . . ."), calendar(-1), None, "n n n n n n n"),
    (
        "shown less than two hours before",
        block("9 9 9 9 . . .", LATE - SECOND),
        calendar(4, shown={4: NOW}),
        None,
        "9 9 9 9 n n n",
    ),
    (
        "shown two hours before",
        block("9 9 9 9 . . .", LATE),
        calendar(4, shown={4: NOW}),
        None,
        "9 9 9 9 0 n n",
    ),
    (
        "each day by its own answer",
        block("9 9 9 . . . .", NOW).merged(block(".", LATE, start=4)),
        calendar(5, shown={3: NOW, 4: NOW}),
        None,
        "9 9 9 n 0 0 n",
    ),
    ("block too short", block("9 9 9 9"), calendar(5), None, "9 9 9 9 m m n"),
    ("block too short, a hole", block("9 9 9 9"), calendar(5, holes=(4,)), None, "9 9 9 9 m m n"),
    ("block too late", block("9 9 9", start=4), calendar(6), None, "m m m m 9 9 9"),
    ("block all before", block("9 9 9", start=-3), calendar(5), None, "m m m m m m n"),
    ("block all after", block("9 9 9", start=7), calendar(5), None, "m m m m m m n"),
    ("block beyond both ends", block("8 9 9 9 9 9 9 9 8", start=-1), calendar(9), None, "9 " * 7),
    ("nothing to be had", None, calendar(6), None, "m m m m m m m"),
    ("nothing to be had, not loaded", None, calendar(4), None, "m m m m m m m"),
    ("no witness", block("9 . 9 0 9 . ."), None, None, "9 m 9 0 9 m m"),
    ("nothing at all", None, None, None, "m m m m m m m"),
    ("too old", block("9 . 9 9 9 9 ."), calendar(5), 4, "9 0 9 9 m m m"),
    ("too old from the first day on", block("9 9 9 9 9 9 9"), calendar(6), -5, "m m m m m m m"),
    ("too old from the last day on", block("9 9 9 9 9 9 9"), calendar(6), 6, "9 9 9 9 9 9 m"),
    ("too old after the last day", block("9 9 9 9 9 9 9"), calendar(6), 7, "9 9 9 9 9 9 9"),
    ("too old, a hole", block("9 9 9 9 9 . 9"), calendar(6, holes=(5,)), 4, "9 9 9 9 m m m"),
]


@pytest.mark.parametrize(
    ("block_", "loaded", "missing_from", "expected"),
    [row[1:] for row in POINTS],
    ids=[row[0] for row in POINTS],
)
def test_points__table(
    block_: Block | None, loaded: LoadCalendar | None, missing_from: int | None, expected: str
) -> None:
    """Each day is told by these rules."""
    assert told(block_, loaded, missing_from) == expected.strip()


def test_points__hole_is_filled() -> None:
    """A hole that has come is not loaded for two hours, and then nobody looked."""
    began = NOW + 4 * ONE_DAY
    asked = DateRange(D, day(7))
    shown = set(asked) - {day(1)}
    before = LoadCalendar.of(shown, asked=asked, learned_at=began)
    assert before is not None
    after = before.after(asked, asked=asked, learned_at=began + 3 * HOUR)
    held = "9 . 9 9 9 9 9"
    assert told(block(held, began), before) == "9 h 9 9 9 9 9"
    assert told(block(held, began), after) == "9 n 9 9 9 9 9"
    assert told(block(held, began + 5 * HOUR), after) == "9 0 9 9 9 9 9"


# Days that were not counted

COUNTED = [
    # what AQS told, the first counted day; what is told
    ("from the first asked day on", block("9 9 9 9 9 9 9"), 0, "9 9 9 9 9 9 9"),
    ("from the midst on", block(". . . 9 9 . 9"), 3, "h h h 9 9 0 9"),
    ("numbers before", block("9 0 9 9 9 9 9"), 3, "h h h 9 9 9 9"),
    ("only after", block("9 9 9 9 9 9 9"), 7, "h h h h h h h"),
    ("nothing to be had", None, 3, "m m m m m m m"),
    ("block too late", block("9 9 9", start=4), 3, "h h h m 9 9 9"),
]


@pytest.mark.parametrize(
    ("block_", "counted_from", "expected"),
    [row[1:] for row in COUNTED],
    ids=[row[0] for row in COUNTED],
)
def test_points__counted_from(block_: Block | None, counted_from: int, expected: str) -> None:
    """Days before anything was counted are lost, whatever AQS says of them."""
    loaded = replace(calendar(6), counted_from=day(counted_from))
    assert told(block_, loaded) == expected


def test_points__counted_from_and_too_old() -> None:
    """What is too old to be told is missing, counted or not."""
    loaded = replace(calendar(6), counted_from=day(3))
    assert told(block("9 9 9 9 9 9 9"), loaded, 1) == "h m m m m m m"


# Days that the project has lost

BY_PROJECT = [
    # what AQS told, the project's totals and from which day on; what is told
    ("nobody looked", "9 . 9 9 . 9 9", "5 5 5 5 5 5 5 5", 0, "9 0 9 9 0 9 9"),
    ("lost by the project", "9 . 9 9 . 9 9", "5 . 5 5 5 5 5 5", 0, "9 h 9 9 0 9 9"),
    ("lost, but a number is there", "9 9 9 9 9 9 9", "5 . 5 5 5 5 5 5", 0, "9 9 9 9 9 9 9"),
    ("lost, but a 0 is there", "9 0 9 9 9 9 9", "5 . 5 5 5 5 5 5", 0, "9 0 9 9 9 9 9"),
    ("older than the totals", ". . 9 . 9 9 9", "5 5 5 5 5", 2, "m m 9 0 9 9 9"),
    ("the totals begin with a lost day", ". . 9 . 9 9 .", ". . 5 5 5 5", 0, "m m 9 0 9 9 n"),
    ("just the oldest total", ". . 9 . 9 9 9", "5 5 5 5 5 5", 1, "m 0 9 0 9 9 9"),
    ("newer than the totals", "9 . 9 9 . 9 .", "5 5 5 5 5 5", 0, "9 0 9 9 0 9 n"),
    ("the newest total is yet to come", "9 . 9 9 . . .", "5 5 5 5 . . .", 0, "9 0 9 9 n n n"),
    ("no totals at all", ". . 9 9 . 9 9", ". . .", 0, "0 0 9 9 0 9 9"),
]


@pytest.mark.parametrize(
    ("views", "totals", "start", "expected"),
    [row[1:] for row in BY_PROJECT],
    ids=[row[0] for row in BY_PROJECT],
)
def test_points__by_project(views: str, totals: str, start: int, expected: str) -> None:
    """What the totals tell of a day that is absent: nobody looked, it is lost, it is not known."""
    corrections = Corrections.of(block(totals, start=start))
    assert told(block(views), calendar(6), None, corrections) == expected


def test_points__before_the_project() -> None:
    """Before the oldest of all its totals a project has lost no day: nobody looked."""
    totals = Block.learned(DateRange(FIRST_DAY, day(6)), block("5 5 5 5 5", start=2).views, NOW)
    corrections = Corrections.of(totals)
    assert told(block(". . 9 9 . 9 9"), calendar(6), None, corrections) == "0 0 9 9 0 9 9"


def test_points__by_project_where_it_matters() -> None:
    """The totals tell nothing of days that are not loaded, a hole for all, or not covered."""
    corrections = Corrections.of(block("5 . . . . . . 5"))
    loaded = calendar(4, holes=(2,), shown={4: NOW})
    assert told(block("9 . . 9 . ."), loaded, None, corrections) == "9 h h 9 n n n"
    loaded = calendar(6)
    assert told(block("9 ."), loaded, None, corrections) == "9 h m m m m m"
    assert told(block("9 . 9 . . 9 9"), loaded, 4, corrections) == "9 h 9 h m m m"


# In columns


def test_tell__columns() -> None:
    """The columns hold a number and a status for each day, and an absent number where none is."""
    days = tell(WEEK, block("9 0 . . 9 . ."), calendar(5, holes=(3,)))
    assert days.start == D
    assert days.views == array("q", [9, 0, 0, ABSENT, 9, 0, ABSENT])
    assert [STATUSES[code] for code in days.statuses] == [
        DayStatus.OK,
        DayStatus.ZERO,
        DayStatus.ZERO,
        DayStatus.HOLE,
        DayStatus.OK,
        DayStatus.ZERO,
        DayStatus.NOT_LOADED,
    ]
    assert set(STATUSES) == set(DayStatus)


def test_tell__number_that_is_not_told() -> None:
    """A number that is not told is in no column, and still in the block."""
    held = block("9 9 9 9 9 9 9")
    loaded = replace(calendar(6), counted_from=day(2))
    days = tell(WEEK, held, loaded, missing_from=day(5))
    assert days.views == array("q", [ABSENT, ABSENT, 9, 9, 9, ABSENT, ABSENT])
    assert held == block("9 9 9 9 9 9 9")
    assert tell(WEEK, held, calendar(6)).views is not held.counts


MISSING = [
    # what AQS told, the first day that is too old to be told; whether all days miss, or any
    ("nothing to be had", None, None, True, True),
    ("too old", block("9 9 9 9 9 9 9"), 0, True, True),
    ("one day is there", block("9 9 9 9 9 9 9"), 1, False, True),
    ("block too short", block("9 9"), None, False, True),
    ("all there", block("9 0 . 9 9 9 9"), None, False, False),
]


@pytest.mark.parametrize(
    ("block_", "missing_from", "all_missing", "any_missing"),
    [row[1:] for row in MISSING],
    ids=[row[0] for row in MISSING],
)
def test_missing__table(
    block_: Block | None, missing_from: int | None, *, all_missing: bool, any_missing: bool
) -> None:
    """Nothing could be learned if each day is missing; a hole or an unloaded day is something."""
    first = None if missing_from is None else day(missing_from)
    days = tell(WEEK, block_, calendar(6), missing_from=first)
    assert days.all_missing() is all_missing
    assert days.any_missing() is any_missing


def test_all_missing__lost_days() -> None:
    """That days are lost is known."""
    days = tell(WEEK, block(". . . . . . ."), calendar(9, holes=tuple(range(7))))
    assert not days.all_missing()
    assert not days.any_missing()
    assert tell(DateRange(D, D), None, None).all_missing()


@st.composite
def known(draw: st.DrawFn) -> tuple[Block, LoadCalendar | None]:
    """Draw what two answers told, and a calendar that one of them would give."""
    start = draw(st.dates(FIRST_DAY, date(2099, 1, 1)))
    days = DateRange(start, start + timedelta(days=draw(st.integers(0, 90))))
    views = draw(st.dictionaries(st.sampled_from(list(days)), st.integers(0, MAX_COUNT)))
    first = Block.learned(days, views, NOW)
    last = DateRange(days.end, days.end + timedelta(days=draw(st.integers(0, 5))))
    block_ = first.merged(Block.learned(last, {last.end: 3}, NOW + HOUR))
    return block_, LoadCalendar.of(first.views, asked=days, learned_at=NOW)


@given(drawn=known(), more=st.integers(-30, 30), totals=st.none() | known())
@settings(max_examples=60)
def test_points__any(
    drawn: tuple[Block, LoadCalendar | None],
    more: int,
    totals: tuple[Block, LoadCalendar | None] | None,
) -> None:
    """Whatever is known, each asked day is told once, and no number above 0 is made up."""
    block_, loaded = drawn
    asked = DateRange.ending(max(FIRST_DAY, block_.days.end + more * ONE_DAY), days=60)
    corrections = None
    if totals:
        only = totals[0].days
        corrections = Corrections.of(Block.learned(only, totals[0].views, NOW))
    days = tell(asked, block_, loaded, corrections)
    written(days)
    points = tell(asked, block_, loaded, corrections).points()
    assert points == days.points()
    assert [point.date for point in points] == list(asked)
    for point in points:
        if point.views:
            assert block_.views[point.date] == point.views
        elif point.date in block_.views:
            assert point.views == 0
    assert days.all_missing() == all(point.status is DayStatus.MISSING for point in points)


# A model of AQS: what is told must be true in it


@dataclass(frozen=True, slots=True)
class World:
    """The days of two weeks as they were, and when each could be had.

    ``views`` are the true numbers. A day is in the dataset from ``loaded`` on (None: lost), in
    the article's own answers up to two hours later (``lag``).
    """

    views: list[int]
    loaded: list[datetime | None]
    lag: list[timedelta]

    def witness(self, made_at: datetime, asked: DateRange) -> list[date]:
        """Answer for a series that has views every day, as of that moment."""
        loaded = {day(offset): at for offset, at in enumerate(self.loaded)}
        return [one for one, at in loaded.items() if at and at <= made_at and one in asked]

    def article(self, made_at: datetime) -> Block:
        """Answer for the article; days without a view are left out."""
        loaded = [at and at + lag for at, lag in zip(self.loaded, self.lag, strict=True)]
        return self._block(made_at, self.views, loaded)

    @staticmethod
    def _block(made_at: datetime, views: list[int], loaded: list[datetime | None]) -> Block:
        days = DateRange(D, D + timedelta(days=len(views) - 1))
        told_ = {
            one: count
            for one, count, at in zip(days, views, loaded, strict=True)
            if count and at is not None and at <= made_at
        }
        return Block.learned(days, told_, made_at)


minutes = st.integers(0, 60 * 24).map(lambda count: timedelta(minutes=count))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw two weeks: most days are loaded within the next, some days later, or never."""
    late = st.sampled_from([0, 0, 0, 0, 1, 7, None])
    views, loaded, lag = [], [], []
    for offset in range(14):
        days_late = draw(late) if offset else 0  # what we know begins with a day that is there
        next_day = datetime.combine(D + timedelta(days=offset + 1), time(), UTC)
        views.append(draw(st.sampled_from([0, 1, 70])))
        at = next_day + draw(minutes)
        loaded.append(None if days_late is None else at + timedelta(days=days_late))
        lag.append(draw(st.integers(0, 119).map(lambda count: timedelta(minutes=count))))
    return World(views, loaded, lag)


@settings(max_examples=80)
@given(
    world=worlds(),
    checks=st.lists(
        st.tuples(
            st.integers(0, 24 * 20),  # when, in hours
            st.integers(0, 240),  # how old the witness's answer is at the edge, in minutes
            st.one_of(st.none(), st.integers(0, 240)),  # the same of the article's; None: kept
        ),
        min_size=1,
        max_size=12,
    ),
)
def test_points__true_in_a_model(world: World, checks: list[tuple[int, int, int | None]]) -> None:
    """However late days are loaded, and however old the copies: what is told as a number is one.

    Except at first sight: what was loaded more than three days late, just then, is not told from
    what was loaded in time. So the first check here is before the first day.
    """
    began = datetime.combine(D, time(), UTC)
    week_before = DateRange(D - 7 * ONE_DAY, D - ONE_DAY)
    loaded = LoadCalendar.of(week_before, asked=week_before, learned_at=began)
    assert loaded is not None
    held = world.article(began)
    for hours, witness_age, article_age in sorted(checks, key=lambda check: check[0]):
        now = began + timedelta(hours=hours)
        made_at = now - timedelta(minutes=witness_age)
        asked = loaded.to_ask(now, since=D)
        loaded = loaded.after(world.witness(made_at, asked), asked=asked, learned_at=made_at)
        if article_age is not None:
            held = held.merged(world.article(now - timedelta(minutes=article_age)))
        for point in tell(DateRange(D, D + 13 * ONE_DAY), held, loaded).points():
            true = world.views[(point.date - D).days]
            assert point.views in (None, true), (point, now)


def test_first_unsettled__three_days() -> None:
    """The numbers of the last three days may still change."""
    assert first_unsettled(D) == D - 3 * ONE_DAY


def test_points__before_the_calendar() -> None:
    """A day that a series lacks is not told where the calendar does not know it: it may be lost."""
    known = LoadCalendar(day(6), frozenset(), known_from=day(3))
    assert written(tell(WEEK, block("9 . 9 . 9 9 9"), known)) == "9 m 9 0 9 9 9"
