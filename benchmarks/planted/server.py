"""A server on loopback that speaks the OpenAI chat API and says what it is told to.

    with serving(lambda asked: "861" if asked.prompt is None else "other") as url:
        dr.OpenAIModel(base_url=url, model="planted", structured="vllm")

Which of our prompts a request is follows from the opening of its system turn. With ``structured: vllm``
constraints stay out of the turns.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from distilray.prompts import (
    CLASSIFY_TASK,
    COMPARE_CONTENT,
    EXPAND,
    FOLLOW_UP,
    GROUNDING,
    JUDGE,
    LOCALIZE,
    PRESERVED,
    RATE_INSTRUCTION,
    REFINE,
    REWRITE,
    SCORE_PAIR,
    VERIFY_QUALITY,
    Prompt,
)

PROMPTS: tuple[Prompt[Any], ...] = (
    CLASSIFY_TASK, COMPARE_CONTENT, EXPAND, FOLLOW_UP, GROUNDING, JUDGE, LOCALIZE, PRESERVED, RATE_INSTRUCTION, REFINE,
    REWRITE, SCORE_PAIR, VERIFY_QUALITY,
)  # fmt: skip
"""Those that are told apart; every other request is for an answer."""
OPENING, CHINESE_OPENING = 24, 16
"""Characters of a template by which it is known, those before its first variable at most."""


@dataclass(frozen=True)
class Asked:
    prompt: str | None
    """The name of the prompt; None: an answer is wanted."""
    said: str
    """The last turn, the user's."""
    messages: list[dict[str, str]]
    body: dict[str, Any]

    @property
    def chinese(self) -> bool:
        """Whether the prompt, or without one the question, is in Chinese."""
        text = self.messages[0]["content"] if self.prompt else self.said
        return bool(re.search(r"[\u4e00-\u9fff]", text[:OPENING]))

    def part(self, *names: str, until: Sequence[str] = ()) -> str:
        """What stands in the user's turn below the last heading of one of ``names``, down to one of ``until``."""
        _, found, below = _parted(self.said, names, last=True)
        return (_parted(below, until)[0] if until else below).strip() if found else self.said


def _parted(text: str, names: Sequence[str], last: bool = False) -> tuple[str, bool, str]:
    """``text`` before the first (or last) line that is a heading, whether there is one, and after it."""
    found = list(re.finditer(rf"(?:^|\n)(?:{'|'.join(map(re.escape, names))}):\n", text))
    if not found:
        return text, False, ""
    heading = found[-1 if last else 0]
    return text[: heading.start()], True, text[heading.end() :]


Say = Callable[[Asked], str]


@cache
def openings() -> dict[str, str]:
    """The opening of each template to the name of its prompt."""
    return {_opening(template): prompt.name for prompt in PROMPTS for template in prompt.templates.values()}


def _opening(template: str) -> str:
    text = template.lstrip().partition("{")[0]
    return text[: OPENING if text[:OPENING].isascii() else CHINESE_OPENING]


def asked_of(body: dict[str, Any]) -> Asked:
    """What a request's ``body`` asks for."""
    messages = body["messages"]
    system = messages[0]["content"] if messages[0]["role"] == "system" else ""
    prompt = next((name for opening, name in openings().items() if system.startswith(opening)), None)
    return Asked(prompt, messages[-1]["content"], messages, body)


@contextmanager
def serving(say: Say) -> Iterator[str]:
    """Yields the address of the API, up to ``/v1``; ``say`` is called in a thread of its own for each request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send({"object": "list", "data": [{"id": "planted", "object": "model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(completion(body, say(asked_of(body))))

        def _send(self, reply: dict[str, Any]) -> None:
            payload = json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def completion(body: dict[str, Any], text: str) -> dict[str, Any]:
    """``text`` as a chat completion with as many choices as are wanted; a token is a word."""
    message = {"role": "assistant", "content": text}
    choices = [{"index": k, "finish_reason": "stop", "message": message} for k in range(body.get("n") or 1)]
    words_in = sum(len(turn["content"].split()) for turn in body["messages"])
    words_out = len(choices) * len(text.split())
    usage = {"prompt_tokens": words_in, "completion_tokens": words_out, "total_tokens": words_in + words_out}
    return {
        "id": "planted", "object": "chat.completion", "created": 0, "model": body["model"], "choices": choices,
        "usage": usage,
    }  # fmt: skip
