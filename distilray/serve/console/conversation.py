"""A conversation with one model, and the layout of replies: one after another, or two side by side."""

import threading
from collections.abc import Iterator, Sequence
from typing import TextIO

from distilray.serve.console.clients import ChatClient, Message

SIDE_BY_SIDE_FROM = 100
"""Width of a terminal from which two replies are shown side by side."""


class Conversation:
    """The turns with ``client`` so far; a question without a complete reply is not kept."""

    def __init__(self, client: ChatClient) -> None:
        self.client = client
        self.turns: list[Message] = []

    def ask(self, question: str) -> Iterator[str]:
        turns = [*self.turns, {"role": "user", "content": question}]
        reply = []
        for piece in self.client.answer(turns):
            reply.append(piece)
            yield _printable(piece)
        self.turns = [*turns, {"role": "assistant", "content": "".join(reply)}]

    def reset(self) -> None:
        self.turns.clear()


def reply_in_turn(conversations: Sequence[Conversation], question: str, out: TextIO) -> None:
    """Stream each reply in full, one block after another, headed by the model's name if there are several."""
    for conversation in conversations:
        if len(conversations) > 1:
            print(f"{conversation.client.name}:", file=out)
        for piece in conversation.ask(question):
            out.write(piece)
            out.flush()
        print(file=out)
        if len(conversations) > 1:
            print(file=out)


def reply_side_by_side(conversations: Sequence[Conversation], question: str) -> None:
    """Stream all replies at once, in columns of the terminal."""
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    texts = {conversation.client.name: "" for conversation in conversations}
    failures: list[Exception] = []
    stop = threading.Event()

    def follow(conversation: Conversation) -> None:
        try:
            for piece in conversation.ask(question):
                texts[conversation.client.name] += piece
                if stop.is_set():
                    return
        except Exception as error:
            failures.append(error)

    def columns() -> Table:
        table = Table(expand=True)
        for name in texts:
            table.add_column(name, ratio=1)
        table.add_row(*(Text(text) for text in texts.values()))
        return table

    console = Console()
    threads = [threading.Thread(target=follow, args=(each,), daemon=True) for each in conversations]
    try:
        # Live only while it grows; the whole reply, which may be longer than the screen, is printed at the end.
        with Live(get_renderable=columns, console=console, transient=True, refresh_per_second=12):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        stop.set()
        console.print(columns())
    if failures:
        raise failures[0]


def _printable(text: str) -> str:
    """Without control characters: a model must not steer the terminal."""
    return "".join(char for char in text if char in "\n\t" or char.isprintable())
