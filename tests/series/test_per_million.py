"""Views for each million of the project, against pandas."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageviews_api.schemas.query import Granularity
from pageviews_api.schemas.sections import DayPerMillion, PeriodPerMillion
from pageviews_api.series.per_million import per_million
from tests.support.pandas_oracle import PANDAS, START_DAYS, points, series, whole

START = date(2026, 11, 1)

_count = st.one_of(st.none(), st.just(0), st.integers(0, 300_000_000))


@PANDAS
@given(
    start=START_DAYS,
    days=st.lists(st.tuples(_count, _count), max_size=70),
    granularity=st.sampled_from(Granularity),
)
def test_per_million__against_pandas(
    start: date, days: list[tuple[int | None, int | None]], granularity: Granularity
) -> None:
    """Every figure is that of pandas over the days on which both numbers are known."""
    article, project = (points(start, [day[n] for day in days]) for n in (0, 1))

    told = per_million(article, project, granularity)

    frame = pd.DataFrame({"article": series(article), "project": series(project)})
    both = frame.dropna()
    assert told.days_counted == len(both)
    assert told.complete is (len(both) == len(days) > 0)
    assert told.views == whole(both.article.sum(min_count=1))
    assert told.project_views == whole(both.project.sum(min_count=1))
    assert told.per_million == _expected(both)
    freq = {Granularity.DAILY: "D", Granularity.WEEKLY: "W-SUN", Granularity.MONTHLY: "M"}
    groups = [part for _, part in frame.groupby(frame.index.to_period(freq[granularity]))]
    assert len(told.items) == len(groups)
    for item, part in zip(told.items, groups, strict=True):
        both = part.dropna()
        assert isinstance(item, DayPerMillion | PeriodPerMillion)
        assert item.per_million == _expected(both)
        if isinstance(item, PeriodPerMillion):
            assert (item.start, item.end) == (part.index[0].date(), part.index[-1].date())
            assert item.days_counted == len(both)
            assert item.project_views == whole(both.project.sum(min_count=1))
        else:
            assert item.date == part.index[0].date()
            assert item.project_views == whole(part.project.iloc[0])


def _expected(both: pd.DataFrame) -> object:
    if not len(both) or not both.project.sum():
        return None
    return pytest.approx(1e6 * both.article.sum() / both.project.sum(), abs=5.1e-5, rel=1e-9)


def test_per_million__project_without_views() -> None:
    """Of nothing there is no share; a day of the project that is not known is no 0."""
    told = per_million(points(START, [0, 3]), points(START, [0, None]), Granularity.DAILY)

    assert told.per_million is None
    assert told.items == [
        DayPerMillion(date=START, project_views=0, per_million=None),
        DayPerMillion(date=date(2026, 11, 2), project_views=None, per_million=None),
    ]
