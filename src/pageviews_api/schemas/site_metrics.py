"""What a site's own analytics tell, in one language for every provider.

The fields and what they mean: ``docs/sites.md``. What a provider cannot tell is ``null``, never 0.
"""

from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from pageviews_api.schemas.points import AnswerModel


class Provider(StrEnum):
    """Who counts a site's visits."""

    PLAUSIBLE = "plausible"
    MATOMO = "matomo"


class Interval(StrEnum):
    """What one item of a site's series covers."""

    DAY = "day"
    MONTH = "month"


class SiteFigures(AnswerModel):
    """How much a site was visited in some days of its own time zone.

    Ratios are computed here, of what the provider counted; ``null`` where there was no visit.
    """

    visitors: Annotated[
        int | None,
        Field(
            ge=0,
            description="Visitors; `null` where the provider does not tell them for such days. "
            "Of several days, Plausible counts a returning visitor once a day.",
        ),
    ]
    visits: Annotated[int, Field(ge=0, description="Visits; one ends after 30 idle minutes.")]
    pageviews: Annotated[int, Field(ge=0, description="Pages looked at.")]
    bounce_rate: Annotated[
        float | None,
        Field(ge=0, le=100, description="Percent of visits that looked at one page only."),
    ]
    visit_duration: Annotated[
        float | None, Field(ge=0, description="Seconds that a visit took, on average.")
    ]
    views_per_visit: Annotated[float | None, Field(ge=0, description="`pageviews` / `visits`.")]


class SitePoint(SiteFigures):
    """The figures of a day, or of a month as far as it was asked for."""

    start: Annotated[Date, Field(description="The first day counted in, in the site's time zone.")]
    end: Annotated[Date, Field(description="The last day counted in.")]
    partial: Annotated[
        bool,
        Field(description="Whether it is not over yet, or not all of the month was asked for."),
    ]


class PageFigures(AnswerModel):
    """How much one page of a site was looked at; its path is without a query string."""

    path: Annotated[str, Field(max_length=2000, description="Percent-decoded; visitors made it.")]
    visitors: Annotated[int | None, Field(ge=0)]
    visits: Annotated[int | None, Field(ge=0)]
    pageviews: Annotated[int, Field(ge=0)]
    bounce_rate: Annotated[
        float | None,
        Field(ge=0, le=100, description="Percent of the visits that began here and ended here."),
    ]
    time_on_page: Annotated[float | None, Field(ge=0, description="Seconds, on average.")]


class TopPages(AnswerModel):
    """The most viewed pages, the most viewed first; ties by path."""

    items: list[PageFigures]
    other_pageviews: Annotated[
        int | None,
        Field(
            ge=0,
            description="Views that the provider tells only as a sum over further pages; "
            "`null` where it tells none.",
        ),
    ]


class CurrentVisitors(AnswerModel):
    """How many are there now."""

    visitors: Annotated[int, Field(ge=0, description="Visitors who were active just now.")]
    window_minutes: Annotated[int, Field(description="Minutes within which they were active.")]
