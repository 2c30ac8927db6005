"""What others would ask of AQS for the same requests: no cache, a cache of URLs, a clairvoyant."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from benchmarks.upstream_workload import START, ClientRequest
from pageviews_api.daterange import ONE_DAY, DateRange, NamedRange
from tests.support.simulated_aqs import History, Troubles, dataset_of

if TYPE_CHECKING:
    from pageviews_api.schemas.query import Series

URL_TTL = timedelta(hours=2)
"""How long the seed's design keeps an answer."""


def url_cache_fetches(requests: Iterable[ClientRequest], troubles: Troubles) -> int:
    """Count what a cache keyed by URL asks: again after 2 hours; a failure is not kept.

    Its clients end the ranges that move with yesterday, as the common ones do: then a URL changes
    once a day, as it would if they knew the newest loaded day, and finding out costs nothing.
    """
    fresh_until: dict[tuple[Series, date, date], datetime] = {}
    fetches = 0
    for seconds, series, asked in requests:
        at = START + timedelta(seconds=seconds)
        days = resolved(asked, at.date() - ONE_DAY)
        url = series, days.start, days.end
        if url in fresh_until and at < fresh_until[url]:
            continue
        fetches += 1
        if at not in troubles:
            fresh_until[url] = at + URL_TTL
    return fetches


def floor_fetches(requests: Iterable[ClientRequest], troubles: Troubles, history: History) -> int:
    """Count what a clairvoyant asks, who always knows what was published and restated.

    Each fetch brings all days of the series. It fetches a series when it has never been fetched,
    or when an asked day was published or restated since. Nobody can fetch in an outage or in the
    storm; then it answers from what it has.
    """
    news: dict[Series, list[tuple[datetime, date]]] = {}
    fetched_at: dict[Series, datetime] = {}
    fetches = 0
    for seconds, series, asked in requests:
        at = START + timedelta(seconds=seconds)
        days = resolved(asked, history.newest_day(dataset_of(series), at))
        since = fetched_at.get(series)
        if since is not None:
            if series not in news:
                news[series] = history.changes(series)
            if not any(since < moment <= at and day in days for moment, day in news[series]):
                continue
        if at not in troubles:
            fetches += 1
            fetched_at[series] = at
    return fetches


def resolved(asked: DateRange | NamedRange, newest: date) -> DateRange:
    """Tell the days of a range that may move with the data."""
    if isinstance(asked, DateRange):
        return asked
    days = asked.resolve(today=newest, complete_through=newest)
    assert days is not None
    return days
