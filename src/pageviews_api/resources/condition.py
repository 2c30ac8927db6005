"""How well everything works that the service depends on, and what is known of the data."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from pageviews_api.archive.archiver import DailyArchiver
from pageviews_api.archive.index import ArchiveIndex
from pageviews_api.archive.sites.archiver import SitesArchiver
from pageviews_api.budget import CircuitBreaker, CircuitState, RequestGate
from pageviews_api.clients.archive_store import ArchiveStore
from pageviews_api.clients.pageviews import PageviewsClient
from pageviews_api.clients.sites import Sites
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.exceptions import ArchiveError
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
from pageviews_api.shared import Shared

STORE_PING_WITHIN = 2.0
"""Seconds that a readiness probe may wait for the archive store; Render waits 5."""


@dataclass(frozen=True, slots=True)
class ServiceCondition:
    """Tells it from what everything knows of itself; neither AQS nor a site's provider is asked."""

    settings: Settings
    clock: Clock
    pageviews: PageviewsClient
    shared: Shared | None
    gate: RequestGate
    breaker: CircuitBreaker
    store: ArchiveStore
    archive_index: ArchiveIndex
    archiver: DailyArchiver
    archive_task: ScheduledTask
    sites: Sites
    sites_archiver: SitesArchiver

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
