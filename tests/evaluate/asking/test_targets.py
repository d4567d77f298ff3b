"""Models as a command line names them: checkpoints, runs, endpoints; their names and settings."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from distilray.evaluate import TargetError, models_at
from distilray.models import OpenAIModel, VLLMModel
from distilray.storage import Store

TEACHER = "package://distilray.practice/checkpoints/teacher"


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list[str]]]:
    """The address of a server and the names of the models that it says it serves."""
    served: list[str] = []

    class Lists(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": name} for name in served]}).encode()
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lists)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", served
    server.shutdown()
    thread.join()
    server.server_close()


def test_checkpoints_and_names_on_the_hub():
    found = models_at(["Qwen/Qwen2.5-7B-Instruct", TEACHER, f"mine={TEACHER}"], defaults={"gpus": 1})
    assert list(found) == ["Qwen2.5-7B-Instruct", "teacher", "mine"]
    assert all(isinstance(model, VLLMModel) and model.gpus == 1 for model in found.values())
    assert found["teacher"].title == TEACHER


def test_equal_names_are_numbered_and_an_exported_student_has_its_trainings_name(tmp_path: Path):
    paths = [str(tmp_path / run / "training" / "sft" / "final") for run in ("a", "b")]
    assert list(models_at(paths)) == ["sft", "sft-2"]


def test_a_run_means_its_student_as_it_was_trained(tmp_path: Path):
    store = Store(str(tmp_path / "run"))
    store.write_json("run.json", {"name": "first", "student": "training/sft/final", "system": "You add."})
    [(name, model)] = models_at([str(tmp_path / "run")]).items()
    assert isinstance(model, VLLMModel)
    assert (name, model.path, model.system) == ("first", store.full("training/sft/final"), "You add.")
    store.write_json("run.json", {"name": "first"})
    with pytest.raises(TargetError, match="a run without a student"):
        models_at([str(tmp_path / "run")])


def test_an_endpoint_with_its_only_model_or_the_one_that_is_named(endpoint: tuple[str, list[str]]):
    address, served = endpoint
    served.append("owner/big-1")
    [(name, model)] = models_at([f"{address}/"], api_key_env="BIG_KEY").items()
    assert isinstance(model, OpenAIModel)
    assert (name, model.base_url, model.model, model.api_key_env) == ("big-1", address, "owner/big-1", "BIG_KEY")
    served.append("other")
    with pytest.raises(TargetError, match=f"serves owner/big-1, other\n  correct .*: {address}#MODEL"):
        models_at([address])
    [(name, model)] = models_at([f"{address}#other"]).items()
    assert isinstance(model, OpenAIModel) and (name, model.model) == ("other", "other")


def test_an_address_that_lists_no_models(endpoint: tuple[str, list[str]]):
    address = endpoint[0].removesuffix("/v1")
    with pytest.raises(TargetError, match="its models cannot be listed .*404.*\n.*it ends in /v1"):
        models_at([address])


def test_settings_of_all_models_and_of_one():
    found = models_at(
        [TEACHER, "big=http://h/v1#m"],
        ["max_model_len=512", "concurrency=8", "teacher.sampling.temperature=0.7", "gpus=0"],
        defaults={"gpus": 1},
    )
    teacher, big = found["teacher"], found["big"]
    assert isinstance(teacher, VLLMModel) and isinstance(big, OpenAIModel)
    assert (teacher.max_model_len, teacher.gpus, teacher.sampling.temperature) == (512, 0, 0.7)
    assert (big.concurrency, big.sampling.temperature) == (8, 0.0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("gpus", "--set gpus: not of the form KEY=VALUE"),
        ("gpu=1", "no model has a setting 'gpu'"),
        ("teacher.tensor_parallel=0", "model teacher: tensor_parallel: .*greater than or equal to 1"),
    ],
)
def test_a_setting_that_cannot_be_is_an_error_with_the_remedy(change: str, text: str):
    with pytest.raises(TargetError, match=text):
        models_at([TEACHER], [change])
