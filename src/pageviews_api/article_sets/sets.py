"""Several articles in one answer, asked for at once, as so many callers would."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from pageviews_api.article_sets.figures import (
    Counted,
    Outcome,
    ProblemOf,
    figures_of,
    places_of,
    status_of,
)
from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.clock import Clock
from pageviews_api.exceptions import PageviewsApiError
from pageviews_api.schemas.article_sets import LASTING, ArticleSet, Place, ToldArticle
from pageviews_api.schemas.pageviews import ArticleSeries
from pageviews_api.schemas.query import SeriesQuery


class ArticleSets:
    """Answers questions about several articles of one project."""

    def __init__(self, pageviews: PageviewsClient, *, problem_of: ProblemOf, clock: Clock) -> None:
        self._pageviews = pageviews
        self._problem_of = problem_of
        self._clock = clock

    async def told(self, queries: Sequence[SeriesQuery]) -> ArticleSet:
        """Tell articles of one project, each once, in the order of the questions.

        Of what fails, its problem is told; it sinks nothing else.
        """
        async with asyncio.TaskGroup() as group:
            asked = {
                query: group.create_task(outcome_of(self._pageviews.article(query)))
                for query in dict.fromkeys(queries)
            }
        return self._set({query: task.result() for query, task in asked.items()})

    def _set(self, outcomes: Mapping[SeriesQuery, Outcome]) -> ArticleSet:
        members = {query: Counted.of(one) for query, one in outcomes.items()}
        places = places_of(members)
        told = [one for one in outcomes.values() if isinstance(one, ArticleSeries)]
        items = [self._item(query, one, places[query]) for query, one in outcomes.items()]
        statuses = {item.status for item in items}
        first = next(iter(outcomes))
        return ArticleSet(
            project=first.series.project,
            access=first.series.access,
            agent=first.series.agent,
            granularity=first.granularity,
            summary=figures_of(members.values()),
            items=items,
            # Where nothing could be told, that is what is known now.
            checked_at=min(
                (one.checked_at for one in told), default=self._clock.now().replace(microsecond=0)
            ),
            stale=any(one.stale for one in told) or not LASTING.issuperset(statuses),
            fetched=any(one.fetched for one in told),
            notice=self._pageviews.notice,
        )

    def _item(self, query: SeriesQuery, outcome: Outcome, place: Place) -> ToldArticle:
        problem = None if isinstance(outcome, ArticleSeries) else self._problem_of(outcome)
        assert query.series.article is not None
        return ToldArticle(
            **place.model_dump(),
            article=query.series.article,
            status=status_of(problem),
            series=outcome if isinstance(outcome, ArticleSeries) else None,
            problem=problem,
        )


async def outcome_of(answer: Awaitable[ArticleSeries]) -> Outcome:
    """Wait for an answer; an error of ours is an outcome, too."""
    try:
        return await answer
    except PageviewsApiError as e:
        return e
