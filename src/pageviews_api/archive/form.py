"""What a shelf and an index must know of the documents that they keep. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Generic, Protocol, TypeVar

from pageviews_api.archive.document import Archive, differing_days, is_better
from pageviews_api.archive.encoding import decode, encode
from pageviews_api.archive.facts import Facts


class DayDocument(Protocol):
    """What is kept of a day."""

    @property
    def day(self) -> date:
        """The day that it is named for."""
        ...

    @property
    def complete(self) -> bool:
        """Whether nothing can be added to it, so that it is never replaced."""
        ...


D = TypeVar("D", bound=DayDocument)


@dataclass(frozen=True, slots=True)
class Form(Generic[D]):
    """How documents of one kind are written, read, told of and compared.

    ``decode`` raises ``ArchiveCorruptError`` for what is no document of that day. ``is_better``
    tells whether the first may replace the second, and ``differing_days`` counts the numbers that
    two tell differently.
    """

    encode: Callable[[D], bytes]
    decode: Callable[[date, bytes], D]
    facts: Callable[[D], Facts]
    is_better: Callable[[D, D], bool]
    differing_days: Callable[[D, D], int]

    def facts_in(self, day: date, body: bytes) -> Facts:
        """Tell of the document of ``day`` by reading it."""
        return self.facts(self.decode(day, body))


PAGEVIEWS: Form[Archive] = Form(encode, decode, Facts.of, is_better, differing_days)
"""The archives of Wikimedia's numbers."""
