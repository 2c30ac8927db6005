"""What the pageviews client asks of the archive when AQS cannot answer, or of an earlier day."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pageviews_api.daterange import DateRange
from pageviews_api.days import ArchivedDay
from pageviews_api.schemas.query import Series
from pageviews_api.schemas.top import RankedArticle


@dataclass(frozen=True, slots=True)
class ArchivedTopList:
    """A top list as it was observed, by rank."""

    articles: tuple[RankedArticle, ...]
    observed_on: date


class ArchivedDays(Protocol):
    """Answers from what was archived.

    ``as_of``: as it was known on that UTC day; nothing that was observed later counts, and where
    the evidence cannot be read (``ArchiveError``) or is corrupt (``ArchiveCorruptError``), nothing
    older is told instead. Without it, as it was observed last; what cannot be read is left out
    then. Every method raises ``ArchiveError`` where it cannot be told which archives there are.
    """

    async def newest(self, series: Series, *, as_of: date | None = None) -> date | None:
        """Tell the newest day whose number is in one of the newest archives; None if none is.

        These are those of two months; of a series that left before, only ``days`` tells.
        """
        ...

    async def days(
        self, series: Series, asked: DateRange, *, as_of: date | None = None
    ) -> dict[date, ArchivedDay]:
        """Tell the asked days; those of which no archive tells are left out.

        Days that the newest archive covers are as it has them; those before, as they were when
        they had settled. A series that is in the archive no more is told as the last archives with
        it have it; one that never was costs few reads.
        """
        ...

    async def top(self, project: str, day: date) -> ArchivedTopList | None:
        """Tell a day's list of most viewed articles; None if none is archived."""
        ...
