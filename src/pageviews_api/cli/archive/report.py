"""What the archive's commands print: lines for people, JSON lines for programs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pageviews_api.daterange import DateRange

if TYPE_CHECKING:
    from pageviews_api.archive.facts import Facts
    from pageviews_api.archive.index import Entry
    from pageviews_api.archive.shelf import DayResult


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An archive of which only its reading tells, and that cannot be read."""

    day: date
    reason: str


@dataclass(slots=True)
class Tally:
    """How many archives were read, were bad, and had no SHA-256 beside them."""

    archives: int = 0
    bad: int = 0
    without_sha256: int = 0

    def __str__(self) -> str:
        archives = "archive" if self.archives == 1 else "archives"
        without = f", {self.without_sha256} without a SHA-256 beside them"
        return f"{self.archives} {archives} read, {self.bad} bad{without}"

    def as_json(self) -> str:
        """Write it as the last of the JSON lines."""
        counts = (self.archives, self.bad, self.without_sha256)
        return json.dumps(dict(zip(("archives", "bad", "without_sha256"), counts, strict=True)))


ARCHIVES = "archive"
SITES = "archive of the sites"


def summary(results: "Iterable[DayResult]", *, what: str = ARCHIVES) -> str:
    """Tell in one or two lines for each day how its archive stands."""
    return "\n".join(map(_result, results)) or f"every {what} is complete already"


def _result(result: "DayResult") -> str:
    if result.facts is None or result.key is None:
        return f"{result.day}  {result.outcome}  {result.reason or ''}".rstrip()
    facts = result.facts
    return (
        f"{result.day}  {result.outcome}, {_state(facts, result.day)}  {result.key}"
        f"  {result.size} bytes  {_counts(facts)}\n"
        f"            {facts.window.start} to {facts.window.end}"
        f"  sha256 {result.sha256}"
    )


def _state(facts: "Facts", day: date) -> str:
    state = "complete" if facts.complete else "incomplete"
    return f"{state}, late" if facts.observed_on > day else state


def _counts(facts: "Facts") -> str:
    counts = {"ok": facts.ok, "no_data": facts.no_data, "failed": facts.failed}
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def table(rows: "Iterable[Entry | Unreadable]", *, of: str) -> str:
    """Lay out a table of archives, with a head; ``of`` names what is counted in one."""
    cells = [("date", "state", "observed", of, "bytes", "sha256"), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def _cells(row: "Entry | Unreadable") -> tuple[str, ...]:
    if isinstance(row, Unreadable):
        return str(row.day), "unreadable", "", row.reason, "", ""
    facts = row.facts
    series = _counts(facts)
    return (
        str(row.day),
        _state(facts, row.day),
        str(facts.observed_on),
        series,
        str(row.size),
        row.sha256,
    )


def row_as_json(row: "Entry | Unreadable", *, of: str) -> str:
    """Write a row of the table as one line."""
    if isinstance(row, Unreadable):
        return json.dumps({"date": str(row.day), "fault": row.reason})
    facts = row.facts
    return json.dumps(
        {
            "date": str(row.day),
            "complete": facts.complete,
            "late": row.late,
            "observed_on": str(facts.observed_on),
            "window": _span(facts.window),
            of: {"ok": facts.ok, "no_data": facts.no_data, "failed": facts.failed},
            "lists": facts.lists,
            "bytes": row.size,
            "sha256": row.sha256,
        }
    )


def gaps_told(found: Iterable[DateRange]) -> str:
    """Tell of days without an archive in one line."""
    return "not archived: " + ", ".join(
        str(gap.start) if len(gap) == 1 else f"{gap.start} to {gap.end}" for gap in found
    )


def gap_as_json(gap: DateRange) -> str:
    """Write days without an archive as one line."""
    return json.dumps({"gap": _span(gap)})


def fault_told(day: date, reason: str) -> str:
    """Tell what is wrong with an archive."""
    return f"{day}  {reason}"


def fault_as_json(day: date, reason: str) -> str:
    """Write what is wrong with an archive as one line."""
    return json.dumps({"date": str(day), "fault": reason})


def _span(days: DateRange) -> dict[str, str]:
    return {"start": str(days.start), "end": str(days.end)}
