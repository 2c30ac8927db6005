"""Long lists of articles, answered line by line as results come, in bounded memory.

A batch keeps to a pace that leaves a part of a minute's budget to callers, waits where the budget
is used up or Wikimedia is left alone, and ends when its caller goes away.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice

from pageviews_api.article_sets.figures import (
    Counted,
    Outcome,
    ProblemOf,
    figures_of,
    places_of,
    status_of,
)
from pageviews_api.article_sets.sets import outcome_of
from pageviews_api.budget import WINDOW, RequestGate, SlidingWindow
from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.clock import Clock
from pageviews_api.daterange import DateRange, NamedRange
from pageviews_api.exceptions import (
    FieldError,
    InvalidParameterError,
    TooManyBatchesError,
    UpstreamHeldBackError,
    UpstreamThrottledError,
)
from pageviews_api.schemas.article_sets import BatchEnd, BatchLine, RankedItem, RefusedItem
from pageviews_api.schemas.pageviews import AnswerModel, ArticleSeries
from pageviews_api.schemas.query import Series, SeriesQuery

SHARE = 0.6
"""The part of a minute's requests that all batches together may use."""

PERIOD = 10.0
"""Seconds over which that is spread, so that room for callers comes soon."""

IN_WORK = 8
"""Items of a batch that are worked on, or wait to be sent, at once: who reads slowly is waited for.

More than may be in flight, since most are held.
"""

MOST_AT_ONCE = 4
"""Batches at a time."""

MOST_OF_ONE = 2
"""Batches of one client at a time."""

ASK_AGAIN_AFTER = 30.0
"""Seconds after which who was turned away may try again."""

GIVE_UP_AFTER = 1_200.0
"""Seconds after which a batch waits no more until it may ask; 1,000 items take 11 minutes of it."""

LEAST_WAIT = 1.0
"""Seconds between two questions of one item: a 429 that says not to wait is told for a while."""

Asked = SeriesQuery | RefusedItem


class ArticleBatches:
    """Answers batches."""

    def __init__(self, pageviews: PageviewsClient, *, gate: RequestGate, clock: Clock) -> None:
        self._pageviews = pageviews
        self._clock = clock
        part = int(gate.limit * SHARE * PERIOD / WINDOW)
        self._pace = SlidingWindow(max(part, 1), clock, period=PERIOD)
        self._running: Counter[str] = Counter()

    @asynccontextmanager
    async def answering(
        self, items: Sequence[Asked], *, problem_of: ProblemOf, client: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Work on a batch while the context lasts; gives the lines of the answer.

        There is one for each item, as soon as it is ready, and the end.

        Raises
        ------
        TooManyBatchesError
            So many are being answered already, or so many of this client's.
        """
        if self._running.total() >= MOST_AT_ONCE or self._running[client] >= MOST_OF_ONE:
            raise TooManyBatchesError(ASK_AGAIN_AFTER)
        self._running[client] += 1
        working: dict[asyncio.Task[Outcome], SeriesQuery] = {}
        try:
            yield self._lines(items, problem_of, working)
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            self._running -= Counter({client: 1})  # which forgets a client that has none left

    async def _lines(
        self,
        items: Sequence[Asked],
        problem_of: ProblemOf,
        working: dict[asyncio.Task[Outcome], SeriesQuery],
    ) -> AsyncIterator[bytes]:
        """Give the lines; ``working`` holds what is worked on, so that it can be ended."""
        places = _places(items)
        ended: dict[SeriesQuery, _Ended] = {}
        refused = 0
        for index, item in enumerate(items):
            if isinstance(item, RefusedItem):
                refused += 1
                yield _written(_refused_line(index, item, problem_of))
        waiting = iter(places)
        patience = _Patience(self._clock.monotonic() + GIVE_UP_AFTER)
        while True:
            for query in islice(waiting, IN_WORK - len(working)):
                working[asyncio.create_task(self._outcome(query, patience))] = query
            if not working:
                break
            done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                query, outcome = working.pop(task), task.result()
                ended[query] = _Ended.of(outcome)
                for line in _lines_of(places[query], query, outcome, problem_of):
                    yield line
        yield _written(_end(places, ended, refused))

    async def _outcome(self, query: SeriesQuery, patience: "_Patience") -> Outcome:
        """Tell one article; what costs a request takes a turn.

        What is not held waits for its turn. What is held may turn out to lack a day, or to be due
        to be learned anew: then it is the next ones that wait.
        """
        held = await self._pageviews.holds(query.series)
        if not held:
            if patience.lost is not None:
                return patience.lost
            await self._turn()
        outcome = await self._told(query, patience)
        if held and isinstance(outcome, ArticleSeries) and outcome.fetched:
            await self._turn()
        return outcome

    async def _turn(self) -> None:
        while not self._pace.take():
            await self._clock.sleep(self._pace.ready_in())

    async def _told(self, query: SeriesQuery, patience: "_Patience") -> Outcome:
        """Tell it when Wikimedia may be asked, if that is soon enough."""
        while True:
            outcome = await outcome_of(self._pageviews.article(query))
            if not isinstance(outcome, UpstreamHeldBackError | UpstreamThrottledError):
                return outcome
            wait = max(outcome.retry_after, LEAST_WAIT)
            if self._clock.monotonic() + wait > patience.until:
                patience.lost = outcome
                return outcome
            await self._clock.sleep(wait)


@dataclass(slots=True)
class _Patience:
    """How long a batch waits until it may ask. ``lost``: why that was in vain; it asks no more."""

    until: float
    lost: Outcome | None = None


@dataclass(frozen=True, slots=True)
class _Ended:
    """What is kept of an outcome until the end."""

    counted: Counted
    days: DateRange | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> "_Ended":
        if isinstance(outcome, ArticleSeries) and outcome.start and outcome.end:
            return cls(Counted.of(outcome), DateRange(outcome.start, outcome.end))
        return cls(Counted.of(outcome))


def _places(items: Sequence[Asked]) -> dict[SeriesQuery, list[int]]:
    """Tell where each question stands among the items: the same is asked, and told, once."""
    places: dict[SeriesQuery, list[int]] = {}
    for index, item in enumerate(items):
        if not isinstance(item, RefusedItem):
            places.setdefault(item, []).append(index)
    return places


def _lines_of(
    indexes: Iterable[int], query: SeriesQuery, outcome: Outcome, problem_of: ProblemOf
) -> Iterator[bytes]:
    problem = None if isinstance(outcome, ArticleSeries) else problem_of(outcome)
    for index in indexes:
        line = BatchLine(
            index=index,
            project=query.series.project,
            article=query.series.article,
            status=status_of(problem),
            series=outcome if isinstance(outcome, ArticleSeries) else None,
            problem=problem,
        )
        yield _written(line)


def _refused_line(index: int, item: RefusedItem, problem_of: ProblemOf) -> BatchLine:
    at = ("body", "items", index)
    errors = (FieldError((*at, *error.loc), error.msg) for error in item.errors)
    problem = problem_of(InvalidParameterError(*errors))
    return BatchLine(
        index=index,
        project=None,
        article=None,
        status=status_of(problem),
        series=None,
        problem=problem,
    )


def _end(
    places: Mapping[SeriesQuery, Sequence[int]], ended: Mapping[SeriesQuery, _Ended], refused: int
) -> BatchEnd:
    """Add up; the same days of a series count once, in whatever steps or words they are asked."""
    first: dict[tuple[Series, DateRange | NamedRange], tuple[int, _Ended]] = {}
    for query, indexes in places.items():
        one = ended[query]
        first.setdefault((query.series, one.days or query.days), (indexes[0], one))
    members = {index: one.counted for index, one in first.values()}
    in_set = places_of(members)
    ranking = [
        RankedItem(
            **in_set[index].model_dump(), index=index, start=one.days.start, end=one.days.end
        )
        for index, one in first.values()
        if one.counted.total is not None and one.days
    ]
    unread = [Counted(None, complete=False, failed=True)] * refused
    return BatchEnd(
        summary=figures_of([*members.values(), *unread]),
        ranking=sorted(ranking, key=lambda item: (item.rank, item.index)),
    )


def _written(line: AnswerModel) -> bytes:
    return line.model_dump_json().encode() + b"\n"
