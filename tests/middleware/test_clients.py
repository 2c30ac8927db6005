"""Who asks, and how much each client has left."""

from typing import Any

import http_sf
import pytest
from pydantic import SecretStr

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from pageviews_api.middleware.clients import client_address
from tests.support.asgi import PAGE, Answer, app_with, ask, scope_of
from tests.support.clock import FakeClock
from tests.support.redis_server import RedisServer


def told(answer: Answer) -> tuple[int, int, int, int]:
    """Read the limit's fields: quota, window, what is left, and for how many seconds."""
    policy = only_item(answer.headers["ratelimit-policy"])
    now = only_item(answer.headers["ratelimit"])
    assert policy.keys() == {"q", "w"}
    assert now.keys() == {"r", "t"}
    return policy["q"], policy["w"], now["r"], now["t"]


def only_item(value: str) -> dict[str, int]:
    """Read a structured field (RFC 9651) that is a list of one item; give its parameters."""
    items: Any = http_sf.parse(value.encode(), tltype="list")
    ((name, parameters),) = items
    assert name == "default"
    assert {type(parameter) for parameter in parameters.values()} == {int}
    return dict(parameters)


async def test_rate_limit__of_one_client() -> None:
    """A client may use up its minute at once; then it is told how long to wait (row C14)."""
    clock = FakeClock()
    app = app_with(clock, rate_limit=3)
    assert [(await ask(app, scope_of())).status for _ in range(4)] == [200, 200, 200, 429]
    limited = await ask(app, scope_of(method="HEAD"))
    assert (limited.status, limited.headers["retry-after"]) == (429, "20")
    assert (await ask(app, scope_of(client=("203.0.113.2", 1)))).status == 200
    clock.advance(20)
    assert [(await ask(app, scope_of())).status for _ in range(2)] == [200, 429]
    clock.advance(3600)
    assert [(await ask(app, scope_of())).status for _ in range(4)] == [200, 200, 200, 429]


async def test_rate_limit__of_two_replicas(settings: Settings, redis: RedisServer) -> None:
    """What a client asked of one replica counts at the other; without Redis each has its share."""
    update = {"rate_limit": 4, "replicas": 2, "redis_url": SecretStr(redis.url)}
    shared = settings.model_copy(update=update)
    apps = [create_app(shared, clock=FakeClock()) for _ in range(2)]
    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        left = [told(await ask(app, scope_of()))[2] for app in apps * 2]
        assert left == [3, 2, 1, 0]
        for app in apps:
            refused = await ask(app, scope_of())
            assert (refused.status, told(refused)[0]) == (429, 4)
            assert 1 <= int(refused.headers["retry-after"]) <= 15
        redis.kill()
        for app in apps:
            answers = [await ask(app, scope_of()) for _ in range(4)]
            assert [answer.status for answer in answers] == [200, 200, 429, 429]
            assert told(answers[0]) == (2, 60, 1, 30)


async def test_rate_limit__is_told() -> None:
    """Every answer tells what is left and for how long, a 429 when to come back."""
    clock = FakeClock()
    app = app_with(clock, rate_limit=3)
    assert told(await ask(app, scope_of())) == (3, 60, 2, 20)
    assert told(await ask(app, scope_of("/none"))) == (3, 60, 1, 40)
    assert told(await ask(app, scope_of(method="OPTIONS"))) == (3, 60, 0, 20)
    clock.advance(5)
    for _ in range(2):
        limited = await ask(app, scope_of())
        assert limited.status == 429
        assert limited.headers["content-type"] == "application/problem+json"
        assert limited.headers["cache-control"] == "no-store"
        assert told(limited) == (3, 60, 0, 15)
        assert limited.headers["retry-after"] == "15"
    clock.advance(35)
    assert told(await ask(app, scope_of("/api/none?" + "x" * 5000))) == (3, 60, 1, 40)


async def test_rate_limit__of_refusals() -> None:
    """What is refused for its form counts as well, and tells what is left."""
    app = app_with(rate_limit=10)
    refused = [
        scope_of("/none"),
        scope_of(method="DELETE"),
        scope_of(headers=[("host", "a"), ("content-length", "1")]),
        scope_of(headers=[]),
        scope_of() | {"query_string": b"x" * 5000},
    ]
    for number, scope in enumerate(refused, start=1):
        answer = await ask(app, scope)
        assert answer.status >= 400
        assert told(answer)[2] == 10 - number


async def test_rate_limit__of_probes() -> None:
    """Probes are answered however often they ask."""
    app = app_with(rate_limit=1)
    await ask(app, scope_of())
    answers = [await ask(app, scope_of("/healthz")) for _ in range(5)]
    assert {answer.status for answer in answers} == {200}
    assert not any("ratelimit" in answer.headers for answer in answers)


async def test_rate_limit__forged_addresses() -> None:
    """What a client writes into X-Forwarded-For neither frees it nor names others (row C15)."""
    for hops, real in ((0, ""), (1, ", 203.0.113.1"), (2, ", 203.0.113.1, 198.51.100.1")):
        app = app_with(rate_limit=3, trusted_proxy_hops=hops)
        statuses = []
        for number in range(6):
            forged = f"10.0.0.{number}{real}"
            headers = [("host", "a"), ("x-forwarded-for", forged)]
            statuses.append((await ask(app, scope_of(PAGE, headers))).status)
        assert statuses == [200, 200, 200, 429, 429, 429]


async def test_rate_limit__of_another_client() -> None:
    """Whoever is named by the trusted proxy has a limit of their own."""
    app = app_with(rate_limit=1, trusted_proxy_hops=1)
    for address in ("203.0.113.1", "203.0.113.2", "2001:db8:1::1", "2001:db8:1:1::1"):
        headers = [("host", "a"), ("x-forwarded-for", address)]
        statuses = [(await ask(app, scope_of(PAGE, headers))).status for _ in range(2)]
        assert statuses == [200, 429]


@pytest.mark.parametrize(
    ("forwarded", "hops", "address"),
    [
        ([], 0, "203.0.113.1"),
        (["10.0.0.1"], 0, "203.0.113.1"),
        ([], 1, "203.0.113.1"),
        ([""], 1, "203.0.113.1"),
        ([" , ,"], 1, "203.0.113.1"),
        (["10.0.0.1"], 1, "10.0.0.1"),
        (["forged, 10.0.0.1"], 1, "10.0.0.1"),
        (["forged", "10.0.0.1"], 1, "10.0.0.1"),
        (["forged,10.0.0.1 "], 1, "10.0.0.1"),
        (["10.0.0.1"], 2, "203.0.113.1"),
        (["10.0.0.1, 10.0.0.2"], 2, "10.0.0.1"),
        (["forged, 10.0.0.1, 10.0.0.2"], 2, "10.0.0.1"),
        (["2001:db8::1"], 1, "2001:db8::1"),
        (["x" * 10_000], 1, "x" * 64),
    ],
)
def test_client_address__with_proxies(forwarded: list[str], hops: int, address: str) -> None:
    """The address is the one that the outermost trusted proxy saw, else the peer's."""
    scope = scope_of(PAGE, [("x-forwarded-for", value) for value in forwarded])
    assert client_address(scope, proxy_hops=hops) == address


def test_client_address__without_a_peer() -> None:
    """Over a Unix socket there is no address; all are one client."""
    assert client_address(scope_of(client=None), proxy_hops=0) == "unknown"
