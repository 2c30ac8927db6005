"""The document that describes the API."""

import json

from fastapi import APIRouter, Request, Response

from pageviews_api.dependencies.reply import tagged
from pageviews_api.dependencies.request import IfNoneMatchDep
from pageviews_api.representation.freshness import FOR_AN_HOUR

router = APIRouter()


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request, if_none_match: IfNoneMatchDep) -> Response:
    """Tell what routes there are; in place of FastAPI's own route, which has no validator."""
    document = json.dumps(request.app.openapi(), ensure_ascii=False, separators=(",", ":"))
    headers = {"Content-Type": "application/json", "Cache-Control": FOR_AN_HOUR}
    return tagged(document.encode(), headers, if_none_match=if_none_match)
