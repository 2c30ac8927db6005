"""What is found to be wrong with an archive of the sites."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pageviews_api.archive.sites.check import faults
from pageviews_api.archive.sites.document import SITES, ObservedSite, build
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import ArchiveCorruptError
from pageviews_api.schemas.archive import Window
from pageviews_api.schemas.site_archive import SitesDocument
from pageviews_api.schemas.site_metrics import SiteFigures
from tests.archive.sites.test_sites_document import Named

DAY = date(2026, 11, 22)
WINDOW = DateRange(date(2026, 11, 20), date(2026, 11, 21))
FIGURES = SiteFigures(
    visitors=1,
    visits=1,
    pageviews=2,
    bounce_rate=0.0,
    visit_duration=60.0,
    views_per_visit=2.0,
)


def whole() -> SitesDocument:
    """Build a document of two sites with two days each."""
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    observed = ObservedSite(dict.fromkeys(WINDOW, FIGURES), at)
    return build(
        DAY,
        window=WINDOW,
        sites=[Named("blog"), Named("shop", ZoneInfo("Europe/Paris"))],
        observed={"blog": observed, "shop": observed},
        today=DAY,
        before=None,
    )


def found_in(document: SitesDocument, *, today: date = DAY) -> list[str]:
    """Tell what is wrong with a document as it would be kept."""
    notes = SITES.facts(document).as_notes()
    return faults(DAY, SITES.encode(document), notes, today=today)


def test_faults__none() -> None:
    """With a document as it is made nothing is wrong."""
    assert whole().complete
    assert found_in(whole()) == []


def with_site(document: SitesDocument, **changed: object) -> SitesDocument:
    """Change what is told of the first site."""
    first, *others = document.sites
    return document.model_copy(update={"sites": (first.model_copy(update=changed), *others)})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            lambda one: one.model_copy(
                update={"window": Window(start=WINDOW.start, end=DAY)},
            ),
            "its window ends on 2026-11-22, not the day before",
        ),
        (
            lambda one: one.model_copy(update={"late": True}),
            "what it says of being late is not true of its dates",
        ),
        (
            lambda one: one.model_copy(update={"sites": ()}),
            "it says that it is complete, and is not",
        ),
        (
            lambda one: one.model_copy(update={"sites": one.sites[::-1]}),
            "its sites are not in order, or one is told twice",
        ),
        (
            lambda one: one.model_copy(update={"sites": one.sites[:1] * 2}),
            "its sites are not in order, or one is told twice",
        ),
        (
            lambda one: with_site(one, days=one.sites[0].days[::-1]),
            "the days of blog are not in order, or one is told twice",
        ),
        (
            lambda one: with_site(one, not_finished=(WINDOW.end,)),
            "it tells a day of blog that was not over",
        ),
    ],
)
def test_faults__each(change: Callable[[SitesDocument], SitesDocument], fault: str) -> None:
    """Each thing that is not as it is made is told, and nothing else."""
    assert found_in(change(whole())) == [fault]


def test_faults__a_day_that_has_not_come() -> None:
    """A document of tomorrow cannot be."""
    assert found_in(whole(), today=DAY - timedelta(days=1)) == ["its day has not come"]


def test_faults__facts_beside_it() -> None:
    """What is told beside a document must be true of it."""
    other = whole().model_copy(update={"complete": False})
    notes = SITES.facts(other).as_notes()
    assert faults(DAY, SITES.encode(whole()), notes, today=DAY) == [
        "what is told beside it is not what it holds"
    ]


def test_faults__no_document() -> None:
    """What is no document of that day is an error."""
    with pytest.raises(ArchiveCorruptError):
        faults(DAY, b"{}", {}, today=DAY)
    with pytest.raises(ArchiveCorruptError):
        faults(WINDOW.end, SITES.encode(whole()), {}, today=DAY)
