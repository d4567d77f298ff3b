"""A source's path is a file, a folder, a glob or a saved data set, on any filesystem of pyarrow's."""

import pickle
from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict
from pyarrow import fs

from distilray.sources import Source, SourceError, list_files

RECORD = '{"instruction": "Add 2 and 3."}\n'


def put(folder, *names, text=RECORD):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def names(path, **settings):
    return [file.name for file in list_files(Source(name="s", path=str(path), **settings))]


def test_a_file_is_named_by_its_last_part(tmp_path):
    put(tmp_path, "a.jsonl")
    assert names(tmp_path / "a.jsonl") == ["a.jsonl"]
    assert names(f"file://{tmp_path}/a.jsonl") == ["a.jsonl"]


def test_a_folder_gives_what_can_be_read_below_it_in_order(tmp_path):
    put(tmp_path, "b.jsonl", "a/2.json", "a/1.jsonl.gz", "README.md", ".cache/c.jsonl", "_tmp/d.jsonl")
    assert names(tmp_path) == ["a/1.jsonl.gz", "a/2.json", "b.jsonl"]


def test_a_glob_stays_in_its_folder_unless_it_has_two_stars(tmp_path):
    put(tmp_path, "a1.jsonl", "a2.txt", "b1.jsonl", "deep/er/a3.jsonl")
    assert names(f"{tmp_path}/a*") == ["a1.jsonl", "a2.txt"]
    assert names(f"{tmp_path}/[!a]*.jsonl") == ["b1.jsonl"]
    assert names(f"{tmp_path}/**/*.jsonl") == ["a1.jsonl", "b1.jsonl", "deep/er/a3.jsonl"]


def test_a_saved_data_set_gives_its_arrow_files_in_its_own_order(tmp_path):
    Dataset.from_dict({"instruction": ["a", "b", "c"]}).save_to_disk(tmp_path / "set", num_shards=2)
    files = list_files(Source(name="s", path=str(tmp_path / "set")))
    assert [file.name for file in files] == ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    assert {file.format for file in files} == {"hf"}


def test_a_data_set_with_splits_needs_one_named(tmp_path):
    one = Dataset.from_dict({"instruction": ["a"]})
    DatasetDict(train=one, test=one).save_to_disk(tmp_path / "set")
    assert names(tmp_path / "set", split="test") == ["test/data-00000-of-00001.arrow"]
    with pytest.raises(SourceError, match=r"has the splits train, test\. Name one of them as `split`"):
        names(tmp_path / "set")


def test_files_on_a_filesystem_that_is_given(tmp_path):
    put(tmp_path, "in/a.jsonl", "in/b.jsonl")
    store = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    files = list_files(Source(name="s", path="in"), store)
    assert [(file.name, file.path) for file in files] == [("a.jsonl", "in/a.jsonl"), ("b.jsonl", "in/b.jsonl")]


def test_files_travel_to_other_processes(tmp_path):
    put(tmp_path, "a.jsonl")
    files = list_files(Source(name="s", path=str(tmp_path)))
    assert pickle.loads(pickle.dumps(files)) == files


@pytest.mark.parametrize(
    ("path", "problem", "remedy"),
    [
        ("nowhere/x.jsonl", "does not exist", "Correct the path"),
        ("*.parquet", "matches no file", "Correct the pattern"),
        ("pictures", r"holds no readable file \(it holds a.png\)", "Readable are"),
        ("empty.jsonl", "is empty", "at least one record"),
    ],
)
def test_a_path_without_rows_is_an_error_with_place_and_remedy(tmp_path, path, problem, remedy):
    put(tmp_path, "pictures/a.png")
    put(tmp_path, "empty.jsonl", text="")
    with pytest.raises(SourceError, match=problem) as caught:
        names(tmp_path / path)
    assert caught.value.place == f"source 's', path {tmp_path / path}"
    assert remedy in caught.value.remedy


def test_an_address_that_no_filesystem_knows_is_an_error():
    with pytest.raises(SourceError, match="cannot be listed"):
        names("nosuch://bucket/a.jsonl")


def test_a_source_error_survives_the_way_back_from_a_worker():
    error = SourceError("here", "is wrong", "Mend it")
    assert str(pickle.loads(pickle.dumps(error))) == "here: is wrong. Mend it."


@pytest.mark.parametrize(("name", "remedy"), [("a.csv", "read_csv"), ("a.csv.gz", "read_csv"), ("a.zip", "unpack it")])
def test_a_file_of_a_format_that_is_not_read_is_refused_with_what_to_write(
    tmp_path: Path, name: str, remedy: str
) -> None:
    (tmp_path / name).write_text('{"instruction": "a"}')
    with pytest.raises(SourceError, match=rf"is a \.\w+ file, which is not read. .*{remedy}"):
        list_files(Source(name="s", path=str(tmp_path / name)))
    assert list_files(Source(name="s", path=str(tmp_path / name), format="jsonl"))
