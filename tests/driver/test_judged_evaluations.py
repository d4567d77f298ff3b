"""A run whose benchmark is judged by an OpenAI-compatible endpoint: all real but the judge's replies.

The endpoint finds the better answer wherever it stands, so that what is tested is everything around it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from distilray.driver import run
from distilray.storage import Store

pytestmark = pytest.mark.slow
QUESTIONS = 12
RECIPE = """
name: judged
models:
  student: {{kind: echo, tokens: 8}}
  judge: {{kind: openai, base_url: "{url}", model: big-1, price: {{input: 1000, output: 1000}}}}
sources:
  - {{name: one, path: {folder}/one.jsonl, language: en}}
evaluate:
  - {{kind: judged, name: pairs, source: {source}, models: [student], judge: {{model: judge, cache: {folder}/kept}},
     against: answer}}
  - {{kind: judged, name: points, source: {source}, models: [student],
     judge: {{model: judge, form: points, cache: {folder}/kept}}}}
resources: {{unit_rows: 8, runners: 1, runner_cpus: 0.1}}
"""


class Judging(BaseHTTPRequestHandler):
    """Prefers answers that hold "what is", which the echo engine repeats; gives them 9 points."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._say({"data": [{"id": "big-1"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = body["messages"][-1]["content"]
        self.asked.append(said)
        if "Answer B:" in said:
            first, second = said.split("Answer A:")[1].split("Answer B:")
            better = "A" if "what is" in first else "B" if "what is" in second else "tie"
            reply = {"check": "", "better": better}
        else:
            reply = {"check": "", "points": 9 if "what is" in said.split("Answer:")[1] else 2}
        message = {"role": "assistant", "content": json.dumps(reply)}
        usage = {"prompt_tokens": 40, "completion_tokens": 10, "total_tokens": 50}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        self._say({"id": "1", "object": "chat.completion", "created": 0, "model": "big-1", "choices": [choice],
                   "usage": usage})  # fmt: skip

    def _say(self, reply: dict[str, Any]) -> None:
        payload = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    Judging.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judging)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def recipe(folder: Path, url: str) -> str:
    rows = [
        {"instruction": f"marker-{k} what is {k}", "output": f"Number {k}.", "reference": str(k)}
        for k in range(QUESTIONS)
    ]
    (folder / "asked.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "one.jsonl").write_text(json.dumps({"instruction": "anything", "reference": "1"}) + "\n")
    source = f"{{name: asked, path: {folder}/asked.jsonl, language: en}}"
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder, url=url, source=source))
    return str(folder / "recipe.yaml")


@pytest.mark.long
def test_an_endpoint_judges_a_run_and_is_asked_nothing_again_by_another(
    ray_cluster: None, tmp_path: Path, endpoint: str
) -> None:
    text = recipe(tmp_path, endpoint)
    first = run(text, directory=str(tmp_path / "first"))
    by_name = {result.benchmark: result for result in first.results}
    pairs, graded = by_name["pairs"], by_name["points"]
    assert (pairs.metric, pairs.value, pairs.questions, pairs.highest) == ("win_rate", 1.0, QUESTIONS, 1.0)
    assert pairs.agreement is not None and pairs.agreement.value == 1.0
    assert (graded.metric, graded.value, graded.highest) == ("points", 9.0, 10.0)
    assert (pairs.judging["asked"], pairs.judging["unread"], pairs.judging["cached"]) == (2 * QUESTIONS, 0, 0)
    assert pairs.judging["cost"] == pytest.approx(2 * QUESTIONS * 50 * 1000 / 1e6)
    for result in (pairs, graded):
        assert result.conditions is not None
        assert result.conditions.judges["judge"]["name"] == "big-1" and result.conditions.judges["judge"]["version"]
    assert len(Judging.asked) == 3 * QUESTIONS
    second = run(text, directory=str(tmp_path / "second"))
    assert len(Judging.asked) == 3 * QUESTIONS
    again = {result.benchmark: result for result in second.results}
    assert [(again[name].value, again[name].stderr) for name in by_name] == [
        (one.value, one.stderr) for one in by_name.values()
    ]
    assert (again["pairs"].judging["cached"], again["pairs"].judging["cost"]) == (2 * QUESTIONS, 0.0)
    record = results_file(second.store, "pairs")
    assert record["distilray"]["conditions"]["judges"]["judge"]["name"] == "big-1"
    assert record["results"]["pairs"]["win_rate,none"] == 1.0


def results_file(store: Store, benchmark: str) -> dict[str, Any]:
    folder = f"evaluations/student/{benchmark}/results"
    [name] = [name for name in store.names(folder) if name.startswith("results_")]
    return store.read_json(f"{folder}/{name}")
