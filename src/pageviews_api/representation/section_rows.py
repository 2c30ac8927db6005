"""Sections of an answer as rows: columns beside each item, and rows of the parts. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from pageviews_api.representation.writers import Value
from pageviews_api.schemas.pageviews import ArticleSeries, ProjectSeries
from pageviews_api.schemas.points import DayPoint, PeriodPoint
from pageviews_api.schemas.query import Access, Agent, Granularity
from pageviews_api.schemas.sections import (
    AccessPart,
    ComparedDay,
    ComparedPeriod,
    Comparison,
    PerMillion,
    UnusualDays,
)

Columns = Sequence[Value]

_BASE_DAY = ("base_date", "base_views", "base_status")
_BASE_PERIOD = ("base_date", "base_end", "base_views", "current_views", "days_compared")
_PER_MILLION = ("project_views", "per_million")
_UNUSUAL = ("expected", "score", "direction")


@dataclass(frozen=True, slots=True)
class PartRows:
    """One part of a series, in the order of its own items."""

    access: Access
    agent: Agent
    items: Sequence[DayPoint | PeriodPoint]


def columns(answer: ArticleSeries | ProjectSeries) -> tuple[str, ...]:
    """Name the columns that the sections of an answer add to its rows."""
    base = _BASE_DAY if answer.granularity is Granularity.DAILY else _BASE_PERIOD
    return (
        *(base if answer.comparison else ()),
        *(_PER_MILLION if _per_million_of(answer) else ()),
        *(_UNUSUAL if answer.unusual else ()),
    )


def beside(answer: ArticleSeries | ProjectSeries) -> Iterator[Columns]:
    """Tell the values of these columns for each item of the answer."""
    share = _per_million_of(answer)
    sections: list[Iterator[Columns]] = []
    if answer.comparison:
        sections.append(_compared(answer.comparison))
    if share:
        sections.append((one.project_views, one.per_million) for one in share.items)
    if answer.unusual:
        sections.append(_marked(answer.unusual, answer.items))
    if not sections:
        return repeat((), len(answer.items))
    return ([value for part in row for value in part] for row in zip(*sections, strict=True))


def parts(answer: ArticleSeries | ProjectSeries) -> list[PartRows]:
    """Tell the parts of an answer, each under its own access and agent."""
    if answer.split is None:
        return []
    return [
        PartRows(part.access, answer.agent, part.items)
        if isinstance(part, AccessPart)
        else PartRows(answer.access, part.agent, part.items)
        for part in answer.split.parts
    ]


def _per_million_of(answer: ArticleSeries | ProjectSeries) -> PerMillion | None:
    return answer.per_million if isinstance(answer, ArticleSeries) else None


def _compared(section: Comparison) -> Iterator[Columns]:
    return map(_base, section.items)


def _base(item: ComparedDay | ComparedPeriod) -> Columns:
    if isinstance(item, ComparedDay):
        return item.base_date, item.views, item.status
    return item.base_start, item.base_end, item.views, item.current_views, item.days_counted


def _marked(section: UnusualDays, items: Sequence[DayPoint | PeriodPoint]) -> Iterator[Columns]:
    marked = {one.date: (one.expected, one.score, one.direction) for one in section.items}
    nothing = (None, None, None)
    return (
        marked.get(item.date, nothing) if isinstance(item, DayPoint) else nothing for item in items
    )
