"""What the archive's commands do where sites are configured."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from pageviews_api import resources as module
from pageviews_api.archive.shelf import DayResult, Shelf
from pageviews_api.archive.sites.archiver import SitesArchiver
from pageviews_api.archive.sites.document import SITES
from pageviews_api.cli import app
from pageviews_api.clients.archive_store_folder import FolderArchiveStore
from pageviews_api.clients.archive_store_s3 import S3ArchiveStore
from pageviews_api.clock import SystemClock
from pageviews_api.daterange import DateRange
from pageviews_api.exceptions import ArchiveUnavailableError, UpstreamTimeoutError
from tests.support.archived_site import ArchivedFakeSite, FakeSites
from tests.support.processes import DEAD, environment
from tests.support.s3_servers import S3Server

TODAY = datetime.now(UTC).date()
"""By the machine's own clock, as a command lives by it."""

EARLIER = TODAY - timedelta(days=3)

Given = Callable[..., ArchivedFakeSite]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Name the folder of the sites' archives."""
    return tmp_path / "sites"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Given:
    """Let the command meet a site; ``failure`` is what befalls the other archive."""
    for name, value in environment(DEAD, ARCHIVE_DIR=str(folder.with_name("archives"))).items():
        if name != "PATH":
            monkeypatch.setenv(name, value)
    real = module.open_resources

    def give(failure: Exception | None = None) -> ArchivedFakeSite:
        site = ArchivedFakeSite(SystemClock(), "blog", ZoneInfo("Pacific/Auckland"))

        @asynccontextmanager
        async def opened(*args: Any, **more: Any) -> AsyncIterator[module.Resources]:  # noqa: ANN401  # passed on
            async with real(*args, **more) as resources:

                async def run(**_: object) -> list[DayResult]:
                    if failure is not None:
                        raise failure
                    return []

                monkeypatch.setattr(resources.archiver, "run", run)
                clock = SystemClock()
                shelf = Shelf(FolderArchiveStore(folder), SITES, clock=clock)
                sites = SitesArchiver(FakeSites(site), shelf, clock=clock)
                yield replace(resources, sites_archiver=sites)

        monkeypatch.setattr(module, "open_resources", opened)
        return site

    return give


def call(*words: str) -> Result:
    """Run one of the archive's commands within this process."""
    return CliRunner().invoke(app, ["archive", *words])


def test_run__archives_sites(given: Given, folder: Path) -> None:
    """The sites are archived after the other archive, and the output says so."""
    site = given()
    day = ("--date", str(EARLIER))
    first = call("run", *day)
    assert first.exit_code == 0, first.output
    assert f"{EARLIER}  written, complete, late  sites/{EARLIER}.json" in first.stdout
    assert (folder / f"{EARLIER}.json").is_file()

    again = call("run", *day)
    assert again.exit_code == 0
    assert f"{EARLIER}  unchanged, complete, late" in again.stdout
    assert len(site.asked) == 1


def test_run__other_archive_fails(given: Given, folder: Path) -> None:
    """Where the other archive cannot be made, that of the sites is, and the exit code is 1."""
    given(failure=UpstreamTimeoutError("aqs", "gave no answer in time"))
    result = call("run", "--date", str(EARLIER))
    assert result.exit_code == 1
    assert f"{EARLIER}  written, complete, late" in result.stdout
    assert "gave no answer in time" in result.stderr
    assert (folder / f"{EARLIER}.json").is_file()


def test_run__site_fails(given: Given, folder: Path) -> None:
    """Where a site cannot be had, the exit code is 1, and nothing is written."""
    given().failure = UpstreamTimeoutError("matomo", "gave no answer in time")
    result = call("run", "--date", str(EARLIER))
    assert result.exit_code == 1
    assert f"{EARLIER}  failed  no day is known: gave no answer in time" in result.stdout
    assert not (folder / f"{EARLIER}.json").exists()


def test_run__store_of_sites_fails(given: Given, folder: Path) -> None:
    """Where the sites' store cannot be read, the other archive's results are told even so."""
    given()
    folder.write_bytes(b"no folder")
    result = call("run", "--date", str(EARLIER))
    assert result.exit_code == 1
    assert "every archive is complete already" in result.stdout
    assert "pageviews-api: " in result.stderr
    assert not isinstance(result.exception, ArchiveUnavailableError)


def test_backfill__days_of_a_month(given: Given, folder: Path) -> None:
    """Many days are asked for at once."""
    site = given()
    start = TODAY - timedelta(days=20)
    result = call("backfill", "--start", str(start), "--end", str(EARLIER))
    assert result.exit_code == 0, result.output
    assert len(list(folder.glob("*.json"))) == 18
    assert [len(days) for days in site.asked] == [47]


class TestLookedAt:
    """What the commands that only read tell of the sites' archives."""

    @pytest.fixture(autouse=True)
    def archived(self, given: Given, folder: Path) -> Path:
        """Archive two days of a site; give the file of the earlier one."""
        given()
        for day in (EARLIER, EARLIER - timedelta(days=1)):
            assert call("run", "--date", str(day)).exit_code == 0
        return folder / f"{EARLIER - timedelta(days=1)}.json"

    def test_list__of_sites(self, archived: Path) -> None:
        """Archives of the sites are told like the others, with how many sites are in each."""
        result = call("list", "--sites")
        assert result.exit_code == 0
        head, *rows, gaps = result.stdout.splitlines()
        assert head.split() == ["date", "state", "observed", "sites", "bytes", "sha256"]
        assert [row[:10] for row in rows] == [str(EARLIER), archived.stem]
        assert "1 ok" in rows[0]
        assert gaps.startswith("not archived: ")
        first = json.loads(call("list", "--sites", "--json").stdout.splitlines()[0])
        assert first["sites"] == {"ok": 1, "no_data": 0, "failed": 0}

    def test_verify__of_sites(self, archived: Path) -> None:
        """A document of the sites that was changed by hand is found."""
        result = call("verify", "--sites")
        assert (result.exit_code, result.stdout) == (
            *(0, "2 archives read, 0 bad, 0 without a SHA-256 beside them\n"),
        )
        archived.write_text(archived.read_text().replace('"visits":', '"visits":1', 1))
        result = call("verify", "--sites")
        assert result.exit_code == 1
        assert result.stdout.startswith(f"{archived.stem}  ")
        assert "2 archives read, 1 bad" in result.stdout

    def test_show__of_sites(self, archived: Path) -> None:
        """A document is shown byte for byte; an article of it there is none."""
        result = call("show", "--sites", archived.stem)
        assert (result.exit_code, result.stdout_bytes) == (0, archived.read_bytes())
        result = call("show", "--sites", archived.stem, "--article", "fr.wikipedia/Strasbourg")
        assert (result.exit_code, result.stdout) == (2, "")
        result = call("show", "--sites", str(TODAY))
        assert (result.exit_code, result.stdout) == (1, "")

    def test_list__folder_without_a_name(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path
    ) -> None:
        """Where the archives' folder is told as the one that one is in, that of sites is found."""
        folder.with_name("archives").mkdir(exist_ok=True)
        monkeypatch.chdir(folder.with_name("archives"))
        monkeypatch.setenv("ARCHIVE_DIR", ".")
        result = call("list", "--sites")
        assert (result.exit_code, result.stderr.count("no folder")) == (0, 0)
        assert str(EARLIER) in result.stdout

    def test_list__others_are_apart(self, folder: Path) -> None:
        """Without the option the sites' archives are not told of."""
        folder.with_name("archives").mkdir(exist_ok=True)
        assert "nothing is archived" in call("list").stdout


def test_list__no_folder_of_sites(given: Given) -> None:
    """Where no site was ever archived, there is nothing to read."""
    given()
    result = call("list", "--sites")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no folder" in result.stderr


def test_reading__of_sites_in_a_bucket(
    given: Given, seaweedfs_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bucket, too, the sites' archives are found beside the others."""
    site, place, server = given(), uuid4().hex, seaweedfs_server

    async def archive() -> None:
        async with server.client() as client:
            store = S3ArchiveStore(client, bucket=server.bucket, prefix=f"{place}/sites/")
            shelf = Shelf(store, SITES, clock=SystemClock())
            sites = SitesArchiver(FakeSites(site), shelf, clock=SystemClock())
            await sites.run(only=DateRange.only(EARLIER))

    asyncio.run(archive())
    monkeypatch.setenv("ARCHIVE_BUCKET", server.bucket)
    monkeypatch.setenv("ARCHIVE_PREFIX", f"{place}/archives/")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint_url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_access_key)
    assert str(EARLIER) in call("list", "--sites").stdout
    assert call("verify", "--sites").stdout.startswith("1 archive read, 0 bad")
    assert '"site":"blog"' in call("show", "--sites", str(EARLIER)).stdout
    assert "nothing is archived" in call("list").stdout
