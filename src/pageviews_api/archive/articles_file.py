"""The list of what to archive, where it is an object of a bucket: read anew before each run."""

from collections.abc import Awaitable, Callable

from loguru import logger

from pageviews_api.exceptions import ArchiveDeniedError, ArchiveError
from pageviews_api.schemas.selection import Selection, parse_selection


class ArticlesFile:
    """Reads the list. ``also`` is what the settings name beside it."""

    def __init__(self, location: str, read: Callable[[], Awaitable[bytes]], *, also: str) -> None:
        self._location = location
        self._read = read
        self._also = also
        self._last: Selection | None = None

    async def selection(self) -> Selection:
        """Read it. One that cannot be read now stands as it was read last.

        An entry that has no meaning is left out, and logged by its number: the rest of a long list
        is not to suffer for it.

        Raises
        ------
        ArchiveError
            It has never been read, or names nothing.
        """
        log = logger.bind(location=self._location)
        refused: list[str] = []
        try:
            text = (await self._read()).decode(errors="replace")
            selection = parse_selection(f"{self._also}\n{text}", refused=refused)
            if not selection:
                raise ArchiveDeniedError("the list of what to archive names nothing")
        except ArchiveError as e:
            if self._last is None:
                raise
            log.bind(reason=str(e)).warning("list of articles not read, going on with the last one")
            return self._last
        for reason in refused:
            log.bind(reason=reason).error("entry of the list of articles left out")
        self._last = selection
        return selection
