"""How often one client may ask: a token bucket for each, in Redis where there is one.

A bucket holds the requests of a minute, and fills up steadily. All that is kept of it is when it
will be full again: whoever has been silent for a minute is forgotten.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network
from typing import NamedTuple

from pageviews_api.clock import Clock
from pageviews_api.shared import Shared

WINDOW = 60
"""Seconds in which an empty bucket fills up."""

MAX_CLIENTS = 10_000
"""Clients whose requests a process counts; beyond, the longest silent one is forgotten."""

_NEARLY = 1e-6
"""Seconds by which a sum of fractions may be off."""

# As `Buckets.take`, by Redis' own time. What is no number, or lies too far ahead because the clock
# was set back, shuts nobody out for longer than a minute.
_TAKE = """
local window, every = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local full_at = tonumber(redis.call('GET', KEYS[1]) or '') or now
local missing = math.min(math.max(full_at - now, 0), window)
if missing + every > window + 0.000001 then return {0, tostring(missing)} end
missing = missing + every
redis.call('SET', KEYS[1], string.format('%.6f', now + missing), 'PX', math.ceil(missing * 1000))
return {1, tostring(missing)}
"""


class Allowance(NamedTuple):
    """What a client may still ask, once this request was counted, or refused.

    ``limit`` is how many requests a minute; ``missing`` how many seconds until all of them may be
    asked at once again.
    """

    limit: int
    missing: float
    refused: bool

    @property
    def left(self) -> int:
        """How many requests may follow at once."""
        return math.floor((WINDOW - self.missing + _NEARLY) * self.limit / WINDOW)

    @property
    def retry_after(self) -> float:
        """Seconds until the next request may come; 0: at once."""
        return 0.0 if self.left else self.missing + WINDOW / self.limit - WINDOW

    @property
    def resets_in(self) -> int:
        """Whole seconds until all may be asked again; where none is left, until one may."""
        return math.ceil((self.missing if self.left else self.retry_after) - _NEARLY)


class Buckets:
    """The buckets of one process."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, client: str) -> Allowance:
        """Count a request, unless the client has none left."""
        now, every = self._clock.monotonic(), WINDOW / self._limit
        missing = max(self._full_at.pop(client, now) - now, 0.0)
        refused = missing + every > WINDOW + _NEARLY
        if not refused:
            missing += every
        self._full_at[client] = now + missing
        if len(self._full_at) > MAX_CLIENTS:
            self._full_at.popitem(last=False)
        return Allowance(self._limit, missing, refused)


class RateLimit:
    """How often each client may ask all processes together.

    With Redis its bucket is there. Without one, and as long as Redis does not answer, each
    process grants its share of the limit, so that all together never grant more.

    ``shared`` is asked each time: Redis is opened later than this is made.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        processes: int,
        clock: Clock,
        shared: Callable[[], Shared | None],
    ) -> None:
        self._per_minute = per_minute
        self._shared = shared
        self._share = Buckets(max(per_minute // processes, 1), clock)

    async def take(self, client: str) -> Allowance:
        """Count a client's request, unless it has none left. It raises nothing."""
        bucket = _bucket(client)
        shared = self._shared()
        if shared is not None:
            every = WINDOW / self._per_minute
            reply = await shared.run(_TAKE, key=f"rate:{bucket}", args=[WINDOW, every])
            if reply is not None:
                taken, missing = reply
                return Allowance(self._per_minute, float(missing), refused=not taken)
        return self._share.take(bucket)


def _bucket(client: str) -> str:
    """Tell whose bucket it is: of an IPv6 address the network, for every host has a whole one.

    A /64 is the least that a provider gives to a customer (RFC 6177 §2).
    """
    if ":" not in client:
        return client
    try:
        address = IPv6Address(client)
    except ValueError:
        return client
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))
