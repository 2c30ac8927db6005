"""Every error of ours. The classes know no HTTP status; ``exception_handlers`` has the table.

::

    PageviewsApiError
    ├── ConfigurationError              the service cannot start as it is configured
    ├── CallerError                     the request cannot be met as asked
    │   ├── InvalidParameterError           a parameter has no meaning; names it
    │   │   └── InvalidDateRangeError
    │   ├── TooManyRequestsError            this client has used up its share
    │   ├── ContentTooLargeError            a body where none is expected, or too long a one
    │   ├── UnsupportedMediaTypeError       the body is not of the kind that is read here
    │   ├── SlowRequestError                the body did not come in time
    │   ├── QueryTooLongError               no meaningful query is as long
    │   ├── NotAcceptableError              no form that the caller takes
    │   ├── HeadersTooLargeError            no client of ours has so much to say of itself
    │   ├── UnknownHostError                the Host header names another site
    │   ├── UnknownChartError               no chart has this URL
    │   ├── UnknownProblemError             no problem has this slug
    │   ├── UnknownProjectError             Wikimedia has never counted a view of it
    │   ├── ArticleNeverViewedError         nor of this exact title
    │   ├── TopListNotFoundError            no list for this day or month
    │   ├── NoDataError                     AQS has no number of it, on AQS's own paths
    │   ├── UnknownSiteError                no site of this name is configured
    │   ├── NotArchivedError                the archive has nothing of it
    │   ├── TooManyRunsError                so many runs of the archive wait already
    │   ├── TooManyBatchesError             so many batches are being answered already
    │   ├── NotAuthorisedError              the request lacks the right token
    │   ├── AdminDisabledError              the operator has set no token for this
    │   └── SitesDisabledError              nor has site analytics to tell, or lets anybody read
    ├── UpstreamError(upstream)
    │   ├── UpstreamTransientError      may pass if asked again
    │   │   ├── UpstreamTimeoutError        no answer in time
    │   │   ├── UpstreamUnreachableError    no connection, or it broke off
    │   │   ├── UpstreamFailedError         5xx
    │   │   └── UpstreamThrottledError      429; keeps retry_after
    │   ├── UpstreamUntrustedError      its certificate does not hold
    │   ├── UpstreamRejectedError       4xx: our request is wrong, or we are blocked
    │   │   ├── UpstreamKeyRefusedError     the provider does not take our key for this site
    │   │   └── UpstreamPlanError           the operator's plan there does not include this
    │   ├── UpstreamInvalidError        not the documented answer
    │   └── UpstreamHeldBackError       we did not even ask; keeps retry_after
    │       ├── CircuitOpenError            it failed too often just now
    │       └── BudgetExhaustedError        no slot in time within what we may ask
    └── ArchiveError
        ├── ArchiveExistsError          the day is archived already, or was replaced meanwhile
        ├── ArchiveUnavailableError     the store does not answer, or fails
        ├── ArchiveDeniedError          the store refuses us; asking again soon is useless
        └── ArchiveCorruptError         what is stored is not what was written

Apart from it stands ``NotTakenInTimeError``, of which nobody can be told any more.
"""

from dataclasses import dataclass


class PageviewsApiError(Exception):
    """The root of every error that this package raises on purpose."""


class ConfigurationError(PageviewsApiError):
    """The settings do not allow a start; the message names the setting."""


class CallerError(PageviewsApiError):
    """The request cannot be met as asked; the message is for the caller."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one part of a request.

    ``loc`` leads to the part (``("query", "start")``); ``msg`` says what it should be.
    """

    loc: tuple[str | int, ...]
    msg: str


class InvalidParameterError(CallerError):
    """A parameter has no meaning here."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, e.loc))}: {e.msg}" for e in errors))
        self.errors = errors


class InvalidDateRangeError(InvalidParameterError):
    """A date or range has no meaning here."""

    def __init__(self, field: str, msg: str) -> None:
        super().__init__(FieldError(("query", field), msg))


class TooManyRequestsError(CallerError):
    """The client has used up its share of requests."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("This client has used up its requests for now.")
        self.retry_after = retry_after


class ContentTooLargeError(CallerError):
    """The request carries a body where none is expected, or a longer one than is taken."""


class UnsupportedMediaTypeError(CallerError):
    """The body is not of the media type that is read here, or is compressed."""


class SlowRequestError(CallerError):
    """The body of the request did not come whole in time."""


class QueryTooLongError(CallerError):
    """The query part of the URL is longer than any meaningful one."""


class NotAcceptableError(CallerError):
    """The caller takes none of the forms that there are: ``choices``, as media types."""

    def __init__(self, choices: list[str]) -> None:
        super().__init__(f"This is to be had as {', '.join(choices)}.")
        self.choices = choices


class HeadersTooLargeError(CallerError):
    """The headers of the request are longer than any client has a use for."""


class PreflightRefusedError(CallerError):
    """A script of another site may not ask so (CORS)."""


class UnknownHostError(CallerError):
    """The Host header is absent, doubled, or names a site that this service is not."""


class UnknownChartError(CallerError):
    """No chart has this URL."""


class UnknownProblemError(CallerError):
    """No problem is known by this slug."""


class UnknownProjectError(CallerError):
    """Wikimedia's API has never counted a view of this project."""


class ArticleNeverViewedError(CallerError):
    """Wikimedia has never counted a view of this exact title."""


class TopListNotFoundError(CallerError):
    """Wikimedia has no list of most viewed articles for what was asked."""


class NoDataError(CallerError):
    """AQS has no number of what was asked for: no view, unknown, or not loaded yet."""


class UnknownSiteError(CallerError):
    """No site of this name is configured here."""


class NotArchivedError(CallerError):
    """The archive has nothing of what was asked for."""


class TooManyRunsError(CallerError):
    """So many runs of the archive wait already; ``retry_after`` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("So many runs of the archive wait already that no more is taken on.")
        self.retry_after = retry_after


class TooManyBatchesError(CallerError):
    """So many batches are being answered already; ``retry_after`` is in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("So many batches are being answered already that no more is taken on.")
        self.retry_after = retry_after


class NotAuthorisedError(CallerError):
    """The request does not carry the right bearer token."""


class AdminDisabledError(CallerError):
    """The operator has set no token, so that nobody may do this."""


class SitesDisabledError(CallerError):
    """No site's analytics are configured, or nobody is let read them."""


class UpstreamError(PageviewsApiError):
    """A service that we depend on did not give a usable answer."""

    def __init__(self, upstream: str, reason: str) -> None:
        super().__init__(f"{upstream}: {reason}")
        self.upstream = upstream
        self.reason = reason


class UpstreamTransientError(UpstreamError):
    """Asking again may help."""


class UpstreamTimeoutError(UpstreamTransientError):
    """No complete answer came in time."""


class UpstreamUnreachableError(UpstreamTransientError):
    """No connection could be had, or it broke off: ``is_connected`` tells which, if known."""

    def __init__(self, upstream: str, reason: str, *, is_connected: bool = True) -> None:
        super().__init__(upstream, reason)
        self.is_connected = is_connected


class UpstreamFailedError(UpstreamTransientError):
    """It answered with a 5xx status."""

    def __init__(self, upstream: str, reason: str, *, status: int | None = None) -> None:
        super().__init__(upstream, reason)
        self.status = status


class UpstreamThrottledError(UpstreamTransientError):
    """It answered 429. ``retry_after`` is in seconds."""

    def __init__(self, upstream: str, retry_after: float) -> None:
        super().__init__(upstream, "asks us to slow down")
        self.retry_after = retry_after


class UpstreamUntrustedError(UpstreamError):
    """Its TLS certificate does not hold; nothing was sent."""


class UpstreamRejectedError(UpstreamError):
    """It answered with a 4xx status that is no answer: our request is wrong, or we are blocked."""

    def __init__(self, upstream: str, status: int) -> None:
        super().__init__(upstream, f"rejected our request with status {status}")
        self.status = status


class UpstreamKeyRefusedError(UpstreamRejectedError):
    """The provider does not take our key, or not for this site: the operator must look at it."""


class UpstreamPlanError(UpstreamRejectedError):
    """The operator's plan with the provider does not include this."""


class UpstreamInvalidError(UpstreamError):
    """Its answer is not the documented one."""


class UpstreamHeldBackError(UpstreamError):
    """We did not ask. ``retry_after``, in seconds, tells when we may."""

    def __init__(self, upstream: str, reason: str, retry_after: float) -> None:
        super().__init__(upstream, reason)
        self.retry_after = retry_after


class CircuitOpenError(UpstreamHeldBackError):
    """It failed so often that we leave it alone for a while."""

    def __init__(self, upstream: str, retry_after: float) -> None:
        super().__init__(upstream, "has failed repeatedly and is left alone for now", retry_after)


class BudgetExhaustedError(UpstreamHeldBackError):
    """What we may ask is used up by others until after the caller's deadline."""

    def __init__(self, upstream: str, retry_after: float) -> None:
        super().__init__(upstream, "our request budget is used up for now", retry_after)


class ArchiveError(PageviewsApiError):
    """The archive store cannot do what was asked."""


class ArchiveExistsError(ArchiveError):
    """The day is archived already, or what was to be replaced has changed."""


class ArchiveUnavailableError(ArchiveError):
    """The store does not answer, or fails; asking again may help."""


class ArchiveDeniedError(ArchiveError):
    """The store refuses us (keys, permission, missing bucket or folder)."""


class ArchiveCorruptError(ArchiveError):
    """What is stored is not what was written."""


class NotTakenInTimeError(Exception):
    """The caller does not take an answer that has begun: only the connection can be closed."""
