"""What lives as long as the process: opened in order, closed in reverse."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from pageviews_api.archive.archiver import ArchivePlan, DailyArchiver
from pageviews_api.archive.catalogue import ArchiveCatalogue
from pageviews_api.archive.differences import ArchiveComparisons
from pageviews_api.archive.index import ArchiveIndex
from pageviews_api.archive.observations import Observations
from pageviews_api.archive.reader import ArchiveReader
from pageviews_api.archive.runs import ArchiveRuns
from pageviews_api.archive.shelf import TRIES, ArchiveShelf, Shelf
from pageviews_api.archive.sites.archiver import TRIES as SITES_TRIES
from pageviews_api.archive.sites.archiver import SitesArchiver
from pageviews_api.archive.sites.catalogue import SitesCatalogue
from pageviews_api.archive.sites.document import SITES
from pageviews_api.archive.top_lists import ArchivedTopLists
from pageviews_api.article_sets.batches import ArticleBatches
from pageviews_api.budget import CircuitBreaker
from pageviews_api.cache import Cache
from pageviews_api.clients.aqs import UPSTREAM, AqsClient
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.clients.base import UpstreamClient
from pageviews_api.clients.compatible import CompatibleClient
from pageviews_api.clients.days_store import DaysStore
from pageviews_api.clients.pageviews import AnswerPolicy, PageviewsClient
from pageviews_api.clients.sites import Sites
from pageviews_api.clients.top_lists import TopLists
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.resources.archive_stores import articles_file, open_store, store_of_sites
from pageviews_api.resources.archive_task import archive_task, archive_turn
from pageviews_api.resources.condition import ServiceCondition
from pageviews_api.resources.sites import open_sites
from pageviews_api.resources.upstream import http_client, new_gate
from pageviews_api.scheduler import ScheduledTask
from pageviews_api.schemas.query import Series
from pageviews_api.shared import Shared, open_shared


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that handlers and commands use."""

    settings: Settings
    clock: Clock
    pageviews: PageviewsClient
    compatible: CompatibleClient
    top_lists: TopLists
    shared: Shared | None
    store: ArchiveStore
    archive_index: ArchiveIndex
    archive_reader: ArchiveReader
    archive_catalogue: ArchiveCatalogue
    archive_comparisons: ArchiveComparisons
    archived_top_lists: ArchivedTopLists
    archiver: DailyArchiver
    archive_task: ScheduledTask
    archive_runs: ArchiveRuns
    sites_store: ArchiveStore
    sites_index: ArchiveIndex
    sites_archiver: SitesArchiver
    sites_catalogue: SitesCatalogue
    article_batches: ArticleBatches
    sites: Sites
    condition: ServiceCondition

    @asynccontextmanager
    async def archive_turn(self) -> AsyncIterator[None]:
        """Wait until no other process archives, and hold them off meanwhile."""
        async with archive_turn(self.shared):
            yield


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
        http = await stack.enter_async_context(http_client(settings))
        shared = await _open_shared(settings, clock, stack)
        gate = new_gate(settings, clock, shared)
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
        store = await open_store(settings, clock, stack)
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
            selection=await articles_file(settings, clock, stack),
        )
        runs = ArchiveRuns(
            archiver,
            index,
            clock=clock,
            key=store.key,
            turn=partial(archive_turn, shared),
            board=shared,
        )
        stack.push_async_callback(runs.aclose)
        sites = await stack.enter_async_context(open_sites(settings, clock, shared))
        sites_store = store_of_sites(store, configured=bool(sites.names()))
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
        task = archive_task(archiver, store, settings, clock, shared=shared, sites=sites_archiver)
        yield Resources(
            settings=settings,
            clock=clock,
            pageviews=pageviews,
            compatible=compatible,
            top_lists=TopLists(days_store, archived, clock=clock, policy=policy),
            shared=shared,
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
            archive_task=task,
            archive_runs=runs,
            sites_store=sites_store,
            sites_index=sites_index,
            sites_archiver=sites_archiver,
            sites_catalogue=SitesCatalogue(
                sites_index, sites_reader, clock=clock, deadline=deadline, notice=notice
            ),
            article_batches=ArticleBatches(pageviews, gate=gate, clock=clock),
            sites=sites,
            condition=ServiceCondition(
                settings=settings,
                clock=clock,
                pageviews=pageviews,
                shared=shared,
                gate=gate,
                breaker=breaker,
                store=store,
                archive_index=index,
                archiver=archiver,
                archive_task=task,
                sites=sites,
                sites_archiver=sites_archiver,
            ),
        )


async def _open_shared(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Shared | None:
    if settings.redis_url is None:
        return None
    url = settings.redis_url.get_secret_value()
    return await stack.enter_async_context(open_shared(url, clock))


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
