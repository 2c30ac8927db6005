"""What a chart says of itself."""

from datetime import date

from pageviews_api.charts import words
from pageviews_api.schemas.pageviews import DayStatus
from pageviews_api.schemas.query import Granularity
from tests.support.answers import article_series


def test_description__sums_up() -> None:
    """It tells the article, the days, the sum, and the least and most with their days."""
    answer = article_series([1500, 900, 2000], article="Robert_Schuman")
    assert words.title(answer) == "Views of Robert Schuman on fr.wikipedia"
    assert words.description(answer) == (
        "Line of the views by day from 2026-11-16 to 2026-11-18 (all-access, user): "
        "4,400 in all on 3 days. The fewest in a day were 900 on 2026-11-17, "
        "the most 2,000 on 2026-11-18."
    )
    assert words.notes(answer) == []


def test_description__what_is_not_known() -> None:
    """It tells how many days are not known, and why; that it is not current; and the notice."""
    answer = article_series(
        [1, None, DayStatus.HOLE, DayStatus.NOT_LOADED], stale=True, notice="Sample. A clock runs."
    )
    assert words.notes(answer) == [
        "Not current: checked 2026-11-22 12:00 UTC.",
        "3 of 4 days are not known (1 not loaded yet, 1 lost at Wikimedia, 1 not to be had now).",
        "Sample.",
        "A clock runs.",
    ]
    assert words.description(answer).endswith(" ".join(words.notes(answer)))


def test_description__from_the_archive() -> None:
    """It tells how many days are the archive's."""
    answer = article_series([1, 2, 3])
    items = [
        point.model_copy(update={"status": DayStatus.ARCHIVED} if point.views != 2 else {})
        for point in answer.items
    ]
    told = answer.model_copy(update={"items": items})
    assert words.notes(told) == ["2 days are told from the archive."]


def test_description__weeks_in_part() -> None:
    """It tells what the dashes mean; days that are not known are counted for weeks, too."""
    answer = article_series(
        [1] * 8 + [None], start=date(2026, 11, 15), granularity=Granularity.WEEKLY
    )
    assert words.notes(answer) == [
        "1 of 9 days is not known.",
        "Dashed: 2 weeks of which not every day is counted.",
    ]


def test_description__nothing() -> None:
    """Where there is no number, it says why, or that none is known; never a zero."""
    assert words.description(article_series([])) == "No day of this range is loaded yet."
    assert words.description(article_series([None, None])) == (
        "No number of this range is known. 2 of 2 days are not known (2 not to be had now)."
    )
    assert "views" not in " ".join(words.subheading(article_series([])))
