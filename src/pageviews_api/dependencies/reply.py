"""How an answer goes out: in the form that was asked for, with what HTTP has to say of it."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from pageviews_api.dependencies.request import IfNoneMatchDep, ResourcesDep
from pageviews_api.representation.conditional import has, weak_etag
from pageviews_api.representation.freshness import A_MINUTE, FOR_A_MINUTE, PUBLIC, Currency
from pageviews_api.representation.negotiation import MEDIA_TYPES, negotiate
from pageviews_api.representation.tables import Table, table
from pageviews_api.representation.writers import csv_lines, ndjson_lines
from pageviews_api.schemas.pageviews import AnswerModel, Freshness
from pageviews_api.schemas.query import Format, Layout

_UNSAFE_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class AskedForm:
    """The form in which a caller wants an answer.

    ``negotiated``: by what ``Accept`` says, so that who sends another one may get another form.
    """

    format: Format
    layout: Layout = Layout.LONG
    excel: bool = False
    negotiated: bool = False

    async def write(self, answer: AnswerModel) -> tuple[bytes, dict[str, str]]:
        """Write an answer; tell the headers that describe its bytes.

        Rows are written line by line, in a thread: ten years of fifty articles take a second, in
        which others go on.
        """
        if self.format is Format.JSON:
            return answer.model_dump_json().encode(), self.headers()
        rows = table(answer)
        return await asyncio.to_thread(b"".join, self.lines(rows)), self.headers(rows.name)

    def headers(self, name: str | None = None) -> dict[str, str]:
        """Describe bytes in this form; rows come as a file of this name."""
        told = {"Content-Type": MEDIA_TYPES[self.format]}
        if self.negotiated:
            told["Vary"] = "Accept"
        if name is not None:
            told["Content-Disposition"] = _attachment(f"{name}.{self.format}")
        return told

    def lines(self, rows: Table) -> Iterator[bytes]:
        """Write rows, a line at a time."""
        if self.format is Format.NDJSON:
            return ndjson_lines(rows.columns, rows.rows)
        rows = rows.wide() if self.layout is Layout.WIDE else rows
        return csv_lines(rows.columns, rows.rows, for_excel=self.excel)


async def _asked_form(request: Request) -> AskedForm:
    """Read the form. A word that names none is refused by the route's own parameters."""
    asked = request.query_params
    if "format" not in asked:
        accept = ",".join(request.headers.getlist("accept"))
        return AskedForm(negotiate(accept), negotiated=True)
    return AskedForm(
        Format(asked["format"]) if asked["format"] in set(Format) else Format.JSON,
        Layout.WIDE if asked.get("layout") == Layout.WIDE else Layout.LONG,
        excel=asked.get("excel") == "true",
    )


AskedFormDep = Annotated[AskedForm, Depends(_asked_form)]


@dataclass(frozen=True, slots=True)
class Reply:
    """Makes responses of answers, each with a weak ETag; who has it already gets a 304."""

    form: AskedForm
    if_none_match: str | None
    now: datetime
    fresh_for: timedelta

    async def current(self, answer: Freshness, *, as_of: date | None = None) -> Response:
        """Answer with what is kept for as long as it is fresh.

        What was known ``as_of`` a day does not age; but archives may still come to tell of it.
        """
        if as_of is not None:
            return await self.kept(answer, FOR_A_MINUTE)
        body, headers = await self.form.write(answer)
        return self.body(body, headers, of=answer)

    async def briefly(self, answer: Freshness) -> Response:
        """Answer with what tells of something that it is not there, which is soon asked anew."""
        body, headers = await self.form.write(answer)
        currency = Currency.of(answer, fresh_for=self.fresh_for, now=self.now).at_most(A_MINUTE)
        control, status = currency.cache_control_for(PUBLIC), currency.cache_status
        return self._respond(body, {**headers, "Cache-Control": control, "Cache-Status": status})

    async def kept(self, answer: AnswerModel, cache_control: str) -> Response:
        """Answer with what others may keep as ``cache_control`` says."""
        body, headers = await self.form.write(answer)
        return self._respond(body, {**headers, "Cache-Control": cache_control})

    def in_json(self, answer: BaseModel, *, of: Freshness) -> Response:
        """Answer with a body that does not tell itself how current it is, as old clients want it.

        What its keys are called in JSON may be no name of ours.
        """
        headers = {"Content-Type": MEDIA_TYPES[Format.JSON]}
        return self.body(answer.model_dump_json(by_alias=True).encode(), headers, of=of)

    def body(self, body: bytes, headers: Mapping[str, str], *, of: Freshness) -> Response:
        """Answer with bytes that were made ``of`` an answer, and are kept as long as that."""
        currency = Currency.of(of, fresh_for=self.fresh_for, now=self.now)
        kept = {"Cache-Control": currency.cache_control, "Cache-Status": currency.cache_status}
        return self._respond(body, {**headers, **kept})

    async def for_whom(
        self, answer: AnswerModel, headers: Mapping[str, str], *, vary: str
    ) -> Response:
        """Answer with what is kept as ``headers`` say, and depends on the header ``vary``."""
        body, own = await self.form.write(answer)
        return self._respond(body, varying({**own, **headers}, vary))

    def _respond(self, body: bytes, headers: Mapping[str, str]) -> Response:
        return tagged(body, headers, if_none_match=self.if_none_match)


async def _reply(
    form: AskedFormDep, if_none_match: IfNoneMatchDep, resources: ResourcesDep
) -> Reply:
    return Reply(form, if_none_match, resources.clock.now(), resources.settings.freshness)


ReplyDep = Annotated[Reply, Depends(_reply)]


async def _one_form_reply(if_none_match: IfNoneMatchDep, resources: ResourcesDep) -> Reply:
    form = AskedForm(Format.JSON)
    return Reply(form, if_none_match, resources.clock.now(), resources.settings.freshness)


OneFormReplyDep = Annotated[Reply, Depends(_one_form_reply)]
"""Replies for routes whose answers have one form, JSON or a picture, whatever ``Accept`` says."""


def tagged(body: bytes, headers: Mapping[str, str], *, if_none_match: str | None) -> Response:
    """Answer with a body and its weak ETag; who has it already gets a 304."""
    tag = weak_etag(body)
    if has(if_none_match, tag):
        return not_changed({**headers, "ETag": tag})
    return Response(body, headers={**headers, "ETag": tag})


def not_changed(headers: Mapping[str, str]) -> Response:
    """Answer 304 with what a 200 would say of keeping it (RFC 9110 §15.4.5).

    The compression adds ``Vary`` to a body that it may compress, which a 304 cannot know: it says
    so in any case.
    """
    of_the_body = {"Content-Type", "Content-Disposition"}
    kept = {name: value for name, value in headers.items() if name not in of_the_body}
    return Response(status_code=304, headers=varying(kept, "Accept-Encoding"))


def varying(headers: Mapping[str, str], name: str) -> dict[str, str]:
    """Say that a response also depends on this header of the request; an empty name is none."""
    vary = ", ".join(filter(None, (headers.get("Vary"), name)))
    return {**headers, "Vary": vary} if vary else dict(headers)


def _attachment(name: str) -> str:
    """Name a file (RFC 6266): for old programs in ASCII, for others as it is (RFC 8187)."""
    plain = _UNSAFE_IN_FILE_NAME.sub("-", name)
    exact = quote(name.replace("/", "-"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"
