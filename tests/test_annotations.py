"""Known incidents: each has a source, and is told of what it touches."""

from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from pageviews_api.annotations import known, touching
from pageviews_api.daterange import FIRST_DAY, DateRange
from pageviews_api.schemas.annotations import Annotation, AnnotationKind
from pageviews_api.schemas.names import Article, Project
from pageviews_api.schemas.query import Access, Agent, Series


def ids(series: Series, *days: tuple[str, str]) -> list[str]:
    """Tell what touches a series on some days."""
    ranges = [DateRange(*map(date.fromisoformat, one)) for one in days]
    return [one.id for one in touching([series], ranges)]


def of(
    project: str,
    article: str | None = None,
    access: Access = Access.ALL_ACCESS,
    agent: Agent = Agent.USER,
) -> Series:
    """Name a series."""
    return Series(project, access, agent, article)


def test_known__each_is_whole() -> None:
    """Ids are single, days lie in the data's time, names are as they are asked for."""
    entries = known()
    assert 6 <= len(entries) <= 30
    assert len({one.id for one in entries}) == len(entries)
    assert list(entries) == sorted(entries, key=lambda one: (one.start, one.id))
    project, article = TypeAdapter[str](Project), TypeAdapter[str](Article)
    for one in entries:
        assert one.start >= FIRST_DAY, one.id
        assert one.id[:4] == str(one.start.year), one.id
        assert one.text.endswith("."), one.id
        assert one.end is not None or one.kind is AnnotationKind.DEFINITION_CHANGE, one.id
        for name in one.projects or []:
            assert project.validate_python(name) == name
        for name in one.articles or []:
            assert one.projects, one.id
            assert article.validate_python(name) == name
        for listed in (one.projects, one.articles, one.access, one.agents, one.datasets):
            assert listed is None or len(set(listed)) == len(listed) > 0, one.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"end": date(2021, 6, 3)},
        {"source": "http://example.org"},
        {"source": None},
        {"kind": "rumour"},
        {"id": "no-year"},
        {"more": 1},
    ],
)
def test_annotation__wrong(wrong: dict[str, object]) -> None:
    """What ends before it starts, has no source or is not as agreed is refused."""
    (good,) = [one for one in known() if one.id == "2021-traffic-loss-1"]
    Annotation.model_validate(good.model_dump())
    with pytest.raises(ValidationError):
        Annotation.model_validate(good.model_dump() | wrong)


LOSS = ("2021-traffic-loss-1", "2021-traffic-loss-2")


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (("2021-06-01", "2021-06-03"), ()),
        (("2021-06-01", "2021-06-04"), LOSS[:1]),
        (("2021-11-03", "2021-11-04"), LOSS),
        (("2022-01-27", "2022-03-01"), LOSS[1:]),
        (("2022-01-28", "2022-03-01"), ()),
    ],
)
def test_touching__days(days: tuple[str, str], told: tuple[str, ...]) -> None:
    """An incident is told from its first to its last day, both included."""
    assert ids(of("fr.wikipedia", "Strasbourg"), days) == list(told)


def test_touching__days_apart() -> None:
    """What lies between the days compared touches none of them."""
    year = ("2020-06-10", "2020-06-20"), ("2022-06-10", "2022-06-20")

    assert ids(of("fr.wikipedia", "Strasbourg"), *year) == []


def test_touching__change_between() -> None:
    """A change in what is counted is told where days before and after it are compared."""
    article = of("fr.wikipedia", "Strasbourg")

    assert ids(article, ("2019-05-10", "2019-05-20"), ("2020-05-10", "2020-05-20")) == [
        "2020-automated-apart"
    ]
    assert ids(article, ("2020-04-01", "2020-05-20")) == ["2020-automated-apart"]
    assert ids(article, ("2020-05-01", "2020-05-20")) == []
    assert ids(article, ("2020-03-01", "2020-03-20")) == []


def test_touching__project_article_access_and_agent() -> None:
    """It is told of what it is about: one page, its project's total, the accesses and agents."""
    days = ("2016-07-20", "2016-07-30")
    senate = ("2020-03-01", "2020-03-10")

    assert ids(of("nl.wikipedia", "Hoofdpagina"), days) == ["2016-main-pages-bots"]
    assert ids(of("nl.wikipedia", None, Access.DESKTOP), days) == ["2016-main-pages-bots"]
    assert ids(of("nl.wikipedia", None, Access.MOBILE_WEB), days) == []
    assert ids(of("nl.wikipedia", None, agent=Agent.SPIDER), days) == []
    assert ids(of("fr.wikipedia", None), days) == []
    assert ids(of("en.wikipedia", "United_States_Senate"), senate) == ["2020-united-states-senate"]
    assert ids(of("en.wikipedia", None), senate) == ["2020-united-states-senate"]
    assert ids(of("en.wikipedia", "Earth"), senate) == []
    assert ids(of("fr.wikipedia", "United_States_Senate"), senate) == []


def test_touching__dataset() -> None:
    """What was counted otherwise in totals only is told of totals only; a list's hole of lists."""
    days = ("2019-07-01", "2019-07-31")

    assert ids(of("fr.wikipedia", None), days) == ["2019-special-pages"]
    assert ids(of("fr.wikipedia", "Strasbourg"), days) == []
    assert ids(of("it.wikipedia", None), ("2024-03-31", "2024-03-31")) == []


def test_touching__several_series() -> None:
    """What touches one of the series is told, once."""
    parts = [of("en.wikipedia", "Earth", agent=agent) for agent in Agent]
    days = [DateRange(date(2020, 4, 1), date(2020, 5, 31))]

    assert [one.id for one in touching(parts, days)] == ["2020-automated-apart"]
    assert touching(parts[:1], days) == []  # the sum of all agents is as it was
