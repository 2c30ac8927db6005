"""The pages that say what an error means."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pageviews_api.schemas.problem import PROBLEMS
from tests.conftest import Service


async def test_get_problem__each_slug(service: Service) -> None:
    """Every problem has a page that says what it means and what to do."""
    for slug, problem in PROBLEMS.items():
        response = await service.client.get(f"/problems/{slug}")
        assert response.status_code == 200
        assert response.json() == problem.model_dump()
        assert response.json()["remedy"]


async def test_get_problem__where_an_error_leads(service: Service) -> None:
    """An error's ``type`` is the path of its page."""
    error = (await service.client.get("/none")).json()
    assert (await service.client.get(error["type"])).json()["slug"] == "not-found"


async def test_validation__in_our_words(service: Service) -> None:
    """What validation finds is said without the words of Python."""
    client = service.client
    many = "&article=A" * 51
    answers = [
        await client.get(f"/api/v1/articles?project=fr.wikipedia{many}"),
        await client.get("/api/v1/top/fr.wikipedia?compare=year"),
        await client.post("/api/v1/articles/batch", json={"items": []}),
        await client.post("/api/v1/articles/batch", json={"items": "A"}),
        await client.post("/api/v1/articles/batch", json={"items": [{"article": 1066}]}),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 200]
    told = [answer.json()["detail"] for answer in answers[:-1]]
    assert told == [
        "article: holds more than 50",
        "compare: is none of 'previous'",
        "items: holds fewer than 1",
        "items: is no list",
    ]
    assert "article: is no text" in answers[-1].text


async def test_get_problem__unknown(service: Service) -> None:
    """No other name is known, and none leads anywhere else (as row C13)."""
    for slug in (
        "none",
        "Not-Found",
        "not-found%0A",
        "not-found%20",
        "%2e%2e%2freadyz",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "not-found/more",
        "not-found%00",
        "%ff%fe",
        "x" * 60_000,
    ):
        response = await service.client.get(f"/problems/{slug}")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert "passwd" not in response.text
        assert len(response.content) < 1000


async def test_get_problem__parameters(service: Service) -> None:
    """The page takes no parameter, and says which one it was given."""
    for query, name in {"foo=1": "foo", "slug=none": "slug", "foo=1&foo=2": "foo"}.items():
        response = await service.client.get(f"/problems/not-found?{query}")
        assert response.status_code == 422
        assert [error["loc"] for error in response.json()["errors"]] == [["query", name]]


@examples(max_examples=60)
@given(slug=st.binary(min_size=1, max_size=80).filter(lambda slug: slug != b".."))
async def test_get_problem__any_bytes(service: Service, slug: bytes) -> None:
    """Whatever bytes are asked for, the answer is one of ours and no fault.

    Two dots are left out: the test's client would resolve them.
    """
    service.clock.advance(1)
    response = await service.client.get(f"/problems/{quote(slug, safe='')}")
    assert response.status_code in {200, 404}
    assert response.headers["x-request-id"]
