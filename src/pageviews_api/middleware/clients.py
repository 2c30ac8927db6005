"""Who asks, and how much each client has left."""

from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api.exceptions import TooManyRequestsError
from pageviews_api.middleware import PROBES
from pageviews_api.rate_limit import WINDOW, Allowance, RateLimit


class RateLimitMiddleware:
    """Lets each client ask so often a minute, and tells with every answer what is left.

    A client is told by its address, or by what the last trusted proxy says of it. Probes are not
    counted. The fields are those of draft-ietf-httpapi-ratelimit-headers since its -08.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit: RateLimit,
        proxy_hops: int,
        respond: Callable[[Exception, Scope], ASGIApp],
    ) -> None:
        self.app = app
        self.limit = limit
        self.proxy_hops = proxy_hops
        self.respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        allowance = await self.limit.take(client_address(scope, proxy_hops=self.proxy_hops))

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_fields(allowance))
            await send(message)

        app = self.app
        if allowance.refused:
            app = self.respond(TooManyRequestsError(allowance.retry_after), scope)
        await app(scope, receive, tell)


def _fields(allowance: Allowance) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"default";q={allowance.limit};w={WINDOW}',
        "RateLimit": f'"default";r={allowance.left};t={allowance.resets_in}',
    }


def client_address(scope: Scope, *, proxy_hops: int) -> str:
    """Tell who asks. Each trusted proxy appended one address to ``X-Forwarded-For``.

    What stands before those addresses was sent by the client, and is not believed.
    """
    peer = scope["client"][0] if scope.get("client") else "unknown"
    if proxy_hops == 0:
        return str(peer)
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    addresses = [address.strip() for address in forwarded.split(",") if address.strip()]
    return addresses[-proxy_hops][:64] if len(addresses) >= proxy_hops else str(peer)
