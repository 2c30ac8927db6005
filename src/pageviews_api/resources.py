"""What lives as long as the process: opened in order, closed in reverse."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
from loguru import logger
from pydantic import SecretStr

from pageviews_api import __version__
from pageviews_api.archive.archiver import ASK_AGAIN_FOR_DATA, ArchivePlan, DailyArchiver
from pageviews_api.archive.articles_file import ArticlesFile
from pageviews_api.archive.catalogue import ArchiveCatalogue
from pageviews_api.archive.differences import ArchiveComparisons
from pageviews_api.archive.index import ArchiveIndex
from pageviews_api.archive.observations import Observations
from pageviews_api.archive.reader import ArchiveReader
from pageviews_api.archive.runs import ArchiveRuns
from pageviews_api.archive.shelf import TRIES, ArchiveShelf, DayOutcome, Shelf
from pageviews_api.archive.sites.archiver import TRIES as SITES_TRIES
from pageviews_api.archive.sites.archiver import SitesArchiver
from pageviews_api.archive.sites.catalogue import SitesCatalogue
from pageviews_api.archive.sites.document import SITES
from pageviews_api.archive.top_lists import ArchivedTopLists
from pageviews_api.article_sets.batches import ArticleBatches
from pageviews_api.budget import CircuitBreaker, CircuitState, Gate, RequestGate
from pageviews_api.cache import Cache
from pageviews_api.clients.aqs import TRY_TIMEOUT, UPSTREAM, AqsClient
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore, open_s3_client
from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clients.compatible import CompatibleClient
from pageviews_api.clients.days_store import DaysStore
from pageviews_api.clients.pageviews import AnswerPolicy, PageviewsClient
from pageviews_api.clients.sites import Sites
from pageviews_api.clients.top_lists import TopLists
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.exceptions import ArchiveError, ConfigurationError, UpstreamError
from pageviews_api.provider_clients import open_sites
from pageviews_api.scheduler import ScheduledTask
from pageviews_api.schemas.data_state import ArchiveCoverage, Budget, DataState
from pageviews_api.schemas.health import (
    AqsReadiness,
    ArchiveReadiness,
    Condition,
    Readiness,
    RedisReadiness,
    SitesReadiness,
)
from pageviews_api.schemas.query import Series
from pageviews_api.schemas.selection import Selection
from pageviews_api.shared import Shared, open_shared
from pageviews_api.shared_gate import Limits, SharedGate

CONNECTIONS_KEPT = 60.0
"""Seconds for which an idle connection to Wikimedia is kept."""

STORE_PING_WITHIN = 2.0
"""Seconds that a readiness probe may wait for the archive store; Render waits 5."""

FIRST_CALL_WITHIN = 1.0
"""Seconds by which a bucket that does not answer may hold up the start."""

ARCHIVE_LEASE = 60.0
"""Seconds after which another process archives if the one that did has died."""

ASK_AGAIN_FOR_TURN = timedelta(minutes=15)
"""How long a process waits that let another one archive."""

SITES_PLACE = "sites"
"""What takes the place of ``archives`` in the prefix, or folder, of the sites' archive."""

LOOK_FOR_TURN = 1.0
"""Seconds between two looks whether another one still archives, where somebody waits for it."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that handlers and commands use."""

    settings: Settings
    clock: Clock
    pageviews: PageviewsClient
    compatible: CompatibleClient
    top_lists: TopLists
    shared: Shared | None
    gate: RequestGate
    breaker: CircuitBreaker
    store: ArchiveStore
    archive_index: ArchiveIndex
    archive_reader: ArchiveReader
    archive_catalogue: ArchiveCatalogue
    archive_comparisons: ArchiveComparisons
    archived_top_lists: ArchivedTopLists
    archiver: DailyArchiver
    archive_task: ScheduledTask
    archive_runs: ArchiveRuns
    sites_archiver: SitesArchiver
    sites_catalogue: SitesCatalogue
    article_batches: ArticleBatches
    sites: Sites

    @asynccontextmanager
    async def archive_turn(self) -> AsyncIterator[None]:
        """Wait until no other process archives, and hold them off meanwhile."""
        async with _archive_turn(self.shared):
            yield

    async def readiness(self) -> Readiness:
        """Tell how well everything works that we depend on; nothing takes longer than 2 s."""
        aqs_works = self.breaker.state is not CircuitState.OPEN and not self.gate.paused
        aqs = AqsReadiness(
            status=Condition.OK if aqs_works else Condition.DEGRADED,
            circuit=self.breaker.state,
            paused=self.gate.paused,
        )
        archive, redis = await self._archive_readiness(), self._redis_readiness()
        sites, site_archive = self._sites_readiness(), self._site_archive_readiness()
        conditions = {aqs.status, archive.status, redis.status, sites.status}
        conditions |= {site_archive.status} if site_archive else set()
        degraded = Condition.DEGRADED in conditions
        return Readiness(
            status=Condition.DEGRADED if degraded else Condition.OK,
            aqs=aqs,
            archive=archive,
            site_archive=site_archive,
            redis=redis,
            sites=sites,
        )

    def _site_archive_readiness(self) -> ArchiveReadiness | None:
        """Tell of the sites' archive, in words that tell nothing of them; None without sites."""
        if not self.sites_archiver.has_sites:
            return None
        state, enabled = self.sites_archiver.state, self.settings.archive_enabled
        failed = enabled and state.last_error is not None
        status = Condition.DEGRADED if failed else Condition.OK
        return ArchiveReadiness(
            status=status if enabled else Condition.OFF,
            last_run=state.last_run,
            last_success=state.last_success,
            reason="the last run did not get all it wanted" if failed else None,
        )

    def _sites_readiness(self) -> SitesReadiness:
        """Tell what is known from the last questions; no provider is asked."""
        if not self.sites.names():
            return SitesReadiness(status=Condition.OFF, failing=0)
        failing = self.sites.failing
        status = Condition.DEGRADED if failing else Condition.OK
        return SitesReadiness(status=status, failing=failing)

    def _redis_readiness(self) -> RedisReadiness:
        if self.shared is None:
            return RedisReadiness(status=Condition.OFF)
        lost = self.shared.lost
        return RedisReadiness(status=Condition.DEGRADED if lost else Condition.OK)

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

    async def data_state(self) -> DataState:
        """Tell what is known of the data, and what may still be asked; AQS is not asked."""
        return DataState(
            datasets=await self.pageviews.datasets(),
            corrections=await self.pageviews.corrections(),
            archive=await self._archive_coverage(),
            budget=self._budget(),
            notice=self.pageviews.notice,
        )

    def _budget(self) -> Budget:
        paused_for = self.gate.paused_for
        until = self.clock.now() + timedelta(seconds=paused_for) if paused_for else None
        return Budget(
            requests_per_minute=self.gate.limit,
            remaining=self.gate.remaining,
            in_flight=self.gate.in_flight,
            paused_until=until.replace(microsecond=0) if until else None,
            circuit=self.breaker.state,
            shared=self.shared is not None and not self.shared.lost,
        )

    async def _archive_coverage(self) -> ArchiveCoverage:
        days, state = await self.archive_index.days(), self.archiver.state
        archived = days or []
        fault = self._archive_fault() if self.settings.archive_enabled else None
        silent = "the archive store cannot be listed" if days is None else None
        return ArchiveCoverage(
            enabled=self.settings.archive_enabled,
            newest=max(archived, default=None),
            oldest=min(archived, default=None),
            days=None if days is None else len(days),
            incomplete=state.incomplete(archived),
            last_run=state.last_run,
            last_success=state.last_success,
            last_error=fault or silent,
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
        shared = await _open_shared(settings, clock, stack)
        gate = _gate(settings, clock, shared)
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
            shared=shared,
        )
        stack.push_async_callback(cache.aclose)
        store = await _open_store(settings, clock, stack)
        index = ArchiveIndex(store, clock=clock)
        reader = ArchiveReader(store, index)
        stack.push_async_callback(reader.aclose)
        deadline = timedelta(seconds=settings.aqs_timeout)
        comparisons = ArchiveComparisons(index, reader, deadline=deadline, notice=notice)
        stack.push_async_callback(comparisons.aclose)
        days_store = _days_store(aqs, cache, settings, clock)
        archived, policy = Observations(index, reader), _policy(settings, notice)
        pageviews = PageviewsClient(days_store, archived, clock=clock, policy=policy)
        compatible = CompatibleClient(days_store, archived, aqs, cache, clock=clock, policy=policy)
        shelf = ArchiveShelf(store, clock=clock, tries=store_tries, wrote=index.forget)
        archiver = DailyArchiver(
            pageviews,
            shelf,
            clock=clock,
            plan=_plan(settings),
            selection=await _articles_file(settings, clock, stack),
        )
        runs = ArchiveRuns(
            archiver,
            index,
            clock=clock,
            key=store.key,
            turn=partial(_archive_turn, shared),
            board=shared,
        )
        stack.push_async_callback(runs.aclose)
        sites = await stack.enter_async_context(open_sites(settings, clock, shared))
        sites_store = _sites_store(store, configured=bool(sites.names()))
        sites_index = ArchiveIndex(sites_store, clock=clock, form=SITES)
        sites_reader = ArchiveReader(sites_store, sites_index)
        stack.push_async_callback(sites_reader.aclose)
        sites_shelf = Shelf(
            sites_store,
            SITES,
            clock=clock,
            tries=min(store_tries, SITES_TRIES),
            wrote=sites_index.forget,
        )
        sites_archiver = SitesArchiver(sites, sites_shelf, clock=clock)
        yield Resources(
            settings=settings,
            clock=clock,
            pageviews=pageviews,
            compatible=compatible,
            top_lists=TopLists(days_store, archived, clock=clock, policy=policy),
            shared=shared,
            gate=gate,
            breaker=breaker,
            store=store,
            archive_index=index,
            archive_reader=reader,
            archive_catalogue=ArchiveCatalogue(
                index, reader, clock=clock, deadline=deadline, notice=notice
            ),
            archive_comparisons=comparisons,
            archived_top_lists=ArchivedTopLists(
                index, reader, clock=clock, deadline=deadline, notice=notice
            ),
            archiver=archiver,
            archive_task=_archive_task(
                archiver, store, settings, clock, shared=shared, sites=sites_archiver
            ),
            archive_runs=runs,
            sites_archiver=sites_archiver,
            sites_catalogue=SitesCatalogue(
                sites_index, sites_reader, clock=clock, deadline=deadline, notice=notice
            ),
            article_batches=ArticleBatches(pageviews, gate=gate, clock=clock),
            sites=sites,
        )


async def _open_shared(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Shared | None:
    url = _revealed(settings.redis_url)
    return None if url is None else await stack.enter_async_context(open_shared(url, clock))


def _gate(settings: Settings, clock: Clock, shared: Shared | None) -> RequestGate:
    """Build the gate: all processes' in Redis, or this one's part of it."""
    if shared is None:
        return Gate(
            UPSTREAM,
            max_concurrency=max(settings.aqs_max_concurrency // settings.processes, 1),
            requests_per_minute=max(settings.aqs_requests_per_minute // settings.processes, 1),
            clock=clock,
        )
    limits = Limits(
        max_concurrency=settings.aqs_max_concurrency,
        requests_per_minute=settings.aqs_requests_per_minute,
        processes=settings.processes,
        longest=TRY_TIMEOUT,
    )
    return SharedGate(UPSTREAM, shared, limits=limits, clock=clock)


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


def _days_store(aqs: AqsClient, cache: Cache, settings: Settings, clock: Clock) -> DaysStore:
    project, article = settings.witness
    return DaysStore(
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


async def _open_store(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> S3ArchiveStore | FolderArchiveStore:
    if settings.archive_bucket is None:
        log = logger.bind(folder=str(settings.archive_dir))
        if settings.render:
            log.error("no ARCHIVE_BUCKET: archives go to this instance's folder and are lost")
        else:
            log.info("no ARCHIVE_BUCKET: archives go to a folder")
        return FolderArchiveStore(settings.archive_dir)
    return await _bucket(settings, clock, stack, settings.archive_bucket, settings.archive_prefix)


def _sites_store(
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


async def _articles_file(
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


def _archive_task(
    archiver: DailyArchiver,
    store: ArchiveStore,
    settings: Settings,
    clock: Clock,
    *,
    shared: Shared | None,
    sites: SitesArchiver | None = None,
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
async def _archive_turn(shared: Shared | None) -> AsyncIterator[None]:
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
