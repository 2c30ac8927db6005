"""Answers about sites as rows: each says of which site and which days it tells. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pageviews_api.representation.writers import Value
from pageviews_api.schemas.points import AnswerModel
from pageviews_api.schemas.site_answers import (
    SiteAnswer,
    SiteList,
    SitePages,
    SiteSeries,
    SiteSummary,
    SiteVisitors,
)
from pageviews_api.schemas.site_metrics import PageFigures, SiteFigures

Row = Sequence[Value]

SITE = ("site", "provider", "timezone")
"""What every row of a site begins with."""

DAYS = ("start", "end", "partial")

FIGURES = tuple(SiteFigures.model_fields)

PAGE = tuple(PageFigures.model_fields)

BASE = ("base_date", *(f"base_{name}" for name in FIGURES))
"""What stands beside a day that is compared."""


class SiteRows(NamedTuple):
    """The name of a table, its columns, its rows."""

    name: str
    columns: tuple[str, ...]
    rows: Iterator[Row]


def sites(answer: SiteList) -> SiteRows:
    """Make a row of each site."""
    columns = ("name", "provider", "timezone")
    return SiteRows("sites", columns, (_fields(one, columns) for one in answer.items))


def summary(answer: SiteSummary) -> SiteRows:
    """Make a row of the days asked for; with a comparison, one of each of the two as well."""
    more = ("days",) if answer.comparison else ()
    columns = (*SITE, *more, *DAYS, *FIGURES)
    return SiteRows(_name(answer, "summary"), columns, _summary_rows(answer))


def _summary_rows(answer: SiteSummary) -> Iterator[Row]:
    site = _fields(answer, SITE)
    asked = [*_fields(answer, DAYS), *_fields(answer.summary, FIGURES)]
    compared = answer.comparison
    if compared is None:
        yield [*site, *asked]
        return
    yield [*site, "asked", *asked]
    if compared.current and compared.base:
        days = [compared.current_start, compared.current_end, False]
        yield [*site, "compared", *days, *_fields(compared.current, FIGURES)]
        days = [compared.base_start, compared.base_end, False]
        yield [*site, "base", *days, *_fields(compared.base, FIGURES)]


def series(answer: SiteSeries) -> SiteRows:
    """Make a row of each day or month; beside it the day that it is compared with."""
    more = BASE if answer.comparison else ()
    columns = (*SITE, "interval", *DAYS, *FIGURES, *more)
    return SiteRows(_name(answer, answer.interval), columns, _series_rows(answer))


def _series_rows(answer: SiteSeries) -> Iterator[Row]:
    site, compared = _fields(answer, SITE), answer.comparison
    items = compared.items if compared else []
    beside = {one.date: [one.base_date, *_fields(one.base, FIGURES)] for one in items}
    nothing: list[Value] = [None] * len(BASE) if compared else []
    for point in answer.items:
        figures = [*_fields(point, DAYS), *_fields(point, FIGURES)]
        yield [*site, answer.interval, *figures, *beside.get(point.start, nothing)]


def pages(answer: SitePages) -> SiteRows:
    """Make a row of each page."""
    what = [*_fields(answer, SITE), *_fields(answer, DAYS)]
    rows = ([*what, *_fields(one, PAGE)] for one in answer.items)
    return SiteRows(_name(answer, "pages"), (*SITE, *DAYS, *PAGE), rows)


def visitors(answer: SiteVisitors) -> SiteRows:
    """Make a row of who is there now."""
    columns = (*SITE, "visitors", "window_minutes")
    return SiteRows(f"{answer.site}_current", columns, iter([_fields(answer, columns)]))


def _name(answer: SiteSummary | SiteSeries | SitePages, what: str) -> str:
    return f"{answer.site}_{what}_{answer.start}_{answer.end}"


def _fields(row: AnswerModel | SiteAnswer, names: Sequence[str]) -> list[Value]:
    return [getattr(row, name) for name in names]
