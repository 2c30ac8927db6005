"""The archives of the sites as callers ask for them: which there are, and one of them."""

from datetime import date, timedelta

from pageviews_api.archive.catalogue import ArchiveCatalogue
from pageviews_api.archive.deadline import in_time
from pageviews_api.archive.index import ArchiveIndex, Entry
from pageviews_api.archive.reader import ArchiveReader, ReadArchive
from pageviews_api.clock import Clock
from pageviews_api.schemas.archive_answers import ArchiveItem
from pageviews_api.schemas.archive_query import ArchiveListParameters
from pageviews_api.schemas.site_archive import SiteArchiveItem, SiteArchiveList, SiteCounts


class SitesCatalogue:
    """Answers what is asked of the archive of the sites. See ``ArchiveCatalogue``."""

    def __init__(
        self,
        index: ArchiveIndex,
        reader: ArchiveReader,
        *,
        clock: Clock,
        deadline: timedelta,
        notice: str | None = None,
    ) -> None:
        self._archives = ArchiveCatalogue(
            index, reader, clock=clock, deadline=deadline, notice=notice
        )
        self._reader = reader
        self._deadline = deadline.total_seconds()

    async def page(self, asked: ArchiveListParameters) -> SiteArchiveList:
        """Tell which archives there are, newest first, and which days have none.

        Raises
        ------
        ArchiveError
            The store cannot be listed.
        """
        page = await self._archives.page(asked)
        told = page.model_dump(exclude={"items"})
        return SiteArchiveList(items=[_item(one) for one in page.items], **told)

    async def entry(self, day: date) -> Entry:
        """Tell of the archive of a day.

        Raises
        ------
        NotArchivedError
            There is none.
        ArchiveError
            The store cannot be read.
        """
        return await self._archives.entry(day)

    async def read(self, day: date) -> ReadArchive:
        """Read the checked bytes of a day's archive; 50 sites take 0.2 MB.

        Raises
        ------
        NotArchivedError
            There is none.
        ArchiveCorruptError
            It is not what was written.
        ArchiveError
            The store cannot be read.
        """
        async with in_time(self._deadline):
            return await self._reader.read(day)


def _item(one: ArchiveItem) -> SiteArchiveItem:
    told = one.model_dump(exclude={"series", "top_lists"})
    sites = SiteCounts(ok=one.series.ok, failed=one.series.failed) if one.series else None
    return SiteArchiveItem(sites=sites, **told)
