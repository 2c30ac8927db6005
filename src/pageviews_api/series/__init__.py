"""Series maths: what days add up to, and what they say beside others. Pure.

``periods`` adds days up; ``comparison``, ``parts``, ``per_million`` and ``unusual`` make the
sections of an answer; ``reach`` tells which days they need.
"""

from pageviews_api.series.periods import by_period, summarise

__all__ = ["by_period", "summarise"]
