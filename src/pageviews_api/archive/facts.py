"""What is told of an archive without reading it: it is kept beside it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pageviews_api.archive.document import Archive
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import InvalidDateRangeError
from pageviews_api.schemas.archive import Outcome


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to say of an archive: counts are of series and of top lists.

    In the archive of sites, each site is a series, and there is no list.
    """

    window: DateRange
    observed_on: date
    complete: bool
    ok: int
    no_data: int
    failed: int
    known_days: int
    lists: int
    lists_failed: int

    @classmethod
    def of(cls, archive: Archive) -> "Facts":
        """Take them from the archive itself."""
        outcomes = archive.outcomes()
        return cls(
            window=archive.window,
            observed_on=archive.observed_on,
            complete=archive.complete,
            ok=outcomes[Outcome.OK],
            no_data=outcomes[Outcome.NO_DATA],
            failed=outcomes[Outcome.FAILED],
            known_days=archive.known_days(),
            lists=sum(one.outcome is Outcome.OK for one in archive.top),
            lists_failed=sum(one.outcome is Outcome.FAILED for one in archive.top),
        )

    @property
    def series(self) -> int:
        """How many series there are, failed ones among them."""
        return self.ok + self.no_data + self.failed

    def as_notes(self) -> dict[str, str]:
        """Write them as what is kept beside the archive."""
        return {
            "window": f"{self.window.start}/{self.window.end}",
            "observed-on": self.observed_on.isoformat(),
            "complete": "yes" if self.complete else "no",
            "series": f"{self.ok},{self.no_data},{self.failed}",
            "known-days": str(self.known_days),
            "lists": f"{self.lists},{self.lists_failed}",
        }

    @classmethod
    def from_notes(cls, notes: Mapping[str, str]) -> "Facts | None":
        """Read what ``as_notes`` wrote; None where that is not all there."""
        try:
            start, end = map(date.fromisoformat, notes["window"].split("/"))
            ok, no_data, failed = map(int, notes["series"].split(","))
            lists, lists_failed = map(int, notes["lists"].split(","))
            return cls(
                window=DateRange(start, end),
                observed_on=date.fromisoformat(notes["observed-on"]),
                complete={"yes": True, "no": False}[notes["complete"]],
                ok=ok,
                no_data=no_data,
                failed=failed,
                known_days=int(notes["known-days"]),
                lists=lists,
                lists_failed=lists_failed,
            )
        except (KeyError, ValueError, InvalidDateRangeError):
            return None
