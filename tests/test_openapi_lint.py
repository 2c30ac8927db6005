"""The OpenAPI document before two linters, which know what generators stumble over."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pageviews_api.config import Settings
from pageviews_api.main import create_app
from tests.support.node import LINTERS, ROOT, tool

QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
"""Redocly asks nobody for anything."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Give the document that the code makes."""
    return create_app(Settings.model_construct()).openapi()


def spectral() -> list[str]:
    """Tell the command of Spectral; whatever it has to say is an error."""
    ruleset = str(ROOT / ".spectral.yaml")
    return [*tool(LINTERS, "spectral"), "lint", "--fail-severity=hint", "--ruleset", ruleset]


def redocly() -> list[str]:
    """Tell the command of Redocly."""
    return [*tool(LINTERS, "redocly"), "lint", "--config", str(ROOT / "redocly.yaml")]


def lint(command: list[str], document: dict[str, Any], folder: Path) -> tuple[int, str]:
    """Run a linter; tell its exit code, and what it says."""
    file = folder / "openapi.json"
    file.write_text(json.dumps(document), "utf-8")
    done = subprocess.run(  # noqa: S603  # fixed commands
        [*command, file.name],
        cwd=folder,
        env=os.environ | QUIET,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("linter", [spectral, redocly])
def test_document__before_a_linter(
    linter: Callable[[], list[str]], document: dict[str, Any], tmp_path: Path
) -> None:
    """It has nothing to say."""
    code, said = lint(linter(), document, tmp_path)
    assert code == 0, said


@pytest.mark.parametrize("linter", [spectral, redocly])
def test_fault__is_found(
    linter: Callable[[], list[str]], document: dict[str, Any], tmp_path: Path
) -> None:
    """A response without its description would be found."""
    planted = json.loads(json.dumps(document))
    del planted["paths"]["/api/v1/projects"]["get"]["responses"]["200"]["description"]
    code, said = lint(linter(), planted, tmp_path)
    assert code == 1
    assert "description" in said
