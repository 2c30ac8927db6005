"""What a day's archive of the sites is: what goes in, when it is complete, when it is better.

Pure. The contract is told in docs/archive.md. A site's days are those of its own time zone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from pageviews_api.archive.facts import Facts
from pageviews_api.archive.form import Form
from pageviews_api.daterange import ONE_DAY, DateRange
from pageviews_api.exceptions import ArchiveCorruptError, InvalidDateRangeError
from pageviews_api.schemas.archive import Window
from pageviews_api.schemas.site_archive import (
    ArchivedSite,
    ArchivedSiteDay,
    SiteOutcome,
    SitesDocument,
    SitesHeader,
)
from pageviews_api.schemas.site_metrics import Provider, SiteFigures

WINDOW_DAYS = 30
"""Days that one document covers."""

FINISHED_AFTER = timedelta(hours=1)
"""How long after its end a day counts as finished: providers count some visits late."""

NOT_ALL_TOLD = "told not every day"

_SITES = b',"sites":[\n'
_END = b"\n]}\n"


class NamedSite(Protocol):
    """A site as it is configured."""

    @property
    def name(self) -> str:
        """What it is called here."""
        ...

    @property
    def provider(self) -> Provider:
        """Who counts its visits."""
        ...

    @property
    def timezone(self) -> ZoneInfo:
        """The zone that its days are of."""
        ...


@dataclass(frozen=True, slots=True)
class ObservedSite:
    """What came of asking for a site's days: their figures, or the reason why there are none.

    ``at`` is when its provider was asked. No day that is ``partial`` is among ``days``.
    """

    days: Mapping[date, SiteFigures] | None
    at: datetime
    reason: str | None = None


def finished_at(day: date, zone: ZoneInfo) -> datetime:
    """Tell from when on a day counts as finished, in UTC.

    Where clocks are changed at midnight, the day ends at that moment; it has 23 to 25 hours.
    """
    midnight = datetime.combine(day + ONE_DAY, time(), tzinfo=zone)
    return midnight.astimezone(UTC) + FINISHED_AFTER


def newest_finished(site: NamedSite, *, now: datetime) -> date:
    """Tell the newest of a site's days that is finished."""
    day = now.astimezone(site.timezone).date()
    while finished_at(day, site.timezone) > now:
        day -= ONE_DAY
    return day


def wanted_days(
    site: NamedSite, window: DateRange, before: SitesDocument | None, *, now: datetime
) -> DateRange | None:
    """Tell which days a document wants of a site; None where asking now could add nothing."""
    last = min(window.end, newest_finished(site, now=now))
    if last < window.start:
        return None
    known = _record(before, site.name)
    if known is None or not known.days:
        return DateRange(window.start, last)
    return DateRange(window.start, last) if any(day <= last for day in known.not_finished) else None


def build(
    day: date,
    *,
    window: DateRange,
    sites: Iterable[NamedSite],
    observed: Mapping[str, ObservedSite],
    today: date,
    before: SitesDocument | None,
) -> SitesDocument:
    """Put a document together from what was observed and what an earlier pass had.

    What an earlier pass had of every day of a site stays as it was; nothing that it knew is lost.
    A site that is not configured any more stays, and is not waited for.
    """
    records = {one.site: one for one in before.sites if one.days} if before else {}
    observed_on = before.observed_on if before else None
    settled = True
    for site in sites:
        known, seen = records.get(site.name), observed.get(site.name)
        if known is None or not _is_settled(known):
            new = _observed(site, window, seen)
            if known is None or len(new.days) >= len(known.days):
                records[site.name] = new
                if seen is not None and new.days:
                    observed_on = max(observed_on or date.min, seen.at.date())
        settled = settled and _is_settled(records[site.name])
    observed_on = observed_on or today
    return SitesDocument(
        date=day,
        observed_on=observed_on,
        late=observed_on > day,
        window=Window(start=window.start, end=window.end),
        complete=bool(records) and settled,
        sites=tuple(records[name] for name in sorted(records)),
    )


def known_days(document: SitesDocument) -> int:
    """Count the days that a document tells, over all its sites."""
    return sum(len(one.days) for one in document.sites)


def is_better(new: SitesDocument, old: SitesDocument) -> bool:
    """Tell whether ``new`` may replace ``old``: that is incomplete, and this tells more.

    It must tell each day that the other tells: two writers at once may each lack another site.
    """
    days, days_before = _days(new).keys(), _days(old).keys()
    if old.complete or not days >= days_before:
        return False
    return new.complete or days > days_before


def differing_days(one: SitesDocument, other: SitesDocument) -> int:
    """Count the days that two documents tell differently, or only one of them tells."""
    mine, theirs = _days(one), _days(other)
    return sum(mine.get(day) != theirs.get(day) for day in mine.keys() | theirs.keys())


def encode(document: SitesDocument) -> bytes:
    """Write a document's bytes: one JSON document, with one site a line."""
    header = SitesHeader(**document.model_dump(exclude={"sites"}))
    head = header.model_dump_json().encode().removesuffix(b"}")
    lines = b",\n".join(one.model_dump_json().encode() for one in document.sites)
    return b"".join((head, _SITES, lines, _END))


def decode(day: date, body: bytes) -> SitesDocument:
    """Read the document of ``day``.

    Raises
    ------
    ArchiveCorruptError
        It is no such document, or one of another day.
    """
    try:
        document = SitesDocument.model_validate_json(body)
        window = DateRange(document.window.start, document.window.end)
    except (InvalidDateRangeError, ValueError) as e:  # a ValidationError is one
        raise ArchiveCorruptError(f"the archive of the sites of {day} is none") from e
    if document.date != day:
        raise ArchiveCorruptError(f"the archive of the sites of {day} is one of {document.date}")
    if any(one.date not in window for site in document.sites for one in site.days):
        raise ArchiveCorruptError(f"the archive of the sites of {day} has days of no window")
    return document


def facts(document: SitesDocument) -> Facts:
    """Tell what is kept beside a document."""
    failed = sum(one.outcome is SiteOutcome.FAILED for one in document.sites)
    return Facts(
        window=DateRange(document.window.start, document.window.end),
        observed_on=document.observed_on,
        complete=document.complete,
        ok=len(document.sites) - failed,
        no_data=0,
        failed=failed,
        known_days=known_days(document),
        lists=0,
        lists_failed=0,
    )


SITES: Form[SitesDocument] = Form(encode, decode, facts, is_better, differing_days)
"""The archives of the sites' own analytics."""


def _observed(site: NamedSite, window: DateRange, seen: ObservedSite | None) -> ArchivedSite:
    """Tell of a site as far as its days were finished when its provider was asked."""
    told = (seen.days if seen else None) or {}
    over = [day for day in window if seen and finished_at(day, site.timezone) <= seen.at]
    reason = seen.reason if seen else "was not asked for"
    if reason is None and not told.keys() >= set(over):
        reason = NOT_ALL_TOLD
    failed = reason is not None
    return ArchivedSite(
        site=site.name,
        provider=site.provider,
        timezone=site.timezone.key,
        outcome=SiteOutcome.FAILED if failed else SiteOutcome.OK,
        reason=reason,
        not_finished=() if failed else tuple(day for day in window if day not in set(over)),
        days=() if failed else tuple(_day(day, told[day]) for day in over),
    )


def _day(day: date, told: SiteFigures) -> ArchivedSiteDay:
    figures = {name: getattr(told, name) for name in SiteFigures.model_fields}
    return ArchivedSiteDay(date=day, **figures)


def _is_settled(one: ArchivedSite) -> bool:
    return one.outcome is SiteOutcome.OK and not one.not_finished


def _record(document: SitesDocument | None, name: str) -> ArchivedSite | None:
    records = document.sites if document else ()
    return next((one for one in records if one.site == name), None)


def _days(document: SitesDocument) -> dict[tuple[str, date], ArchivedSiteDay]:
    return {(site.site, day.date): day for site in document.sites for day in site.days}
