"""What is known of the data themselves: incidents and changes, each with its source."""

from datetime import date as Date  # noqa: N812  # as in the other answers
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from pageviews_api.schemas.data_state import Dataset
from pageviews_api.schemas.points import AnswerModel
from pageviews_api.schemas.query import Access, Agent


class AnnotationKind(StrEnum):
    """What happened to the numbers."""

    BOT_WAVE = "bot-wave"
    DATA_LOSS = "data-loss"
    DEFINITION_CHANGE = "definition-change"
    HOLE = "hole"
    RECLASSIFIED = "reclassified"


class Annotation(AnswerModel):
    """A known incident, or a change in what is counted. A list that is `null` stands for all."""

    id: Annotated[
        str, Field(pattern=r"^[0-9]{4}-[a-z0-9-]+$", description="Its name, which stays.")
    ]
    start: Annotated[Date, Field(description="The first day that is touched (UTC).")]
    end: Annotated[Date | None, Field(description="The last one; `null`: it goes on.")] = None
    kind: Annotated[
        AnnotationKind,
        Field(
            description="`bot-wave`: bots were counted as something else. `data-loss`: views were "
            "not counted. `hole`: days are lost. `definition-change`: from `start` on something "
            "else is counted. `reclassified`: numbers were made anew by other rules."
        ),
    ]
    text: Annotated[str, Field(min_length=1, description="What happened, in our words.")]
    source: Annotated[str, Field(pattern="^https://", description="Where it is told of.")]
    projects: Annotated[list[str] | None, Field(description="Which it touches.")] = None
    articles: Annotated[list[str] | None, Field(description="Which it touches.")] = None
    access: list[Access] | None = None
    agents: list[Agent] | None = None
    datasets: list[Dataset] | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise ValueError("ends before it starts")
        return self


Annotations = Annotated[
    list[Annotation],
    Field(
        description="What is known to be wrong, or to have changed, in the days told here; "
        "oldest first, empty where nothing is known."
    ),
]
"""What an answer says of the data that it is made of."""
