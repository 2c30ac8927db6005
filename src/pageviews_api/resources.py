"""What lives as long as the process: opened in order, closed in reverse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from loguru import logger
from pydantic import SecretStr

from pageviews_api import __version__
from pageviews_api.archive_shelf import TRIES, ArchiveShelf, DayOutcome
from pageviews_api.archiver import ASK_AGAIN_FOR_DATA, ArchivePlan, DailyArchiver
from pageviews_api.budget import CircuitBreaker, CircuitState, Gate
from pageviews_api.cache import Cache
from pageviews_api.clients.aqs import UPSTREAM, AqsClient
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore, open_s3_client
from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clients.known_days import KnownDays
from pageviews_api.clients.pageviews import AnswerPolicy, PageviewsClient
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.exceptions import ArchiveError, UpstreamError
from pageviews_api.scheduler import ScheduledTask
from pageviews_api.schemas.health import AqsReadiness, ArchiveReadiness, Condition, Readiness
from pageviews_api.schemas.query import Series

CONNECTIONS_KEPT = 60.0
"""Seconds for which an idle connection to Wikimedia is kept."""

STORE_PING_WITHIN = 2.0
"""Seconds that a readiness probe may wait for the archive store; Render waits 5."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that handlers and commands use."""

    settings: Settings
    clock: Clock
    pageviews: PageviewsClient
    gate: Gate
    breaker: CircuitBreaker
    store: ArchiveStore
    archiver: DailyArchiver
    archive_task: ScheduledTask

    async def readiness(self) -> Readiness:
        """Tell how well everything works that we depend on; nothing takes longer than 2 s."""
        aqs_works = self.breaker.state is not CircuitState.OPEN and not self.gate.paused
        aqs = AqsReadiness(
            status=Condition.OK if aqs_works else Condition.DEGRADED,
            circuit=self.breaker.state,
            paused=self.gate.paused,
        )
        archive = await self._archive_readiness()
        degraded = Condition.DEGRADED in {aqs.status, archive.status}
        return Readiness(
            status=Condition.DEGRADED if degraded else Condition.OK, aqs=aqs, archive=archive
        )

    async def _archive_readiness(self) -> ArchiveReadiness:
        state = self.archiver.state
        if not self.settings.archive_enabled:
            status, reason = Condition.OFF, None
        else:
            reason = self._archive_fault() or await self._store_fault()
            status = Condition.DEGRADED if reason else Condition.OK
        return ArchiveReadiness(
            status=status,
            last_run=state.last_run,
            last_success=state.last_success,
            reason=reason,
        )

    def _archive_fault(self) -> str | None:
        """Name what is wrong with the job, in words that tell nothing of the store."""
        if self.settings.render and self.settings.archive_bucket is None:
            return "no bucket is set: archives are lost when this instance ends"
        if not self.archive_task.is_running:
            return "the archive task does not run"
        if self.archive_task.state.last_error:
            return f"the last run failed ({self.archive_task.state.last_error})"
        return "the last run did not get all it wanted" if self.archiver.state.last_error else None

    async def _store_fault(self) -> str | None:
        try:
            async with asyncio.timeout(STORE_PING_WITHIN):
                await self.store.ping()
        except (ArchiveError, TimeoutError):
            return "the archive store does not answer"
        return None


@asynccontextmanager
async def open_resources(
    settings: Settings,
    clock: Clock,
    *,
    notice: str | None = None,
    store_tries: int = TRIES,
) -> AsyncIterator[Resources]:
    """Open everything, and close it in reverse.

    ``notice`` is said beside the numbers in every answer. ``store_tries`` is how often an archive
    is tried to be written. The archive task is not started.
    """
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(_http_client(settings))
        gate = Gate(
            UPSTREAM,
            max_concurrency=max(settings.aqs_max_concurrency // settings.processes, 1),
            requests_per_minute=max(settings.aqs_requests_per_minute // settings.processes, 1),
            clock=clock,
        )
        stack.push_async_callback(gate.aclose)
        breaker = CircuitBreaker(UPSTREAM, clock)
        aqs = AqsClient(
            UpstreamClient(UPSTREAM, settings.aqs_base_url, http, clock),
            gate=gate,
            breaker=breaker,
            clock=clock,
            timeout=settings.aqs_timeout,
        )
        cache = Cache(
            max_bytes=settings.cache_max_bytes,
            wait=timedelta(seconds=settings.cache_wait),
            clock=clock,
        )
        stack.push_async_callback(cache.aclose)
        pageviews = PageviewsClient(
            _known_days(aqs, cache, settings, clock),
            clock=clock,
            policy=_policy(settings, notice),
        )
        store = await _open_store(settings, stack)
        shelf = ArchiveShelf(store, clock=clock, tries=store_tries)
        archiver = DailyArchiver(pageviews, shelf, clock=clock, plan=_plan(settings))
        yield Resources(
            settings=settings,
            clock=clock,
            pageviews=pageviews,
            gate=gate,
            breaker=breaker,
            store=store,
            archiver=archiver,
            archive_task=_archive_task(archiver, store, settings, clock),
        )


def _http_client(settings: Settings) -> httpx.AsyncClient:
    contact = settings.aqs_contact or "no contact: not for Wikimedia"
    return httpx.AsyncClient(
        headers={
            # The form that Wikimedia asks for (https://www.mediawiki.org/wiki/Wikimedia_APIs/
            # Access_policy); the contact is the operator's.
            "User-Agent": f"pageviews_api/{__version__} ({contact}) httpx/{httpx.__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        },
        # Wikimedia sets cookies that tell clients apart; none is kept or sent.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=settings.aqs_timeout,
        # How many there are is the gate's business. A pool with a bound of its own would run dry:
        # a request that is cancelled while it connects can leave its place taken for ever.
        limits=httpx.Limits(max_connections=None, keepalive_expiry=CONNECTIONS_KEPT),
        follow_redirects=False,
        trust_env=False,
    )


def _known_days(aqs: AqsClient, cache: Cache, settings: Settings, clock: Clock) -> KnownDays:
    project, article = settings.witness
    return KnownDays(
        aqs,
        cache,
        clock=clock,
        witness=Series(project, settings.default_access, settings.default_agent, article),
        freshness=settings.freshness,
        span_days=settings.aqs_span_days,
    )


def _policy(settings: Settings, notice: str | None) -> AnswerPolicy:
    return AnswerPolicy(
        freshness=settings.freshness,
        stale_limit=timedelta(seconds=settings.cache_stale_limit),
        deadline=timedelta(seconds=settings.aqs_timeout),
        notice=notice,
    )


def _plan(settings: Settings) -> ArchivePlan:
    return ArchivePlan(
        selection=settings.selection,
        project=settings.default_project,
        access=settings.default_access,
        agent=settings.default_agent,
        length=settings.archive_days,
    )


async def _open_store(settings: Settings, stack: AsyncExitStack) -> ArchiveStore:
    if settings.archive_bucket is None:
        log = logger.bind(folder=str(settings.archive_dir))
        if settings.render:
            log.error("no ARCHIVE_BUCKET: archives go to this instance's folder and are lost")
        else:
            log.info("no ARCHIVE_BUCKET: archives go to a folder")
        return FolderArchiveStore(settings.archive_dir)
    client = await stack.enter_async_context(
        open_s3_client(
            region=settings.aws_region,
            endpoint_url=settings.aws_endpoint_url_s3,
            access_key_id=_revealed(settings.aws_access_key_id),
            secret_access_key=_revealed(settings.aws_secret_access_key),
            session_token=_revealed(settings.aws_session_token),
        )
    )
    return S3ArchiveStore(client, bucket=settings.archive_bucket, prefix=settings.archive_prefix)


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _archive_task(
    archiver: DailyArchiver, store: ArchiveStore, settings: Settings, clock: Clock
) -> ScheduledTask:
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

    return ScheduledTask(
        "archive", archive, settings.archive_schedule, now=clock.now, sleep=clock.sleep
    )


async def _is_usable(store: ArchiveStore) -> bool:
    """Find out early whether archives can be written, and say so."""
    try:
        await store.check()
    except ArchiveError as e:
        logger.bind(store=store.location, reason=str(e)).error("archive store unusable")
        return False
    logger.bind(store=store.location).info("archive store usable")
    return True
