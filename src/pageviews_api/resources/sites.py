"""The operator's sites, opened: HTTP to the providers of their analytics, apart from Wikimedia's.

A provider that is slow, or mute, takes no connection, no turn and no memory of anything else.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Protocol

import httpx
from loguru import logger

from pageviews_api.cache import Cache
from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clients.matomo import MatomoClient
from pageviews_api.clients.plausible import PlausibleClient
from pageviews_api.clients.site_analytics import SiteAnalyticsClient
from pageviews_api.clients.sites import WITHIN, Keeping, Site, Sites
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.resources.http import new_http_client
from pageviews_api.schemas.configured_sites import ConfiguredSite
from pageviews_api.schemas.site_metrics import Provider
from pageviews_api.shared import Shared

CONNECT_WITHIN = 3.0
"""Seconds for a connection to a provider; only making a report may take long."""

CACHE_BYTES = 8_000_000
"""Memory for what providers told: a year of days takes 60 KB."""

LEASE = WITHIN + 5.0
"""Seconds for which one process asks while the others wait."""


@asynccontextmanager
async def open_sites(
    settings: Settings, clock: Clock, shared: Shared | None
) -> AsyncIterator[Sites]:
    """Open the sites that are configured; where there are none, nothing is opened."""
    configured = settings.configured_sites
    if not configured:
        yield Sites()
        return
    if settings.sites_token is None and not settings.sites_public:
        logger.warning("sites are configured, but nobody may read them: set SITES_TOKEN")
    async with AsyncExitStack() as stack:
        timeout = httpx.Timeout(WITHIN, connect=CONNECT_WITHIN)
        http = await stack.enter_async_context(new_http_client(timeout))
        cache = Cache(
            max_bytes=CACHE_BYTES,
            wait=timedelta(seconds=settings.cache_wait),
            clock=clock,
            shared=shared,
            lease=LEASE,
        )
        keeping = Keeping(unsettled=timedelta(seconds=settings.cache_stale_limit))
        shares = _shares(settings)
        sites = []
        for one in configured:
            client = site_client(one, http, clock, share=shares[one.base_url])
            stack.push_async_callback(client.aclose)
            sites.append(
                Site(
                    one.name,
                    client,
                    cache,
                    clock=clock,
                    timezone=one.zone,
                    keeping=keeping,
                    identity=f"{one.base_url}\n{one.site_id}",
                )
            )
        stack.push_async_callback(cache.aclose)
        yield Sites(sites)


class SiteClient(SiteAnalyticsClient, Protocol):
    """A client with something behind it that ends with it."""

    async def aclose(self) -> None:
        """Stop what runs behind."""
        ...


def site_client(
    site: ConfiguredSite, http: httpx.AsyncClient, clock: Clock, *, share: int
) -> SiteClient:
    """Build the client that asks a site's provider; ``share`` clients ask the same server."""
    upstream = UpstreamClient(site.provider, site.base_url, http, clock)
    client = PlausibleClient if site.provider is Provider.PLAUSIBLE else MatomoClient
    return client(
        upstream,
        key=site.key.get_secret_value(),
        site_id=site.site_id,
        timezone=site.zone,
        clock=clock,
        share=share,
    )


def _shares(settings: Settings) -> dict[str, int]:
    """Tell how many clients ask each server, in all processes together.

    Whatever their keys: Plausible counts all those of a team together, Matomo's cloud an address.
    """
    counted = Counter(site.base_url for site in settings.configured_sites)
    return {url: count * settings.processes for url, count in counted.items()}
