"""What Matomo's Reporting API sends, as far as we read it.

https://developer.matomo.org/api-reference/reporting-api; recorded answers of Matomo 5.0.2 in
``tests/data/matomo``. A count may be text (``"5"``), and an empty day is ``[]``. Nothing of an
answer gets into an error.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, RootModel

from pageviews_api.schemas.aqs import Count, WireModel

_DIGITS = re.compile(r"[0-9]{1,16}")


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


Number = Annotated[Count, BeforeValidator(_number)]
"""A count; the day's reports have some of them as text."""


class MatomoModel(WireModel):
    """As ``WireModel``; errors do not repeat what came in."""

    model_config = ConfigDict(hide_input_in_errors=True)


class MatomoAnswer(RootModel[JsonValue]):
    """Any answer: what it is can be told only when it is seen not to be an error."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class VisitsSummary(MatomoModel):
    """``VisitsSummary.get``. Of a range or a year there are no unique visitors."""

    nb_uniq_visitors: Number | None = None
    nb_visits: Number
    bounce_count: Number
    sum_visit_length: Number


class PageActions(MatomoModel):
    """``Actions.get``; ``nb_actions`` of the summary counts more than pages."""

    nb_pageviews: Number


class PageRow(MatomoModel):
    """One row of ``Actions.getPageUrls`` with ``flat=1``.

    Without ``url`` it is the sum of all further pages. A page where no visit began has no
    ``entry_…``.
    """

    url: str | None = None
    nb_hits: Number
    nb_visits: Number | None = None
    nb_uniq_visitors: Number | None = None
    sum_daily_nb_uniq_visitors: Number | None = None
    entry_nb_visits: Number = 0
    entry_bounce_count: Number = 0
    sum_time_spent: Number | None = None


class PageRows(RootModel[Annotated[list[PageRow], Field(max_length=10_000)]]):
    """``Actions.getPageUrls``."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class Visitors(MatomoModel):
    """One of ``Live.getCounters``."""

    visitors: Number


class LiveCounters(RootModel[Annotated[list[Visitors], Field(min_length=1, max_length=1)]]):
    """``Live.getCounters``: a list of one."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class Site(MatomoModel):
    """``SitesManager.getSiteFromId``."""

    idsite: Number
    timezone: str
