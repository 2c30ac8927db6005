"""Which titles are articles, in the words of each project."""

import json
from importlib.resources import files

import pytest
from pydantic import TypeAdapter

from pageviews_api import namespaces
from pageviews_api.demo.sample import load_sample
from pageviews_api.namespaces import names_of
from pageviews_api.schemas.names import ArticleProject

LARGE = """
en de fr es ru ja it zh pt pl fa ar nl uk he id tr cs sv vi ko fi hu no da ro el th hi bn ca sr bg
sk hr sl et lt simple
"""
"""Wikipedias that many people read."""

TABLE = json.loads(files(namespaces).joinpath("names.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("project", "title"),
    [
        ("en.wikipedia", "Special:Search"),
        ("en.wikipedia", "special:search"),
        ("en.wikipedia", "User_talk:Jimbo_Wales"),
        ("en.wikipedia", "User talk:Jimbo Wales"),
        ("en.wikipedia", "Portal:Current_events"),
        ("en.wikipedia", "WP:NPOV"),
        ("en.wikipedia", "Image:Cat.jpg"),
        ("de.wikipedia", "Spezial:Suche"),
        ("de.wikipedia", "Special:Search"),
        ("de.wikipedia", "Wikipedia:Hauptseite"),
        ("de.wikipedia", "Benutzerin:Anna"),
        ("fr.wikipedia", "Spécial:Recherche"),
        ("fr.wikipedia", "SPÉCIAL:Recherche"),
        ("ru.wikipedia", "Служебная:Поиск"),
        ("ru.wikipedia", "ВП:Ф"),
        ("ja.wikipedia", "特別:検索"),
        ("ja.wikipedia", "カテゴリ:日本"),
        ("zh.wikipedia", "维基百科:首页"),
        ("zh.wikipedia", "特殊:搜索"),
        ("ko.wikipedia", "위키백과:대문"),
        ("pt.wikipedia", "Usuário(a):Ana"),
        ("fa.wikipedia", "ویژه:جستجو"),
        ("tr.wikipedia", "Özel:Ara"),
        ("no.wikipedia", "Spesial:Søk"),
        ("commons.wikimedia", "File:Cat.jpg"),
        ("commons.wikimedia", "Creator:Leonardo"),
        ("wikidata", "Property:P31"),
        ("en.wiktionary", "Appendix:Swadesh_lists"),
        ("xx.wikipedia", "Special:Search"),
    ],
)
def test_is_in_main_namespace__elsewhere(project: str, title: str) -> None:
    """Pages of other namespaces are known by English and local names, aliases, in any case."""
    assert not names_of(project).is_in_main_namespace(title)


@pytest.mark.parametrize(
    ("project", "title"),
    [
        ("en.wikipedia", "Paris"),
        ("en.wikipedia", "Star_Wars:_The_Force_Awakens"),
        ("en.wikipedia", "Spezial:Suche"),
        ("en.wikipedia", "2001:_A_Space_Odyssey_(film)"),
        ("en.wikipedia", "Specialist:Talk"),
        ("en.wikipedia", ":"),
        ("en.wikipedia", "-"),
        ("en.wikipedia", "404.php"),
        ("de.wikipedia", "Mission:_Impossible"),
        ("wikidata", "Q42"),
        ("xx.wikipedia", "Spezial:Suche"),
    ],
)
def test_is_in_main_namespace__articles(project: str, title: str) -> None:
    """A colon alone makes no namespace, and the names of another wiki do not count."""
    assert names_of(project).is_in_main_namespace(title)


@pytest.mark.parametrize(
    ("project", "title"),
    [
        ("en.wikipedia", "Main_Page"),
        ("en.wikipedia", "Main Page"),
        ("de.wikipedia", "Wikipedia:Hauptseite"),
        ("ja.wikipedia", "メインページ"),
        ("ar.wikipedia", "الصفحة_الرئيسية"),
        ("ar.wikipedia", "الصفحة_الرئيسة"),
        ("sv.wikipedia", "Portal:Huvudsida"),
        ("wikidata", "Wikidata:Main_Page"),
        ("xx.wikipedia", "Main_Page"),
    ],
)
def test_is_main_page(project: str, title: str) -> None:
    """The main page is known by its local title, also a former one, and by MediaWiki's own."""
    assert names_of(project).is_main_page(title)
    assert not names_of(project).is_main_page("Paris")


def test_table__has_the_large_projects() -> None:
    """The Wikipedias that many people read are in the table, and others are said not to be."""
    assert all(names_of(f"{language}.wikipedia").known for language in LARGE.split())
    for project in ("commons.wikimedia", "wikidata", "en.wiktionary", "en.wikisource"):
        assert names_of(project).known
    assert not names_of("xx.wikipedia").known


def test_table__is_well_formed() -> None:
    """Each row is of a project that can be asked for, and has names as titles have them."""
    project = TypeAdapter[str](ArticleProject)
    for name, row in TABLE["projects"].items():
        assert project.validate_python(name) == name
        assert row.keys() == {"main_pages", "namespaces"}
        assert row["main_pages"], name
        assert row["namespaces"] == sorted(set(row["namespaces"])), name
        for text in row["namespaces"]:
            assert text == text.strip("_")
            assert not set(" :#<>[]|{}$") & set(text), text


def test_sample__with_its_real_titles() -> None:
    """Of the real list of the sample, what is no article is known, and titles with a colon stay."""
    names, titles = names_of("en.wikipedia"), [row.article for row in load_sample().top.rows]
    elsewhere = [title for title in titles if not names.is_in_main_namespace(title)]
    assert len(elsewhere) == 11
    assert {title.partition(":")[0] for title in elsewhere} == {
        "Special",
        "Template",
        "File",
        "User",
        "Portal",
    }
    assert [title for title in titles if ":" in title and title not in elsewhere] == [
        "American_Horror_Story:_Hotel",
        "American_Horror_Story:_Freak_Show",
        "Avengers:_Age_of_Ultron",
    ]
    assert [title for title in titles if names.is_main_page(title)] == ["Main_Page"]
