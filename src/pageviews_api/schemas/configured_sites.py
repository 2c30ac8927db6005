"""Which sites the operator has configured: read strictly, and never shown."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from pageviews_api.schemas.site_metrics import Provider

MOST_SITES = 50
"""Sites that one service may tell of."""

MOST_CHARACTERS = 100_000
"""Characters of the list; 50 sites take a fifth of it."""

PLAUSIBLE_CLOUD = "https://plausible.io"
"""Where Plausible's own service is; an installation of one's own has the same paths."""

SITE_NAME = r"^[a-z0-9-]{1,64}$"
"""What a site may be called in URLs."""

_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")
_VISIBLE = re.compile(r"[!-~]+")
_KEY = re.compile(r"[!-~]{1,512}")  # what a header can hold as it is
_REGISTERED = re.compile(r"[!-~]{1,253}")
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


def check_site_url(url: str) -> str:
    """Take the address of a provider, without a slash at its end.

    Raises
    ------
    ValueError
        It is none, or would send a key in the clear.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no URL such as https://example.org/path")
    if "?" in url or "#" in url:
        raise ValueError("holds more than a host and a path")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password, which a URL would show")
    if parts.scheme != "https" and not _LOOPBACK.fullmatch(parts.hostname):
        raise ValueError("must begin with https://, or the key could be read on its way")
    return url.rstrip("/")


def _split(url: str) -> SplitResult | None:
    """Take a URL apart; what the library says of one that is none would show it."""
    try:
        parts = urlsplit(url)
        return parts if _VISIBLE.fullmatch(url) and parts.port != 0 else None
    except ValueError:
        return None


def check_zone(name: str) -> str:
    """Take the IANA name of a time zone.

    Raises
    ------
    ValueError
        There is no such zone, or this machine knows none.
    """
    if not _ZONE.fullmatch(name) or not _is_known(name):
        if _is_known("Europe/Berlin"):
            raise ValueError("is no IANA time zone such as Europe/Berlin")
        raise ValueError("cannot be looked up: this machine has no time zones (install tzdata)")
    return name


def _is_known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the latter for a folder of zones
        return False
    return True


def check_key(secret: SecretStr) -> SecretStr:
    """Take a key or token of a provider.

    Raises
    ------
    ValueError
        No header could hold it.
    """
    if not _KEY.fullmatch(secret.get_secret_value()):
        raise ValueError("is no key of visible ASCII characters, without spaces")
    return secret


def check_plausible_id(site_id: str) -> str:
    """Take the name under which a site is registered at Plausible."""
    if not _REGISTERED.fullmatch(site_id):
        raise ValueError("is no site of Plausible, such as example.org")
    return site_id


def check_matomo_id(site_id: str) -> str:
    """Take the number that a site has in Matomo."""
    if not _NUMBER.fullmatch(site_id):
        raise ValueError("is no site of Matomo, which is a number such as 1")
    return site_id


def _as_text(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else value


class ConfiguredSite(BaseModel):
    """One site, and how its provider is asked about it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True
    )

    name: Annotated[str, Field(pattern=SITE_NAME)]
    provider: Provider
    base_url: Annotated[str, AfterValidator(check_site_url), Field(max_length=1000)]
    key: Annotated[
        SecretStr,
        AfterValidator(check_key),
        Field(validation_alias=AliasChoices("key", "token")),
    ]
    site_id: Annotated[str, BeforeValidator(_as_text)]
    timezone: Annotated[str, AfterValidator(check_zone)] = "UTC"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which the provider tells this site's days."""
        return ZoneInfo(self.timezone)


_FAULTS: Mapping[str, str] = {
    "extra_forbidden": "has a field other than name, provider, base_url, key (or token), site_id "
    "and timezone",
    "missing": "lacks {field}",
    "enum": "has a provider other than plausible and matomo",
    "string_pattern_mismatch": "has a {field} of other than 1 to 64 of a-z, 0-9 and -",
    "model_type": "is no object",
}
"""What is said of a fault: an entry's number and a field's name, never a value."""

_ENTRIES: TypeAdapter[list[dict[str, object]]] = TypeAdapter(list[dict[str, object]])


def parse_sites(text: str, *, timezone: str) -> tuple[ConfiguredSite, ...]:
    """Read a JSON list of sites; one that names no time zone has this one.

    Raises
    ------
    ValueError
        The list cannot be read. An entry is named by its number, from 1 on; no value is told.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"is longer than {MOST_CHARACTERS} characters")
    try:
        entries = _ENTRIES.validate_json(text)
    except ValidationError as e:
        raise ValueError("is no JSON list of objects") from e
    if len(entries) > MOST_SITES:
        raise ValueError(f"lists more than {MOST_SITES} sites")
    sites = tuple(
        _parse_entry(number, {"timezone": timezone, **entry})
        for number, entry in enumerate(entries, start=1)
    )
    check_names(sites)
    return sites


def check_names(sites: Iterable[ConfiguredSite]) -> None:
    """See to it that each site has a name of its own.

    Raises
    ------
    ValueError
        Two have the same.
    """
    counted = Counter(site.name for site in sites)
    if counted and max(counted.values()) > 1:
        raise ValueError("names two sites alike (PLAUSIBLE_… and MATOMO_… name plausible, matomo)")


def _parse_entry(number: int, entry: dict[str, object]) -> ConfiguredSite:
    if entry.get("provider") == Provider.PLAUSIBLE:
        entry.setdefault("base_url", PLAUSIBLE_CLOUD)
    try:
        site = ConfiguredSite.model_validate(entry)
        check = check_plausible_id if site.provider is Provider.PLAUSIBLE else check_matomo_id
        check(site.site_id)
    except ValidationError as e:
        fault = e.errors(include_url=False, include_input=False, include_context=False)[0]
        raise ValueError(f"entry {number} {_in_words(fault)}") from None
    except ValueError as e:
        raise ValueError(f"entry {number} site_id {e}") from None
    return site


def _in_words(fault: Mapping[str, object]) -> str:
    loc = fault["loc"]
    field = loc[0] if isinstance(loc, tuple) and loc else ""
    if words := _FAULTS.get(str(fault["type"])):
        return words.format(field=field)
    if fault["type"] == "value_error":
        return f"{field} {str(fault['msg']).removeprefix('Value error, ')}"
    return f"has a {field} that cannot be read"
