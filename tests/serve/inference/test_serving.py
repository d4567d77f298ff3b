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
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import psutil
import pytest

from tests.support.hosted import (
    CONTEXT,
    START_WITHIN_S,
    SYSTEM,
    family,
    finished_run,
    ready_status,
    statuses_until_ready,
)
from tests.support.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KEY = "sk-right"
DISTILRAY = str(Path(sys.executable).with_name("distilray"))


@dataclass
class Server:
    process: subprocess.Popen[str]
    url: str
    run: Path
    before_ready: set[int]
    """Statuses that GET /ready gave before it gave 200; 0 where nothing listened."""
    first_reply: httpx.Response | None = None
    """To a constrained request sent as soon as /ready was 200."""

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0, timeout=120)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def server(run: Path) -> Iterator[Server]:
    port = free_port()
    environment = os.environ | {"DISTILRAY_API_KEYS": KEY, "RAY_AUTH_MODE": "disabled"}
    command = [DISTILRAY, "serve", str(run), "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    served = Server(process, url, run, statuses_until_ready(url, process))
    schema = {"name": "n", "schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    served.first_reply = ask(served, response_format={"type": "json_schema", "json_schema": schema})
    yield served
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def ask(server: Server, **changes) -> httpx.Response:
    body = {"model": "student", "messages": [{"role": "user", "content": "2 plus 3?"}], "max_tokens": 8, **changes}
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=headers, timeout=120)


def chat_through_a_pipe(target: str, *options: str, questions: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DISTILRAY, "chat", target, *options],
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
    assert f"maximum context length is {CONTEXT}" in response.json()["error"]["message"]
    assert "Exception" not in response.text


@pytest.mark.long
def test_a_chat_finds_that_its_run_is_served(server: Server):
    done = chat_through_a_pipe(str(server.run), "--once", "2 plus 3?", "--port", server.url.rpartition(":")[2])
    assert (done.returncode, done.stderr) == (0, "")  # it would say so if it had to load the student
    assert len(done.stdout) > 1  # what a random student says need not be visible


@pytest.mark.long
def test_a_chat_answers_each_line_of_a_pipe(server: Server):
    once = chat_through_a_pipe(server.url, "--once", "2 plus 3?")
    piped = chat_through_a_pipe(server.url, questions="2 plus 3?\n/reset\n2 plus 3?\n/quit\nnever asked\n")
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout == once.stdout * 2


def test_a_chat_with_a_run_that_is_not_served_answers_before_and_after(run: Path):
    options = ("--once", "2 plus 3?", "--before-after", "--max-tokens", "8", "--port", "1")
    done = chat_through_a_pipe(str(run), *options)
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.index("student-before:\n"), done.stdout.index("student:\n")
    assert before < after


@pytest.mark.long
def test_a_student_whose_engine_was_killed_answers_again(server: Server):
    (engine,) = engines(server)
    engine.kill()
    engine.wait(30)
    assert ask_until_answered(server).json()["choices"]
    assert len(engines(server)) == 1


def engines(server: Server) -> list[psutil.Process]:
    return [process for process in family(server.process) if "EngineCore" in process.name()]


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


def test_ctrl_c_stops_it_and_leaves_no_process(server: Server):
    assert_gone_after(signal.SIGINT, server.process)
    assert ready_status(server.url) == 0


@pytest.mark.long
def test_a_signal_while_it_starts_stops_it_and_leaves_no_process(run: Path):
    command = [DISTILRAY, "serve", str(run), "--port", str(free_port())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + START_WITHIN_S
    while not any("EngineCore" in each.name() for each in family(process)):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.2)
    assert_gone_after(signal.SIGTERM, process)


def assert_gone_after(number: signal.Signals, process: subprocess.Popen[str]) -> None:
    processes = family(process)
    process.send_signal(number)
    assert process.wait(120) == 0
    _, alive = psutil.wait_procs(processes[1:], timeout=10)
    assert alive == []
