"""What a number depends on, as it is kept beside the number."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import pytest

from distilray.checkpoints import template_hash, template_ids
from distilray.evaluate import conditions_of
from distilray.models import EchoModel, OpenAIModel, Sampling, VLLMModel

TEACHER = "package://distilray.practice/checkpoints/teacher"


def test_a_checkpoint_is_known_by_its_weights_and_its_template():
    settings = VLLMModel(path=TEACHER, system="You add.", sampling=Sampling(max_tokens=40))
    found = conditions_of(settings, samples=1, judges={}, seed=7, prompts={"plain": "abc"})
    folder = files("distilray.practice") / "checkpoints" / "teacher"
    assert (found.model, found.kind, found.system, found.seed) == (TEACHER, "vllm", "You add.", 7)
    assert found.weights == settings.weights_id()
    assert found.template_hash == template_hash(folder)  # type: ignore[arg-type]
    assert found.template_sha256 is None or len(found.template_sha256) == hashlib.sha256().digest_size * 2
    assert found.sampling is not None and (found.sampling["temperature"], found.sampling["n"]) == (0.0, 1)


def test_a_revision_of_a_hub_name_has_not_the_template_of_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """What the hub's cache holds as the last commit says nothing of a revision; nothing cached says nothing at all."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--owner--name"
    unknown = conditions_of(VLLMModel(path="owner/name"), samples=1, judges={})
    assert (unknown.template_hash, unknown.template_sha256) == (None, None)
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    (repository / "snapshots" / "c0ffee").mkdir(parents=True)
    (repository / "snapshots" / "c0ffee" / "chat_template.jinja").write_text("{{ messages }}")
    cached = conditions_of(VLLMModel(path="owner/name"), samples=1, judges={})
    assert cached.template_hash == template_ids("{{ messages }}")["hash"]
    assert cached.template_sha256 == hashlib.sha256(b"{{ messages }}").hexdigest()
    other = conditions_of(VLLMModel(path="owner/name", revision="v2"), samples=1, judges={})
    assert (other.template_hash, other.template_sha256) == (None, None)


def test_a_greedy_model_that_gives_several_answers_samples_them():
    several = conditions_of(EchoModel(), samples=4, judges={})
    assert several.sampling is not None and (several.sampling["temperature"], several.sampling["n"]) == (1.0, 4)
    warm = VLLMModel(path=TEACHER, sampling=Sampling(temperature=0.6))
    found = conditions_of(warm, samples=4, judges={}).sampling
    assert found is not None and found["temperature"] == 0.6


def test_a_judge_is_named_with_its_version():
    judge = OpenAIModel(base_url="http://127.0.0.1:9/v1", model="big-1")
    found = conditions_of(EchoModel(), samples=1, judges={"judge": judge})
    assert found.judges == {"judge": {"name": "big-1", "version": judge.weights_id()}}
    assert found.template_hash is None
