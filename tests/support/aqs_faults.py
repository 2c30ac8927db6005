"""What can go wrong with an AQS that still speaks HTTP, for ``FakeAqs.behave`` and ``script``.

Each fault is a function that gives a ``Behaviour``. Some change the right answer; for these the
fake must have data for what is asked.
"""

import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

from starlette.responses import Response

from pageviews_api.daterange import aqs_stamp
from pageviews_api.demo.aqs import NO_DATA

Change = Callable[[Response], Response]
Item = dict[str, object]

_MB = 1024 * 1024
_JSON = "application/json; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_THROTTLING_NOTICE = (
    "You are making too many requests to the API. Please slow down, and identify your client."
)
"""Begins as Wikimedia's does; the rest of its text is not known."""


def _unchanged(response: Response) -> Response:
    return response


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of the right answer; with ``waits`` only after ``FakeAqs.release`` is set."""

    name: str
    change: Change = _unchanged
    waits: bool = False

    def __str__(self) -> str:
        return self.name


GOOD = Behaviour("good")


def slow(then: Behaviour = GOOD) -> Behaviour:
    """Answer nothing until ``FakeAqs.release`` is set or the client leaves."""
    return replace(then, name=f"slow {then.name}", waits=True)


def aged(seconds: int) -> Behaviour:
    """Answer well, but from a cache at the edge: ``Age`` says for how long it has lain there."""

    def change(response: Response) -> Response:
        response.headers["age"] = str(seconds)
        return response

    return Behaviour(f"aged {seconds}", change)


# Refusals and errors


def throttled(retry_after: str | None = "1") -> Behaviour:
    """Answer 429 with this Retry-After: seconds, an HTTP date, nonsense, or None for no header."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return _instead("throttled", _THROTTLING_NOTICE, 429, "text/plain", headers)


def failing(status: int = 503, retry_after: str | None = None) -> Behaviour:
    """Answer a 5xx status with the edge's HTML."""
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return _instead(f"failing {status}", _page("Wikimedia Error"), status, _HTML, headers)


def blocked() -> Behaviour:
    """Answer 403 with HTML, as the edge does to a User-Agent it does not like."""
    return _instead("blocked", _page("Please set a user-agent"), 403, _HTML)


def refusing(status: int = 400, detail: str = "Invalid granularity") -> Behaviour:
    """Answer a 4xx status with AQS's own problem document."""
    return _instead(f"refusing {status}", _problem(status, detail), status, _PROBLEM)


def absent() -> Behaviour:
    """Answer AQS's 404, whatever data there are."""
    return replace(refusing(404, NO_DATA), name="absent")


def redirecting(location: str = "http://169.254.169.254/latest/", status: int = 302) -> Behaviour:
    """Send the client elsewhere."""
    return _instead("redirecting", "", status, "text/plain", {"location": location})


# A 200 that is no answer


def html_page() -> Behaviour:
    """Answer 200 with a web page."""
    return _instead("HTML page", _page("Wikipedia"), 200, _HTML)


def throttling_notice() -> Behaviour:
    """Answer 200 with the text of a 429, as has been seen."""
    return _instead("throttling notice", _THROTTLING_NOTICE, 200, "text/plain")


def empty() -> Behaviour:
    """Answer 200 as JSON, with nothing in it."""
    return _instead("empty", "", 200, _JSON)


def other_json(text: str) -> Behaviour:
    """Answer 200 as JSON, with this text."""
    return _instead("other JSON", text, 200, _JSON)


def deep_json(depth: int = 200_000) -> Behaviour:
    """Answer 200 with arrays in arrays, so deep that a recursive parser fails."""
    body = '{"items":' + "[" * depth + "]" * depth + "}"
    return _instead("deep JSON", body, 200, _JSON)


def gzip_bomb(decoded: int = 200 * _MB) -> Behaviour:
    """Answer 200 with a small gzip body that decodes to this many bytes of valid JSON."""
    headers = {"content-encoding": "gzip"}
    return Behaviour(
        "gzip bomb", lambda _: _response(_compressed_blanks(decoded), 200, _JSON, headers)
    )


# The right answer, changed


def mistyped(content_type: str = "text/plain") -> Behaviour:
    """Answer well under a wrong content type."""
    return Behaviour("mistyped", lambda good: _rebuilt(good, bytes(good.body), content_type))


def cut() -> Behaviour:
    """Answer half of the right body, whose Content-Length says that it is whole."""
    return Behaviour("cut", lambda good: _rebuilt(good, bytes(good.body)[: len(good.body) // 2]))


def of_other_article(article: str = "Another_article") -> Behaviour:
    """Answer with numbers of another article."""
    return _each_item("other article", lambda item: item | {"article": article})


def of_other_project(project: str = "de.wikipedia") -> Behaviour:
    """Answer with numbers of another project."""
    return _each_item("other project", lambda item: item | {"project": project})


def of_other_agent(agent: str = "spider") -> Behaviour:
    """Answer with numbers of another agent."""
    return _each_item("other agent", lambda item: item | {"agent": agent})


def with_stray_day(day: date) -> Behaviour:
    """Answer with one more day, which may lie outside of what was asked."""
    stray = {"timestamp": aqs_stamp(day)}
    return _items("stray day", lambda items: [*items, items[-1] | stray])


def with_doubled_day() -> Behaviour:
    """Answer with the last day twice, and different numbers."""
    return _items("doubled day", lambda items: [*items, items[-1] | {"views": 1}])


def with_reversed_days() -> Behaviour:
    """Answer with the newest day first."""
    return _items("reversed days", lambda items: items[::-1])


def with_views(literal: str) -> Behaviour:
    """Answer with this JSON text as the first count: ``-1``, ``1.5``, ``NaN``, 5,000 digits."""

    def change(response: Response) -> Response:
        body = re.sub(rb'(?<="views":)[0-9]+', literal.encode(), bytes(response.body), count=1)
        return _rebuilt(response, body)

    return Behaviour(f"views {literal[:12]}", change)


def renamed(field: str = "views", to: str = "view_count") -> Behaviour:
    """Answer under a changed schema: one field has another name."""
    old, new = f'"{field}":'.encode(), f'"{to}":'.encode()
    return Behaviour("renamed", lambda good: _rebuilt(good, bytes(good.body).replace(old, new)))


_PROBLEM = "application/problem+json"


def _problem(status: int, detail: str) -> str:
    titles = {400: "Bad Request", 404: "Not Found"}
    document = {
        "detail": detail,
        "method": "get",
        "status": status,
        "title": titles.get(status, "Error"),
        "type": "about:blank",
        "uri": "/metrics/pageviews",
    }
    return json.dumps(document, separators=(",", ":"))


def _page(title: str) -> str:
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body></body></html>\n"


def _instead(
    name: str,
    text: str,
    status: int,
    content_type: str,
    headers: dict[str, str] | None = None,
) -> Behaviour:
    return Behaviour(name, lambda _: _response(text.encode(), status, content_type, headers or {}))


def _response(body: bytes, status: int, content_type: str, headers: dict[str, str]) -> Response:
    return Response(body, status, headers | {"content-type": content_type})


def _rebuilt(response: Response, body: bytes, content_type: str | None = None) -> Response:
    headers = {k: v for k, v in response.headers.items() if k != "content-length"}
    return Response(
        body,
        response.status_code,
        headers if content_type is None else headers | {"content-type": content_type},
    )


def _items(name: str, edit: Callable[[list[Item]], list[Item]]) -> Behaviour:
    def change(response: Response) -> Response:
        items = json.loads(bytes(response.body))["items"]
        text = json.dumps({"items": edit(items)}, ensure_ascii=False, separators=(",", ":"))
        return _rebuilt(response, text.encode())

    return Behaviour(name, change)


def _each_item(name: str, edit: Callable[[Item], Item]) -> Behaviour:
    return _items(name, lambda items: [edit(item) for item in items])


@cache
def _compressed_blanks(decoded: int) -> bytes:
    # Blanks within the array: no parser can refuse the text before its end.
    packer = zlib.compressobj(level=9, wbits=31)
    start, end = b'{"items":[', b"]}"
    blanks = decoded - len(start) - len(end)
    parts = [packer.compress(start)]
    parts += [packer.compress(b" " * min(_MB, blanks - at)) for at in range(0, blanks, _MB)]
    return b"".join([*parts, packer.compress(end), packer.flush()])
