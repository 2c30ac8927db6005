"""Wikipedia pageviews, fetched once, kept, and served to everybody."""

from importlib.metadata import version

__version__ = version("pageviews-api")
