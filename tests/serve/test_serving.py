"""A student behind real Ray Serve and vLLM, used through the real openai client.

One server for the file; the two tests that hurt it stand last.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import openai
import psutil
import pytest
import yaml

from distilray.ledger import Manifest, Store
from tests.train.tiny import make_student

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

KEY = "sk-right"
SYSTEM = "You add numbers."
START_WITHIN_S = 900
"""About 30 s on a quiet machine; minutes where others compute."""

SERVE = """
import sys
from distilray.serve import serve
sys.exit(serve(sys.argv[1], port=int(sys.argv[2]), engine={"max_model_len": 512}))
"""
CHAT = "import sys; from distilray.serve import chat; sys.exit(chat(sys.argv[1], **eval(sys.argv[2])))"


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    run: Path
    before_ready: set[int] = field(default_factory=set)
    """Statuses that GET /ready gave before it gave 200; 0 where nothing listened."""
    first_reply: httpx.Response | None = None
    """To a constrained request sent as soon as /ready was 200."""

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0, timeout=120)

    def everything(self) -> list[psutil.Process]:
        return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]


def finished_run(folder: Path) -> Path:
    """A run with a finished training of a tiny random student."""
    blank = make_student(folder / "blank")
    run = folder / "run"
    store = Store(run)
    training = {"kind": "sft", "name": "sft", "student": "blank", "system": SYSTEM, "epochs": 1.0}
    recipe = {"models": {"blank": {"kind": "vllm", "path": blank}}, "train": [training]}
    store.write("recipe.yaml", yaml.safe_dump(recipe).encode())
    make_student(run / "training" / "sft" / "final")
    Manifest(name="sft", kind="training", fingerprint="f", finished="2026-01-01").write(store, "training/sft")
    return run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def server(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = 8437
    environment = os.environ | {
        "DISTILRAY_API_KEYS": KEY,
        "RAY_AUTH_MODE": "disabled",
        "RAY_TMPDIR": f"/tmp/distilray-test-{os.getpid()}",
    }
    Path(environment["RAY_TMPDIR"]).mkdir(exist_ok=True)
    command = [sys.executable, "-c", SERVE, str(run), str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    served = Server(process, f"http://127.0.0.1:{port}", run)
    wait_until_ready(served)
    yield served
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.process.communicate()[0]
        status = ready_status(server)
        if status == 200:
            schema = {"name": "n", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
            server.first_reply = ask(server, response_format={"type": "json_schema", "json_schema": schema})
            return
        server.before_ready.add(status)
        time.sleep(0.2)
    raise AssertionError(f"not ready after {START_WITHIN_S} s")


def ready_status(server: Server) -> int:
    try:
        return httpx.get(f"{server.url}/ready", timeout=30).status_code
    except httpx.TransportError:
        return 0


def ask(server: Server, **changes) -> httpx.Response:
    body = {"model": "student", "messages": [{"role": "user", "content": "2 plus 3?"}], "max_tokens": 8, **changes}
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=headers, timeout=120)


def chat_through_a_pipe(target: str, questions: str = "", **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHAT, target, repr(options)],
        input=questions,
        env=os.environ | {"DISTILRAY_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_it_is_ready_only_when_it_answers(server: Server):
    assert 200 not in server.before_ready
    assert server.before_ready <= {0, 404, 503}
    assert server.first_reply is not None
    assert server.first_reply.status_code == 200
    assert server.first_reply.elapsed.total_seconds() < 30


def test_what_to_type_next_is_said(server: Server):
    assert server.process.stdout is not None
    said = ""
    while "Ctrl-C" not in said:
        said += server.process.stdout.readline()
    assert f"student at {server.url}/v1" in said
    assert f"curl {server.url}/v1/chat/completions" in said
    assert f'openai.OpenAI(base_url="{server.url}/v1"' in said
    assert KEY not in said


def test_the_models_are_listed(server: Server):
    (model,) = server.client.models.list().data
    assert model.id == "student"
    assert server.client.models.retrieve("student").id == "student"


def test_a_chat_is_answered(server: Server):
    reply = server.client.chat.completions.create(
        model="student", messages=[{"role": "user", "content": "2 plus 3?"}], max_tokens=8
    )
    assert reply.usage is not None
    assert 1 <= reply.usage.completion_tokens <= 8


def test_a_prompt_is_completed(server: Server):
    reply = server.client.completions.create(model="student", prompt="2 plus 3", max_tokens=4)
    assert reply.choices[0].finish_reason in ("stop", "length")


def test_a_stream_ends_with_the_usage(server: Server):
    events = list(
        server.client.chat.completions.create(
            model="student",
            messages=[{"role": "user", "content": "2 plus 3?"}],
            max_tokens=8,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"ignore_eos": True},
        )
    )
    assert events[-1].usage is not None
    assert events[-1].usage.completion_tokens == 8
    assert sum(bool(event.choices) for event in events) >= 8  # token by token


def test_a_reply_follows_its_schema(server: Server):
    schema = {"type": "object", "properties": {"right": {"type": "boolean"}}, "required": ["right"]}
    reply = server.client.chat.completions.create(
        model="student",
        messages=[{"role": "user", "content": "2 plus 3?"}],
        response_format={"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema}},
        extra_body={"structured_outputs": {"json": schema, "disable_any_whitespace": True}},
        max_tokens=64,
    )
    assert reply.choices[0].message.content is not None
    assert set(json.loads(reply.choices[0].message.content)) == {"right"}


def test_the_students_system_prompt_is_put_before_a_conversation_without_one(server: Server):
    question = {"role": "user", "content": "2 plus 3?"}

    def tokens_in(*messages: dict[str, str]) -> int:
        return ask(server, messages=list(messages), max_tokens=1).json()["usage"]["prompt_tokens"]

    explicit = tokens_in({"role": "system", "content": SYSTEM}, question)
    other = tokens_in({"role": "system", "content": SYSTEM + " " + SYSTEM}, question)
    assert tokens_in(question) == explicit
    assert other > explicit


def test_a_wrong_key_is_refused(server: Server):
    with pytest.raises(openai.AuthenticationError):
        server.client.with_options(api_key="sk-wrong").models.list()


def test_an_unknown_model_is_not_found(server: Server):
    with pytest.raises(openai.NotFoundError) as caught:
        server.client.completions.create(model="gpt", prompt="a")
    assert caught.value.code == "model_not_found"


def test_a_text_body_is_a_bad_request(server: Server):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "text/plain"}
    response = httpx.post(f"{server.url}/v1/chat/completions", content="hello", headers=headers)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("content", [[1, 2], {"text": "a"}, 5])
def test_a_content_that_is_no_text_is_a_bad_request(server: Server, content: object):
    assert ask(server, messages=[{"role": "user", "content": content}]).status_code == 400


def test_a_prompt_beyond_the_context_is_a_bad_request_without_names_of_the_inside(server: Server):
    response = ask(server, messages=[{"role": "user", "content": "2 plus 3? " * 1000}])
    assert response.status_code == 400
    assert "maximum context length is 512" in response.json()["error"]["message"]
    assert "Exception" not in response.text


def test_a_chat_finds_that_its_run_is_served(server: Server):
    done = chat_through_a_pipe(str(server.run), once="2 plus 3?", port=int(server.url.rpartition(":")[2]))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_a_chat_answers_each_line_of_a_pipe(server: Server):
    once = chat_through_a_pipe(server.url, once="2 plus 3?")
    piped = chat_through_a_pipe(server.url, "2 plus 3?\n/reset\n2 plus 3?\n/quit\nnever asked\n")
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout == once.stdout * 2


def test_a_chat_with_a_run_that_is_not_served_answers_before_and_after(run: Path):
    done = chat_through_a_pipe(str(run), once="2 plus 3?", before_after=True, max_tokens=8, port=1)
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.index("student-before:\n"), done.stdout.index("student:\n")
    assert before < after


def test_a_student_whose_engine_was_killed_answers_again(server: Server):
    (engine,) = engines(server)
    engine.kill()
    engine.wait(30)
    assert ask_until_answered(server).json()["choices"]
    assert len(engines(server)) == 1


def engines(server: Server) -> list[psutil.Process]:
    return [process for process in server.everything() if "EngineCore" in process.name()]


def ask_until_answered(server: Server) -> httpx.Response:
    """Fails at first while the loss is noticed, then waits in the queue for the new replica."""
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        try:
            response = ask(server)
        except httpx.TimeoutException:
            continue
        if response.status_code == 200:
            return response
        assert response.status_code == 503, response.text
        time.sleep(0.5)
    raise AssertionError("the student did not come back")


def test_a_signal_stops_it_and_leaves_no_process(server: Server):
    processes = server.everything()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(120) == 0
    _, alive = psutil.wait_procs(processes[1:], timeout=10)
    assert alive == []
    assert ready_status(server) == 0
