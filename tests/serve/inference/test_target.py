"""From a run or a checkpoint to the student that is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from distilray.checkpoints.template import TemplateChanged, check_template, template_hash
from distilray.ledger import Manifest
from distilray.serve import CannotServe, find_students
from distilray.storage import Store


def checkpoint(folder: Path, template: str = "{{ messages }}") -> Path:
    """The files of a checkpoint, with nothing in them that could be loaded."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}))
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").write_text(template)
    return folder


def run_with_trainings(
    folder: Path, *, system: str | None = "Add.", model: dict | None = None, **finished: str | None
) -> Path:
    """A run directory with one training for each name, finished at the given time or not at all.

    ``model``: settings of the student's model in the recipe besides its path.
    """
    run = Store(folder)
    blank = checkpoint(folder.parent / "blank")
    recipe = {
        "models": {"blank": {"kind": "vllm", "path": str(blank), **(model or {})}},
        "train": [
            {"kind": "sft", "name": name, "student": "blank", "system": system, "epochs": 1.0, "resources": {}}
            for name in finished
        ],
    }
    run.write("recipe.yaml", yaml.safe_dump(recipe).encode())
    for name, time in finished.items():
        Manifest(name=name, kind="training", fingerprint="f", finished=time).write(run, f"training/{name}")
        if time:
            checkpoint(folder / "training" / name / "final")
    return folder


def test_a_checkpoint_is_served_under_the_name_of_its_directory(tmp_path: Path):
    (student,) = find_students(str(checkpoint(tmp_path / "small")))
    assert (student.id, student.source) == ("small", str(tmp_path / "small"))
    assert student.system_prompt is None


def test_a_run_is_served_by_the_training_that_finished_last(tmp_path: Path):
    run = run_with_trainings(tmp_path / "run", early="2026-01-01", late="2026-01-03", middle="2026-01-02")
    (student,) = find_students(str(run))
    assert student.source == str(run / "training" / "late" / "final")


def test_a_classifier_is_passed_over_and_said_to_answer_nothing(tmp_path: Path):
    run = run_with_trainings(tmp_path / "run", student="2026-01-01", tasks="2026-01-02")
    store = Store(run)
    made = Manifest(
        name="tasks",
        kind="training",
        fingerprint="f",
        finished="2026-01-02",
        details={"kind": "classify", "generative": False},
    )
    made.write(store, "training/tasks")
    (student,) = find_students(str(run))
    assert student.source == str(run / "training" / "student" / "final")
    store.delete_dir("training/student")
    with pytest.raises(CannotServe, match="its training 'tasks' made a classifier, which does not answer prompts"):
        find_students(str(run))


def test_a_training_that_is_not_finished_is_passed_over(tmp_path: Path):
    run = run_with_trainings(tmp_path / "run", done="2026-01-01", broken=None)
    (student,) = find_students(str(run))
    assert student.source == str(run / "training" / "done" / "final")


def test_the_system_prompt_of_the_training_is_served(tmp_path: Path):
    (student,) = find_students(str(run_with_trainings(tmp_path / "run", system="Think.", sft="2026-01-01")))
    assert student.system_prompt == "Think."


def test_a_student_is_served_with_its_models_precision_length_and_template_variables(tmp_path: Path):
    template = {"enable_thinking": False}
    model = {"dtype": "float32", "max_model_len": 512, "chat_template_kwargs": template}
    run = run_with_trainings(tmp_path / "run", model=model, sft="2026-01-01")
    for student in find_students(str(run), before=True):
        assert student.engine == {"dtype": "float32", "max_model_len": 512}
        assert student.chat_template_kwargs == template
    (plain,) = find_students(str(run_with_trainings(tmp_path / "plain" / "run", sft="2026-01-01")))
    assert plain.engine == {} and plain.chat_template_kwargs == {}


def test_a_model_that_the_recipe_can_no_longer_name_is_refused_with_its_place(tmp_path: Path):
    run = run_with_trainings(tmp_path / "run", model={"max_model_len": "long"}, sft="2026-01-01")
    with pytest.raises(CannotServe, match=r"models\.blank: vllm\.max_model_len: Input should be a valid integer"):
        find_students(str(run))


def test_the_student_before_is_asked_as_the_student_after(tmp_path: Path):
    run = run_with_trainings(tmp_path / "run", system="Think.", sft="2026-01-01")
    after, before = find_students(str(run), before=True)
    assert (after.id, before.id) == ("student", "student-before")
    assert before.source == str(tmp_path / "blank")
    assert before.system_prompt == "Think."


def test_a_run_whose_training_goes_on_says_how_to_finish_it(tmp_path: Path):
    run = run_with_trainings(tmp_path / "run", sft=None)
    with pytest.raises(CannotServe, match=r"'sft' is not finished.*distilray run"):
        find_students(str(run))


def test_a_run_without_training_says_so(tmp_path: Path):
    with pytest.raises(CannotServe, match="has not trained a student"):
        find_students(str(run_with_trainings(tmp_path / "run")))


def test_a_directory_that_is_no_checkpoint_says_what_it_lacks(tmp_path: Path):
    with pytest.raises(CannotServe, match=r"no config\.json"):
        find_students(str(tmp_path))


def test_a_checkpoint_has_no_student_before(tmp_path: Path):
    with pytest.raises(CannotServe, match="only a run records"):
        find_students(str(checkpoint(tmp_path / "small")), before=True)


def test_another_chat_template_is_noticed(tmp_path: Path):
    small = checkpoint(tmp_path / "small")
    known = template_hash(small)
    check_template(small, known)
    (small / "chat_template.jinja").write_text("{{ messages }} ")
    with pytest.raises(TemplateChanged, match=str(known)):
        check_template(small, known)


def test_a_template_counts_wherever_the_checkpoint_keeps_it(tmp_path: Path):
    beside = checkpoint(tmp_path / "beside", "{{ a }}")
    inside = checkpoint(tmp_path / "inside")
    (inside / "chat_template.jinja").unlink()
    (inside / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ a }}"}))
    assert template_hash(beside) == template_hash(inside)
