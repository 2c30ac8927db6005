"""The command line as a process of its own: run to its end, or serving until it is stopped."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

DEAD = "http://127.0.0.1:9"
"""Where nobody listens."""

WORDS = [sys.executable, "-m", "pageviews_api"]

PATIENT = [sys.executable, str(Path(__file__).parent / "patient.py")]
"""The same, but Redis is waited for longer than in life: a busy machine must not lose it."""


def environment(aqs_url: str, **settings: str) -> dict[str, str]:
    """Give the environment of a process: the path, and these settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOST": "127.0.0.1",
        "PORT": "0",
        "AQS_BASE_URL": aqs_url,
        "ARCHIVE_ENABLED": "false",
        "ARCHIVE_ARTICLES": "fr.wikipedia/Strasbourg",
        "RATE_LIMIT": "1000000",
        **settings,
    }


async def run(*words: str, env: Mapping[str, str]) -> tuple[int | None, str, str]:
    """Run a command to its end; give its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *WORDS, *words, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


class Server:
    """A running ``pageviews-api serve``."""

    def __init__(self, process: asyncio.subprocess.Process, log: list[str], url: str) -> None:
        self.process = process
        self.log = log
        self.url = url

    async def stop(self) -> int:
        """Send SIGTERM and wait for the end, at most 30 seconds; give the exit code."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            return await self.process.wait()


@asynccontextmanager
async def serving(env: Mapping[str, str], *, words: Sequence[str] = WORDS) -> AsyncIterator[Server]:
    """Start a server, on a free port where PORT is 0, and wait until it says that it is up."""
    process = await asyncio.create_subprocess_exec(*words, "serve", env=env, stderr=-1)
    assert process.stderr is not None
    log: list[str] = []
    reading = None
    try:
        async with asyncio.timeout(60):
            while not (match := re.search(r"running on (http://\S+)", "".join(log[-1:]))):
                line = (await process.stderr.readline()).decode()
                assert line, log
                log.append(line)
        reading = asyncio.create_task(process.stderr.read())  # or the pipe would fill up
        yield Server(process, log, match[1])
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        if reading is not None:
            log += (await reading).decode().splitlines()
