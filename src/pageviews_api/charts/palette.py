"""Colours, and the style sheet that sets them.

The tones are those of Wikimedia's design system (https://doc.wikimedia.org/codex/latest/). Text
has a contrast of 4.5:1 and the line one of 3:1 at the least (WCAG 2.2, 1.4.3 and 1.4.11).
"""

from dataclasses import dataclass

from pageviews_api.schemas.charts import Theme


@dataclass(frozen=True, slots=True)
class Palette:
    """One tone for each part of a chart."""

    ground: str
    text: str
    quiet_text: str
    line: str
    grid: str


PALETTES = {
    Theme.LIGHT: Palette("#fff", "#202122", "#54595d", "#36c", "#eaecf0"),
    Theme.DARK: Palette("#101418", "#eaecf0", "#a2a9b1", "#88a3e8", "#27292d"),
}

_SHAPES = (
    "#{id} text{{font:12px system-ui,sans-serif}}"
    "#{id} .h{{font-size:15px;font-weight:600}}"
    "#{id} .n{{text-anchor:end}}#{id} .d{{text-anchor:middle}}"
    "#{id} path{{fill:none}}"
    "#{id} .l{{stroke-width:{stroke};stroke-linejoin:round;stroke-linecap:round}}"
    "#{id} .p{{stroke-dasharray:3 4}}#{id} .a{{opacity:.12}}"
    "#{id} .o{{stroke-width:5;stroke-linecap:round}}#{id} .i{{stroke-width:2;stroke-linecap:round}}"
)
"""What is the same in every theme."""

_COLOURS = (
    "#{id} .g{{fill:{ground}}}#{id} .i{{stroke:{ground}}}"
    "#{id} text{{fill:{quiet_text}}}#{id} .h{{fill:{text}}}"
    "#{id} .l,#{id} .o{{stroke:{line}}}#{id} .a{{fill:{line}}}"
    "#{id} .r{{stroke:{grid}}}"
)


def style(theme: Theme, *, chart_id: str, stroke: float) -> str:
    """Write the style sheet of the chart with this id; it touches nothing else on a page.

    No custom properties: many programs that draw SVG do not know them.
    """
    shapes = _SHAPES.format(id=chart_id, stroke=f"{stroke:g}")
    if theme is not Theme.AUTO:
        return shapes + _colours(theme, chart_id)
    dark = f"@media(prefers-color-scheme:dark){{{_colours(Theme.DARK, chart_id)}}}"
    return shapes + _colours(Theme.LIGHT, chart_id) + dark


def _colours(theme: Theme, chart_id: str) -> str:
    tones = PALETTES[theme]
    return _COLOURS.format(
        id=chart_id,
        ground=tones.ground,
        text=tones.text,
        quiet_text=tones.quiet_text,
        line=tones.line,
        grid=tones.grid,
    )
