"""The service with the minute's limit lifted, which no setting can do; the three in flight stay."""

from pageviews_api import resources
from pageviews_api.budget import RequestGate
from pageviews_api.cli import app
from pageviews_api.clock import Clock
from pageviews_api.config import Settings
from pageviews_api.shared import Shared

REQUESTS_PER_MINUTE = 1_000_000

_gate = resources._gate  # noqa: SLF001  # what nobody else is to change


def _lifted(settings: Settings, clock: Clock, shared: Shared | None) -> RequestGate:
    lifted = settings.model_copy(update={"aqs_requests_per_minute": REQUESTS_PER_MINUTE})
    return _gate(lifted, clock, shared)


if __name__ == "__main__":
    resources._gate = _lifted  # noqa: SLF001
    app()
