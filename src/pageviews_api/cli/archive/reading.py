"""``pageviews-api archive list``, ``verify`` and ``show``: what is archived, and is it whole."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from pageviews_api.cli.archive import report
from pageviews_api.cli.archive.words import (
    BACKWARDS,
    day_or_exit,
    printed,
    today,
    with_resources,
)
from pageviews_api.cli.long_work import finish
from pageviews_api.cli.session import USAGE, fail, settings_or_exit
from pageviews_api.daterange import ONE_DAY
from pageviews_api.exceptions import ArchiveCorruptError
from pageviews_api.schemas.selection import parse_selection

if TYPE_CHECKING:
    from pageviews_api.archive.index import ArchiveIndex, Entry
    from pageviews_api.clients.archive_store import ArchiveStore
    from pageviews_api.config import Settings
    from pageviews_api.resources import Resources

LOOKS_AT_ONCE = 8
"""Archives of which is told at a time."""

_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
_OfSites = Annotated[
    bool, typer.Option("--sites", help="The archives of the configured sites instead.")
]


class _Faults(Protocol):
    def __call__(
        self, day: date, body: bytes, notes: Mapping[str, str], *, today: date
    ) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class _Kept:
    """Archives of one kind: where they are, and how they are read.

    ``of`` names what is counted in one.
    """

    store: "ArchiveStore"
    index: "ArchiveIndex"
    faults: _Faults
    decode: Callable[[date, bytes], object]
    of: str

    @classmethod
    def among(cls, resources: "Resources", *, sites: bool) -> "_Kept":
        """Take those of the sites, or the others."""
        from pageviews_api.archive import check  # noqa: PLC0415  # after the settings
        from pageviews_api.archive.form import PAGEVIEWS  # noqa: PLC0415
        from pageviews_api.archive.sites import check as of_sites  # noqa: PLC0415
        from pageviews_api.archive.sites.document import SITES  # noqa: PLC0415

        if sites:
            store, index = resources.sites_store, resources.sites_index
            return cls(store, index, of_sites.faults, SITES.decode, "sites")
        store, index = resources.store, resources.archive_index
        return cls(store, index, check.faults, PAGEVIEWS.decode, "series")


def list_(
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many, the newest. Default: all.")
    ] = None,
    as_json: _Json = False,  # noqa: FBT002  # flags have defaults
    of_sites: _OfSites = False,  # noqa: FBT002  # as above
) -> None:
    """Tell which archives there are, the newest first, and which days have none."""
    settings = _readable(of_sites=of_sites)
    from pageviews_api.archive.due import gaps  # noqa: PLC0415  # after the settings

    async def look(resources: "Resources") -> None:
        kept = _Kept.among(resources, sites=of_sites)
        newest = sorted(await kept.index.listed(), reverse=True)[:limit]
        rows = await _rows(kept.index, newest)
        lacking = gaps(newest, since=newest[-1], until=today() - ONE_DAY)[::-1] if newest else []
        if as_json:
            lines = (report.row_as_json(row, of=kept.of) for row in rows)
            printed(*lines, *map(report.gap_as_json, lacking))
        elif not rows:
            printed(f"nothing is archived in {kept.store.location}")
        else:
            printed(
                report.table(rows, of=kept.of), *([report.gaps_told(lacking)] if lacking else [])
            )

    finish(lambda: with_resources(settings, look))


def verify(
    start: Annotated[str | None, typer.Option(help="The first day. Default: all.")] = None,
    end: Annotated[str | None, typer.Option(help="The last day, included.")] = None,
    as_json: _Json = False,  # noqa: FBT002  # flags have defaults
    of_sites: _OfSites = False,  # noqa: FBT002  # as above
) -> None:
    """Read every archive, and tell of each that is not what it should be.

    Checked are SHA-256, schema, day, window, order, and what the archive says of itself; one of a
    day that has not come is bad. The exit code is 1 if one is bad, or the store cannot be read.
    """
    settings = _readable(of_sites=of_sites)
    first = date.min if start is None else day_or_exit("--start", start)
    last = date.max if end is None else day_or_exit("--end", end)
    if first > last:
        fail(BACKWARDS, code=USAGE)

    async def look(resources: "Resources") -> report.Tally:
        kept, tally = _Kept.among(resources, sites=of_sites), report.Tally()
        fault = report.fault_as_json if as_json else report.fault_told
        for day in await kept.store.days():
            if not first <= day <= last:
                continue
            found = await _faults(kept, day, tally)
            tally.archives += 1
            tally.bad += bool(found)
            printed(*(fault(day, reason) for reason in found))
        printed(tally.as_json() if as_json else str(tally))
        return tally

    if finish(lambda: with_resources(settings, look)).bad:
        raise typer.Exit(1)


def show(
    day: Annotated[str, typer.Argument(metavar="DATE", help="The archive's day.")],
    article: Annotated[
        str | None,
        typer.Option(help="Only this: project/title, or project:* for a project's total."),
    ] = None,
    of_sites: _OfSites = False,  # noqa: FBT002  # as above
) -> None:
    """Print an archive as it is stored, or of it one article, one line for each of its series."""
    if of_sites and article is not None:
        fail("--article is of no archive of the sites", code=USAGE)
    settings = _readable(of_sites=of_sites)
    wanted = day_or_exit("DATE", day)
    name = None if article is None else _article(article)

    async def look(resources: "Resources") -> bytes:
        kept = _Kept.among(resources, sites=of_sites)
        stored = await kept.store.read(wanted)
        if stored is None:
            fail(f"there is no archive of {wanted} in {kept.store.location}")
        if name is not None:
            return await asyncio.to_thread(_lines_of, name, wanted, stored.body)
        await asyncio.to_thread(kept.decode, wanted, stored.body)  # what is none is not shown
        return stored.body

    body = finish(lambda: with_resources(settings, look))
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


async def _rows(index: "ArchiveIndex", days: "Iterable[date]") -> "list[Entry | report.Unreadable]":
    at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def row(day: date) -> "Entry | report.Unreadable | None":
        async with at_once:
            try:
                return await index.entry(day)
            except ArchiveCorruptError as e:
                return report.Unreadable(day, str(e))

    return [one for one in await asyncio.gather(*map(row, days)) if one is not None]


async def _faults(kept: _Kept, day: date, tally: report.Tally) -> list[str]:
    try:
        stored = await kept.store.read(day)
        if stored is None:
            return []  # an operator took it away just now
        tally.without_sha256 += "sha256" not in stored.notes
        return await asyncio.to_thread(kept.faults, day, stored.body, stored.notes, today=today())
    except ArchiveCorruptError as e:
        return [str(e)]


def _lines_of(name: tuple[str, str | None], day: date, body: bytes) -> bytes:
    """Take the lines of an article out of an archive; end where it has none."""
    from pageviews_api.archive.encoding import (  # noqa: PLC0415  # after the settings
        decode,
        encode_series,
    )

    lines = [
        encode_series(series, record) + b"\n"
        for series, record in decode(day, body).series.items()
        if (series.project, series.article) == name
    ]
    if not lines:
        fail(f"the archive of {day} has no {name[0]}{'' if name[1] is None else '/' + name[1]}")
    return b"".join(lines)


def _readable(*, of_sites: bool) -> "Settings":
    """Read the settings of a command that only reads; end where there is no folder to read."""
    settings = settings_or_exit(asks_wikimedia=False)
    from pageviews_api.resources.archive_stores import SITES_PLACE  # noqa: PLC0415  # after them

    folder = settings.archive_dir.absolute()  # of "." the parent is another
    folder = folder.parent / SITES_PLACE if of_sites else folder
    if settings.archive_bucket is None and not folder.is_dir():
        fail(f"there is no folder {folder} to read")
    return settings


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
