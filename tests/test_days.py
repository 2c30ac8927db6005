"""What is known of each day."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, DateRange
from pageviews_api.days import (
    LOAD_MARGIN,
    Block,
    LoadCalendar,
    day_points,
    first_unsettled,
    yesterday,
)
from pageviews_api.schemas.aqs import MAX_COUNT
from pageviews_api.schemas.pageviews import DayStatus

D = date(2026, 11, 16)
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
WEEK = DateRange(D, D + 6 * ONE_DAY)

moments = st.datetimes(datetime(2015, 7, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis takes bounds without a zone


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """Draw any block of up to two years."""
    start = draw(st.dates(FIRST_DAY, date(2099, 1, 1)))
    days = DateRange(start, start + timedelta(days=draw(st.integers(0, 730))))
    told = draw(st.dictionaries(st.sampled_from(list(days)), st.integers(0, MAX_COUNT)))
    return Block(days, dict(sorted(told.items())), draw(moments))


def block(views: str, learned_at: datetime = NOW, *, start: date = D) -> Block:
    """Build a block out of a number, or a dot, for each of its days."""
    words = views.split()
    told = {
        start + timedelta(days=offset): int(word)
        for offset, word in enumerate(words)
        if word != "."
    }
    return Block(DateRange(start, start + timedelta(days=len(words) - 1)), told, learned_at)


def calendar(
    through: int, *, holes: tuple[int, ...] = (), shown: dict[int, datetime] | None = None
) -> LoadCalendar:
    """Build a calendar by offsets from ``D``."""
    return LoadCalendar(
        D + through * ONE_DAY,
        frozenset(D + hole * ONE_DAY for hole in holes),
        {D + offset * ONE_DAY: moment for offset, moment in (shown or {}).items()},
    )


# Blocks


@given(block=blocks())
def test_block__round_trip(block: Block) -> None:
    """What is encoded is decoded the same, to the microsecond."""
    assert Block.decode(block.encode()) == block


@given(seed=st.integers(0, 2**32), busiest=st.sampled_from([10, 1_000, 100_000, 10_000_000]))
@settings(max_examples=25)
def test_block__of_a_year(seed: int, busiest: int) -> None:
    """A year of an article that is looked at up to ten million times a day takes 2.5 KB at most."""
    random = Random(seed)  # noqa: S311  # numbers of views, no secrets
    year = DateRange(date(2025, 1, 1), date(2025, 12, 31))
    whole = Block(year, {day: random.randrange(busiest) for day in year}, NOW)
    assert len(whole.encode()) <= 2_500


def test_block__ends() -> None:
    """The oldest and the newest day are those with a number; there may be none."""
    told = block(". 1 . 0 .")
    assert (told.oldest, told.newest) == (D + ONE_DAY, D + 3 * ONE_DAY)
    assert (block(". .").oldest, block(". .").newest) == (None, None)


# The calendar


def test_calendar__without_any_day() -> None:
    """A witness without a day tells nothing."""
    assert LoadCalendar.of(block(". . .")) is None


def test_calendar__holes() -> None:
    """Days that the witness lacks between its first and its newest are holes."""
    of = LoadCalendar.of(block(". 5 . 5 5 . ."))
    assert of is not None
    assert of.complete_through == D + 4 * ONE_DAY
    assert of.holes == {D + 2 * ONE_DAY}


def test_calendar__recent_days_at_first() -> None:
    """At first sight days of the last three count as loaded just now, older ones long ago."""
    of = LoadCalendar.of(block("5 5 5 5 5"))
    assert of is not None
    assert of.shown_at == {D + offset * ONE_DAY: NOW for offset in (2, 3, 4)}


def test_calendar__seen_again() -> None:
    """A day keeps the moment at which it was first shown; a new one counts from now."""
    before = LoadCalendar.of(block("5 5 5 5 5"))
    later = NOW + timedelta(hours=20)
    of = LoadCalendar.of(block("5 5 5 5 5 5", later), before=before)
    assert of is not None
    assert of.shown_at[D + 4 * ONE_DAY] == NOW
    assert of.shown_at[D + 5 * ONE_DAY] == later


def test_calendar__older_copy() -> None:
    """What was shown once is loaded, even if an older copy lacks it."""
    before = LoadCalendar.of(block("5 5 5 5 5"))
    assert LoadCalendar.of(block("5 5 5 5 ."), before=before) == before


def test_calendar__hole_is_filled() -> None:
    """A day that was a hole, and comes at last, counts as loaded only just now."""
    before = LoadCalendar.of(block("5 . 5 5 5 5 5 5", NOW + 4 * ONE_DAY))
    later = NOW + 4 * ONE_DAY + timedelta(hours=3)
    of = LoadCalendar.of(block("5 5 5 5 5 5 5 5", later), before=before)
    assert of is not None
    assert of.holes == set()
    assert of.shown_at[D + ONE_DAY] == later
    held = block("9 . 9 9 9 9 9 9", NOW + 4 * ONE_DAY)
    (point,) = day_points(DateRange(D + ONE_DAY, D + ONE_DAY), held, of)
    assert point.status is DayStatus.NOT_LOADED


def test_calendar__with_history() -> None:
    """A longer stretch adds its holes, but none after what is loaded, and none before its start."""
    history = block(". 5 . 5 5 . 5 5 .")
    assert calendar(4, holes=(3,)).with_history(history).holes == {D + 2 * ONE_DAY, D + 3 * ONE_DAY}
    assert calendar(4).with_history(block(". .")) == calendar(4)


# Points


def told(block_: Block | None, loaded: LoadCalendar | None, missing_from: int | None = None) -> str:
    """Tell each day of the week as its number, or the first letter of its status."""
    first = None if missing_from is None else D + missing_from * ONE_DAY
    points = day_points(WEEK, block_, loaded, missing_from=first)
    assert [point.date for point in points] == list(WEEK)
    for point in points:
        assert (point.status is DayStatus.ZERO) == (point.views == 0)
        assert (point.status is DayStatus.OK) == bool(point.views)
    return " ".join(
        str(point.status)[0] if point.views is None else str(point.views) for point in points
    )


LATE = NOW + LOAD_MARGIN
SECOND = timedelta(seconds=1)

POINTS = [
    # what AQS told, the calendar, the first day that is too old to be told; what is told
    ("all loaded", block("9 9 9 9 9 9 9"), calendar(6), None, "9 9 9 9 9 9 9"),
    ("a zero that was sent", block("9 0 9 9 9 9 9"), calendar(6), None, "9 0 9 9 9 9 9"),
    ("left out, long loaded", block("9 . 9 9 . 9 9"), calendar(6), None, "9 0 9 9 0 9 9"),
    ("a hole", block("9 . 9 9 . 9 9"), calendar(6, holes=(1,)), None, "9 h 9 9 0 9 9"),
    ("a number in a hole", block("9 9 9 9 9 9 9"), calendar(6, holes=(1,)), None, "9 9 9 9 9 9 9"),
    ("not loaded", block("9 9 9 9 9 . ."), calendar(4), None, "9 9 9 9 9 n n"),
    ("sooner than the witness", block("9 9 9 9 9 9 ."), calendar(4), None, "9 9 9 9 9 9 n"),
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
    ("block too short", block("9 9 9 9"), calendar(5), None, "9 9 9 9 m m n"),
    ("block too late", block("9 9 9", start=D + 4 * ONE_DAY), calendar(6), None, "m m m m 9 9 9"),
    ("nothing to be had", None, calendar(6), None, "m m m m m m m"),
    ("no witness", block("9 . 9 0 9 . ."), None, None, "9 m 9 0 9 m m"),
    ("too old", block("9 . 9 9 9 9 ."), calendar(5), 4, "9 0 9 9 m m m"),
    ("too old from the first day on", block("9 9 9 9 9 9 9"), calendar(6), -5, "m m m m m m m"),
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
    assert told(block_, loaded, missing_from) == expected


@given(block_=st.none() | blocks(), today=st.dates(FIRST_DAY, date(2099, 1, 1)))
def test_points__any(block_: Block | None, today: date) -> None:
    """Whatever is known, each asked day is told once, and no number above 0 is made up."""
    asked = DateRange.ending(today, days=60)
    loaded = LoadCalendar.of(block_) if block_ else None
    points = day_points(asked, block_, loaded)
    assert [point.date for point in points] == list(asked)
    for point in points:
        if point.views:
            assert block_ is not None
            assert block_.views[point.date] == point.views


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

    def witness(self, made_at: datetime) -> Block:
        """Answer for a series that has views every day, as of that moment."""
        return self._block(made_at, [5_000] * len(self.views), self.loaded)

    def article(self, made_at: datetime) -> Block:
        """Answer for the article; days without a view are left out."""
        loaded = [at and at + lag for at, lag in zip(self.loaded, self.lag, strict=True)]
        return self._block(made_at, self.views, loaded)

    @staticmethod
    def _block(made_at: datetime, views: list[int], loaded: list[datetime | None]) -> Block:
        days = DateRange(D, D + timedelta(days=len(views) - 1))
        told = {
            day: count
            for day, count, at in zip(days, views, loaded, strict=True)
            if count and at is not None and at <= made_at
        }
        return Block(days, told, made_at)


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


@settings(deadline=None, max_examples=150)
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
    before: LoadCalendar | None = LoadCalendar(D - ONE_DAY, frozenset())
    held = world.article(began)
    for hours, witness_age, article_age in sorted(checks, key=lambda check: check[0]):
        now = began + timedelta(hours=hours)
        before = LoadCalendar.of(world.witness(now - timedelta(minutes=witness_age)), before=before)
        if before is None:
            before = LoadCalendar(D - ONE_DAY, frozenset())
        if article_age is not None:
            held = world.article(now - timedelta(minutes=article_age))
        for point in day_points(DateRange(D, D + 13 * ONE_DAY), held, before):
            true = world.views[(point.date - D).days]
            assert point.views in (None, true), (point, now)


def test_days__that_may_change() -> None:
    """Yesterday is the newest day that can be loaded; the last three days may still change."""
    assert yesterday(D) == D - ONE_DAY
    assert first_unsettled(D) == D - 3 * ONE_DAY
