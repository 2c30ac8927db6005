"""A real nginx for tests: a cache in front of a service, that does as the answers say."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import pytest

_START_TRIES = 3
"""A port that was free a moment ago may be taken by the time a server binds it."""

# Nothing here says how long anything is kept, or when it may be served stale: the answers do.
_CONFIGURATION = """
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache levels=1:2 keys_zone=edge:1m inactive=1d use_temp_path=off;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {behind};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_cache edge;
            proxy_cache_key $request_uri;
            proxy_cache_lock on;
            proxy_cache_revalidate on;
            proxy_cache_background_update {background};
            proxy_hide_header RateLimit;
            proxy_hide_header RateLimit-Policy;
            add_header X-Cache-Status $upstream_cache_status always;
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, behind: str, *, background: bool = True) -> Iterator[str]:
    """Run nginx in front of what is ``behind`` it; gives its base URL.

    ``background``: what is stale is served while it is asked anew. The test is skipped where there
    is no nginx.
    """
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("NOT TESTED behind a cache: there is no nginx (apt-get install nginx-light)")
    for _ in range(_START_TRIES):
        port = _free_port()
        text = _CONFIGURATION.format(
            # As root it would give up its rights, and could not write into the test's folder.
            user="user root;" if os.geteuid() == 0 else "",
            folder=folder,
            port=port,
            behind=behind.rstrip("/"),
            background="on" if background else "off",
        )
        (folder / "nginx.conf").write_text(text)
        words = (program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;")
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)  # noqa: S603  # our own words
        try:
            if _listens(port, process):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            process.terminate()
            process.wait()
    pytest.fail(f"nginx did not start: {(folder / 'log').read_text()[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _listens(port: int, process: "subprocess.Popen[bytes]", within: float = 30.0) -> bool:
    pause, until = Event(), time.monotonic() + within
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
        pause.wait(0.01)
    return False
