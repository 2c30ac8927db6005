"""The bundled sample of real numbers; ``sample/README.md`` names its sources."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from pageviews_api.daterange import DateRange
from pageviews_api.schemas.aqs import TopRow
from pageviews_api.schemas.query import Access, Agent, Series


@dataclass(frozen=True, slots=True)
class DailyViews:
    """A series and its views: one count a day, oldest first, from ``first_day`` on, no gaps."""

    series: Series
    first_day: date
    views: tuple[int, ...]

    @property
    def days(self) -> DateRange:
        """The days that have a count."""
        return DateRange(self.first_day, self.first_day + timedelta(days=len(self.views) - 1))

    def by_day(self) -> dict[date, int]:
        """Tell the views of each day, oldest first."""
        return dict(zip(self.days, self.views, strict=True))


@dataclass(frozen=True, slots=True)
class TopList:
    """The most viewed pages of one day, most viewed first; possibly cut."""

    project: str
    access: Access
    day: date
    rows: tuple[TopRow, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything that is bundled."""

    series: tuple[DailyViews, ...]
    top: TopList


@cache
def load_sample() -> Sample:
    """Read the sample from the installed package; it is read once and shared."""
    return Sample(tuple(map(_daily_views, _lines("daily_views.tsv"))), _top_list())


def _daily_views(fields: list[str]) -> DailyViews:
    project, article, access, agent, first_day, views = fields
    return DailyViews(
        Series(project, Access(access), Agent(agent), article),
        date.fromisoformat(first_day),
        tuple(map(int, views.split(" "))),
    )


def _top_list() -> TopList:
    lines = list(_lines("top.tsv"))
    project, access, day = lines[0][:3]
    rows = tuple(
        TopRow(article=article, views=int(views), rank=int(rank))
        for *_, rank, views, article in lines
    )
    return TopList(project, Access(access), date.fromisoformat(day), rows)


def _lines(name: str) -> Iterator[list[str]]:
    text = files("pageviews_api.demo").joinpath("sample", name).read_text(encoding="utf-8")
    _heading, *lines = text.splitlines()
    return (line.split("\t") for line in lines)
