"""lm-evaluation-harness on our engines: likelihoods, texts and scores are those of its own ``hf`` model in fp32."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilray.evaluate import HarnessError, run_tasks
from distilray.models import EchoModel, EnginePools
from tests.support.answering import in_fp32
from tests.support.command_line import distilray
from tests.support.harness import model_of, ours, requests, theirs, tiny, write_tasks

pytestmark = pytest.mark.slow

QUESTION = "Tom has 482 apples and gets 379 more. How many apples does Tom have now?"
PAIRS = (
    (QUESTION, " 861"),
    (QUESTION + " ", "861"),
    ("Tom has 482 app", "les and gets 379 more."),
    ("Tom has 48", "2 apples"),
    ("", QUESTION),
    ("482+379\n\nones 2+9+0=11", "\n\ntens 8+7+1=16"),
    (f"{QUESTION}\n" * 20, " and so on"),
    ("苹果", "一共有861个"),
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return in_fp32(tmp_path_factory.mktemp("harness") / "model")


def test_likelihoods_are_those_of_transformers_and_are_kept(
    checkpoint: str, ray_cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = theirs(checkpoint)
    texts = ((QUESTION,), (f"{QUESTION}\n" * 20,), ("a",))
    scored, rolling = requests("loglikelihood", *PAIRS), requests("loglikelihood_rolling", *texts)
    expected, totals = other.loglikelihood(scored, disable_tqdm=True), other.loglikelihood_rolling(rolling)
    with ours(checkpoint, tmp_path) as pool:
        model = model_of(pool)
        merged = model.tok_encode("Tom has 482 apples and gets 379 more.")
        context = model.tok_encode("Tom has 482 app")
        assert merged[: len(context)] != context, "the continuation has to merge with the last token of its context"
        assert len(model.tok_encode(PAIRS[6][0])) > model.max_length
        found = model.loglikelihood(scored, disable_tqdm=True)
        assert model.loglikelihood_rolling(rolling) == pytest.approx(totals, abs=2e-3, rel=1e-5)
    for (log_prob, greedy), (wanted, is_greedy), pair in zip(found, expected, PAIRS, strict=True):
        assert log_prob == pytest.approx(wanted, abs=1e-4), pair
        assert greedy == is_greedy, pair

    def refuse(*_: object) -> None:
        raise AssertionError("engines are started, but everything is answered already")

    monkeypatch.setattr(EnginePools, "start", refuse)
    with ours(checkpoint, tmp_path) as pool:
        assert model_of(pool).loglikelihood(scored, disable_tqdm=True) == found


def test_replies_end_where_the_harness_wants_them_and_repeats_differ(
    checkpoint: str, ray_cluster: None, tmp_path: Path
) -> None:
    other = theirs(checkpoint)
    greedy = requests(
        "generate_until",
        (f"{QUESTION}\n", {"until": ["\n\n"], "max_gen_toks": 32, "do_sample": False}),
        ("482+379\n\n", {"until": ["tens"], "max_gen_toks": 32}),
    )
    sampled = {"until": [], "max_gen_toks": 16, "do_sample": True, "temperature": 2.0, "top_p": 0.99}
    with ours(checkpoint, tmp_path) as pool:
        model = model_of(pool)
        assert model.generate_until(greedy) == other.generate_until(greedy, disable_tqdm=True)
        drawn = model.generate_until(requests("generate_until", *[(QUESTION, sampled)] * 4))
        assert len(set(drawn)) > 1
        again = model.generate_until(requests("generate_until", *[(QUESTION, sampled)] * 4))
        assert again == drawn
        with pytest.raises(HarnessError, match="a task asks for 300 tokens, but .* takes 254 with the prompt"):
            model.generate_until(requests("generate_until", (QUESTION, {"max_gen_toks": 300})))
        with pytest.raises(HarnessError, match="samples with .*num_beams"):
            model.generate_until(requests("generate_until", (QUESTION, {"num_beams": 2})))


def test_tasks_give_the_scores_of_the_harness_itself(checkpoint: str, ray_cluster: None, tmp_path: Path) -> None:
    import lm_eval
    from lm_eval.tasks import TaskManager

    folder, names = write_tasks(tmp_path / "tasks"), ["our_options", "our_numbers"]
    manager = TaskManager(include_path=str(folder))
    wanted = lm_eval.simple_evaluate(
        model=theirs(checkpoint), tasks=names, task_manager=manager, bootstrap_iters=0, log_samples=True
    )
    assert wanted is not None
    directory = str(tmp_path / "run")
    found = run_tasks({"tiny": tiny(checkpoint)}, names, directory, include_path=str(folder))["tiny"]
    assert found["results"]["our_options"]["acc,none"] == wanted["results"]["our_options"]["acc,none"]
    assert found["results"]["our_numbers"]["exact_match,none"] == wanted["results"]["our_numbers"]["exact_match,none"]
    written = sorted(path.name.split("_2")[0] for path in (tmp_path / "run" / "harness" / "tiny").iterdir())
    assert written == ["results", "samples_our_numbers", "samples_our_options"]


def test_tasks_on_the_command_line(checkpoint: str, ray_cluster: None, tmp_path: Path) -> None:
    folder = write_tasks(tmp_path / "tasks")
    words = ["evaluate", f"tiny={checkpoint}", "--tasks", "our_options", "--include-path", str(folder), "--limit", "2"]
    words += ["--run", str(tmp_path / "run"), "--set", "max_model_len=256", "--set", "cpus=0.5", "--json"]
    ended = distilray(*words)
    assert ended.code == 0, ended.err
    printed = json.loads(ended.out)
    assert printed["models"]["tiny"]["n-samples"]["our_options"]["effective"] == 2


def test_what_the_harness_cannot_be_asked(checkpoint: str, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="has no task no_such_task"):
        run_tasks({"tiny": tiny(checkpoint)}, ["no_such_task"], str(tmp_path / "run"))
    folder = write_tasks(tmp_path / "tasks")
    with pytest.raises(HarnessError, match="m is of kind echo: tasks of the harness need a checkpoint"):
        run_tasks({"m": EchoModel()}, ["our_options"], str(tmp_path / "run"), include_path=str(folder))
