"""A path or URI names a filesystem and a path on it."""

import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from distilray.storage import resolve


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
