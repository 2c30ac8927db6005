"""What every handler may ask for: what the service lives on, who asks, and what guards a route."""

import hmac
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from loguru import logger
from pydantic import SecretStr

from pageviews_api.exceptions import (
    AdminDisabledError,
    FieldError,
    InvalidParameterError,
    NotAuthorisedError,
)
from pageviews_api.middleware.clients import client_address
from pageviews_api.resources import Resources
from pageviews_api.schemas.query import FormatParameters, QueryParameters


async def _resources(request: Request) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(_resources)]


async def _client(request: Request, resources: ResourcesDep) -> str:
    return client_address(request.scope, proxy_hops=resources.settings.proxy_hops)


ClientDep = Annotated[str, Depends(_client)]
"""The address of who asks, for the log."""

_bearer = HTTPBearer(
    scheme_name="operator", description="The operator's `ADMIN_TOKEN`.", auto_error=False
)


async def _operator(
    request: Request,
    resources: ResourcesDep,
    client: ClientDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Let the operator pass. Whoever else asks is not told what was wrong."""
    token = resources.settings.admin_token
    if token is None:
        raise AdminDisabledError("The operator has set no ADMIN_TOKEN: this is not to be had here.")
    if not carries(request, credentials, token):
        logger.bind(by=client, route=request.scope["route"].path).warning("not the operator")
        raise NotAuthorisedError("This needs the operator's token.")


def carries(
    request: Request, credentials: HTTPAuthorizationCredentials | None, token: SecretStr
) -> bool:
    """Tell whether a request carries this bearer token, and no other; in constant time."""
    given = credentials.credentials if credentials else ""
    only_one = len(request.headers.getlist("authorization")) == 1
    # As bytes: of text, only ASCII can be compared in constant time.
    same = hmac.compare_digest(given.encode(), token.get_secret_value().encode())
    return same and only_one


OperatorOnly = Depends(_operator)
"""Guards a router: it comes first, so that nothing is told to anybody else."""


def no_repeats_but(*lists: str) -> Any:  # noqa: ANN401  # what FastAPI takes as a dependency
    """Guard a router: each parameter is given once, but these, which are lists."""

    async def no_repeats(request: Request) -> None:
        """Refuse a parameter given twice: no one of its values is the one that was meant."""
        names = Counter(name for name, _ in request.query_params.multi_items())
        repeated = sorted(name for name, count in names.items() if count > 1)
        errors = [
            FieldError(("query", name), "is given more than once")
            for name in repeated
            if name not in lists
        ]
        if errors:
            raise InvalidParameterError(*errors)

    return Depends(no_repeats)


NoRepeats = no_repeats_but()
"""Guards a router: each parameter is given once."""

NoParametersDep = Annotated[QueryParameters, Query()]
"""Guards a route that takes no parameters."""

OnlyFormatDep = Annotated[FormatParameters, Query()]
"""Guards a route that takes none but those of the answer's form."""


async def _if_none_match(request: Request) -> str | None:
    tags = request.headers.getlist("if-none-match")
    return ",".join(tags) if tags else None


IfNoneMatchDep = Annotated[str | None, Depends(_if_none_match)]


async def _until_sent() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


UntilSentDep = Annotated[AsyncExitStack, Depends(_until_sent)]
"""Holds what the answer is made of, until it has been sent."""
