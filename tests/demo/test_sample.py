"""The bundled sample."""

from datetime import date

import pytest

from pageviews_api.daterange import DateRange
from pageviews_api.demo.sample import DailyViews, load_sample
from pageviews_api.schemas.query import Access, Agent

# Summed from the source file, apart from the loader.
TOTALS = {
    ("de.wikipedia", "Philip,_Duke_of_Edinburgh", "desktop"): 278_572,
    ("en.wikipedia", "Death_of_Freddie_Gray", "mobile-web"): 681_617,
    ("en.wikipedia", "Gordon_Ramsay", "all-access"): 4_820_036,
    ("fr.wikipedia", "Strasbourg", "all-access"): 746_683,
    ("ja.wikipedia", "DaiGo", "mobile-web"): 511_780,
    ("ja.wikipedia", "星野源", "all-access"): 9_662_402,
    ("ru.wikipedia", "Де_Ниро,_Роберт", "desktop"): 707_064,
    ("ru.wikipedia", "Международная_космическая_станция", "all-access"): 681_949,
    ("ru.wikipedia", "Яшин,_Лев_Иванович", "mobile-web"): 308_101,
}


def _name(line: DailyViews) -> tuple[str, str | None, str]:
    return line.series.project, line.series.article, line.series.access


def test_totals__of_every_series() -> None:
    """Each series has the source's exact title and the source's total."""
    assert {_name(line): sum(line.views) for line in load_sample().series} == TOTALS


@pytest.mark.parametrize("line", load_sample().series, ids=lambda line: line.series.key)
def test_days__of_every_series(line: DailyViews) -> None:
    """Each series counts all agents on the same 550 days, and no day is without views."""
    assert line.series.agent is Agent.ALL_AGENTS
    assert line.days == DateRange(date(2015, 7, 1), date(2016, 12, 31))
    assert len(line.views) == 550
    assert min(line.views) > 0


def test_by_day__first_and_last() -> None:
    """Days and counts are paired as in the source."""
    by_day = load_sample().series[0].by_day()
    assert by_day[date(2015, 7, 1)] == 1261
    assert by_day[date(2015, 7, 2)] == 795
    assert len(by_day) == 550


def test_top__of_the_sample() -> None:
    """The top list has its first hundred rows, and equal views share a rank."""
    top = load_sample().top
    assert (top.project, top.access, top.day) == (
        "en.wikipedia",
        Access.ALL_ACCESS,
        date(2015, 10, 10),
    )
    assert len(top.rows) == 100
    assert top.rows[0].article == "Main_Page"
    assert [(row.article, row.views, row.rank) for row in top.rows[74:77]] == [
        ("Geoffrey_Howe", 33640, 75),
        ("Selena_Gomez", 33640, 75),
        ("Jim_Carrey", 33315, 77),
    ]


def test_load_sample__twice() -> None:
    """The sample is read once and shared."""
    assert load_sample() is load_sample()
