"""`distilray chat`: one question to a served student, and what it refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.command_line import distilray


class Student(BaseHTTPRequestHandler):
    """An OpenAI-compatible server whose one model repeats the question."""

    def do_GET(self) -> None:
        self._send("application/json", json.dumps({"object": "list", "data": [{"id": "student", "object": "model"}]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = f"you ask: {body['messages'][-1]['content']}"
        event = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "student"}
        event["choices"] = [{"index": 0, "delta": {"content": words}, "finish_reason": None}]
        self._send("text/event-stream", f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n")

    def _send(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr, which the tests read."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Student)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_one_question_is_asked_and_its_reply_printed(url: str):
    ended = distilray("chat", url, "--once", "What is 27 + 15?")
    assert ended.code == 0, ended.err
    assert "you ask: What is 27 + 15?" in ended.out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "required: target"),
        (("http://127.0.0.1:1", "--once", "hello"), "http://127.0.0.1:1"),
        (("student", "--temperature", "warm"), "invalid float value: 'warm'"),
    ],
)
def test_wrong_input_is_named(words: tuple[str, ...], text: str):
    ended = distilray("chat", *words)
    assert (ended.code, ended.out) == (2, "")
    assert text in ended.err


def test_a_folder_that_holds_no_student_is_named(tmp_path):
    ended = distilray("chat", str(tmp_path))
    assert (ended.code, ended.out) == (2, "")
    assert str(tmp_path) in ended.err
