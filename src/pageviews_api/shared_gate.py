"""One gate before an upstream for many processes: its state is in Redis, and each can do without.

What is counted, and from when to when, is as in ``budget.Gate``. While Redis is lost each process
keeps to its share, so that all together stay within the limit.
"""

import asyncio
import itertools
import math
import uuid
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from loguru import logger

from pageviews_api.budget import MAX_PAUSE, WINDOW, Gate, Priority, SlidingWindow
from pageviews_api.clock import Clock
from pageviews_api.exceptions import BudgetExhaustedError, UpstreamHeldBackError
from pageviews_api.shared import PATIENCE, Shared

POLL = 0.03
"""Seconds until who waits for a place asks again; more if others are ahead."""

MAX_POLL = 0.25
"""Seconds until who waits asks again at the latest: things may change sooner than is known."""

WAITING_KEPT = 1.0
"""Seconds for which who waits keeps the place in the queue without asking again."""

_UNKNOWN = 1e9
"""Seconds between Redis' time and ours where nobody told: with it, everything comes late."""

BEATS_MISSED = 2.5
"""Heartbeats after which a process is not heard any more; all that run are heard in that time."""

# The state is one hash, so that Redis can lose only all of it (FLUSHALL, eviction, a restart), and
# its epoch tells that it did. Its fields: f:TOKEN when the lease of a request in flight ends,
# e:TOKEN when one ended, w:TOKEN who waits, m:PROCESS when it was last heard; epoch, order; paused
# and shut, until when. The time is Redis' own.
#
# Each script begins with this. What comes late, from a Redis that stood still, does nothing: who
# sent it has given up, and has to be taken as silent. The first write only deletes: a Redis that
# is full refuses a script whose first write needs memory, and lets the few bytes of this one pass.
_STATE = """
local key, member, epoch = KEYS[1], ARGV[1], ARGV[2]
local period, lease, pause = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local clock, deadline = redis.call('TIME'), tonumber(ARGV[6])
local now = clock[1] + clock[2] / 1000000
if deadline < now then return {'late', string.format('%.6f', now)} end
local plain, flying, ended, waiting, heard, flying_count

local function put(field, value)
    if type(value) == 'number' then value = string.format('%.6f', value) end
    redis.call('HSET', key, field, value)
end

local function load()
    plain, flying, ended, waiting, heard, flying_count = {}, {}, {}, {}, {}, 0
    local flat = redis.call('HGETALL', key)
    for i = 1, #flat, 2 do
        local kind, name = string.match(flat[i], '^(%a):(.*)$')
        local at = tonumber(flat[i + 1])
        if not kind then
            plain[flat[i]] = flat[i + 1]
        elseif kind == 'w' then
            local priority, order, kept = string.match(flat[i + 1], '^(%d+) (%d+) (%S+)$')
            if tonumber(kept) > now then
                waiting[name] = {tonumber(priority), tonumber(order)}
            else
                redis.call('HDEL', key, flat[i])
            end
        elseif kind == 'f' and at > now then
            flying[name], flying_count = at, flying_count + 1
        elseif kind == 'f' then -- its process is dead: it ended when its lease did, at the latest
            redis.call('HDEL', key, flat[i])
            ended[name] = at
            put('e:' .. name, at)
        elseif kind == 'e' and at > now - period then
            ended[name] = math.min(at, now) -- the clock may have been set back
        elseif kind == 'm' and at > now - period - lease then
            heard[name] = at
        else
            redis.call('HDEL', key, flat[i])
        end
    end
end

local function until_(name) return math.max((tonumber(plain[name]) or 0) - now, 0) end

local function expire()
    local keep = 2 * (period + lease) + until_('paused')
    redis.call('PEXPIRE', key, math.ceil(keep * 1000))
end

redis.call('HDEL', key, '')
load()
if pause > until_('paused') then
    put('paused', now + pause)
    plain.paused = now + pause
end
"""

# Take a place, or tell how many seconds it takes at least, and how many are ahead.
_ENTER = (
    _STATE
    + """
local token, priority = ARGV[7], tonumber(ARGV[8])
local places, limit = tonumber(ARGV[9]), tonumber(ARGV[10])
local burst, every, kept = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
if plain.epoch ~= epoch then return {'unknown'} end
if flying[token] then return {'in'} end -- an answer that did not arrive
local order = waiting[token] and waiting[token][2] or redis.call('HINCRBY', key, 'order', 1)
local ahead = 0
for other, place in pairs(waiting) do
    local first = place[1] < priority or (place[1] == priority and place[2] < order)
    if other ~= token and first then ahead = ahead + 1 end
end
local stamps, recent = {}, flying_count + ahead
for _, at in pairs(ended) do
    stamps[#stamps + 1] = at
    if at > now - every then recent = recent + 1 end
end
table.sort(stamps)
local sure = math.max(until_('paused'), until_('shut'))
local over = flying_count + #stamps + ahead - limit
if over >= 0 then
    local leaves = stamps[over + 1]
    sure = math.max(sure, leaves and leaves + period - now or period)
end
local reply
if sure <= 0 and flying_count + ahead < places and recent < burst then
    put('f:' .. token, now + lease)
    redis.call('HDEL', key, 'w:' .. token)
    reply = {'in'}
else
    local place = string.format('%d %d %.6f', priority, order, now + kept)
    put('w:' .. token, place)
    reply = {'wait', tostring(sure), tostring(ahead), tostring(until_('paused'))}
end
expire()
return reply
"""
)

# Give a place back; a request that was made is counted from now on. A pause comes into effect
# with it, so that nobody slips in between.
_LEAVE = (
    _STATE
    + """
local token, asked = ARGV[7], ARGV[8]
redis.call('HDEL', key, 'f:' .. token, 'w:' .. token)
if asked == '1' then put('e:' .. token, now) end
expire()
return {'left'}
"""
)

# Tell all that this process does and did, whatever of it is known already, and hear what all did.
# Nobody is let in for a while when others may not have told yet what they did by themselves: after
# Redis was empty, or when they were not heard since this process was last in contact.
_BEAT = (
    _STATE
    + """
local candidate, apart, grace = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local mine, shut = {}, false
for token in string.gmatch(ARGV[10], '%S+') do
    mine[token] = true
    put('f:' .. token, now + lease)
end
for token in string.gmatch(ARGV[11], '%S+') do mine[token] = true end
for token, ago in string.gmatch(ARGV[12], '(%S+)=(%S+)') do
    redis.call('HDEL', key, 'f:' .. token)
    put('e:' .. token, math.max(ended[token] or 0, now - tonumber(ago)))
end
-- What came late, from a Redis that stood still, or was given back in vain.
for kind, tokens in pairs({['f:'] = flying, ['w:'] = waiting}) do
    for token in pairs(tokens) do
        local owner = string.match(token, '^([^.]*)')
        if owner == member and not mine[token] then redis.call('HDEL', key, kind .. token) end
    end
end
if plain.epoch ~= epoch then
    shut = epoch ~= ''
    if not plain.epoch then put('epoch', candidate) end
elseif apart > 0 then
    for other, at in pairs(heard) do
        local silent = at < now - grace and at > now - apart - grace
        shut = shut or (other ~= member and silent)
    end
end
if shut then put('shut', now + grace) end
put('m:' .. member, now)
load()
expire()
local reply = {plain.epoch, tostring(until_('paused'))}
for _ = 1, flying_count do reply[#reply + 1] = '-inf' end
for _, at in pairs(ended) do reply[#reply + 1] = tostring(now - at) end
return reply
"""
)

# A process ends: nobody has to wait until it is heard again.
_BYE = (
    _STATE
    + """
redis.call('HDEL', key, 'm:' .. member)
expire()
return {'bye'}
"""
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What all processes may do together.

    ``longest`` is how many seconds a request is in flight at most; ``lease`` how long a place is
    kept for a process that is not heard any more; ``period`` what a minute is.
    """

    max_concurrency: int
    requests_per_minute: int
    processes: int
    longest: float
    lease: float = 15.0
    period: float = WINDOW

    @property
    def share(self) -> int:
        """Requests a minute of one process when each is on its own."""
        return max(self.requests_per_minute // self.processes, 1)

    @property
    def burst(self) -> int:
        """Requests that all may begin between two heartbeats: nobody knows less than that."""
        return max(self.requests_per_minute // 10, 2 * self.max_concurrency)

    def places(self, priority: Priority) -> int:
        """Background work leaves one place free, so that a caller never waits for it to end."""
        keep = priority > Priority.CALLER and self.max_concurrency > 1
        return self.max_concurrency - keep


class _Wait(NamedTuple):
    sure: float
    """Seconds that it takes by the clock alone."""
    ahead: int
    """How many go first."""


class SharedGate:
    """A gate that all processes with one Redis share; each goes on by itself when it is lost.

    On its own a process has one request in flight, and its part of the requests a minute. Of what
    all did before, it holds its part against itself; and it waits first until what others have in
    flight must have ended. What it did meanwhile it tells when Redis is back.

    Not covered: a process that is cut off from a Redis which the others still use has its share
    beside their whole limit; one that starts while Redis is lost knows nothing of the last minute.
    """

    def __init__(self, upstream: str, shared: Shared, *, limits: Limits, clock: Clock) -> None:
        self._upstream = upstream
        self._shared = shared
        self._limits = limits
        self._clock = clock
        # This process' queue. Who has passed it asks Redis: as many as there are places at most.
        self._whole = Gate(
            upstream,
            max_concurrency=limits.max_concurrency,
            requests_per_minute=limits.requests_per_minute,
            clock=clock,
            period=limits.period,
        )
        self._member = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._asking: dict[str, Priority] = {}
        self._in_flight: set[str] = set()
        self._ended: deque[tuple[float, str]] = deque()
        self._pause_to_tell = -math.inf
        self._epoch = ""
        self._offset = -_UNKNOWN  # Redis' time less ours
        self._heard_at: float | None = None
        self._known: list[float] = []
        self._share: SlidingWindow | None = None
        self._alone_from = -math.inf
        self._beating = asyncio.Lock()
        shared.on_beat(self.beat)

    @property
    def paused(self) -> bool:
        """Whether the upstream has asked us, or another process, to stay away for now."""
        return self._whole.paused

    @property
    def paused_for(self) -> float:
        """For how many seconds we are to stay away; 0: we are not."""
        return self._whole.paused_for

    @property
    def in_flight(self) -> int | None:
        """How many requests are being answered now: not known of the other processes."""
        return None

    @property
    def limit(self) -> int:
        """How many requests fit into a minute: of all processes, or of this one on its own."""
        return self._whole.limit if self._share is None else self._share.limit

    @property
    def remaining(self) -> int:
        """How many more requests fit into the current minute, as of the last heartbeat."""
        if self._share is not None:
            return self._share.remaining(ahead=len(self._in_flight))
        since = self._clock.monotonic() - self._limits.period
        used = sum(stamp > since for stamp in self._known)
        return min(max(self._limits.requests_per_minute - used, 0), self._whole.remaining)

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long, at most 10 minutes; a longer pause is kept.

        When the slot is left in which it was called, all processes know.
        """
        self._whole.pause(seconds)
        until = self._clock.monotonic() + min(seconds, MAX_PAUSE)
        self._pause_to_tell = max(self._pause_to_tell, until)

    @asynccontextmanager
    async def slot(self, priority: Priority, *, within: float | None) -> AsyncIterator[None]:
        """Hold one place among the requests in flight of all processes.

        ``within`` is how many seconds the caller can wait; None: as long as it takes. Those who
        wait go by priority, then by arrival. Who leaves with an ``UpstreamHeldBackError`` has not
        asked, and is not counted.

        Raises
        ------
        BudgetExhaustedError
            There is no place in time, or too many wait already. It is raised at once where the
            clock alone tells so.
        """
        until = math.inf if within is None else _time() + within
        async with self._whole.slot(priority, within=within):
            token = await self._enter(priority, until)
            asked = True
            try:
                yield
            except UpstreamHeldBackError:
                asked = False
                raise
            finally:
                await self._leave(token, asked=asked)

    async def beat(self) -> None:
        """Tell Redis what this process does and did, and learn what all did."""
        async with self._beating:  # nobody is let in alone meanwhile: it would not be told
            sent = self._clock.monotonic()
            reply = await self._run(
                _BEAT,
                uuid.uuid4().hex,
                0.0 if self._share is None or self._heard_at is None else sent - self._heard_at,
                BEATS_MISSED * self._shared.every,
                " ".join(self._in_flight),
                " ".join(self._asking),
                " ".join(f"{token}={sent - ended}" for ended, token in self._recent()),
            )
            if reply is None:
                self._go_alone()
                return
            epoch, paused, *ages = reply
            self._epoch = epoch.decode()
            # Both to be on the safe side: we may know less, and what we know may be newer.
            self._heard_at, now = sent, self._clock.monotonic()
            self._known = sorted(now - float(age) for age in ages)
            self._learn_pause(float(paused))
            if self._share is not None:
                self._share = None
                logger.bind(upstream=self._upstream).warning("gate is shared again")

    async def aclose(self) -> None:
        """Stop the queue's timer, and tell the others not to wait for this process."""
        await self._whole.aclose()
        await self._run(_BYE)

    async def _enter(self, priority: Priority, until: float) -> str:
        token = f"{self._member}.{next(self._numbers)}"
        self._asking[token] = priority
        try:
            while (wait := await self._ask(token, priority)) is not None:  # noqa: ASYNC110  # Redis wakes nobody
                # Real time, not the clock's: Redis goes by its own.
                await asyncio.sleep(self._until_next(wait, priority, until))
        except BaseException:
            # Redis may have let it in in this very moment.
            del self._asking[token]
            await self._tell_left(token, asked=False)
            raise
        del self._asking[token]
        return token

    def _until_next(self, wait: _Wait, priority: Priority, until: float) -> float:
        left = until - _time()
        in_vain = self.paused and priority is Priority.REFRESH and not math.isinf(until)
        if wait.sure > left or left <= 0 or in_vain:
            raise BudgetExhaustedError(self._upstream, max(wait.sure, 1.0))
        return min(max(wait.sure, POLL * (1 + wait.ahead)), MAX_POLL, left)

    async def _leave(self, token: str, *, asked: bool) -> None:
        self._in_flight.remove(token)
        if asked:
            self._ended.append((self._clock.monotonic(), token))
            if self._share is not None:
                self._share.add()
        await self._tell_left(token, asked=asked)

    async def _tell_left(self, token: str, *, asked: bool) -> None:
        if self._share is None and await self._run(_LEAVE, token, int(asked)) is None:
            self._go_alone()

    async def _ask(self, token: str, priority: Priority) -> _Wait | None:
        """Ask for a place: None if it is taken, else how long to wait."""
        if self._share is None:
            reply = await self._run(
                _ENTER,
                token,
                int(priority),
                self._limits.places(priority),
                self._limits.requests_per_minute,
                self._limits.burst,
                self._shared.every,
                WAITING_KEPT,
            )
            match reply:
                case None:
                    self._go_alone()
                case [b"in"]:
                    self._in_flight.add(token)
                    return None
                case [b"unknown"]:
                    # It is new, or it lost its data: it must know first what we did.
                    await self.beat()
                    return await self._ask(token, priority)
                case [b"wait", sure, ahead, paused]:
                    self._learn_pause(float(paused))
                    return _Wait(float(sure), int(ahead))
        return self._ask_alone(token)

    def _ask_alone(self, token: str) -> _Wait | None:
        """Ask our own share, one at a time."""
        queue = sorted(self._asking, key=self._asking.__getitem__)
        ahead = queue.index(token)
        now = self._clock.monotonic()
        assert self._share is not None
        ready_in = self._share.ready_in(ahead=len(self._in_flight) + ahead)
        sure = max(self._alone_from - now, ready_in, 0.0)
        if sure > 0 or ahead or self._in_flight or self.paused or self._beating.locked():
            return _Wait(sure, ahead)
        self._in_flight.add(token)
        return None

    def _go_alone(self) -> None:
        if self._share is not None:
            return
        now = self._clock.monotonic()
        # What was in flight when we last heard of all may have ended as late as this; and so may
        # what was begun since, of which we know only how much it was at most.
        latest = now + self._limits.longest
        stamps = [min(stamp, latest) for stamp in self._known]
        if self._heard_at is not None:
            beats = math.ceil((now - self._heard_at) / self._shared.every)
            stamps += [latest] * (beats * self._limits.burst)
        # Every process holds each so-many-th of all against itself, from the newest on: so at any
        # time all processes together count at least as many as there were.
        newest = sorted(stamps, reverse=True)[: self._limits.requests_per_minute]
        self._share = SlidingWindow(
            self._limits.share,
            self._clock,
            period=self._limits.period,
            stamps=newest[:: self._limits.processes],
        )
        if self._limits.processes > 1:
            self._alone_from = latest
        logger.bind(upstream=self._upstream, requests_per_minute=self._limits.share).warning(
            "gate is on its own"
        )

    def _learn_pause(self, seconds: float) -> None:
        if seconds > 0:
            self._whole.pause(seconds)

    def _recent(self) -> deque[tuple[float, str]]:
        """Give our own requests that count still, with when they ended."""
        since = self._clock.monotonic() - self._limits.period
        while self._ended and self._ended[0][0] <= since:
            self._ended.popleft()
        return self._ended

    async def _run(self, script: str, *args: str | float) -> list[bytes] | None:
        key = f"gate:{self._upstream}"
        pause = max(self._pause_to_tell - self._clock.monotonic(), 0.0)
        state = (self._member, self._epoch, self._limits.period, self._limits.lease, pause)
        reply: list[bytes] | None = None
        for _ in range(2):
            sent = _time()
            words = [*state, sent + PATIENCE + self._offset, *args]
            reply = await self._shared.run(script, key=key, args=words)
            match reply:
                case [b"late", now]:
                    # We hear it, so that it was in time: Redis' clock was set, or is not known.
                    self._offset = float(now) - sent
                case _:
                    break
        return reply


def _time() -> float:
    return asyncio.get_running_loop().time()
