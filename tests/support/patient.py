"""The command line with more patience: for tests of several processes on a busy machine.

``python patient.py serve`` is ``pageviews-api serve``, but Redis, and another process that has a
lock, are waited for longer.
"""

from pageviews_api import cache, shared


def main() -> None:
    """Set what is waited for, and only then import what keeps it."""
    shared.PATIENCE = shared.SOCKET_TIMEOUT = 30.0
    cache.LEASE = 60.0
    from pageviews_api.cli import app  # noqa: PLC0415  # see above

    app()


if __name__ == "__main__":
    main()
