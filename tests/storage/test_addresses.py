"""A path or URI names a filesystem and a path on it."""

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from distilray.storage import resolve
from distilray.storage.addresses import VIRTUAL, without_keys


def test_a_local_path_may_be_relative_or_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert resolve("runs/../runs/first") == (pafs.LocalFileSystem(), str(tmp_path / "runs" / "first"))
    assert resolve("~/runs") == (pafs.LocalFileSystem(), "/home/me/runs")
    assert resolve(tmp_path) == (pafs.LocalFileSystem(), str(tmp_path))


@pytest.mark.parametrize("query", ["?region=eu-west-1", "?region=eu-west-1&allow_delayed_open=true"])
def test_small_files_on_s3_cost_one_request(query):
    filesystem, path = resolve(f"s3://bucket/runs{query}")
    assert path == "bucket/runs"
    assert filesystem.__reduce__()[1][0]["allow_delayed_open"] is True


def test_a_uri_that_no_filesystem_knows_is_an_error():
    with pytest.raises((ValueError, pa.ArrowException), match="gopher"):
        resolve("gopher://host/path")


def test_what_fsspec_knows_is_named_with_its_prefix_and_needs_its_package():
    filesystem, path = resolve("fsspec+memory://bucket/runs/first/")
    assert filesystem.type_name == "py::fsspec+memory" and path == "/bucket/runs/first"
    with pytest.raises(ValueError, match="installed on every node"):
        resolve("fsspec+oci://bucket/runs")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://AKIA:very+secret@bucket/run", "s3://***@bucket/run"),
        ("cannot open 's3://a:b@c/d': refused", "cannot open 's3://***@c/d': refused"),
        ("abfss://container@account.dfs.core.windows.net/run", "abfss://container@account.dfs.core.windows.net/run"),
        ("abfs://box:word@account.dfs.core.windows.net/run", "abfs://box:***@account.dfs.core.windows.net/run"),
        ("s3://b/run?access_key=A&secret_key=B&region=x", "s3://b/run?access_key=***&secret_key=***&region=x"),
        ("abfs://b@a.x/run?client_secret=B&tenant_id=x", "abfs://b@a.x/run?client_secret=***&tenant_id=x"),
        ("gs://bucket/run?scheme=http", "gs://bucket/run?scheme=http"),
    ],
)
def test_keys_of_every_kind_of_address_are_not_shown(address, shown):
    assert without_keys(address) == shown


@pytest.mark.parametrize("query", [f"{VIRTUAL}&region=cn", f"region=cn&{VIRTUAL}", f"endpoint_override=x&{VIRTUAL}"])
def test_a_bucket_may_be_part_of_the_hosts_name(query):
    filesystem, path = resolve(f"s3://bucket/runs?{query}")
    settings = filesystem.__reduce__()[1][0]
    assert settings["force_virtual_addressing"] is True and settings["allow_delayed_open"] is True
    assert path == "bucket/runs" and ("region" not in query or filesystem.region == "cn")
