"""Pages of a site by their paths: one way to write a path, and one page for each. Pure.

Visitors make paths up: whatever they hold comes out here printable and bounded.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from pageviews_api.clients.site_days import bounce_rate
from pageviews_api.schemas.names import BIDI_CONTROLS
from pageviews_api.schemas.site_metrics import PageFigures
from pageviews_api.series.ratios import ratio, total

MAX_PATH = 2000
"""Characters of a path that are told: Plausible keeps as many bytes."""

_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_NOT_SHOWN = {"Cc", "Cs", "Zl", "Zp"}
_ENCODED = BIDI_CONTROLS | set("%?#")


def path_told(path: str) -> str:
    """Write a path as we tell it: begun with a slash, percent-decoded, of ``MAX_PATH`` at most.

    Control characters, also those of the direction of text, line separators and ``%``, ``?``,
    ``#`` stay encoded, so that the path read again is the same.
    """
    written, length = [], 0
    for char in unquote(path if path.startswith("/") else f"/{path}"):
        encode = char in _ENCODED or unicodedata.category(char) in _NOT_SHOWN
        written.append(quote(char, safe="", errors="replace") if encode else char)
        length += len(written[-1])
        if length > MAX_PATH:
            return "".join(written[:-1])
    return "".join(written)


def path_asked(path: str) -> str:
    """Write a path that somebody asks for as we tell it, without what stands behind a ``?``."""
    return path_told(path.split("?", 1)[0])


def path_of_url(url: str) -> str:
    """Tell the path of a page's URL, without query and fragment; a URL that is none has one, too.

    ``urlsplit`` is not for this: it raises on some of what visitors make up.
    """
    rest = _ORIGIN.sub("", url, count=1) if _ORIGIN.match(url) else url
    return path_told(re.split(r"[?#]", rest, maxsplit=1)[0])


@dataclass(frozen=True, slots=True)
class PageCounts:
    """What was counted of a page; None: the provider does not tell it.

    A ``bounce_rate`` told as such cannot be added up. ``seconds`` are those of all views.
    """

    pageviews: int
    visitors: int | None = None
    visits: int | None = None
    entries: int | None = None
    bounces: int | None = None
    seconds: int | None = None
    bounce_rate: float | None = None

    def __add__(self, other: "PageCounts") -> "PageCounts":
        return PageCounts(
            pageviews=self.pageviews + other.pageviews,
            visitors=total([self.visitors, other.visitors]),
            visits=total([self.visits, other.visits]),
            entries=total([self.entries, other.entries]),
            bounces=total([self.bounces, other.bounces]),
            seconds=total([self.seconds, other.seconds]),
        )

    @property
    def rate(self) -> float | None:
        """The percentage of bounces among the visits that began here; None: none did."""
        made = bounce_rate(self.bounces, self.entries)
        return self.bounce_rate if made is None else made


def merged(pages: Iterable[tuple[str, PageCounts]]) -> dict[str, PageCounts]:
    """Add up what was counted under the same path.

    Who came to a page by two query strings is in both counts of visitors, and so twice in the sum.
    """
    merged: dict[str, PageCounts] = {}
    for path, counts in pages:
        merged[path] = merged[path] + counts if path in merged else counts
    return merged


def most_viewed(pages: Iterable[tuple[str, PageCounts]], limit: int) -> list[PageFigures]:
    """List the pages that were looked at most, ties by path."""
    ranked = sorted(merged(pages).items(), key=lambda page: (-page[1].pageviews, page[0]))
    return [_figures(path, counts) for path, counts in ranked[:limit]]


def _figures(path: str, counts: PageCounts) -> PageFigures:
    return PageFigures(
        path=path,
        visitors=counts.visitors,
        visits=counts.visits,
        pageviews=counts.pageviews,
        bounce_rate=counts.rate,
        time_on_page=ratio(counts.seconds, counts.pageviews, of=1, digits=2),
    )
