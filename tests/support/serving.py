"""Serve an ASGI app on a real loopback port, in the running loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers, that tells when it is up and stops at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()
        self.is_to_stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to pytest."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell so.

        Raises
        ------
        RuntimeError
            The app's lifespan failed; uvicorn would end the whole process.
        """
        try:
            await super().startup(sockets)
        except SystemExit as e:
            raise RuntimeError("the app did not start; see the log") from e
        self.is_up.set()

    async def main_loop(self) -> None:
        """Keep the Date header true until told to stop."""
        while not self.is_to_stop.is_set():
            await self.on_tick(0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.is_to_stop.wait(), timeout=1)


@asynccontextmanager
async def serve(app: ASGIApp, *, dated: bool = False) -> AsyncIterator[str]:
    """Serve ``app``, with its lifespan, while the context lasts; gives its base URL.

    Answers have a ``Date``, of the real clock, only if they are to be ``dated``. Requests that are
    still running at the end get one second, then they are cancelled.

    Raises
    ------
    RuntimeError
        The app did not start.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=1,
        date_header=dated,  # most tests have clocks of their own
        server_header=False,
    )
    # The protocol is named, for asyncio sends small answers at once only where it is.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = _Server(config)
        async with _running(server, listener):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def _running(server: _Server, listener: socket.socket) -> AsyncIterator[None]:
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    coming_up = asyncio.create_task(server.is_up.wait())
    await asyncio.wait({serving, coming_up}, return_when=asyncio.FIRST_COMPLETED)
    coming_up.cancel()
    try:
        if not serving.done():
            yield
    finally:
        server.is_to_stop.set()
        await serving
