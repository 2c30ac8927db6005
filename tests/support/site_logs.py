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

        ear, root = Ear(), logging.getLogger()
        level = root.level
        root.addHandler(ear)
        root.setLevel(logging.DEBUG)
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
            root.removeHandler(ear)
            root.setLevel(level)
