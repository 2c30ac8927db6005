"""``pageviews-api check-sites``: whether the providers of the configured sites answer us."""

import asyncio
from typing import TYPE_CHECKING

import typer

from pageviews_api.cli.session import settings_or_exit
from pageviews_api.clock import SystemClock
from pageviews_api.exceptions import UpstreamError, UpstreamKeyRefusedError

if TYPE_CHECKING:
    from pageviews_api.clients.sites import Site
    from pageviews_api.config import Settings


def check_sites() -> None:
    """Ask each configured site's provider once whether it takes our key for the site.

    There is a line for each site. The exit code is 1 if one of them cannot be read.
    """
    settings = settings_or_exit(asks_wikimedia=False)
    faults = asyncio.run(_faults(settings))
    for name, fault in faults.items():
        typer.echo(f"{name}: {fault or 'ok'}")
    if not faults:
        typer.echo("no site is configured")
    if any(faults.values()):
        raise typer.Exit(1)


async def _faults(settings: "Settings") -> dict[str, str | None]:
    from pageviews_api.resources.sites import open_sites  # noqa: PLC0415  # after the settings

    async with open_sites(settings, SystemClock(), None) as sites:
        names = sites.names()
        found = await asyncio.gather(*(_fault(sites.site(name)) for name in names))
    return dict(zip(names, found, strict=True))


async def _fault(site: "Site") -> str | None:
    try:
        await site.check()
    except UpstreamKeyRefusedError as e:
        return f"{e.upstream} refuses our key, or the site"
    except UpstreamError as e:
        return f"{e.upstream} {e.reason}"
    return None
