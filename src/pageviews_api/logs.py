"""Structured logs: one line an event, whoever speaks."""

import json
import logging
import sys
import traceback
from datetime import UTC
from typing import TYPE_CHECKING, Any, TextIO

from loguru import logger

from pageviews_api.exceptions import NotTakenInTimeError

if TYPE_CHECKING:
    from loguru import Message, Record

_SPEAKERS = ("uvicorn", "uvicorn.error", "httpx", "asgi_correlation_id")

_TALKATIVE = (
    "aioboto3",
    "aiobotocore",
    "aiohttp",
    "asgi_correlation_id",
    "boto3",
    "botocore",
    "httpcore",
)
"""Libraries of which only warnings are logged, at whatever level: what they say at debug holds the
headers that they sign, session tokens among them."""

_SILENT = "uvicorn.access"
"""Uvicorn's line for each request; ours says more (``middleware.logs``)."""


def set_up_logs(level: str, log_format: str | None, *, stream: TextIO | None = None) -> None:
    """Send every log line of the process, the standard library's too, to ``stream`` (stderr).

    ``log_format`` is ``json``, ``text``, or None: text on a terminal, JSON elsewhere. A JSON line
    has ``timestamp`` (RFC 3339, UTC), ``level``, ``message``, ``logger`` and the event's own
    fields beside them. No line shows the values of variables.
    """
    target = stream or sys.stderr
    as_text = log_format == "text" or (log_format is None and target.isatty())
    write = _as_text if as_text else _as_json

    def sink(message: "Message") -> None:
        target.write(write(message.record) + "\n")
        target.flush()

    logger.remove()
    logger.add(sink, level=level.upper(), format="", backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_ToLoguru()], level=level.upper(), force=True)
    for name in _SPEAKERS:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger(_SILENT).handlers.clear()
    logging.getLogger(_SILENT).propagate = False
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


class _ToLoguru(logging.Handler):
    """Passes the standard library's log records on to loguru.

    But for one: the server logs a trace of whatever it closes a connection for. That a caller was
    too slow has been logged already, where it was noticed, and is nobody's fault here.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and isinstance(record.exc_info[1], NotTakenInTimeError):
            return
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        # No arguments, so loguru does not look for fields in the message.
        logger.bind(logger=record.name).opt(exception=record.exc_info).log(
            level, record.getMessage()
        )


def _fields(record: "Record") -> dict[str, Any]:
    timestamp = record["time"].astimezone(UTC).isoformat(timespec="milliseconds")
    fields = dict(record["extra"])
    speaker = fields.pop("logger", record["name"])
    fields = {
        "timestamp": timestamp.replace("+00:00", "Z"),
        "level": record["level"].name.lower(),
        "message": record["message"],
        "logger": speaker,
    } | {name: value for name, value in fields.items() if value is not None}
    if (exception := record["exception"]) and exception.type is not None:
        fields["error_type"] = exception.type.__name__
        fields["error_stack"] = "".join(
            traceback.format_exception(exception.type, exception.value, exception.traceback)
        )
    return fields


def _as_json(record: "Record") -> str:
    # ASCII only: no character of a foreign text can end the line.
    return json.dumps(_fields(record), default=str)


def _as_text(record: "Record") -> str:
    fields = _fields(record)
    stack = fields.pop("error_stack", "")
    head = " ".join(str(fields.pop(name)) for name in ("timestamp", "level", "message"))
    context = " ".join(f"{name}={json.dumps(value, default=str)}" for name, value in fields.items())
    return _escaped(f"{head} {context}") + (stack and f"\n{stack}")


def _escaped(text: str) -> str:
    """Write what would end the line, or steer a terminal, as its escape sequence."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
