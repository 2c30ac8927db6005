"""What a site's provider told, as our answers; with an earlier stretch beside it if asked for."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pageviews_api.clients.sites import Site, Told
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.schemas.site_answers import (
    Change,
    ComparedSiteDay,
    SiteChange,
    SiteComparison,
    SitePages,
    SiteSeries,
    SiteSeriesComparison,
    SiteSummary,
    SiteVisitors,
)
from pageviews_api.schemas.site_metrics import SiteFigures
from pageviews_api.schemas.site_query import SitePagesQuery, SiteSeriesQuery, SiteSummaryQuery
from pageviews_api.series.ratios import percent

NOTHING_OVER = "No day of this range is over yet."
"""Why nothing is compared where today is all that is asked for."""

NOT_TOLD = "The provider could not be asked since these days are over."
"""Why nothing is compared where a day is over of which only the beginning is known."""


async def visitors_now(site: Site) -> SiteVisitors:
    """Tell how many are there now."""
    told = await site.current_visitors()
    return SiteVisitors(**_head(site, [told]), **dict(told.value))


async def summary_of(site: Site, query: SiteSummaryQuery) -> SiteSummary:
    """Tell the figures of some days together."""
    over = days_over(site, query.days) if query.compared else None
    asked = [query.days, over, days_before(over)] if over else [query.days]
    told = await asyncio.gather(*(site.summary(one.start, one.end) for one in asked))
    summary, *compared = told
    return SiteSummary(
        **_days_head(site, query.days, told),
        summary=summary.value,
        comparison=_comparison(site, over, compared) if query.compared else None,
    )


def _comparison(
    site: Site, over: DateRange | None, told: Sequence[Told[SiteFigures]]
) -> SiteComparison:
    if over is None or not _are_told(site, over, *told):
        return SiteComparison(**_days_compared(over), current=None, base=None, change=None)
    current, base = (one.value for one in told)
    return SiteComparison(
        **_days_compared(over, told=True),
        current=current,
        base=base,
        change=SiteChange(
            **{name: _change(getattr(current, name), getattr(base, name)) for name in _FIGURES}
        ),
    )


async def series_of(site: Site, query: SiteSeriesQuery) -> SiteSeries:
    """Tell the figures of each day or month."""
    over = days_over(site, query.days) if query.compared else None
    asked = [query.days, days_before(over)] if over else [query.days]
    told = await asyncio.gather(
        *(site.timeseries(one.start, one.end, query.interval) for one in asked)
    )
    comparison = None
    if query.compared:
        known = over if over and _are_told(site, over, *told) else None
        items = [
            ComparedSiteDay(
                date=day,
                base_date=point.start,
                base=SiteFigures.model_validate(point.model_dump(include=_FIGURES)),
            )
            for day, point in zip(known or (), told[-1].value if known else (), strict=True)
        ]
        comparison = SiteSeriesComparison(**_days_compared(over, told=bool(known)), items=items)
    return SiteSeries(
        **_days_head(site, query.days, told),
        interval=query.interval,
        items=list(told[0].value),
        comparison=comparison,
    )


async def pages_of(site: Site, query: SitePagesQuery) -> SitePages:
    """Tell the most viewed pages."""
    told = await site.top_pages(query.days.start, query.days.end, query.limit)
    return SitePages(**_days_head(site, query.days, [told]), **dict(told.value))


def days_over(site: Site, days: DateRange) -> DateRange | None:
    """Tell the days of a range that are over; None where none is."""
    end = min(days.end, site.today() - ONE_DAY)
    return DateRange(days.start, end) if days.start <= end else None


def days_before(days: DateRange) -> DateRange:
    """Tell as many days just before."""
    end = days.start - ONE_DAY
    return DateRange(end - timedelta(days=len(days) - 1), end)


def _are_told(site: Site, over: DateRange, current: Told[Any], base: Told[Any]) -> bool:
    """Tell whether the provider was asked about each side of a comparison when it was over.

    Either may be held since before, as an answer to another question.
    """
    return _is_told(site, over, current) and _is_told(site, days_before(over), base)


def _is_told(site: Site, days: DateRange, told: Told[Any]) -> bool:
    """Tell whether the provider was asked when these days were over."""
    return days.end < site.day_of(told.checked_at)


def _days_compared(over: DateRange | None, *, told: bool = False) -> dict[str, Any]:
    before = days_before(over) if over else None
    return {
        "current_start": over.start if over else None,
        "current_end": over.end if over else None,
        "base_start": before.start if before else None,
        "base_end": before.end if before else None,
        "reason": None if told else NOT_TOLD if over else NOTHING_OVER,
    }


def _change(current: float | None, base: float | None) -> Change:
    if current is None or base is None:
        return Change(change=None, change_percent=None)
    change = round(current - base, 2)
    return Change(change=change, change_percent=percent(change, base))


def _head(site: Site, told: Sequence[Told[Any]]) -> dict[str, Any]:
    """Say whose numbers they are; they are as current as the least current of them."""
    return {
        "site": site.name,
        "provider": site.provider,
        "timezone": site.timezone.key,
        "checked_at": min(one.checked_at for one in told),
        "stale": any(one.stale for one in told),
        "fetched": any(one.fetched for one in told),
        "left": min(one.left for one in told),
    }


def _days_head(site: Site, days: DateRange, told: Sequence[Told[Any]]) -> dict[str, Any]:
    head = _head(site, told)
    return {
        **head,
        # Tomorrow the same words may mean other days, and today is over.
        "left": min(head["left"], site.ends_in()),
        "start": days.start,
        "end": days.end,
        "partial": not _is_told(site, days, told[0]),
    }


_FIGURES = set(SiteFigures.model_fields)
