"""The settings: what has a meaning, what ends the start, and in what words."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pageviews_api.config import Settings, load_settings
from pageviews_api.exceptions import ConfigurationError
from pageviews_api.schemas import configured_sites
from pageviews_api.schemas.selection import Selection

CONTACT = {"AQS_CONTACT": "ops@example.org"}

BAD = [
    ("PORT", "99999"),
    ("PORT", "-1"),
    ("PORT", "CANARY"),
    ("WEB_CONCURRENCY", "0"),
    ("WEB_CONCURRENCY", "4"),
    ("WEB_CONCURRENCY", "65"),
    ("REPLICAS", "0"),
    ("RATE_LIMIT", "0"),
    ("TRUSTED_PROXY_HOPS", "-1"),
    ("TRUSTED_PROXY_HOPS", "11"),
    ("ADMIN_TOKEN", "CANARY"),
    ("ADMIN_TOKEN", "CANARY-012345678 9"),
    ("ADMIN_TOKEN", " CANARY-0123456789"),
    ("ADMIN_TOKEN", "CANARY-0123456789é"),
    ("ADMIN_TOKEN", "CANARY-0123456789\n"),
    ("ADMIN_TOKEN", "CANARY" * 50),
    ("DOCS_ENABLED", "CANARY"),
    ("LOG_LEVEL", "CANARY"),
    ("LOG_FORMAT", "CANARY"),
    ("AQS_CONTACT", "CANARY"),
    ("AQS_CONTACT", "CANARY (a@b.example)"),
    ("AQS_CONTACT", "a@b.example\r\nX-CANARY: 1"),
    ("AQS_BASE_URL", "CANARY"),
    ("AQS_BASE_URL", "ftp://wikimedia.org/CANARY"),
    ("AQS_BASE_URL", "https://wikimedia.org/api?CANARY"),
    ("AQS_BASE_URL", "https://"),
    ("AQS_MAX_CONCURRENCY", "4"),
    ("AQS_MAX_CONCURRENCY", "0"),
    ("AQS_REQUESTS_PER_MINUTE", "201"),
    ("AQS_REQUESTS_PER_MINUTE", "0"),
    ("AQS_TIMEOUT", "0"),
    ("AQS_TIMEOUT", "61"),
    ("AQS_TIMEOUT", "nan"),
    ("AQS_SPAN_DAYS", "30"),
    ("AQS_WITNESS", "CANARY"),
    ("AQS_WITNESS", "top:100"),
    ("AQS_WITNESS", "en.wikipedia/A|en.wikipedia/B"),
    ("DEFAULT_PROJECT", "CANARY.evil"),
    ("DEFAULT_PROJECT", "all-projects"),
    ("DEFAULT_ARTICLE", ".."),
    ("DEFAULT_ACCESS", "CANARY"),
    ("DEFAULT_AGENT", "CANARY"),
    ("CACHE_TTL", "-1"),
    ("CACHE_TTL", "0"),
    ("CACHE_TTL", "7201"),
    ("CACHE_WAIT", "-1"),
    ("CACHE_STALE_LIMIT", "0"),
    ("CACHE_MAX_BYTES", "999999"),
    ("REDIS_URL", "CANARY"),
    ("REDIS_URL", "http://:CANARY@localhost:6379"),
    ("REDIS_URL", "redis://:CANARY@"),
    ("REDIS_URL", "redis://:CANARY@localhost:99999"),
    ("REDIS_URL", "redis://:CANARY@localhost/zero"),
    ("REDIS_URL", "redis://:CANARY@localhost?socket_timeout=9"),
    ("REDIS_URL", "unix://"),
    ("ARCHIVE_PREFIX", "CANARY"),
    ("ARCHIVE_PREFIX", "../CANARY?/"),
    ("ARCHIVE_ARTICLES", "evil.com/CANARY"),
    ("ARCHIVE_ARTICLES", "top:1001"),
    ("ARCHIVE_ARTICLES_FILE", "no/such/CANARY"),
    ("ARCHIVE_SCHEDULE", "CANARY"),
    ("ARCHIVE_SCHEDULE", "0 0 31 2 *"),
    ("ARCHIVE_SCHEDULE", "61 4 * * *"),
    ("ARCHIVE_DAYS", "0"),
    ("ARCHIVE_DAYS", "367"),
    ("AWS_SECRET_ACCESS_KEY", "CANARY"),
    ("AWS_ENDPOINT_URL_S3", "CANARY"),
    ("SITES_TOKEN", "CANARY"),
    ("SITES_TOKEN", "CANARY-012345678 9"),
    ("SITES_PUBLIC", "CANARY"),
    ("PLAUSIBLE_BASE_URL", "http://CANARY.example"),
    ("PLAUSIBLE_BASE_URL", "https://user:CANARY@plausible.example"),
    ("PLAUSIBLE_BASE_URL", "https://plausible.example:CANARY"),
    ("PLAUSIBLE_BASE_URL", "https://[CANARY"),
    ("PLAUSIBLE_BASE_URL", "https://plausible.example/?key=CANARY"),
    ("PLAUSIBLE_API_KEY", "CANARY 1"),
    ("PLAUSIBLE_API_KEY", "CANARY"),  # without a site
    ("PLAUSIBLE_SITE_ID", "CANARY 1"),
    ("MATOMO_BASE_URL", "ftp://CANARY.example"),
    ("MATOMO_BASE_URL", "http://127.CANARY.example"),
    ("MATOMO_BASE_URL", "http://localhost.CANARY.example"),
    ("MATOMO_TOKEN", "CANARY\n"),
    ("MATOMO_SITE_ID", "CANARY"),
    ("MATOMO_SITE_ID", "0"),
    ("SITE_TIMEZONE", "CANARY"),
    ("SITE_TIMEZONE", "../CANARY"),
    ("SITE_TIMEZONE", "Europe"),
    ("SITE_TIMEZONE", "/etc/localtime"),
    ("SITES", "CANARY"),
    ("SITES", '{"name": "CANARY"}'),
    ("SITES", '["CANARY"]'),
    ("ALLOWED_HOSTS", "https://ok.example"),
    ("ALLOWED_HOSTS", "ok.example/"),
    ("ALLOWED_HOSTS", "*"),
]
"""Settings without a meaning; a value that holds CANARY must not be shown."""

SHOWS_ITS_ENTRY = {"ARCHIVE_ARTICLES", "AQS_WITNESS"}
"""Lists whose error repeats the entry that is wrong: one of a hundred could not be found else."""

BAD_ORIGINS = [
    "null",
    "ok.example",
    "https://ok.example/",
    "https://ok.example/path",
    "https://*.ok.example",
    "https://ok.example:port",
    "https://ok.example?x",
    "https://user@ok.example",
    "ftp://ok.example",
    "https://",
]


def _load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in (CONTACT | environment).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_defaults__are_those_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a contact alone the service starts, at Wikimedia, within its limits."""
    settings = _load(monkeypatch)
    assert settings.aqs_base_url == "https://wikimedia.org/api/rest_v1"
    assert (settings.aqs_max_concurrency, settings.aqs_requests_per_minute) == (3, 150)
    assert (settings.host, settings.port, settings.processes) == ("0.0.0.0", 8000, 1)  # noqa: S104  # a container's only way to be reached
    assert settings.witness == ("en.wikipedia", "Main_Page")
    assert settings.selection == Selection(top=100)
    assert settings.freshness.total_seconds() == 7200
    assert settings.allowed_origins == settings.allowed_hosts == ()


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://user:CANARY@redis.example.org:6380/2?ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_redis__lifts_the_limit_of_workers(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """With Redis the workers share one budget, and there may be as many as one likes."""
    settings = _load(monkeypatch, REDIS_URL=url, WEB_CONCURRENCY="8", REPLICAS="2")
    assert settings.processes == 16
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url
    assert "CANARY" not in repr(settings)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_value__is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A setting without a meaning ends the start with its name, and without its value (D7)."""
    with pytest.raises(ConfigurationError) as raised:
        _load(monkeypatch, **{name: value})
    assert name in str(raised.value)
    assert "CANARY" not in str(raised.value) or name in SHOWS_ITS_ENTRY
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_allowed_origins__bad_entry(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    """An entry that is no origin ends the start, and is named (row D2)."""
    for value in (origin, f"https://ok.example,{origin}"):
        with pytest.raises(ConfigurationError) as raised:
            _load(monkeypatch, ALLOWED_ORIGINS=value)
        assert str(raised.value).startswith(f"ALLOWED_ORIGINS {origin!r} is no origin")


def test_allowed_origins__star(monkeypatch: pytest.MonkeyPatch) -> None:
    """A star is allowed alone only (row D1)."""
    assert _load(monkeypatch, ALLOWED_ORIGINS="*").allowed_origins == ("*",)
    for value in ("*,https://ok.example", "https://ok.example *", "*,*"):
        with pytest.raises(ConfigurationError, match=r"ALLOWED_ORIGINS '\*' is allowed alone"):
            _load(monkeypatch, ALLOWED_ORIGINS=value)


def test_lists__are_parted_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists may hold spaces and a comma at the end; host names lose their capitals."""
    settings = _load(
        monkeypatch,
        ALLOWED_ORIGINS="https://a.example, http://localhost:5173 https://[::1]:1,",
        ALLOWED_HOSTS="A.example,10.0.0.1,[::1]",
    )
    assert settings.allowed_origins == (
        "https://a.example",
        "http://localhost:5173",
        "https://[::1]:1",
    )
    assert settings.allowed_hosts == ("a.example", "10.0.0.1", "[::1]")


def test_empty__is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is empty means its default, as if it were not there."""
    names = [name.upper() for name in Settings.model_fields if name != "aqs_contact"]
    settings = _load(monkeypatch, **dict.fromkeys(names, ""))
    assert settings == Settings(_env_file=None, aqs_contact="ops@example.org")


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("https://wikimedia.org/api/rest_v1", True),
        ("https://WIKIMEDIA.org/api/rest_v1/", True),
        ("https://en.wikimedia.org", True),
        ("http://127.0.0.1:8001", False),
        ("https://notwikimedia.org", False),
    ],
)
def test_aqs_contact__is_needed_for_wikimedia(
    monkeypatch: pytest.MonkeyPatch, url: str, *, needed: bool
) -> None:
    """Without a contact the real Wikimedia is not called (row D7)."""
    monkeypatch.setenv("AQS_BASE_URL", url)
    if needed:
        with pytest.raises(ConfigurationError, match="AQS_CONTACT is required"):
            load_settings()
    else:
        assert load_settings().aqs_base_url == url


def test_several_faults__are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has two settings wrong learns of both at once."""
    with pytest.raises(ConfigurationError, match=r"PORT .*; CACHE_TTL "):
        _load(monkeypatch, PORT="x", CACHE_TTL="-1")


def test_proxy_hops__on_render(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render's own proxy is believed, unless a number is set."""
    assert _load(monkeypatch).proxy_hops == 0
    assert _load(monkeypatch, RENDER="true").proxy_hops == 1
    assert _load(monkeypatch, RENDER="true", TRUSTED_PROXY_HOPS="0").proxy_hops == 0
    assert _load(monkeypatch, RENDER="false", TRUSTED_PROXY_HOPS="2").proxy_hops == 2


def test_processes__share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and replicas together share one identity at Wikimedia."""
    assert _load(monkeypatch, WEB_CONCURRENCY="3", REPLICAS="2").processes == 6


def test_aws_region__has_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The region is read from either of Amazon's variables; the shorter one wins."""
    assert _load(monkeypatch, AWS_DEFAULT_REGION="eu-west-1").aws_region == "eu-west-1"
    assert _load(monkeypatch, AWS_REGION="eu-west-3").aws_region == "eu-west-3"


def test_archive_articles__of_both_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The list and the file are one selection; a file that names nothing is a fault (row F26)."""
    file = tmp_path / "articles.txt"
    file.write_text("# ours\nen.wikipedia/AC/DC\nfr.wikipedia:*\n", encoding="utf-8")
    settings = _load(
        monkeypatch, ARCHIVE_ARTICLES="en.wikipedia/C++|top:5", ARCHIVE_ARTICLES_FILE=str(file)
    )
    assert settings.selection == Selection(
        (("en.wikipedia", "C++"), ("en.wikipedia", "AC/DC")), ("fr.wikipedia",), 5
    )
    file.write_text("# nothing\n", encoding="utf-8")
    monkeypatch.delenv("ARCHIVE_ARTICLES")
    with pytest.raises(ConfigurationError, match="ARCHIVE_ARTICLES_FILE names nothing"):
        load_settings()


def test_admin_token__is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token of 16 characters will do; whoever prints the settings does not show it."""
    token = "CANARY-012345678"
    settings = _load(monkeypatch, ADMIN_TOKEN=token)
    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == token
    assert "CANARY" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert _load(monkeypatch, ADMIN_TOKEN="").admin_token is None


SITE = {
    "name": "a-site",
    "provider": "matomo",
    "base_url": "https://matomo.example/path/",
    "token": "CANARY-token",
    "site_id": 7,
}

BAD_SITES: list[tuple[dict[str, Any], str]] = [
    ({"name": "CANARY"}, "has a name of other than 1 to 64 of a-z, 0-9 and -"),
    ({"name": "a" * 65}, "has a name of other than"),
    ({"name": "a\n"}, "has a name of other than"),
    ({"name": ""}, "has a name of other than"),
    ({"name": None}, "has a name that cannot be read"),
    ({"name": 7}, "has a name that cannot be read"),
    ({"provider": "CANARY"}, "has a provider other than plausible and matomo"),
    ({"base_url": "http://CANARY.example"}, "base_url must begin with https://"),
    ({"base_url": "CANARY"}, "base_url is no URL"),
    ({"base_url": "https://CANARY.example?"}, "base_url holds more than a host and a path"),
    ({"base_url": "https://CANARY.example/#"}, "base_url holds more than a host and a path"),
    ({"base_url": "https://m.example/?a=CANARY"}, "base_url holds more than a host and a path"),
    ({"token": "CANARY 1"}, "token is no key of visible ASCII"),
    ({"token": ["CANARY"]}, "has a token that cannot be read"),
    ({"key": "CANARY"}, "has a field other than"),
    ({"site_id": "CANARY"}, "site_id is no site of Matomo"),
    ({"site_id": True}, "has a site_id that cannot be read"),
    ({"site_id": 1.5}, "has a site_id that cannot be read"),
    ({"timezone": "Mars/CANARY"}, "timezone is no IANA time zone"),
    ({"CANARY": "x"}, "has a field other than name, provider, base_url"),
]


def test_sites__by_simple_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few variables make one site of each provider, named for it; the list adds more."""
    assert _load(monkeypatch).configured_sites == ()
    plausible = {"PLAUSIBLE_API_KEY": "CANARY-key", "PLAUSIBLE_SITE_ID": "example.org"}
    (site,) = _load(monkeypatch, **plausible, SITE_TIMEZONE="Europe/Berlin").configured_sites
    assert (site.name, site.provider, site.timezone) == ("plausible", "plausible", "Europe/Berlin")
    assert (site.base_url, site.site_id) == ("https://plausible.io", "example.org")
    assert site.key.get_secret_value() == "CANARY-key"
    matomo = {
        "MATOMO_BASE_URL": "http://127.0.0.1:8080/matomo/",
        "MATOMO_TOKEN": "CANARY-token",
        "MATOMO_SITE_ID": "1",
    }
    settings = _load(monkeypatch, **matomo, SITES=json.dumps([SITE | {"timezone": "UTC"}]))
    sites = settings.configured_sites
    assert [one.name for one in sites] == ["plausible", "matomo", "a-site"]
    assert [one.timezone for one in sites] == ["Europe/Berlin", "Europe/Berlin", "UTC"]
    assert [one.site_id for one in sites] == ["example.org", "1", "7"]
    assert sites[1].base_url == "http://127.0.0.1:8080/matomo"
    assert "CANARY" not in f"{settings!r} {settings} {settings.model_dump_json()} {sites!r}"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"PLAUSIBLE_API_KEY": "CANARY"}, "PLAUSIBLE_SITE_ID"),
        ({"PLAUSIBLE_SITE_ID": "CANARY"}, "PLAUSIBLE_API_KEY"),
        ({"MATOMO_BASE_URL": "https://CANARY.example"}, "MATOMO_TOKEN"),
        ({"MATOMO_TOKEN": "CANARY", "MATOMO_SITE_ID": "1"}, "MATOMO_BASE_URL"),
        ({"MATOMO_TOKEN": "CANARY", "MATOMO_BASE_URL": "https://m.example"}, "MATOMO_SITE_ID"),
    ],
)
def test_sites__half_a_site(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], name: str
) -> None:
    """A site that lacks a variable ends the start, with the name of what is missing."""
    with pytest.raises(ConfigurationError, match=name) as raised:
        _load(monkeypatch, **given)
    assert "CANARY" not in str(raised.value)


@pytest.mark.parametrize(("change", "told"), BAD_SITES)
def test_sites__bad_entry(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], told: str
) -> None:
    """An entry without a meaning ends the start with its number, and without a value of it."""
    with pytest.raises(ConfigurationError) as raised:
        _load(monkeypatch, SITES=json.dumps([SITE, SITE | {"name": "b"} | change]))
    assert str(raised.value).startswith(f"SITES entry 2 {told}")
    assert "CANARY" not in str(raised.value)


@pytest.mark.parametrize("missing", SITE)
def test_sites__entry_without_a_field(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """An entry must have all fields but the time zone."""
    entry = {name: value for name, value in SITE.items() if name != missing}
    with pytest.raises(ConfigurationError, match="SITES entry 1 lacks"):
        _load(monkeypatch, SITES=json.dumps([entry]))


def test_sites__names_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """No two sites have one name, wherever they are configured, and there are not too many."""
    for sites in ([SITE, SITE], [SITE | {"name": "plausible"}]):
        with pytest.raises(ConfigurationError, match="SITES names two sites alike"):
            _load(
                monkeypatch,
                SITES=json.dumps(sites),
                PLAUSIBLE_API_KEY="CANARY",
                PLAUSIBLE_SITE_ID="example.org",
            )
    many = [SITE | {"name": str(number)} for number in range(51)]
    with pytest.raises(ConfigurationError, match="SITES lists more than 50 sites"):
        _load(monkeypatch, SITES=json.dumps(many))
    with pytest.raises(ConfigurationError, match="SITES is longer than"):
        _load(monkeypatch, SITES=" " * 100_001)
    assert len(_load(monkeypatch, SITES=json.dumps(many[1:])).configured_sites) == 51


def test_sites__plausible_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plausible's own service is the default, and its key is called a key."""
    entry = {"name": "a", "provider": "plausible", "key": "CANARY", "site_id": "example.org/blog"}
    (site,) = _load(monkeypatch, SITES=json.dumps([entry])).configured_sites
    assert (site.base_url, site.site_id) == ("https://plausible.io", "example.org/blog")


def test_sites_token__is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may read sites may not run the archive: one token for both ends the start."""
    token = "CANARY-0123456789"
    with pytest.raises(ConfigurationError, match="SITES_TOKEN is ADMIN_TOKEN, too") as raised:
        _load(monkeypatch, SITES_TOKEN=token, ADMIN_TOKEN=token)
    assert "CANARY" not in str(raised.value)


def test_time_zones__are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without time zones the start says what is missing."""
    monkeypatch.setattr(configured_sites, "_is_known", lambda _: False)
    with pytest.raises(ConfigurationError, match=r"SITE_TIMEZONE cannot be .*tzdata"):
        _load(monkeypatch, SITE_TIMEZONE="Europe/Berlin")


def test_env_file__in_development(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``.env`` in the working directory is read; the environment wins, and overrides do."""
    (tmp_path / ".env").write_text(
        "AQS_CONTACT=file@example.org\nPORT=1111\nUNKNOWN_TO_US=1\nRATE_LIMIT=5\n"
    )
    monkeypatch.setenv("PORT", "2222")
    settings = load_settings()
    assert settings.aqs_contact == "file@example.org"
    assert (settings.port, settings.rate_limit) == (2222, 5)
    assert load_settings(port=3333).port == 3333


def test_settings__are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read at the start stays."""
    settings = _load(monkeypatch)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # what mypy forbids, too


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "AQS_CONTACT"),
        (CONTACT | {"ARCHIVE_SCHEDULE": "CANARY"}, "ARCHIVE_SCHEDULE"),
        (CONTACT | {"CACHE_TTL": "-1"}, "CACHE_TTL"),
        (CONTACT | {"ALLOWED_ORIGINS": "*,https://ok.example"}, "ALLOWED_ORIGINS"),
        (CONTACT | {"ADMIN_TOKEN": "CANARY"}, "ADMIN_TOKEN"),
        (CONTACT | {"SITES": '[{"key": "CANARY"}]'}, "SITES"),
    ],
    ids=["contact", "schedule", "ttl", "origins", "token", "sites"],
)
def test_serve__with_a_bad_setting(tmp_path: Path, environment: dict[str, str], name: str) -> None:
    """The start ends within two seconds of work, not well, with the setting's name (row D7)."""
    worked = _worked()
    done = subprocess.run(  # our own words
        [sys.executable, "-m", "pageviews_api", "serve"],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert _worked() - worked < 2
    assert done.returncode == 2
    assert name in done.stderr
    assert "CANARY" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def _worked() -> float:
    """Tell how many seconds children that have ended had of a processor: others' load is none."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_archive_articles_file__in_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list in S3 is named by bucket and key; it is not read here, and comes in addition."""
    settings = _load(monkeypatch, ARCHIVE_ARTICLES_FILE="s3://my-bucket/lists/a b.txt")
    assert settings.articles_object == ("my-bucket", "lists/a b.txt")
    assert settings.selection == Selection()
    settings = _load(monkeypatch, ARCHIVE_ARTICLES="en.wikipedia/Cat|top:5")
    assert settings.selection == Selection((("en.wikipedia", "Cat"),), (), 5)


@pytest.mark.parametrize(
    "value", ["s3://CANARY", "s3://", "s3:///CANARY", "s3://CANARY/", "S3:CANARY"]
)
def test_archive_articles_file__no_object(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """What names no object of a bucket is a file that is not there, and ends the start."""
    with pytest.raises(ConfigurationError, match="ARCHIVE_ARTICLES_FILE") as raised:
        _load(monkeypatch, ARCHIVE_ARTICLES_FILE=value)
    assert "CANARY" not in str(raised.value)


def test_archive_articles_file__is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A list in a file is no object of a bucket."""
    (tmp_path / "articles.txt").write_text("en.wikipedia/Cat\n")
    settings = _load(monkeypatch, ARCHIVE_ARTICLES_FILE=str(tmp_path / "articles.txt"))
    assert settings.articles_object is None
    assert settings.selection == Selection((("en.wikipedia", "Cat"),))
