"""Fixtures with a real Redis; it starts when a test first asks for it."""

from collections.abc import Iterator

import pytest

from tests.support.redis_server import RedisServer, redis_server


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Give a Redis of the test's own, empty: it takes a few milliseconds."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server
