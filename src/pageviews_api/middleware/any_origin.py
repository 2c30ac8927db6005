"""CORS for every origin."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Send


class AnyOriginMiddleware(CORSMiddleware):
    """Says in every answer that any script may read it, whoever asks.

    So the answer is one for all, and a cache in front needs to keep it only once: where it were
    told to those only who name an origin, it would vary by it (Fetch, *CORS protocol and HTTP
    caches*).
    """

    async def send(
        self,
        message: Message,
        send: Send,
        request_headers: Headers,  # noqa: ARG002  # whoever asks
    ) -> None:
        """Add the headers to the beginning of an answer."""
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(self.simple_headers)
        await send(message)
