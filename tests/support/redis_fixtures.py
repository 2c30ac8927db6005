"""Fixtures with a real Redis; it starts when a test first asks for it."""

from collections.abc import Awaitable, Callable, Iterator

import pytest

from pageviews_api import shared as shared_module
from pageviews_api import shared_gate
from pageviews_api.shared import PATIENCE, Shared
from tests.support.redis_server import RedisServer, redis_server

LONG = 30.0
"""Seconds that a Redis gets here while it runs: a busy machine must not lose it."""


@pytest.fixture
def be_patient(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Give what sets for how many seconds Redis is waited for; from the start on it is long."""

    def be(seconds: float) -> None:
        monkeypatch.setattr(shared_module, "PATIENCE", seconds)
        monkeypatch.setattr(shared_gate, "PATIENCE", seconds)

    monkeypatch.setattr(shared_module, "SOCKET_TIMEOUT", LONG)
    be(LONG)
    return be


@pytest.fixture
def redis(
    tmp_path_factory: pytest.TempPathFactory, be_patient: Callable[[float], None]
) -> Iterator[RedisServer]:
    """Give a Redis of the test's own, empty: it takes a few milliseconds.

    It is waited for as in life only while it stands still, and much longer while it runs.
    """
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        server.when_hanging = lambda hangs: be_patient(PATIENCE if hangs else LONG)
        yield server


def watch_commands(monkeypatch: pytest.MonkeyPatch, shared: Shared) -> list[str]:
    """Note from now on when a command begins and ends, heartbeats apart."""
    events: list[str] = []
    execute: Callable[..., Awaitable[object]] = shared._redis.execute_command

    async def watched(*words: object, **options: object) -> object:
        if words[0] == "PING":
            return await execute(*words, **options)
        events.append("begins")
        try:
            return await execute(*words, **options)
        finally:
            events.append("ends")

    monkeypatch.setattr(shared._redis, "execute_command", watched)
    return events
