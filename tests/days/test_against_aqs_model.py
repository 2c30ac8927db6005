"""What the days store tells, against a model of AQS: arbitrary histories, questions and moments.

Only the pure functions are driven: what to ask the witness, the totals and the series, what to
keep of the answers, what to tell. The order of things is the one of ``clients.days_store``.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.upstream_judge import Judge
from pageviews_api.clients.base import NotFound
from pageviews_api.clients.rescue import Told
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange, NamedRange, aqs_stamp
from pageviews_api.days import (
    Block,
    Checked,
    Corrections,
    LoadCalendar,
    days_to_ask,
    first_unsettled,
    settle,
    tell,
)
from pageviews_api.exceptions import UpstreamError
from pageviews_api.schemas.aqs import SeriesAnswer
from pageviews_api.schemas.query import Access, Agent, Series
from tests.support.clock import FakeClock
from tests.support.simulated_aqs import (
    LONG_AGO,
    Dataset,
    History,
    Interval,
    Restatement,
    SimulatedAqs,
    Troubles,
)

START = datetime(2026, 6, 1, tzinfo=UTC)
TODAY = START.date()
PAST_DAYS = 90
DAYS = 60
ASKED_UP_TO = DAYS + 20
SPAN_DAYS = 45
"""Shorter than the past, so that questions reach beyond what is fetched at first."""

FRESH = timedelta(hours=2)
STALE_LIMIT = timedelta(hours=26)
NEW_TOTAL_FRESH = timedelta(minutes=15)
HOUR = timedelta(hours=1)

WITNESS = Series("en.wikipedia", Access.ALL_ACCESS, Agent.USER, "Main_Page")
ASKED = [
    Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER, "Strasbourg"),
    Series("fr.wikipedia", Access.MOBILE_APP, Agent.SPIDER, "Strasbourg"),
    Series("fr.wikipedia", Access.ALL_ACCESS, Agent.USER, "Broussards"),
    Series("de.wikipedia", Access.ALL_ACCESS, Agent.ALL_AGENTS, "Kehl"),
]
MEAN_VIEWS = {
    ("en.wikipedia", "Main_Page"): 5e6,
    ("fr.wikipedia", "Strasbourg"): 40.0,
    ("fr.wikipedia", "Broussards"): 0.5,
    ("de.wikipedia", "Kehl"): 3.0,
}


@dataclass(frozen=True)
class Question:
    """Somebody asks for days of a series, ``after`` the one before."""

    after: timedelta
    series: Series
    days: DateRange | NamedRange


FIRST_QUESTIONS = [Question(timedelta(0), series, NamedRange("latest-30")) for series in ASKED]
"""With these the store begins to watch, before anything is restated."""


@dataclass
class PureStore:
    """Asks, keeps and tells as the pure functions decide."""

    aqs: SimulatedAqs
    clock: FakeClock
    calendar: LoadCalendar | None = None
    calendar_at: datetime = LONG_AGO
    corrections: dict[str, Corrections] = field(default_factory=dict)
    corrections_at: dict[str, datetime] = field(default_factory=dict)
    blocks: dict[Series, Block] = field(default_factory=dict)

    async def told(self, question: Question) -> Told | None:
        """Tell what the store would; None where it would tell an error."""
        series, now = question.series, self.clock.now()
        await self._check_calendar(question)
        await self._check_totals(series.project)
        checked = Checked(self.calendar, self.corrections.get(series.project))
        newest = checked.newest(now)
        asked = _resolved(question.days, newest, now)
        wanted = asked or DateRange(newest, newest)
        wanted = DateRange(min(wanted.start, newest), min(wanted.end, newest))
        await self._learn(series, wanted, checked)
        block = self.blocks.get(series)
        if block is None or asked is None:
            return None
        return self._tell(series, asked, wanted, block, checked)

    def _tell(
        self, series: Series, asked: DateRange, wanted: DateRange, block: Block, checked: Checked
    ) -> Told:
        now, missing_from = self.clock.now(), None
        checked_at = self.corrections_at.get(series.project, LONG_AGO)
        if not (self._calendar_is_fresh() and self.calendar and self.calendar.is_final(now.date())):
            checked_at = min(checked_at, self.calendar_at)
        holds = days_to_ask(wanted, block, checked, now, span_days=SPAN_DAYS) is None
        both = checked.calendar is not None and checked.corrections is not None
        if both and now - checked_at > STALE_LIMIT:
            missing_from = first_unsettled(checked_at.date())
        days = tell(asked, block, checked.calendar, checked.corrections, missing_from=missing_from)
        is_fresh = both and holds and now - checked_at <= FRESH
        return Told(
            asked=asked,
            days=days,
            complete_through=None,
            first_day=None,
            checked_at=checked_at,
            stale=not is_fresh or days.any_missing(),
        )

    def _calendar_is_fresh(self) -> bool:
        if self.calendar is None:
            return False
        fresh_for = self.calendar.fresh_for(self.calendar_at)
        if not self.calendar.is_final(self.calendar_at.date()):
            fresh_for = min(fresh_for, FRESH)
        return self.clock.now() < self.calendar_at + fresh_for

    async def _check_calendar(self, question: Question) -> None:
        now = self.clock.now()
        yesterday = now.date() - ONE_DAY
        asked = _resolved(question.days, yesterday, now)
        since = min(asked.start if asked else yesterday, yesterday)
        before = self.calendar
        if before and self._calendar_is_fresh() and before.known_from <= since:
            return
        back_to = min(since, DateRange.ending(yesterday, days=SPAN_DAYS).start)
        days = before.to_ask(now, since=since) if before else DateRange(back_to, yesterday)
        answer = await self._ask(WITNESS, days)
        if answer is None:
            return
        learned_at = answer.stretches[0].learned_at
        if before:
            self.calendar = before.after(answer.views, asked=days, learned_at=learned_at)
        else:
            self.calendar = LoadCalendar.of(answer.views, asked=days, learned_at=learned_at)
        self.calendar_at = now

    async def _check_totals(self, project: str) -> None:
        now = self.clock.now()
        known = self.corrections.get(project)
        through = self.calendar.complete_through if self.calendar else now.date() - ONE_DAY
        if known is None:
            await self._compare(project, DateRange(FIRST_DAY, through))
            return
        last = self.corrections_at[project]
        lacks = known.lacks(through) and now - last >= NEW_TOTAL_FRESH
        if now - last >= FRESH or lacks:
            days = known.to_compare(through=through, checked_on=last.date(), now=now)
            await self._compare(project, days)

    async def _compare(self, project: str, days: DateRange) -> None:
        totals = Series(project, Access.ALL_ACCESS, Agent.USER)
        answer = await self._ask(totals, days)
        if answer is not None:
            known = self.corrections.get(project)
            self.corrections[project] = known.after(answer) if known else Corrections.of(answer)
            self.corrections_at[project] = self.clock.now()

    async def _learn(self, series: Series, wanted: DateRange, checked: Checked) -> None:
        block = self.blocks.get(series)
        days = days_to_ask(wanted, block, checked, self.clock.now(), span_days=SPAN_DAYS)
        if days is None:
            return
        answer = await self._ask(series, days)
        if answer is None:
            return
        if block and checked.corrections:
            answer = settle(answer, block, checked.corrections)
        self.blocks[series] = block.merged(answer) if block else answer

    async def _ask(self, series: Series, days: DateRange) -> Block | None:
        kind = "aggregate" if series.article is None else "per-article"
        article = [] if series.article is None else [quote(series.article, safe="")]
        scope = [kind, series.project, series.access, series.agent, *article]
        span = ["daily", aqs_stamp(days.start), aqs_stamp(days.end)]
        path = "/".join(("/metrics/pageviews", *scope, *span))
        try:
            answer = await self.aqs.get(path, SeriesAnswer, timeout=3.0)
        except UpstreamError:
            return None
        learned_at = self.clock.now() - answer.age
        if isinstance(answer, NotFound):
            return Block.learned(days, {}, learned_at)
        return Block.learned(days, {item.day: item.views for item in answer.body.items}, learned_at)


def _resolved(days: DateRange | NamedRange, newest: date, now: datetime) -> DateRange | None:
    if isinstance(days, DateRange):
        return days
    return days.resolve(today=now.date(), complete_through=newest)


def _minutes(least: int, most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda minutes: timedelta(minutes=minutes))


def _days(least: int, most: int) -> st.SearchStrategy[date]:
    return st.integers(least, most).map(lambda days: TODAY + timedelta(days=days))


moments = st.builds(lambda after: START + after, _minutes(1, DAYS * 24 * 60))

intervals = st.builds(
    lambda start, length: Interval(start, start + length), moments, _minutes(1, 40 * 60)
)

questions = st.builds(
    Question,
    after=_minutes(0, 30) | _minutes(0, 8 * 60) | _minutes(0, 20 * 24 * 60),
    series=st.sampled_from(ASKED),
    days=st.sampled_from([1, 7, 30, 80]).map(lambda n: NamedRange(f"latest-{n}"))
    | st.builds(
        lambda start, length: DateRange(start, start + timedelta(days=length)),
        _days(-PAST_DAYS, 10),
        st.integers(0, 60),
    ),
)

restatements = st.builds(
    lambda project, at, back, behind: Restatement(
        project, at.date() - timedelta(days=back), at, at + behind
    ),
    st.sampled_from(["fr.wikipedia", "de.wikipedia"]),
    moments,
    st.integers(2, 29) | st.integers(2, 60),
    _minutes(0, 4 * 60),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Draw when days come, early or late or never, and which are restated or lost."""
    at_odds = draw(st.dictionaries(_days(-2, DAYS), st.sampled_from([0, 6, 30, 80, None])))
    published: dict[tuple[Dataset, date], datetime | None] = {}
    after, behind = draw(_minutes(60, 9 * 60)), draw(_minutes(0, 4 * 60))
    for offset in range(-2, ASKED_UP_TO + 1):
        day = TODAY + timedelta(days=offset)
        late = at_odds.get(day, 0)
        if day in at_odds:
            after, behind = draw(_minutes(60, 9 * 60)), draw(_minutes(0, 4 * 60))
        midnight = START + timedelta(days=offset + 1)
        totals_at = None if late is None else midnight + after + late * HOUR
        published[Dataset.AGGREGATE, day] = totals_at
        published[Dataset.PER_ARTICLE, day] = None if totals_at is None else totals_at + behind
    lost = draw(st.sets(st.tuples(st.just("fr.wikipedia"), _days(1 - PAST_DAYS, DAYS)), max_size=3))
    return History(
        draw(st.integers(0, 5)),
        first_day=TODAY - timedelta(days=PAST_DAYS),
        last_day=TODAY + timedelta(days=ASKED_UP_TO),
        mean_views=MEAN_VIEWS,
        published=published,
        lost=lost,
        restatements=draw(st.lists(restatements, max_size=8)),
    )


troubles = st.builds(
    lambda outages, storms: Troubles(tuple(outages), tuple(storms)),
    st.lists(intervals, max_size=2),
    st.lists(intervals, max_size=1),
)


async def _play(
    history: History, asked: list[Question], bad_days: Troubles, warmed: float
) -> list[str]:
    clock = FakeClock(START)
    aqs = SimulatedAqs(history, clock, witness=WITNESS, troubles=bad_days, warmed=warmed)
    store = PureStore(aqs, clock)
    judge = Judge(history, START, rarely=True)
    for question in (*FIRST_QUESTIONS, *asked):
        clock.advance(question.after.total_seconds())
        if clock.now() >= START + timedelta(days=DAYS):
            break
        told = await store.told(question)
        if told is not None:
            judge.look_at(question.series, told, clock.now(), clock.now())
    return judge.examples


def _check(history: History, asked: list[Question], bad_days: Troubles, warmed: float) -> None:
    assert asyncio.run(_play(history, asked, bad_days, warmed)) == []


anything = given(
    history=histories(),
    asked=st.lists(questions, min_size=3, max_size=30),
    bad_days=troubles,
    warmed=st.sampled_from([0.0, 0.5, 1.0]),
)

slow = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=150, derandomize=True, suppress_health_check=slow)
@anything
def test_told__is_what_aqs_had(
    history: History, asked: list[Question], bad_days: Troubles, warmed: float
) -> None:
    """No number is told that AQS never gave, no zero that is none, nothing as fresh that is not."""
    _check(history, asked, bad_days, warmed)


@pytest.mark.long
@pytest.mark.timeout(1800)
@settings(max_examples=5_000, suppress_health_check=slow)
@anything
def test_told__is_what_aqs_had__long(
    history: History, asked: list[Question], bad_days: Troubles, warmed: float
) -> None:
    """The same for many more histories and questions, other ones each time."""
    _check(history, asked, bad_days, warmed)


def _usual_days() -> dict[tuple[Dataset, date], datetime | None]:
    """Publish each day at 05:00 of the next one, its articles two hours later."""
    published: dict[tuple[Dataset, date], datetime | None] = {}
    for offset in range(-2, ASKED_UP_TO + 1):
        day, at = TODAY + timedelta(days=offset), START + timedelta(days=offset + 1, hours=5)
        published[Dataset.AGGREGATE, day] = at
        published[Dataset.PER_ARTICLE, day] = at + 2 * HOUR
    return published


def _restated_on_usual_days(seed: int, restated: list[Restatement]) -> History:
    return History(
        seed,
        first_day=TODAY - timedelta(days=PAST_DAYS),
        last_day=TODAY + timedelta(days=ASKED_UP_TO),
        mean_views=MEAN_VIEWS,
        published=_usual_days(),
        restatements=restated,
    )


def _restated(back: int, at: timedelta, behind: timedelta) -> Restatement:
    """Restate a day of fr.wikipedia, some days before the start."""
    day = TODAY - timedelta(days=back)
    return Restatement("fr.wikipedia", day, START + at, START + at + behind)


close_restatements = st.lists(
    st.builds(
        _restated,
        st.integers(2, 5) | st.integers(38, 40),
        _minutes(1, 24 * 60),
        _minutes(0, 4 * 60),
    ),
    min_size=2,
    max_size=5,
    unique_by=lambda one: one.day,
)

frequent_questions = st.lists(
    st.builds(
        Question,
        after=_minutes(0, 130),
        series=st.sampled_from(ASKED[:2]),
        days=st.sampled_from([7, 30, 60]).map(lambda n: NamedRange(f"latest-{n}")),
    ),
    min_size=10,
    max_size=40,
)


@settings(max_examples=100, derandomize=True, suppress_health_check=slow)
@given(
    history=st.builds(_restated_on_usual_days, st.integers(0, 5), close_restatements),
    asked=frequent_questions,
    warmed=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_told__when_days_are_restated_close_together(
    history: History, asked: list[Question], warmed: float
) -> None:
    """Each restated day is noticed, also where others of the project are restated meanwhile."""
    _check(history, asked, Troubles(), warmed)


def test_told__when_one_answer_shows_two_restated_days() -> None:
    """An answer with the new number of one restated day, but not of another, is asked for again."""
    restated = [
        _restated(4, timedelta(minutes=1), timedelta(0)),
        _restated(3, timedelta(minutes=121), timedelta(minutes=21)),
        _restated(5, timedelta(minutes=208), 4 * HOUR),
    ]
    asked = [
        Question(timedelta(minutes=120), ASKED[0], NamedRange("latest-60")),
        Question(timedelta(minutes=250), ASKED[0], NamedRange("latest-7")),
        *[Question(2 * HOUR, ASKED[0], NamedRange("latest-7")) for _ in range(5)],
    ]
    _check(_restated_on_usual_days(0, restated), asked, Troubles(), 0.0)
