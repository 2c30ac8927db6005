"""Answers as rows: the same for CSV and for NDJSON, under stable names. Pure.

Rows are tidy: each says of which series it is. What an answer tells as a whole (its summary, how
current it is) is in JSON only. Sections that were asked for add columns, and parts rows of their
own access or agent: columns too, where a series is one. A part that is the series itself has no
rows beside it: no view stands there twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import singledispatch
from itertools import chain

from pageviews_api.representation import site_rows
from pageviews_api.representation.section_rows import beside, columns, parts
from pageviews_api.representation.writers import Value
from pageviews_api.schemas.archive import ArchivedSeries
from pageviews_api.schemas.archive_answers import (
    ArchiveDifferences,
    ArchiveList,
    ObservedSeries,
    TopHistory,
)
from pageviews_api.schemas.article_sets import ArticleSet
from pageviews_api.schemas.data_state import KnownProjects
from pageviews_api.schemas.pageviews import (
    AnswerModel,
    ArticleSeries,
    DayPoint,
    PeriodPoint,
    ProjectSeries,
)
from pageviews_api.schemas.query import Granularity
from pageviews_api.schemas.side_by_side import BothDays, SideBySide
from pageviews_api.schemas.site_answers import (
    SiteList,
    SitePages,
    SiteSeries,
    SiteSummary,
    SiteVisitors,
)
from pageviews_api.schemas.site_archive import SiteArchiveList, SitesDocument
from pageviews_api.schemas.site_metrics import SiteFigures
from pageviews_api.schemas.top import TopArticles, TopRange

Row = Sequence[Value]

SERIES = ("project", "article", "access", "agent")
"""What every row of views begins with; ``article`` is empty where it is a project's total."""

_DAY = ("date", "views", "status", "observed_on")
_PERIOD = ("date", "end", "views", "days_counted", "days_in_period", "partial", "per_day")

SERIES_DAYS = (*SERIES, "granularity", *_DAY)
SERIES_PERIODS = (*SERIES, "granularity", *_PERIOD)


BOUNDS = ("rank", "article", "views_min", "views_max", "days_listed", "exact")
"""What is told of an article in a range of top lists."""

COMPARED = ("previous_rank", "is_new")
"""What stands beside a row that is compared with the period before."""


@dataclass(frozen=True, slots=True)
class Line:
    """One column of a wide table: its heading, and its values by the first day of each item."""

    name: str
    values: Mapping[date, Value]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under the names of their columns.

    ``name`` is what a file of it is called, without an ending. ``lines`` are the series in it, for
    the wide layout; there are none where it tells of no series.
    """

    name: str
    columns: tuple[str, ...]
    rows: Iterable[Row]
    lines: Sequence[Line] = field(default=())

    def wide(self) -> "Table":
        """Turn it into one row a date and one column a series."""
        days = sorted(set(chain.from_iterable(line.values for line in self.lines)))
        columns = ("date", *(line.name for line in self.lines))
        rows = ([day, *(line.values.get(day) for line in self.lines)] for day in days)
        return Table(self.name, columns, rows)


@singledispatch
def table(answer: object) -> Table:
    """Make rows of an answer, in its own order."""
    raise TypeError(f"{type(answer).__name__} is no table")


@table.register
def _of_article(answer: ArticleSeries) -> Table:
    return series_table([answer], name=_name(answer.project, answer.article, answer))


@table.register
def _of_project(answer: ProjectSeries) -> Table:
    return series_table([answer], name=_name(answer.project, None, answer))


@table.register
def _of_set(answer: ArticleSet) -> Table:
    """Put the series below each other; an article that failed has one row, with the problem."""
    daily = answer.granularity is Granularity.DAILY
    columns = SERIES_DAYS if daily else SERIES_PERIODS
    lines = [_line(one.series) if one.series else Line(one.article, {}) for one in answer.items]
    rows = _rows_of_set(answer, unknown=len(columns) - len(SERIES) - 1)
    return Table(_joined(answer.project, "articles"), (*columns, "problem"), rows, lines)


def _rows_of_set(answer: ArticleSet, *, unknown: int) -> Iterator[Row]:
    asked = (answer.access, answer.agent, answer.granularity)
    for one in answer.items:
        if one.series:
            yield from ([*row, None] for row in _series_rows(one.series))
        else:
            slug = one.problem.type.rpartition("/")[2] if one.problem else None
            yield [answer.project, one.article, *asked, *[None] * unknown, slug]


def series_table(answers: Sequence[ArticleSeries | ProjectSeries], *, name: str) -> Table:
    """Put series of one granularity and the same sections below each other; at least one."""
    daily = answers[0].granularity is Granularity.DAILY
    return Table(
        name,
        (*(SERIES_DAYS if daily else SERIES_PERIODS), *columns(answers[0])),
        chain.from_iterable(map(_series_rows, answers)),
        list(chain.from_iterable(map(_lines, answers))),
    )


def _series_rows(answer: ArticleSeries | ProjectSeries) -> Iterator[Row]:
    article = answer.article if isinstance(answer, ArticleSeries) else None
    name, step = (answer.project, article), answer.granularity
    points: Sequence[DayPoint | PeriodPoint] = answer.items
    for point, more in zip(points, beside(answer), strict=True):
        yield [*name, answer.access, answer.agent, step, *_figures(point), *more]
    nothing = [None] * len(columns(answer))
    for part in parts(answer):
        if (part.access, part.agent) == (answer.access, answer.agent):
            continue
        for point in part.items:
            yield [*name, part.access, part.agent, step, *_figures(point), *nothing]


def _figures(point: DayPoint | PeriodPoint) -> Row:
    if isinstance(point, DayPoint):
        return point.date, point.views, point.status, point.observed_on
    days = point.days_counted, point.days_in_period
    return point.start, point.end, point.views, *days, point.partial, point.per_day


def _lines(answer: ArticleSeries | ProjectSeries) -> Iterator[Line]:
    whole = _line(answer)
    yield whole
    rows = dict(zip(whole.values, beside(answer), strict=True))
    for place, name in enumerate(columns(answer)):
        yield Line(f"{whole.name} ({name})", {day: row[place] for day, row in rows.items()})
    for part in parts(answer):
        which = part.agent if part.access is answer.access else part.access
        yield Line(f"{whole.name} ({which})", _views(part.items))


def _line(answer: ArticleSeries | ProjectSeries) -> Line:
    name = answer.article if isinstance(answer, ArticleSeries) else answer.project
    return Line(name, _views(answer.items))


def _views(points: Sequence[DayPoint | PeriodPoint]) -> dict[date, Value]:
    return {_first_day(point): point.views for point in points}


def _first_day(point: DayPoint | PeriodPoint) -> date:
    return point.date if isinstance(point, DayPoint) else point.start


@table.register
def _of_observed(answer: ObservedSeries) -> Table:
    what = (answer.project, answer.article, answer.access, answer.agent)
    rows = ([*what, one.date, one.views, one.status, answer.observed_on] for one in answer.items)
    name = answer.article or answer.project
    line = Line(name, {point.date: point.views for point in answer.items})
    file = _joined(answer.project, answer.article, "archived", answer.date)
    return Table(file, (*SERIES, *_DAY), rows, [line])


@table.register
def _of_top(answer: TopArticles) -> Table:
    period = answer.month or answer.date
    what = (answer.project, answer.access, answer.agent, period)
    columns = ("rank", "article", "views", *(COMPARED if answer.previous else ()))
    return Table(
        _joined(answer.project, "top", period),
        ("project", "access", "agent", "date", *columns),
        ([*what, *_fields(row, columns)] for row in answer.items),
    )


@table.register
def _of_top_range(answer: TopRange) -> Table:
    what = (answer.project, answer.access, answer.agent, answer.start, answer.end)
    columns = (*BOUNDS, *(COMPARED if answer.previous else ()))
    return Table(
        _joined(answer.project, "top", answer.start, answer.end),
        ("project", "access", "agent", "start", "end", *columns),
        ([*what, *_fields(row, columns)] for row in answer.items),
    )


def _fields(row: AnswerModel, names: Sequence[str]) -> Row:
    return [getattr(row, name) for name in names]


@table.register
def _of_top_history(answer: TopHistory) -> Table:
    what = (answer.project, answer.article, answer.access, answer.agent)
    rows = ([*what, one.date, one.rank, one.views, one.status] for one in answer.items)
    columns = (*SERIES, "date", "rank", "views", "status")
    return Table(_joined(answer.project, answer.article, "ranks"), columns, rows)


@table.register
def _of_projects(answer: KnownProjects) -> Table:
    rows = ([one.project, one.complete_through] for one in answer.items)
    return Table("projects", ("project", "complete_through"), rows)


@table.register
def _of_archives(answer: ArchiveList) -> Table:
    columns = (
        *("date", "observed_on", "late", "complete", "window_start", "window_end"),
        *("series_ok", "series_no_data", "series_failed", "known_days", "top_lists"),
        *("size", "sha256", "reason"),
    )
    rows = (
        [
            *(one.date, one.observed_on, one.late, one.complete),
            *((one.window.start, one.window.end) if one.window else (None, None)),
            *(
                (one.series.ok, one.series.no_data, one.series.failed)
                if one.series
                else (None, None, None)
            ),
            *(one.known_days, one.top_lists, one.size, one.sha256, one.reason),
        ]
        for one in answer.items
    )
    return Table("archives", columns, rows)


@table.register
def _of_site_archives(answer: SiteArchiveList) -> Table:
    columns = (
        *("date", "observed_on", "late", "complete", "window_start", "window_end"),
        *("sites_ok", "sites_failed", "known_days", "size", "sha256", "reason"),
    )
    rows = (
        [
            *(one.date, one.observed_on, one.late, one.complete),
            *((one.window.start, one.window.end) if one.window else (None, None)),
            *((one.sites.ok, one.sites.failed) if one.sites else (None, None)),
            *(one.known_days, one.size, one.sha256, one.reason),
        ]
        for one in answer.items
    )
    return Table("site_archives", columns, rows)


@table.register
def _of_sites_document(answer: SitesDocument) -> Table:
    figures = tuple(SiteFigures.model_fields)
    rows = (
        [site.site, site.provider, site.timezone, day.date, *_fields(day, figures)]
        for site in answer.sites
        for day in site.days
    )
    return Table(
        _joined("site_archive", answer.date),
        ("site", "provider", "timezone", "date", *figures),
        rows,
    )


@table.register
def _of_differences(answer: ArchiveDifferences) -> Table:
    columns = (
        *SERIES,
        "date",
        "before",
        "before_status",
        "after",
        "after_status",
        "change",
        "kind",
    )
    rows = (
        [
            *(one.project, one.article, one.access, one.agent, one.date),
            *(one.before, one.before_status, one.after, one.after_status, one.change, one.kind),
        ]
        for one in answer.changed
    )
    between = answer.earlier.date, answer.later.date
    return Table(_joined("changed", *between), columns, rows)


@table.register
def _of_sites(answer: SiteList) -> Table:
    return Table(*site_rows.sites(answer))


@table.register
def _of_site_summary(answer: SiteSummary) -> Table:
    return Table(*site_rows.summary(answer))


@table.register
def _of_site_series(answer: SiteSeries) -> Table:
    return Table(*site_rows.series(answer))


@table.register
def _of_site_pages(answer: SitePages) -> Table:
    return Table(*site_rows.pages(answer))


@table.register
def _of_site_visitors(answer: SiteVisitors) -> Table:
    return Table(*site_rows.visitors(answer))


@table.register
def _of_side_by_side(answer: SideBySide) -> Table:
    columns = tuple(BothDays.model_fields)
    name = _joined(answer.site, answer.project, answer.article, answer.start, answer.end)
    return Table(name, columns, (_fields(one, columns) for one in answer.items))


ARCHIVED = (*SERIES, "outcome", *_DAY)
"""The columns of a whole archive; a series without numbers has one row, without a date."""


def archived_rows(series: ArchivedSeries) -> Iterator[Row]:
    """Make rows of one series of an archive."""
    what = (series.project, series.article, series.access, series.agent, series.outcome)
    if not series.points:
        yield [*what, None, None, None, None]
    for point in series.points:
        yield [*what, point.date, point.views, point.status, point.observed_on]


def _name(project: str, article: str | None, answer: ArticleSeries | ProjectSeries) -> str:
    return _joined(project, article, answer.start, answer.end)


def _joined(*parts: object) -> str:
    return "_".join(str(part) for part in parts if part is not None)
