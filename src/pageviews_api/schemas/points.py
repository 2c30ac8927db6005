"""What is told of days: points, weeks and months, and figures over them."""

from datetime import date as Date  # noqa: N812  # a field below is called date
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from pageviews_api.schemas.left_out import is_none


class AnswerModel(BaseModel):
    """Frozen, and exactly the documented fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DayStatus(StrEnum):
    """What is known of one day."""

    OK = "ok"
    ZERO = "zero"
    NOT_LOADED = "not_loaded"
    HOLE = "hole"
    MISSING = "missing"
    ARCHIVED = "archived"


class DayPoint(AnswerModel):
    """The views of one UTC day."""

    date: Date
    views: Annotated[
        int | None,
        Field(ge=0, description="Page loads counted that day; `null` where it is not known."),
    ]
    status: Annotated[
        DayStatus,
        Field(
            description="`ok`: Wikimedia's number. `zero`: the day is loaded and nobody looked. "
            "`not_loaded`: Wikimedia has not published the day yet. `hole`: the day was lost at "
            "Wikimedia. `missing`: it could not be learned now. "
            "`archived`: the number is from our archive."
        ),
    ]
    observed_on: Annotated[
        Date | None,
        Field(
            exclude_if=is_none,
            description="The UTC day on which Wikimedia told this; there only where it comes "
            "from our archive.",
        ),
    ] = None


class PeriodPoint(AnswerModel):
    """The views of one ISO week or calendar month, as far as it lies in the range."""

    start: Annotated[Date, Field(description="The first day counted in.")]
    end: Annotated[Date, Field(description="The last day counted in.")]
    views: Annotated[
        int | None,
        Field(ge=0, description="The sum over the known days; `null` if a day is `missing`."),
    ]
    days_counted: Annotated[int, Field(description="Days whose number is known and summed.")]
    days_in_period: Annotated[int, Field(description="Days of the whole week or month.")]
    partial: Annotated[
        bool, Field(description="Whether not every day of the whole week or month is counted.")
    ]
    per_day: Annotated[
        float | None, Field(description="`views` for each counted day, to two decimals.")
    ]


class Extreme(AnswerModel):
    """The first day with the least or the most views."""

    date: Date
    views: int


class Summary(AnswerModel):
    """Figures over the days whose number is known; `null` where there is no such day."""

    total: int | None
    average: Annotated[float | None, Field(description="To two decimals.")]
    median: float | None
    minimum: Extreme | None
    maximum: Extreme | None
    days_counted: int
    days_in_range: int
    complete: Annotated[bool, Field(description="Whether the number of every asked day is known.")]
