"""Whole charts, read back."""

import re
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.charts import draw
from pageviews_api.charts.layout import SIDE, TEXT_SIZE
from pageviews_api.charts.lettering import width as text_width
from pageviews_api.daterange import FIRST_DAY
from pageviews_api.schemas.aqs import MAX_COUNT
from pageviews_api.schemas.charts import ChartKind, Look, Theme
from pageviews_api.schemas.names import is_article
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Granularity
from tests.support import svg
from tests.support.answers import article_series

VIEWS = st.lists(st.one_of(st.none(), st.just(0), st.integers(0, MAX_COUNT)), max_size=400)
LOOKS = st.builds(
    Look,
    st.sampled_from(ChartKind),
    st.integers(80, 2000),
    st.integers(20, 1000),
    st.sampled_from(Theme),
)
TITLES = st.text(min_size=1, max_size=80).filter(is_article)

SPARK = Look(ChartKind.SPARKLINE, 160, 32)

YEARS = [1000 + (offset * 7919) % 1000 for offset in range(4200)]
"""More days than there are; they go up and down all the time."""


def chart(views: list[int | DayStatus | None], look: Look | None = None) -> ET.Element:
    """Draw and read back."""
    return svg.read(draw(article_series(views), look or Look()))


def drawn(element: ET.Element, style: str) -> list[svg.Line]:
    """Tell what the paths of one class lead through."""
    return [line for data in svg.paths(element, style) for line in svg.lines(data)]


@given(VIEWS, TITLES, LOOKS, st.sampled_from(Granularity))
def test_draw__anything(
    views: list[int | None], title: str, look: Look, granularity: Granularity
) -> None:
    """Whatever is asked, it is XML, keeps inside its frame, and holds nothing that acts."""
    answer = article_series(views, article=title, granularity=granularity, start=FIRST_DAY)
    document = draw(answer, look)
    element = svg.read(document)
    frame = f"0 0 {look.width} {look.height}"
    assert (element.attrib["viewBox"], element.attrib["role"]) == (frame, "img")
    for data in svg.paths(element):
        for line in svg.lines(data):
            assert all(0 <= x <= look.width and 0 <= y <= look.height for x, y in line)
    for text in element.iter(f"{svg.NAMESPACE}text"):
        assert 0 <= float(text.attrib["x"]) <= look.width
        assert 0 < float(text.attrib["y"]) <= look.height
    tags = {one.tag.removeprefix(svg.NAMESPACE) for one in element.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "path", "text"}
    names = {name for one in element.iter() for name in one.attrib}
    assert not {name for name in names if name.startswith("on") or "href" in name}


@given(VIEWS)
def test_draw__no_number_invented(views: list[int | None]) -> None:
    """Lines and dots stand at known days only, at each of them, and at the height of its number."""
    days = views[:200]  # fewer than pixels: nothing is left out
    element = chart([*days], Look(width=2000, height=1000))
    known = sum(one is not None for one in days)
    vertices = [place for style in ("l", "o") for line in drawn(element, style) for place in line]
    at = {x for x, _ in vertices}
    assert len(at) == known
    if known:
        heights = sorted(
            {(one, y) for one, y in zip(_numbers(days), _heights(vertices), strict=True)}
        )
        assert [y for _, y in heights] == sorted((y for _, y in heights), reverse=True)


def _numbers(views: list[int | None]) -> list[int]:
    return [one for one in views if one is not None]


def _heights(vertices: list[tuple[float, float]]) -> list[float]:
    return [y for _, y in sorted(set(vertices))]


def test_draw__line() -> None:
    """A line begins at zero, at round numbers, and has days below."""
    element = chart([0, 500, 1950])
    (line,) = drawn(element, "l")
    assert line[1][1] - line[0][1] == pytest.approx((line[2][1] - line[0][1]) * 500 / 1950, abs=0.1)
    written = svg.texts(element)
    assert written[:2] == [
        "Strasbourg",
        "fr.wikipedia · 2026-11-16 to 2026-11-18 · 2,450 views · all-access, user",
    ]
    assert written[2:] == ["0", "500", "1k", "1.5k", "2k", "16 Nov", "17 Nov", "18 Nov"]


def test_draw__gaps() -> None:
    """A day that is not known is a gap, never a zero; a lonely day is a dot."""
    element = chart([5, 6, None, 7, DayStatus.HOLE, 8, 9, DayStatus.NOT_LOADED])
    assert [len(line) for line in drawn(element, "l")] == [2, 2]
    ((dot, _),) = drawn(element, "o")
    assert drawn(element, "i") == []
    ends = [line[-1][0] for line in drawn(element, "l")]
    assert ends[0] < dot[0] < ends[1]
    (width,) = {round(line[1][0] - line[0][0], 0) for line in drawn(element, "l")}
    frame = drawn(element, "r")[0]
    assert frame[1][0] - ends[1] == pytest.approx(width, abs=1)  # the last day has its place, too
    assert "3 of 8 days are not known" in svg.texts(element)[2]


def test_draw__weeks_in_part() -> None:
    """A week that is cut is dashed, with a hollow dot: its number is less for that reason alone."""
    answer = article_series([9] * 24, start=date(2026, 11, 13), granularity=Granularity.WEEKLY)
    element = svg.read(draw(answer, Look()))
    assert [len(line) for line in drawn(element, "l p")] == [2]
    assert [len(line) for line in drawn(element, "l")] == [3]
    assert drawn(element, "o") == drawn(element, "i")
    assert len(drawn(element, "i")) == 1


def test_draw__sparkline() -> None:
    """A sparkline is a line alone, from its least to its most; no ground hides the page."""
    element = chart([1000, 1010, 1005], SPARK)
    assert drawn(element, "l") == [[(4, 28), (80, 4), (156, 16)]]
    assert svg.texts(element) == []
    assert element.find(f"{svg.NAMESPACE}rect") is None


def test_draw__what_has_room() -> None:
    """A small chart leaves out its heading, a smaller one its axes."""
    views: list[int | DayStatus | None] = [5, 6, 7]
    written = {
        size: svg.texts(chart(views, Look(width=size[0], height=size[1])))
        for size in [(240, 150), (239, 150), (140, 80), (139, 80), (80, 20)]
    }
    assert written[240, 150][0] == "Strasbourg"
    assert "Strasbourg" not in written[239, 150]
    assert "0" in written[140, 80]
    assert written[139, 80] == written[80, 20] == []


@pytest.mark.parametrize("views", [[], [None, None]])
@pytest.mark.parametrize("kind", ChartKind)
def test_draw__nothing(views: list[int | None], kind: ChartKind) -> None:
    """Where nothing is known, it says so in words, however small it is; there is no line."""
    for width, words in [(640, " this range "), (80, "no data")]:
        answer = article_series(views)
        element = svg.read(draw(answer, Look(kind, width, 20)))
        (text,) = svg.texts(element)
        assert words in text
        assert svg.paths(element) == []


@pytest.mark.parametrize("views", [[7], [0], [0, 0, 0], [7, 7, 7]])
@pytest.mark.parametrize("kind", ChartKind)
def test_draw__all_the_same(views: list[int | DayStatus | None], kind: ChartKind) -> None:
    """One day, or the same number every day, is drawn as well."""
    element = chart([*views], Look(kind))
    ((*_, (_, y)),) = drawn(element, "l") + drawn(element, "o")
    assert kind is ChartKind.LINE or y == 120
    if len(views) == 1:
        ((x, _),) = {place for line in drawn(element, "o") for place in line}
        assert 250 < x < 390


def test_draw__names() -> None:
    """It is an image to those who cannot see it, with a title and a description."""
    element = chart([1, 2])
    title, description = (element.find(svg.NAMESPACE + tag) for tag in ("title", "desc"))
    assert title is not None
    assert description is not None
    assert title.text == "Views of Strasbourg on fr.wikipedia"
    assert "3 in all on 2 days" in (description.text or "")
    label = f"{title.attrib['id']} {description.attrib['id']}"
    assert element.attrib["aria-labelledby"] == label


def test_draw__ids_of_its_own() -> None:
    """Two charts in one page have no id in common; the same chart is the same, to the byte."""
    answers = [article_series([1, 2]), article_series([1, 3])]
    looks = [Look(), Look(theme=Theme.DARK)]
    documents = [draw(answer, look) for answer in answers for look in looks]
    ids = [name for text in documents for name in re.findall(r'\bid="([^"]+)"', text)]
    assert len(ids) == len(set(ids)) == 3 * len(documents)
    assert documents[0] == draw(answers[0], looks[0])


def test_draw__leftwards() -> None:
    """A heading in Arabic runs leftwards, and ends where others begin."""
    element = svg.read(draw(article_series([1, 2], article="القدس_(مدينة)"), Look()))
    heading = next(element.iter(f"{svg.NAMESPACE}text"))
    assert heading.text == "القدس (مدينة)"
    assert (heading.attrib["direction"], heading.attrib["text-anchor"]) == ("rtl", "end")


@pytest.mark.parametrize("width", [140, 240, 640])
@pytest.mark.parametrize("days", [1, 2, 3, 31, 500])
def test_draw__days_whole(days: int, width: int) -> None:
    """The name of a day at the edge of the plot is not cut by the edge of the picture."""
    element = chart([2] * days, Look(width=width))
    names = [one for one in element.iter(f"{svg.NAMESPACE}text") if one.get("class") == "d"]
    assert names
    for name in names:
        half = text_width(name.text or "", TEXT_SIZE) / 2
        assert half <= float(name.attrib["x"]) <= width - half


@pytest.mark.parametrize(
    ("title", "pixels"),
    [
        ("The Hunger Games: The Ballad of Songbirds & Snakes", 457.7),
        ("List of Marvel Cinematic Universe films", 330.5),
        ("Международная космическая станция", 336.9),
        ("Strasbourg", 94.3),
    ],
)
def test_draw__heading_cut(title: str, pixels: float) -> None:
    """A heading ends with an ellipsis where it would not fit; in DejaVu Sans Bold it is so wide."""
    width = max(240, int(pixels) + 2 * SIDE - 1)
    element = svg.read(draw(article_series([1], article=title), Look(width=width)))
    heading = svg.texts(element)[0]
    assert heading.endswith("…") == (pixels > width - 2 * SIDE)


@pytest.mark.parametrize(
    ("days", "look", "most"),
    [
        (30, Look(), 4_000),
        (30, SPARK, 4_000),
        (731, Look(), 12_000),
        (731, Look(width=2000, height=1000), 14_000),
        (4200, Look(), 24_000),
    ],
)
def test_draw__small(days: int, look: Look, most: int) -> None:
    """A month takes less than 4 kB, two years less than 12 where they are not drawn large."""
    document = draw(article_series(YEARS[:days], start=FIRST_DAY), look)
    assert len(document.encode()) < most


def test_draw__extremes_survive() -> None:
    """The highest and the lowest day of eleven years stand in a small picture, too."""
    views = [*YEARS]
    views[1234], views[2345] = 99_999, 3
    line = [place for one in drawn(chart([*views], SPARK), "l") for place in one]
    assert (min(y for _, y in line), max(y for _, y in line)) == (4, 28)
    assert len(line) < 320
