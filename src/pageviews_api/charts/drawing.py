"""The whole chart as an SVG document."""

from hashlib import sha256

from pageviews_api.charts import words
from pageviews_api.charts.axes import axes
from pageviews_api.charts.curve import curve
from pageviews_api.charts.layout import (
    HEADING_SIZE,
    HEADING_WEIGHT,
    SIDE,
    TEXT_SIZE,
    Layout,
    lay_out,
)
from pageviews_api.charts.lettering import as_many_as_fit, escaped, fitted, runs_leftwards, width
from pageviews_api.charts.marks import Mark, span, stretches
from pageviews_api.charts.palette import style
from pageviews_api.charts.scale import Scale
from pageviews_api.schemas.charts import ChartKind, Look
from pageviews_api.schemas.pageviews import ArticleSeries


def draw(answer: ArticleSeries, look: Look) -> str:
    """Draw a series as an SVG document of its own, which needs nothing else.

    A day, week or month that is not known is a gap in the line; one that stands alone is a dot.
    A week or month of which not every day is counted is dashed, with a hollow dot. What there is
    to see is told in ``<title>`` and ``<desc>``, too. Every text is escaped; there is no script.
    """
    found = stretches(answer.items)
    marks = [mark for one in found for mark in one]
    highest = max((mark.views for mark in marks), default=0)
    layout = lay_out(look, highest=highest, has_notes=bool(words.notes(answer)))
    ground = ['<rect class="g" width="100%" height="100%"/>'] * (look.kind is ChartKind.LINE)
    scale = _scale(answer, look, layout, marks) if marks else None
    inside = [
        *ground,
        *_header(answer, look, layout),
        *([_nothing(answer, look, layout)] if scale is None else []),
        *([*axes(layout, scale, answer.granularity), *curve(found, scale)] if scale else []),
    ]
    return _document(answer, look, "".join(inside), stroke=_stroke(look, layout, len(marks)))


def _document(answer: ArticleSeries, look: Look, inside: str, *, stroke: float) -> str:
    title, description = escaped(words.title(answer)), escaped(words.description(answer))
    # Charts that stand in one page have ids, and styles, of their own.
    told = sha256(f"{title}{description}{look}".encode(errors="replace"))
    name = f"c{told.hexdigest()[:8]}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{look.width}" '
        f'height="{look.height}" viewBox="0 0 {look.width} {look.height}" role="img" '
        f'aria-labelledby="{name}t {name}d">'
        f'<title id="{name}t">{title}</title><desc id="{name}d">{description}</desc>'
        f"<style>{style(look.theme, chart_id=name, stroke=stroke)}</style>{inside}</svg>\n"
    )


def _scale(answer: ArticleSeries, look: Look, layout: Layout, marks: list[Mark]) -> Scale:
    """Begin at zero, but for sparklines: they are about ups and downs, and have no axis."""
    first, last = span(answer.items)
    if look.kind is ChartKind.LINE:
        return Scale(layout.plot, first, last, 0, layout.numbers[-1])
    numbers = [mark.views for mark in marks]
    return Scale(layout.plot, first, last, min(numbers), max(numbers))


def _stroke(look: Look, layout: Layout, marks: int) -> float:
    """Choose a line that is thin where it has much to tell."""
    if marks > layout.plot.width:
        return 1
    if marks * 2 > layout.plot.width:
        return 1.25
    return 2 if look.kind is ChartKind.LINE else 1.5


def _header(answer: ArticleSeries, look: Look, layout: Layout) -> list[str]:
    if not layout.header:
        return []
    room = look.width - 2 * SIDE
    heading = fitted(words.heading(answer), size=HEADING_SIZE * HEADING_WEIGHT, room=room)
    subheading = as_many_as_fit(
        words.subheading(answer), " \N{MIDDLE DOT} ", size=TEXT_SIZE, room=room
    )
    leftwards = ' direction="rtl" text-anchor="end"' * runs_leftwards(heading)
    texts = [
        f'<text class="h" x="{SIDE}" y="24"{leftwards}>{escaped(heading)}</text>',
        f'<text x="{SIDE}" y="42">{escaped(subheading)}</text>',
    ]
    if layout.note:
        note = as_many_as_fit(words.notes(answer), " ", size=TEXT_SIZE, room=room)
        texts.append(f'<text x="{SIDE}" y="{look.height - SIDE}">{escaped(note)}</text>')
    return texts


def _nothing(answer: ArticleSeries, look: Look, layout: Layout) -> str:
    """Say that there is nothing to see, and why where that has room."""
    text = words.nothing(answer)
    if width(text, TEXT_SIZE) > look.width:
        text = "no data"
    middle = (layout.plot.top + layout.plot.bottom) // 2 + 4
    return f'<text class="d" x="{look.width // 2}" y="{middle}">{escaped(text)}</text>'
