"""How every server is asked over HTTP."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from pageviews_api import __version__

CONNECTIONS_KEPT = 60.0
"""Seconds for which an idle connection is kept."""


def new_http_client(timeout: httpx.Timeout, *, contact: str | None = None) -> httpx.AsyncClient:
    """Build a client that says who asks, and asks nobody but whom it is told to."""
    # The form that Wikimedia asks for (https://www.mediawiki.org/wiki/Wikimedia_APIs/
    # Access_policy); the contact is the operator's.
    parts = [
        f"pageviews_api/{__version__}",
        contact and f"({contact})",
        f"httpx/{httpx.__version__}",
    ]
    return httpx.AsyncClient(
        headers={
            "User-Agent": " ".join(filter(None, parts)),
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        },
        # Wikimedia sets cookies that tell clients apart; none is kept or sent.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=timeout,
        # How many there are is the gates' business. A pool with a bound of its own would run dry:
        # a request that is cancelled while it connects can leave its place taken for ever.
        limits=httpx.Limits(max_connections=None, keepalive_expiry=CONNECTIONS_KEPT),
        # A redirect would send a key once more, to whomever it names.
        follow_redirects=False,
        trust_env=False,
    )
