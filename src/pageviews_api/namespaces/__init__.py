"""Which titles are articles: the names of each project's namespaces, and of its main page.

A title is in a namespace if what stands before its first colon is one of the namespace's names:
the English one, the local one, or an alias. Case does not matter there, and spaces are underscores
(https://www.mediawiki.org/wiki/Help:Namespaces). ``names.json`` has the names; the README beside it
tells where they are from.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import TypedDict


class _Project(TypedDict):
    main_pages: list[str]
    namespaces: list[str]


class _Table(TypedDict):
    canonical: list[str]
    projects: dict[str, _Project]


@dataclass(frozen=True, slots=True)
class ProjectNames:
    """The names of a project's namespaces other than the main one, and titles of its main page.

    ``known`` is whether the table has the project. Without it, only the English names that every
    wiki has, and ``Main_Page``, are recognised.
    """

    namespaces: frozenset[str]
    main_pages: frozenset[str]
    known: bool

    def is_in_main_namespace(self, title: str) -> bool:
        """Tell whether a title is in the main namespace, where the articles are."""
        before, colon, _ = title.partition(":")
        return not colon or _normalised(before) not in self.namespaces

    def is_main_page(self, title: str) -> bool:
        """Tell whether a title is the main page's."""
        return title.replace(" ", "_") in self.main_pages


@lru_cache(maxsize=128)
def names_of(project: str) -> ProjectNames:
    """Tell the names of a project, by AQS's name for it: ``de.wikipedia``."""
    table = _table()
    canonical = table["canonical"]
    known = table["projects"].get(project)
    if known is None:
        return ProjectNames(_set(canonical), frozenset({"Main_Page"}), known=False)
    namespaces = _set(canonical + known["namespaces"])
    return ProjectNames(namespaces, frozenset(known["main_pages"]), known=True)


@cache
def _table() -> _Table:
    text = files(__name__).joinpath("names.json").read_text(encoding="utf-8")
    table: _Table = json.loads(text)
    return table


def _set(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_normalised, names))


def _normalised(name: str) -> str:
    return name.replace(" ", "_").strip("_").lower()
