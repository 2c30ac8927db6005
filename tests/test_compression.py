"""Answers that are compressed while they come."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from tests.support.asgi import app_with
from tests.support.serving import serve


class Source:
    """Lines that come one by one, each when it is asked for."""

    def __init__(self) -> None:
        self.wanted = asyncio.Semaphore(0)
        self.sent = 0

    async def lines(self) -> AsyncIterator[bytes]:
        """Give three lines."""
        for number in range(3):
            await self.wanted.acquire()
            self.sent += 1
            yield json.dumps({"number": number}).encode() + b"\n"


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip", "identity"])
async def test_lines__come_one_by_one(coding: str) -> None:
    """Whoever reads line by line has each line as soon as it was sent, compressed or not."""
    app, source = app_with(archive_enabled=False), Source()
    assert isinstance(app, FastAPI)

    async def lines() -> StreamingResponse:
        return StreamingResponse(source.lines(), media_type="application/x-ndjson")

    app.add_api_route("/lines", lines)
    headers = {"accept-encoding": coding}
    async with (
        asyncio.timeout(30),
        serve(app) as url,
        httpx.AsyncClient(base_url=url) as client,
        client.stream("GET", "/lines", headers=headers) as response,
    ):
        assert response.headers.get("content-encoding", "identity") == coding
        assert response.headers["vary"] == "Accept-Encoding"
        source.wanted.release()
        async for line in response.aiter_lines():
            assert json.loads(line) == {"number": source.sent - 1}
            source.wanted.release()
    assert source.sent == 3
