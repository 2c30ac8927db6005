"""What probes are told."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pageviews_api.schemas.left_out import is_none


class HealthModel(BaseModel):
    """Frozen, and exactly the documented fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Health(HealthModel):
    """The process runs."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "ok", "version": "0.1.0"}]}
    )

    status: Annotated[
        Literal["ok"],
        Field(description="Always `ok`: a process that does not run does not answer."),
    ] = "ok"
    version: Annotated[str, Field(description="Of this service.", examples=["0.1.0"])]


class Condition(StrEnum):
    """How well something works; ``degraded`` is something that we can do without."""

    OK = "ok"
    DEGRADED = "degraded"
    OFF = "off"


class AqsReadiness(HealthModel):
    """Whether Wikimedia's API can be asked."""

    status: Condition
    circuit: Annotated[
        str,
        Field(
            description="`closed`: it is asked. `open`: it failed so often that it is left alone. "
            "`half-open`: one request is to try.",
            examples=["closed"],
        ),
    ]
    paused: Annotated[bool, Field(description="Whether it asked us to slow down.")]


class ArchiveReadiness(HealthModel):
    """Whether archives are made and kept."""

    status: Condition
    last_run: Annotated[datetime | None, Field(description="When the daily job last began.")]
    last_success: Annotated[
        datetime | None, Field(description="When it last ended with every archive done.")
    ]
    reason: Annotated[str | None, Field(description="What is wrong, where something is.")]


class RedisReadiness(HealthModel):
    """Whether this process is in touch with the others; it goes on by itself if not."""

    status: Condition


class SitesReadiness(HealthModel):
    """Whether the providers of site analytics answer."""

    status: Condition
    failing: Annotated[
        int,
        Field(
            ge=0,
            description="Sites whose provider gave no usable answer when it was last asked; "
            "it is not asked for this.",
        ),
    ]


class Readiness(HealthModel):
    """Whether the service can serve, and what it has to do without."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "aqs": {"status": "ok", "circuit": "closed", "paused": False},
                    "archive": {
                        "status": "ok",
                        "last_run": "2026-11-22T04:15:00Z",
                        "last_success": "2026-11-22T04:15:09Z",
                        "reason": None,
                    },
                    "site_archive": {
                        "status": "ok",
                        "last_run": "2026-11-22T04:15:09Z",
                        "last_success": "2026-11-22T04:15:10Z",
                        "reason": None,
                    },
                    "redis": {"status": "off"},
                    "sites": {"status": "off", "failing": 0},
                }
            ]
        }
    )

    status: Condition
    aqs: AqsReadiness
    archive: ArchiveReadiness
    site_archive: Annotated[
        ArchiveReadiness | None,
        Field(
            exclude_if=is_none,
            description="The same of the sites' own archive; there only where sites are "
            "configured.",
        ),
    ] = None
    redis: RedisReadiness
    sites: SitesReadiness
