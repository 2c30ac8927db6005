"""What is known of a series, day by day."""

import struct
import tracemalloc
import zlib
from array import array
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pageviews_api.daterange import FIRST_DAY, ONE_DAY, DateRange
from pageviews_api.days import ABSENT, Block, Stretch
from pageviews_api.schemas.aqs import MAX_COUNT
from pageviews_api.schemas.query import Access, Agent, Series

D = date(2026, 11, 16)
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

moments = st.datetimes(datetime(2015, 7, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis takes bounds without a zone


def block(views: str, learned_at: datetime = NOW, *, start: int = 0) -> Block:
    """Build a block out of a number, or a dot, for each of its days."""
    words = views.split()
    first = D + start * ONE_DAY
    days = DateRange(first, first + timedelta(days=len(words) - 1))
    told = {day: int(word) for day, word in zip(days, words, strict=True) if word != "."}
    return Block.learned(days, told, learned_at)


def written(of: Block) -> str:
    """Write a block's counts as ``block`` reads them."""
    return " ".join("." if count == ABSENT else str(count) for count in of.counts)


def lines(of: Block) -> list[tuple[int, int, datetime]]:
    """Tell the stretches, by offsets from ``D``."""
    return [
        ((one.days.start - D).days, (one.days.end - D).days, one.learned_at) for one in of.stretches
    ]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of AQS, for a block and for the model of it."""

    start: int
    counts: list[int]
    learned_at: datetime

    @property
    def block(self) -> Block:
        """Keep it as a block."""
        first = D + self.start * ONE_DAY
        days = DateRange(first, first + (len(self.counts) - 1) * ONE_DAY)
        told = {day: n for day, n in zip(days, self.counts, strict=True) if n != ABSENT}
        return Block.learned(days, told, self.learned_at)

    @property
    def model(self) -> "Model":
        """Keep it day by day."""
        return {self.start + n: (self.learned_at, count) for n, count in enumerate(self.counts)}


Model = dict[int, tuple[datetime, int]]

answers = st.builds(
    Answer,
    st.integers(-20, 20),
    st.lists(st.integers(ABSENT, 3), min_size=1, max_size=25),
    st.integers(0, 4).map(lambda hours: NOW + hours * HOUR),
)


def touching(one: Model, other: Model) -> bool:
    """Tell whether two models leave no day out between them."""
    days = one.keys() | other.keys()
    return len(days) == max(days) - min(days) + 1


def joined(one: Model, other: Model) -> Model:
    """Join two models: the later answer tells a day, of two of the same second the other one."""
    known = dict(one)
    for day, told in other.items():
        if day not in known or told[0] >= known[day][0]:
            known[day] = told
    return known


@st.composite
def grown(draw: st.DrawFn) -> tuple[Block, Model]:
    """Draw a block that up to six answers have made."""
    drawn = draw(st.lists(answers, min_size=1, max_size=6))
    held, model = drawn[0].block, drawn[0].model
    for answer in drawn[1:]:
        if touching(model, answer.model):
            held, model = held.merged(answer.block), joined(model, answer.model)
    return held, model


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """Draw the block of one answer, of up to two years."""
    start = draw(st.dates(FIRST_DAY, date(2099, 1, 1)))
    days = DateRange(start, start + timedelta(days=draw(st.integers(0, 730))))
    told = draw(st.dictionaries(st.sampled_from(list(days)), st.integers(0, MAX_COUNT)))
    return Block.learned(days, told, draw(moments))


def check(of: Block) -> None:
    """Assert what holds of every block: its stretches lie side by side, and have its counts."""
    for one, following in zip(of.stretches, of.stretches[1:], strict=False):
        assert following.days.start == one.days.end + ONE_DAY
    assert len(of.counts) == len(of.days) == sum(len(one.days) for one in of.stretches)
    assert min(of.counts) >= ABSENT


# One answer


def test_learned__keeps_one_answer() -> None:
    """A day that was left out is absent, which is not 0; a moment is kept to the second."""
    of = Block.learned(
        DateRange(D, D + 3 * ONE_DAY),
        {D + ONE_DAY: 7, D + 3 * ONE_DAY: 0},
        NOW + timedelta(microseconds=999_999),
    )
    assert of.counts == array("q", [ABSENT, 7, ABSENT, 0])
    assert of.stretches == (Stretch(DateRange(D, D + 3 * ONE_DAY), NOW),)
    assert of.views == {D + ONE_DAY: 7, D + 3 * ONE_DAY: 0}
    assert list(of.views) == sorted(of.views)


def test_learned__day_outside_of_what_was_asked() -> None:
    """What an answer tells beyond the asked days is not kept."""
    of = Block.learned(DateRange(D, D), {D - ONE_DAY: 1, D: 2, D + ONE_DAY: 3}, NOW)
    assert of.views == {D: 2}


ENDS = [
    # the block; its oldest and newest day with a number, whether it is empty
    (". 1 . 0 .", 1, 3, False),
    ("0", 0, 0, False),
    ("1 . .", 0, 0, False),
    (". . 1", 2, 2, False),
    (". .", None, None, True),
    (".", None, None, True),
]


@pytest.mark.parametrize(("views", "oldest", "newest", "empty"), ENDS)
def test_ends__table(views: str, oldest: int | None, newest: int | None, *, empty: bool) -> None:
    """The oldest and the newest day are those with a number; there may be none."""
    told = block(views)
    assert told.oldest == (None if oldest is None else D + oldest * ONE_DAY)
    assert told.newest == (None if newest is None else D + newest * ONE_DAY)
    assert told.is_empty is empty


def test_count__of_days() -> None:
    """The counts of any covered days can be read."""
    told = block("1 . 3", start=-1).merged(block("4 5", start=2))
    assert [told.count(day) for day in told.days] == [1, ABSENT, 3, 4, 5]
    assert told.counts_of(DateRange(D, D + 2 * ONE_DAY)) == array("q", [ABSENT, 3, 4])


def test_stretches_of__days() -> None:
    """The stretches are told that hold some of the days, were it one."""
    told = block("1 1").merged(block("2 2", NOW + HOUR, start=2)).merged(block("3", start=4))
    first, second, third = told.stretches

    def of(start: int, end: int) -> list[Stretch]:
        return list(told.stretches_of(DateRange(D + start * ONE_DAY, D + end * ONE_DAY)))

    assert of(1, 2) == [first, second]
    assert of(2, 3) == [second]
    assert of(1, 1) == [first]
    assert of(3, 9) == [second, third]
    assert of(-5, 9) == [first, second, third]
    assert of(5, 9) == of(-5, -1) == []


# Joined

MERGED = [
    # one, other, where and when it is learned; the counts and the stretches of both
    ("newer days", "1 1", "2 2", 2, HOUR, "1 1 2 2", [(0, 1, 0), (2, 3, 1)]),
    ("older days", "1 1", "2 2", -2, HOUR, "2 2 1 1", [(-2, -1, 1), (0, 1, 0)]),
    ("all of it", "1 1", "2 2 2 2", -1, HOUR, "2 2 2 2", [(-1, 2, 1)]),
    ("the midst", "1 1 1", "2", 1, HOUR, "1 2 1", [(0, 0, 0), (1, 1, 1), (2, 2, 0)]),
    ("its end", "1 1 1", "2 2", 2, HOUR, "1 1 2 2", [(0, 1, 0), (2, 3, 1)]),
    ("its start", "1 1 1", "2 2", -1, HOUR, "2 2 1 1", [(-1, 0, 1), (1, 2, 0)]),
    ("older copy of all", "1 1 1", "2 2 2", 0, -HOUR, "1 1 1", [(0, 2, 0)]),
    ("older copy, and more", "1 1", "2 2 2 2", -1, -HOUR, "2 1 1 2", None),
    ("same second, over it", "1 1 1", "2 2", 1, 0 * HOUR, "1 2 2", [(0, 2, 0)]),
    ("same second, beside it", "1 1", "2", 2, 0 * HOUR, "1 1 2", [(0, 2, 0)]),
    ("a number goes", "1 1", ". .", 0, HOUR, ". .", [(0, 1, 1)]),
    ("a number comes", ". .", "0 2", 0, HOUR, "0 2", [(0, 1, 1)]),
]


@pytest.mark.parametrize(
    ("one", "other", "start", "later", "expected", "stretches"),
    [row[1:] for row in MERGED],
    ids=[row[0] for row in MERGED],
)
def test_merged__table(
    one: str,
    other: str,
    start: int,
    later: timedelta,
    expected: str,
    stretches: list[tuple[int, int, int]] | None,
) -> None:
    """Each day is told by the answer that was learned later."""
    of = block(one).merged(block(other, NOW + later, start=start))
    check(of)
    assert written(of) == expected
    if stretches is not None:
        assert lines(of) == [(first, last, NOW + hours * HOUR) for first, last, hours in stretches]


@given(one=grown(), other=grown())
@settings(max_examples=120)
def test_merged__as_day_by_day(one: tuple[Block, Model], other: tuple[Block, Model]) -> None:
    """Whatever was joined before: it is as if each day had been kept for itself."""
    if not touching(one[1], other[1]):
        assert not one[0].touches(other[0])
        with pytest.raises(ValueError, match="do not touch"):
            one[0].merged(other[0])
        return
    assert one[0].touches(other[0])
    of, model = one[0].merged(other[0]), joined(one[1], other[1])
    check(of)
    kept = {
        (day - D).days: (stretch.learned_at, of.count(day))
        for stretch in of.stretches
        for day in stretch.days
    }
    assert kept == model
    for before, after in zip(of.stretches, of.stretches[1:], strict=False):
        assert before.learned_at != after.learned_at, "one stretch would do"


@pytest.mark.parametrize(
    ("start", "expected"), [(-4, False), (-3, True), (0, True), (3, True), (4, False)]
)
def test_touches__side_by_side(start: int, *, expected: bool) -> None:
    """Blocks touch where they share a day or lie side by side."""
    one, other = block("1 1 1"), block("2 2 2", start=start)
    assert one.touches(other) is other.touches(one) is expected
    if not expected:
        with pytest.raises(ValueError, match="do not touch"):
            one.merged(other)


def test_merged__leaves_both_as_they_were() -> None:
    """Joining changes neither block: others may be reading them."""
    one, other = block("1 1"), block("2 2", NOW + HOUR, start=1)
    one.merged(other)
    assert one == block("1 1")
    assert other == block("2 2", NOW + HOUR, start=1)


# Written and read


@given(of=blocks())
def test_encode__round_trip(of: Block) -> None:
    """What is encoded is decoded the same."""
    assert Block.decode(of.encode()) == of


@given(of=grown())
def test_encode__round_trip_of_many_stretches(of: tuple[Block, Model]) -> None:
    """The same, of a block that many answers made."""
    assert Block.decode(of[0].encode()) == of[0]


@given(
    seed=st.integers(0, 2**32),
    busiest=st.sampled_from([10, 1_000, 100_000, 10_000_000]),
    increments=st.sampled_from([0, 30]),
)
@settings(max_examples=25)
def test_encode__of_a_year(seed: int, busiest: int, increments: int) -> None:
    """A year with its key, of up to ten million views a day, takes 2,500 bytes at most.

    Also where its last 30 days came one by one.
    """
    random = Random(seed)  # noqa: S311  # numbers of views, no secrets
    year = DateRange(date(2025, 1, 1), date(2025, 12, 31))
    views = {day: random.randrange(busiest) for day in year}
    at_first = DateRange(year.start, year.end - increments * ONE_DAY)
    of = Block.learned(at_first, views, NOW)
    for n in range(increments):
        day = at_first.end + (n + 1) * ONE_DAY
        of = of.merged(Block.learned(DateRange(day, day), views, NOW + n * ONE_DAY + HOUR))
    assert len(of.stretches) == 1 + increments
    assert of.views == views
    key = f"days/{Series('en.wikipedia', Access.ALL_ACCESS, Agent.USER, 'Main_Page').key}"
    assert len(of.encode()) + len(key.encode()) <= 2_500


def packed(
    lengths: list[int], counts: bytes, *, format_: int = 3, first: int | None = None
) -> bytes:
    """Write a block as ``encode`` does, with anything in it."""
    ordinal = D.toordinal() if first is None else first
    stretches = b"".join(struct.pack(">HI", length, 1_700_000_000) for length in lengths)
    return struct.pack(">BIH", format_, ordinal, len(lengths)) + stretches + zlib.compress(counts)


def counts_of(*counts: int) -> bytes:
    """Write counts as a block holds them."""
    return array("q", counts).tobytes()


def test_decode__layout() -> None:
    """The layout that the junk below deviates from is the one that is read."""
    of = Block.decode(packed([2, 1], counts_of(5, ABSENT, 0)))
    assert (written(of), of.days) == ("5 . 0", DateRange(D, D + 2 * ONE_DAY))


JUNK = [
    ("nothing", b""),
    ("half a header", packed([1], counts_of(5))[:4]),
    ("a header alone", packed([1], counts_of(5))[:7]),
    ("half a stretch", packed([1], counts_of(5))[:10]),
    ("no counts", packed([1], counts_of(5))[:13]),
    ("counts cut off", packed([9], counts_of(*range(9)))[:-12]),
    ("an earlier format", packed([1], counts_of(5), format_=1)),
    ("a later format", packed([1], counts_of(5), format_=4)),
    ("no stretch", packed([], b"")),
    ("a count too many", packed([1], counts_of(5, 5))),
    ("a count too few", packed([2], counts_of(5))),
    ("half a count", packed([1], counts_of(5)[:4])),
    ("half a count too many", packed([1], counts_of(5) + b"\0")),
    ("a count below absent", packed([2], counts_of(5, ABSENT - 1))),
    ("no zlib", packed([1], counts_of(5))[:13] + counts_of(5)),
    ("day 0", packed([1], counts_of(5), first=0)),
    ("a day after the last", packed([1], counts_of(5), first=2**32 - 1)),
    ("days up to after the last", packed([65_535] * 60, counts_of(5))),
    ("JSON", b'{"days": []}'),
    ("a pickle that is never run", b"\x80\x04cos\nabort\n(tR."),
    ("the same, of the first protocol", b"cos\nabort\n(tR."),
]


@pytest.mark.parametrize("data", [row[1] for row in JUNK], ids=[row[0] for row in JUNK])
def test_decode__junk(data: bytes) -> None:
    """What this version does not write is refused."""
    with pytest.raises(ValueError, match=r".+"):
        Block.decode(data)


@pytest.mark.parametrize("lengths", [[0], [1, 0], [0, 1]])
def test_decode__stretch_of_no_day(lengths: list[int]) -> None:
    """A stretch without a day is refused as everything else."""
    with pytest.raises(ValueError, match=r".+"):
        Block.decode(packed(lengths, counts_of(*range(sum(lengths)))))


def _read(data: bytes) -> None:
    """Assert that bytes are refused, or read as a block that is one."""
    try:
        of = Block.decode(data)
    except ValueError:
        return
    check(of)
    assert Block.decode(of.encode()) == of


@given(data=st.binary(max_size=200) | st.binary(max_size=60).map(b"\x02\0\x0b\x4b\xf6".__add__))
def test_decode__any_bytes(data: bytes) -> None:
    """Any bytes are refused, or read as a block that is one; nothing else happens."""
    _read(data)


@given(
    of=grown(),
    flips=st.lists(st.tuples(st.integers(0), st.integers(1, 255)), max_size=4),
    kept=st.integers(0, 200) | st.none(),
    more=st.binary(max_size=3),
)
def test_decode__mutated(
    of: tuple[Block, Model], flips: list[tuple[int, int]], kept: int | None, more: bytes
) -> None:
    """A written block with flipped bits, cut off or with more behind it, is the same to us."""
    data = bytearray(of[0].encode())
    for position, bits in flips:
        position %= len(data)  # noqa: PLW2901  # drawn before the length was known
        data[position] ^= bits
    _read(bytes(data[:kept]) + more)


def test_decode__any_other_format() -> None:
    """Whatever the first byte says but this version's: it is not read."""
    data = block("1 2 3").encode()
    for format_ in set(range(256)) - {data[0]}:
        with pytest.raises(ValueError, match="of format"):
            Block.decode(bytes([format_]) + data[1:])


def test_decode__what_unpacks_to_much_more() -> None:
    """Bytes that would unpack to 64 MB are given up after the days that the header names."""
    packer = zlib.compressobj()
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()
    data = packed([400], b"")[:13] + bomb
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r".+"):
            Block.decode(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20
