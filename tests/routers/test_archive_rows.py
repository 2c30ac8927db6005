"""A whole archive as rows, through the front door."""

import csv
import hashlib
import io
import json
from datetime import date

import httpx
import pytest

from pageviews_api.routers import archive_document
from pageviews_api.schemas.pageviews import DayStatus
from tests.conftest import Service
from tests.support.archives import archive, put, series

TODAY = date(2026, 11, 22)
DOCUMENT = f"/api/v1/archives/{TODAY}"


@pytest.fixture(autouse=True)
async def _archived(service: Service) -> None:
    """Archive three days of a few series, one of them without a number."""
    told = archive(
        TODAY,
        {
            series("Cat"): [1, 2, DayStatus.NOT_LOADED],
            series("AC/DC"): [3, 4, 5],
            series(None): [DayStatus.HOLE, 70, 80],
        },
    )
    await put(service.resources.store, told)


def rows_of(response: httpx.Response) -> list[list[str]]:
    """Read the cells that matter: whose, which day, how many, what is known."""
    assert response.status_code == 200
    rows = csv.DictReader(io.StringIO(response.text, newline=""))
    return [[row[name] for name in ("article", "date", "views", "status")] for row in rows]


async def test_rows__of_every_series(service: Service) -> None:
    """Each day of each series is a row, in the order of the archive; nothing is left out."""
    response = await service.client.get(f"{DOCUMENT}?format=csv")
    assert rows_of(response) == [
        ["", "2026-11-19", "", "hole"],
        ["", "2026-11-20", "70", "ok"],
        ["", "2026-11-21", "80", "ok"],
        ["AC/DC", "2026-11-19", "3", "ok"],
        ["AC/DC", "2026-11-20", "4", "ok"],
        ["AC/DC", "2026-11-21", "5", "ok"],
        ["Cat", "2026-11-19", "1", "ok"],
        ["Cat", "2026-11-20", "2", "ok"],
        ["Cat", "2026-11-21", "", "not_loaded"],
    ]
    assert 'filename="archive_2026-11-22.csv"' in response.headers["content-disposition"]


async def test_rows__as_objects(service: Service) -> None:
    """NDJSON has the same rows."""
    as_csv = rows_of(await service.client.get(f"{DOCUMENT}?format=csv"))
    lines = (await service.client.get(f"{DOCUMENT}?format=ndjson")).text.splitlines()
    objects = [json.loads(line) for line in lines]
    names = ("article", "date", "views", "status")
    assert [
        ["" if one[name] is None else str(one[name]) for name in names] for one in objects
    ] == as_csv


async def test_rows__in_pieces(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows are written at a time, it is the same file."""
    whole = await service.client.get(f"{DOCUMENT}?format=csv")
    monkeypatch.setattr(archive_document, "PIECE_OF_ROWS", 2)
    assert (await service.client.get(f"{DOCUMENT}?format=csv")).content == whole.content


async def test_rows__not_changed(service: Service) -> None:
    """Each form of an archive has a tag of its own, made of the document's SHA-256."""
    document = await service.client.get(DOCUMENT)
    digest = hashlib.sha256(document.content).hexdigest()
    for query, tag in {
        "": f'W/"{digest}"',
        "?format=csv": f'W/"{digest}-csv"',
        "?format=csv&excel=true": f'W/"{digest}-csv-excel"',
        "?format=ndjson": f'W/"{digest}-ndjson"',
    }.items():
        response = await service.client.get(DOCUMENT + query)
        assert response.headers["etag"] == tag
        again = await service.client.get(DOCUMENT + query, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == response.headers["cache-control"]
