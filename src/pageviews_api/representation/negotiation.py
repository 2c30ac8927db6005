"""Which format a caller gets who names none in the URL: what ``Accept`` prefers (RFC 9110 §12.5.1).

The parts of a header that cannot be read count as not sent. Who sends no ``Accept``, or nothing in
it that can be read, gets JSON.
"""

import re
from collections.abc import Iterator, Mapping

from pageviews_api.exceptions import NotAcceptableError
from pageviews_api.schemas.query import Format

MEDIA_TYPES: Mapping[Format, str] = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.NDJSON: "application/x-ndjson",
}
"""What each format is sent as. ``header=present``: the first line names the columns (RFC 7111)."""

_NAMES: Mapping[Format, tuple[str, ...]] = {
    Format.JSON: ("application/json",),
    Format.CSV: ("text/csv",),
    Format.NDJSON: ("application/x-ndjson", "application/ndjson", "application/jsonl"),
}
"""By which names a caller may ask for it; JSON wins where several are as welcome."""

_MOST_READ = 1_000
"""Characters of ``Accept`` that are read; browsers send 150."""

_MEDIA_RANGE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def negotiate(accept: str | None) -> Format:
    """Tell the format that a caller likes best.

    Raises
    ------
    NotAcceptableError
        The caller takes none of them.
    """
    ranges = dict(_ranges((accept or "")[:_MOST_READ].lower()))
    if not ranges:
        return Format.JSON
    liked = {one: max(_quality(name, ranges) for name in _NAMES[one]) for one in Format}
    best = max(Format, key=liked.__getitem__)
    if not liked[best]:
        raise NotAcceptableError([MEDIA_TYPES[one].partition(";")[0] for one in Format])
    return best


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        name, *parameters = (piece.strip(" \t") for piece in part.split(";"))
        if not _MEDIA_RANGE.fullmatch(name):
            continue
        weights = [match for one in parameters if (match := _QUALITY.fullmatch(one))]
        yield name, float(weights[0][1]) if weights else 1.0


def _quality(name: str, ranges: Mapping[str, float]) -> float:
    """Tell how welcome a media type is: the most specific range counts."""
    kind = name.partition("/")[0]
    return next((ranges[one] for one in (name, f"{kind}/*", "*/*") if one in ranges), 0.0)
