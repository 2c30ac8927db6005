"""What a site's days are: against pandas, and where clocks change."""

from datetime import date
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.side_by_side.site_days import hours_of, offset_of
from tests.support.pandas_oracle import PANDAS, START_DAYS

ZONES = [
    *("UTC", "Europe/Berlin", "America/Havana", "America/Santiago", "America/St_Johns"),
    *("Pacific/Auckland", "Pacific/Honolulu", "Asia/Kathmandu", "Australia/Lord_Howe"),
]

DAYS = [
    ("Europe/Berlin", "2026-03-28", 24, "+01:00"),
    ("Europe/Berlin", "2026-03-29", 23, "+01:00"),
    ("Europe/Berlin", "2026-03-30", 24, "+02:00"),
    ("Europe/Berlin", "2026-10-25", 25, "+02:00"),
    ("Europe/Berlin", "2026-10-26", 24, "+01:00"),
    ("America/Havana", "2026-03-07", 24, "-05:00"),
    ("America/Havana", "2026-03-08", 23, "-04:00"),  # it begins at 01:00
    ("America/Havana", "2026-11-01", 25, "-04:00"),  # it has two midnights
    ("America/Havana", "2026-11-02", 24, "-05:00"),
    ("America/Santiago", "2026-04-04", 25, "-03:00"),
    ("America/Santiago", "2026-09-06", 23, "-03:00"),
    ("America/St_Johns", "2026-01-01", 24, "-03:30"),
    ("Asia/Kathmandu", "2026-01-01", 24, "+05:45"),
    ("Australia/Lord_Howe", "2026-04-05", 24.5, "+11:00"),
    ("Australia/Lord_Howe", "2026-10-04", 23.5, "+10:30"),
    ("UTC", "2026-10-25", 24, "+00:00"),
]


@pytest.mark.parametrize(("zone", "day", "hours", "offset"), DAYS)
def test_days__where_clocks_change(zone: str, day: str, hours: float, offset: str) -> None:
    """A day has the hours between its first moment and the next day's, and that one's offset."""
    asked = date.fromisoformat(day)
    assert hours_of(asked, ZoneInfo(zone)) == hours
    assert offset_of(asked, ZoneInfo(zone)) == offset


def test_hours__whole() -> None:
    """Whole hours are whole numbers."""
    assert isinstance(hours_of(date(2026, 3, 29), ZoneInfo("Europe/Berlin")), int)


@PANDAS
@given(zone=st.sampled_from(ZONES), day=START_DAYS)
def test_days__against_pandas(zone: str, day: date) -> None:
    """Hours and offset are those between the moments that pandas takes for the days' first."""
    begin, end = (
        (pd.Timestamp(day) + pd.Timedelta(days=more)).tz_localize(
            zone,
            ambiguous=True,  # the first of two, when it is still summer
            nonexistent="shift_forward",
        )
        for more in (0, 1)
    )
    assert hours_of(day, ZoneInfo(zone)) == (end - begin) / pd.Timedelta(hours=1)
    assert offset_of(day, ZoneInfo(zone)).replace(":", "") == begin.strftime("%z")
