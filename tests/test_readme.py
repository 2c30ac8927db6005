"""What the README shows is run as it stands there, and shows what it says.

A block of code is followed by a block with what it prints.
"""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pageviews_api.cli.demo import TODAY, demo_settings
from pageviews_api.demo.aqs import sample_aqs
from pageviews_api.main import create_app
from tests.support.clock import FakeClock
from tests.support.node import node
from tests.support.serving import serve

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")

DEMO = "http://127.0.0.1:8000"

EXAMPLE = re.compile(r"```(sh|python|r|js)\n(.*?)```\n```\n(.*?)```", re.DOTALL)

NODE = str(node() or "node")

TOOLS = {
    "sh": (["sh", "-c"], "curl"),
    "python": ([sys.executable, "-W", "error", "-c"], sys.executable),
    "r": (["Rscript", "-e"], "Rscript"),
    "js": ([NODE, "--input-type=module", "-e"], NODE),
}
"""For each language how its example is run, and by what that may be lacking."""

EXAMPLES = [pytest.param(*one, id=one[0]) for one in EXAMPLE.findall(README)]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Serve what the demo serves."""
    async with serve(sample_aqs()) as aqs_url:
        settings = demo_settings(aqs_url).model_copy(update={"archive_enabled": False})
        async with serve(create_app(settings, clock=FakeClock(TODAY))) as url:
            yield url


@pytest.mark.parametrize(("language", "code", "shown"), EXAMPLES)
async def test_example__is_true(url: str, language: str, code: str, shown: str) -> None:
    """The example prints what the README says."""
    command, tool = TOOLS[language]
    if shutil.which(tool) is None:
        pytest.skip(f"there is no {tool}: the README's example for it is not run")
    assert DEMO in code
    process = await asyncio.create_subprocess_exec(
        *command,
        code.replace(DEMO, url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert (process.returncode, err.decode()) == (0, "")
    assert out.decode().replace("\r\n", "\n") == shown


def test_examples__are_all_there() -> None:
    """There is an example for each of the tools that people use most."""
    assert {language for language, _, _ in EXAMPLE.findall(README)} == TOOLS.keys()
