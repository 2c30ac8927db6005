"""``python -m pageviews_api`` is ``pageviews-api``."""

from pageviews_api.cli import app

app()
