"""A file is there whole or not at all, on every kind of filesystem."""

import fsspec
import pyarrow as pa
import pyarrow.fs as pafs
import pytest

from distilray.storage import put, resolve


def read(filesystem, path):
    with filesystem.open_input_stream(path) as stream:
        return stream.read()


@pytest.fixture(params=["local", "folder of the disk", "s3", "neither disk nor object store"])
def place(request, tmp_path):
    """A filesystem and a folder on it."""
    if request.param == "local":
        return resolve(tmp_path / "new")
    if request.param == "folder of the disk":
        return pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem()), "new"
    if request.param == "s3":
        return resolve(request.getfixturevalue("s3_store").uri)
    memory = pafs.PyFileSystem(pafs.FSSpecHandler(fsspec.filesystem("memory")))
    return memory, f"/{tmp_path.name}"


def test_the_last_one_written_is_what_is_read_and_nothing_else_lies_there(place):
    filesystem, folder = place
    for text in (b"a longer first one", b"second"):
        put(filesystem, f"{folder}/file", text)
    assert read(filesystem, f"{folder}/file") == b"second"
    names = [info.base_name for info in filesystem.get_file_info(pafs.FileSelector(folder))]
    assert names == ["file"]


def test_what_is_no_buffer_leaves_what_was_there(place):
    filesystem, folder = place
    put(filesystem, f"{folder}/file", b"old")
    with pytest.raises((TypeError, pa.ArrowException)):
        put(filesystem, f"{folder}/file", "text")  # type: ignore[arg-type]
    assert read(filesystem, f"{folder}/file") == b"old"


def test_a_write_that_fails_leaves_no_temporary_file(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        put(pafs.LocalFileSystem(), str(tmp_path / "taken"), b"a folder is there")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
