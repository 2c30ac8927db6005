"""What an operator meets beside the code agrees with the settings and with the platforms' rules."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import Thread
from typing import Any, get_args

import pytest
import yaml
from pydantic import AliasChoices, SecretStr
from typer.testing import CliRunner

from pageviews_api.cli import app
from pageviews_api.config import Settings, load_settings

ROOT = Path(__file__).parent.parent

RENDER_KEYS = {
    "": {"previews", "services"},
    "previews": {"generation"},
    "service": {
        "autoDeployTrigger",
        "buildFilter",
        "dockerCommand",
        "dockerContext",
        "dockerfilePath",
        "envVars",
        "healthCheckPath",
        "ipAllowList",
        "maxShutdownDelaySeconds",
        "maxmemoryPolicy",
        "name",
        "plan",
        "previews",
        "region",
        "runtime",
        "schedule",
        "type",
    },
    "buildFilter": {"ignoredPaths", "paths"},
}
"""The keys of our Blueprints. Source: https://render.com/docs/blueprint-spec."""

RENDER_VALUES = {
    "autoDeployTrigger": {"checksPass", "commit", "off"},
    "runtime": {"docker"},
    "type": {"cron", "keyvalue", "web"},
}
"""What these keys may say; others are as the operator likes. Source: as above."""

ENV_VAR_SOURCES = {"fromGroup", "fromService", "generateValue", "sync", "value"}
"""Where Render takes a variable's value from, one for each. Source: as above."""

NOT_ON_RENDER = {"ARCHIVE_DIR", "HOST", "PORT", "RENDER"}
"""Render sets these itself, or they mean nothing there; render.yaml says which."""

OF_AN_ARCHIVE_RUN = re.compile(
    r"(AQS|ARCHIVE|AWS|LOG|PLAUSIBLE|MATOMO)_.+|DEFAULT_(PROJECT|ACCESS|AGENT)|REDIS_URL|REPLICAS"
    r"|SITES|SITE_TIMEZONE|WEB_CONCURRENCY"
)
"""The settings that mean something to ``archive run``, and so to the cron job."""

OF_THE_TASK = {"ARCHIVE_ENABLED", "ARCHIVE_SCHEDULE"}
"""Those that only the web service's own archive task heeds."""

WIKIMEDIA_AT_A_TIME = 3
WIKIMEDIA_A_MINUTE = 200
"""What Wikimedia allows to all that have one identity. Source: README, its first lines."""


def _names() -> dict[str, set[str]]:
    """Return each setting's variable, with the other names under which it is read, too."""
    names = {}
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        others = alias.choices if isinstance(alias, AliasChoices) else ()
        names[field.upper()] = {str(other).upper() for other in others} - {field.upper()}
    return names


def _secrets() -> set[str]:
    fields = Settings.model_fields.items()
    return {
        field.upper()
        for field, info in fields
        if SecretStr in (info.annotation, *get_args(info.annotation))
    }


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _env_example() -> dict[str, str]:
    """Return the comment line above each variable, commented out or not."""
    lines = re.findall(r"^# (.*)\n#?([A-Z][A-Z0-9_]*)=", _read(".env.example"), re.MULTILINE)
    return {name: comment for comment, name in lines}


def _dockerfile() -> list[list[tuple[str, str]]]:
    """Return the instructions of each stage; what stands before the first stage is none."""
    text = re.sub(r"^\s*#.*\n", "", _read("Dockerfile"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    instructions = [(word.upper(), rest) for word, _, rest in (x.partition(" ") for x in lines)]
    starts = [i for i, (word, _) in enumerate(instructions) if word == "FROM"]
    return [
        [(word, rest) for word, rest in instructions[start:end] if word]
        for start, end in zip(starts, [*starts[1:], None], strict=True)
    ]


def _last(instruction: str) -> str:
    """Return the last such instruction of the final stage: the one that counts."""
    return [rest for word, rest in _dockerfile()[-1] if word == instruction][-1]


def _blueprint(name: str, *, with_redis: bool = False) -> dict[str, Any]:
    """Return a Blueprint, either as it stands or with the other service's comment signs off."""
    text = _read(name)
    if with_redis:
        text = re.sub(r"^  # ", "  ", text, flags=re.MULTILINE)
    blueprint = yaml.safe_load(text)
    assert isinstance(blueprint, dict)
    return blueprint


def _web() -> dict[str, Any]:
    (web,) = _blueprint("render.yaml")["services"]
    assert isinstance(web, dict)
    return web


def _cron() -> dict[str, Any]:
    (cron,) = _blueprint("render-cron.yaml")["services"]
    assert isinstance(cron, dict)
    return cron


def _env_vars(service: dict[str, Any]) -> dict[str, dict[str, Any]]:
    sources = {
        var["key"]: {key: value for key, value in var.items() if key != "key"}
        for var in service.get("envVars", [])
    }
    assert len(sources) == len(service.get("envVars", []))
    return sources


@pytest.fixture(params=["web", "web-and-redis", "cron"])
def blueprint(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the three Blueprints that there are, one after the other."""
    name = "render-cron.yaml" if request.param == "cron" else "render.yaml"
    return _blueprint(name, with_redis=request.param == "web-and-redis")


@pytest.fixture
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every setting out of the environment, whatever the machine has set."""
    for name, others in _names().items():
        for variable in {name, *others}:
            monkeypatch.delenv(variable, raising=False)
            monkeypatch.delenv(variable.lower(), raising=False)


def test_env_example__names_each_setting() -> None:
    """.env.example has every setting and nothing else."""
    assert _env_example().keys() == _names().keys()


def test_env_example__says_what_each_setting_means() -> None:
    """The line above a variable in .env.example is its setting's description."""
    fields = Settings.model_fields.items()
    assert _env_example() == {field.upper(): info.description for field, info in fields}


@pytest.mark.usefixtures("_no_settings")
def test_env_example__changes_nothing_but_the_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of .env.example with a contact means the same as the contact alone."""
    monkeypatch.setenv("AQS_CONTACT", "ops@example.org")
    copied = load_settings(_env_file=ROOT / ".env.example")
    assert copied == load_settings(_env_file=None)


def test_readme__has_each_setting_in_its_table() -> None:
    """The first column of the README's settings table has every setting and nothing else."""
    cells = re.findall(r"^\| *(`[A-Z][^|]*)\|", _read("README.md"), re.MULTILINE)
    found = {name for cell in cells for name in re.findall(r"`([A-Z][A-Z0-9_]*)`", cell)}
    aliases = {other for others in _names().values() for other in others}
    assert found - aliases == _names().keys()


def test_git__ignores_env(tmp_path: Path) -> None:
    """Git ignores .env, where keys are, and keeps .env.example, where none are."""
    git = shutil.which("git")
    assert git is not None
    shutil.copy(ROOT / ".gitignore", tmp_path)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run([git, "init", "--quiet", tmp_path], check=True, env=outside)  # noqa: S603  # our own words
    ignored = subprocess.run(  # noqa: S603  # our own words
        [git, "-c", "core.excludesFile=", "check-ignore", ".env", ".env.example"],
        cwd=tmp_path,
        env=outside,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ignored.stdout.split() == [".env"]


def test_dockerfile__passes_hadolint() -> None:
    """Hadolint has nothing to say about the Dockerfile."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None
    done = subprocess.run(  # noqa: S603  # our own words
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_dockerfile__runs_as_a_user_without_rights() -> None:
    """The image's user is a number, so that a platform can tell that it is not root."""
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", _last("USER"))


def test_dockerfile__starts_the_server_without_a_shell() -> None:
    """The command has the exec form: the server is process 1 and gets SIGTERM itself."""
    assert json.loads(_last("CMD")) == ["pageviews-api", "serve"]


def test_dockerfile__takes_only_what_dockerignore_lets_in() -> None:
    """What the builder copies is just what .dockerignore lets into the build."""
    copied = {
        source for word, rest in _dockerfile()[0] if word == "COPY" for source in rest.split()[:-1]
    }
    patterns = [line for line in _read(".dockerignore").splitlines() if not line.startswith("#")]
    assert patterns[0] == "*"
    assert {pattern[1:] for pattern in patterns if pattern.startswith("!")} == copied


def test_dockerfile__names_no_secret() -> None:
    """No build argument and no variable of the image is named like a secret setting."""
    words = {
        name
        for stage in _dockerfile()
        for word, rest in stage
        if word in {"ARG", "ENV"}
        for name in re.findall(r"\b([A-Z][A-Z0-9_]*)(?==|\s|$)", rest)
    }
    assert "UV_VERSION" in words
    assert not words & _secrets()


def test_dockerfile__uses_the_uv_of_the_makefile() -> None:
    """The image is built with the version of uv with which the tests run."""
    versions = re.findall(r"UV_VERSION(?: := |=)([\d.]+)$", _read("Makefile"), re.MULTILINE)
    assert [f"UV_VERSION={version}" for version in versions] == [
        rest for word, rest in _dockerfile()[0] if word == "ARG"
    ]


@contextmanager
def _health_server(status: HTTPStatus) -> Iterator[int]:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else HTTPStatus.NOT_FOUND)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "healthy"),
    [(HTTPStatus.OK, True), (HTTPStatus.SERVICE_UNAVAILABLE, False)],
)
def test_dockerfile__asks_the_port_for_its_health(status: HTTPStatus, *, healthy: bool) -> None:
    """The image's health check passes if /healthz on $PORT says 200, and only then."""
    command = json.loads(_last("HEALTHCHECK").partition("CMD ")[2])
    assert command[0] == "python"
    with _health_server(status) as port:
        done = subprocess.run(  # noqa: S603  # our own words
            [sys.executable, *command[1:]],
            env=os.environ | {"PORT": str(port), "http_proxy": "http://127.0.0.1:9"},
            timeout=30,
            check=False,
        )
    assert (done.returncode == 0) is healthy


def test_render__has_known_keys_only(blueprint: dict[str, Any]) -> None:
    """Every key of a Blueprint, and each value of the fixed ones, is among those of Render."""
    assert blueprint.keys() <= RENDER_KEYS[""]
    assert blueprint["previews"].keys() <= RENDER_KEYS["previews"]
    for service in blueprint["services"]:
        assert service.keys() <= RENDER_KEYS["service"]
        assert service.get("buildFilter", {}).keys() <= RENDER_KEYS["buildFilter"]
        assert "type" in service
        for key in RENDER_VALUES.keys() & service.keys():
            assert service[key] in RENDER_VALUES[key]


def test_render__switches_previews_with_a_word(blueprint: dict[str, Any]) -> None:
    """YAML does not take the word for previews as a boolean."""
    assert blueprint["previews"]["generation"] in {"automatic", "manual", "off"}


def test_render__lets_the_server_shut_down_in_time() -> None:
    """The web service is asked for its liveness and has half a minute to shut down."""
    web = _web()
    assert (web["type"], web["healthCheckPath"]) == ("web", "/healthz")
    assert web["maxShutdownDelaySeconds"] == 30


def test_render__archives_in_one_service_by_default() -> None:
    """render.yaml has no cron job, with its comment signs off neither: its web service archives."""
    types = [one["type"] for one in _blueprint("render.yaml", with_redis=True)["services"]]
    assert types == ["web", "keyvalue"]
    assert _env_vars(_web())["ARCHIVE_ENABLED"] == {"value": "true"}


def test_render_cron__runs_a_command_that_there_is() -> None:
    """The cron job's command is a script of ours, and the script has that subcommand."""
    script, *words = shlex.split(_cron()["dockerCommand"])
    scripts = tomllib.loads(_read("pyproject.toml"))["project"]["scripts"]
    assert EntryPoint(script, scripts[script], "console_scripts").load() is app
    told = CliRunner().invoke(app, [*words, "--help"], prog_name=script)
    assert told.exit_code == 0
    assert f"Usage: {script} {' '.join(words)} [OPTIONS]" in told.output
    # Render puts the command in the place of CMD; an entry point would come before it.
    assert "ENTRYPOINT" not in {word for word, _ in _dockerfile()[-1]}


def test_render_cron__begins_at_the_usual_time() -> None:
    """The cron job begins when the web service would, and comes again until the evening."""
    minute, hours, *every_day = _cron()["schedule"].split()
    assert [minute, *every_day] == ["15", "*", "*", "*"]
    first, *default = Settings.model_fields["archive_schedule"].default.split()[1::-1]
    assert (hours, default) == (f"{first}-20/4", [minute])


def test_render_cron__is_built_as_the_web_service() -> None:
    """The cron job has the web service's image and region, and is deployed when that is."""
    web, cron = _web(), _cron()
    assert (cron["type"], cron["name"] != web["name"]) == ("cron", True)
    assert cron.keys() - web.keys() == {"dockerCommand", "schedule"}
    alike = cron.keys() & web.keys() - {"type", "name", "envVars"}
    assert {key: cron[key] for key in alike} == {key: web[key] for key in alike}


def test_render_cron__sets_what_an_archive_run_heeds() -> None:
    """The cron job names every setting that means something to an archive run, and no other."""
    heeded = {name for name in _names() if OF_AN_ARCHIVE_RUN.fullmatch(name)}
    assert _env_vars(_cron()).keys() == heeded - OF_THE_TASK - NOT_ON_RENDER


def test_render_cron__differs_in_its_share_only() -> None:
    """A variable of the cron job says what it says for the web service, but for its budget."""
    web, cron = _env_vars(_web()), _env_vars(_cron())
    assert {name for name in cron if cron[name] != web[name]} == {
        "AQS_MAX_CONCURRENCY",
        "AQS_REQUESTS_PER_MINUTE",
    }


def test_render_cron__leaves_the_web_service_its_share() -> None:
    """With what the deployment page tells to set, both together keep to Wikimedia's limits."""
    web, cron = _env_vars(_web()), _env_vars(_cron())
    told = re.search(r'`AQS_MAX_CONCURRENCY` to `"(\d)"`', _read("docs/deployment.md"))
    assert told is not None
    assert int(told[1]) + int(cron["AQS_MAX_CONCURRENCY"]["value"]) == WIKIMEDIA_AT_A_TIME
    a_minute = [int(one["AQS_REQUESTS_PER_MINUTE"]["value"]) for one in (web, cron)]
    assert sum(a_minute) < WIKIMEDIA_A_MINUTE


def test_render__gives_each_variable_one_source(blueprint: dict[str, Any]) -> None:
    """A variable has one source, and a value that is written down is a string."""
    for service in blueprint["services"]:
        for source in _env_vars(service).values():
            assert len(source) == 1
            assert source.keys() <= ENV_VAR_SOURCES
            assert isinstance(source.get("value", ""), str)


def test_render__keeps_secrets_out_of_the_file(blueprint: dict[str, Any]) -> None:
    """A secret, and the contact that only the operator knows, comes from the dashboard."""
    for service in blueprint["services"]:
        sources = _env_vars(service)
        for name in sources.keys() & (_secrets() | {"AQS_CONTACT"}):
            assert sources[name] in ({"sync": False}, {"generateValue": True})


def test_render__sets_settings_only() -> None:
    """The web service names every setting that means something on Render; Redis names none."""
    web, redis = _blueprint("render.yaml", with_redis=True)["services"]
    assert _env_vars(web).keys() == _names().keys() - NOT_ON_RENDER
    assert not _env_vars(redis)


def test_render__keeps_redis_to_itself() -> None:
    """The Redis that is offered is reached from inside only, and makes room when it is full."""
    redis = _blueprint("render.yaml", with_redis=True)["services"][1]
    assert (redis["type"], redis["ipAllowList"]) == ("keyvalue", [])
    assert redis["maxmemoryPolicy"].startswith("allkeys-")


@pytest.mark.usefixtures("_no_settings")
def test_render__sets_values_that_the_settings_accept(
    blueprint: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings can be loaded from what stands in a Blueprint and a contact."""
    monkeypatch.setenv("RENDER", "true")
    monkeypatch.setenv("AQS_CONTACT", "ops@example.org")
    for service in blueprint["services"]:
        for name, source in _env_vars(service).items():
            if name != "AQS_CONTACT":
                monkeypatch.setenv(name, source.get("value", ""))
        assert load_settings(_env_file=None).proxy_hops == 1
