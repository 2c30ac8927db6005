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

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "project": "en.wikipedia",
                            "access": "all-access",
                            "year": "2015",
                            "month": "10",
                            "day": "10",
                            "articles": [
                                {"article": "Main_Page", "views": 18793503, "rank": 1},
                                {"article": "Special:Search", "views": 2629537, "rank": 2},
                            ],
                        }
                    ]
                }
            ]
        }
    )

    items: Annotated[list[TopItem], Field(min_length=1, max_length=1)]


class HourlyItem(WireModel):
    """The views of all pages of a project in one hour."""

    project: Name
    access: Name
    agent: Name
    granularity: Literal["hourly"]
    timestamp: Annotated[str, Field(pattern=r"^[0-9]{10}$")]
    views: Count


class HourlyAnswer(WireModel):
    """``aggregate``, hourly; oldest hour first."""

    items: Annotated[list[HourlyItem], Field(min_length=1, max_length=20_000)]


class CountryRow(WireModel):
    """One country from which a project is looked at.

    ``views`` is a bucket such as ``1000000-9999999``; ``views_ceil`` is rounded up to 1,000. Ranks
    may have gaps: countries that are protected are taken out (refinery, ``hql/cassandra``).
    """

    country: Annotated[str, Field(min_length=1, max_length=16)]
    views: Annotated[str, Field(pattern=r"^[0-9]{1,20}-[0-9]{1,20}$")]
    views_ceil: Count
    rank: Annotated[int, Field(ge=1, le=1_000)]


class CountriesItem(WireModel):
    """The countries of one project and month."""

    project: Name
    access: Name
    year: str
    month: str
    countries: Annotated[list[CountryRow], Field(max_length=1_000)]


class CountriesAnswer(WireModel):
    """``top-by-country``: always one item."""

    items: Annotated[list[CountriesItem], Field(min_length=1, max_length=1)]


class CountryTopRow(WireModel):
    """One article that is looked at from a country; ``views_ceil`` is rounded up to 100."""

    article: Name
    project: Name
    views_ceil: Count
    rank: Annotated[int, Field(ge=1, le=1_000_000)]


class CountryTopItem(WireModel):
    """The list of one country and day."""

    country: Name
    access: Name
    year: str
    month: str
    day: str
    articles: Annotated[list[CountryTopRow], Field(max_length=10_000)]


class CountryTopAnswer(WireModel):
    """``top-per-country``: always one item."""

    items: Annotated[list[CountryTopItem], Field(min_length=1, max_length=1)]


class DevicesItem(WireModel):
    """The devices that came to a project on a day or in a month: ``underestimate + offset``."""

    project: Name
    access_site: Annotated[Name, Field(alias="access-site")]
    granularity: Literal["daily", "monthly"]
    timestamp: Annotated[str, Field(pattern=r"^[0-9]{8}$")]
    devices: Count
    offset: Count
    underestimate: Count


class DevicesAnswer(WireModel):
    """``unique-devices``; oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "project": "en.wikipedia",
                            "access-site": "all-sites",
                            "granularity": "daily",
                            "timestamp": "20210102",
                            "devices": 75002648,
                            "offset": 14784457,
                            "underestimate": 60218191,
                        }
                    ]
                }
            ]
        }
    )

    items: Annotated[list[DevicesItem], Field(min_length=1, max_length=20_000)]
