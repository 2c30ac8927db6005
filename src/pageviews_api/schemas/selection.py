"""What the operator wants archived, as written in ``ARCHIVE_ARTICLES``."""

import re
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from pageviews_api.schemas.names import Article, ArticleProject, Project

_ENTRY_END = re.compile(r"[|\r\n]+")
_TOP = re.compile(r"top:([1-9][0-9]{0,2}|1000)")

_project: TypeAdapter[str] = TypeAdapter(Project)
_article_project: TypeAdapter[str] = TypeAdapter(ArticleProject)
_article: TypeAdapter[str] = TypeAdapter(Article)


@dataclass(frozen=True, slots=True)
class Selection:
    """Articles by name, projects whose total is wanted, and the length of a top list (0: none).

    Without repeats, in the order of writing.
    """

    articles: tuple[tuple[str, str], ...] = ()
    totals: tuple[str, ...] = ()
    top: int = 0

    def __bool__(self) -> bool:
        return bool(self.articles or self.totals or self.top)

    def joined(self, other: "Selection") -> "Selection":
        """Add another one: what both name is named once, and the longer top list counts."""
        return Selection(
            tuple(dict.fromkeys(self.articles + other.articles)),
            tuple(dict.fromkeys(self.totals + other.totals)),
            max(self.top, other.top),
        )


def parse_selection(text: str, *, refused: list[str] | None = None) -> Selection:
    """Read entries parted by ``|`` (no title can hold it) or line ends.

    ``project/article`` is an article, ``project:*`` a project's total, ``top:N`` the first N of
    the default project's top list of the day before. Lines that begin with ``#`` are comments.

    ``refused`` takes what is said of entries that are none of these, which are left out then.

    Raises
    ------
    ValueError
        An entry is none of these, and there is no ``refused``. The message tells which one by its
        number, and not what it says: a list in the wrong place may hold secrets.
    """
    articles: dict[tuple[str, str], None] = {}
    totals: dict[str, None] = {}
    top = 0
    entries = filter(None, map(str.strip, _ENTRY_END.split(text)))
    for number, entry in enumerate(entries, start=1):
        if entry.startswith("#"):
            continue
        try:
            if match := _TOP.fullmatch(entry):
                top = max(top, int(match[1]))
            elif entry.endswith(":*") and "/" not in entry:
                totals[_read(_project, entry.removesuffix(":*"), number, "project")] = None
            else:
                project, _, article = entry.partition("/")
                name = (
                    _read(_article_project, project, number, "project"),
                    _read(_article, article, number, "article"),
                )
                articles[name] = None
        except ValueError as e:
            if refused is None:
                raise
            refused.append(str(e))
    return Selection(tuple(articles), tuple(totals), top)


def _read(adapter: TypeAdapter[str], text: str, number: int, part: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError as e:
        reason = e.errors(include_url=False)[0]["msg"]
        raise ValueError(
            f"cannot be read: entry {number} is neither project/article, project:* nor top:N "
            f"(1 to 1000); its {part} {reason}"
        ) from None
