"""Who may import whom: read from the source, and held."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "pageviews_api"

SOURCE = Path(__file__).parent.parent / "src" / PACKAGE

ALL = frozenset({"*"})

PURE = frozenset({"clock", "daterange", "exceptions", "schemas"})

MAY_USE = {
    "clock": frozenset[str](),
    "exceptions": frozenset[str](),
    "scheduler": frozenset[str](),
    "daterange": frozenset({"exceptions"}),
    "schemas": frozenset({"daterange", "exceptions"}),
    "series": frozenset({"daterange", "exceptions", "schemas"}),
    "annotations": frozenset({"daterange", "schemas"}),
    "charts": frozenset({"schemas"}),
    "days": frozenset({"daterange", "exceptions", "schemas"}),
    "namespaces": frozenset[str](),
    "top_range": frozenset({"schemas"}),
    "cache": frozenset({"clock", "exceptions"}),
    "budget": frozenset({"clock", "exceptions"}),
    "shared": frozenset({"clock", "exceptions"}),
    "rate_limit": frozenset({"clock", "shared"}),
    "shared_gate": frozenset({"budget", "clock", "exceptions", "shared"}),
    "clients": PURE
    | {"annotations", "budget", "cache", "days", "namespaces", "series", "top_range"},
    "archive": PURE | {"clients", "days", "series"},
    "article_sets": PURE | {"budget", "clients"},
    "side_by_side": PURE | {"clients", "days"},
    "representation": frozenset({"daterange", "exceptions", "schemas"}),
    "config": frozenset({"exceptions", "schemas"}),
    "logs": frozenset({"exceptions"}),
    "resources": PURE
    | {"", "archive", "article_sets", "budget", "cache", "clients", "config"}
    | {"scheduler", "shared", "shared_gate"},
    "dependencies": PURE
    | {"archive", "article_sets", "clients", "exception_handlers"}
    | {"middleware", "representation", "resources", "side_by_side"},
    "routers": PURE
    | {"", "archive", "charts", "clients", "dependencies", "representation", "series"},
    "openapi": frozenset({"schemas"}),
    "exception_handlers": frozenset({"clock", "exceptions", "schemas"}),
    "middleware": frozenset({"clock", "exceptions", "rate_limit", "schemas"}),
    "demo": frozenset({"daterange", "schemas"}),
    "": frozenset[str](),
    "__main__": ALL,
    "cli": ALL,
    "docs_page": ALL,
    "main": ALL,
}
"""What each module, or package, may use of ours; the empty name is the package's own version."""

PLACES = {
    "aioboto3": {"clients.archive_store_s3"},
    "aiobotocore": {"clients.archive_store_s3"},
    "aiocache": {"cache"},
    "aiohttp": {"clients.archive_store_s3"},
    "botocore": {"clients.archive_store_s3"},
    "cronsim": {"config", "scheduler"},
    "fastapi": {
        "dependencies",
        "docs_page",
        "exception_handlers",
        "main",
        "middleware",
        "openapi",
        "routers",
        "cli",  # only for its types
        "demo",
    },
    "fastapi_offline": {"docs_page"},
    "httpx": {"clients.base", "resources.http", "resources.sites", "resources.upstream"},
    "pydantic_settings": {"config"},
    "redis": {"shared"},
    "starlette_compress": {"main"},
    "typer": {"cli"},
    "uvicorn": {"cli"},
}
"""Where each library has its place: a module, or a package with all that is in it."""

PURE_ARCHIVE = {
    "archive.check",
    "archive.comparison",
    "archive.document",
    "archive.due",
    "archive.encoding",
    "archive.facts",
    "archive.form",
    "archive.rankings",
    "archive.sites.check",
    "archive.sites.document",
}
"""The part of the archive that only decides: it does not know any store, either."""

PURE_SIDE_BY_SIDE = {"side_by_side.lags", "side_by_side.points", "side_by_side.site_days"}
"""The part of it that asks nobody."""

PURE_SUMS = {
    *PURE_SIDE_BY_SIDE,
    *("annotations", "charts", "days", "namespaces", "representation", "series", "top_range"),
}
"""What only decides, sums and draws."""

PURE_SITES = {"clients.matomo_reports", "clients.site_days", "clients.site_pages"}
"""The part of asking a site's analytics that only decides."""

NO_ASYNC = {"daterange", "exceptions", "schemas"} | PURE_SUMS | PURE_ARCHIVE | PURE_SITES
"""Modules that decide, and wait for nothing."""

NO_LOGS_NOR_CLOCK = PURE_SUMS | PURE_ARCHIVE | PURE_SITES

Import = tuple[str, int, str]
"""Who imports, in which line, and what: both by their full dotted names."""


def _modules(source: Path) -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(source.rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        yield name, ast.parse(file.read_text("utf-8"), str(file))


def imports(source: Path) -> list[Import]:
    """Read every import of every module, inside functions and ``TYPE_CHECKING`` blocks, too."""
    found: list[Import] = []
    for name, tree in _modules(source):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found += [(name, node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}:{node.lineno} imports by a relative name"
                assert node.module is not None
                whole = node.module == PACKAGE
                found += [
                    (name, node.lineno, f"{node.module}.{alias.name}" if whole else node.module)
                    for alias in node.names
                ]
    return found


def _row(module: str) -> str:
    """Tell the row of the table that a module belongs to."""
    return module.split(".", maxsplit=1)[0]


def strays_of_ours(source: Path) -> list[str]:
    """Tell each import of a module of ours that the table does not allow."""
    strays = []
    for module, line, what in imports(source):
        if what.split(".")[0] != PACKAGE:
            continue
        used = what.removeprefix(PACKAGE).removeprefix(".").split(".")[0]
        used = "" if used.startswith("__") else used
        allowed = MAY_USE[_row(module)]
        if used != _row(module) and used not in allowed and allowed is not ALL:
            strays.append(f"{module}:{line} uses {used!r}, which {_row(module)} may not")
    return strays


def strays_of_libraries(source: Path) -> list[str]:
    """Tell each import of a library away from its place."""
    return [
        f"{module}:{line} uses {library}, whose place is {', '.join(sorted(places))}"
        for module, line, what in imports(source)
        for library, places in PLACES.items()
        if what.split(".")[0] == library
        and not any(f"{module}.".startswith(f"{place}.") for place in places)
    ]


def test_table__has_every_module() -> None:
    """Every module at the top has a row in the table, and every row a module."""
    here = {_row(module) for module, _ in _modules(SOURCE)}
    assert here == MAY_USE.keys()


def test_imports__of_ours() -> None:
    """No module uses one of ours that it may not."""
    assert strays_of_ours(SOURCE) == []


def test_imports__of_libraries() -> None:
    """Each library is used in its place only."""
    assert strays_of_libraries(SOURCE) == []


def test_imports__of_what_is_declared() -> None:
    """Whatever is imported is ours, Python's, or a library that we know."""
    known = PLACES.keys() | {
        PACKAGE,
        "asgi_correlation_id",
        "loguru",
        "pydantic",
        "pydantic_core",
        "starlette",
        "types_aiobotocore_s3",
    }
    used = {what.split(".")[0] for _, _, what in imports(SOURCE)}
    assert used - sys.stdlib_module_names <= known


def test_pure_modules__wait_for_nothing() -> None:
    """What only decides is not async, and neither logs nor looks at a clock."""
    for module, tree in _modules(SOURCE):
        if {_row(module), module} & NO_ASYNC:
            nodes = [type(node).__name__ for node in ast.walk(tree)]
            assert not [name for name in nodes if name.startswith(("Async", "Await"))], module
    unwanted = {"asyncio": NO_ASYNC, "loguru": NO_LOGS_NOR_CLOCK, "time": NO_LOGS_NOR_CLOCK}
    for module, line, what in imports(SOURCE):
        places = unwanted.get(what, set())
        assert not {_row(module), module} & places, f"{module}:{line} uses {what}"


def test_pure_archive__knows_no_store() -> None:
    """What an archive is does not depend on where it is kept."""
    here = {module for module, _ in _modules(SOURCE)}
    assert here >= PURE_ARCHIVE
    for module, line, what in imports(SOURCE):
        stray = module in PURE_ARCHIVE and what.startswith(f"{PACKAGE}.clients")
        assert not stray, f"{module}:{line} uses {what}"


def test_environment__is_read_in_one_place() -> None:
    """Only ``config`` reads the environment."""
    readers = {
        module
        for module, tree in _modules(SOURCE)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers <= {"config"}


def test_schedule__is_given_what_it_runs() -> None:
    """The scheduler uses nothing of ours."""
    assert not [
        what for module, _, what in imports(SOURCE) if module == "scheduler" and PACKAGE in what
    ]


@pytest.mark.parametrize(
    ("file", "line", "stray"),
    [
        ("scheduler.py", "from pageviews_api.clock import Clock", "scheduler:1 uses 'clock'"),
        ("exceptions.py", "import pageviews_api.config", "exceptions:1 uses 'config'"),
        ("schemas/new.py", "from pageviews_api import cache", "schemas.new:1 uses 'cache'"),
        ("routers/new.py", "from pageviews_api.config import Settings", "uses 'config'"),
        ("clients/new.py", "def f():\n    from pageviews_api.main import x", "clients.new:2"),
        ("cache.py", "import httpx", "cache:1 uses httpx"),
        ("clients/aqs.py", "import httpx", "clients.aqs:1 uses httpx"),
        ("clients/matomo.py", "import httpx", "clients.matomo:1 uses httpx"),
        ("clients/base.py", "from fastapi import Request", "clients.base:1 uses fastapi"),
        ("clients/pageviews.py", "import aiocache.base", "clients.pageviews:1 uses aiocache"),
        ("main.py", "from pydantic_settings import BaseSettings", "main:1 uses pydantic_settings"),
    ],
)
def test_planted_stray__is_found(tmp_path: Path, file: str, line: str, stray: str) -> None:
    """A stray import is found, wherever it stands, and told with its place."""
    planted = tmp_path / file
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"{line}\n", "utf-8")
    (found,) = strays_of_ours(tmp_path) + strays_of_libraries(tmp_path)
    assert stray in found
