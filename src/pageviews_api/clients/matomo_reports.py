"""How Matomo's reports are asked for, and what is read of them. Pure."""

from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from itertools import groupby
from urllib.parse import unquote

from pydantic import JsonValue, ValidationError

from pageviews_api.clients.base import Model
from pageviews_api.clients.site_days import Bucket, bounce_rate, figures
from pageviews_api.clients.site_pages import PageCounts, path_of_url
from pageviews_api.exceptions import (
    UpstreamInvalidError,
    UpstreamKeyRefusedError,
    UpstreamRejectedError,
)
from pageviews_api.schemas.matomo import PageActions, PageRow, VisitsSummary
from pageviews_api.schemas.site_metrics import SiteFigures
from pageviews_api.series.ratios import ratio

UPSTREAM = "matomo"

MOST_ROWS = 500
"""Rows that are read of a list of pages; Matomo keeps about as many, and sums the rest up."""

KEY_WORDS = ("token", "authenticate", "access this resource")
"""Of these at least one is in what Matomo says of a token; up to version 4 with status 200."""

READ_OF_MESSAGE = 200
"""Characters: a server in debug mode adds its stack, in which there are all words."""

GAP = ".*"
"""Stands in a pattern for what may be written in many ways."""

MOST_GAPS = 2
"""Gaps in a pattern: with many, a path could be made that costs the server seconds."""

MARKS = ".,:!()*~@$"
"""Marks that are written as they are, or percent-encoded, and in no other way."""

NO_VISITS = VisitsSummary(nb_uniq_visitors=0, nb_visits=0, bounce_count=0, sum_visit_length=0)
NO_ACTIONS = PageActions(nb_pageviews=0)
NO_VIEWS = PageCounts(pageviews=0, visitors=0, visits=0, entries=0, bounces=0)

PAGE_ROWS = {
    "flat": "1",
    "filter_sort_column": "nb_hits",
    "filter_sort_order": "desc",
    "filter_offset": "0",
    "filter_limit": f"{MOST_ROWS + 1}",
    "keep_summary_row": "1",
}
"""A list of pages and not a tree of folders, the most viewed first, with the sum of the rest."""


@dataclass(frozen=True, slots=True)
class Span:
    """One period of Matomo's, and the days or months that it answers for."""

    period: str
    buckets: tuple[Bucket, ...]

    @property
    def parameters(self) -> dict[str, str]:
        """How it is asked for: one date is answered as such, two as a series or a range."""
        first, last = self.buckets[0], self.buckets[-1]
        one = self.period != "range" and first == last
        date = f"{first.start}" if one else f"{first.start},{last.end}"
        return {"period": self.period, "date": date}


def span_of(bucket: Bucket, *, today: date) -> Span:
    """Tell how Matomo is asked for some days together.

    A whole month, and one of which no more is over yet, has unique visitors; a range has none.
    """
    if bucket.start == bucket.end:
        return Span("day", (bucket,))
    begun = bucket.start.day == 1 and bucket.end >= today
    same = (bucket.start.year, bucket.start.month) == (bucket.end.year, bucket.end.month)
    return Span("month" if same and (bucket.is_whole_month or begun) else "range", (bucket,))


def spans(asked: list[Bucket], *, today: date) -> list[Span]:
    """Tell how Matomo is asked for a series: in one go, save for months that are not whole."""
    told: list[Span] = []
    for bucket in asked:
        span = span_of(bucket, today=today)
        if told and span.period == told[-1].period != "range":
            told[-1] = Span(span.period, (*told[-1].buckets, bucket))
        else:
            told.append(span)
    return told


def page_pattern(path: str) -> str:
    """Write the pattern of the labels that a page can have: no fewer, a few more.

    A label may be percent-encoded there. What means something in HTML may be made harmless, too,
    and a space be a ``+``: that is a gap.
    """
    runs = groupby(unquote(path).removeprefix("/"), key=_kind)
    parts = [_written(kind, "".join(run)) for kind, run in runs]
    gaps = [at for at, part in enumerate(parts) if part == GAP]
    plain = "".join(parts[: gaps[MOST_GAPS - 1] + 1] if len(gaps) >= MOST_GAPS else parts)
    return rf"^/?{plain or '(index)?'}([?#].*)?$"


def _kind(char: str) -> str:
    """Tell how a character is written; each mark by itself: some encode it, others do not."""
    if char in MARKS:
        return char
    if char.isascii():
        return "plain" if char.isalnum() or char in "/_-" else "unknown"
    return "unknown" if char == "\ufffd" else "foreign"


def _written(kind: str, run: str) -> str:
    match kind:
        case "plain":
            return run
        case "unknown":
            return GAP
        case "foreign":
            return f"({run}|{_encoded(run)})"
        case mark:
            return f"([{mark}]|{_encoded(mark)})" * len(run)


def _encoded(text: str) -> str:
    """Encode in percent; any character is the ``%``, which could be decoded on its way."""
    return "".join(f".{byte:02X}" for byte in text.encode())


def refuse_error(told: JsonValue) -> None:
    """Raise what an answer says to be wrong, in our own words."""
    if not isinstance(told, dict) or told.get("result") != "error":
        return
    message = str(told.get("message", ""))[:READ_OF_MESSAGE].lower()
    is_key = any(word in message for word in KEY_WORDS)
    raise (UpstreamKeyRefusedError if is_key else UpstreamRejectedError)(UPSTREAM, HTTPStatus.OK)


def read(model: type[Model], told: JsonValue) -> Model:
    """Read an answer, or a part of one.

    Raises
    ------
    UpstreamInvalidError
        It is not of the documented shape.
    """
    try:
        return model.model_validate(told)
    except ValidationError as e:
        raise invalid("sent an answer that is not of the documented shape") from e


def series(model: type[Model], told: JsonValue, span: Span, *, nothing: Model) -> list[Model]:
    """Read what is told of a span's days or months, in their order; ``[]``: nothing."""
    if len(span.buckets) == 1:
        return [nothing if told == [] else read(model, told)]
    by_label = {} if told == [] else told
    labels = [f"{bucket.start}"[: 7 if span.period == "month" else 10] for bucket in span.buckets]
    if not isinstance(by_label, dict) or by_label.keys() - set(labels):
        raise invalid("answered with a day not asked for")
    parts = [by_label.get(label, []) for label in labels]
    return [nothing if part == [] else read(model, part) for part in parts]


def by_path(rows: list[PageRow]) -> list[tuple[str, PageCounts]]:
    """Tell the rows that are pages, by their paths."""
    return [(path_of_url(row.url), _counts(row)) for row in rows if row.url is not None]


def _counts(row: PageRow) -> PageCounts:
    daily = row.sum_daily_nb_uniq_visitors
    return PageCounts(
        pageviews=row.nb_hits,
        visitors=daily if row.nb_uniq_visitors is None else row.nb_uniq_visitors,
        visits=row.nb_visits,
        entries=row.entry_nb_visits,
        bounces=row.entry_bounce_count,
        seconds=row.sum_time_spent,
    )


def site_figures(visits: VisitsSummary, actions: PageActions) -> SiteFigures:
    """Make figures of the two reports of some days."""
    return figures(
        visitors=visits.nb_uniq_visitors,
        visits=visits.nb_visits,
        pageviews=actions.nb_pageviews,
        bounce_rate=bounce_rate(visits.bounce_count, visits.nb_visits),
        visit_duration=ratio(visits.sum_visit_length, visits.nb_visits, of=1, digits=2),
    )


def page_figures(counts: PageCounts) -> SiteFigures:
    """Make figures of what was counted of one page."""
    return figures(
        visitors=counts.visitors,
        visits=counts.visits or 0,
        pageviews=counts.pageviews,
        bounce_rate=counts.rate,
        visit_duration=None,
    )


def invalid(reason: str) -> UpstreamInvalidError:
    """Make the error of an answer that is none."""
    return UpstreamInvalidError(UPSTREAM, reason)
