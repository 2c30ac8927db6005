"""An archive that has nothing, for what is tested without one."""

from datetime import date

from pageviews_api.clients.archived import ArchivedTopList
from pageviews_api.daterange import DateRange
from pageviews_api.days import ArchivedDay
from pageviews_api.schemas.query import Series


class NoArchive:
    """Tells nothing. See ``ArchivedDays``."""

    async def newest(self, series: Series, *, as_of: date | None = None) -> date | None:  # noqa: ARG002  # as in ``ArchivedDays``
        """Tell that nothing is archived."""
        return None

    async def days(
        self,
        series: Series,  # noqa: ARG002  # as in ``ArchivedDays``
        asked: DateRange,  # noqa: ARG002
        *,
        as_of: date | None = None,  # noqa: ARG002
    ) -> dict[date, ArchivedDay]:
        """Tell no day."""
        return {}

    async def top(self, project: str, day: date) -> ArchivedTopList | None:  # noqa: ARG002  # as in ``ArchivedDays``
        """Tell no list."""
        return None
