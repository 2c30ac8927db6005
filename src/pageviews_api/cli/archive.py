"""``pageviews-api archive``: make archives by hand, or from cron."""

import asyncio
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pageviews_api.cli.session import USAGE, fail, settings_or_exit
from pageviews_api.clock import SystemClock
from pageviews_api.daterange import FIRST_DAY, parse_day
from pageviews_api.exceptions import PageviewsApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pageviews_api.archive_shelf import DayResult

STORE_TRIES = 3
"""Tries to write; whoever called waits, and can call again."""

app = typer.Typer(help="The daily archive.", no_args_is_help=True)


@app.callback()
def _main() -> None:
    pass


@app.command()
def run(
    day: Annotated[
        str | None, typer.Option("--date", help="One day (UTC), such as 2026-11-22.")
    ] = None,
) -> None:
    """Archive today and the days that were missed, or one day.

    The exit code is 0 if every archive is complete, else 1: run it again later, it fetches only
    what is missing.
    """
    settings = settings_or_exit()
    only = None if day is None else _day(day)
    from pageviews_api.resources import open_resources  # noqa: PLC0415  # after the settings

    async def archive() -> "list[DayResult]":
        async with open_resources(settings, SystemClock(), store_tries=STORE_TRIES) as resources:
            return await resources.archiver.run(only=only, patient=False)

    try:
        results = asyncio.run(archive())
    except PageviewsApiError as e:
        fail(str(e))
    typer.echo(summary(results))
    if not all(result.is_done for result in results):
        raise typer.Exit(1)


def summary(results: "Iterable[DayResult]") -> str:
    """Tell in one line for each day how its archive stands."""
    return "\n".join(map(_line, results)) or "every archive is complete already"


def _line(result: "DayResult") -> str:
    if result.document is None or result.key is None:
        return f"{result.day}  {result.outcome}  {result.reason or ''}".rstrip()
    document = result.document
    outcomes = [item.outcome for item in document.items]
    counts = ", ".join(f"{outcomes.count(one)} {one}" for one in sorted(set(outcomes)))
    state = "complete" if document.complete else "incomplete"
    return (
        f"{result.day}  {result.outcome}, {state}  {result.key}  {result.size} bytes  {counts}\n"
        f"            {document.window.start} to {document.window.end}"
        f"  sha256 {result.sha256}"
    )


def _day(text: str) -> date:
    try:
        day = parse_day(text)
    except ValueError as e:
        fail(f"--date {e}", code=USAGE)
    if not FIRST_DAY < day <= datetime.now(UTC).date():
        fail(f"--date is not after {FIRST_DAY} and not before tomorrow (UTC)", code=USAGE)
    return day
