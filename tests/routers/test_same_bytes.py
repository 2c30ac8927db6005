"""One question, many ways to ask it: the answer's bytes depend on path and query alone (row B8)."""

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Service

STRASBOURG = "/api/v1/articles/fr.wikipedia/Strasbourg?range=latest-3&format=json"

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789.:/-*,;= ", max_size=40).map(str.strip)
headers = st.dictionaries(
    st.sampled_from(
        [
            "Accept",
            "Accept-Encoding",
            "Accept-Language",
            "Authorization",
            "Cookie",
            "Origin",
            "Referer",
            "User-Agent",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Original-URL",
            "X-Request-ID",
        ]
    ),
    tokens,
    max_size=6,
)


# The service is the same for all examples on purpose: what one of them does to it shows.
@settings(max_examples=200)
@given(headers=headers)
async def test_answer__any_headers(service: Service, headers: dict[str, str]) -> None:
    """No header of a request changes a byte of the numbers, and none is fetched anew."""
    plain = await service.client.get(STRASBOURG)
    response = await service.client.get(STRASBOURG, headers=headers)

    assert response.status_code == 200
    assert response.content == plain.content
    assert service.series_fetches("Strasbourg") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/articles/FR.Wikipedia.org/Strasbourg",
        "/api/v1/articles/www.fr.wikipedia.org/Strasbourg",
        "/api/v1/articles/fr.wikipedia/%53trasbourg",
        "/api/v1/articles/fr.wikipedia/Strasbourg?agent=user&access=all-access",
        "/api/v1/articles/fr.wikipedia/Strasbourg?granularity=daily&range=latest-30",
    ],
)
async def test_answer__other_spelling(service: Service, path: str) -> None:
    """Every spelling of a question is the same question, fetched once (row B7)."""
    plain = await service.client.get("/api/v1/articles/fr.wikipedia/Strasbourg")
    response = await service.client.get(path)

    assert response.content == plain.content
    assert service.series_fetches("Strasbourg") == 1


async def test_answer__composed_or_not(service: Service) -> None:
    """A title is one title, whether its accents are composed or not (row B7)."""
    composed, apart = [
        await service.client.get("/api/v1/articles/fr.wikipedia/" + quote(title))
        for title in ("Orléans", "Orle\u0301ans")
    ]

    assert composed.json()["detail"] == apart.json()["detail"]
    assert service.aqs.count(when=lambda path: "Orléans" in path) == 2  # recent days, then all
