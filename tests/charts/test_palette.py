"""Colours that can be told apart by everybody."""

import re

import pytest

from pageviews_api.charts.palette import PALETTES, style
from pageviews_api.schemas.charts import Theme


def contrast(one: str, other: str) -> float:
    """Tell how far two colours are apart (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast__of_known_pairs() -> None:
    """The measure itself holds: black on white is 21, a colour on itself 1."""
    assert round(contrast("#000", "#ffffff"), 2) == 21
    assert contrast("#36c", "#3366cc") == 1


@pytest.mark.parametrize("theme", PALETTES)
def test_palettes__have_contrast(theme: Theme) -> None:
    """Text has 4.5:1, the line 3:1, at the least."""
    tones = PALETTES[theme]
    assert contrast(tones.text, tones.ground) >= 4.5
    assert contrast(tones.quiet_text, tones.ground) >= 4.5
    assert contrast(tones.line, tones.ground) >= 3


def test_style__touches_only_its_chart() -> None:
    """Every rule is for what is inside the chart: it may stand in a page among others."""
    for theme in Theme:
        css = style(theme, chart_id="c1", stroke=2).replace(
            "@media(prefers-color-scheme:dark){", ""
        )
        rules = re.findall(r"([^{}]+)\{[^{}]*\}", css)
        assert len(rules) > 5
        assert all(one.startswith("#c1 ") for rule in rules for one in rule.split(","))


def test_style__asks_for_nothing() -> None:
    """No rule leads out of the picture, or names a font."""
    for theme in Theme:
        css = style(theme, chart_id="c1", stroke=2)
        assert not re.search(r"url|@import|@font-face|expression", css)
        assert set(re.findall(r"font(?:-family)?:([^};]+)", css)) == {"12px system-ui,sans-serif"}


def test_style__by_theme() -> None:
    """``auto`` is light, and dark for who prefers that; the others are what they are for all."""
    light, dark, auto = (style(theme, chart_id="c1", stroke=2) for theme in Theme)
    assert "@media" not in light + dark
    assert PALETTES[Theme.DARK].ground not in light
    assert PALETTES[Theme.LIGHT].line not in dark
    before, _, inside = auto.partition("@media(prefers-color-scheme:dark){")
    assert before == light
    assert PALETTES[Theme.DARK].line in inside
