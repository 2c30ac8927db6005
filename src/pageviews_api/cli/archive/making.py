"""``pageviews-api archive run`` and ``backfill``: make archives by hand or from cron."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from pageviews_api.cli.archive import report
from pageviews_api.cli.archive.words import BACKWARDS, day_or_exit, printed, with_resources
from pageviews_api.cli.long_work import finish, shown
from pageviews_api.cli.session import USAGE, fail, settings_or_exit
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import InvalidDateRangeError, PageviewsApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pageviews_api.archive.shelf import DayResult
    from pageviews_api.config import Settings
    from pageviews_api.resources import Resources

MAX_BACKFILL = 366
"""Days of one backfill: each series is asked for once for all of them, and held in memory."""

GOES_ON = "stopped; the next run goes on where this one was"


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
    only = None if day is None else DateRange.only(day_or_exit("--date", day))
    _make(settings, only)


def backfill(
    start: Annotated[str, typer.Option(help="The first day (UTC), such as 2026-11-01.")],
    end: Annotated[str, typer.Option(help="The last day, included.")],
) -> None:
    """Archive each of these days, the newest first; what is observed after its day is marked late.

    Each series, and each site, is fetched once for all days, of which there may be 366. Exit codes
    as for run.
    """
    settings = settings_or_exit()
    _make(settings, _days(start, end))


def _make(settings: "Settings", only: DateRange | None) -> None:
    async def archive(resources: "Resources") -> "list[_Made]":
        archiver, sites = resources.archiver, resources.sites_archiver
        async with shown(archiver.state, settings), resources.archive_turn():
            made = [await _attempt(archiver.run(only=only, patient=False))]
            if sites.has_sites:  # they have nothing to do with how the others went
                made.append(await _attempt(sites.run(only=only), what=report.SITES))
        return made

    made = finish(lambda: with_resources(settings, archive), when_stopped=GOES_ON)
    for one in made:
        if one.fault is None:
            printed(report.summary(one.results, what=one.what))
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


def _days(start: str, end: str) -> DateRange:
    try:
        days = DateRange(day_or_exit("--start", start), day_or_exit("--end", end))
    except InvalidDateRangeError:
        fail(BACKWARDS, code=USAGE)
    if len(days) > MAX_BACKFILL:
        at_most = f"at most {MAX_BACKFILL} in one call"
        fail(f"--start and --end are {len(days)} days; {at_most}", code=USAGE)
    return days
