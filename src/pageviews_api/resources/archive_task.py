"""The daily job, and whose turn it is to run it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from loguru import logger

from pageviews_api.archive.archiver import ASK_AGAIN_FOR_DATA, DailyArchiver
from pageviews_api.archive.shelf import DayOutcome
from pageviews_api.archive.sites.archiver import SitesArchiver
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.exceptions import ArchiveError, UpstreamError
from pageviews_api.scheduler import ScheduledTask
from pageviews_api.shared import Shared

ARCHIVE_LEASE = 60.0
"""Seconds after which another process archives if the one that did has died."""

ASK_AGAIN_FOR_TURN = timedelta(minutes=15)
"""How long a process waits that let another one archive."""

LOOK_FOR_TURN = 1.0
"""Seconds between two looks whether another one still archives, where somebody waits for it."""


def archive_task(
    archiver: DailyArchiver,
    store: ArchiveStore,
    settings: Settings,
    clock: Clock,
    *,
    shared: Shared | None,
    sites: SitesArchiver | None = None,
) -> ScheduledTask:
    """Plan the job: pageviews, then sites, in one process at a time. It is not started."""
    checked = settings.archive_bucket is None  # a folder was looked at before the task begins

    async def archive(today_due: bool) -> timedelta | None:  # noqa: FBT001  # as the task calls it
        nonlocal checked
        if not checked:
            checked = await _is_usable(store)
        try:
            results = await archiver.run(today_due=today_due)
        except (ArchiveError, UpstreamError):
            return None  # the archiver has logged it, and readiness tells of it
        waiting = any(result.outcome is DayOutcome.WAITING for result in results)
        return ASK_AGAIN_FOR_DATA if waiting else None

    async def archive_all(today_due: bool) -> timedelta | None:  # noqa: FBT001  # as `archive`
        try:
            wish = await archive(today_due)
        except Exception:
            await _archive_sites(sites, today_due=today_due)
            raise
        await _archive_sites(sites, today_due=today_due)
        return wish

    async def archive_in_turn(today_due: bool) -> timedelta | None:  # noqa: FBT001  # as `archive`
        if shared is None:
            return await archive_all(today_due)
        async with shared.hold("archive", lease=ARCHIVE_LEASE) as ours:
            return await archive_all(today_due) if ours else ASK_AGAIN_FOR_TURN

    return ScheduledTask(
        "archive", archive_in_turn, settings.archive_schedule, now=clock.now, sleep=clock.sleep
    )


async def _archive_sites(sites: SitesArchiver | None, *, today_due: bool) -> None:
    """Archive the sites; whatever befalls that does nothing to the other archives."""
    if sites is None:
        return
    try:
        await sites.run(today_due=today_due)
    except ArchiveError:
        return  # the archiver has logged it, and readiness tells of it
    except Exception as e:  # noqa: BLE001  # a fault of it must not count as one of the others
        logger.opt(exception=e).error("archiving sites has a fault")


@asynccontextmanager
async def archive_turn(shared: Shared | None) -> AsyncIterator[None]:
    """Wait until no other process archives, and hold them off meanwhile."""
    if shared is None:
        yield
        return
    is_told = False
    while True:
        async with shared.hold("archive", lease=ARCHIVE_LEASE) as ours:
            if ours:
                yield
                return
        if not is_told:
            logger.info("another process archives, waiting for it")
            is_told = True
        await asyncio.sleep(LOOK_FOR_TURN)  # real time: its lease runs by Redis' own


async def _is_usable(store: ArchiveStore) -> bool:
    """Find out early whether archives can be written, and say so."""
    try:
        await store.check()
    except ArchiveError as e:
        logger.bind(store=store.location, reason=str(e)).error("archive store unusable")
        return False
    logger.bind(store=store.location).info("archive store usable")
    return True
