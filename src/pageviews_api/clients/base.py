"""The one request path to every upstream: bounded in time and size, typed at the door."""

import asyncio
import re
import ssl
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Generic, TypeVar

import httpx
from loguru import logger
from pydantic import BaseModel, ValidationError

from pageviews_api.budget import MAX_PAUSE
from pageviews_api.clock import Clock, RemoteClock
from pageviews_api.exceptions import (
    UpstreamFailedError,
    UpstreamInvalidError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    UpstreamUntrustedError,
)

MAX_BODY_BYTES = 2_000_000
"""What a decoded answer may take: ten years of days are 600 KB."""

DEFAULT_RETRY_AFTER = 5.0
"""Seconds to wait after a 429 that does not say how long (Wikimedia APIs, Rate limits)."""

OWN_TIMEOUT = 0.9
"""The part of a deadline after which httpx itself gives up waiting for a connection or for bytes.

Our deadline cancels, which httpcore 1.0 survives while it reads; hit in the moment in which a
connection is handed out, it keeps the place in its pool taken for ever. By then it has given up.
"""

SHOWN_OF_INVALID = 200
"""Bytes of an undocumented answer that go to the debug log."""

_DIGITS = re.compile(r"[0-9]+")
_SECONDS = re.compile(r"[0-9]{1,9}")

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call:
    """A request: a POST of ``json`` or of a ``form`` where it has either, else a GET.

    ``path`` is percent-encoded already, with the query. httpx, proxies and servers log it: a key
    goes into ``headers`` or ``form``, which are shown nowhere.
    """

    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    json: Mapping[str, object] | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def method(self) -> str:
        """The method that goes with what is sent."""
        return "GET" if self.json is None and self.form is None else "POST"

    @property
    def has_key(self) -> bool:
        """Whether it may carry what an answer must not bring to the log."""
        return bool(self.headers) or self.form is not None


@dataclass(frozen=True, slots=True)
class Answer(Generic[Model]):
    """A typed answer, and how long ago the upstream's edge had it made (``Age``)."""

    body: Model
    age: timedelta


@dataclass(frozen=True, slots=True)
class NotFound:
    """A 404, which is an answer, and how old it was. See ``Answer``."""

    age: timedelta


class UpstreamClient:
    """Asks one upstream over a borrowed HTTP client, which it leaves open.

    Redirects are not followed: one would take the key along.
    """

    def __init__(self, upstream: str, base_url: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self._upstream = upstream
        self._base_url = base_url
        self._http = http
        self._clock = clock
        self._theirs = RemoteClock(clock)

    def now(self) -> datetime | None:
        """Tell the time by the upstream's clock; None if it has not told it yet."""
        return self._theirs.now()

    async def get(
        self,
        path: str,
        model: type[Model],
        *,
        timeout: float,  # noqa: ASYNC109  # one place turns it into our error
    ) -> Answer[Model] | NotFound:
        """Ask for a path, which is percent-encoded already, segment by segment. See ``ask``."""
        return await self.ask(Call(path), model, timeout=timeout)

    async def ask(
        self,
        call: Call,
        model: type[Model],
        *,
        timeout: float,  # noqa: ASYNC109  # one place turns it into our error
        connect_within: float | None = None,
    ) -> Answer[Model] | NotFound:
        """Ask once.

        ``timeout`` bounds everything, a byte every second included. ``connect_within`` is how much
        of it the connection may take; None: no less than an answer. Of an answer that is a refusal
        only the status is read; of a 404, that it is JSON.

        Raises
        ------
        UpstreamTimeoutError
            The answer was not complete in time.
        UpstreamUnreachableError
            No connection could be had, or it broke off.
        UpstreamFailedError, UpstreamThrottledError, UpstreamRejectedError
            It answered 5xx, 429, or another 4xx.
        UpstreamUntrustedError
            Its certificate does not hold.
        UpstreamInvalidError
            The answer is too long, no JSON, or not of the documented shape.
        """
        try:
            async with asyncio.timeout(timeout):
                patience = timeout * OWN_TIMEOUT
                connect = min(patience, connect_within or patience)
                return await self._ask(call, model, httpx.Timeout(patience, connect=connect))
        except httpx.ConnectTimeout as e:
            reason = f"gave no connection within {connect:.1f} s"
            if connect == patience:
                reason = f"gave no complete answer within {timeout:.1f} s"
            raise UpstreamTimeoutError(self._upstream, reason) from e
        except (TimeoutError, httpx.TimeoutException) as e:
            reason = f"gave no complete answer within {timeout:.1f} s"
            raise UpstreamTimeoutError(self._upstream, reason) from e
        except httpx.InvalidURL as e:  # httpx reads where a redirect leads, though it stays here
            raise UpstreamInvalidError(self._upstream, "leads to what is no URL") from e
        except httpx.TransportError as e:
            if _is_about_tls(e):
                reason = "could not prove who it is"
                raise UpstreamUntrustedError(self._upstream, reason) from e
            reason = "could not be reached, or broke off"
            is_connected = not isinstance(e, httpx.ConnectError)
            raise UpstreamUnreachableError(self._upstream, reason, is_connected=is_connected) from e

    async def _ask(
        self, call: Call, model: type[Model], patience: httpx.Timeout
    ) -> Answer[Model] | NotFound:
        async with self._http.stream(
            call.method,
            self._base_url + call.path,
            headers=call.headers,
            json=call.json,
            data=call.form,
            timeout=patience,
            follow_redirects=False,
        ) as response:
            self._hear(response)
            self._check_status(response)
            if "json" not in response.headers.get("content-type", ""):
                raise self._invalid("is not JSON", await self._read(response), call)
            body = await self._read(response)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return NotFound(_age(response))
        try:
            return Answer(model.model_validate_json(body), _age(response))
        except ValidationError as e:
            raise self._invalid("is not of the documented shape", body, call) from e

    def _hear(self, response: httpx.Response) -> None:
        with suppress(ValueError, OverflowError):  # it need not tell the time, or not well
            told = parsedate_to_datetime(response.headers.get("date", ""))
            self._theirs.hear(told.replace(tzinfo=told.tzinfo or UTC) + _age(response))

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            return
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            header = response.headers.get("retry-after", "")
            raise UpstreamThrottledError(
                self._upstream, retry_after_seconds(header, now=self._clock.now())
            )
        if response.is_server_error:
            raise UpstreamFailedError(self._upstream, f"failed with status {status}", status=status)
        if response.is_client_error:
            raise UpstreamRejectedError(self._upstream, status)
        raise UpstreamInvalidError(self._upstream, f"answered with status {status}")

    async def _read(self, response: httpx.Response) -> bytes:
        """Decode the body ourselves: httpx would unpack a bomb before one could look."""
        encoding = response.headers.get("content-encoding", "identity")
        if encoding not in {"identity", "gzip"}:
            raise UpstreamInvalidError(self._upstream, "answered in an encoding not asked for")
        gunzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
        body = bytearray()
        async for chunk in response.aiter_raw():
            left = MAX_BODY_BYTES + 1 - len(body)
            body += self._gunzip(gunzip, chunk, left) if gunzip else chunk
            if len(body) > MAX_BODY_BYTES:
                raise UpstreamInvalidError(self._upstream, f"answered over {MAX_BODY_BYTES} bytes")
        if gunzip and not gunzip.eof:
            raise UpstreamUnreachableError(self._upstream, "broke off in its answer")
        return bytes(body)

    def _gunzip(self, gunzip: "zlib._Decompress", chunk: bytes, max_bytes: int) -> bytes:
        try:
            return gunzip.decompress(chunk, max_bytes)
        except zlib.error as e:
            raise UpstreamInvalidError(self._upstream, "answered with broken gzip") from e

    def _invalid(self, reason: str, body: bytes, call: Call) -> UpstreamInvalidError:
        shown = b"" if call.has_key else body[:SHOWN_OF_INVALID]  # a page may repeat a key
        logger.bind(upstream=self._upstream, begins=ascii(shown)).debug("undocumented answer")
        return UpstreamInvalidError(self._upstream, f"sent an answer that {reason}")


def retry_after_seconds(header: str, *, now: datetime) -> float:
    """Read ``Retry-After`` (RFC 9110 §10.2.3): seconds, or a date; nonsense is the default.

    No more than ``MAX_PAUSE`` is believed.
    """
    if _DIGITS.fullmatch(header):
        return min(float(header), MAX_PAUSE)
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, OverflowError):  # the latter for a year of twenty digits
        return DEFAULT_RETRY_AFTER
    seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_PAUSE)


def _age(response: httpx.Response) -> timedelta:
    header = response.headers.get("age", "")
    return timedelta(seconds=int(header) if _SECONDS.fullmatch(header) else 0)


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
