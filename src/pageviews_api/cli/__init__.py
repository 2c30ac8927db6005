"""The command line. Data go to stdout, logs to stderr; exit codes are 0, 1 (failed), 2 (usage).

Commands read the settings first and import what they run after that: a setting that has no
meaning ends the start at once, before any large library is loaded.
"""

import asyncio
import json
from typing import Annotated

import typer
import uvicorn

from pageviews_api import __version__
from pageviews_api.cli import archive, demo, sites
from pageviews_api.cli.session import USAGE, check_folder, fail, series_query, settings_or_exit
from pageviews_api.clock import SystemClock
from pageviews_api.exceptions import InvalidParameterError, PageviewsApiError

GRACEFUL_SHUTDOWN = 5
"""Seconds that requests in flight may take after SIGTERM."""

KEEP_ALIVE = 5
"""Seconds for which a connection is kept after an answer."""

MAX_CONNECTIONS = 10_000
"""Connections of one process; beyond, requests get a bare 503, probes among them. It counts idle
ones, which have no time limit before their first request, so it is the last defence only: 5,000
take 25 MB (docs/decisions/0015)."""

app = typer.Typer(
    help="Wikipedia pageviews: fetched once, kept, and served to everybody.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(archive.app, name="archive")
app.command(name="demo")(demo.demo)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # as typer calls it
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[  # noqa: FBT002  # flags have defaults; its callback does it all
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


@app.command()
def serve() -> None:
    """Run the service, as the environment says."""
    settings = settings_or_exit()
    check_folder(settings)
    try:
        uvicorn.run(
            "pageviews_api.main:app_from_environment",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.web_concurrency,
            loop="uvloop",
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            # Who asks is told by our own middleware, from the hops that are trusted.
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN,
        )
    except SystemExit as e:
        # Uvicorn has said why it could not start; it has an exit code of its own for that.
        raise typer.Exit(1 if e.code else 0) from e


@app.command()
def get(
    project: Annotated[str, typer.Argument(help="Such as en.wikipedia.")],
    article: Annotated[str, typer.Argument(help="Its exact title.")],
    days: Annotated[str, typer.Option("--range", help="Such as latest-30.")] = "latest-30",
) -> None:
    """Print an article's views as JSON."""
    settings = settings_or_exit()
    from pageviews_api.resources import open_resources  # noqa: PLC0415  # after the settings

    async def ask() -> str:
        query = series_query(settings, project, article, days)
        async with open_resources(settings, SystemClock()) as resources:
            return (await resources.pageviews.article(query)).model_dump_json(indent=2)

    try:
        typer.echo(asyncio.run(ask()))
    except InvalidParameterError as e:
        fail(str(e), code=USAGE)
    except PageviewsApiError as e:
        fail(str(e))


@app.command("check-config")
def check_config() -> None:
    """Say whether the settings allow a start; show none that is secret."""
    settings = settings_or_exit()
    check_folder(settings)
    typer.echo(json.dumps(settings.model_dump(mode="json"), indent=2))


app.command("check-sites")(sites.check_sites)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the API."""
    from pageviews_api.config import Settings  # noqa: PLC0415  # only this command needs it
    from pageviews_api.main import create_app  # noqa: PLC0415

    settings = Settings.model_construct(aqs_contact="https://example.org/contact")
    typer.echo(json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False))
