"""Days that are far from what is usual. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.schemas.points import DayPoint
from pageviews_api.schemas.query import Access
from pageviews_api.schemas.sections import (
    AccessShare,
    Direction,
    Evidence,
    UnusualDay,
    UnusualDays,
)
from pageviews_api.series.ratios import percent

WEEKS = 8
"""Weeks before a day whose same weekdays tell what is usual."""

LEAST_WEEKS = 4
"""Weeks of these that must be known to judge."""

THRESHOLD = 3.5
"""From which score on a day is marked: Iglewicz and Hoaglin, How to Detect and Handle Outliers
(1993), as in the NIST/SEMATECH handbook of statistical methods, §1.3.5.17."""

NORMAL = 1.4826
"""By this the median absolute deviation becomes a standard deviation, where values are normal."""

_WEEKS_BACK = [timedelta(weeks=back) for back in range(1, WEEKS + 1)]

Views = Mapping[date, int]
"""The known numbers of a series."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A day that is far from the median of the weeks used; ``score`` has a sign."""

    date: date
    views: int
    expected: float
    score: float
    weeks_used: int


@dataclass(frozen=True, slots=True)
class Marks:
    """The marked days, oldest first, and how many days were judged at all."""

    days: tuple[Mark, ...]
    judged: int
    not_judged: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside a series: its project's views, and its own by access; None if not."""

    project: Views | None = None
    by_access: Mapping[Access, Views] | None = None


def weeks_before(asked: DateRange) -> DateRange | None:
    """Tell the days before a range by which it is judged; None where there are no data of them."""
    start = max(FIRST_DAY, asked.start - timedelta(weeks=WEEKS))
    return DateRange(start, asked.start - ONE_DAY) if start < asked.start else None


def known_views(points: Sequence[DayPoint]) -> dict[date, int]:
    """Tell the days whose number is known, and it."""
    return {point.date: point.views for point in points if point.views is not None}


def mark(asked: Sequence[date], views: Views) -> Marks:
    """Judge each day by the same weekdays before it, as far as they are known."""
    judged = [_judge(day, views) for day in asked]
    scored = [one for one in judged if one is not None]
    marked = tuple(one for one in scored if abs(one.score) >= THRESHOLD)
    return Marks(marked, judged=len(scored), not_judged=len(judged) - len(scored))


def unusual_days(
    marks: Marks, surroundings: Surroundings, *, reason: str | None = None
) -> UnusualDays:
    """Tell the marked days, each with what is known beside it."""
    return UnusualDays(
        threshold=THRESHOLD,
        days_judged=marks.judged,
        days_not_judged=marks.not_judged,
        items=[_unusual(one, surroundings) for one in marks.days],
        complete=marks.not_judged == 0 < marks.judged,
        reason=reason,
    )


def _judge(day: date, views: Views) -> Mark | None:
    usual = _same_weekdays(day, views)
    if day not in views or len(usual) < LEAST_WEEKS:
        return None
    expected = median(usual)
    deviation = median([abs(number - expected) for number in usual])
    # What is counted varies by its root even where nothing happens; quiet weeks must not make a
    # handful of views a sensation.
    scale = max(NORMAL * deviation, math.sqrt(expected), 1.0)
    return Mark(day, views[day], expected, (views[day] - expected) / scale, len(usual))


def _same_weekdays(day: date, views: Views) -> list[int]:
    before = (views.get(day - back) for back in _WEEKS_BACK)
    return [number for number in before if number is not None]


def _unusual(marked: Mark, surroundings: Surroundings) -> UnusualDay:
    return UnusualDay(
        date=marked.date,
        views=marked.views,
        expected=marked.expected,
        score=round(marked.score, 2),
        direction=Direction.UP if marked.score > 0 else Direction.DOWN,
        weeks_used=marked.weeks_used,
        evidence=Evidence(
            project_change_percent=_project_change(marked.date, surroundings.project),
            access=_shares(marked.date, surroundings.by_access),
        ),
    )


def _project_change(day: date, project: Views | None) -> float | None:
    usual = _same_weekdays(day, project) if project else []
    if project is None or day not in project or len(usual) < LEAST_WEEKS:
        return None
    expected = median(usual)
    return percent(project[day] - expected, expected)


def _shares(day: date, by_access: Mapping[Access, Views] | None) -> list[AccessShare] | None:
    if by_access is None:
        return None
    before = [day - back for back in _WEEKS_BACK]
    now, usually = _sums([day], by_access), _sums(before, by_access)
    if now is None:
        return None
    return [
        AccessShare(
            access=access,
            share=percent(now[access], sum(now.values())),
            usual_share=percent(usually[access], sum(usually.values())) if usually else None,
        )
        for access in by_access
    ]


def _sums(days: Sequence[date], by_access: Mapping[Access, Views]) -> dict[Access, int] | None:
    """Add up the days of which all parts are known; None if there are none."""
    known = [day for day in days if all(day in views for views in by_access.values())]
    if not known:
        return None
    return {access: sum(views[day] for day in known) for access, views in by_access.items()}
