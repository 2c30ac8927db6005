"""An article's title as the end of a path."""

from starlette.convertors import PathConvertor, register_url_convertor


class _TitleConvertor(PathConvertor):
    """The rest of the path. A line break is part of it, where ``path`` would lose or miss it."""

    regex = r"[\s\S]*"


register_url_convertor("title", _TitleConvertor())

TITLE = "{article:title}"
"""The title may hold slashes, raw or as ``%2F``."""
