"""``pageviews-api demo``: everything at once on this machine, with a bundled real sample."""

import asyncio
import contextlib
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer
import uvicorn

from pageviews_api.cli.archive.report import summary
from pageviews_api.cli.session import fail
from pageviews_api.clock import SystemClock
from pageviews_api.config import Settings
from pageviews_api.daterange import DateRange
from pageviews_api.logs import set_up_logs
from pageviews_api.schemas.query import Access, Agent

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pageviews_api.resources import Resources

NOTICE = (
    "Sample data: real numbers of nine articles from 2015-07-01 to 2016-12-31 and one top list. "
    "This demo's clock runs from 2017-01-01."
)

TODAY = datetime(2017, 1, 1, 10, tzinfo=UTC)
"""The day after the sample's last one, after the hour at which archives are made."""

ARCHIVE_DIR = Path("var/demo/archives")

TRY_THESE = (
    "/api/v1/articles/fr.wikipedia/Strasbourg?range=latest-30",
    "/api/v1/top/en.wikipedia?date=2015-10-10",
    "/api/v1/archives",
    "/api/v1/articles/fr.wikipedia/Strasbourg?as_of=2017-01-01",
    "/docs",
)

PATIENCE = 60.0
"""Seconds within which the demo must be up, with its archive made."""


def demo(
    port: Annotated[int, typer.Option(help="The service's port; 0: any free one.")] = 8000,
    once: Annotated[  # noqa: FBT002  # a flag, as typer has them
        bool, typer.Option("--once", help="Show one answer and the archive, and end.")
    ] = False,
) -> None:
    """Run everything on this machine with a bundled sample: no account, no key, no network."""
    set_up_logs("warning", None)
    try:
        ARCHIVE_DIR.mkdir(parents=True, exist_ok=True)
        with _listening(port) as listener, _sample_aqs() as aqs_base_url:
            asyncio.run(_run(listener, aqs_base_url, once=once))
    except (OSError, OverflowError, TimeoutError, SystemExit) as e:
        fail(f"the demo could not start: {e}")
    except KeyboardInterrupt:
        typer.echo("\nThe demo has ended.")


async def _run(listener: socket.socket, aqs_base_url: str, *, once: bool) -> None:
    from pageviews_api.main import create_app  # noqa: PLC0415  # large; after the port is had

    app = create_app(
        demo_settings(aqs_base_url), clock=SystemClock.starting_at(TODAY), notice=NOTICE
    )
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with _serving(app, listener) as server:
        resources: Resources = app.state.resources
        await _until(lambda: resources.archiver.state.last_success is not None)
        typer.echo(NOTICE)
        typer.echo(f"\nArchived in {resources.store.location}:\n{await _archived(resources)}\n")
        if once:
            answer = await asyncio.to_thread(_fetch, base_url + TRY_THESE[0])
            typer.echo(f"GET {TRY_THESE[0]}\n{answer}")
            server.should_exit = True
        else:
            urls = "\n".join(f"  {base_url}{path}" for path in TRY_THESE)
            typer.echo(f"Try these, and end with Ctrl-C:\n{urls}")


def demo_settings(aqs_base_url: str) -> Settings:
    """Build the demo's settings. Nothing of the environment is used: it may name a real bucket."""
    international_space_station = "Международная_космическая_станция"
    articles = (
        "en.wikipedia/Gordon_Ramsay",
        "fr.wikipedia/Strasbourg",
        "ja.wikipedia/星野源",
        f"ru.wikipedia/{international_space_station}",
    )
    wanted = {
        "host": "127.0.0.1",
        "aqs_base_url": aqs_base_url,
        "aqs_witness": articles[0],
        "default_project": "en.wikipedia",
        "default_article": "Gordon_Ramsay",
        "default_access": Access.ALL_ACCESS,
        "default_agent": Agent.ALL_AGENTS,
        "allowed_origins": ("*",),  # any page may try it: it is a sample, on this machine
        "archive_dir": ARCHIVE_DIR,
        "archive_articles": "|".join(articles),
    }
    # Each is given, the defaults too, for what is not given is read from the environment.
    return Settings(_env_file=None, **Settings.model_construct().model_dump() | wanted)


async def _archived(resources: "Resources") -> str:
    """Tell what was archived just now; an archive of an earlier demo is complete already."""
    results = resources.archiver.state.last_results
    return summary(results or await resources.archiver.run(only=DateRange.only(TODAY.date())))


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    # The protocol is named, for asyncio sends small answers at once only where it is.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as e:
            fail(f"the demo could not start: port {port}: {e.strerror}; --port takes another")
        yield listener


@contextlib.contextmanager
def _sample_aqs() -> Iterator[str]:
    """Serve the bundled sample as AQS does, on a port and in a thread of its own."""
    from pageviews_api.demo.aqs import sample_aqs  # noqa: PLC0415  # large; after the port is had

    with _listening(0) as listener:
        config = uvicorn.Config(
            sample_aqs(), log_config=None, access_log=False, lifespan="off", date_header=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@contextlib.asynccontextmanager
async def _serving(app: "FastAPI", listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    """Serve until the server is told to end: by Ctrl-C, or by the body of the ``with``."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    await _until(lambda: server.started or serving.done())
    yield server
    await serving


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # uvicorn and the archive tell no event
            await asyncio.sleep(0.02)


def _fetch(url: str) -> str:
    # The environment may name a proxy for everything, this machine included.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(quote(url, safe=":/?=&%")) as response:
        body: bytes = response.read()
        return body.decode()
