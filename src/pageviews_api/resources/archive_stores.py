"""Where archives are kept, opened: a bucket, or a folder."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial

from loguru import logger
from pydantic import SecretStr

from pageviews_api.archive.articles_file import ArticlesFile
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore, open_s3_client
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.exceptions import ArchiveError, ConfigurationError
from pageviews_api.schemas.selection import Selection

FIRST_CALL_WITHIN = 1.0
"""Seconds by which a bucket that does not answer may hold up the start."""

SITES_PLACE = "sites"
"""What takes the place of ``archives`` in the prefix, or folder, of the sites' archive."""


async def open_store(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> S3ArchiveStore | FolderArchiveStore:
    """Open the place of the archives of pageviews."""
    if settings.archive_bucket is None:
        log = logger.bind(folder=str(settings.archive_dir))
        if settings.render:
            log.error("no ARCHIVE_BUCKET: archives go to this instance's folder and are lost")
        else:
            log.info("no ARCHIVE_BUCKET: archives go to a folder")
        return FolderArchiveStore(settings.archive_dir)
    return await _bucket(settings, clock, stack, settings.archive_bucket, settings.archive_prefix)


def store_of_sites(
    archives: S3ArchiveStore | FolderArchiveStore, *, configured: bool
) -> ArchiveStore:
    """Give the sites' archive a place of its own: what it holds is not public.

    Raises
    ------
    ConfigurationError
        The other archives are there already.
    """
    store = archives.beside(SITES_PLACE)
    if configured and store.location == archives.location:
        name = "ARCHIVE_DIR" if isinstance(archives, FolderArchiveStore) else "ARCHIVE_PREFIX"
        raise ConfigurationError(
            f"{name} ends with {SITES_PLACE}, where the archive of the configured sites goes"
        )
    return store


async def articles_file(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> Callable[[], Awaitable[Selection]] | None:
    """Open the list of what to archive, where it is in S3."""
    if settings.articles_object is None:
        return None
    bucket, key = settings.articles_object
    store = await _bucket(settings, clock, stack, bucket, "")
    file = ArticlesFile(
        f"s3://{bucket}/{key}", partial(store.object, key), also=settings.archive_articles or ""
    )
    return file.selection


async def _bucket(
    settings: Settings, clock: Clock, stack: AsyncExitStack, bucket: str, prefix: str
) -> S3ArchiveStore:
    client = await stack.enter_async_context(
        open_s3_client(
            region=settings.aws_region,
            endpoint_url=settings.aws_endpoint_url_s3,
            access_key_id=_revealed(settings.aws_access_key_id),
            secret_access_key=_revealed(settings.aws_secret_access_key),
            session_token=_revealed(settings.aws_session_token),
        )
    )
    store = S3ArchiveStore(client, bucket=bucket, prefix=prefix, clock=clock)
    # The first call builds the TLS context, 0.3 s on the event loop: now nobody waits for it yet.
    with suppress(ArchiveError, TimeoutError):
        async with asyncio.timeout(FIRST_CALL_WITHIN):
            await store.ping()
    return store


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
