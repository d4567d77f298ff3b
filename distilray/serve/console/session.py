"""``distilray chat``: talk to a student in the terminal, or through a pipe.

distilray chat runs/maths --before-after
echo "What is 27 + 15?" | distilray chat http://127.0.0.1:8000
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from distilray.serve.console.clients import (
    API_KEY_VARIABLE,
    CannotAnswer,
    Card,
    ChatClient,
    InProcess,
    Served,
    is_same_checkpoint,
    served_models,
)
from distilray.serve.console.conversation import SIDE_BY_SIDE_FROM, Conversation, reply_in_turn, reply_side_by_side
from distilray.serve.inference.target import CannotServe, find_students
from distilray.serve.noise import noise_to
from distilray.serve.settings import ServedModel

HELP = "/reset starts over, /quit (or Ctrl-D) leaves, Ctrl-C stops a reply"


def chat(
    target: str,
    *,
    before_after: bool = False,
    once: str | None = None,
    model: str | None = None,
    port: int = 8000,
    temperature: float = 0.0,
    max_tokens: int = 1024,
) -> int:
    """Talk to ``target``: the URL of a server, a run, a checkpoint directory or ``package://...``.

    A run or checkpoint that is served on ``port`` of this machine is asked there; otherwise it is loaded into this
    process. ``once`` asks one question and returns. ``before_after`` asks the student before training too.
    Questions come from stdin, one per line, replies go to stdout and everything else to stderr. Returns the exit
    status: 0; 1 if a question from a pipe or ``once`` got no answer; 2 if the input must be changed.
    """
    try:
        clients = _clients(target, before_after, model, port, temperature, max_tokens)
    except (CannotServe, CannotAnswer) as error:
        print(f"distilray chat: {error}", file=sys.stderr)
        return 2
    conversations = [Conversation(client) for client in clients]
    if once is not None:
        return _ask_all(conversations, iter([once]))
    if sys.stdin.isatty():
        return _talk(conversations)
    return _ask_all(conversations, (line.rstrip("\n") for line in sys.stdin))


def _ask_all(conversations: list[Conversation], questions: Iterator[str]) -> int:
    for question in questions:
        if question == "/quit":
            break
        if question == "/reset":
            _reset(conversations)
            continue
        if not question.strip():
            continue
        try:
            reply_in_turn(conversations, question, sys.stdout)
        except CannotAnswer as error:
            print(f"distilray chat: {error}", file=sys.stderr)
            return 1
    return 0


def _talk(conversations: list[Conversation]) -> int:
    import readline  # noqa: F401  (gives input() editing and history)

    names = " and ".join(conversation.client.name for conversation in conversations)
    print(f"Talking to {names}. {HELP}", file=sys.stderr)
    reply = _layout(conversations)
    while True:
        try:
            question = input("\n> ").strip()
        except (EOFError, KeyboardInterrupt):
            print(file=sys.stderr)
            return 0
        if question in ("/quit", "/exit"):
            return 0
        if question == "/reset":
            _reset(conversations)
            print("Starting over.", file=sys.stderr)
        elif question.startswith("/"):
            print(HELP, file=sys.stderr)
        elif question:
            try:
                reply(question)
            except KeyboardInterrupt:
                print("\n(stopped; this question is not kept)", file=sys.stderr)
            except CannotAnswer as error:
                print(f"{error}\n(/reset forgets the conversation)", file=sys.stderr)


def _layout(conversations: list[Conversation]) -> Callable[[str], None]:
    wide = shutil.get_terminal_size().columns >= SIDE_BY_SIDE_FROM
    if len(conversations) > 1 and wide and sys.stdout.isatty():
        return lambda question: reply_side_by_side(conversations, question)
    return lambda question: reply_in_turn(conversations, question, sys.stdout)


def _reset(conversations: list[Conversation]) -> None:
    for conversation in conversations:
        conversation.reset()


def _clients(
    target: str, before_after: bool, model: str | None, port: int, temperature: float, max_tokens: int
) -> list[ChatClient]:
    key = os.environ.get(API_KEY_VARIABLE) or "none"
    if target.startswith(("http://", "https://")):
        url = target.rstrip("/").removesuffix("/v1")
        served = _cards_at(url, key, model, before_after)
    else:
        students = find_students(target, model_id=model, before=before_after)[::-1]  # before first, as in every table
        url = f"http://127.0.0.1:{port}"
        served, otherwise = _served_here(url, key, students)
        if not served:
            print(f"{otherwise}; loading into this process", file=sys.stderr)
            return _load(students, temperature, max_tokens)
    return [
        Served(url, name, card.context, key=key, temperature=temperature, max_tokens=max_tokens)
        for name, card in served.items()
    ]


def _cards_at(url: str, key: str, model: str | None, before_after: bool) -> dict[str, Card]:
    served = served_models(url, key)
    if not served:
        raise CannotServe(f"no model server answers at {url}; start one with `distilray serve RUN`")
    name = model or next(iter(served))
    if name not in served:
        raise CannotServe(f"{url} does not serve {name!r}; it serves: {', '.join(served)}")
    if not before_after:
        return {name: served[name]}
    before = f"{name}-before"
    if before not in served:
        raise CannotServe(f"{url} does not serve {before}; start it with `distilray serve RUN --before`")
    return {before: served[before], name: served[name]}


def _served_here(url: str, key: str, students: list[ServedModel]) -> tuple[dict[str, Card], str]:
    """The cards of these checkpoints as served at ``url``; none, and the reason, if one of them is not served there."""
    try:
        served = served_models(url, key)
    except CannotAnswer as error:
        return {}, str(error)  # possibly another kind of server
    if served is None:
        return {}, f"No model server at {url}"
    found = {
        name: card
        for student in students
        for name, card in served.items()
        if is_same_checkpoint(card.checkpoint, student.source)
    }
    if len(found) < len(students):
        return {}, f"{url} serves another checkpoint: {', '.join(card.checkpoint for card in served.values())}"
    return found, ""


def _load(students: list[ServedModel], temperature: float, max_tokens: int) -> list[ChatClient]:
    for student in students:
        print(f"Loading {student.id} from {student.source}", file=sys.stderr)
    log = Path(tempfile.mkdtemp(prefix="distilray-chat-")) / "chat.log"
    try:
        with noise_to(log):
            return [InProcess(student, temperature=temperature, max_tokens=max_tokens) for student in students]
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise CannotServe(f"the checkpoint does not load: {error}\nthe output of transformers is in {log}") from error
