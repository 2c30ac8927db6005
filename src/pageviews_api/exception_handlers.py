"""The one table from error to problem document (RFC 9457), and who uses it.

Under AQS's own paths the same errors are told in AQS's shape, with its statuses and words.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from loguru import logger
from starlette.exceptions import HTTPException
from starlette.types import Scope

from pageviews_api.exceptions import (
    AdminDisabledError,
    ArchiveCorruptError,
    ArchiveDeniedError,
    ArchiveError,
    ArchiveExistsError,
    ArchiveUnavailableError,
    ArticleNeverViewedError,
    BudgetExhaustedError,
    CallerError,
    CircuitOpenError,
    ConfigurationError,
    ContentTooLargeError,
    HeadersTooLargeError,
    InvalidDateRangeError,
    InvalidParameterError,
    NoDataError,
    NotAcceptableError,
    NotArchivedError,
    NotAuthorisedError,
    PageviewsApiError,
    PreflightRefusedError,
    QueryTooLongError,
    SitesDisabledError,
    SlowRequestError,
    TooManyBatchesError,
    TooManyRequestsError,
    TooManyRunsError,
    TopListNotFoundError,
    UnknownChartError,
    UnknownHostError,
    UnknownProblemError,
    UnknownProjectError,
    UnknownSiteError,
    UnsupportedMediaTypeError,
    UpstreamError,
    UpstreamFailedError,
    UpstreamHeldBackError,
    UpstreamInvalidError,
    UpstreamKeyRefusedError,
    UpstreamPlanError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamTransientError,
    UpstreamUnreachableError,
    UpstreamUntrustedError,
)
from pageviews_api.schemas.aqs_problem import NO_ROUTE, AqsProblem, is_aqs_path
from pageviews_api.schemas.problem import MEDIA_TYPE, PROBLEMS, Problem, ProblemField, in_words

SLUGS: Mapping[type[PageviewsApiError], str] = {
    AdminDisabledError: "admin-disabled",
    ArchiveCorruptError: "archive-corrupt",
    ArchiveDeniedError: "archive-unavailable",
    ArchiveError: "archive-unavailable",
    ArchiveExistsError: "archive-conflict",
    ArchiveUnavailableError: "archive-unavailable",
    ArticleNeverViewedError: "article-never-viewed",
    BudgetExhaustedError: "upstream-held-back",
    CallerError: "bad-request",
    CircuitOpenError: "upstream-held-back",
    ConfigurationError: "misconfigured",
    ContentTooLargeError: "content-too-large",
    HeadersTooLargeError: "headers-too-large",
    InvalidDateRangeError: "invalid-request",
    InvalidParameterError: "invalid-request",
    NoDataError: "not-found",
    NotAcceptableError: "not-acceptable",
    NotArchivedError: "not-archived",
    NotAuthorisedError: "not-authorised",
    PreflightRefusedError: "preflight-refused",
    QueryTooLongError: "uri-too-long",
    SitesDisabledError: "sites-disabled",
    SlowRequestError: "request-timeout",
    TooManyBatchesError: "too-many-batches",
    TooManyRequestsError: "too-many-requests",
    TooManyRunsError: "too-many-runs",
    TopListNotFoundError: "no-top-list",
    UnknownChartError: "not-found",
    UnknownHostError: "unknown-host",
    UnknownProblemError: "not-found",
    UnknownProjectError: "unknown-project",
    UnknownSiteError: "unknown-site",
    UnsupportedMediaTypeError: "unsupported-media-type",
    UpstreamError: "upstream-failed",
    UpstreamFailedError: "upstream-failed",
    UpstreamHeldBackError: "upstream-held-back",
    UpstreamInvalidError: "upstream-invalid",
    UpstreamKeyRefusedError: "upstream-key-refused",
    UpstreamPlanError: "upstream-plan",
    UpstreamRejectedError: "upstream-rejected",
    UpstreamThrottledError: "upstream-throttled",
    UpstreamTimeoutError: "upstream-timeout",
    UpstreamTransientError: "upstream-failed",
    UpstreamUnreachableError: "upstream-unreachable",
    UpstreamUntrustedError: "upstream-untrusted",
}
"""Every error of ours, and the problem that it is to a caller."""

_SLUGS_BY_STATUS = {
    404: "not-found",
    405: "method-not-allowed",
    413: "content-too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
}

_NOT_FOUND_MAX_AGE = 60
"""Seconds for which others may keep a 404."""

_MAX_NAME = 64
"""Characters of a parameter's name that an error repeats; our own names are shorter."""


def install_exception_handlers(app: FastAPI) -> None:
    """Answer every error of the app with a problem document."""
    app.add_exception_handler(PageviewsApiError, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    response = error_response(error, request.scope)
    if "authorization" in request.headers:
        # What is told to the one who has the token is kept for nobody (RFC 9111 §3.5).
        response.headers["Cache-Control"] = "no-store"
    return response


def error_response(error: Exception, scope: Scope) -> Response:
    """Tell an error to the caller, in the shape that the path has.

    Of an unforeseen one not a word is told of what it says.
    """
    problem, headers = _put(error)
    body = _as_aqs_tells(problem, scope) if is_aqs_path(scope["path"]) else problem
    return _response(body, headers)


def _put(error: Exception) -> tuple[Problem, Mapping[str, str]]:
    """Put an error into words, and tell the headers that go with them."""
    match error:
        case PageviewsApiError():
            return problem_of(error), _headers(error)
        case RequestValidationError():
            errors = [_field(one) for one in error.errors()]
            return _problem("invalid-request", detail=_sum_up(errors), errors=errors), {}
        case HTTPException():
            slug = _SLUGS_BY_STATUS.get(error.status_code, "bad-request")
            return _problem(slug), error.headers or {}
    logger.opt(exception=error).error("unhandled exception")
    return _problem("internal-error"), {}


def problem_of(error: PageviewsApiError) -> Problem:
    """Put an error of ours into words for the caller."""
    retry_after = getattr(error, "retry_after", None)
    seconds = None if retry_after is None else math.ceil(retry_after)
    return _problem(SLUGS[type(error)], **_told(error), retry_after=seconds)


def _told(error: PageviewsApiError) -> dict[str, Any]:
    match error:
        case InvalidParameterError():
            errors = [ProblemField(loc=_shown(one.loc), msg=one.msg) for one in error.errors]
            return {"detail": _sum_up(errors), "errors": errors}
        case NotAcceptableError():
            return {"detail": str(error), "choices": error.choices}
        case CallerError():
            return {"detail": str(error)}
        case UpstreamError():
            return {"detail": f"{error.upstream} {error.reason}.", "upstream": error.upstream}
    return {}  # what an archive store or a setting says may name what is nobody's business


def _headers(error: PageviewsApiError) -> dict[str, str]:
    if isinstance(error, NotAuthorisedError):
        return {"WWW-Authenticate": "Bearer"}  # each 401 says how (RFC 9110 §11.6.1)
    retry_after = problem_of(error).retry_after
    return {} if retry_after is None else {"Retry-After": str(retry_after)}


def _problem(slug: str, *, detail: str | None = None, **more: Any) -> Problem:  # noqa: ANN401  # fields of a problem
    problem = PROBLEMS[slug]
    return Problem(
        type=problem.uri,
        title=problem.title,
        status=problem.status,
        detail=detail or problem.meaning,
        instance=f"urn:request:{correlation_id.get()}",
        **more,
    )


def _as_aqs_tells(problem: Problem, scope: Scope) -> AqsProblem:
    """Tell a problem in AQS's shape: what is wrong with a parameter is a 400, and told alone."""
    status = 400 if problem.status == 422 else problem.status  # noqa: PLR2004  # the status speaks for itself
    detail = problem.detail
    if problem.errors:
        first = problem.errors[0]
        detail = first.msg if first.loc[0] == "path" else _sum_up([first])
    elif detail == PROBLEMS["not-found"].meaning:
        detail = NO_ROUTE
    return AqsProblem.of(status, detail, method=scope["method"], raw_path=scope["raw_path"])


def _response(problem: Problem | AqsProblem, headers: Mapping[str, str]) -> Response:
    keep = f"public, max-age={_NOT_FOUND_MAX_AGE}" if problem.status == 404 else "no-store"  # noqa: PLR2004  # as above
    return Response(
        problem.model_dump_json(),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": keep, **headers},
    )


def _field(error: Mapping[str, object]) -> ProblemField:
    loc = error["loc"]
    assert isinstance(loc, tuple)
    if error["type"] == "json_invalid":
        loc = loc[:1]  # what follows is no field, but how many characters could be read
    stranger = "is no part of the body" if loc[0] == "body" else "is no parameter of this URL"
    return ProblemField(loc=_shown(loc), msg=in_words(error, stranger=stranger))


def _shown(loc: tuple[str | int, ...]) -> list[str | int]:
    """Show a place in the request: a name that the caller made up comes back short and harmless."""
    return [_printable(part[:_MAX_NAME]) if isinstance(part, str) else part for part in loc]


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def _sum_up(errors: list[ProblemField]) -> str:
    return "; ".join(f"{_named(one.loc)}: {one.msg}" for one in errors)


def _named(loc: Sequence[str | int]) -> str:
    """Name a field by its last part; one of several in a list by the list's name and its place."""
    *before, last = loc
    return f"{before[-1]}.{last}" if before and isinstance(last, int) else str(last)
