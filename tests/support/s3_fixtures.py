"""Fixtures with real S3 servers; each server starts when a test first asks for it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.s3_servers import S3Server, moto, rclone, seaweedfs


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS, the strict one, started once for the whole run."""
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Rclone, which ignores conditions and checksums."""
    with rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """Moto, quick and credulous."""
    with moto() as server:
        yield server


@pytest.fixture
async def seaweedfs_proxy(seaweedfs_server: S3Server) -> AsyncIterator[FaultProxy]:
    """Put a fault proxy before SeaweedFS; it forwards until told otherwise."""
    async with FaultProxy("127.0.0.1", seaweedfs_server.port).running() as proxy:
        yield proxy
