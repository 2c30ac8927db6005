"""How much a request may carry: no more than some route can have a use for."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pageviews_api.exceptions import (
    ContentTooLargeError,
    HeadersTooLargeError,
    QueryTooLongError,
    SlowRequestError,
    UnsupportedMediaTypeError,
)

MAX_QUERY_BYTES = 2_000
"""More than any meaningful query; a longer one would only cost time to refuse name by name."""

LONG_QUERIES: Mapping[str, int] = {"/api/v1/articles": 40_000}
"""Where a query may be longer: it names 50 articles, whose titles have up to 255 bytes, each of
which is three in a URL. (Not every proxy takes a URL of more than 8,000 bytes, RFC 9110 §4.1.)"""

MAX_PARAMETERS = 100
"""Parameters of a query; each that has no meaning is refused by its name."""

MAX_HEADER_BYTES = 32 * 1024
"""What several servers take; the one that we run takes any length. Some libraries keep what they
once read of a header."""

BODIES: Mapping[str, int] = {"/api/v1/articles/batch": 1024 * 1024}
"""Bytes of JSON that may be posted to a path; nothing else takes a body.

A batch is 1,000 titles. The longest has 255 bytes, and escaped as JSON up to 765; what else an item
says fits into the rest.
"""

READ_WITHIN = 10.0
"""Seconds in which a body must have come whole: it is held in memory meanwhile."""


class SizeMiddleware:
    """Refuses headers and queries that none needs, and bodies that no route takes.

    A body that is taken is read here, as far as it may be long: with or without
    ``Content-Length``, the route gets it whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADER_BYTES:
                raise HeadersTooLargeError(f"The headers exceed {MAX_HEADER_BYTES} bytes.")
            headers = Headers(scope=scope)
            _check_query(scope)
            if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
                most = BODIES.get(scope["path"], 0) if scope["method"] == "POST" else 0
                _check_announced(headers, most)
                body = await _read(receive, most)
                if body is None:
                    return  # the client has left
                receive = _given(body, receive)
        await self.app(scope, receive, send)


def _check_query(scope: Scope) -> None:
    longest = LONG_QUERIES.get(scope["path"], MAX_QUERY_BYTES)
    if len(scope["query_string"]) > longest:
        raise QueryTooLongError(f"The query is longer than {longest} bytes.")
    if scope["query_string"].count(b"&") >= MAX_PARAMETERS:
        raise QueryTooLongError(f"The query has more than {MAX_PARAMETERS} parameters.")


def _check_announced(headers: Headers, most: int) -> None:
    """Refuse a body by what its headers say, before any of it is read."""
    if not most:
        raise ContentTooLargeError("No body is expected here.")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaTypeError("The body must be application/json.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaTypeError("The body must not be compressed.")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length[:20]) > most:
        raise _too_large(most)


async def _read(receive: Receive, most: int) -> bytes | None:
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                body += message.get("body", b"")
                if len(body) > most:
                    raise _too_large(most)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError as e:
        raise SlowRequestError(f"The body did not come within {READ_WITHIN:g} seconds.") from e


def _too_large(most: int) -> ContentTooLargeError:
    return ContentTooLargeError(f"The body is longer than {most} bytes.")


def _given(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again
