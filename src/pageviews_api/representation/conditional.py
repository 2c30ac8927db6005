"""Conditional requests (RFC 9110 §13): whether a caller has the answer already."""

import hashlib
import re

_TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*(?:{_TAG}[ \t]*(?:$|,[ \t,]*))+")
_OPAQUE = re.compile(r'"[!#-~\x80-\xff]*"')

_OF_THE_MOMENT = re.compile(rb'"(?:checked_at|instance)":"[^"]*",?')
"""Within a string, JSON escapes the quotation marks, so that no title looks like this."""


def weak_etag(body: bytes) -> str:
    """Name what an answer tells, however it is compressed.

    ``checked_at`` is left out: a check that finds nothing new keeps the tag. So is the id of the
    request, in a problem of an article in a set.
    """
    return f'W/"{hashlib.sha256(_OF_THE_MOMENT.sub(b"", body)).hexdigest()[:32]}"'


def has(if_none_match: str | None, etag: str) -> bool:
    """Tell whether ``If-None-Match`` names this tag, or any (``*``); nonsense names none.

    Tags are compared weakly: ``W/`` makes no difference (RFC 9110 §13.1.2).
    """
    if if_none_match is None:
        return False
    if if_none_match.strip(" \t") == "*":
        return True
    if not _TAGS.fullmatch(if_none_match):
        return False
    return etag.removeprefix("W/") in _OPAQUE.findall(if_none_match)
