"""Where the assistant's turns are in a conversation, found by rendering it as it is asked and as it is answered.

    asked      <|im_start|>user\\n2+3?<|im_end|>\\n<|im_start|>assistant\\n
    answered   <|im_start|>user\\n2+3?<|im_end|>\\n<|im_start|>assistant\\n5<|im_end|>\\n
    written                                                               5<|im_end|>

What the assistant writes is what follows the text that it is asked with, up to the token that ends its turn. So what is
trained is what is sampled later, under any template, whether or not it has generation marks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilray.train.data.ends import Ends
from distilray.train.data.template import Render, Turns


class Misrendered(ValueError):
    """Why a conversation cannot be trained on under its template; short and countable."""


class ChangedTurn(Misrendered):
    """An earlier turn of the assistant is rendered otherwise than when it was asked for."""

    def __init__(self, turn: int, asked: str, later: str) -> None:
        super().__init__("an earlier turn of the assistant is rendered differently once the conversation goes on")
        self.turn, self.asked, self.later = turn, asked, later


@dataclass(frozen=True, slots=True)
class Written:
    """A conversation in the pieces of which it is tokenized."""

    pieces: tuple[str, ...]
    """Texts that make up the conversation, cut where a turn of the assistant begins or ends."""
    by_assistant: tuple[int, ...]
    """Places of the assistant's pieces; the last is the answer."""

    @property
    def prompt(self) -> str:
        """What the answer is asked with."""
        return "".join(self.pieces[: self.by_assistant[-1]])


@dataclass(frozen=True)
class TurnFormat:
    """How a template renders the assistant's turns."""

    render: Render
    ends: Ends
    opens: str | None = None
    """None: the conversation with an answer continues the text that it is asked with. Otherwise the template drops
    reasoning from answers, so they are taken as they are given, without this beginning: what the prompt already has."""

    def written(self, turns: Turns, *, every: bool = False, untrained: Collection[int] = ()) -> Written:
        """``turns`` end with the answer. Earlier turns of the assistant are pieces too only with ``every``, and then
        all but those at the places ``untrained``.

        Raises :class:`Misrendered`, and :class:`jinja2.TemplateError` if the template refuses the conversation.
        """
        history, answer = turns[:-1], turns[-1]["content"]
        if not history:
            raise Misrendered("no turn comes before the answer")
        if self.opens is not None and not answer.startswith(self.opens):
            raise Misrendered(f"the prompt ends with {self.opens!r}, with which the answer does not begin")
        asked = self.render(history, True)
        said, rest = self._said(turns, asked), self.ends.rest
        pieces, places, at = [], [], 0
        for start, stop in self._earlier(history, asked, untrained) if every else ():
            pieces += [asked[at:start], asked[start:stop]]
            places.append(len(pieces) - 1)
            at = stop
        if self.opens is None and not _is_in(answer, asked, said):
            raise Misrendered("the chat template drops a part of the answer")
        pieces += [asked[at:], said, *([rest] if rest and self.opens is None else [])]
        return Written(tuple(pieces), (*places, len(places) * 2 + 1))

    def _said(self, turns: Turns, asked: str) -> str:
        """What the assistant writes as the last of ``turns`` after ``asked``, its end included."""
        if self.opens is not None:
            return turns[-1]["content"].removeprefix(self.opens) + self.ends.end
        answered = self.render(turns, False)
        if not answered.startswith(asked):
            raise Misrendered("its prompt is rendered differently before an answer")
        if not answered.endswith(self.ends.tail):
            raise Misrendered("its answer ends in another way than the template's answers do")
        return answered[len(asked) : len(answered) - len(self.ends.tail)] + self.ends.end

    def _earlier(self, history: Turns, asked: str, untrained: Collection[int]) -> list[tuple[int, int]]:
        """Where in ``asked`` the assistant's turns of ``history`` begin and end; without one that begins the
        conversation, which nobody asked for."""
        found = []
        for number, turn in enumerate(history):
            if turn["role"] != "assistant" or not number or number in untrained:
                continue
            before = self.render(history[:number], True)
            said = self._said(history[: number + 1], before)
            if not asked.startswith(before + said):
                raise ChangedTurn(number + 1, _end_of(before + said, asked), _end_of(asked, before + said))
            found.append((len(before), len(before) + len(said)))
        return found


def conversation(turns: Sequence[Mapping[str, Any]], answer: str) -> list[dict[str, Any]]:
    """``turns`` with the assistant's ``answer`` after them."""
    return [*(dict(turn) for turn in turns), {"role": "assistant", "content": answer}]


def common_length(one: str, other: str) -> int:
    """Characters with which both texts begin."""
    return next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


SHOWN = 60


def _end_of(text: str, other: str) -> str:
    """The part of ``text`` around the place where it begins to differ from ``other``."""
    differs = common_length(text, other)
    return text[max(0, differs - SHOWN // 2) : differs + SHOWN]


OPENED = 64
"""Characters at the end of a prompt that may be the beginning of an answer."""


def _is_in(answer: str, asked: str, said: str) -> bool:
    """Whether ``said`` has the whole answer, or all but a beginning with which the prompt ``asked`` ends already: a
    tag that opens its trace."""
    solid, after = _solid(answer), _solid(said)
    if solid in after:
        return True
    before = _solid(asked[-OPENED:])
    found = (before + after).rfind(solid)
    return found >= 0 and found + len(solid) > len(before)


def _solid(text: str) -> str:
    """Without white space, which templates may trim."""
    return "".join(text.split())
