"""``pageviews-api archive``: make archives by hand or from cron, and look at them."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from pageviews_api.cli import archive_report as report
from pageviews_api.cli.long_work import finish, shown
from pageviews_api.cli.session import USAGE, fail, settings_or_exit
from pageviews_api.clock import SystemClock
from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange, parse_day
from pageviews_api.exceptions import (
    ArchiveCorruptError,
    InvalidDateRangeError,
    PageviewsApiError,
)
from pageviews_api.schemas.selection import parse_selection

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pageviews_api.archive.index import ArchiveIndex, Entry
    from pageviews_api.archive.shelf import DayResult
    from pageviews_api.clients.archive_store import ArchiveStore
    from pageviews_api.config import Settings
    from pageviews_api.resources import Resources

T = TypeVar("T")

STORE_TRIES = 3
"""Tries to write; whoever called waits, and can call again."""

MAX_BACKFILL = 366
"""Days of one backfill: each series is asked for once for all of them, and held in memory."""

LOOKS_AT_ONCE = 8
"""Archives of which is told at a time."""

BACKWARDS = "--start is after --end"
GOES_ON = "stopped; the next run goes on where this one was"

_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

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
    """Archive today and the days that were missed, or one day; of configured sites as well.

    The exit code is 0 if every archive is complete, else 1: run it again later, it fetches only
    what is missing.
    """
    settings = settings_or_exit()
    only = None if day is None else DateRange.only(_day("--date", day))
    _make(settings, only)


@app.command()
def backfill(
    start: Annotated[str, typer.Option(help="The first day (UTC), such as 2026-11-01.")],
    end: Annotated[str, typer.Option(help="The last day, included.")],
) -> None:
    """Archive each of these days, the newest first; what is observed after its day is marked late.

    Each series, and each site, is fetched once for all days, of which there may be 366. Exit codes
    as for run.
    """
    settings = settings_or_exit()
    _make(settings, _days(start, end, at_most=MAX_BACKFILL))


@app.command(name="list")
def list_(
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many, the newest. Default: all.")
    ] = None,
    as_json: _Json = False,  # noqa: FBT002  # flags have defaults
) -> None:
    """Tell which archives there are, the newest first, and which days have none."""
    settings = _readable()
    from pageviews_api.archive.due import gaps  # noqa: PLC0415  # after the settings

    async def look(resources: "Resources") -> None:
        newest = sorted(await resources.archive_index.listed(), reverse=True)[:limit]
        rows = await _rows(resources.archive_index, newest)
        lacking = gaps(newest, since=newest[-1], until=_today() - ONE_DAY)[::-1] if newest else []
        if as_json:
            _print(*map(report.row_as_json, rows), *map(report.gap_as_json, lacking))
        elif not rows:
            _print(f"nothing is archived in {resources.store.location}")
        else:
            _print(report.table(rows), *([report.gaps_told(lacking)] if lacking else []))

    finish(lambda: _with(settings, look))


@app.command()
def verify(
    start: Annotated[str | None, typer.Option(help="The first day. Default: all.")] = None,
    end: Annotated[str | None, typer.Option(help="The last day, included.")] = None,
    as_json: _Json = False,  # noqa: FBT002  # flags have defaults
) -> None:
    """Read every archive, and tell of each that is not what it should be.

    Checked are SHA-256, schema, day, window, order, and what the archive says of itself; one of a
    day that has not come is bad. The exit code is 1 if one is bad, or the store cannot be read.
    """
    settings = _readable()
    first = date.min if start is None else _day("--start", start)
    last = date.max if end is None else _day("--end", end)
    if first > last:
        fail(BACKWARDS, code=USAGE)

    async def look(resources: "Resources") -> report.Tally:
        tally = report.Tally()
        fault = report.fault_as_json if as_json else report.fault_told
        for day in await resources.store.days():
            if not first <= day <= last:
                continue
            found = await _faults(resources.store, day, tally)
            tally.archives += 1
            tally.bad += bool(found)
            _print(*(fault(day, reason) for reason in found))
        _print(tally.as_json() if as_json else str(tally))
        return tally

    if finish(lambda: _with(settings, look)).bad:
        raise typer.Exit(1)


@app.command()
def show(
    day: Annotated[str, typer.Argument(metavar="DATE", help="The archive's day.")],
    article: Annotated[
        str | None,
        typer.Option(help="Only this: project/title, or project:* for a project's total."),
    ] = None,
) -> None:
    """Print an archive as it is stored, or of it one article, one line for each of its series."""
    settings = _readable()
    wanted = _day("DATE", day)
    name = None if article is None else _article(article)
    body = finish(lambda: _with(settings, lambda resources: _shown(resources, wanted, name)))
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


async def _with(settings: "Settings", work: "Callable[[Resources], Awaitable[T]]") -> T:
    from pageviews_api.resources import open_resources  # noqa: PLC0415  # after the settings

    async with open_resources(settings, SystemClock(), store_tries=STORE_TRIES) as resources:
        return await work(resources)


def _make(settings: "Settings", only: DateRange | None) -> None:
    async def archive(resources: "Resources") -> "list[_Made]":
        archiver, sites = resources.archiver, resources.sites_archiver
        async with shown(archiver.state, settings), resources.archive_turn():
            made = [await _attempt(archiver.run(only=only, patient=False))]
            if sites.has_sites:  # they have nothing to do with how the others went
                made.append(await _attempt(sites.run(only=only), what=report.SITES))
        return made

    made = finish(lambda: _with(settings, archive), when_stopped=GOES_ON)
    for one in made:
        if one.fault is None:
            _print(report.summary(one.results, what=one.what))
    for one in made:
        if one.fault is not None:
            fail(str(one.fault))
    if not all(result.is_done for one in made for result in one.results):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Made:
    """What came of a run: results, the newest day first, or a fault."""

    what: str
    results: "tuple[DayResult, ...]" = ()
    fault: PageviewsApiError | None = None


async def _attempt(run: "Awaitable[list[DayResult]]", *, what: str = report.ARCHIVES) -> _Made:
    try:
        results = await run
    except PageviewsApiError as e:
        return _Made(what, fault=e)
    return _Made(what, tuple(sorted(results, key=lambda result: result.day, reverse=True)))


async def _rows(index: "ArchiveIndex", days: "Iterable[date]") -> "list[Entry | report.Unreadable]":
    at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def row(day: date) -> "Entry | report.Unreadable | None":
        async with at_once:
            try:
                return await index.entry(day)
            except ArchiveCorruptError as e:
                return report.Unreadable(day, str(e))

    return [one for one in await asyncio.gather(*map(row, days)) if one is not None]


async def _faults(store: "ArchiveStore", day: date, tally: report.Tally) -> list[str]:
    from pageviews_api.archive.check import faults  # noqa: PLC0415  # after the settings

    try:
        stored = await store.read(day)
        if stored is None:
            return []  # an operator took it away just now
        tally.without_sha256 += "sha256" not in stored.notes
        return await asyncio.to_thread(faults, day, stored.body, stored.notes, today=_today())
    except ArchiveCorruptError as e:
        return [str(e)]


async def _shown(resources: "Resources", day: date, name: tuple[str, str | None] | None) -> bytes:
    from pageviews_api.archive.encoding import (  # noqa: PLC0415  # after the settings
        decode,
        encode_series,
    )

    stored = await resources.store.read(day)
    if stored is None:
        fail(f"there is no archive of {day} in {resources.store.location}")
    archive = await asyncio.to_thread(decode, day, stored.body)
    if name is None:
        return stored.body
    lines = [
        encode_series(series, record) + b"\n"
        for series, record in archive.series.items()
        if (series.project, series.article) == name
    ]
    if not lines:
        fail(f"the archive of {day} has no {name[0]}{'' if name[1] is None else '/' + name[1]}")
    return b"".join(lines)


def _readable() -> "Settings":
    """Read the settings of a command that only reads; end where there is no folder to read."""
    settings = settings_or_exit(asks_wikimedia=False)
    if settings.archive_bucket is None and not settings.archive_dir.is_dir():
        fail(f"there is no folder {settings.archive_dir} to read")
    return settings


def _print(*lines: str) -> None:
    for line in lines:
        typer.echo(line)


def _today() -> date:
    return datetime.now(UTC).date()


def _days(start: str, end: str, *, at_most: int | None = None) -> DateRange:
    try:
        days = DateRange(_day("--start", start), _day("--end", end))
    except InvalidDateRangeError:
        fail(BACKWARDS, code=USAGE)
    if at_most is not None and len(days) > at_most:
        fail(f"--start and --end are {len(days)} days; at most {at_most} in one call", code=USAGE)
    return days


def _day(name: str, text: str) -> date:
    try:
        day = parse_day(text)
    except ValueError as e:
        fail(f"{name} {e}", code=USAGE)
    if not FIRST_DAY < day <= _today():
        fail(f"{name} is not after {FIRST_DAY} and not before tomorrow (UTC)", code=USAGE)
    return day


def _article(text: str) -> tuple[str, str | None]:
    """Read the name of an article or of a project's total."""
    try:
        selection = parse_selection(text)
    except ValueError:
        selection = parse_selection("")
    names: list[tuple[str, str | None]] = [*selection.articles]
    names += [(project, None) for project in selection.totals]
    if len(names) != 1 or selection.top:
        fail("--article is neither project/title nor project:*", code=USAGE)
    return names[0]
