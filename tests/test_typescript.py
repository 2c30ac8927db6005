"""The TypeScript client: its types are those of the code, and its example runs."""

import asyncio
import json
import subprocess
from datetime import timedelta
from pathlib import Path

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.conftest import YESTERDAY
from tests.support.clock import FakeClock
from tests.support.node import CLIENT, tool
from tests.support.serving import serve

EXAMPLE = CLIENT / "example.ts"


MISTAKES = {
    "data.summary.total ": "data.summary.totals ",
    'range: "latest-3"': "range: 3",
    "problem.detail": "problem.details",
    "/articles/{project}": "/article/{project}",
}
"""What is right, and what the API does not have."""


def run(command: list[str]) -> tuple[int, str]:
    """Run a tool in the client's folder; tell its exit code, and what it says."""
    done = subprocess.run(  # noqa: S603  # fixed commands
        command, cwd=CLIENT, capture_output=True, text=True, timeout=90, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_types__are_those_of_the_code(tmp_path: Path) -> None:
    """``schema.d.ts`` is what openapi-typescript makes of the code's own document.

    To write it anew: ``npm run generate`` in ``clients/typescript``.
    """
    document, types = tmp_path / "openapi.json", tmp_path / "schema.d.ts"
    document.write_text(json.dumps(create_app(Settings.model_construct()).openapi()), "utf-8")
    code, said = run([*tool(CLIENT, "openapi-typescript"), str(document), "--output", str(types)])
    assert code == 0, said
    assert types.read_text("utf-8") == (CLIENT / "schema.d.ts").read_text("utf-8")


def test_types__tell_a_mistake() -> None:
    """What the API does not have does not compile."""
    compiler, text = tool(CLIENT, "tsc"), EXAMPLE.read_text("utf-8")
    for right, wrong in MISTAKES.items():
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    mistaken = CLIENT / "mistaken.ts"
    options = "--strict --noEmit --skipLibCheck --types node --module NodeNext --target ES2022"
    try:
        mistaken.write_text(text, "utf-8")
        code, said = run([*compiler, *options.split(), mistaken.name])
    finally:
        mistaken.unlink(missing_ok=True)
    assert code != 0
    assert said.count("mistaken.ts") >= len(MISTAKES)


async def test_example__compiles_and_runs(settings: Settings, clock: FakeClock) -> None:
    """Types and example pass ``tsc --strict``; it tells an article's views, and a problem."""
    assert json.loads((CLIENT / "tsconfig.json").read_text("utf-8"))["compilerOptions"]["strict"]
    assert len(EXAMPLE.read_text("utf-8").splitlines()) <= 32
    compiler = tool(CLIENT, "tsc")
    code, told = await asyncio.to_thread(run, [*compiler, "--strict"])
    assert (code, told) == (0, "")
    async with serve(create_app(settings, clock=clock)) as url:
        example = [compiler[0], str(CLIENT / "build/example.js"), url]
        code, told = await asyncio.to_thread(run, example)
    views = [1000 + (YESTERDAY - timedelta(days=back)).toordinal() % 100 for back in (2, 1, 0)]
    *days, problem = told.splitlines()
    assert code == 0
    assert days == [
        f"Strasbourg: {sum(views)} views",
        *(
            f"{YESTERDAY - timedelta(days=back)} {one} ok"
            for back, one in zip((2, 1, 0), views, strict=True)
        ),
    ]
    assert problem.startswith("404 Article never viewed: ")
