"""The settings: the only reader of the environment (and of ``.env`` in development)."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self
from urllib.parse import parse_qs, urlsplit

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pageviews_api.exceptions import ConfigurationError
from pageviews_api.schemas.configured_sites import (
    PLAUSIBLE_CLOUD,
    ConfiguredSite,
    check_key,
    check_matomo_id,
    check_names,
    check_plausible_id,
    check_site_url,
    check_zone,
    parse_sites,
)
from pageviews_api.schemas.names import Article, ArticleProject
from pageviews_api.schemas.query import Access, Agent
from pageviews_api.schemas.selection import Selection, parse_selection
from pageviews_api.schemas.site_metrics import Provider

MAX_WORKERS_WITHOUT_SHARED_BUDGET = 3
"""Each process needs one of the three requests in flight that Wikimedia allows."""

_S3_OBJECT = re.compile(r"s3://([A-Za-z0-9.-]{3,63})/(.+)")
_HOST = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9a-fA-F:]+\]")
# As browsers send them: in lower case, and without the port that the scheme has by default.
_ORIGIN = re.compile(
    r"(?:http(?!.*:80$)|https(?!.*:443$))://"
    r"(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?"
)
_REDIS_OPTIONS = {"db", "ssl_ca_certs", "ssl_cert_reqs"}
_TOKEN = re.compile(r"[!-~]{16,256}")  # what a header can hold as it is
_CONTACT = re.compile(r"[!-'*-~]+(?:@|://)[!-'*-~]+")  # no spaces, brackets or control characters


def _split_list(value: object) -> object:
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[,\s]+", value) if part)
    return value


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if origin == "*" and len(origins) > 1:
            raise ValueError("'*' is allowed alone only")
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin; one is written https://example.org")
    return origins


def _check_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host name; one is written example.org")
    return tuple(host.lower() for host in hosts)


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is no URL such as https://example.org/path")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password, which a URL would show")
    return url.rstrip("/")


def _check_redis_url(secret: SecretStr) -> SecretStr:
    """Refuse what redis-py would take in silence: a database that is no number, any option."""
    parts = urlsplit(secret.get_secret_value())
    try:
        port = parts.port
    except ValueError:
        port = -1
    where = parts.path.strip("/") if parts.scheme == "unix" else parts.hostname
    database = "" if parts.scheme == "unix" else parts.path.strip("/")
    known = parts.scheme in {"redis", "rediss", "unix"} and where and port != -1
    if not known or (database and not database.isdecimal()) or parts.fragment:
        raise ValueError("is no URL such as redis://example.org:6379/0")
    if parse_qs(parts.query, keep_blank_values=True).keys() - _REDIS_OPTIONS:
        raise ValueError("has an option other than db, ssl_ca_certs and ssl_cert_reqs")
    return secret


def _check_contact(contact: str) -> str:
    if not _CONTACT.fullmatch(contact):
        raise ValueError("is neither an e-mail address nor a URL by which you can be reached")
    return contact


def _check_token(secret: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(secret.get_secret_value()):
        raise ValueError("is no token of 16 to 256 visible ASCII characters, without spaces")
    return secret


def _check_schedule(schedule: str) -> str:
    try:
        next(CronSim(schedule, datetime.now(UTC)))
    except (CronSimError, StopIteration) as e:
        raise ValueError("is no cron expression; one is written 15 4 * * *") from e
    return schedule


def _unset_if_empty(value: object) -> object:
    return None if value == "" else value


OptionalText = Annotated[str | None, BeforeValidator(_unset_if_empty)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_unset_if_empty)]
OptionalPath = Annotated[Path | None, BeforeValidator(_unset_if_empty)]


class Settings(BaseSettings):
    """Every setting, by its environment variable's name in lower case.

    Build one with ``load_settings``, whose error names the setting and shows no value.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    host: Annotated[str, Field(description="Address to listen on.")] = "0.0.0.0"  # noqa: S104  # a container's only way to be reached
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on.")] = 8000
    web_concurrency: Annotated[int, Field(ge=1, le=64, description="Worker processes.")] = 1
    replicas: Annotated[
        int, Field(ge=1, le=1000, description="Instances that share one identity at Wikimedia.")
    ] = 1

    allowed_origins: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_split_list),
        AfterValidator(_check_origins),
        Field(description="Web origins that may call from a browser, with commas; or *."),
    ] = ()
    allowed_hosts: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_split_list),
        AfterValidator(_check_hosts),
        Field(description="Host names that we answer for, with commas; empty: any."),
    ] = ()
    trusted_proxy_hops: Annotated[
        int | None,
        Field(ge=0, le=10, description="Proxies in front whose X-Forwarded-For is believed."),
    ] = None
    rate_limit: Annotated[
        int, Field(ge=1, le=1_000_000, description="Requests a minute for one client.")
    ] = 600
    admin_token: Annotated[
        OptionalSecret,
        AfterValidator(lambda value: None if value is None else _check_token(value)),
        Field(description="Bearer token for archive runs by HTTP, 16 characters or more."),
    ] = None
    docs_enabled: Annotated[bool, Field(description="Whether /docs is served.")] = True
    render: Annotated[bool, Field(description="Set by Render; one trusted proxy hop.")] = False

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
        Field(description="The least level that is logged."),
    ] = "info"
    log_format: Annotated[
        Literal["json", "text"] | None,
        Field(description="json or text; default: text on a terminal, else json."),
    ] = None

    aqs_base_url: Annotated[
        str, AfterValidator(_check_url), Field(description="Where Wikimedia's API is.")
    ] = "https://wikimedia.org/api/rest_v1"
    aqs_contact: Annotated[
        OptionalText,
        AfterValidator(lambda value: None if value is None else _check_contact(value)),
        Field(description="Your URL or e-mail, for the User-Agent; Wikimedia requires it."),
    ] = None
    aqs_max_concurrency: Annotated[
        int, Field(ge=1, le=3, description="Requests in flight; Wikimedia allows 3.")
    ] = 3
    aqs_requests_per_minute: Annotated[
        int, Field(ge=1, le=200, description="Requests in any 60 s; Wikimedia allows 200.")
    ] = 150
    aqs_timeout: Annotated[
        float, Field(gt=0, le=60, description="Seconds for an answer, retries and all.")
    ] = 8.0
    aqs_span_days: Annotated[
        int, Field(ge=31, le=10_000, description="Days that one fetch asks for at the least.")
    ] = 730
    aqs_witness: Annotated[
        str, Field(description="The article whose days tell which days are loaded.")
    ] = "en.wikipedia/Main_Page"

    default_project: Annotated[ArticleProject, Field(description="Project of top:N.")] = (
        "en.wikipedia"
    )
    default_article: Annotated[Article, Field(description="Article of the older frontends.")] = (
        "Main_Page"
    )
    default_access: Annotated[Access, Field(description="Where a request names none.")] = (
        Access.ALL_ACCESS
    )
    default_agent: Annotated[Agent, Field(description="Where a request names none.")] = Agent.USER

    cache_ttl: Annotated[
        float, Field(gt=0, le=7200, description="Seconds an answer is fresh; at most 2 hours.")
    ] = 7200.0
    cache_wait: Annotated[
        float, Field(ge=0, le=8, description="Seconds to wait before stale data are served.")
    ] = 1.0
    cache_stale_limit: Annotated[
        float, Field(gt=0, description="Seconds for which the newest 3 days are served stale.")
    ] = 93600.0
    cache_max_bytes: Annotated[
        int, Field(ge=1_000_000, description="Bytes of memory for the cache.")
    ] = 128_000_000
    redis_url: Annotated[
        OptionalSecret,
        AfterValidator(lambda value: None if value is None else _check_redis_url(value)),
        Field(description="Redis, for more than one process: redis://, rediss:// or unix://."),
    ] = None

    archive_enabled: Annotated[bool, Field(description="Whether this process archives.")] = True
    archive_bucket: Annotated[OptionalText, Field(description="S3 bucket of the archives.")] = None
    archive_prefix: Annotated[
        str,
        Field(pattern=r"^(?:[A-Za-z0-9_.-]+/)*$", description="What each key begins with."),
    ] = "archives/"
    archive_dir: Annotated[
        Path, Field(description="Folder of the archives where no bucket is set.")
    ] = Path("var/archives")
    archive_articles: Annotated[
        OptionalText,
        Field(description="What to archive: project/article|project:*|top:N; default top:100."),
    ] = None
    archive_articles_file: Annotated[
        OptionalText, Field(description="A file (or s3://bucket/key) with the same, one a line.")
    ] = None
    archive_schedule: Annotated[
        str, AfterValidator(_check_schedule), Field(description="When (cron, UTC).")
    ] = "15 4 * * *"
    archive_days: Annotated[
        int, Field(ge=1, le=366, description="Days that one archive holds.")
    ] = 30

    aws_region: Annotated[
        OptionalText,
        Field(
            validation_alias=AliasChoices("aws_region", "aws_default_region"),
            description="Region of the bucket (AWS_DEFAULT_REGION is read, too).",
        ),
    ] = None
    aws_access_key_id: Annotated[OptionalSecret, Field(description="S3 key id.")] = None
    aws_secret_access_key: Annotated[OptionalSecret, Field(description="S3 secret key.")] = None
    aws_session_token: Annotated[OptionalSecret, Field(description="S3 session token.")] = None
    aws_endpoint_url_s3: Annotated[
        OptionalText,
        AfterValidator(lambda value: None if value is None else _check_url(value)),
        Field(description="S3 service other than Amazon's."),
    ] = None

    sites_token: Annotated[
        OptionalSecret,
        AfterValidator(lambda value: None if value is None else _check_token(value)),
        Field(description="Bearer token for reading site analytics, 16 characters or more."),
    ] = None
    sites_public: Annotated[
        bool, Field(description="Whether anybody may read site analytics, without the token.")
    ] = False
    plausible_base_url: Annotated[
        str, AfterValidator(check_site_url), Field(description="Where Plausible is.")
    ] = PLAUSIBLE_CLOUD
    plausible_api_key: Annotated[
        OptionalSecret,
        AfterValidator(lambda value: None if value is None else check_key(value)),
        Field(description="A Stats API key of Plausible; makes the site named plausible."),
    ] = None
    plausible_site_id: Annotated[
        OptionalText,
        AfterValidator(lambda value: None if value is None else check_plausible_id(value)),
        Field(description="The site as registered at Plausible, such as example.org."),
    ] = None
    matomo_base_url: Annotated[
        OptionalText,
        AfterValidator(lambda value: None if value is None else check_site_url(value)),
        Field(description="Where Matomo is; makes the site named matomo."),
    ] = None
    matomo_token: Annotated[
        OptionalSecret,
        AfterValidator(lambda value: None if value is None else check_key(value)),
        Field(description="A token_auth of a Matomo user who may view the site."),
    ] = None
    matomo_site_id: Annotated[
        OptionalText,
        AfterValidator(lambda value: None if value is None else check_matomo_id(value)),
        Field(description="The site's number in Matomo, such as 1."),
    ] = None
    site_timezone: Annotated[
        str,
        AfterValidator(check_zone),
        Field(description="The time zone that the sites have at their provider (IANA)."),
    ] = "UTC"
    sites: Annotated[
        OptionalSecret,
        Field(description="More sites, as a JSON list; docs/sites.md shows one."),
    ] = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self._calls_wikimedia and self.aqs_contact is None:
            _refuse("AQS_CONTACT", "is required to call Wikimedia: your URL or e-mail")
        if self.redis_url is None and self.web_concurrency > MAX_WORKERS_WITHOUT_SHARED_BUDGET:
            _refuse(
                "WEB_CONCURRENCY",
                "is above 3, the requests in flight that Wikimedia allows; more need REDIS_URL",
            )
        if (self.aws_access_key_id is None) is not (self.aws_secret_access_key is None):
            _refuse("AWS_SECRET_ACCESS_KEY", "and AWS_ACCESS_KEY_ID are given together or not")
        if self.sites_token is not None and self.sites_token == self.admin_token:
            _refuse("SITES_TOKEN", "is ADMIN_TOKEN, too: who may read need not run the archive")
        self.configured_sites  # noqa: B018  # refuses sites that cannot be read
        self.witness  # noqa: B018  # refuses a witness that is none
        self.selection  # noqa: B018  # refuses a list that cannot be read
        return self

    @property
    def _calls_wikimedia(self) -> bool:
        host = urlsplit(self.aqs_base_url).hostname or ""
        return host == "wikimedia.org" or host.endswith(".wikimedia.org")

    @property
    def processes(self) -> int:
        """Processes that share one identity at Wikimedia, and so one budget."""
        return self.web_concurrency * self.replicas

    @property
    def proxy_hops(self) -> int:
        """Proxies in front of us that can be believed: on Render its own, elsewhere none."""
        if self.trusted_proxy_hops is not None:
            return self.trusted_proxy_hops
        return 1 if self.render else 0

    @property
    def freshness(self) -> timedelta:
        """How long an answer is fresh."""
        return timedelta(seconds=self.cache_ttl)

    @property
    def witness(self) -> tuple[str, str]:
        """Project and article whose days tell which days are loaded."""
        try:
            selection = parse_selection(self.aqs_witness)
        except ValueError as e:
            _refuse("AQS_WITNESS", str(e), cause=e)
        if len(selection.articles) != 1:
            _refuse("AQS_WITNESS", "is no article such as en.wikipedia/Main_Page")
        return selection.articles[0]

    @property
    def articles_object(self) -> tuple[str, str] | None:
        """Bucket and key of ``ARCHIVE_ARTICLES_FILE``, where it is in S3."""
        match = _S3_OBJECT.fullmatch(self.archive_articles_file or "")
        return (match[1], match[2]) if match else None

    @property
    def selection(self) -> Selection:
        """What the archive holds, from ``ARCHIVE_ARTICLES`` and ``ARCHIVE_ARTICLES_FILE``.

        A file in S3 is not read here: what it names comes in addition.
        """
        name = "ARCHIVE_ARTICLES"
        try:
            selection = parse_selection(self.archive_articles or "")
            if self.articles_object is not None:
                return selection
            if self.archive_articles_file is not None:
                name = "ARCHIVE_ARTICLES_FILE"
                text = Path(self.archive_articles_file).read_text(encoding="utf-8-sig")
                selection = selection.joined(parse_selection(text))
        except OSError as e:
            _refuse(name, f"cannot be read: {e.strerror or type(e).__name__}", cause=e)
        except ValueError as e:
            _refuse(name, str(e), cause=e)
        if not selection:
            if self.archive_articles_file is not None:
                _refuse(name, "names nothing to archive")
            return parse_selection("top:100")
        return selection

    @property
    def configured_sites(self) -> tuple[ConfiguredSite, ...]:
        """The sites whose analytics can be told, from all the variables; each has its own name."""
        simple = filter(None, (self._plausible_site, self._matomo_site))
        try:
            listed = self.sites.get_secret_value() if self.sites else "[]"
            sites = (*simple, *parse_sites(listed, timezone=self.site_timezone))
            check_names(sites)
        except ValueError as e:
            _refuse("SITES", str(e))
        return sites

    @property
    def _plausible_site(self) -> ConfiguredSite | None:
        key, site_id = self.plausible_api_key, self.plausible_site_id
        if key is None and site_id is None:
            return None
        if key is None or site_id is None:
            _refuse("PLAUSIBLE_API_KEY", "and PLAUSIBLE_SITE_ID are given together or not")
        return self._simple_site(Provider.PLAUSIBLE, self.plausible_base_url, key, site_id)

    @property
    def _matomo_site(self) -> ConfiguredSite | None:
        base_url, key, site_id = self.matomo_base_url, self.matomo_token, self.matomo_site_id
        if base_url is None and key is None and site_id is None:
            return None
        if base_url is None or key is None or site_id is None:
            _refuse(
                "MATOMO_BASE_URL", "comes with MATOMO_TOKEN and MATOMO_SITE_ID: all three, or none"
            )
        return self._simple_site(Provider.MATOMO, base_url, key, site_id)

    def _simple_site(
        self, provider: Provider, base_url: str, key: SecretStr, site_id: str
    ) -> ConfiguredSite:
        return ConfiguredSite(
            name=provider,
            provider=provider,
            base_url=base_url,
            key=key,
            site_id=site_id,
            timezone=self.site_timezone,
        )


def _refuse(name: str, reason: str, *, cause: Exception | None = None) -> NoReturn:
    raise ConfigurationError(f"{name} {reason}") from cause


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401  # values of any setting
    """Read the settings from the environment and ``.env``; ``overrides`` win.

    Raises
    ------
    ConfigurationError
        A setting is missing or has no meaning. Each is named; of values only an entry of a public
        list is shown, never one that may be a secret.
    """
    try:
        return Settings(**overrides)
    except UnicodeDecodeError as e:
        raise ConfigurationError(".env is not UTF-8 text") from e
    except ValidationError as e:
        errors = e.errors(include_url=False, include_input=False)
        faults = (f"{_name(error['loc'])} {_words(error['msg'])}" for error in errors)
        raise ConfigurationError("; ".join(faults)) from None


def _name(loc: tuple[int | str, ...]) -> str:
    return str(loc[0]).upper() if loc else ""


def _words(msg: str) -> str:
    return msg.removeprefix("Value error, ")
