"""What befalls the archive job, pass by pass: drawn from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random

from benchmarks.archive_faults_truth import LISTED, NAMED, ONE_DAY, midnight, seeded

FOR_EVER = 1_000_000
"""More requests or connections than a pass makes."""

QUIET_DAYS = 8
"""Days without trouble at the end: the last day may be loaded three days late, a lost top list is
waited for until the fifth, and a day without views is believed on the fourth."""

KILLED = 0.2

S3_TROUBLED = 0.25

AQS_TROUBLED = 0.2

CLOCK_WRONG = 0.15

SPELL = 0.02
"""The part of the days on which a spell begins: S3, or AQS, is away for two to ten days."""


@dataclass(frozen=True, slots=True)
class S3Trouble:
    """What S3 does to the first ``count`` connections (503: requests) of a pass.

    ``on`` is the method with which it begins, or empty for at once; ``byte`` counts from there.
    ``kind`` is empty for nothing, ``503``, or a mode of the fault proxy, or ``lost`` for an answer
    that is not delivered.
    """

    kind: str = ""
    on: str = ""
    byte: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class AqsTrouble:
    """What AQS does to ``count`` requests after the first ``after``, or to those for one title.

    ``kind`` is empty for nothing, ``reset``, ``mute``, ``503``, ``429``, ``page`` (a web page in
    place of JSON) or ``cut`` (half of the answer).
    """

    kind: str = ""
    after: int = 0
    count: int = FOR_EVER
    title: str = ""
    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class Kill:
    """How a pass is killed: ``when`` a ``share`` of its usual time is over, or at its first PUT.

    ``when`` is empty for not at all, ``time``, ``before`` the server has a byte of it, ``half``-way
    in it, or ``after`` the server has done it.
    """

    when: str = ""
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class WrongClock:
    """By how much the job's clock is off, and by how much from its ``after``-th look on."""

    offset: timedelta = timedelta(0)
    then: timedelta = timedelta(0)
    after: int = FOR_EVER


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of the job, and what befalls it."""

    at: datetime
    number: int
    s3: S3Trouble = field(default_factory=S3Trouble)
    aqs: AqsTrouble = field(default_factory=AqsTrouble)
    kill: Kill = field(default_factory=Kill)
    clock: WrongClock = field(default_factory=WrongClock)

    @property
    def troubles(self) -> list[str]:
        """Name what befalls it."""
        named = {
            "kill": self.kill.when,
            "s3": self.s3.kind,
            "aqs": "some articles" if self.aqs.title else self.aqs.kind,
            "clock": "" if self.clock == WrongClock() else _way(self.clock),
        }
        return [f"{what} {how}" for what, how in named.items() if how]


def passes_of(seed: int, start: date, days: int) -> Iterator[Pass]:
    """Tell all passes, oldest first: one to three a day, and one on each quiet day at the end.

    The first one has no trouble: what is archived first is where the archive begins.
    """
    draw = seeded(seed, "plan")
    spell, until = _Spell(), start
    number = 0
    for offset in range(days + QUIET_DAYS):
        day = start + timedelta(days=offset)
        if offset == 0 or offset >= days:
            yield Pass(midnight(day) + timedelta(hours=21), number)
            number += 1
            continue
        if day >= until:
            spell = _Spell()
            if draw.random() < SPELL:
                spell, until = _spell(draw), day + draw.randint(2, 10) * ONE_DAY
        for hour in sorted(draw.sample((4.25, 12.0, 20.0), draw.randint(1, 3))):
            at = midnight(day) + timedelta(hours=hour + draw.uniform(0, 3.5))
            befallen = _drawn(draw, at, number)
            yield replace(befallen, s3=spell.s3 or befallen.s3, aqs=spell.aqs or befallen.aqs)
            number += 1


@dataclass(frozen=True, slots=True)
class _Spell:
    """What lasts for days."""

    s3: S3Trouble | None = None
    aqs: AqsTrouble | None = None


def _drawn(draw: Random, at: datetime, number: int) -> Pass:
    return Pass(
        at,
        number,
        s3=_s3(draw) if draw.random() < S3_TROUBLED else S3Trouble(),
        aqs=_aqs(draw) if draw.random() < AQS_TROUBLED else AqsTrouble(),
        kill=_kill(draw) if draw.random() < KILLED else Kill(),
        clock=_clock(draw) if draw.random() < CLOCK_WRONG else WrongClock(),
    )


def _spell(draw: Random) -> _Spell:
    if draw.random() < 1 / 2:
        return _Spell(s3=S3Trouble(draw.choice(("refuse", "503")), count=FOR_EVER))
    return _Spell(aqs=AqsTrouble(draw.choice(("reset", "503", "429")), retry_after=600))


def _s3(draw: Random) -> S3Trouble:
    count = draw.choice((1, 1, 2, 3))
    byte = draw.randint(0, 9_000)  # a PUT has about 700 bytes of head, and up to 10,000 of body
    return draw.choice(
        (
            S3Trouble("refuse", count=draw.choice((count, FOR_EVER))),
            S3Trouble("mute", count=1),
            S3Trouble("mute", on=draw.choice(("PUT", "GET")), count=1),
            S3Trouble("reset_req", on="PUT", byte=byte, count=count),
            S3Trouble("reset_resp", on="GET", byte=byte, count=count),
            S3Trouble("trunc_resp", on="GET", byte=byte, count=count),
            S3Trouble("lost", on="PUT", count=count),
            S3Trouble("flip", on="PUT", byte=byte, count=count),
            S3Trouble("503", on=draw.choice(("", "PUT", "GET")), count=2 * count),
        )
    )


def _aqs(draw: Random) -> AqsTrouble:
    after = draw.choice((0, draw.randint(1, 15)))
    count = draw.choice((1, 3, FOR_EVER))
    kind = draw.choice(("reset", "503", "429", "page", "cut"))
    return draw.choice(
        (
            AqsTrouble(kind, after, count, retry_after=draw.choice((1, 30, 600))),
            AqsTrouble(kind, title=draw.choice((*NAMED, *LISTED))),
            AqsTrouble("503", title=draw.choice((*NAMED, *LISTED))),
            AqsTrouble("mute", after, count=draw.choice((1, 3))),
        )
    )


def _kill(draw: Random) -> Kill:
    return Kill(draw.choice(("time", "time", "before", "half", "after")), draw.random())


def _clock(draw: Random) -> WrongClock:
    off = timedelta(
        hours=draw.choice((-1, 1)) * draw.choice((1, 5, 20, 24, 30, 48, 72, 120, 45 * 24))
    )
    after = draw.randint(1, 60)
    return draw.choice(
        (WrongClock(off, off), WrongClock(off, off), WrongClock(timedelta(0), off, after))
    )


def _way(clock: WrongClock) -> str:
    when = "jumps" if clock.offset != clock.then else "is"
    return f"{when} {'ahead' if clock.then > timedelta(0) else 'behind'}"
