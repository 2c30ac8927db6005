"""The application: what it is put together from."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.routing import APIRoute
from loguru import logger
from starlette.middleware import Middleware
from starlette_compress import CompressMiddleware, add_compress_type

from pageviews_api import __version__
from pageviews_api.clock import Clock, SystemClock
from pageviews_api.config import Settings, load_settings
from pageviews_api.docs_page import add_docs_page
from pageviews_api.exception_handlers import error_response, install_exception_handlers
from pageviews_api.exceptions import ArchiveError, ConfigurationError
from pageviews_api.logs import set_up_logs
from pageviews_api.middleware.clients import RateLimitMiddleware
from pageviews_api.middleware.cors import AnyOriginMiddleware, OriginsMiddleware
from pageviews_api.middleware.defaults import DefaultHeadersMiddleware
from pageviews_api.middleware.errors import CatchAllMiddleware
from pageviews_api.middleware.host import HostMiddleware
from pageviews_api.middleware.logs import LogMiddleware, is_request_id
from pageviews_api.middleware.methods import MethodsMiddleware
from pageviews_api.middleware.path import LosslessPathMiddleware
from pageviews_api.middleware.size import SizeMiddleware
from pageviews_api.openapi import describe
from pageviews_api.rate_limit import RateLimit
from pageviews_api.resources import Resources, open_resources
from pageviews_api.routers import (
    aqs,
    archive_runs,
    archives,
    article_sets,
    articles,
    charts,
    data_state,
    get_views,
    health,
    openapi_document,
    problems,
    projects,
    side_by_side,
    site_archives,
    sites,
    top,
)
from pageviews_api.schemas.archive import ArchiveDocument
from pageviews_api.schemas.archive_answers import (
    ArchiveDifferences,
    ArchiveList,
    ObservedSeries,
    TopHistory,
)
from pageviews_api.schemas.archive_runs import ArchiveRun
from pageviews_api.schemas.article_sets import ArticleSet, BatchEnd, BatchLine
from pageviews_api.schemas.data_state import DataState, KnownProjects
from pageviews_api.schemas.health import Readiness
from pageviews_api.schemas.pageviews import ArticleSeries, ProjectSeries
from pageviews_api.schemas.sections import Comparison, UnusualDays
from pageviews_api.schemas.side_by_side import SideBySide
from pageviews_api.schemas.site_answers import SitePages
from pageviews_api.schemas.site_archive import SiteArchiveList, SitesDocument
from pageviews_api.schemas.top import TopArticles, TopRange
from pageviews_api.shared import Shared

STOP_WITHIN = 5.0
"""Seconds that the archive task may take to end; the write in hand takes at most 4."""

CORS_MAX_AGE = 7200
"""Seconds for which a browser may keep a preflight's answer: Chromium's cap."""

ALLOWED_HEADERS = ["Api-User-Agent", "Content-Type", "If-None-Match", "X-Request-ID"]
"""Headers that a browser's script may send beside the usual ones. ``Api-User-Agent`` is what
Wikimedia wants of scripts, whose clients come here too. ``Authorization`` is none: no page of
another origin has a use for the operator's token."""

EXPOSED_HEADERS = [
    "Cache-Status",
    "Content-Disposition",
    "ETag",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
]
"""Headers that a browser's script may read beside the usual ones."""

COMPRESSED = ("application/problem+json", "text/csv")
"""What is compressed beside the usual types (JSON, HTML, scripts, styles, SVG)."""

COMPRESSED_LINE_BY_LINE = "application/x-ndjson"
"""What is compressed so that each piece can be read as soon as it has been sent."""

DESCRIPTION = """
Wikipedia's pageviews, fetched once from Wikimedia, kept, and served to everybody.

Every day of a series says what is known of it: a number, a true zero, not loaded yet, lost at
Wikimedia, or not to be had now. All days are UTC. Wikimedia's numbers are
[CC0](https://creativecommons.org/publicdomain/zero/1.0/).
"""

WITH_EXAMPLE = (
    ArchiveDifferences,
    ArchiveDocument,
    ArchiveList,
    ArchiveRun,
    ArticleSeries,
    ArticleSet,
    BatchEnd,
    BatchLine,
    Comparison,
    DataState,
    KnownProjects,
    ObservedSeries,
    ProjectSeries,
    Readiness,
    SideBySide,
    SiteArchiveList,
    SitesDocument,
    SitePages,
    TopArticles,
    TopHistory,
    TopRange,
    UnusualDays,
)
"""Answers whose example holds a null."""

ROUTES = (
    *(article_sets, articles, charts, projects, top),
    *(archives, archive_runs, data_state),
    *(site_archives, sites, side_by_side),
    *(aqs, get_views),
    *(problems, health, openapi_document),
)
"""In the order in which paths are looked up, and listed on the docs page."""

TAGS = [
    {"name": "articles", "description": "How often an article was looked at."},
    {"name": "charts", "description": "Pictures of how often an article was looked at."},
    {"name": "projects", "description": "How often a whole project was looked at."},
    {"name": "top", "description": "What was looked at most."},
    {"name": "archives", "description": "What was archived, and runs by hand."},
    {
        "name": "data-state",
        "description": "What is loaded, restated and archived, and what may still be asked.",
    },
    {"name": "sites", "description": "How often the operator's own sites are visited."},
    {"name": "aqs", "description": "Wikimedia's own paths: its API by another base URL."},
    {"name": "get_views", "description": "What older frontends ask for."},
    {"name": "problems", "description": "What an error means."},
    {"name": "health", "description": "What probes ask for."},
]


def create_app(
    settings: Settings, *, clock: Clock | None = None, notice: str | None = None
) -> FastAPI:
    """Put the application together.

    ``clock`` is the machine's own by default. ``notice`` is said in every answer and in the
    description: the demo tells there that its data are a sample.
    """
    clock = clock or SystemClock()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_resources(settings, clock, notice=notice) as resources:
            app.state.resources = resources
            async with _archiving(resources):
                yield

    def shared() -> Shared | None:
        resources: Resources | None = getattr(app.state, "resources", None)
        return None if resources is None else resources.shared

    limit = RateLimit(settings.rate_limit, processes=settings.processes, clock=clock, shared=shared)
    app = FastAPI(
        title="pageviews_api",
        summary="Wikipedia pageviews for everybody who shows them.",
        description=f"{DESCRIPTION}\n\n**{notice}**" if notice else DESCRIPTION,
        version=__version__,
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_tags=TAGS,
        openapi_url=None,  # `routers.openapi_document` serves it
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        lifespan=lifespan,
        middleware=_middleware(settings, limit),
    )
    install_exception_handlers(app)
    for routes in ROUTES:
        app.include_router(routes.router)
    if settings.docs_enabled:
        add_docs_page(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def app_from_environment() -> FastAPI:
    """Put the application together as the environment says; uvicorn calls it in each worker."""
    settings = load_settings()
    set_up_logs(settings.log_level, settings.log_format)
    logger.bind(version=__version__, processes=settings.processes).info("service starts")
    app = create_app(settings)
    # What is there now stays. The collector need not look through it each time that an answer of
    # eleven years has made so many objects that it looks at all: that held everybody up for 0.1 s.
    gc.freeze()
    return app


@asynccontextmanager
async def _archiving(resources: Resources) -> AsyncIterator[None]:
    """Run the archive task meanwhile, if it is wanted; at the end, stop all that archives.

    Raises
    ------
    ConfigurationError
        Archives should go to a folder that cannot be written. (A bucket is looked at by the task:
        one that does not answer must not hold up the start.)
    """
    if resources.settings.archive_enabled:
        if resources.settings.archive_bucket is None:
            try:
                await resources.store.check()
            except ArchiveError as e:
                raise ConfigurationError(f"ARCHIVE_DIR cannot be used: {e}") from e
        resources.archive_task.start()
    try:
        yield
    finally:
        # All at once: of what has to wait, nothing may begin while the write in hand ends.
        await asyncio.gather(
            resources.archive_task.stop(within=STOP_WITHIN), resources.archive_runs.aclose()
        )


def _middleware(settings: Settings, limit: RateLimit) -> list[Middleware]:
    for media_type in COMPRESSED:
        add_compress_type(media_type)
    add_compress_type(COMPRESSED_LINE_BY_LINE, streaming=True)
    return [
        Middleware(CorrelationIdMiddleware, validator=is_request_id),
        Middleware(LogMiddleware),
        # Outside CORS, which answers preflights itself.
        Middleware(DefaultHeadersMiddleware),
        *_cors(settings.allowed_origins),
        Middleware(
            RateLimitMiddleware,
            limit=limit,
            proxy_hops=settings.proxy_hops,
            respond=error_response,
        ),
        Middleware(CatchAllMiddleware, respond=error_response),
        Middleware(HostMiddleware, allowed_hosts=settings.allowed_hosts),
        Middleware(SizeMiddleware),
        # Outside the methods, which look for routes by the path.
        Middleware(LosslessPathMiddleware),
        Middleware(MethodsMiddleware),
        # Inside the methods: HEAD must tell what GET does, and inside CORS, which adds to `Vary`.
        Middleware(CompressMiddleware),
    ]


def _cors(origins: tuple[str, ...]) -> list[Middleware]:
    """Let scripts of these origins read answers; where there is none, no answer varies by it."""
    if not origins:
        return []
    cors = Middleware(
        AnyOriginMiddleware if "*" in origins else OriginsMiddleware,
        respond=error_response,
        allow_origins=origins,
        allow_methods=["GET", "HEAD", "OPTIONS", "POST"],
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        allow_credentials=False,
        max_age=CORS_MAX_AGE,
    )
    return [cors]


def _operation_id(route: APIRoute) -> str:
    return route.name


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = describe(app, with_example=WITH_EXAMPLE)
    return app.openapi_schema
