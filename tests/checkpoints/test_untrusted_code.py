"""Code that lies in a checkpoint does not run, whatever its files ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.checkpoints import NotACheckpoint, load_tokenizer
from tests.support.checkpoints import make_student
from tests.support.paths import ROOT

AUTO = {
    "config.json": {"AutoConfig": "planted.Config", "AutoModelForCausalLM": "planted.Model"},
    "tokenizer_config.json": {"AutoTokenizer": ["planted.Tokenizer", None]},
}


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A checkpoint with code of its own, which leaves a mark where it is imported."""
    folder = Path(make_student(tmp_path / "student"))
    (folder / "planted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: ...\n")
    for name, auto in AUTO.items():
        settings = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(settings | {"auto_map": auto}))
    return folder


def test_code_beside_a_known_architecture_is_left_alone(planted: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    assert len(load_tokenizer(str(planted)))
    assert AutoModelForCausalLM.from_pretrained(planted).config.model_type == "qwen2"
    assert not (tmp_path / "ran").exists()


def test_a_tokenizer_that_only_its_own_code_knows_is_refused(planted: Path, tmp_path: Path) -> None:
    for name in AUTO:
        settings = json.loads((planted / name).read_text()) | {"model_type": "planted", "tokenizer_class": "Planted"}
        (planted / name).write_text(json.dumps(settings))
    with pytest.raises(NotACheckpoint, match="its tokenizer does not load"):
        load_tokenizer(str(planted))
    assert not (tmp_path / "ran").exists()


def test_no_source_trusts_the_code_of_checkpoints() -> None:
    """A recipe may, for the engines of one model: `engine: {trust_remote_code: true}`."""
    for path in (ROOT / "distilray").rglob("*.py"):
        assert "trust_remote_code" not in path.read_text("utf-8"), path
