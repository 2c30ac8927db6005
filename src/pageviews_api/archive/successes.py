"""How the runs of a daily job end: when one succeeded last, and when somebody has to look."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from loguru import logger

from pageviews_api.archive.shelf import DayResult
from pageviews_api.clock import Clock

OVERDUE = timedelta(hours=24)
"""Without a run that succeeded for so long, somebody has to look."""


@dataclass(slots=True)
class JobState:
    """What is to be said of a daily job from outside."""

    last_run: datetime | None = None
    last_success: datetime | None = None
    last_error: str | None = None


class Successes:
    """Notes in ``state`` how runs end, and raises the alarm where none succeeds for over a day.

    ``job`` names what runs, in the alarm. ``fault`` names what went wrong with a day that is not
    done; None where its data are only still to come.
    """

    def __init__(
        self,
        state: JobState,
        *,
        job: str,
        clock: Clock,
        fault: Callable[[DayResult], str | None],
    ) -> None:
        self._state = state
        self._job = job
        self._clock = clock
        self._fault = fault
        self._begun_at = clock.now()

    def note(self, results: Iterable[DayResult]) -> None:
        """Note what became of the days of a run."""
        open_days = [result for result in results if not result.is_done]
        faults = [fault for one in open_days if (fault := self._fault(one))]
        if faults:
            self.note_failure(faults[0])
        elif open_days:
            self._warn_if_overdue()
        else:
            self._state.last_success, self._state.last_error = self._clock.now(), None

    def note_failure(self, reason: str) -> None:
        """Note that a run failed, and why."""
        self._state.last_error = reason
        self._warn_if_overdue()

    def _warn_if_overdue(self) -> None:
        since = self._clock.now() - (self._state.last_success or self._begun_at)
        if since > OVERDUE:
            hours = round(since.total_seconds() / 3600)
            logger.bind(hours=hours).critical(f"no {self._job} run has succeeded for over a day")
