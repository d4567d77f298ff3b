"""The data sets of published benchmarks: from a directory, or from the hub, of which a cache stands in here."""

from __future__ import annotations

import zipfile
from pathlib import Path

import huggingface_hub
import pytest

from distilray.evaluate import BenchmarkDataError, benchmark_questions, published_benchmark
from distilray.evaluate.asking import hub
from distilray.evaluate.asking.questions import asked_questions
from tests.support.published_data import ASKED, SAMPLES, put, table


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders below it are the hub's repositories; what is asked of the hub is checked against the layout."""
    root = tmp_path / "repositories"

    def snapshot(repository: str, *, repo_type: str, allow_patterns: list[str]) -> str:
        assert repo_type in ("dataset", "space") and allow_patterns
        folder = root / repository.replace("/", "--")
        if not folder.is_dir():
            raise FileNotFoundError(f"no {repository} without a connection")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.setattr(hub, "hub_cache", lambda: tmp_path / "cache")
    hub._snapshot.cache_clear()
    yield root
    hub._snapshot.cache_clear()


@pytest.mark.parametrize("name", ASKED)
def test_a_directory_of_all_benchmarks_or_of_one_alone(name: str, tmp_path: Path):
    files = ASKED[name]()
    put(tmp_path / "all", {f"{name}/{path}": content for path, content in files.items()})
    put(tmp_path / "one", files)
    both = [list(benchmark_questions(name, str(tmp_path / folder))) for folder in ("all", "one")]
    assert both[0] == both[1] and both[0]
    assert all(record["messages"][0]["role"] == "user" for record in both[0])


def test_references_of_conversations_come_from_their_own_file(tmp_path: Path):
    asked = published_benchmark("mt_bench").asker()
    first, second = asked_questions(asked, put(tmp_path / "d", ASKED["mt_bench"]()))
    assert (first.record["reference"], second.record["reference"]) == (None, ["12", "24"])


def test_without_a_directory_the_hub_is_asked(repositories: Path):
    sample = SAMPLES["gsm8k"]()
    put(repositories / "openai--gsm8k", {"main/test-00000.parquet": sample.files["test.jsonl"]})
    assert len(list(benchmark_questions("gsm8k"))) == 2


def test_what_the_hub_does_not_give_has_to_be_downloaded_by_hand(repositories: Path):
    with pytest.raises(BenchmarkDataError) as raised:
        list(benchmark_questions("gpqa_diamond"))
    text = str(raised.value)
    assert "the dataset Idavidrein/gpqa cannot be fetched" in text and "no Idavidrein/gpqa without a connection" in text
    assert "gpqa_diamond/gpqa_diamond.csv" in text and "--data-dir" in text and "gated" in text


def test_an_archive_of_the_hub_is_unpacked_once(repositories: Path, tmp_path: Path):
    folder = repositories / "haonan-li--cmmlu"
    folder.mkdir(parents=True)
    text = table(["", "Question", "A", "B", "C", "D", "Answer"], [0, "天空是什么颜色？", "红", "蓝", "绿", "灰", "B"])
    with zipfile.ZipFile(folder / "cmmlu_v1_0_1.zip", "w") as archive:
        archive.writestr("test/arts.csv", text)
    assert len(list(benchmark_questions("cmmlu"))) == 1
    [unpacked] = (tmp_path / "cache" / "distilray-benchmarks").iterdir()
    before = unpacked.stat().st_mtime_ns
    assert len(list(benchmark_questions("cmmlu"))) == 1
    assert unpacked.stat().st_mtime_ns == before


def test_another_release_is_refused(tmp_path: Path):
    sample = SAMPLES["livecodebench_v2"]()
    late = {**sample.files["test.jsonl"][0], "contest_date": "2024-11-02T00:00:00"}
    with pytest.raises(BenchmarkDataError, match="is of 2024-11-02: not of release_v2: problems .* to 2024-05"):
        list(benchmark_questions("livecodebench_v2", put(tmp_path / "d", {"test.jsonl": [late]})))
