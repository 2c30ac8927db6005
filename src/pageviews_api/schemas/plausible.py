"""What Plausible sends, as far as we read it (https://plausible.io/docs/stats-api).

Strict, but for the echo of the query, which only helps. Nothing of an answer gets into an error.
"""

from typing import Annotated

from pydantic import ConfigDict, Field, RootModel

from pageviews_api.schemas.aqs import Count, WireModel

Percent = Annotated[float, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(ge=0, lt=1e12)]


class PlausibleModel(WireModel):
    """As ``WireModel``; errors do not repeat what came in."""

    model_config = ConfigDict(hide_input_in_errors=True)


class QueryRow(PlausibleModel):
    """One row: values by position, in the order in which they were asked for."""

    metrics: list[int | float | None]
    dimensions: list[str]


class QueryEcho(PlausibleModel):
    """What Plausible has understood. The dates have the UTC offset of the site."""

    date_range: object = None


class QueryAnswer(PlausibleModel):
    """``POST /api/v2/query``; a day without a visit has no row."""

    results: Annotated[list[QueryRow], Field(max_length=10_000)]
    query: QueryEcho = QueryEcho()


class VisitCounts(PlausibleModel):
    """The metrics of a site, by name. Ratios without a visit are 0 here, and ``null`` in v1."""

    visitors: Count
    visits: Count
    pageviews: Count
    bounce_rate: Percent | None
    visit_duration: Seconds | None


class PageViews(PlausibleModel):
    """The metrics of a page, by name."""

    visitors: Count
    pageviews: Count
    bounce_rate: Percent | None


class RealtimeVisitors(RootModel[Count]):
    """``GET /api/v1/stats/realtime/visitors``: a bare number, of the last five minutes."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)
