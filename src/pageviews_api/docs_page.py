"""The docs page, from files of our own: no browser asks anybody else for anything."""

import base64
import hashlib
import re
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from pageviews_api.representation.freshness import FOR_AN_HOUR

_ASSETS = Path(fastapi_offline.__file__).parent / "static"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def add_docs_page(app: FastAPI) -> None:
    """Serve ``/docs``, and lead there from ``/`` until there is a page."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="pageviews_api",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon.png",
    )
    html = bytes(page.body).decode()
    headers = {
        "Cache-Control": FOR_AN_HOUR,
        "Content-Security-Policy": _content_security_policy(html),
    }

    async def docs(_: Request) -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    async def to_docs(_: Request) -> RedirectResponse:
        return RedirectResponse("/docs")

    app.mount("/docs/assets", StaticFiles(directory=_ASSETS))
    app.add_route("/docs", docs, include_in_schema=False)
    app.add_route("/", to_docs, include_in_schema=False)


def _content_security_policy(html: str) -> str:
    """Allow our own files and this very inline script. Swagger UI sets styles by itself."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(html)
    )
    return (
        f"default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
