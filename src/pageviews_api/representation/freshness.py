"""For how long an answer may be kept by others, and what this service's own cache did for it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pageviews_api.schemas.pageviews import Freshness

CACHE = "pageviews-api"
"""Our name in ``Cache-Status``."""

WHILE_REVALIDATING = 600
"""Seconds for which a cache may go on while it asks anew (RFC 5861 §3)."""

IF_ERROR = 86_400
"""Seconds for which a cache may go on where we cannot be reached (RFC 5861 §4)."""

A_DAY = 86_400
"""Seconds for which may be kept what does not change any more."""

A_MINUTE = 60
"""Seconds for which may be kept what can be replaced, or grow, any time; and for which it is
believed that there is nothing: a 404, alone or among others."""

FOR_A_DAY = f"public, max-age={A_DAY}"
FOR_A_MINUTE = f"public, max-age={A_MINUTE}"
"""The same, for anybody."""

FOR_AN_HOUR = "public, max-age=3600"
"""For what changes with a release alone."""

PUBLIC = "public"
"""Anybody may keep it."""

PRIVATE = "private"
"""Only who asked may keep it, no cache on the way."""

NOT_AT_ALL = "no-store"
"""For what holds at this moment only."""


@dataclass(frozen=True, slots=True)
class Currency:
    """How current an answer is that was made of what the service holds.

    ``left`` is how many seconds it is fresh for, negative where it is stale. ``fetched``: who
    counts had to be asked for it.
    """

    left: int
    fetched: bool

    @classmethod
    def of(cls, answer: Freshness, *, fresh_for: timedelta, now: datetime) -> "Currency":
        """Tell it by when an answer was checked; one that calls itself stale is never fresh."""
        left = int((answer.checked_at + fresh_for - now).total_seconds())
        return cls(min(left, -1) if answer.stale else max(left, 0), answer.fetched)

    def at_most(self, seconds: int) -> "Currency":
        """Tell it of an answer that is fresh for so many seconds and no longer."""
        return replace(self, left=min(self.left, seconds))

    @property
    def cache_control(self) -> str:
        """``Cache-Control``: fresh for what is left of our own freshness (RFC 9111 §5.2.2).

        There is no ``Age`` beside it: a cache would count the time twice.
        """
        return (
            f"public, max-age={max(self.left, 0)}, "
            f"stale-while-revalidate={WHILE_REVALIDATING}, stale-if-error={IF_ERROR}"
        )

    def cache_control_for(self, whom: str) -> str:
        """``Cache-Control`` of what is not gone on with when its time is up, for that is short.

        ``whom`` is ``public``, or ``private`` for what need not be for all.
        """
        return f"{whom}, max-age={max(self.left, 0)}"

    @property
    def cache_status(self) -> str:
        """``Cache-Status`` (RFC 9211): whether it was held, and for how long it is fresh."""
        how = "fwd=miss; stored" if self.fetched else "hit"
        return f"{CACHE}; {how}; ttl={self.left}"
