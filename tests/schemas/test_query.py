"""Queries: frozen, and each with a key that no other one has."""

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from pageviews_api.schemas.names import normalise_article
from pageviews_api.schemas.query import Access, Agent, Series

projects = st.sampled_from(["en.wikipedia", "fr.wikipedia", "wikidata", "commons.wikimedia"])


def _is_title(text: str) -> bool:
    try:
        return normalise_article(text) == text
    except PydanticCustomError:
        return False


titles = st.one_of(
    st.text(min_size=1, max_size=30),
    st.sampled_from(["user", "all-access/user", "en.wikipedia/all-access/user/Cat", "AC/DC", "/"]),
).filter(_is_title)
series = st.builds(
    Series, projects, st.sampled_from(Access), st.sampled_from(Agent), st.none() | titles
)


@given(series, series)
def test_key__two_series(one: Series, other: Series) -> None:
    """Two series never share a key, whatever slashes their titles hold (row B7)."""
    assert (one.key == other.key) is (one == other)
