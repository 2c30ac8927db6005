"""What commands have in common: settings, logs, how they fail."""

import asyncio
from typing import NoReturn

import typer
from pydantic import TypeAdapter, ValidationError

from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.config import Settings, load_settings
from pageviews_api.daterange import NamedRange
from pageviews_api.exceptions import (
    ArchiveError,
    ConfigurationError,
    FieldError,
    InvalidParameterError,
)
from pageviews_api.logs import set_up_logs
from pageviews_api.schemas.names import Article, ArticleProject
from pageviews_api.schemas.query import Series, SeriesQuery

NOBODY = "http://127.0.0.1:9"
"""Where AQS is for what does not ask it."""

USAGE = 2
"""The exit code of a call or a setting that has no meaning."""


def fail(message: str, *, code: int = 1) -> NoReturn:
    """Say on stderr why, and end."""
    typer.echo(f"pageviews-api: {message}", err=True)
    raise typer.Exit(code)


def settings_or_exit(*, asks_wikimedia: bool = True) -> Settings:
    """Read the settings and set up the logs; end with the name of a setting that has no meaning.

    Who does not ask Wikimedia needs no contact for it.
    """
    try:
        settings = load_settings(**({} if asks_wikimedia else {"aqs_base_url": NOBODY}))
    except ConfigurationError as e:
        fail(str(e), code=USAGE)
    set_up_logs(settings.log_level, settings.log_format)
    return settings


def check_folder(settings: Settings) -> None:
    """End with one line where archives should go to a folder that cannot be written."""
    if settings.archive_bucket is not None or not settings.archive_enabled:
        return
    try:
        asyncio.run(FolderArchiveStore(settings.archive_dir).check())
    except ArchiveError as e:
        fail(f"ARCHIVE_DIR cannot be used: {e}")


def series_query(settings: Settings, project: str, article: str, days: str) -> SeriesQuery:
    """Read the words of a command as a question.

    Raises
    ------
    InvalidParameterError
        One of them has no meaning.
    """
    series = Series(
        _read("project", TypeAdapter(ArticleProject), project),
        settings.default_access,
        settings.default_agent,
        _read("article", TypeAdapter(Article), article),
    )
    return SeriesQuery(series, NamedRange.parse(days))


def _read(name: str, adapter: TypeAdapter[str], text: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError as e:
        msg = e.errors(include_url=False)[0]["msg"]
        raise InvalidParameterError(FieldError((name,), msg)) from None
