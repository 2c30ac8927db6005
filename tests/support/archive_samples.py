"""A month of archive documents, as docs/archive.md describes them: October 2015.

The sample that the demo bundles gives the real numbers: nine articles, and the top list of
2015-10-10. All that the sample cannot show is under the project ``test.wikipedia``, where numbers
are made by rule: restated days, each status and outcome, a project's total, shared ranks.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pageviews_api.daterange import DateRange
from pageviews_api.demo.sample import load_sample

MADE = "test.wikipedia"
"""The project whose numbers are made by rule."""

MONTH = DateRange(date(2015, 10, 1), date(2015, 10, 31))
NOT_ARCHIVED = date(2015, 10, 18)
ARCHIVED = tuple(day for day in MONTH if day != NOT_ARCHIVED)

INCOMPLETE = date(2015, 10, 25)
"""Its last day is not loaded, and one of its series failed."""

OBSERVED_LATER = {date(2015, 10, 5): date(2015, 10, 12), date(2015, 10, 9): date(2015, 10, 12)}
"""Two archives that were made up for on the same day."""

HEROES = '"Heroes"_(David_Bowie_album)'
"""A title with quotation marks, which JSON escapes."""

_HOLE = date(2015, 10, 3)
_MISSING = date(2015, 10, 7)
_OUTCOMES_OF_LISTS = {date(2015, 10, 13): "no_data", date(2015, 10, 14): "failed"}

Record = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Archive:
    day: date

    @property
    def observed_on(self) -> date:
        return OBSERVED_LATER.get(self.day, self.day)

    @property
    def window(self) -> DateRange:
        return DateRange(self.day - timedelta(days=30), self.day - timedelta(days=1))

    def text(self) -> str:
        """Write the document, one item a line."""
        head = _json(
            {
                "schema_version": 1,
                "date": self.day,
                "observed_on": self.observed_on,
                "late": self.observed_on > self.day,
                "window": {"start": self.window.start, "end": self.window.end},
                "complete": self.day != INCOMPLETE,
            }
        )
        top, items = _lines(self.top()), _lines(self.items())
        return f'{head[:-1]},"top":[\n{top}\n],"items":[\n{items}\n]}}\n'

    def top(self) -> Iterator[Record]:
        """Tell the lists of the day before: the sample's, and one that is made."""
        sample, before = load_sample().top, self.window.end
        if before == sample.day:
            rows = [(row.article, row.views, row.rank) for row in sample.rows]
            yield _top_list(sample.project, before, rows)
        outcome = _OUTCOMES_OF_LISTS.get(self.day, "ok")
        titles, turn = ("Main_Page", "Quiet", HEROES), self.day.day % 3
        first = titles[turn:] + titles[:turn]
        # The last two share a rank, as equal views do in AQS's lists.
        made = zip(first, (3000 + self.day.day, 2000, 2000), (1, 2, 2), strict=True)
        yield _top_list(MADE, before, made if outcome == "ok" else (), outcome)

    def items(self) -> Iterator[Record]:
        """Tell the series: the sample's, and those that are made."""
        for series, views in ((one.series, one.by_day()) for one in load_sample().series):
            points = [_point(day, views[day]) for day in self.window]
            yield _item(series.project, series.article, points, series.access, series.agent)
        # Sorted, as all items are: a project's total comes first.
        yield _item(MADE, None, [_point(day, 90_000 + day.day) for day in self.window])
        yield _item(MADE, HEROES, [_point(day, 40 + day.day) for day in self.window])
        if self.day == INCOMPLETE:
            yield _item(MADE, "Failing", [], outcome="failed", reason="Wikimedia says 500")
        else:
            yield _item(MADE, "Failing", [_point(day, 7) for day in self.window])
        yield _item(MADE, "Lossy", [self._lossy(day) for day in self.window])
        quiet = [_point(day, 0, "zero") for day in self.window]
        yield _item(MADE, "Quiet", quiet, outcome="no_data")
        yield _item(MADE, "Restated", [self._restated(day) for day in self.window])

    def _lossy(self, day: date) -> Record:
        """Lack a day for each reason that there is; what is missing once is told later."""
        if day == _HOLE:
            return _point(day, None, "hole")
        if day == _MISSING and self.day < date(2015, 10, 20):
            return _point(day, None, "missing")
        if self.day == INCOMPLETE and day == self.window.end:
            return _point(day, None, "not_loaded")
        return _point(day, 500 + day.day)

    def _restated(self, day: date) -> Record:
        """Tell another number at each observation, and none at some."""
        if self.observed_on.day % 7 == 0:
            return _point(day, None, "missing")
        return _point(day, 1000 * self.observed_on.day + day.day)


def write_month(folder: Path) -> None:
    """Write the month's documents into a folder, and what else lies in such a folder."""
    folder.mkdir()
    for day in ARCHIVED:
        folder.joinpath(f"{day}.json").write_text(archive_text(day), "utf-8")
    # A month before, which nobody asks for, and the progress of a run.
    folder.joinpath("2015-09-30.json").write_text(archive_text(date(2015, 9, 30)), "utf-8")
    progress = folder / "progress"
    progress.mkdir()
    progress.joinpath("2015-10-31.json").write_text("{}", "utf-8")


def archive_text(day: date) -> str:
    """Write the archive of a day."""
    return _Archive(day).text()


def big_archive_text(day: date, *, series: int) -> str:
    """Write an archive of many series with the same numbers: 10,000 make about 17 MB."""
    head, line = _Archive(day).text().split('"items":[\n')[0], _json(_big_item(_Archive(day)))
    items = ",\n".join(line.replace("Title", f"Title_{i:05}", 1) for i in range(series))
    return f'{head}"items":[\n{items}\n]}}\n'


def _big_item(archive: _Archive) -> Record:
    return _item("en.wikipedia", "Title", [_point(day, 123_456) for day in archive.window])


def _point(day: date, views: int | None, status: str = "ok") -> Record:
    return {"date": day, "views": views, "status": status}


def _item(
    project: str,
    article: str | None,
    points: Iterable[Record],
    access: str = "all-access",
    agent: str = "user",
    *,
    outcome: str = "ok",
    reason: str | None = None,
) -> Record:
    return {
        "project": project,
        "article": article,
        "access": access,
        "agent": agent,
        "outcome": outcome,
        "reason": reason,
        "listed_on": None,
        "points": list(points),
    }


def _top_list(
    project: str, day: date, rows: Iterable[tuple[str, int, int]], outcome: str = "ok"
) -> Record:
    names = ("article", "views", "rank")
    return {
        "project": project,
        "access": "all-access",
        "date": day,
        "outcome": outcome,
        "reason": "Wikimedia says 500" if outcome == "failed" else None,
        "articles": [dict(zip(names, row, strict=True)) for row in rows],
    }


def _lines(records: Iterable[Record]) -> str:
    return ",\n".join(map(_json, records))


def _json(value: Record) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=date.isoformat)
