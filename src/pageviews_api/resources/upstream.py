"""The way to Wikimedia: its HTTP client, and the gate that every request passes."""

import httpx

from pageviews_api.budget import Gate, RequestGate
from pageviews_api.clients.aqs import TRY_TIMEOUT, UPSTREAM
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.resources.http import new_http_client
from pageviews_api.shared import Shared
from pageviews_api.shared_gate import Limits, SharedGate


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
    return new_http_client(httpx.Timeout(settings.aqs_timeout), contact=contact)
