"""The operator's own sites: how often they are visited, as their provider counts it."""

from fastapi import APIRouter, Response

from pageviews_api.clients.site_answers import pages_of, series_of, summary_of, visitors_now
from pageviews_api.dependencies.request import NoRepeats, OnlyFormatDep
from pageviews_api.dependencies.sites import (
    SiteDep,
    SitePagesDep,
    SiteReplyDep,
    SitesDep,
    SiteSeriesDep,
    SitesReader,
    SiteSummaryDep,
)
from pageviews_api.representation.freshness import A_MINUTE
from pageviews_api.routers.responses import data_responses
from pageviews_api.schemas.problem import SITE_PROBLEMS
from pageviews_api.schemas.site_answers import (
    SiteList,
    SiteName,
    SitePages,
    SiteSeries,
    SiteSummary,
    SiteVisitors,
)

router = APIRouter(prefix="/api/v1/sites", tags=["sites"], dependencies=[SitesReader, NoRepeats])


@router.get(
    "",
    summary="Which sites there are",
    response_model=SiteList,
    responses=data_responses(
        "invalid-request",
        "not-authorised",
        "sites-disabled",
        "too-many-requests",
        "unknown-host",
        "uri-too-long",
    ),
)
async def list_sites(_: OnlyFormatDep, sites: SitesDep, reply: SiteReplyDep) -> Response:
    """The sites that the operator has configured, each with its provider and its time zone."""
    all_sites = [sites.site(name) for name in sites.names()]
    items = [
        SiteName(name=one.name, provider=one.provider, timezone=one.timezone.key)
        for one in all_sites
    ]
    return await reply.kept(SiteList(items=items), A_MINUTE)


@router.get(
    "/{site}/summary",
    summary="A site's figures",
    response_model=SiteSummary,
    responses=data_responses(*SITE_PROBLEMS),
)
async def get_site_summary(query: SiteSummaryDep, site: SiteDep, reply: SiteReplyDep) -> Response:
    """Visitors, visits and pageviews of some days together, and ratios made of them.

    Days are those of the site's own time zone. `visitors` is `null` where the provider does not
    tell it for such days: Matomo does for a day or a whole month. What Plausible tells of several
    days counts a returning visitor once a day, so that only days compare between providers.
    """
    return await reply.current(await summary_of(site, query))


@router.get(
    "/{site}/timeseries",
    summary="A site's series",
    response_model=SiteSeries,
    responses=data_responses(*SITE_PROBLEMS),
)
async def get_site_timeseries(query: SiteSeriesDep, site: SiteDep, reply: SiteReplyDep) -> Response:
    """The same figures for each day or month, without gaps.

    A day of which the provider tells nothing is zero. `partial` marks a day that was not over
    when it was asked about, and a month of which not all days are counted.
    """
    return await reply.current(await series_of(site, query))


@router.get(
    "/{site}/pages",
    summary="A site's top pages",
    response_model=SitePages,
    responses=data_responses(*SITE_PROBLEMS),
)
async def get_site_pages(query: SitePagesDep, site: SiteDep, reply: SiteReplyDep) -> Response:
    """The most viewed pages of some days, by their path.

    Addresses that differ only in what stands behind a `?` are one page. A path is what visitors'
    browsers sent, true or made up: escape it before showing it.
    """
    return await reply.current(await pages_of(site, query))


@router.get(
    "/{site}/current",
    summary="Who is there now",
    response_model=SiteVisitors,
    responses=data_responses(*SITE_PROBLEMS),
)
async def get_site_current(_: OnlyFormatDep, site: SiteDep, reply: SiteReplyDep) -> Response:
    """How many visitors were active in the last few minutes; asked at most once a minute."""
    return await reply.current(await visitors_now(site))
