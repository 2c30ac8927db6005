"""What is asked of charts: the words of the URL, and the frozen query made of them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from pageviews_api.schemas.query import (
    AskedAccess,
    AskedAgent,
    DaysParameters,
    Granularity,
    SeriesQuery,
)

_PIXELS = re.compile(r"[0-9]{1,4}")


class ChartKind(StrEnum):
    """What is drawn."""

    LINE = "line"
    SPARKLINE = "sparkline"


SIZES = {ChartKind.LINE: (640, 240), ChartKind.SPARKLINE: (120, 30)}
"""Width and height where none is asked for, in pixels."""


class Theme(StrEnum):
    """Which colours it has."""

    LIGHT = "light"
    DARK = "dark"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Look:
    """How a chart should look; sizes are in pixels."""

    kind: ChartKind = ChartKind.LINE
    width: int = 640
    height: int = 240
    theme: Theme = Theme.LIGHT


@dataclass(frozen=True, slots=True)
class ChartQuery:
    """Which series is to be drawn, and how."""

    series: SeriesQuery
    look: Look


def _read_pixels(value: object) -> object:
    if isinstance(value, str) and not _PIXELS.fullmatch(value):
        raise ValueError("is not a whole number of pixels")
    return value


class ChartParameters(DaysParameters):
    """The query part of a URL that asks for a chart."""

    access: AskedAccess = None
    agent: AskedAgent = None
    granularity: Annotated[
        Granularity,
        Field(description="One point for each day, ISO week (Monday to Sunday), or month."),
    ] = Granularity.DAILY
    kind: Annotated[
        ChartKind,
        Field(
            description="`line`: with axes that begin at 0, and a heading where there is room. "
            "`sparkline`: the line alone, from its least to its most."
        ),
    ] = ChartKind.LINE
    width: Annotated[
        int | None,
        Field(
            ge=80,
            le=2000,
            description="In pixels. Default: 640; of a sparkline, 120.",
            examples=[640],
        ),
        BeforeValidator(_read_pixels),
    ] = None
    height: Annotated[
        int | None,
        Field(
            ge=20,
            le=1000,
            description="In pixels. Default: 240; of a sparkline, 30.",
            examples=[240],
        ),
        BeforeValidator(_read_pixels),
    ] = None
    theme: Annotated[
        Theme,
        Field(
            description="`auto` is light or dark as the reader's browser prefers "
            "(`prefers-color-scheme`)."
        ),
    ] = Theme.LIGHT

    @property
    def look(self) -> Look:
        """How the chart should look."""
        width, height = SIZES[self.kind]
        return Look(self.kind, self.width or width, self.height or height, self.theme)
