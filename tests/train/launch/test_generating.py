"""A training in two workers that answers held-out prompts while it runs: its records, and which student it exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilray.storage import Store
from distilray.train import prepare_tokens
from distilray.train.loop.metrics import read_metrics
from distilray.train.spec import Job
from tests.support.answering import GENERATE, OUT, in_fp32, measured, problems, settings
from tests.support.rated import moved_away
from tests.support.specs import spec_of
from tests.support.tiny import write_units
from tests.train.launch.test_launcher import TWO

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("ray_cluster")]


@pytest.mark.parametrize("lora", [None, {"r": 4}], ids=["whole", "adapters"])
def test_the_student_with_most_right_answers_is_exported(tmp_path: Path, lora: dict[str, int] | None) -> None:
    """At this rate the practice world's student, which adds some sums right, soon forgets how to."""
    student, store = in_fp32(tmp_path / "student"), Store(tmp_path / "run")
    moved_away(student, Path(student), 0.024)  # else its loss is so low that the guard stops the training
    rate = 1.5e-2 if lora else 3e-3
    chosen = settings(lora=lora, max_steps=6, warmup=4, learning_rate=rate, generate={**GENERATE, "prompts": 7})
    spec = spec_of(store, chosen, student, OUT, resources=TWO)
    tokens = prepare_tokens(spec, write_units(store, problems(64)))
    manifest = spec.method.fit(spec, tokens)
    records = [record for record in read_metrics(store, OUT) if "held_out_right" in record]
    assert [record["step"] for record in records] == [2, 4, 6]
    assert all(record["held_out_answer_tokens"] > 0 and record["held_out_loss"] > 0 for record in records)
    best = max(records, key=lambda record: (record["held_out_right"], -record["held_out_loss"]))
    assert best["held_out_right"] > records[-1]["held_out_right"], "the control: the last student is another one"
    assert manifest.details["exported_step"] == best["step"] < 6
    alone = measured(Job.of(spec, tokens.paths, None), tmp_path, 4, store.full(f"{OUT}/final")).measure()  # type: ignore[arg-type]
    assert alone["right"] == pytest.approx(best["held_out_right"])
    assert alone["answer_tokens"] == pytest.approx(best["held_out_answer_tokens"])
