"""What a day's archive of the sites holds, and what is told of such archives.

A change of the document's format raises ``SCHEMA_VERSION``. It names no provider's address, no key
and no id that a site has there.
"""

from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from pageviews_api.schemas.archive import Window
from pageviews_api.schemas.archive_answers import Listing, Span
from pageviews_api.schemas.points import AnswerModel
from pageviews_api.schemas.site_metrics import Provider, SiteFigures

SCHEMA_VERSION: Literal[1] = 1


class SiteOutcome(StrEnum):
    """How it went to ask for a site's days."""

    OK = "ok"
    FAILED = "failed"


class _Dated(AnswerModel):
    date: Annotated[Date, Field(description="A day of the site's own time zone.")]


class ArchivedSiteDay(SiteFigures, _Dated):
    """A finished day of a site, as its provider told it."""


class ArchivedSite(AnswerModel):
    """One site as it was observed."""

    site: Annotated[str, Field(description="The name under which it is configured here.")]
    provider: Provider
    timezone: Annotated[str, Field(description="The IANA name of the zone that its days are of.")]
    outcome: Annotated[
        SiteOutcome, Field(description="`failed`: its provider gave no usable answer.")
    ]
    reason: Annotated[str | None, Field(description="Why it `failed`; then without days.")] = None
    not_finished: Annotated[
        tuple[Date, ...],
        Field(
            description="Days of the window that had not been over for an hour when the provider "
            "was asked; a later pass gets them."
        ),
    ] = ()
    days: Annotated[
        tuple[ArchivedSiteDay, ...],
        Field(description="The other days of the window, oldest first."),
    ] = ()


_HEADER: dict[str, Any] = {
    "schema_version": 1,
    "date": "2026-11-12",
    "observed_on": "2026-11-12",
    "late": False,
    "window": {"start": "2026-11-11", "end": "2026-11-11"},
    "complete": True,
}
_SITE: dict[str, Any] = {
    "site": "matomo",
    "provider": "matomo",
    "timezone": "Europe/Berlin",
    "outcome": "ok",
    "reason": None,
    "not_finished": [],
    "days": [
        {
            "date": "2026-11-11",
            "visitors": 7,
            "visits": 7,
            "pageviews": 17,
            "bounce_rate": 57.14,
            "visit_duration": 356.57,
            "views_per_visit": 2.43,
        }
    ],
}


class SitesHeader(AnswerModel):
    """What stands at the beginning of an archive of the sites."""

    schema_version: Annotated[Literal[1], Field(description="The version of this format.")] = (
        SCHEMA_VERSION
    )
    date: Date
    observed_on: Annotated[Date, Field(description="The UTC day of the latest fetch in it.")]
    late: Annotated[bool, Field(description="Whether that was after `date`.")]
    window: Annotated[Window, Field(description="The days that it covers, in each site's zone.")]
    complete: Annotated[
        bool,
        Field(
            description="Nothing failed, and every day of the window was over in the zone of "
            "every site when its provider was asked. A complete archive is never replaced."
        ),
    ]


class SitesDocument(SitesHeader):
    """The archive of the sites of day `date`: the 30 days before it, as their providers told them.

    The same facts give the same bytes: no time of day, no run's name is inside.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_HEADER | {"sites": [_SITE]}]})

    sites: Annotated[tuple[ArchivedSite, ...], Field(description="By name.")]

    @property
    def day(self) -> Date:
        """The day that it is named for."""
        return self.date


class SiteCounts(AnswerModel):
    """How many sites an archive holds, by what came of asking for them."""

    ok: Annotated[int, Field(description="Their providers told days.")]
    failed: Annotated[int, Field(description="They could not be had.")]


class SiteArchiveItem(AnswerModel):
    """One archive of the sites, as the list tells of it."""

    date: Date
    observed_on: Annotated[Date | None, Field(description="The UTC day of the latest fetch in it.")]
    late: Annotated[bool | None, Field(description="Whether that was after `date`.")]
    complete: Annotated[
        bool | None,
        Field(description="Whether nothing failed and every day was over; never replaced then."),
    ]
    window: Annotated[
        Span | None, Field(description="The days that it tells of, in each site's zone.")
    ]
    sites: SiteCounts | None
    known_days: Annotated[int | None, Field(description="Days that it tells, over all its sites.")]
    size: Annotated[int, Field(description="Bytes, before compression.")]
    sha256: Annotated[
        str | None, Field(description="Of its bytes, as 64 lower-case hexadecimal digits.")
    ]
    reason: Annotated[
        str | None, Field(description="Why the rest is `null`, where it is; `null` elsewhere.")
    ]


class SiteArchiveList(Listing[SiteArchiveItem]):
    """Of which days the sites are archived, and of which not."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "date": "2026-11-12",
                            "observed_on": "2026-11-12",
                            "late": False,
                            "complete": True,
                            "window": {"start": "2026-11-11", "end": "2026-11-11"},
                            "sites": {"ok": 1, "failed": 0},
                            "known_days": 1,
                            "size": 409,
                            "sha256": "e7510a81722d85f7b5dbb2a9bf873815"
                            "1b3776bf15f89fda3f4aacb1ff959148",
                            "reason": None,
                        }
                    ],
                    "newest": "2026-11-12",
                    "oldest": "2026-11-12",
                    "total": 1,
                    "gaps": [],
                    "next_cursor": None,
                    "notice": None,
                }
            ]
        }
    )
