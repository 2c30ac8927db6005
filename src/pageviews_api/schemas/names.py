"""Projects and articles, named as Wikimedia names them.

Two spellings of one thing become one string here, before any key is built or request made.
"""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

MAX_TITLE_BYTES = 255
"""What MediaWiki allows (``page.page_title`` is ``varbinary(255)``)."""

ALL_PROJECTS = "all-projects"
"""AQS's name for the sum over projects; it exists for totals only (refinery, ``hql/cassandra``)."""

_LANGUAGE = r"[a-z][a-z0-9]{0,23}(?:-[a-z0-9]{1,12}){0,3}"
_FAMILIES = "wikipedia|wiktionary|wikibooks|wikinews|wikiquote|wikisource|wikiversity|wikivoyage"
_SUM_OF_A_FAMILY = re.compile(rf"all-(?:{_FAMILIES})-projects")
_WITHOUT_LANGUAGE = (
    "wikidata|mediawiki|wikifunctions|wikisource|wikimediafoundation|test\\.wikidata"
)
_PROJECT = re.compile(
    rf"(?:{_LANGUAGE}\.(?:{_FAMILIES}|wikimedia)|{_WITHOUT_LANGUAGE}|{ALL_PROJECTS})"
)

BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""What turns the direction of text around: with it one name can look like another."""

_LINE_BREAKS = frozenset("\u2028\u2029")


def normalise_project(text: str) -> str:
    """Bring a project's name into AQS's form: ``EN.wikipedia.org`` is ``en.wikipedia``.

    As AQS does it (aqs-node, ``normalizeProject``): trimmed, lower case, without a leading
    ``www.`` and a trailing ``.org``.

    Raises
    ------
    PydanticCustomError
        No Wikimedia project can have this name.
    """
    if len(text) <= MAX_TITLE_BYTES:
        name = text.strip(" ").lower().removeprefix("www.").removesuffix(".org")
        if name.isascii() and _PROJECT.fullmatch(name):
            return name
    raise PydanticCustomError("project", "is no Wikimedia project; one is written en.wikipedia")


def normalise_article(text: str) -> str:
    """Bring a title into AQS's form: spaces are underscores, Unicode is composed (NFC).

    The case is never changed: AQS counts ``cat`` and ``Cat`` apart.

    Raises
    ------
    PydanticCustomError
        No article can have this title: it is empty, a dot segment, longer than 255 bytes, or
        holds control characters or invalid Unicode.
    """
    _check_characters(text)
    return _checked_title(unicodedata.normalize("NFC", text.replace(" ", "_")))


def exact_article(text: str) -> str:
    """Bring a title into AQS's form as AQS itself does: spaces are underscores, and no more.

    A title that is not composed stays so: AQS has counted no view of it.

    Raises
    ------
    PydanticCustomError
        As ``normalise_article``.
    """
    _check_characters(text)
    return _checked_title(text.replace(" ", "_"))


def _check_characters(text: str) -> None:
    if not text:
        raise PydanticCustomError("article", "is empty")
    if len(text) > MAX_TITLE_BYTES or any(map(_is_forbidden, text)):
        reason = (
            "is longer than 255 bytes"
            if len(text) > MAX_TITLE_BYTES
            else "holds a control character or invalid Unicode"
        )
        raise PydanticCustomError("article", reason)


def _checked_title(title: str) -> str:
    if title in {".", ".."}:
        # `quote` leaves dots alone, and HTTP clients would resolve the path segment away.
        raise PydanticCustomError("article", "is a path segment, not a title")
    if len(title.encode()) > MAX_TITLE_BYTES:
        raise PydanticCustomError("article", "is longer than 255 bytes")
    return title


def is_article(title: str) -> bool:
    """Tell whether this is an article's exact title in AQS's form."""
    try:
        return normalise_article(title) == title
    except PydanticCustomError:
        return False


def _is_forbidden(character: str) -> bool:
    return (
        unicodedata.category(character) in {"Cc", "Cs"}
        or character in BIDI_CONTROLS
        or character in _LINE_BREAKS
    )


def is_project(name: str) -> bool:
    """Tell whether this is the name of a Wikimedia project in AQS's form."""
    return len(name) <= MAX_TITLE_BYTES and _PROJECT.fullmatch(name) is not None


def has_devices(name: str) -> bool:
    """Tell whether AQS may count unique devices of this: a project, or all of one family."""
    of_one = is_project(name) and name != ALL_PROJECTS
    return of_one or _SUM_OF_A_FAMILY.fullmatch(name) is not None


def refuse_all_projects(project: str) -> str:
    """Let every project pass but ``all-projects``, for which AQS has only totals."""
    if not has_articles(project):
        raise PydanticCustomError("project", "has totals only, no articles of its own")
    return project


def has_articles(project: str) -> bool:
    """Tell whether a project is one with articles, and so with top lists."""
    return project != ALL_PROJECTS


Project = Annotated[
    str,
    AfterValidator(normalise_project),
    Field(
        description="A Wikimedia project, as AQS names it.",
        examples=["en.wikipedia"],
        # Other spellings are taken, too: they are made into this one.
        json_schema_extra={"pattern": f"^{_PROJECT.pattern}$"},
    ),
]
"""A project that has totals; ``all-projects`` is one."""

ArticleProject = Annotated[Project, AfterValidator(refuse_all_projects)]
"""A project that has articles."""

Article = Annotated[
    str,
    AfterValidator(normalise_article),
    Field(
        description="A title, with spaces or underscores. Upper and lower case count.",
        examples=["Strasbourg"],
        json_schema_extra={"minLength": 1, "maxLength": MAX_TITLE_BYTES},
    ),
]
"""An article's exact title, with underscores."""
