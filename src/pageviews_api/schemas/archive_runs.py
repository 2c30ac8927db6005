"""How a run of the archive for one day is told, to the operator and between processes."""

from datetime import date as Date  # noqa: N812  # a field below is called date
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class RunState(StrEnum):
    """How far a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


class RunOutcome(StrEnum):
    """What came of a run."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    FAILED = "failed"


class ArchiveRun(BaseModel):
    """A run of the archive for one day."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "date": "2017-01-01",
                    "state": "finished",
                    "run_id": "8f14e45fceea467fa5a36dedd4bea254",
                    "requested_at": "2017-01-01T10:00:03Z",
                    "started_at": "2017-01-01T10:00:03Z",
                    "finished_at": "2017-01-01T10:00:04Z",
                    "series_to_ask": 4,
                    "series_asked": 4,
                    "outcome": "written",
                    "complete": True,
                    "key": "archives/2017-01-01.json",
                    "sha256": "7e82beb93328a8c247ac770f3ed9c7e6a7356612d21888cbb43438eb0e285ce2",
                    "bytes": 7204,
                    "reason": None,
                }
            ]
        },
    )

    date: Date
    state: Annotated[
        RunState,
        Field(
            description="`queued`: another run comes first. `finished`: the archive is stored, "
            "which need not mean that it is complete. `failed`: see `reason`."
        ),
    ]
    run_id: Annotated[
        str | None,
        Field(description="Names the run in the log; `null`: the archive was made before."),
    ] = None
    requested_at: Annotated[datetime | None, Field(description="When it was asked for.")] = None
    started_at: Annotated[datetime | None, Field(description="When it began.")] = None
    finished_at: Annotated[datetime | None, Field(description="When it ended.")] = None
    series_to_ask: Annotated[
        int | None,
        Field(ge=0, description="Series that must be asked for; 0 until the top lists are there."),
    ] = None
    series_asked: Annotated[int | None, Field(ge=0, description="So many of them were.")] = None
    outcome: Annotated[
        RunOutcome | None,
        Field(description="`unchanged`: what was stored already told as much."),
    ] = None
    complete: Annotated[
        bool | None, Field(description="Whether what is stored is complete; `null`: nothing is.")
    ] = None
    key: Annotated[str | None, Field(description="The name under which it is stored.")] = None
    sha256: Annotated[
        str | None, Field(description="Of the stored bytes, as 64 lower-case hexadecimal digits.")
    ] = None
    bytes: Annotated[int | None, Field(ge=0, description="How many are stored.")] = None
    reason: Annotated[str | None, Field(description="Why it `failed`.")] = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in {RunState.QUEUED, RunState.RUNNING}
