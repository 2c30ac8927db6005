"""Commands that take long: how far they are, and how they are stopped."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar, cast

import typer

from pageviews_api.cli.session import fail
from pageviews_api.exceptions import PageviewsApiError
from pageviews_api.logs import set_up_logs

if TYPE_CHECKING:
    from pageviews_api.archive.archiver import ArchiveState
    from pageviews_api.config import Settings

T = TypeVar("T")

SHOWN_EVERY = 0.1
"""Seconds between two looks how far the work is."""

_CLEAR_LINE = "\r\x1b[K"


def finish(work: Callable[[], Coroutine[Any, Any, T]], *, when_stopped: str = "stopped") -> T:
    """Do it to its end. Where that is a failure or a signal, say so in one line, and end.

    A second signal does not wait for what is being tidied up.
    """
    try:
        return asyncio.run(_until_terminated(work))
    except PageviewsApiError as e:
        fail(str(e))
    except KeyboardInterrupt:
        fail(when_stopped, code=128 + signal.SIGINT)
    except asyncio.CancelledError:
        fail(when_stopped, code=128 + signal.SIGTERM)


async def _until_terminated(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    loop, working = asyncio.get_running_loop(), asyncio.current_task()
    assert working is not None

    def stop() -> None:
        loop.remove_signal_handler(signal.SIGTERM)
        working.cancel()

    loop.add_signal_handler(signal.SIGTERM, stop)
    return await work()


@asynccontextmanager
async def shown(state: "ArchiveState", settings: "Settings") -> AsyncIterator[None]:
    """Show on a terminal how far the archiver is, in place of its log lines; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield
        return
    with typer.progressbar(
        length=0, label="Archiving", show_pos=True, show_percent=False, file=sys.stderr
    ) as bar:
        # What goes wrong is still told, above the bar.
        level = "error" if settings.log_level == "error" else "warning"
        set_up_logs(level, settings.log_format or "text", stream=cast("TextIO", _AboveTheBar()))
        showing = asyncio.create_task(_keep_showing(bar, state))
        try:
            yield
            _show(bar, state)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
            set_up_logs(settings.log_level, settings.log_format)


class _AboveTheBar:
    """Writes to stderr where a bar stands; the bar comes again with the next step."""

    def write(self, text: str) -> int:
        return sys.stderr.write(_CLEAR_LINE + text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return True


class _Bar(Protocol):
    length: int | None
    pos: int

    def update(self, n_steps: int) -> None: ...

    def render_progress(self) -> None: ...


async def _keep_showing(bar: _Bar, state: "ArchiveState") -> None:
    while True:
        _show(bar, state)
        await asyncio.sleep(SHOWN_EVERY)


def _show(bar: _Bar, state: "ArchiveState") -> None:
    bar.length = state.lists_to_ask + state.series_to_ask
    asked = state.lists_asked + state.series_asked
    if asked > bar.pos:
        bar.update(asked - bar.pos)
    bar.render_progress()  # only if it looks different
