"""Sources are read from, and exports go to, an S3 server."""

import json
import os
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from distilray.export import export
from distilray.sources import Source, SourceError, list_files, read_batches

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket as a function of a path to a URI: ``{path}`` stands where the path goes."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    before = dict(os.environ)
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true")
    host, port = server.get_host_and_port()
    yield f"s3://bucket/{{path}}?scheme=http&endpoint_override={host}:{port}&allow_bucket_creation=true"
    server.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def lines(bucket: str) -> str:
    store, path = fs.FileSystem.from_uri(bucket.format(path="in"))
    store.create_dir(path, recursive=True)
    for name in ("b", "a"):
        with store.open_output_stream(f"{path}/{name}.jsonl") as stream:
            for k in range(3):
                stream.write(json.dumps({"instruction": f"{name}{k}", "output": "x"}).encode() + b"\n")
    return bucket


def read(uri):
    return [row for table in read_batches(Source(name="s", path=uri), 2) for row in table.to_pylist()]


def test_a_folder_and_a_glob_on_s3_are_read(lines):
    ids = [f"s/{name}.jsonl:{k}" for name in "ab" for k in (1, 2, 3)]
    assert [row["id"] for row in read(lines.format(path="in"))] == ids
    assert [row["id"] for row in read(lines.format(path="in/b*"))] == ids[3:]


def test_a_missing_object_is_an_error_with_its_address(lines):
    with pytest.raises(SourceError, match="in/c.jsonl.* does not exist"):
        list_files(Source(name="s", path=lines.format(path="in/c.jsonl")))


def test_an_export_on_s3_is_read_back_and_has_no_remains(lines):
    tables = list(read_batches(Source(name="s", path=lines.format(path="in")), 2))
    exported = export(tables, "messages", lines.format(path="out"))
    assert (exported.rows, exported.files) == (6, ["data/train-00000.parquet"])
    again = read(lines.format(path="out/data"))
    assert [row["messages"][0]["content"] for row in again] == ["a0", "a1", "a2", "b0", "b1", "b2"]
    store, path = fs.FileSystem.from_uri(lines.format(path="out"))
    names = [info.base_name for info in store.get_file_info(fs.FileSelector(f"{path}/data"))]
    assert names == ["train-00000.parquet"]
