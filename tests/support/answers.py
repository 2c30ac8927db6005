"""Answers made of a few numbers."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from pageviews_api.schemas.pageviews import ArticleSeries, DayPoint, DayStatus
from pageviews_api.schemas.query import Access, Agent, Granularity
from pageviews_api.series import by_period, summarise

MONDAY = date(2026, 11, 16)


def article_series(
    views: Sequence[int | DayStatus | None],
    *,
    start: date = MONDAY,
    granularity: Granularity = Granularity.DAILY,
    article: str = "Strasbourg",
    **changes: object,
) -> ArticleSeries:
    """Answer with these days from ``start`` on; ``None`` is a missing one."""
    points = [_point(start + timedelta(days=offset), one) for offset, one in enumerate(views)]
    answer = ArticleSeries(
        project="fr.wikipedia",
        article=article,
        access=Access.ALL_ACCESS,
        agent=Agent.USER,
        granularity=granularity,
        start=start if points else None,
        end=points[-1].date if points else None,
        reason=None if points else "No day of this range is loaded yet.",
        complete_through=date(2026, 11, 21),
        first_day=None,
        annotations=[],
        checked_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        stale=False,
        summary=summarise(points),
        items=by_period(points, granularity),
    )
    return answer.model_copy(update=changes)


def _point(day: date, views: int | DayStatus | None) -> DayPoint:
    match views:
        case DayStatus():
            return DayPoint(date=day, views=None, status=views)
        case None:
            return DayPoint(date=day, views=None, status=DayStatus.MISSING)
        case _:
            return DayPoint(date=day, views=views, status=DayStatus.OK if views else DayStatus.ZERO)
