"""The student answers held-out prompts in the middle of its training, and what is right decides which one is best."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import AutoTokenizer

from distilray.checkpoints import resolve_path
from distilray.train.errors import StopTraining
from distilray.train.loop.best import evaluations_since_best
from distilray.train.loop.generation import HeldOutAnswers
from distilray.verifiers import numeric_equal
from tests.support.answering import STUDENT, measured, practice_job, settings, with_other_answers
from tests.support.pairs import settings as pair_settings
from tests.support.taught import scored_run, trained
from tests.support.trainer import model_at


@pytest.fixture
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(resolve_path(STUDENT))


def test_the_share_of_right_answers_is_that_of_greedy_answers_one_by_one(tmp_path: Path, tokenizer: Any) -> None:
    import torch

    answers = measured(practice_job(tmp_path), tmp_path, 4)
    assert len(answers.questions) == 10
    right, tokens, model = 0, 0, model_at(resolve_path(STUDENT))
    for question in answers.questions:
        asked = torch.tensor([question.prompt])
        out = model.generate(asked, max_new_tokens=200, do_sample=False)[0, len(question.prompt) :]
        tokens += len(out)
        text = tokenizer.decode(out, skip_special_tokens=True)
        right += bool(numeric_equal(text, question.reference).right)
    found = answers.measure()
    assert found == {"right": pytest.approx(right / 10), "answer_tokens": pytest.approx(tokens / 10)}
    assert right  # the practice world's teacher can do some


def test_adapters_answer_and_leave_the_settings_of_generation_as_they_were(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    job = practice_job(tmp_path)
    plain, adapted = measured(job, tmp_path, 4), measured(job, tmp_path, 4)
    model = get_peft_model(adapted.trainer.model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    with_other_answers(model, 0.08)
    adapted.trainer.model = model
    own, found = model.get_base_model().generation_config, adapted.measure()
    assert model.get_base_model().generation_config is own and "generation_config" not in vars(model)
    assert found != plain.measure()
    adapted.trainer.model = model.merge_and_unload()
    assert adapted.measure() == found


def test_prompts_are_those_of_held_out_rows_and_end_where_the_answer_begins(tmp_path: Path, tokenizer: Any) -> None:
    answers = measured(practice_job(tmp_path), tmp_path, 4)
    for question in answers.questions:
        assert tokenizer.decode(question.prompt).endswith("<|im_start|>assistant\n")
        assert float(question.reference) is not None
        assert question.stop == tokenizer.eos_token_id


def test_rows_without_a_result_are_refused(tmp_path: Path) -> None:
    job = practice_job(tmp_path)
    nothing = replace(job, settings=settings(holdout=0.0001))
    with pytest.raises(StopTraining, match="no held-out row states a result that numeric reads"):
        measured(nothing, tmp_path, 4)


def test_an_evaluation_logs_what_is_right_with_its_loss(student: str, teacher: str, tmp_path: Path) -> None:
    run = scored_run(tmp_path / "run", student, teacher)
    chosen = SimpleNamespace(name="t", generate=settings().generate, holdout=0.1)
    job: Any = SimpleNamespace(store=run[0], tokens=run[1], settings=chosen)
    tokenizer = AutoTokenizer.from_pretrained(student)

    def answering(trainer: Any) -> None:
        trainer.answers = HeldOutAnswers(trainer, job, tokenizer)

    trainer = trained(run, student, tmp_path / "out", prepared=answering)
    (record,) = [record for record in trainer.state.log_history if "eval_loss" in record]
    assert 0 <= record["eval_right"] <= 1
    assert 0 < record["eval_answer_tokens"] <= 200


def test_right_answers_decide_before_the_loss_does() -> None:
    def since(*evaluations: tuple[float, float]) -> int:
        history = [{"eval_loss": loss, "eval_right": right} for loss, right in evaluations]
        return evaluations_since_best(SimpleNamespace(log_history=history))

    assert since((2.0, 0.5), (1.0, 0.4)) == 1
    assert since((2.0, 0.5), (3.0, 0.6)) == 0
    assert since((2.0, 0.5), (1.0, 0.5)) == 0  # as many right: the lower loss


def test_generation_needs_evaluations() -> None:
    with pytest.raises(ValueError, match="set evaluate_every and holdout too"):
        pair_settings(generate={})
