"""Top lists as AQS makes them of true counts."""

from collections.abc import Mapping

from pageviews_api.schemas.aqs import TopRow


def cut_list(counts: Mapping[str, int], *, rows: int = 1000) -> list[TopRow]:
    """List the most viewed titles of a day, as wikimedia/analytics-refinery does it.

    Ties share a rank, and the next are skipped; what stays are the rows of a better rank than that
    of the first row too many, so that a tie at the cut is dropped whole. Who had no view is in no
    list.
    """
    ranked = ranked_list(counts)
    if len(ranked) <= rows:
        return ranked
    return [row for row in ranked if row.rank < ranked[rows].rank]


def ranked_list(counts: Mapping[str, int]) -> list[TopRow]:
    """List all titles that had a view, by rank."""
    seen = sorted(((-views, title) for title, views in counts.items() if views))
    return [
        TopRow(article=title, views=-views, rank=1 + sum(other < views for other, _ in seen))
        for views, title in seen
    ]
