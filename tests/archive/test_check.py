"""What verifying an archive finds: each kind of fault, and none in what is only written anew."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from pageviews_api.archive.check import faults
from pageviews_api.archive.encoding import decode, encode
from pageviews_api.archive.facts import Facts
from pageviews_api.exceptions import ArchiveCorruptError
from tests.support.archive_samples import ARCHIVED, archive_text

DAY = date(2015, 10, 20)
TODAY = date(2026, 11, 22)

Document = dict[str, Any]


def sample() -> bytes:
    """Give an archive as we write it."""
    return encode(decode(DAY, archive_text(DAY).encode()))


def changed(change: Callable[[Document], object]) -> bytes:
    """Give the archive as somebody else wrote it, with a change."""
    document = json.loads(sample())
    change(document)
    return json.dumps(document, indent=1).encode()


def _shift(document: Document) -> None:
    """Move the whole window back by a year."""
    text = json.dumps(document["items"]).replace("2015-", "2014-")
    document["items"] = json.loads(text)
    window = json.dumps(document["window"]).replace("2015-", "2014-")
    document["window"] = json.loads(window)


def _lists_of_another_day(document: Document) -> None:
    document["top"][0]["date"] = "2015-10-01"


def _failed(document: Document) -> None:
    document["items"][-1] |= {"outcome": "failed", "points": [], "reason": "500"}


def _not_loaded(document: Document) -> None:
    document["items"][-1]["points"][-1] |= {"status": "not_loaded", "views": None}


def _list_failed(document: Document) -> None:
    document["top"][0] |= {"outcome": "failed", "articles": [], "reason": "500"}


@pytest.mark.parametrize("day", ARCHIVED)
def test_faults__none(day: date) -> None:
    """Archives are without a fault, written by us or anew by somebody else.

    Some of the samples say that they are complete and lack a day: that is found.
    """
    body = archive_text(day).encode()
    lacks = json.loads(body)["complete"] and b'"missing"' in body
    expected = ["it says that it is complete, and is not"] if lacks else []
    notes = Facts.of(decode(day, body)).as_notes()
    assert faults(day, body, notes, today=day) == expected
    anew = json.dumps(json.loads(body), indent=2).encode()
    assert faults(day, anew, {}, today=TODAY) == expected


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda document: document["items"].reverse(), "its items are not in order"),
        (
            lambda document: document["items"].append(document["items"][-1]),
            "it tells a series twice",
        ),
        (
            lambda document: document.update(late=not document["late"]),
            "what it says of being late is not true of its dates",
        ),
        (_shift, "its window ends on 2014-10-19, not the day before"),
        (_lists_of_another_day, "it holds a top list of another day"),
        (_failed, "it says that it is complete, and is not"),
        (_not_loaded, "it says that it is complete, and is not"),
        (_list_failed, "it says that it is complete, and is not"),
    ],
)
def test_faults__of_each_kind(change: Callable[[Document], object], fault: str) -> None:
    """What the archive must not be is found, and named."""
    assert fault in faults(DAY, changed(change), {}, today=TODAY)


def test_faults__of_what_is_told_beside_it() -> None:
    """Notes that tell something else than the archive are a fault; absent ones are none."""
    fault = "what is told beside it is not what it holds"
    notes = Facts.of(decode(DAY, sample())).as_notes()
    assert fault not in faults(DAY, sample(), notes, today=TODAY)
    assert fault in faults(DAY, sample(), notes | {"complete": "no"}, today=TODAY)
    assert fault not in faults(DAY, sample(), {}, today=TODAY)


def test_faults__day_has_not_come() -> None:
    """There can be no archive of tomorrow, however well it is written."""
    assert "its day has not come" in faults(DAY, sample(), {}, today=DAY - timedelta(days=1))
    assert "its day has not come" not in faults(DAY, sample(), {}, today=DAY)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        sample()[:-10],
        sample().replace(b'"views":', b'"viewers":', 1),
        sample().replace(b'"schema_version":1', b'"schema_version":2'),
        sample().replace(b'"date":"2015-10-20","obs', b'"date":"2015-10-21","obs'),
        sample().replace(b'{"date":"2015-10-01"', b'{"date":"2015-10-02"', 1),
    ],
    ids=["empty", "object", "list", "bytes", "cut", "field", "version", "day", "points"],
)
def test_faults__no_archive(body: bytes) -> None:
    """What is no archive, or one of another day, is corrupt."""
    with pytest.raises(ArchiveCorruptError):
        faults(DAY, body, {}, today=TODAY)
