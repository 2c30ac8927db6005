"""What the archive's commands have in common: their words, and what they work with."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

import typer

from pageviews_api.cli.session import USAGE, fail
from pageviews_api.clock import SystemClock
from pageviews_api.daterange import FIRST_DAY, parse_day

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pageviews_api.config import Settings
    from pageviews_api.resources import Resources

T = TypeVar("T")

STORE_TRIES = 3
"""Tries to write; whoever called waits, and can call again."""

BACKWARDS = "--start is after --end"


async def with_resources(settings: "Settings", work: "Callable[[Resources], Awaitable[T]]") -> T:
    """Open everything, and do some work with it."""
    from pageviews_api.resources import open_resources  # noqa: PLC0415  # after the settings

    async with open_resources(settings, SystemClock(), store_tries=STORE_TRIES) as resources:
        return await work(resources)


def day_or_exit(name: str, text: str) -> date:
    """Read a day that can be archived; end with the name of what is none."""
    try:
        day = parse_day(text)
    except ValueError as e:
        fail(f"{name} {e}", code=USAGE)
    if not FIRST_DAY < day <= today():
        fail(f"{name} is not after {FIRST_DAY} and not before tomorrow (UTC)", code=USAGE)
    return day


def today() -> date:
    """Tell which UTC day it is."""
    return datetime.now(UTC).date()


def printed(*lines: str) -> None:
    """Print lines to stdout."""
    for line in lines:
        typer.echo(line)
