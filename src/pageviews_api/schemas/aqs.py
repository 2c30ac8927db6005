"""What AQS sends, as far as we read it. Strict: anything else is refused at the door.

Fields and types: Wikimedia's Analytics API, *Page views*
(https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html)
and recorded answers in ``tests/data/aqs``.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_COUNT = 2**53 - 1
"""The largest count AQS is tested with (wikimedia/analytics-aqs, ``test/features``)."""

Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Name = Annotated[str, Field(min_length=1, max_length=1024)]


class WireModel(BaseModel):
    """Strict types, frozen; keys that we do not know are none of our business."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class SeriesItem(WireModel):
    """The views of one day. Days without any view are left out by AQS."""

    project: Name
    article: Name | None = None
    granularity: Literal["daily"]
    timestamp: Annotated[str, Field(pattern=r"^[0-9]{10}$")]
    access: Name
    agent: Name
    views: Count

    @property
    def day(self) -> date:
        """The day of ``timestamp``.

        Raises
        ------
        ValueError
            It is no day of the calendar.
        """
        return date.fromisoformat(self.timestamp[:8])


class SeriesAnswer(WireModel):
    """``per-article`` and ``aggregate``, daily; oldest day first."""

    items: Annotated[list[SeriesItem], Field(max_length=20_000)]


class TopRow(WireModel):
    """One article of a top list. Ties share a rank, and the next ranks are skipped."""

    article: Name
    views: Count
    rank: Annotated[int, Field(ge=1, le=1_000_000)]


class TopItem(WireModel):
    """The list of one day, or of one month (``day`` is ``all-days``)."""

    project: Name
    access: Name
    year: str
    month: str
    day: str
    articles: Annotated[list[TopRow], Field(max_length=10_000)]


class TopAnswer(WireModel):
    """``top``: always one item."""

    items: Annotated[list[TopItem], Field(min_length=1, max_length=1)]
