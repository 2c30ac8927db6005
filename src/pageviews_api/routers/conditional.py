"""Conditional requests (RFC 9110 §13): whether a caller has the answer already."""

import re

_TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*(?:{_TAG}[ \t]*(?:$|,[ \t,]*))+")
_OPAQUE = re.compile(r'"[!#-~\x80-\xff]*"')


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
