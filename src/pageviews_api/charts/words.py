"""What a chart says of itself, in sentences."""

from collections import Counter
from collections.abc import Iterable

from pageviews_api.schemas.pageviews import ArticleSeries, DayPoint, DayStatus, PeriodPoint
from pageviews_api.schemas.query import Granularity

_UNITS = {Granularity.DAILY: "day", Granularity.WEEKLY: "week", Granularity.MONTHLY: "month"}

_WHY = {
    DayStatus.NOT_LOADED: "not loaded yet",
    DayStatus.HOLE: "lost at Wikimedia",
    DayStatus.MISSING: "not to be had now",
}


def title(answer: ArticleSeries) -> str:
    """Name the chart."""
    return f"Views of {_article(answer)} on {answer.project}"


def description(answer: ArticleSeries) -> str:
    """Sum the chart up for who cannot see it; what is not known is told as such."""
    return " ".join([_figures(answer), *notes(answer)])


def heading(answer: ArticleSeries) -> str:
    """Name the article."""
    return _article(answer)


def subheading(answer: ArticleSeries) -> list[str]:
    """Say what is drawn, the most important first."""
    parts = [answer.project]
    if answer.start and answer.end:
        parts.append(f"{answer.start} to {answer.end}")
    if answer.summary.total is not None:
        parts.append(f"{answer.summary.total:,} views")
    return [*parts, f"{answer.access}, {answer.agent}"]


def nothing(answer: ArticleSeries) -> str:
    """Say why there is nothing to draw."""
    return answer.reason or "No number of this range is known."


def notes(answer: ArticleSeries) -> list[str]:
    """Tell what has to be known beside the line, a sentence each; often there is none."""
    items: list[DayPoint | PeriodPoint] = [*answer.items]
    found = [
        f"Not current: checked {answer.checked_at:%Y-%m-%d %H:%M} UTC." if answer.stale else None,
        _unknown(answer, items),
        _partial(answer, items),
        _archived(items),
        *(answer.notice or "").replace(". ", ".\n").splitlines(),
    ]
    return [sentence for sentence in found if sentence]


def _article(answer: ArticleSeries) -> str:
    return answer.article.replace("_", " ")


def _figures(answer: ArticleSeries) -> str:
    summary = answer.summary
    if summary.total is None or summary.minimum is None or summary.maximum is None:
        return nothing(answer)
    return (
        f"Line of the views by {_UNITS[answer.granularity]} from {answer.start} to {answer.end} "
        f"({answer.access}, {answer.agent}): {summary.total:,} in all on "
        f"{_count(summary.days_counted, 'day')}. "
        f"The fewest in a day were {summary.minimum.views:,} on {summary.minimum.date}, "
        f"the most {summary.maximum.views:,} on {summary.maximum.date}."
    )


def _unknown(answer: ArticleSeries, items: Iterable[DayPoint | PeriodPoint]) -> str | None:
    unknown = answer.summary.days_in_range - answer.summary.days_counted
    if not unknown:
        return None
    statuses = Counter(item.status for item in items if isinstance(item, DayPoint))
    why = ", ".join(
        f"{statuses[status]} {what}" for status, what in _WHY.items() if statuses[status]
    )
    of = f"{unknown} of {_count(answer.summary.days_in_range, 'day')}"
    return f"{of} {'is' if unknown == 1 else 'are'} not known{f' ({why})' * bool(why)}."


def _partial(answer: ArticleSeries, items: Iterable[DayPoint | PeriodPoint]) -> str | None:
    parts = sum(isinstance(item, PeriodPoint) and item.partial for item in items)
    if not parts:
        return None
    unit = _UNITS[answer.granularity]
    return f"Dashed: {_count(parts, unit)} of which not every day is counted."


def _archived(items: Iterable[DayPoint | PeriodPoint]) -> str | None:
    days = sum(isinstance(item, DayPoint) and item.status is DayStatus.ARCHIVED for item in items)
    if not days:
        return None
    return f"{_count(days, 'day')} {'is' if days == 1 else 'are'} told from the archive."


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'s' * (number != 1)}"
