"""What the handlers of sites ask for: who may read, which site, which days, and how it goes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from loguru import logger

from pageviews_api.clients.sites import Site, Sites
from pageviews_api.dependencies.reply import Reply, ReplyDep, varying
from pageviews_api.dependencies.request import ClientDep, ResourcesDep, carries
from pageviews_api.exceptions import NotAuthorisedError, SitesDisabledError
from pageviews_api.representation.freshness import PRIVATE, PUBLIC, Currency
from pageviews_api.schemas.points import AnswerModel
from pageviews_api.schemas.site_answers import SiteAnswer
from pageviews_api.schemas.site_query import (
    SitePagesParameters,
    SitePagesQuery,
    SiteSeriesParameters,
    SiteSeriesQuery,
    SiteSummaryParameters,
    SiteSummaryQuery,
)

_bearer = HTTPBearer(
    scheme_name="sites",
    description="The operator's `SITES_TOKEN`; not needed where `SITES_PUBLIC` is set.",
    auto_error=False,
)


async def _reader(
    request: Request,
    resources: ResourcesDep,
    client: ClientDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Let those pass who may read. Whoever else asks is not told which sites there are."""
    if not resources.sites.names():
        raise SitesDisabledError("No site's analytics are configured here.")
    if resources.settings.sites_public:
        return
    token = resources.settings.sites_token
    if token is None:
        raise SitesDisabledError("The operator has set neither SITES_TOKEN nor SITES_PUBLIC.")
    if not carries(request, credentials, token):
        logger.bind(by=client, route=request.scope["route"].path).warning("may not read sites")
        raise NotAuthorisedError("This needs the operator's token for sites.")


SitesReader = Depends(_reader)
"""Guards a router: it comes first, so that nothing is told to anybody else."""


async def _sites(resources: ResourcesDep) -> Sites:
    return resources.sites


SitesDep = Annotated[Sites, Depends(_sites)]


async def _site(
    site: Annotated[
        str,
        Path(
            description="A site's name; `/api/v1/sites` lists them.",
            examples=["plausible"],
            json_schema_extra={"minLength": 1, "maxLength": 64},
        ),
    ],
    sites: SitesDep,
) -> Site:
    return sites.site(site)


SiteDep = Annotated[Site, Depends(_site)]
"""The site that the path names."""


async def _summary_query(
    parameters: Annotated[SiteSummaryParameters, Query()], site: SiteDep
) -> SiteSummaryQuery:
    return SiteSummaryQuery(parameters.on(site.today()), compared=parameters.compare is not None)


SiteSummaryDep = Annotated[SiteSummaryQuery, Depends(_summary_query)]


async def _series_query(
    parameters: Annotated[SiteSeriesParameters, Query()], site: SiteDep
) -> SiteSeriesQuery:
    return SiteSeriesQuery(
        parameters.on(site.today()),
        parameters.interval,
        compared=parameters.compare is not None,
    )


SiteSeriesDep = Annotated[SiteSeriesQuery, Depends(_series_query)]


async def _pages_query(
    parameters: Annotated[SitePagesParameters, Query()], site: SiteDep
) -> SitePagesQuery:
    return SitePagesQuery(parameters.on(site.today()), parameters.limit)


SitePagesDep = Annotated[SitePagesQuery, Depends(_pages_query)]


@dataclass(frozen=True, slots=True)
class SiteReply:
    """Makes responses that, unless sites are public, nobody keeps but who asked."""

    reply: Reply
    public: bool

    async def current(self, answer: SiteAnswer) -> Response:
        """Answer with what is kept for as long as it is current."""
        left = int(answer.left.total_seconds())
        currency = Currency(-1 if answer.stale else left, answer.fetched)
        headers = {
            "Cache-Control": currency.cache_control_for(self._whom),
            "Cache-Status": currency.cache_status,
        }
        return await self.reply.for_whom(answer, headers, vary=self._vary)

    async def kept(self, answer: AnswerModel, seconds: int) -> Response:
        """Answer with what may be kept for so long."""
        headers = {"Cache-Control": f"{self._whom}, max-age={seconds}"}
        return await self.reply.for_whom(answer, headers, vary=self._vary)

    def marked(self, headers: Mapping[str, str], seconds: int) -> dict[str, str]:
        """Say the same in the headers of a response that is made elsewhere."""
        return varying({**headers, "Cache-Control": f"{self._whom}, max-age={seconds}"}, self._vary)

    @property
    def _whom(self) -> str:
        return PUBLIC if self.public else PRIVATE

    @property
    def _vary(self) -> str:
        return "" if self.public else "Authorization"


async def _site_reply(reply: ReplyDep, resources: ResourcesDep) -> SiteReply:
    return SiteReply(reply, public=resources.settings.sites_public)


SiteReplyDep = Annotated[SiteReply, Depends(_site_reply)]
