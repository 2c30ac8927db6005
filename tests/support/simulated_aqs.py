"""A day-by-day model of AQS: what it holds at every moment, and what its edge hands out.

``History`` is the truth, made from a seed: a pure function of series, day and moment. It knows
when each day is published, which days never are, and which are restated later. ``SimulatedAqs``
answers from it in place of ``UpstreamClient``, on the clock that it is given.

Each dataset is loaded for all projects together; a row of an article exists for a day if anybody
at all looked, and then holds all cells of access and agent, zeros included
(wikimedia/analytics-refinery, ``hql/cassandra/daily``). A row that is loaded anew is written over,
and none is ever removed. The edge keeps a 200 for 4 hours and a 404 for 10 minutes.
"""

import asyncio
import itertools
import random
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import unquote

from pageviews_api.clients.aqs import UPSTREAM
from pageviews_api.clients.base import Answer, Model, NotFound
from pageviews_api.clock import Clock
from pageviews_api.daterange import ONE_DAY, DateRange, aqs_stamp, parse_day
from pageviews_api.exceptions import (
    UpstreamFailedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamTransientError,
    UpstreamUnreachableError,
)
from pageviews_api.schemas.query import Access, Agent, Series

EDGE_KEEPS = timedelta(hours=4)
"""How long the edge hands out copies of a 200 (``s-maxage=14400``)."""

EDGE_KEEPS_404 = timedelta(minutes=10)
"""And of a 404 (``s-maxage=600``)."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""When a day was published of which the history does not say when."""

ABSENT = -1
"""Stands in a column for a day that is not in AQS's answers."""

PAGES_OF_A_PROJECT = 50_000
"""How much more is looked at in a project than in all its articles of the model."""

ACCESS_SHARES = {
    Access.ALL_ACCESS: 1.0,
    Access.DESKTOP: 0.4,
    Access.MOBILE_WEB: 0.55,
    Access.MOBILE_APP: 0.05,
}

AGENT_SHARES = {Agent.ALL_AGENTS: 1.0, Agent.USER: 0.85, Agent.SPIDER: 0.1, Agent.AUTOMATED: 0.05}


class Dataset(StrEnum):
    """What AQS loads at one time."""

    PER_ARTICLE = "per-article"
    AGGREGATE = "aggregate"


@dataclass(frozen=True, slots=True)
class Restatement:
    """New numbers for a day of a project: first its totals, then its articles'.

    ``share`` is the part of the articles whose numbers change.
    """

    project: str
    day: date
    totals_at: datetime
    articles_at: datetime
    share: float = 1.0


class Step(NamedTuple):
    """From when on AQS holds a value for a day; None is a row that does not exist."""

    since: datetime
    value: int | None


class History:
    """What AQS holds for each series and day, at each moment.

    ``mean_views`` gives the articles there are, by project and title, with their views on a
    usual day: below 1 there are days without any. ``published`` says when a day appears, or None
    for never; a day that is not in it was there always. ``lost`` are days that a project lacks
    in every dataset. Nothing is known before ``first_day`` or after ``last_day``.
    """

    def __init__(
        self,
        seed: int,
        *,
        first_day: date,
        last_day: date,
        mean_views: Mapping[tuple[str, str], float],
        published: Mapping[tuple[Dataset, date], datetime | None] | None = None,
        lost: Iterable[tuple[str, date]] = (),
        restatements: Sequence[Restatement] = (),
    ) -> None:
        self.days = DateRange(first_day, last_day)
        self.restatements = tuple(sorted(restatements, key=lambda one: one.totals_at))
        self._seed = seed
        self._mean_views = dict(mean_views)
        self._published = dict(published or {})
        self._lost = frozenset(lost)
        self._rows: dict[tuple[str, str | None], array[int]] = {}
        self._cells: dict[Series, array[int]] = {}
        self._restated: dict[Series, list[tuple[datetime, date, int]]] = {}

    def published_at(
        self, dataset: Dataset, day: date, project: str | None = None
    ) -> datetime | None:
        """Tell when a day appears in a dataset, or for one project; None if it never does."""
        if day not in self.days or (project, day) in self._lost:
            return None
        return self._published.get((dataset, day), LONG_AGO)

    def steps(self, series: Series, day: date) -> list[Step]:
        """Tell every value that a day of a series ever has, oldest first; empty if none."""
        published = self.published_at(dataset_of(series), day, series.project)
        if published is None:
            return []
        restated = [
            Step(max(since, published), value)
            for since, which, value in self._restatements_of(series)
            if which == day
        ]
        return [Step(published, _or_none(self._column(series)[self._index(day)])), *restated]

    def truth(self, series: Series, day: date, at: datetime) -> int | None:
        """Tell the number that AQS has at a moment; None if it has none."""
        value = None
        for step in self.steps(series, day):
            if step.since <= at:
                value = step.value
        return value

    def values_between(
        self, series: Series, day: date, start: datetime, end: datetime
    ) -> set[int | None]:
        """Tell every number that AQS had at some moment from ``start`` to ``end``."""
        later = {step.value for step in self.steps(series, day) if start < step.since <= end}
        return {self.truth(series, day, start)} | later

    def is_loaded(self, series: Series, day: date, at: datetime) -> bool:
        """Tell whether a day is published for a series, whether or not anybody looked."""
        published = self.published_at(dataset_of(series), day, series.project)
        return published is not None and published <= at

    def column(self, series: Series, at: datetime) -> "array[int]":
        """Tell the numbers of all ``days`` as they are at a moment, ``ABSENT`` for none."""
        column = self._column(series)[:]
        for since, day, value in self._restatements_of(series):
            if since <= at:
                column[self._index(day)] = value
        for day in self.unpublished(dataset_of(series), series.project, at):
            column[self._index(day)] = ABSENT
        return column

    def changes(self, series: Series) -> list[tuple[datetime, date]]:
        """Tell when which day of a series is published or restated, oldest first."""
        dataset = dataset_of(series)
        published = [
            (at, day)
            for (which, day), at in self._published.items()
            if which is dataset and at is not None and (series.project, day) not in self._lost
        ]
        restated = [(at, day) for at, day, _ in self._restatements_of(series)]
        return sorted([*published, *restated])

    def newest_day(self, dataset: Dataset, at: datetime) -> date:
        """Tell the newest day that is published at a moment."""
        day = min(at.date(), self.days.end)
        while (self.published_at(dataset, day) or at + ONE_DAY) > at:
            day -= ONE_DAY
        return day

    def unpublished(self, dataset: Dataset, project: str, at: datetime) -> Iterable[date]:
        """Tell the days that are not there for a project, at a moment or for ever."""
        for (which, day), published in self._published.items():
            if which is dataset and day in self.days and (published is None or published > at):
                yield day
        for where, day in self._lost:
            if where == project and day in self.days:
                yield day

    def _restatements_of(self, series: Series) -> list[tuple[datetime, date, int]]:
        """Tell from when on which day has which new number, oldest first."""
        restated = self._restated.get(series)
        if restated is None:
            restated = sorted(self._restate(series))
            self._restated[series] = restated
        return restated

    def _restate(self, series: Series) -> Iterable[tuple[datetime, date, int]]:
        column = self._column(series)[:]
        for one in self.restatements:
            if one.project != series.project or one.day not in self.days:
                continue
            name = f"{self._seed}/restated/{series.project}/{series.article}/{one}"
            rng = random.Random(name)  # noqa: S311  # a model needs repeatable numbers, not secrets
            if series.article is not None and rng.random() >= one.share:
                continue
            index, factor = self._index(one.day), 0.5 + rng.random()
            before = column[index]
            if before == ABSENT:
                if factor < 1 or not self._mean_of(series.project, series.article):
                    continue  # still nobody looked
                after = 1
            else:
                after = int(before * factor)
                after += after == before
            column[index] = after
            yield self._restated_at(series, one), one.day, after

    def _restated_at(self, series: Series, one: Restatement) -> datetime:
        """Tell when a series changes; not before the day is there at all."""
        at = one.totals_at if series.article is None else one.articles_at
        return max(at, self.published_at(dataset_of(series), one.day) or at)

    def _column(self, series: Series) -> "array[int]":
        """Tell the numbers as they are published first: the row's, or the cell's share of them."""
        cells = self._cells.get(series)
        if cells is None:
            cells = self._cells[series] = self._share(series)
        return cells

    def _share(self, series: Series) -> "array[int]":
        row = self._row(series.project, series.article)
        share = ACCESS_SHARES[series.access] * AGENT_SHARES[series.agent]
        draw = random.Random(f"{self._seed}/{series.key}").random  # noqa: S311  # as above
        return array("q", (int(n * share + draw()) if n != ABSENT else n for n in row))

    def _row(self, project: str, article: str | None) -> "array[int]":
        row = self._rows.get((project, article))
        if row is None:
            mean = self._mean_of(project, article)
            draw = random.Random(f"{self._seed}/{project}/{article}").random  # noqa: S311  # as above
            counts = (int(mean * (0.5 + draw()) + draw()) for _ in self.days)
            row = array("q", (count or ABSENT for count in counts))
            self._rows[project, article] = row
        return row

    def _mean_of(self, project: str, article: str | None) -> float:
        if article is not None:
            return self._mean_views.get((project, article), 0.0)
        known = [mean for (where, _), mean in self._mean_views.items() if where == project]
        return sum(known) + PAGES_OF_A_PROJECT if known else 0.0

    def _index(self, day: date) -> int:
        return (day - self.days.start).days


def dataset_of(series: Series) -> Dataset:
    """Tell which dataset a series is in."""
    return Dataset.AGGREGATE if series.article is None else Dataset.PER_ARTICLE


def _or_none(count: int) -> int | None:
    return None if count == ABSENT else count


def usual_history(
    seed: int,
    *,
    start: date,
    days: int,
    past_days: int,
    mean_views: Mapping[tuple[str, str], float],
    restated: float,
    lost: int = 0,
) -> History:
    """Make a history that begins at midnight of ``start`` and runs for ``days`` days.

    Each day's totals are published between 01:00 and 09:00 UTC of the next one, its articles up
    to 4 hours later; ``past_days`` before ``start`` were published long ago. With probability
    ``restated`` a day sees a restatement: of one project's day, at most 30 days old, or in one
    case of eight up to ``past_days``; of all its articles or of half of them. ``lost`` is how
    many of the past days every project lacks, and how many one project does that is not the
    first: that one's total and articles are taken for witnesses of all.
    """
    rng = random.Random(f"{seed}/history")  # noqa: S311  # as above
    projects = list(dict.fromkeys(project for project, _ in mean_views))
    published: dict[tuple[Dataset, date], datetime | None] = {}
    for offset in range(-1, days + 1):
        day = start + timedelta(days=offset)
        at = _midnight(day + ONE_DAY) + timedelta(hours=1 + 8 * rng.random())
        published[Dataset.AGGREGATE, day] = at
        published[Dataset.PER_ARTICLE, day] = at + timedelta(hours=4 * rng.random())
    past = [start - timedelta(days=back) for back in range(40, past_days)]
    for day in rng.sample(past, lost):
        published[Dataset.AGGREGATE, day] = published[Dataset.PER_ARTICLE, day] = None
    return History(
        seed,
        first_day=start - timedelta(days=past_days),
        last_day=start + timedelta(days=days),
        mean_views=mean_views,
        published=published,
        lost=[(rng.choice(projects[1:]), day) for day in rng.sample(past, lost)],
        restatements=[
            _usual_restatement(rng, start + timedelta(days=offset), projects, past_days)
            for offset in range(days)
            if rng.random() < restated
        ],
    )


def _usual_restatement(
    rng: random.Random, today: date, projects: list[str], past_days: int
) -> Restatement:
    old = rng.random() < 1 / 8
    back = rng.randint(31, past_days - 1) if old else rng.randint(2, 30)
    totals_at = _midnight(today) + timedelta(hours=24 * rng.random())
    return Restatement(
        project=rng.choice(projects),
        day=today - timedelta(days=back),
        totals_at=totals_at,
        articles_at=totals_at + timedelta(hours=4 * rng.random()),
        share=rng.choice((0.5, 1.0)),
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class Kind(StrEnum):
    """What a request was for."""

    SERIES = "series"
    WITNESS = "witness"
    TOTALS = "totals"


class Logged(NamedTuple):
    """One request: when, what for, and its status; None where no answer came."""

    at: datetime
    kind: Kind
    path: str
    status: int | None


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time, its end not included."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Troubles:
    """When AQS does not answer.

    In an outage every request fails, by turns unreachable, with a 500, and with a timeout. In a
    storm every request is answered 429, to come back after ``retry_after`` seconds.
    """

    outages: tuple[Interval, ...] = ()
    storms: tuple[Interval, ...] = ()
    retry_after: float = 60.0

    def __contains__(self, moment: datetime) -> bool:
        return any(moment in interval for interval in (*self.outages, *self.storms))


NO_TROUBLES = Troubles()


class SimulatedAqs:
    """Answers in place of ``UpstreamClient``: from a history, through an edge.

    ``warmed`` is the part of the requests for a URL that the edge would have made anew, which
    find a copy that some other client had made, at random up to 4 hours ago. ``latency`` is how
    many seconds every answer takes.

    Attributes
    ----------
    log
        Every request, oldest first, the failed ones as well.
    """

    def __init__(
        self,
        history: History,
        clock: Clock,
        *,
        witness: Series,
        seed: int = 0,
        warmed: float = 0.0,
        troubles: Troubles = NO_TROUBLES,
        latency: float = 0.0,
    ) -> None:
        self.log: list[Logged] = []
        self._history = history
        self._clock = clock
        self._witness = witness
        self._warmed = warmed
        self._troubles = troubles
        self._latency = latency
        self._rng = random.Random(f"{seed}/edge")  # noqa: S311  # as above
        self._made_at: dict[str, datetime] = {}
        self._failures = itertools.cycle((_unreachable, _failed, _timeout))

    def now(self) -> datetime | None:
        """Tell no time: the model has that of whoever asks."""
        return None

    async def get(
        self,
        path: str,
        model: type[Model],
        *,
        timeout: float,  # noqa: ASYNC109  # it stands for UpstreamClient
    ) -> Answer[Model] | NotFound:
        """Ask once, as ``UpstreamClient.get`` does.

        Raises
        ------
        UpstreamThrottledError
            It is in a storm.
        UpstreamUnreachableError, UpstreamFailedError, UpstreamTimeoutError
            It is in an outage.
        """
        series, days = _read(path)
        now = self._clock.now()
        await self._take_time(min(self._latency, timeout))
        if any(now in outage for outage in self._troubles.outages):
            error, status = next(self._failures)()
            self._write(now, series, path, status)
            raise error
        if any(now in storm for storm in self._troubles.storms):
            self._write(now, series, path, 429)
            raise UpstreamThrottledError(UPSTREAM, self._troubles.retry_after)
        items, age = self._through_the_edge(path, series, days, now)
        self._write(now, series, path, 200 if items else 404)
        whole_seconds = timedelta(seconds=int(age.total_seconds()))  # as an Age header has them
        if not items:
            return NotFound(whole_seconds)
        return Answer(model.model_validate({"items": items}), whole_seconds)

    def count(self, *kinds: Kind) -> int:
        """Count the requests of these kinds, or of all."""
        return sum(not kinds or one.kind in kinds for one in self.log)

    async def _take_time(self, seconds: float) -> None:
        if seconds:
            await self._clock.sleep(seconds)
        else:
            await asyncio.sleep(0)  # let others in between, as any request does

    def _write(self, at: datetime, series: Series, path: str, status: int | None) -> None:
        if series == self._witness:
            kind = Kind.WITNESS
        else:
            kind = Kind.TOTALS if series.article is None else Kind.SERIES
        self.log.append(Logged(at, kind, path, status))

    def _through_the_edge(
        self, path: str, series: Series, days: DateRange, now: datetime
    ) -> tuple[list[dict[str, Any]], timedelta]:
        """Find the copy that the edge has of an answer, or have a new one made."""
        made_at = self._made_at.get(path, LONG_AGO)
        if now - made_at >= EDGE_KEEPS and self._rng.random() < self._warmed:
            made_at = now - EDGE_KEEPS * self._rng.random()
        if now - made_at < EDGE_KEEPS:
            items = self._items(series, days, made_at)
            if items or now - made_at < EDGE_KEEPS_404:
                self._made_at[path] = made_at
                return items, now - made_at
        self._made_at[path] = now
        return self._items(series, days, now), timedelta(0)

    def _items(self, series: Series, days: DateRange, at: datetime) -> list[dict[str, Any]]:
        """Write the days that were there at a moment, oldest first."""
        history = self._history
        start, end = max(days.start, history.days.start), min(days.end, history.days.end)
        if start > end:
            return []
        same = {
            "project": series.project,
            "granularity": "daily",
            "access": str(series.access),
            "agent": str(series.agent),
        }
        if series.article is not None:
            same["article"] = series.article
        first = (start - history.days.start).days
        column = history.column(series, at)[first : first + (end - start).days + 1]
        return [
            same | {"timestamp": aqs_stamp(day), "views": count}
            for day, count in zip(DateRange(start, end), column, strict=True)
            if count != ABSENT
        ]


def _unreachable() -> tuple[UpstreamTransientError, int | None]:
    return UpstreamUnreachableError(UPSTREAM, "could not be reached, or broke off"), None


def _failed() -> tuple[UpstreamTransientError, int | None]:
    return UpstreamFailedError(UPSTREAM, "failed with status 500"), 500


def _timeout() -> tuple[UpstreamTransientError, int | None]:
    return UpstreamTimeoutError(UPSTREAM, "gave no complete answer in time"), None


def _read(path: str) -> tuple[Series, DateRange]:
    """Read a path of ours back: which days of which series it asks for."""
    _, _, _, endpoint, *segments = map(unquote, path.split("/"))
    assert endpoint in set(Dataset), f"{endpoint} is not modelled"
    project, access, agent, *article, _, start, end = segments
    title = article[0] if article else None
    series = Series(project, Access(access), Agent(agent), title)
    return series, DateRange(parse_day(start), parse_day(end))
