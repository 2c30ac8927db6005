"""A series in its parts: by access, or by agent. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from pageviews_api.schemas.points import DayPoint
from pageviews_api.schemas.query import Access, Agent, Granularity
from pageviews_api.schemas.sections import AccessPart, AccessSplit, AgentPart, AgentSplit
from pageviews_api.series.periods import by_period, summarise
from pageviews_api.series.ratios import percent

ACCESSES = (Access.DESKTOP, Access.MOBILE_WEB, Access.MOBILE_APP)
"""The parts of ``all-access``."""

AGENTS = (Agent.USER, Agent.SPIDER, Agent.AUTOMATED)
"""The parts of ``all-agents``."""

P = TypeVar("P", Access, Agent)


def split_by_access(
    parts: Mapping[Access, Sequence[DayPoint]], granularity: Granularity, reason: str | None = None
) -> AccessSplit:
    """Tell each access of the same consecutive days, and what share it has."""
    shares = _Shares(parts)
    return AccessSplit(
        parts=[
            AccessPart(access=access, **_part(points, shares.of(access), granularity))
            for access, points in parts.items()
        ],
        mobile_share=shares.of(Access.MOBILE_WEB, Access.MOBILE_APP),
        days_counted=shares.days,
        complete=shares.complete,
        reason=reason,
    )


def split_by_agent(
    parts: Mapping[Agent, Sequence[DayPoint]], granularity: Granularity, reason: str | None = None
) -> AgentSplit:
    """Tell each agent of the same consecutive days, and what share it has."""
    shares = _Shares(parts)
    return AgentSplit(
        parts=[
            AgentPart(agent=agent, **_part(points, shares.of(agent), granularity))
            for agent, points in parts.items()
        ],
        automated_share=shares.of(Agent.AUTOMATED),
        days_counted=shares.days,
        complete=shares.complete,
        reason=reason,
    )


class _Shares(Generic[P]):
    """What the parts add up to on the days on which all of them are known."""

    def __init__(self, parts: Mapping[P, Sequence[DayPoint]]) -> None:
        days = list(zip(*parts.values(), strict=True))
        known = [day for day in days if all(point.views is not None for point in day)]
        self.days = len(known)
        self.complete = len(known) == len(days) > 0
        columns = zip(*known, strict=True) if known else [()] * len(parts)
        self._sums: dict[P, int] = {
            part: sum(point.views or 0 for point in column)
            for part, column in zip(parts, columns, strict=True)
        }

    def of(self, *parts: P) -> float | None:
        """Tell the share of some parts together, in percent."""
        return percent(sum(self._sums[part] for part in parts), sum(self._sums.values()))


def _part(
    points: Sequence[DayPoint], share: float | None, granularity: Granularity
) -> dict[str, Any]:
    return {
        "summary": summarise(points),
        "share": share,
        "items": by_period(points, granularity),
    }
