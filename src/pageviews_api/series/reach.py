"""Which days an answer is made of. Pure."""

from pageviews_api.daterange import DateRange
from pageviews_api.schemas.query import Sections
from pageviews_api.series.comparison import paired, range_of
from pageviews_api.series.unusual import weeks_before


def base_of(asked: DateRange, sections: Sections) -> DateRange | None:
    """Tell the days that a range is compared with; None where it is not, or there are none."""
    if sections.compare is None:
        return None
    return range_of(paired(asked, sections.compare, sections.align))


def around(asked: DateRange, sections: Sections) -> DateRange:
    """Tell the days of a range, and those by which it is judged where unusual days are marked."""
    before = weeks_before(asked) if sections.unusual else None
    return DateRange.spanning(filter(None, [before, asked]))


def made_of(asked: DateRange, sections: Sections) -> list[DateRange]:
    """Tell the ranges whose numbers an answer with these sections is made of."""
    base = base_of(asked, sections)
    return [*filter(None, [base]), around(asked, sections)]


def reach(asked: DateRange, sections: Sections) -> DateRange:
    """Tell all days that must be known of a series to answer with these sections."""
    return DateRange.spanning(made_of(asked, sections))
