"""The operator's sites: each asked of its provider once for everybody, and kept for a while.

For how long depends on the days. ``docs/sites.md`` tells it to operators, and decision 0019 why.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from loguru import logger
from pydantic import TypeAdapter

from pageviews_api.cache import Cache, Filled, Held
from pageviews_api.clients.site_analytics import SiteAnalyticsClient
from pageviews_api.clock import Clock
from pageviews_api.daterange import ONE_DAY
from pageviews_api.exceptions import (
    UnknownSiteError,
    UpstreamError,
    UpstreamHeldBackError,
    UpstreamKeyRefusedError,
    UpstreamPlanError,
    UpstreamTimeoutError,
)
from pageviews_api.schemas.site_metrics import (
    CurrentVisitors,
    Interval,
    Provider,
    SiteFigures,
    SitePoint,
    TopPages,
)

CURRENT_FOR = timedelta(seconds=60)
"""How long it is current who is there now."""

TODAY_FOR = timedelta(seconds=300)
"""How long days are current of which the last is not over."""

SETTLING_FOR = timedelta(hours=1)
"""How long days are current that are over, but may still change: Matomo makes its reports when a
day is over, by a job of its own, and until then tells zeros; visits may be handed in late."""

SETTLED_FOR = timedelta(hours=24)
"""How long days are current that are long over: they change only where somebody changes them."""

SETTLING_DAYS = 3
"""Days that have ended just now, and may still change (``SETTLING_FOR``)."""

CURRENT_KEPT = timedelta(minutes=10)
"""How old an answer to who is there now may be, at the most, where the provider fails."""

WITHIN = 21.0
"""Seconds that an answer may take: a provider's client gives up after 20, and tells better why."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What a provider told, and when.

    ``stale``: it should have been asked again, and that failed or is still going on. ``fetched``:
    it was asked just now. ``left`` is for how much longer it is current; none where it is stale.
    """

    value: T
    checked_at: datetime
    stale: bool
    fetched: bool
    left: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Keeping:
    """For how long answers are kept where the provider fails.

    ``unsettled`` is for days of which the last was not long over; others are kept for as long as
    there is room.
    """

    unsettled: timedelta


class Site:
    """One site, in the protocol's words; days are those of its own time zone, both ends included.

    Every question raises ``UpstreamError`` where nothing is held and the provider gives no usable
    answer. What is held waits for the provider as long as the cache says, and is then told stale.
    """

    def __init__(
        self,
        name: str,
        client: SiteAnalyticsClient,
        cache: Cache,
        *,
        clock: Clock,
        timezone: ZoneInfo,
        keeping: Keeping,
        identity: str = "",
    ) -> None:
        """``identity`` changes with what is asked about: what was kept of another is not told."""
        self.name = name
        self.timezone = timezone
        self.failing = False
        self._client = client
        self._cache = cache
        self._clock = clock
        self._keeping = keeping
        digest = hashlib.sha256(f"{identity}\n{timezone.key}".encode()).hexdigest()[:16]
        self._prefix = f"site/{name}/{client.provider}/{digest}"

    @property
    def provider(self) -> Provider:
        """Who counts its visits."""
        return self._client.provider

    def today(self) -> date:
        """Tell which day it is there."""
        return self.day_of(self._clock.now())

    def day_of(self, moment: datetime) -> date:
        """Tell which day it was there."""
        return moment.astimezone(self.timezone).date()

    def ends_in(self) -> timedelta:
        """Tell how long today still takes there: a day has 23 to 25 hours."""
        midnight = datetime.combine(self.today() + ONE_DAY, time.min, self.timezone)
        return midnight.astimezone(UTC) - self._clock.now()

    async def current_visitors(self) -> Told[CurrentVisitors]:
        """Tell how many visitors there are now."""
        return await self._tell("current", _CURRENT, self._client.current_visitors, None)

    async def summary(self, start: date, end: date) -> Told[SiteFigures]:
        """Tell the figures of some days together."""
        what = f"summary/{start}/{end}"
        return await self._tell(what, _FIGURES, lambda: self._client.summary(start, end), end)

    async def timeseries(
        self, start: date, end: date, interval: Interval, *, path: str | None = None
    ) -> Told[tuple[SitePoint, ...]]:
        """Tell the figures of each day, or month, oldest first; of one page only with ``path``."""
        of = "" if path is None else f"/{hashlib.sha256(path.encode()).hexdigest()}"
        what = f"timeseries/{interval}/{start}/{end}{of}"

        async def ask() -> tuple[SitePoint, ...]:
            return await self._client.timeseries(start, end, interval, path=path)

        return await self._tell(what, _POINTS, ask, end)

    async def top_pages(self, start: date, end: date, limit: int) -> Told[TopPages]:
        """Tell the most viewed pages; pages that differ in their query string are one."""
        what = f"pages/{limit}/{start}/{end}"
        ask = lambda: self._client.top_pages(start, end, limit)  # noqa: E731  # it is one question
        return await self._tell(what, _PAGES, ask, end)

    async def check(self) -> None:
        """See whether the provider is there, knows the key and the site; nothing is kept of it."""
        await self._ask(self._client.check)

    async def _tell(
        self,
        what: str,
        kind: TypeAdapter[T],
        ask: Callable[[], Awaitable[T]],
        end: date | None,
    ) -> Told[T]:
        key = f"{self._prefix}/{what}"

        async def fill(_: bool) -> Filled:  # noqa: FBT001  # as the cache calls it
            day = self.today()
            value = await self._ask(ask)
            if self.today() != day:
                value = await self._ask(ask)  # midnight has passed: a day is over that was not
            return Filled(kind.dump_json(value), self._current_for(end, at=self._clock.now()))

        await self._drop_too_old(key, end)
        held = await self._cache.get_or_fill(
            key,
            fill,
            is_current=lambda one: one.fresh and not self._has_ended_since(one, end),
            reads=kind.validate_json,
        )
        stale = not held.fresh or self._has_ended_since(held, end)
        left = self._current_for(end, at=held.checked_at) - held.age
        return Told(
            value=kind.validate_json(held.value),
            checked_at=held.checked_at,
            stale=stale,
            fetched=held.fetched,
            left=timedelta(0) if stale else max(left, timedelta(0)),
        )

    async def _ask(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            with logger.contextualize(site=self.name):
                async with asyncio.timeout(WITHIN):
                    answer = await ask()
        except TimeoutError as e:
            self.failing = True
            raise UpstreamTimeoutError(self.provider, "gave no complete answer in time") from e
        except UpstreamHeldBackError:
            raise  # it was not asked
        except UpstreamError as e:
            self.failing = True
            self._alert(e)
            raise
        self.failing = False
        return answer

    def _alert(self, error: UpstreamError) -> None:
        log = logger.bind(site=self.name, upstream=error.upstream)
        if isinstance(error, UpstreamKeyRefusedError):
            log.error("the provider refuses our key, or the site: look at both")
        elif isinstance(error, UpstreamPlanError):
            log.error("the plan with the provider does not include its API")

    async def _drop_too_old(self, key: str, end: date | None) -> None:
        held = await self._cache.get(key)
        if held is not None and held.age > self._kept_for(end, at=held.checked_at):
            await self._cache.discard(key)

    def _has_ended_since(self, held: Held, end: date | None) -> bool:
        """Tell whether the last day was not over when it was asked about, and is now."""
        return end is not None and self.day_of(held.checked_at) <= end < self.today()

    def _current_for(self, end: date | None, *, at: datetime) -> timedelta:
        if end is None:
            return CURRENT_FOR
        day = self.day_of(at)
        if end >= day:
            return TODAY_FOR
        return SETTLED_FOR if self._is_settled(end, day) else SETTLING_FOR

    def _kept_for(self, end: date | None, *, at: datetime) -> timedelta:
        if end is None:
            return CURRENT_KEPT
        settled = self._is_settled(end, self.day_of(at))
        return timedelta.max if settled else self._keeping.unsettled

    @staticmethod
    def _is_settled(end: date, day: date) -> bool:
        return (day - end).days > SETTLING_DAYS


class Sites:
    """All sites that are configured, by their names."""

    def __init__(self, sites: Iterable[Site] = ()) -> None:
        self._sites = {site.name: site for site in sites}

    def names(self) -> tuple[str, ...]:
        """Tell the names, in the order in which they are configured."""
        return tuple(self._sites)

    def site(self, name: str) -> Site:
        """Give a site.

        Raises
        ------
        UnknownSiteError
            There is none of this name.
        """
        try:
            return self._sites[name]
        except KeyError:
            raise UnknownSiteError("No site of this name is configured here.") from None

    @property
    def failing(self) -> int:
        """How many got no usable answer when their provider was last asked."""
        return sum(site.failing for site in self._sites.values())


_CURRENT = TypeAdapter(CurrentVisitors)
_FIGURES = TypeAdapter(SiteFigures)
_PAGES = TypeAdapter(TopPages)
_POINTS = TypeAdapter(tuple[SitePoint, ...])
