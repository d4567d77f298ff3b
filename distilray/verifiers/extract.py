r"""Find the final answer in a text with explanations, in English or Chinese.

In this order: what is marked (`\boxed{}`, `####`, an `<answer>` tag) unless a last line says otherwise ("A: 33"); what
is announced ("the answer is", 答案是); and, as a last resort that the verdict names, the value that the last sentence
arrives at.
"""

from __future__ import annotations

import re

from distilray.verifiers.closing import closing
from distilray.verifiers.found import Found
from distilray.verifiers.marks import marked
from distilray.verifiers.statements import announced, announced_text, labelled_line

_TURN_END = re.compile(r"(?<=.)(?:<\|(?:im_end|im_start|endoftext|eot_id|end|eos)\|>|</s>)", re.DOTALL)


def extract_final_answer(text: str, kind: str = "math") -> str | None:
    """The answer that `text` settles on, without its surroundings; None if it states none.

    `kind` "numeric" or "math" falls back on the value of the last sentence; "text" does not.
    """
    found = find(text, numbers=kind in ("math", "numeric"))
    return found.answer if found and found.settled else None


def find(text: str, numbers: bool = True) -> Found | None:
    """Like extract_final_answer, and returns the rule, too. Reasoning up to `</think>` counts only if nothing
    follows.
    """
    if "<|" in text or "</s>" in text:
        text = _TURN_END.split(text.lstrip(), maxsplit=1)[0] or text
    _, closed, after = text.rpartition("</think>")
    if closed:
        return _search(after, numbers) or _search(text, numbers)
    return _search(text, numbers and "<think>" not in text)


def _search(text: str, numbers: bool) -> Found | None:
    found, end = marked(text)
    if numbers and (said := labelled_line(text, end)):
        return Found(said, "announced")
    if found:
        return found
    said = announced(text) if numbers else announced_text(text)
    if said:
        return Found(said, "announced")
    return closing(text) if numbers else None
