"""The list of what to archive, where it is an object of a bucket: read anew before each run."""

import asyncio
from collections.abc import Awaitable, Callable

from loguru import logger

from pageviews_api.exceptions import ArchiveDeniedError, ArchiveError
from pageviews_api.schemas.selection import Selection, parse_selection


class ArticlesFile:
    """Reads the list. ``also`` is what the settings name beside it, which has been read once."""

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
            text = await self._read()
            # In a thread: 10,000 entries take 50 ms.
            selection = await asyncio.to_thread(self._parse, text, refused)
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

    def _parse(self, text: bytes, refused: list[str]) -> Selection:
        # Bytes that are no text become what no title can hold: their entry is refused.
        entries = text.decode("utf-8-sig", errors="surrogateescape")
        return parse_selection(self._also).joined(parse_selection(entries, refused=refused))
