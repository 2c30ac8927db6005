"""The days store's pure part: what is known of each day, what to ask for, what to tell. No I/O.

``block`` has the numbers of a series, ``load_calendar`` which days are there at all,
``corrections`` which of them were restated, ``plan`` what follows for the next request, ``told``
what follows for an answer of ours, ``sent`` for one as AQS gives it.
"""

from pageviews_api.days.block import ABSENT, Block, Stretch
from pageviews_api.days.corrections import Corrections
from pageviews_api.days.load_calendar import LOAD_MARGIN, UNSETTLED, LoadCalendar
from pageviews_api.days.plan import Checked, days_to_ask, is_restated, settle
from pageviews_api.days.sent import numbers, tell_as_sent
from pageviews_api.days.told import (
    STATUSES,
    ArchivedDay,
    Days,
    first_unsettled,
    tell,
)

__all__ = [
    "ABSENT",
    "LOAD_MARGIN",
    "STATUSES",
    "UNSETTLED",
    "ArchivedDay",
    "Block",
    "Checked",
    "Corrections",
    "Days",
    "LoadCalendar",
    "Stretch",
    "days_to_ask",
    "first_unsettled",
    "is_restated",
    "numbers",
    "settle",
    "tell",
    "tell_as_sent",
]
