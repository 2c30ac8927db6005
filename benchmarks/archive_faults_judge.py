"""The independent reader: looks at every archive after every pass, and counts what is wrong.

It shares no code with the product: it reads with botocore, knows the format from docs/archive.md,
and compares with what the simulated AQS had.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import botocore.session

from benchmarks.archive_faults_truth import (
    LISTED,
    NAMED,
    ONE_DAY,
    PROJECT,
    TOP,
    TOTAL,
    WITNESS,
    Title,
    Truth,
    midnight,
)
from tests.support.s3_servers import S3Server

WINDOW = timedelta(days=30)

KEPT_AFTER_LISTED = timedelta(days=30)

LIST_LOST_AFTER = timedelta(days=4)

LOOKS_BACK = timedelta(days=100)
"""How far back it looks after each pass; at the end it looks at everything."""

EDGE_LAG = timedelta(hours=4)
"""How old an answer of AQS may be."""

SHOWN = 5
"""Faults of each kind that are kept to be shown."""

_KEY = re.compile(r"(\d{4}-\d\d-\d\d)\.json", re.ASCII)

_STATUSES = {"ok", "zero", "not_loaded", "hole", "missing"}


class _FaultError(Exception):
    """An archive is not what it should be."""


@dataclass(frozen=True, slots=True)
class Version:
    """An archive as it was seen."""

    etag: str
    sha256: str
    complete: bool
    known: int


@dataclass(slots=True)
class Findings:
    """Days that were found wrong; ``examples`` has some of each kind, in words.

    ``misdated``: the day on which it says that it was observed had not come. ``holes_that_came``:
    told as lost for ever, and loaded later. Neither is counted against the job.
    """

    lost: set[date] = field(default_factory=set)
    corrupt: set[str] = field(default_factory=set)
    overwritten: set[date] = field(default_factory=set)
    future: set[date] = field(default_factory=set)
    misdated: set[date] = field(default_factory=set)
    holes_that_came: set[date] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.corrupt or self.overwritten or self.future)


@contextmanager
def s3_client(server: S3Server) -> Iterator[Any]:
    """Open a client of botocore, straight to the server."""
    client = botocore.session.get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
    )
    yield client
    client.close()


class Judge:
    """Reads the archives below a prefix of a bucket, with a client of ``s3_client``."""

    def __init__(self, truth: Truth, s3: Any, *, bucket: str, prefix: str) -> None:  # noqa: ANN401  # botocore's clients have no type
        self.findings = Findings()
        self._truth = truth
        self._s3 = s3
        self._bucket, self._prefix = bucket, prefix
        self._seen: dict[date, Version] = {}
        self._shown: Counter[str] = Counter()

    def look(self, now: datetime, when: str) -> None:
        """Look at what has changed; ``now`` is the true time, ``when`` says it in words."""
        since = now.date() - LOOKS_BACK
        self._look(now, when, since=since, listed=dict(self._list(since)))

    def finish(self, now: datetime, first: date, last: date) -> None:
        """Look at all archives again, and for those from ``first`` to ``last``."""
        listed = dict(self._list(None))
        for day, version in self._seen.items():
            if version.etag == listed.get(day):
                self._seen[day] = Version("", version.sha256, version.complete, version.known)
        self._look(now, "at the end", since=date.min, listed=listed)
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            found = self._seen.get(day)
            if found is None or not found.complete or day not in listed:
                self.findings.lost.add(day)
                self._show("lost", f"{day} is not there, or incomplete")

    def _look(self, now: datetime, when: str, *, since: date, listed: dict[date, str]) -> None:
        for day, version in self._seen.items():
            if version.complete and day > since and day not in listed:
                self.findings.overwritten.add(day)
                self._show("overwritten", f"{day} has gone {when}")
        for day, etag in listed.items():
            before = self._seen.get(day)
            if before is not None and before.etag == etag:
                continue
            if day > now.date():
                self.findings.future.add(day)
                self._show("future", f"{day} was there on {now:%F %T} {when}")
            try:
                version = self._read(day, etag, now, before)
            except _FaultError as e:
                self._spoilt(str(day), f"{e}, seen {when}")
                # It was seen, and is what the next look compares with.
                version = Version(etag, "", complete=False, known=0)
            if before is not None and before.complete and version.sha256 != before.sha256:
                self.findings.overwritten.add(day)
                self._show("overwritten", f"{day} was complete, and changed {when}")
                version = Version(etag, version.sha256, complete=True, known=version.known)
            self._seen[day] = version

    def _list(self, since: date | None) -> Iterator[tuple[date, str]]:
        """List the archives after a day, with what tells their versions apart."""
        question: dict[str, Any] = {
            "Bucket": self._bucket,
            "Prefix": self._prefix,
            "Delimiter": "/",  # what lies below is no archive
        }
        if since is not None:
            question["StartAfter"] = f"{self._prefix}{since}.json"
        while True:
            page = self._s3.list_objects_v2(**question)
            for item in page.get("Contents", ()):
                name = item["Key"].removeprefix(self._prefix)
                match = _KEY.fullmatch(name)
                if match is None:
                    self._spoilt(name, "is no name of an archive")
                else:
                    yield date.fromisoformat(match[1]), item["ETag"]
            if not page.get("NextContinuationToken"):
                return
            question["ContinuationToken"] = page["NextContinuationToken"]

    def _read(self, day: date, etag: str, now: datetime, before: Version | None) -> Version:
        answer = self._s3.get_object(Bucket=self._bucket, Key=f"{self._prefix}{day}.json")
        body = answer["Body"].read()
        digest = hashlib.sha256(body).hexdigest()
        _hold(answer["Metadata"].get("sha256") == digest, "its SHA-256 is another")
        told_complete = answer["Metadata"].get("complete")
        try:
            document = json.loads(body)
            known = self._check(day, document, now)
            complete = document["complete"]
            _hold(told_complete in {None, "yes" if complete else "no"}, "its metadata differ")
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise _FaultError(f"it cannot be read: {e!r}") from e
        if before is not None and before.sha256:
            _hold(known >= before.known, f"it tells {known} numbers, and told {before.known}")
        return Version(etag, digest, complete, known)

    def _check(self, day: date, document: dict[str, Any], now: datetime) -> int:
        """Check a document against the truth; tell how many numbers it tells."""
        start, end = day - WINDOW, day - ONE_DAY
        _hold(document["schema_version"] == 1, "it is of another format")
        _hold(document["date"] == str(day), f"it is one of {document['date']}")
        window = {"start": str(start), "end": str(end)}
        _hold(document["window"] == window, f"its window is {document['window']}")
        observed_on = date.fromisoformat(document["observed_on"])
        _hold(document["late"] is (observed_on > day), "it is late and does not say so")
        if observed_on > now.date():
            self.findings.misdated.add(day)
        titles = self._check_list(day, document, now)
        names = [_name(item) for item in document["items"]]
        _hold(names == sorted(set(names)), "its items are not sorted")
        wanted = {(PROJECT, title or "", "all-access", "user") for title in (TOTAL, *NAMED)}
        wanted |= {(PROJECT, title, "all-access", "user") for title in titles}
        _hold(wanted <= set(names), f"it lacks {wanted - set(names)}")
        complete = document["complete"]
        return sum(self._check_item(day, item, now, complete) for item in document["items"])

    def _check_list(self, day: date, document: dict[str, Any], now: datetime) -> tuple[str, ...]:
        """Check the top list of the day before; tell the titles that must be there for it."""
        (top,) = document["top"]
        _hold((top["project"], top["access"]) == (PROJECT, "all-access"), "it has another list")
        listed_on = date.fromisoformat(top["date"])
        _hold(listed_on == day - ONE_DAY, f"it has the list of {listed_on}")
        came = self._truth.list_came(listed_on)
        if top["outcome"] == "ok":
            _hold(came is not None and came <= now, "it has a list that was not there")
            told = [(row["rank"], row["article"], row["views"]) for row in top["articles"]]
            _hold(told == self._truth.top(listed_on), "its list is another")
            return self._truth.titles(listed_on)[:TOP]
        _hold(not top["articles"], "its list has articles, and is none")
        if top["outcome"] == "no_data":
            lost_from = midnight(listed_on + LIST_LOST_AFTER + ONE_DAY)
            there = came is not None and came <= lost_from - EDGE_LAG
            early = now < lost_from
            _hold(not (document["complete"] and (early or there)), "it is complete without a list")
        else:
            _hold(top["outcome"] == "failed", "its list came to an unknown end")
            _hold(not document["complete"], "it is complete though its list failed")
        return ()

    def _check_item(self, day: date, item: dict[str, Any], now: datetime, complete: object) -> int:
        title: Title = item["article"]
        name = title or "the total"
        _hold((title in {TOTAL, *NAMED, *LISTED}), f"nobody asked for {name}")
        if item["listed_on"] is not None:
            listed_on = date.fromisoformat(item["listed_on"])
            _hold(title in self._truth.titles(listed_on)[:TOP], f"{name} was not on the list")
            oldest = day - ONE_DAY - KEPT_AFTER_LISTED
            _hold(oldest <= listed_on < day, f"{name} is there for the list of {listed_on}")
        else:
            _hold(title in {TOTAL, *NAMED}, f"{name} was on no list")
        points = item["points"]
        if item["outcome"] == "failed":
            _hold(not points and bool(item["reason"]), f"{name} failed, and has points")
            _hold(complete is False, f"it is complete though {name} failed")
            return 0
        days = [str(day - WINDOW + timedelta(days=offset)) for offset in range(WINDOW.days)]
        _hold([point["date"] for point in points] == days, f"{name} has other days")
        seen = any(point["status"] == "ok" for point in points)
        _hold(item["outcome"] == ("ok" if seen else "no_data"), f"{name} ended otherwise")
        _hold(item["reason"] is None, f"{name} has a reason")
        for point in points:
            self._check_point(day, title, point, now)
            settled = point["status"] not in {"not_loaded", "missing"}
            _hold(settled or complete is False, f"it is complete though {name} is not")
        return sum(point["views"] is not None for point in points)

    def _check_point(self, day: date, title: Title, point: dict[str, Any], now: datetime) -> None:
        views, status, of = point["views"], point["status"], date.fromisoformat(point["date"])
        words = f"{title or 'the total'} of {of} is told as {views} {status}"
        steps = [step for step in self._truth.steps(title, of) if step.since <= now]
        had = {step.views for step in steps}
        came = self._truth.came(title, of)
        was_there = came is not None and came <= self._begun(day)
        match status:
            case "ok":
                right = views in had and views != 0 and views is not None
            case "zero":
                right = views == 0 and bool(had & {None, 0})
            case "hole":
                right = views is None and not was_there and self._is_newer_there(title, of, now)
                if right and came is not None:
                    self.findings.holes_that_came.add(of)
            case _:
                right = views is None and status in _STATUSES
                right = right and not (was_there and had != {None})
        _hold(right, f"{words}; AQS had {sorted(map(str, had))}, from {came}")

    def _begun(self, day: date) -> datetime:
        """Tell since when all that an archive says must have been so."""
        # One of a day that had not come may have been begun at any time.
        return midnight(date.min) if day in self.findings.future else midnight(day) - EDGE_LAG

    def _is_newer_there(self, title: Title, of: date, now: datetime) -> bool:
        witness = TOTAL if title is TOTAL else WITNESS
        later = (self._truth.came(witness, of + timedelta(days=n)) for n in range(1, 10))
        return any(came is not None and came <= now for came in later)

    def _spoilt(self, name: str, fault: str) -> None:
        if name not in self.findings.corrupt:
            self.findings.corrupt.add(name)
            self._show("corrupt", f"{name}: {fault}")

    def _show(self, kind: str, words: str) -> None:
        self._shown[kind] += 1
        if self._shown[kind] <= SHOWN:
            self.findings.examples.append(f"{kind}: {words}")


def _hold(is_so: bool, fault: str) -> None:  # noqa: FBT001  # as assert has it
    if not is_so:
        raise _FaultError(fault)


def _name(item: dict[str, Any]) -> tuple[str, str, str, str]:
    return item["project"], item["article"] or "", item["access"], item["agent"]
