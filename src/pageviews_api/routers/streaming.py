"""Answers on their way in pieces, as long as each piece is taken in time."""

import asyncio
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from loguru import logger
from starlette.types import Message, Receive, Scope, Send

from pageviews_api.exceptions import NotTakenInTimeError
from pageviews_api.representation.freshness import NOT_AT_ALL
from pageviews_api.representation.negotiation import MEDIA_TYPES
from pageviews_api.schemas.query import Format

TAKEN_WITHIN = 10.0
"""Seconds in which a caller must take each piece: what it is made of is held meanwhile."""


class StreamTakenInTime(StreamingResponse):
    """A stream whose caller must keep up; who is too slow gets a broken connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it.

        Raises
        ------
        NotTakenInTimeError
            The caller is too slow. It has been logged; the server closes the connection.
        """

        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(TAKEN_WITHIN):
                    await send(message)
            except TimeoutError as e:
                logger.warning("answer cut off: it was not taken in time")
                raise NotTakenInTimeError from e

        await super().__call__(scope, receive, send_in_time)


class LinesResponse(StreamTakenInTime):
    """One JSON object a line, each sent as soon as it is there."""

    media_type = MEDIA_TYPES[Format.NDJSON]

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        # Neither is it to be kept, nor may nginx hold lines back.
        super().__init__(lines, headers={"Cache-Control": NOT_AT_ALL, "X-Accel-Buffering": "no"})
