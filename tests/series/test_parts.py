"""A series in its parts: shares against pandas."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.schemas.query import Access, Agent, Granularity
from pageviews_api.series import by_period, summarise
from pageviews_api.series.parts import ACCESSES, AGENTS, split_by_access, split_by_agent
from tests.support.pandas_oracle import PANDAS, START_DAYS, points, series

START = date(2026, 11, 1)

_days = st.lists(
    st.tuples(*[st.one_of(st.integers(0, 5000), st.just(0), st.none())] * 3), max_size=60
)


@PANDAS
@given(start=START_DAYS, days=_days, granularity=st.sampled_from(Granularity))
def test_split__against_pandas(
    start: date, days: list[tuple[int | None, ...]], granularity: Granularity
) -> None:
    """Each share is that of pandas over the days on which all parts are known."""
    columns = [[day[n] for day in days] for n in range(3)]
    by_access = dict(zip(ACCESSES, (points(start, column) for column in columns), strict=True))
    by_agent = dict(zip(AGENTS, (points(start, column) for column in columns), strict=True))

    access = split_by_access(by_access, granularity)
    agent = split_by_agent(by_agent, granularity)

    frame = pd.DataFrame({one: series(told) for one, told in by_access.items()})
    known = frame.dropna()
    total = known.to_numpy().sum()
    for split in (access, agent):
        assert split.days_counted == len(known)
        assert split.complete is (len(known) == len(days) > 0)
    if not total:
        assert access.mobile_share is agent.automated_share is None
        assert {part.share for part in access.parts} == {None}
        return
    for part in access.parts:
        share = 100 * known[part.access].sum() / total
        assert part.share == pytest.approx(share, abs=0.0051)
    mobile = known[[Access.MOBILE_WEB, Access.MOBILE_APP]].to_numpy().sum()
    assert access.mobile_share == pytest.approx(100 * mobile / total, abs=0.0051)
    automated = known[Access.MOBILE_APP].sum()  # the third column is that of both
    assert agent.automated_share == pytest.approx(100 * automated / total, abs=0.0051)


def test_split__each_part_is_a_series() -> None:
    """Each part has its own summary and items, as the whole has."""
    views = {
        Agent.USER: points(START, [7, None, 1]),
        Agent.SPIDER: points(START, [2, 2, 0]),
        Agent.AUTOMATED: points(START, [1, 3, 0]),
    }
    split = split_by_agent(views, Granularity.WEEKLY)

    assert [part.agent for part in split.parts] == ["user", "spider", "automated"]
    for part, told in zip(split.parts, views.values(), strict=True):
        assert part.summary == summarise(told)
        assert part.items == by_period(told, Granularity.WEEKLY)
    assert [part.share for part in split.parts] == [72.73, 18.18, 9.09]
    assert split.automated_share == 9.09
    assert split.days_counted == 2


def test_split__a_part_untold() -> None:
    """With a part unknown there are no shares at all: the others are not the whole."""
    views = {
        Access.DESKTOP: points(START, [7]),
        Access.MOBILE_WEB: points(START, [None]),
        Access.MOBILE_APP: points(START, [1]),
    }
    split = split_by_access(views, Granularity.DAILY, "aqs did not answer.")

    assert {part.share for part in split.parts} == {None}
    assert split.mobile_share is None
    assert split.parts[0].summary.total == 7
    assert (split.complete, split.reason) == (False, "aqs did not answer.")


def test_split__mobile_share_is_not_a_sum_of_rounded_ones() -> None:
    """The share of both mobiles is rounded once."""
    views = {
        Access.DESKTOP: points(START, [1998]),
        Access.MOBILE_WEB: points(START, [1]),
        Access.MOBILE_APP: points(START, [1]),
    }
    split = split_by_access(views, Granularity.DAILY)

    assert [part.share for part in split.parts] == [99.9, 0.05, 0.05]
    assert split.mobile_share == 0.1
