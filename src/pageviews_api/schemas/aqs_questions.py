"""What is asked under AQS's paths: of days that are kept, or of what is passed on to AQS."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Generic, TypeVar

from pageviews_api.daterange import DateRange
from pageviews_api.schemas.aqs import (
    CountriesAnswer,
    CountryTopAnswer,
    DevicesAnswer,
    HourlyAnswer,
    WireModel,
)
from pageviews_api.schemas.query import Access, Agent, Granularity, Month, Series

Body = TypeVar("Body", bound=WireModel)


class AccessSite(StrEnum):
    """Which of a project's sites was visited."""

    ALL_SITES = "all-sites"
    DESKTOP_SITE = "desktop-site"
    MOBILE_SITE = "mobile-site"


class DevicesGranularity(StrEnum):
    """What one number of devices covers: they cannot be added up."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class DaysAsked:
    """Which days of a series are asked for, in days or months."""

    series: Series
    days: DateRange
    granularity: Granularity


@dataclass(frozen=True, slots=True)
class TopAsked:
    """Whose list of most viewed articles is asked for."""

    project: str
    access: Access
    period: date | Month


@dataclass(frozen=True, slots=True)
class Question(Generic[Body]):
    """What is passed on, for no day of it is kept.

    ``path`` goes from ``/metrics`` on and is not yet encoded; two questions are one if their paths
    are. ``model`` is what AQS answers with. ``is_met_by`` tells whether an answer is to this
    question and to no other.
    """

    path: tuple[str, ...]
    model: type[Body]
    is_met_by: Callable[[Body], bool]


def hourly_totals(
    project: str, access: Access, agent: Agent, start: datetime, end: datetime
) -> Question[HourlyAnswer]:
    """Ask for a project's views by the hour (``aggregate``), both hours included."""
    series = (project, str(access), str(agent))
    first, last = f"{start:%Y%m%d%H}", f"{end:%Y%m%d%H}"

    def is_met_by(answer: HourlyAnswer) -> bool:
        same = all((one.project, one.access, one.agent) == series for one in answer.items)
        return same and _are_within((one.timestamp for one in answer.items), first, last)

    path = ("pageviews", "aggregate", *series, "hourly", first, last)
    return Question(path, HourlyAnswer, is_met_by)


def top_by_country(project: str, access: Access, month: Month) -> Question[CountriesAnswer]:
    """Ask from which countries a project is looked at most (``top-by-country``)."""
    asked = (project, str(access), f"{month.first_day:%Y}", f"{month.first_day:%m}")

    def is_met_by(answer: CountriesAnswer) -> bool:
        (item,) = answer.items
        return (item.project, item.access, item.year, item.month) == asked

    return Question(("pageviews", "top-by-country", *asked), CountriesAnswer, is_met_by)


def top_per_country(country: str, access: Access, day: date) -> Question[CountryTopAnswer]:
    """Ask what is looked at most from a country (``top-per-country``)."""
    asked = (country, str(access), f"{day:%Y}", f"{day:%m}", f"{day:%d}")

    def is_met_by(answer: CountryTopAnswer) -> bool:
        (item,) = answer.items
        return (item.country, item.access, item.year, item.month, item.day) == asked

    return Question(("pageviews", "top-per-country", *asked), CountryTopAnswer, is_met_by)


def unique_devices(
    project: str, site: AccessSite, granularity: DevicesGranularity, start: date, end: date
) -> Question[DevicesAnswer]:
    """Ask how many devices came to a project (``unique-devices``), both days included."""
    series = (project, str(site), str(granularity))
    # A month is told by its first day, be that asked for or not.
    first = start.replace(day=1) if granularity is DevicesGranularity.MONTHLY else start

    def is_met_by(answer: DevicesAnswer) -> bool:
        same = all(
            (one.project, one.access_site, one.granularity) == series for one in answer.items
        )
        stamps = (one.timestamp for one in answer.items)
        return same and _are_within(stamps, f"{first:%Y%m%d}", f"{end:%Y%m%d}")

    path = ("unique-devices", *series, f"{start:%Y%m%d}", f"{end:%Y%m%d}")
    return Question(path, DevicesAnswer, is_met_by)


def _are_within(stamps: Iterable[str], first: str, last: str) -> bool:
    """Tell whether moments lie in a span, each once and oldest first."""
    told = list(stamps)
    return told == sorted(set(told)) and first <= told[0] and told[-1] <= last
