"""A bound for what a caller waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from pageviews_api.clients.aqs import UPSTREAM
from pageviews_api.exceptions import UpstreamTimeoutError


@asynccontextmanager
async def in_time(within: timedelta) -> AsyncIterator[None]:
    """Let a caller wait no longer than agreed, in however many steps; fetches go on.

    Raises
    ------
    UpstreamTimeoutError
        It took longer.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            yield
    except TimeoutError as e:
        raise UpstreamTimeoutError(UPSTREAM, "gave no complete answer in time") from e
