"""The status of a run: the same numbers as its ledger, in a form that stays."""

import io
import json

from rich.console import Console

from distilray.ledger import Lease, Manifest, now
from distilray.report.run_status import status
from distilray.report.status_view import render_status
from distilray.storage import Store
from tests.support.ledger_files import PHASE, SELECT, unit, write_run


def screen(found, width=100):
    out = io.StringIO()
    Console(width=width, file=out).print(render_status(found))
    return out.getvalue()


def test_steps_models_and_who_did_the_work_are_told(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    found = status(store)
    assert found["state"] == "finished"
    assert [step["name"] for step in found["steps"]] == ["sources", "answer", "judge", "select"]
    judge = found["steps"][2]
    outcomes = {key: judge[key] for key in ("rows_in", "created", "kept", "rejected", "failed", "reconciled")}
    assert outcomes == {"rows_in": 24, "created": 0, "kept": 18, "rejected": 3, "failed": 3, "reconciled": True}
    assert judge["reasons"] == {"rejected: relevance below 6": 3, "failed: RequestTimedOut": 3}
    assert (judge["tokens_out"], judge["tokens_per_s"]) == (240, 120.0)
    assert found["models"][0]["name"] == "teacher" and found["models"][0]["replies"] == 48
    assert found["models"][0]["busy_share"] is None  # this run is from before places were counted


def test_how_busy_engines_were_is_told_over_all_stages(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    manifest = Manifest.read(store, PHASE)
    assert manifest is not None
    manifest.details["places"] = {"teacher": {"busy_s": 30.0, "place_s": 32.0}}
    manifest.write(store, PHASE)
    found = status(store)
    assert found["models"][0]["busy_share"] == 0.9375
    assert "94%" in screen(found, 160)


def test_who_did_the_work_is_told(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    found = status(store)
    assert found["runners"] == {"runner-0": 16, "runner-1": 8}
    assert found["engines"] == {"engine-0": 32, "engine-1": 16}


def test_it_is_json(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    assert json.loads(json.dumps(status(store))) == status(store)


def test_a_stage_in_work_is_counted_from_its_units(tmp_path):
    store = Store(tmp_path)
    write_run(store, finished=False)
    store.delete(f"{PHASE}/{unit(0)}.parquet")
    answer = status(store)["steps"][1]
    assert (answer["rows_in"], answer["units"], answer["units_missing"], answer["complete"]) == (16, 2, 1, False)


def test_a_run_is_running_while_its_driver_lives_and_interrupted_after(tmp_path):
    store = Store(tmp_path)
    write_run(store, finished=False)
    progress = {"phase": "01-answer+judge", "done": 1, "total": 3, "rate": 0.5, "eta_s": 4.0, "models": {}, "steps": []}
    store.write_json("progress.json", progress)
    with Lease.acquire(store, note="distilray run quickstart.yaml"):
        running = status(store)
        assert running["state"] == "running" and running["progress"] == progress
        assert "quickstart.yaml" in running["holder"]
        assert "1/3 units  ETA 4 s" in screen(running)
    assert status(store)["state"] == "interrupted"
    assert "run the same command again" in screen(status(store))


def test_a_run_that_nobody_started_says_so(tmp_path):
    found = status(Store(tmp_path / "nothing"))
    assert found["state"] == "never started"
    assert found["steps"] == found["models"] == found["training"] == found["evaluations"] == []


def test_evaluations_and_trainings_are_told(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    result = {
        "model": "student_after", "benchmark": "practice", "metric": "exact_match", "value": 0.82, "stderr": 0.02,
        "mean_output_tokens": 46.5, "questions": 200, "truncated": 1,
    }  # fmt: skip
    store.write_json("evaluations/student_after/practice/result.json", result)
    details = {"steps": 800, "loss_first": 4.0, "loss_last": 0.25, "tokens_per_second": 21_000.0}
    manifest = Manifest(name="sft", kind="training", fingerprint="t", finished=now(), details=details)
    manifest.write(store, "training/sft")
    found = status(store)
    assert result.items() <= found["evaluations"][0].items()
    assert found["training"][0]["complete"] and found["training"][0]["loss_last"] == 0.25
    assert "82.0%" in screen(found) and "loss 4.000 to 0.250" in screen(found)


def test_what_a_training_warned_of_is_told_while_it_runs_and_after(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    texts = ["the reference ranks 99.0% of 300 pairs right", "step 40: held-out chosen answers are less likely"]
    store.write_json("training/dpo/warnings.json", texts)
    for finished in (None, now()):
        Manifest(name="dpo", kind="training", fingerprint="t", finished=finished).write(store, "training/dpo")
        assert status(store)["training"][0]["warnings"] == texts
        for text in texts:
            assert f"! training dpo: {text}" in screen(status(store))


def test_stages_that_were_set_aside_are_not_kept_silent(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    store.write("set-aside/steps-01-answer-0123/manifest.json", b"{}")
    found = status(store)
    assert found["set_aside"] == ["set-aside/steps-01-answer-0123"]
    assert "set-aside/" in screen(found)


def test_the_screen_fits_a_small_terminal(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    text = screen(status(store), width=80)
    lines = text.splitlines()
    assert len(lines) < 24 and max(map(len, lines)) <= 80
    assert "relevance below 6" in text and "…" not in text


def test_counts_that_do_not_add_up_stand_out(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    manifest = Manifest.read(store, SELECT)
    manifest.steps[0].kept -= 1
    manifest.write(store, SELECT)
    found = status(store)
    assert found["steps"][3]["reconciled"] is False
    assert "counts do not add up" in screen(found)


def test_idle_time_between_phases_and_who_was_kept_running_are_told(tmp_path):
    store = Store(tmp_path)
    write_run(store)
    assert status(store)["idle"] == []  # one phase alone
    manifest = Manifest.read(store, PHASE)
    assert manifest is not None
    manifest.details |= {"idle_seconds": 41.25, "engines_kept": ["teacher"]}
    manifest.write(store, PHASE)
    found = status(store)
    assert found["idle"] == [{"stage": PHASE, "seconds": 41.25, "kept": ["teacher"]}]
    assert "engines idle between phases for 41 s; kept running: teacher" in screen(found)
