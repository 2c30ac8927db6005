"""What is logged: one line an event, and never a secret."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from loguru import logger
from starlette.types import Receive, Scope, Send
from typer.testing import CliRunner

from pageviews_api.cli import app as command_line
from pageviews_api.config import Settings, load_settings
from pageviews_api.exceptions import ConfigurationError
from pageviews_api.logs import set_up_logs
from pageviews_api.main import create_app
from pageviews_api.routers import streaming
from pageviews_api.routers.streaming import StreamTakenInTime
from tests.support import aqs_faults
from tests.support.clock import SkippingClock
from tests.support.fake_aqs import FakeAqs
from tests.support.serving import serve

NAMED = (
    "",
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "httpx",
    "httpcore",
    "botocore",
    "aiobotocore",
    "boto3",
    "asgi_correlation_id",
)

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=40) | st.text(
    "a{}%<>\\\r\n\x00\x0b\x0c\x1b\x1c\x7f\x85\u2028\u2029\u202e\ud800\"'", max_size=20
)

CANARIES = {
    "aws_access_key_id": "CANARY-key-id",
    "aws_secret_access_key": "CANARY-secret-key",
    "aws_session_token": "CANARY-session-token",
    "sites_token": "CANARY-sites-token",
    "plausible_base_url": "http://127.0.0.1:9",
    "plausible_api_key": "CANARY-plausible-key",
    "plausible_site_id": "example.org",
    "matomo_base_url": "http://127.0.0.1:9/matomo",
    "matomo_token": "CANARY-matomo-token",
    "matomo_site_id": "1",
    "sites": '[{"name": "more", "provider": "matomo", "base_url": "http://127.0.0.1:9", '
    '"token": "CANARY-another-token", "site_id": 2}]',
}


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Put the standard library's logging back: it belongs to the whole process."""
    loggers = [logging.getLogger(name) for name in NAMED]
    before = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    yield
    for one, handlers, level, propagate in before:
        one.handlers[:] = handlers
        one.setLevel(level)
        one.propagate = propagate


def logged(log_format: str, write: Callable[[], None], *, level: str = "info") -> str:
    """Give all that is logged while ``write`` runs."""
    stream = io.StringIO()
    set_up_logs(level, log_format, stream=stream)
    write()
    return stream.getvalue()


def test_json__has_flat_fields() -> None:
    """A line has its time, level and message, and the event's own fields beside them."""

    def write() -> None:
        with logger.contextualize(request_id="abc"):
            logger.bind(status=200, nothing=None).warning("it happened")

    event = json.loads(logged("json", write))
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "level": "warning",
        "message": "it happened",
        "logger": "tests.test_logs",
        "request_id": "abc",
        "status": 200,
    } | {"logger": event["logger"]}


def test_text__has_the_same() -> None:
    """A line for people begins with time, level and message, without brackets or colours."""
    line = logged("text", lambda: logger.bind(status=200).info("it happened"))
    assert " info it happened " in line
    assert line.endswith("status=200\n")
    assert "\x1b" not in line


def test_format__by_default() -> None:
    """Where nobody looks, a line is JSON; on a terminal it is text."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, is_json in ((io.StringIO(), True), (Terminal(), False)):
        set_up_logs("info", None, stream=stream)
        logger.info("it happened")
        assert stream.getvalue().startswith("{") is is_json


def test_level__is_the_least() -> None:
    """What is below the level is not logged, whoever speaks."""

    def write() -> None:
        logger.info("ours")
        logging.getLogger("other").info("theirs")
        logger.error("this")

    lines = logged("json", write, level="warning").splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["this"]


@examples(max_examples=150)
@given(text=ANY_TEXT)
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_event__is_one_line(log_format: str, text: str) -> None:
    """Whatever a text holds, an event is one line, in both formats (row D5)."""

    def write() -> None:
        logger.bind(value=text).info("it happened")
        logger.info(text)
        logger.bind(one={"two": [text]}).info(text)
        logging.getLogger("uvicorn.error").warning("%s", text)
        with logger.contextualize(request_id=text):
            logger.error("it happened")

    output = logged(log_format, write)
    assert output.endswith("\n")
    lines = output.removesuffix("\n").split("\n")
    assert len(lines) == len(output.splitlines()) == 5
    if log_format == "json":
        events = [json.loads(line) for line in lines]
        assert events[0]["value"] == events[1]["message"] == events[3]["message"] == text
        assert events[2]["one"] == {"two": [text]}
        assert events[4]["request_id"] == text
    else:
        assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_exception__without_values(log_format: str) -> None:
    """A trace shows where, what and why, and the value of no variable (row D4)."""

    def write() -> None:
        password = "CANARY"
        try:
            int(f"{len(password)} letters")
        except ValueError:
            logger.exception("it failed")

    output = logged(log_format, write)
    assert "ValueError: invalid literal" in output
    assert "CANARY" not in output
    if log_format == "json":
        event = json.loads(output)
        assert (event["message"], event["error_type"]) == ("it failed", "ValueError")
        assert "Traceback" in event["error_stack"]
        assert output.count("\n") == 1
    else:
        assert "Traceback" in output.split("\n")[1]


def test_other_speakers__are_routed_in() -> None:
    """What uvicorn and others log is a line of ours, with the speaker's name."""

    def write() -> None:
        logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
        logging.getLogger("some.library").log(logging.WARNING + 5, "odd level")
        try:
            Path("/none").read_text("utf-8")
        except OSError:
            logging.getLogger("uvicorn.error").exception("it failed")

    events = [json.loads(line) for line in logged("json", write).splitlines()]
    assert [event["logger"] for event in events] == [
        "uvicorn.error",
        "some.library",
        "uvicorn.error",
    ]
    assert events[0]["message"] == "Started server process [7]"
    assert events[2]["error_type"] == "FileNotFoundError"


def test_httpx__speaks_at_debug_only() -> None:
    """Requests that we make are no news, unless one looks for a fault."""
    for level, lines in (("info", 0), ("debug", 1)):
        output = logged(
            level=level,
            log_format="json",
            write=lambda: logging.getLogger("httpx").info("HTTP Request: GET"),
        )
        assert len(output.splitlines()) == lines


@pytest.mark.parametrize("library", ["botocore.auth", "aiobotocore.hooks", "httpcore.http11"])
def test_libraries__silent_at_debug(library: str) -> None:
    """What sees the headers that are signed is not heard, at whatever level (row D4)."""
    output = logged(
        level="debug",
        log_format="json",
        write=lambda: logging.getLogger(library).debug("x-amz-security-token: canary"),
    )
    assert output == ""


@asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, clock=SkippingClock())

    async def boom() -> None:
        revealed = settings.aws_secret_access_key
        secret = revealed.get_secret_value() if revealed else ""
        raise RuntimeError(f"of {len(secret)} letters")

    app.add_api_route("/boom", boom)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield client


async def test_request__is_logged_once(settings: Settings) -> None:
    """A request is one line with its route, status and id, without its query; a probe is none."""
    stream = io.StringIO()
    set_up_logs("info", "json", stream=stream)
    async with _client(settings) as client:
        await client.get("/healthz")
        await client.get("/api/v1/top/fr.wikipedia?date=x", headers={"x-request-id": "one"})
        await client.head("/problems/%E2%80%A8%0Ax", headers={"x-request-id": "two"})
        await client.get("/none", headers={"x-request-id": "three"})
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    asked = [event for event in events if event["message"] == "request"]
    told = ["request_id", "method", "route", "path", "status"]
    assert [[event.get(name) for name in told] for event in asked] == [
        ["one", "GET", "/api/v1/top/{project}", "/api/v1/top/fr.wikipedia", 422],
        ["two", "HEAD", "/problems/{slug}", "/problems/%E2%80%A8%0Ax", 404],
        ["three", "GET", None, "/none", 404],
    ]
    assert all(event["duration_ms"] >= 0 for event in asked)
    assert "date=" not in stream.getvalue()


async def test_request__whose_answer_is_not_taken(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a caller who takes too long the log has a warning with the request's id, and no trace."""
    monkeypatch.setattr(streaming, "TAKEN_WITHIN", 0.3)
    stream = io.StringIO()
    set_up_logs("info", "json", stream=stream)
    app = create_app(settings, clock=SkippingClock())
    has_ended = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 100_000

    async def endless() -> StreamTakenInTime:
        return StreamTakenInTime(pieces())

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                has_ended.set()

    app.add_api_route("/endless", endless, response_model=None)
    async with serve(noted) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port, limit=1)
        writer.write(b"GET /endless HTTP/1.1\r\nHost: a\r\nX-Request-ID: one\r\n\r\n")
        async with asyncio.timeout(60):
            await has_ended.wait()
        writer.transport.abort()
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    cut = [event for event in events if event["message"].startswith("answer cut off")]
    assert [(event["level"], event["request_id"]) for event in cut] == [("warning", "one")]
    assert {event["level"] for event in events} == {"info", "warning"}
    assert "error_stack" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_secrets__are_nowhere(settings: Settings, aqs: FakeAqs, log_format: str) -> None:
    """No secret and no credential of a caller is in a log, an answer or a probe (row D4)."""
    stream = io.StringIO()
    set_up_logs("debug", log_format, stream=stream)
    secret = Settings.model_validate(
        settings.model_dump()
        | CANARIES
        | {
            "archive_bucket": "bucket",
            "aws_region": "eu-west-1",
            "aws_endpoint_url_s3": "http://127.0.0.1:9",
        }
    )
    callers = {
        "authorization": "Bearer CANARY-bearer",
        "cookie": "session=CANARY-cookie",
        "x-api-key": "CANARY-api-key",
        "user-agent": "CANARY-agent",
        "referer": "http://CANARY-referer",
        "x-forwarded-for": "CANARY-address",
        "x-request-id": "CANARY request id",
    }
    async with _client(secret) as client:
        client.headers.update(callers)
        paths = (
            "/healthz",
            "/readyz",
            "/boom",
            "/none",
            "/openapi.json",
            "/api/v1/articles/fr.wikipedia/Strasbourg",
            "/api/v1/articles/fr.wikipedia/Nobody?token=CANARY-token",
            "/api/v1/articles/fr.wikipedia/Strasbourg?range=CANARY-range",
            "/api/v1/projects/CANARY-project",
        )
        answers = [await client.get(path) for path in paths]
        answers.append(await client.request("GET", "/none", content=b"CANARY-body"))
        reader = {"authorization": f"Bearer {CANARIES['sites_token']}"}
        for site in ("plausible", "matomo", "more"):
            for what in ("summary", "timeseries", "pages", "current"):
                path = f"/api/v1/sites/{site}/{what}"
                answers += [await client.get(path), await client.get(path, headers=reader)]
                assert [answer.status_code for answer in answers[-2:]] == [401, 502]
        for behaviour in (aqs_faults.failing(), aqs_faults.html_page(), aqs_faults.blocked()):
            aqs.behave(behaviour)
            answers.append(await client.get(f"/api/v1/articles/fr.wikipedia/{behaviour.name}"))
        answers.append(await client.get("/readyz"))
    assert {answer.status_code for answer in answers} >= {200, 404, 413, 422, 500, 502}
    told = "".join(answer.text + str(answer.headers) for answer in answers)
    assert "CANARY" not in told + repr(secret) + str(secret)
    # What the test's own client logs is left out, and the path that it asks for.
    ours = [line for line in stream.getvalue().split("\n") if "http://testserver" not in line]
    logs = "\n".join(ours).replace("/api/v1/projects/CANARY-project", "")
    assert "unhandled exception" in logs
    assert "CANARY" not in logs


def test_secrets__are_not_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """``check-config`` and the error of a bad setting show no secret (row D4)."""
    for name, value in CANARIES.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AQS_CONTACT", "ops@example.org")
    shown = CliRunner().invoke(command_line, ["check-config"])
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["aws_secret_access_key"] == "**********"
    assert "CANARY" not in shown.output + repr(load_settings())
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError) as raised:
        load_settings()
    assert "CANARY" not in str(raised.value)
    assert "CANARY" not in CliRunner().invoke(command_line, ["check-config"]).output
