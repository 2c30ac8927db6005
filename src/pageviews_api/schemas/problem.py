"""The one error body (RFC 9457), and the list of problems that it can tell of."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from pageviews_api.schemas.left_out import is_none

MEDIA_TYPE = "application/problem+json"

_WORDS = {
    "enum": "is none of {expected}",
    "greater_than_equal": "is less than {ge}",
    "json_invalid": "is no JSON",
    "less_than_equal": "is more than {le}",
    "list_type": "is no list",
    "literal_error": "is none of {expected}",
    "missing": "is required",
    "model_attributes_type": "is no JSON object",
    "string_type": "is no text",
    "too_long": "holds more than {max_length}",
    "too_short": "holds fewer than {min_length}",
}
"""Our words for what validation finds most; its own speak of Python."""


def in_words(error: Mapping[str, Any], *, stranger: str) -> str:
    """Say what validation finds wrong with a field; ``stranger``: of one that there is none of."""
    if error["type"] == "extra_forbidden":
        return stranger
    words = _WORDS.get(error["type"])
    if words is None:
        return str(error["msg"]).removeprefix("Value error, ")
    return words.format_map(error.get("ctx", {}))


class ProblemField(BaseModel):
    """What is wrong with one part of the request."""

    model_config = ConfigDict(frozen=True)

    loc: Annotated[
        list[str | int],
        Field(description="Where it is in the request.", examples=[["query", "start"]]),
    ]
    msg: Annotated[str, Field(description="What is wrong.", examples=["is after end"])]


class Problem(BaseModel):
    """The body of every error (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: Annotated[str, Field(description="What the problem means can be read at this URL.")]
    title: Annotated[str, Field(description="What kind of problem it is, in words.")]
    status: Annotated[int, Field(ge=400, le=599, description="The status of the answer.")]
    detail: Annotated[str, Field(description="What happened this time.")]
    instance: Annotated[str, Field(description="`urn:request:` and the request's id.")]
    errors: Annotated[
        list[ProblemField] | None,
        Field(exclude_if=is_none, description="The parts of the request that are wrong."),
    ] = None
    upstream: Annotated[
        str | None,
        Field(exclude_if=is_none, description="Whose failure it is, where it is not ours."),
    ] = None
    choices: Annotated[
        list[str] | None,
        Field(
            exclude_if=is_none,
            description="The media types that there are, where none of them was acceptable.",
        ),
    ] = None
    retry_after: Annotated[
        int | None,
        Field(
            ge=0,
            exclude_if=is_none,
            description="Seconds after which asking again makes sense.",
        ),
    ] = None


class ProblemType(BaseModel):
    """A kind of problem: its status, and what it means for the caller."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "slug": "not-found",
                    "title": "Not found",
                    "status": 404,
                    "meaning": "There is nothing at this path.",
                    "remedy": "The paths are listed at /docs. None ends with a slash.",
                }
            ]
        },
    )

    slug: Annotated[
        str,
        Field(
            description="Its name, with which an error's `type` ends.",
            examples=["article-never-viewed"],
        ),
    ]
    title: Annotated[
        str, Field(description="The same in words.", examples=["Article never viewed"])
    ]
    status: Annotated[int, Field(description="The status of such answers.", examples=[404])]
    meaning: Annotated[str, Field(description="What is the case.")]
    remedy: Annotated[str, Field(description="What the caller can do.")]

    @property
    def uri(self) -> str:
        """The ``type`` of its problem documents, relative to the service."""
        return f"/problems/{self.slug}"


_PROBLEMS = (
    ProblemType(
        slug="invalid-request",
        title="Invalid request",
        status=422,
        meaning="A parameter is unknown, given twice, or has no meaning here. "
        "`errors` names each one. Nothing was asked of Wikimedia.",
        remedy="Correct the parameters named in `errors`.",
    ),
    ProblemType(
        slug="unknown-project",
        title="Unknown project",
        status=404,
        meaning="The name has the form of a Wikimedia project, but Wikimedia's API has never "
        "told a number for it.",
        remedy="Projects are written en.wikipedia, commons.wikimedia or wikidata.",
    ),
    ProblemType(
        slug="article-never-viewed",
        title="Article never viewed",
        status=404,
        meaning="Wikimedia has not counted a single view of this exact title since 2015-07-01.",
        remedy="Check the spelling: upper and lower case count, and a redirect's title is "
        "counted apart from the article that it leads to.",
    ),
    ProblemType(
        slug="unknown-site",
        title="Unknown site",
        status=404,
        meaning="No site of this name is configured here.",
        remedy="`/api/v1/sites` lists the sites.",
    ),
    ProblemType(
        slug="no-top-list",
        title="No top list",
        status=404,
        meaning="Wikimedia has no list of most viewed articles for this day or month: it is not "
        "loaded yet, or was lost.",
        remedy="Ask for another day. A month's list appears after the month has ended.",
    ),
    ProblemType(
        slug="not-archived",
        title="Not archived",
        status=404,
        meaning="The archive has nothing of what was asked for: no document of that day, or not "
        "that series in it.",
        remedy="`/api/v1/archives` lists what is archived.",
    ),
    ProblemType(
        slug="not-authorised",
        title="Not authorised",
        status=401,
        meaning="This needs the operator's token, and the request carries none, or a wrong one.",
        remedy="Send `Authorization: Bearer` with the token.",
    ),
    ProblemType(
        slug="admin-disabled",
        title="Administration disabled",
        status=403,
        meaning="The operator has set no `ADMIN_TOKEN`, so that nobody may do this by HTTP.",
        remedy="Set `ADMIN_TOKEN`, or use the command line where the service runs.",
    ),
    ProblemType(
        slug="sites-disabled",
        title="Sites disabled",
        status=403,
        meaning="The operator has configured no site's analytics, or has set neither "
        "`SITES_TOKEN` nor `SITES_PUBLIC`, so that nobody may read them.",
        remedy="Set them where the service runs; docs/sites.md says how.",
    ),
    ProblemType(
        slug="not-found",
        title="Not found",
        status=404,
        meaning="There is nothing at this path.",
        remedy="The paths are listed at /docs. None ends with a slash.",
    ),
    ProblemType(
        slug="preflight-refused",
        title="Preflight refused",
        status=400,
        meaning="A browser asked whether a script of another site may ask so, and it may not.",
        remedy="Name the site's origin in `ALLOWED_ORIGINS`, and send no header that a script may "
        "not send: a token, above all, has no place in a page.",
    ),
    ProblemType(
        slug="unknown-host",
        title="Unknown host",
        status=400,
        meaning="The Host header is missing, doubled, or names a site that this service is not.",
        remedy="Use the service's own host name.",
    ),
    ProblemType(
        slug="bad-request",
        title="Bad request",
        status=400,
        meaning="The request could not be read.",
        remedy="Send a well-formed request.",
    ),
    ProblemType(
        slug="method-not-allowed",
        title="Method not allowed",
        status=405,
        meaning="The path exists, but not for this method. `Allow` lists those it has.",
        remedy="Use one of the methods in `Allow`.",
    ),
    ProblemType(
        slug="not-acceptable",
        title="Not acceptable",
        status=406,
        meaning="`Accept` takes none of the forms in which this is to be had. `choices` lists "
        "them.",
        remedy="Name one of `choices` in `Accept`, or `format` in the URL.",
    ),
    ProblemType(
        slug="content-too-large",
        title="Content too large",
        status=413,
        meaning="The request carries a body where none is expected, or a longer one than is taken.",
        remedy="Send no body, and parameters in the URL; or a shorter body, where one is taken.",
    ),
    ProblemType(
        slug="unsupported-media-type",
        title="Unsupported media type",
        status=415,
        meaning="The request carries a body of a kind that is not read here.",
        remedy="Send JSON, not compressed, with `Content-Type: application/json`.",
    ),
    ProblemType(
        slug="request-timeout",
        title="Request timeout",
        status=408,
        meaning="The body of the request did not come whole in time.",
        remedy="Send the request again, the body at once.",
    ),
    ProblemType(
        slug="uri-too-long",
        title="URI too long",
        status=414,
        meaning="The query part of the URL is longer than any meaningful one.",
        remedy="Send only the parameters that the URL has, each once.",
    ),
    ProblemType(
        slug="headers-too-large",
        title="Headers too large",
        status=431,
        meaning="The headers of the request are longer together than any client has a use for.",
        remedy="Send fewer or shorter headers; no cookie is needed here.",
    ),
    ProblemType(
        slug="too-many-requests",
        title="Too many requests",
        status=429,
        meaning="This client has used up its requests for now.",
        remedy="Wait the seconds in `Retry-After`, and keep what you have been told.",
    ),
    ProblemType(
        slug="too-many-batches",
        title="Too many batches",
        status=429,
        meaning="So many batches are being answered already, or so many of this client's, that no "
        "more is taken on.",
        remedy="Wait the seconds in `Retry-After`, and send one batch after the other.",
    ),
    ProblemType(
        slug="too-many-runs",
        title="Too many runs",
        status=429,
        meaning="So many runs of the archive wait already that no more is taken on.",
        remedy="Wait the seconds in `Retry-After`. `pageviews-api archive backfill` makes many "
        "days in one run.",
    ),
    ProblemType(
        slug="internal-error",
        title="Internal error",
        status=500,
        meaning="The service has a fault. It has been logged under the request's id.",
        remedy="Try again; if it stays, tell the operator the id in `instance`.",
    ),
    ProblemType(
        slug="upstream-timeout",
        title="Upstream timeout",
        status=504,
        meaning="The service behind us gave no complete answer in time, and we hold none.",
        remedy="Try again in a moment.",
    ),
    ProblemType(
        slug="upstream-unreachable",
        title="Upstream unreachable",
        status=502,
        meaning="The service behind us could not be reached, or the connection broke off, "
        "and we hold no answer.",
        remedy="Try again in a moment.",
    ),
    ProblemType(
        slug="upstream-failed",
        title="Upstream failed",
        status=502,
        meaning="The service behind us answered with an error of its own, and we hold no answer.",
        remedy="Try again in a moment.",
    ),
    ProblemType(
        slug="upstream-untrusted",
        title="Upstream untrusted",
        status=502,
        meaning="The service behind us could not prove who it is; nothing was sent to it.",
        remedy="The operator must look at the certificate.",
    ),
    ProblemType(
        slug="upstream-rejected",
        title="Upstream rejected",
        status=502,
        meaning="The service behind us refused our request.",
        remedy="Trying again does not help soon; the operator must look at the log.",
    ),
    ProblemType(
        slug="upstream-key-refused",
        title="Upstream key refused",
        status=502,
        meaning="The provider of the site's analytics does not take our key, or not for this site.",
        remedy="The operator must look at the key and the site's id.",
    ),
    ProblemType(
        slug="upstream-plan",
        title="Upstream plan",
        status=502,
        meaning="The operator's plan with the provider does not include this.",
        remedy="The operator must ask the provider for a plan with the statistics API.",
    ),
    ProblemType(
        slug="upstream-invalid",
        title="Upstream invalid",
        status=502,
        meaning="The service behind us answered something that is not its documented answer.",
        remedy="Try again later; the operator finds the beginning of the answer in the log.",
    ),
    ProblemType(
        slug="upstream-throttled",
        title="Upstream throttled",
        status=503,
        meaning="The service behind us asked us to slow down, and we hold no answer.",
        remedy="Wait the seconds in `Retry-After`.",
    ),
    ProblemType(
        slug="upstream-held-back",
        title="Upstream held back",
        status=503,
        meaning="We hold no answer and may not ask now: the service behind us failed repeatedly, "
        "or what we may ask of it is used up.",
        remedy="Wait the seconds in `Retry-After`.",
    ),
    ProblemType(
        slug="archive-unavailable",
        title="Archive unavailable",
        status=503,
        meaning="The archive's store does not answer, or refuses us.",
        remedy="Try again later; the operator finds the cause in the log.",
    ),
    ProblemType(
        slug="archive-conflict",
        title="Archive conflict",
        status=409,
        meaning="The day is archived already with other content, or was replaced meanwhile.",
        remedy="Read what is archived.",
    ),
    ProblemType(
        slug="archive-corrupt",
        title="Archive corrupt",
        status=502,
        meaning="What is stored is not what was written; it is not served.",
        remedy="The operator must restore the object from a copy.",
    ),
    ProblemType(
        slug="misconfigured",
        title="Misconfigured",
        status=500,
        meaning="The service is not configured for this.",
        remedy="Tell the operator.",
    ),
)

PROBLEMS = {problem.slug: problem for problem in _PROBLEMS}
"""Every kind of problem by its slug."""


def problem_responses(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """Describe problems for OpenAPI, as a route's ``responses``.

    The media type is written out: FastAPI would file a ``model`` under ``application/json``.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    for problem in (PROBLEMS[slug] for slug in slugs):
        response = responses.setdefault(
            problem.status,
            {
                "description": problem.title,
                "content": {
                    MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
                },
            },
        )
        if problem.title not in response["description"]:
            response["description"] += f", {problem.title.lower()}"
        response["content"][MEDIA_TYPE]["examples"][problem.slug] = {
            "summary": problem.title,
            "value": {
                "type": problem.uri,
                "title": problem.title,
                "status": problem.status,
                "detail": problem.meaning,
                "instance": "urn:request:8f14e45fceea167a5a36dedd4bea2543",
            },
        }
    return responses


UPSTREAM_PROBLEMS = (
    "invalid-request",
    "too-many-requests",
    "unknown-host",
    "uri-too-long",
    "upstream-failed",
    "upstream-invalid",
    "upstream-rejected",
    "upstream-unreachable",
    "upstream-untrusted",
    "upstream-held-back",
    "upstream-throttled",
    "upstream-timeout",
)
"""What can befall every question that Wikimedia must answer."""

SITE_PROBLEMS = (
    *UPSTREAM_PROBLEMS,
    "not-authorised",
    "sites-disabled",
    "unknown-site",
    "upstream-key-refused",
    "upstream-plan",
)
"""What can befall every question that a site's provider must answer."""

ARCHIVE_PROBLEMS = (
    "invalid-request",
    "too-many-requests",
    "unknown-host",
    "uri-too-long",
    "archive-unavailable",
)
"""What can befall every question that the archive must answer."""

AS_OF_PROBLEMS = ("not-archived", "archive-corrupt", "archive-unavailable")
"""What can befall a question about an earlier day, which only the archive can answer."""
