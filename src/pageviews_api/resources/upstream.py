"""The way to Wikimedia: its HTTP client, and the gate that every request passes."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from pageviews_api import __version__
from pageviews_api.budget import Gate, RequestGate
from pageviews_api.clients.aqs import TRY_TIMEOUT, UPSTREAM
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.shared import Shared
from pageviews_api.shared_gate import Limits, SharedGate

CONNECTIONS_KEPT = 60.0
"""Seconds for which an idle connection to Wikimedia is kept."""


def new_gate(settings: Settings, clock: Clock, shared: Shared | None) -> RequestGate:
    """Build the gate: all processes' in Redis, or this one's part of it."""
    if shared is None:
        return Gate(
            UPSTREAM,
            max_concurrency=max(settings.aqs_max_concurrency // settings.processes, 1),
            requests_per_minute=max(settings.aqs_requests_per_minute // settings.processes, 1),
            clock=clock,
        )
    limits = Limits(
        max_concurrency=settings.aqs_max_concurrency,
        requests_per_minute=settings.aqs_requests_per_minute,
        processes=settings.processes,
        longest=TRY_TIMEOUT,
    )
    return SharedGate(UPSTREAM, shared, limits=limits, clock=clock)


def http_client(settings: Settings) -> httpx.AsyncClient:
    """Build the client that says who asks."""
    contact = settings.aqs_contact or "no contact: not for Wikimedia"
    return httpx.AsyncClient(
        headers={
            # The form that Wikimedia asks for (https://www.mediawiki.org/wiki/Wikimedia_APIs/
            # Access_policy); the contact is the operator's.
            "User-Agent": f"pageviews_api/{__version__} ({contact}) httpx/{httpx.__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        },
        # Wikimedia sets cookies that tell clients apart; none is kept or sent.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=settings.aqs_timeout,
        # How many there are is the gate's business. A pool with a bound of its own would run dry:
        # a request that is cancelled while it connects can leave its place taken for ever.
        limits=httpx.Limits(max_connections=None, keepalive_expiry=CONNECTIONS_KEPT),
        follow_redirects=False,
        trust_env=False,
    )
