"""Which site is asked for."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pageviews_api.exceptions import UnknownHostError
from pageviews_api.middleware import PROBES

_HOST = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")


class HostMiddleware:
    """Refuses requests for other sites: the Host must be there once, and be one of ours.

    An empty ``allowed_hosts`` allows any. Probes pass: the platform asks by address.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: tuple[str, ...]) -> None:
        self.app = app
        self.allowed_hosts = frozenset(allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            hosts = Headers(scope=scope).getlist("host")
            match = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
            if match is None or (self.allowed_hosts and match[1] not in self.allowed_hosts):
                raise UnknownHostError("The Host header does not name this service.")
        await self.app(scope, receive, send)
