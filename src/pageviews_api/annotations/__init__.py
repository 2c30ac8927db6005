"""What is known of Wikimedia's numbers themselves: a small list, each entry with its source. Pure.

The list is ``known.toml``; it is read once, and is part of the package.
"""

import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from pageviews_api.daterange import DateRange
from pageviews_api.schemas.annotations import Annotation, AnnotationKind
from pageviews_api.schemas.data_state import Dataset
from pageviews_api.schemas.query import Access, Agent, Series


@cache
def known() -> tuple[Annotation, ...]:
    """Tell all that is known, oldest first."""
    text = files("pageviews_api.annotations").joinpath("known.toml").read_text("utf-8")
    entries = tomllib.loads(text)["annotation"]
    return tuple(
        sorted(map(Annotation.model_validate, entries), key=lambda one: (one.start, one.id))
    )


def touching(series: Iterable[Series], days: Sequence[DateRange]) -> list[Annotation]:
    """Tell what touches some of these series on some of these days, oldest first.

    A change in what is counted touches days that it parts: it is told where it falls after the
    first of them. What touches single articles is told of their project, too.
    """
    listed = list(series)
    return [
        one
        for one in known()
        if _touches_days(one, days) and any(_touches(one, series) for series in listed)
    ]


def touching_lists(project: str, access: Access, days: Sequence[DateRange]) -> list[Annotation]:
    """Tell what touches a project's top lists of some of these days; see ``touching``."""
    people = Series(project, access, Agent.USER)
    return [
        one for one in known() if _touches_days(one, days) and _touches(one, people, Dataset.TOP)
    ]


def _touches(annotation: Annotation, series: Series, dataset: Dataset | None = None) -> bool:
    of_series = Dataset.AGGREGATE if series.article is None else Dataset.PER_ARTICLE
    return (
        _among(dataset or of_series, annotation.datasets)
        and _among(series.project, annotation.projects)
        and _among(series.access, annotation.access)
        and _among(series.agent, annotation.agents)
        and (series.article is None or _among(series.article, annotation.articles))
    )


def _among(value: object, listed: Sequence[object] | None) -> bool:
    return listed is None or value in listed


def _touches_days(annotation: Annotation, days: Sequence[DateRange]) -> bool:
    if annotation.kind is AnnotationKind.DEFINITION_CHANGE:
        whole = DateRange.spanning(days)
        return whole.start < annotation.start <= whole.end
    return any(
        one.end >= annotation.start and (annotation.end is None or one.start <= annotation.end)
        for one in days
    )
