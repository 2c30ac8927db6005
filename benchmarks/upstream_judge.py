"""Holds every answer of the days store against what AQS had, and counts what outages cost."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from benchmarks.upstream_contenders import resolved
from benchmarks.upstream_workload import ClientRequest
from pageviews_api.clients.rescue import Told
from pageviews_api.daterange import DateRange
from pageviews_api.days import STATUSES, UNSETTLED, Days
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Series
from tests.support.simulated_aqs import (
    ABSENT,
    EDGE_KEEPS,
    LONG_AGO,
    Dataset,
    History,
    Step,
    Troubles,
    dataset_of,
)

CHECKED_EVERY = timedelta(hours=2)
"""How long after a check an answer may be called fresh."""

LAG = CHECKED_EVERY + EDGE_KEEPS
"""How old what is told in a fresh answer may be."""

WATCHED_DAYS = 30
"""How old a day may be for its restatement to be noticed at the next check."""

COMPARED_EVERY = timedelta(days=7)
"""How often the totals of older days are compared."""

CODES = {status: code for code, status in enumerate(STATUSES)}

SHOWN = 3
"""Faults of each kind that are kept to be shown, for different days."""

ToldDay = tuple[int, DayStatus]
"""What is told of a day: its views, ``ABSENT`` for none, and its status."""

NOT_THERE = {(ABSENT, DayStatus.NOT_LOADED), (ABSENT, DayStatus.HOLE)}
"""What may be told of a day that is not there."""


class Judge:
    """Counts the days that were not told as AQS had them.

    ``wrong``: a number that AQS never had for that day. ``falsely_zero``: a zero that AQS did not
    have, or of a day that was not there; where the answer is called fresh, not in the last 6
    hours. ``falsely_fresh``: anything else in an answer that is called fresh which AQS had at no
    moment of the last 6 hours. The 6 hours are 2 for the check and 4 for a copy of the edge. What
    a day had before it was restated, at an age of 30 days or more, may be told for a week more.
    In the first 6 hours after ``began_at`` the store cannot tell yet whether one of the newest
    days is not loaded, or nobody looked; nor at any time if it is asked ``rarely``, for it learns
    that a day has come only when somebody asks.
    """

    def __init__(self, history: History, began_at: datetime, *, rarely: bool = False) -> None:
        self.wrong = 0
        self.falsely_zero = 0
        self.falsely_fresh = 0
        self.examples: list[str] = []
        self._history = history
        self._shown: dict[str, set[date]] = {}
        self._began_at = began_at
        self._rarely = rarely
        self._moments: dict[Series, list[datetime]] = {}
        self._expected: dict[Series, tuple[int, Days]] = {}
        self._looks: dict[str, list[datetime]] = {}

    def look_at(self, series: Series, told: Told, asked_at: datetime, told_at: datetime) -> None:
        """Judge one answer."""
        self._looks.setdefault(series.project, []).append(asked_at)
        if told.days is None:
            return
        for day, told_day in self._unexpected(series, told.days, told_at):
            had = self._to_tell(series, day, LONG_AGO, told_at)
            since = asked_at - self._may_lag(series, day)
            excused = told.stale or (self._rarely and self._was_under_way(series, day))
            lately = had if excused else self._to_tell(series, day, since, told_at)
            if self._is_too_early(day, asked_at) and (0, DayStatus.ZERO) in lately:
                lately = lately | NOT_THERE
            fault = self._fault(told_day, had, lately, stale=told.stale)
            if fault:
                self._keep(fault, series, day, told_day, f"at {told_at:%F %T}, {told.stale=}")

    def _fault(
        self, told: ToldDay, had: set[ToldDay], lately: set[ToldDay], *, stale: bool
    ) -> str | None:
        _, status = told
        if status is DayStatus.OK and told not in had:
            self.wrong += 1
            return "wrong"
        if status is DayStatus.ZERO and told not in lately:
            self.falsely_zero += 1
            return "falsely zero"
        if told not in lately and not stale:
            self.falsely_fresh += 1
            return "falsely fresh"
        return None

    def _keep(self, fault: str, series: Series, day: date, told: ToldDay, when: str) -> None:
        days = self._shown.setdefault(fault, set())
        if day not in days and len(days) < SHOWN:
            days.add(day)
            had = [f"{step.value} from {step.since:%F %T}" for step in self._steps(series, day)]
            self.examples.append(
                f"{fault}: {series.key} {day} told as {told[0]} {told[1]} {when}, AQS had {had}"
            )

    def _steps(self, series: Series, day: date) -> list[Step]:
        return self._history.steps(series, day)

    def _unexpected(
        self, series: Series, told: Days, at: datetime
    ) -> Iterator[tuple[date, ToldDay]]:
        """Tell the days that are not as AQS has them at this moment; mostly there are none."""
        expected = self._expected_at(series, at)
        offset = (told.start - expected.start).days
        views = expected.views[offset : offset + len(told)]
        statuses = expected.statuses[offset : offset + len(told)]
        if told.views == views and told.statuses == statuses:
            return
        pairs = zip(told.views, told.statuses, views, statuses, strict=True)
        for index, (count, code, now, now_code) in enumerate(pairs):
            if (count, code) != (now, now_code):
                yield told.start + timedelta(days=index), (count, STATUSES[code])

    def _expected_at(self, series: Series, at: datetime) -> Days:
        moments = self._moments.get(series)
        if moments is None:
            moments = [moment for moment, _ in self._history.changes(series)]
            self._moments[series] = moments
        version = bisect_right(moments, at)
        known, days = self._expected.get(series, (None, None))
        if days is None or known != version:
            days = self._now(series, at)
            self._expected[series] = version, days
        return days

    def _now(self, series: Series, at: datetime) -> Days:
        """Tell all days as AQS has them now."""
        start, dataset = self._history.days.start, dataset_of(series)
        views = self._history.column(series, at)
        statuses = bytearray([CODES[DayStatus.OK]]) * len(views)
        newest = self._history.newest_day(dataset, at)
        for index, count in enumerate(views):
            if count <= 0:
                views[index] = 0
                statuses[index] = CODES[DayStatus.ZERO]
        for day in self._history.unpublished(dataset, series.project, at):
            index = (day - start).days
            views[index] = ABSENT
            statuses[index] = CODES[DayStatus.HOLE if day < newest else DayStatus.NOT_LOADED]
        return Days(start, views, bytes(statuses))

    def _to_tell(self, series: Series, day: date, start: datetime, end: datetime) -> set[ToldDay]:
        """Tell what could be told rightly of a day at any moment from ``start`` to ``end``."""
        rightly = set[ToldDay]()
        states = [(LONG_AGO, NOT_THERE)] + [
            (step.since, {(step.value, DayStatus.OK) if step.value else (0, DayStatus.ZERO)})
            for step in self._steps(series, day)
        ]
        for index, (since, state) in enumerate(states):
            until = states[index + 1][0] if index + 1 < len(states) else end
            if since <= end and (until > start or until == end):
                rightly |= state
        return rightly

    def _is_too_early(self, day: date, asked_at: datetime) -> bool:
        began = self._began_at
        return self._rarely or (asked_at < began + LAG and day >= began.date() - UNSETTLED)

    def _was_under_way(self, series: Series, day: date) -> bool:
        """Tell whether a day was restated, its views not yet, when its total was looked at."""
        published = self._history.published_at(Dataset.AGGREGATE, day, series.project)
        looks = self._looks[series.project]
        first = next((look for look in looks if published and look >= published), None)
        return first is not None and any(
            one.totals_at <= first < one.articles_at + EDGE_KEEPS
            for one in self._history.restatements
            if (one.project, one.day) == (series.project, day)
        )

    def _may_lag(self, series: Series, day: date) -> timedelta:
        old = any(
            (step.since.date() - day).days >= WATCHED_DAYS for step in self._steps(series, day)[1:]
        )
        return LAG + (COMPARED_EVERY if old else timedelta(0))


class Outages:
    """Counts what clients asked in outages although we held it, and how much of it was told.

    A series is held from the first to the last day that was ever told of it. Where nothing is
    told, a range that moves is taken to end with the newest day that was told of any series.
    """

    def __init__(self, troubles: Troubles) -> None:
        self.held = 0
        self.answered = 0
        self.examples: list[str] = []
        self._outages = troubles.outages
        self._days: dict[Series, DateRange] = {}
        self._newest = date.min

    @property
    def share(self) -> float:
        """The part of what was held that was told."""
        return self.answered / self.held if self.held else 1.0

    def look_at(self, request: ClientRequest, asked_at: datetime, told: Told | None) -> None:
        """Look at one request; ``told`` is None where it was not answered."""
        known = _known_days(told)
        if any(asked_at in outage for outage in self._outages):
            held = self._days.get(request.series)
            if held is None:
                return
            asked = told.asked if told else resolved(request.days, self._newest)
            if asked and asked.start in held and asked.end in held:
                self.held += 1
                if known is not None and asked.start in known and asked.end in known:
                    self.answered += 1
                elif len(self.examples) < SHOWN:
                    self.examples.append(f"in an outage: {request} at {asked_at:%F %T}: {told}")
        elif known is not None:
            held = self._days.get(request.series, known)
            self._days[request.series] = DateRange(
                min(held.start, known.start), max(held.end, known.end)
            )
            self._newest = max(self._newest, known.end)


def _known_days(told: Told | None) -> DateRange | None:
    """Tell the days of an answer of which something is known, where that is one stretch."""
    if told is None or told.days is None:
        return None
    unknown = bytes([CODES[DayStatus.NOT_LOADED], CODES[DayStatus.MISSING]])
    known = told.days.statuses.rstrip(unknown)
    if not known or known.strip(unknown) != known:
        return None
    return DateRange(told.days.start, told.days.start + timedelta(days=len(known) - 1))
