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


def reach(asked: DateRange, sections: Sections) -> DateRange:
    """Tell all days that must be known of a series to answer with these sections."""
    before = weeks_before(asked) if sections.unusual else None
    return DateRange.spanning(filter(None, [asked, base_of(asked, sections), before]))
