"""A key that must be seen nowhere, and an ear for all that is logged."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from loguru import logger

CANARY = "canary-5f3b9c"
"""A key, or a token: planted to be found where it must not be."""


@dataclass(slots=True)
class Logs:
    """All that is logged, with what is bound to it, by us and by the libraries."""

    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Everything, as text."""
        return "\n".join(self.lines)

    @classmethod
    @contextmanager
    def hearing(cls) -> Iterator["Logs"]:
        """Hear everything while the context lasts."""
        logs = cls()

        class Ear(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                logs.lines.append(record.getMessage())

        ear, speakers = Ear(), [logging.getLogger(), logging.getLogger("httpx")]
        levels = [speaker.level for speaker in speakers]
        speakers[0].addHandler(ear)
        for speaker in speakers:  # whatever a service that ran before has made of them
            speaker.setLevel(logging.DEBUG)
        sink = logger.add(
            lambda message: logs.lines.append(f"{message} {message.record['extra']}"),
            level="TRACE",
            backtrace=True,
            diagnose=False,
        )
        try:
            yield logs
        finally:
            logger.remove(sink)
            speakers[0].removeHandler(ear)
            for speaker, level in zip(speakers, levels, strict=True):
                speaker.setLevel(level)
