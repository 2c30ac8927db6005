"""For how long an answer may be kept."""

from datetime import UTC, datetime, timedelta

import pytest

from pageviews_api.representation.freshness import Currency
from pageviews_api.schemas.pageviews import Freshness

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

TTL = timedelta(hours=2)


def currency(*, age: int = 0, stale: bool = False, fetched: bool = False) -> Currency:
    """Tell how current an answer is that was checked ``age`` seconds ago."""
    answer = Freshness(checked_at=NOW - timedelta(seconds=age), stale=stale, fetched=fetched)
    return Currency.of(answer, fresh_for=TTL, now=NOW)


@pytest.mark.parametrize(("age", "left"), [(0, 7200), (60, 7140), (7199, 1), (7200, 0), (9000, 0)])
def test_currency__what_is_left(age: int, left: int) -> None:
    """Others may keep an answer for what is left of the two hours, and no second longer."""
    assert currency(age=age).cache_control == (
        f"public, max-age={left}, stale-while-revalidate=600, stale-if-error=86400"
    )


def test_currency__stale() -> None:
    """What is stale here is never fresh elsewhere, even where it was checked just now."""
    assert "max-age=0," in currency(age=5, stale=True).cache_control
    assert currency(age=5, stale=True).cache_status == "pageviews-api; hit; ttl=-1"
    assert currency(age=7260, stale=True).cache_status == "pageviews-api; hit; ttl=-60"


def test_currency__hit_or_miss() -> None:
    """What had to be asked for is a miss, and is kept."""
    assert currency(age=60).cache_status == "pageviews-api; hit; ttl=7140"
    assert currency(fetched=True).cache_status == "pageviews-api; fwd=miss; stored; ttl=7200"
