"""A store of every kind that a run can lie on: a folder, and an S3-compatible server on loopback."""

import logging
import os
import urllib.request
import uuid

import pytest
from moto.server import ThreadedMotoServer

from distilray.storage import Store
from tests.support.practice_run import write_practice_run

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def s3_endpoint():
    os.environ.update(CREDENTIALS)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/runs", method="PUT"))
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def s3_store(s3_endpoint):
    return Store(f"s3://runs/{uuid.uuid4().hex}?scheme=http&endpoint_override={s3_endpoint}&region=us-east-1")


@pytest.fixture
def local_store(tmp_path):
    return Store(tmp_path / "run")


@pytest.fixture(params=["local", "s3"])
def store(request):
    return request.getfixturevalue(f"{request.param}_store")


@pytest.fixture(scope="session")
def practice_run(tmp_path_factory):
    """A finished run on the local disk, to read only."""
    store = Store(tmp_path_factory.mktemp("runs") / "practice")
    write_practice_run(store)
    return store
