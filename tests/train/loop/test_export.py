"""The exported checkpoint is the trained student, in every version of transformers that people have, and in vLLM."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from distilray.storage import Store
from distilray.train import method_named
from distilray.train.spec import Job
from tests.support.checkpoints import make_tokenizer, random_qwen2, save
from tests.support.other_transformers import PINNED, greedy_tokens, python_with
from tests.support.paths import SUPPORT
from tests.support.specs import SHORT, spec_of
from tests.support.tiny import rows

THETA = 1_000_000.0
CONVERSATIONS = [
    [{"role": "user", "content": " ".join(row["messages"][0]["content"] for row in rows(12, seed=k))}] for k in range(3)
]
"""Long enough for the positions' base to matter."""


def exported(folder: Path, theta: float = THETA) -> str:
    """The export of a random student with this base of its rotary positions."""
    from transformers import Trainer, TrainingArguments

    from distilray.train.loop.export import dtype_of, write_checkpoint
    from distilray.train.loop.weights import gathered_weights

    tokenizer = make_tokenizer()
    student = random_qwen2(
        tokenizer, vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=2048, initializer_range=0.3,
        rope_parameters={"rope_type": "default", "rope_theta": theta}, tie_word_embeddings=False,
    )  # fmt: skip
    path = save(folder / "student", student, tokenizer)
    settings = method_named("sft").settings(name="sft", **SHORT)
    job = Job.of(spec_of(Store(folder), settings, path), [], board=None)  # type: ignore[arg-type]
    trainer = Trainer(student, TrainingArguments(str(folder / "out"), use_cpu=True, report_to="none"))
    write_checkpoint(trainer, gathered_weights(trainer, dtype_of(path)), job, str(folder / "final"))
    return str(folder / "final")


def test_an_export_says_the_base_of_its_positions_in_both_names(tmp_path: Path) -> None:
    config = json.loads((Path(exported(tmp_path)) / "config.json").read_text())
    assert (config["rope_theta"], config["rope_scaling"], config["torch_dtype"]) == (THETA, None, "float32")
    assert config["rope_parameters"]["rope_theta"] == THETA


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """An export, and its answers in this environment's transformers."""
    final = exported(tmp_path_factory.mktemp("export"))
    return final, greedy_tokens(sys.executable, final, CONVERSATIONS)


@pytest.mark.long
@pytest.mark.parametrize("version", sorted(PINNED))
def test_an_older_transformers_answers_with_the_same_tokens(
    version: str, here: tuple[str, dict[str, Any]], tmp_path: Path
) -> None:
    final, mine = here
    python = python_with(version, tmp_path / "environment")
    theirs = greedy_tokens(python, final, CONVERSATIONS)
    assert (theirs["transformers"], mine["transformers"][:2]) == (version, "5.")
    assert (theirs["rope_theta"], theirs["dtype"]) == (THETA, mine["dtype"])
    assert theirs["prompts"] == mine["prompts"]
    assert theirs["answers"] == mine["answers"]
    # Without the older names it answers otherwise, and says nothing.
    bare = shutil.copytree(final, tmp_path / "bare")
    config = json.loads((bare / "config.json").read_text())
    (bare / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "rope_theta"}))
    wrong = greedy_tokens(python, str(bare), CONVERSATIONS)
    assert (wrong["rope_theta"], wrong["answers"] == mine["answers"]) == (10_000.0, False)


@pytest.mark.slow
def test_vllm_answers_with_the_same_text(here: tuple[str, dict[str, Any]]) -> None:
    texts = {
        engine: json.loads(
            subprocess.run(
                [sys.executable, str(SUPPORT / "greedy.py"), engine, here[0], json.dumps(CONVERSATIONS)],
                check=True,
                capture_output=True,
                text=True,
                timeout=600,
            ).stdout.splitlines()[-1]
        )
        for engine in ("transformers", "vllm")
    }
    # vLLM holds back bytes at the end that may begin a character.
    said = {engine: [text.rstrip("\ufffd") for text in some] for engine, some in texts.items()}
    assert said["vllm"] == said["transformers"]
