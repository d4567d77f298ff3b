"""How a conversation becomes tokens and labels: the student's own chat template, all but the assistant's tokens masked.

    format = load_chat("checkpoints/student", settings)
    format.render([{"role": "user", "content": "2+3?"}], "5", None)
    # Rendered(input_ids=[..., 20, 151645, 198], labels=[-100, ..., 20, 151645, -100], start=14, stop=16)

The tokens before an answer are those that the student is asked with later, and the answer's own are tokenized apart
from them, as sampling sees them; the token that ends the turn is the last that is trained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilray.checkpoints import all_but_weights, load_tokenizer, resolve_path, stop_ids
from distilray.rows import join_reasoning
from distilray.train.data.ends import Ends
from distilray.train.data.marks import Marks, has_marks
from distilray.train.data.probe import ANSWER, ASK, REASONING, WITHOUT_TEMPLATE, probe
from distilray.train.data.template import TEMPLATE, Template, Turns, template_text
from distilray.train.data.turns import Misrendered, TurnFormat, Written, conversation
from distilray.train.errors import CannotTrain
from distilray.train.settings import IGNORED, TrainSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Rendered:
    """Two lists of the same length; labels are ``IGNORED`` or the token itself."""

    input_ids: list[int]
    labels: list[int]
    start: int
    """Where the answer begins: before it are the tokens that it is asked with."""
    stop: int
    """Behind the token that ends the answer."""


@dataclass(frozen=True)
class ChatFormat:
    """The student's tokenizer with the template, system prompt and form of answers that it is trained with."""

    tokenizer: PreTrainedTokenizerBase
    turns: TurnFormat
    marks: Marks | None
    system: str | None
    think: bool
    loss_on: str
    splits: bool
    """Whether the tokens of a text after a prompt are those of the text alone; else it is tokenized with the prompt."""
    hash: str
    """Of the template, the system prompt and the form of answers (12 hex digits)."""

    @property
    def ends(self) -> Ends:
        return self.turns.ends

    @property
    def stop_id(self) -> int:
        """The token that ends the assistant's turn."""
        return int(self.tokenizer.convert_tokens_to_ids(self.ends.token))  # pyright: ignore[reportArgumentType]

    @property
    def whole_answers(self) -> bool:
        """Whether an answer is trained from its first token on, as a probe shows."""
        rendered = self.render([ASK], ANSWER, REASONING)
        return rendered.labels[rendered.start] != IGNORED

    def render(self, messages: Sequence[Mapping[str, Any]], answer: str, reasoning: str | None) -> Rendered:
        """Tokens of the whole conversation; earlier turns with a ``weight`` of 0 are not trained.

        Raises :class:`Misrendered` where they would not be those of sampling, and :class:`jinja2.TemplateError` if the
        template refuses the conversation."""
        turns = conversation(self.prompt(messages), self.assistant(answer, reasoning))
        untrained = {place for place, turn in enumerate(turns) if turn.pop("weight", 1) == 0}
        written = self.turns.written(turns, every=self.loss_on == "assistant", untrained=untrained)
        pieces = self._encoded(written)
        silent = self.marks.unmarked(turns, written) if self.marks and self.turns.opens is None else {}
        ids: list[int] = []
        labels: list[int] = []
        start = stop = 0
        for place, piece in enumerate(pieces):
            if place in written.by_assistant:
                start, stop = len(ids), len(ids) + len(piece)
                skipped = frozenset(silent.get(place, ()))
                labels += [IGNORED if k in skipped else token for k, token in enumerate(piece)]
            else:
                labels += [IGNORED] * len(piece)
            ids += piece
        return Rendered(ids, labels, start, stop)

    def _encoded(self, written: Written) -> list[list[int]]:
        """Token ids of every piece."""
        encoded = self._ids(list(written.pieces))
        answer = written.by_assistant[-1]
        if len(written.by_assistant) > 1:  # earlier turns were sampled too: the prompt must be made of their tokens
            (prompt,) = self._ids([written.prompt])
            if prompt != [token for piece in encoded[:answer] for token in piece]:
                raise Misrendered("tokens of an earlier turn change once the conversation goes on")
        if not self.splits:
            prompt, whole = self._ids([written.prompt, written.prompt + written.pieces[answer]])
            if whole[: len(prompt)] != prompt:
                raise Misrendered("its prompt and its answer share a token")
            encoded[answer] = whole[len(prompt) :]
        if encoded[answer].index(self.stop_id) != len(encoded[answer]) - 1:
            raise Misrendered("its answer contains the token that ends it")
        return encoded

    def _ids(self, texts: list[str]) -> list[list[int]]:
        return self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False)["input_ids"]  # pyright: ignore[reportReturnType]

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The turns up to the answer, with the student's system prompt in place of any other."""
        turns = [dict(turn) for turn in messages]
        if self.system is None:
            return turns
        return [{"role": "system", "content": self.system}, *(turn for turn in turns if turn["role"] != "system")]

    def assistant(self, answer: str, reasoning: str | None) -> str:
        """The assistant's turn; with ``think``, its reasoning in a block before the answer."""
        return join_reasoning(reasoning if self.think else None, answer)


def load_chat(path: str, settings: TrainSettings, variables: Mapping[str, Any] | None = None) -> ChatFormat:
    """The chat format of the checkpoint at ``path``; :class:`CannotTrain` if rows could not be trained on.

    ``variables`` are for the chat template: the model's ``chat_template_kwargs``.
    """
    return chat_format(path, load_tokenizer(path), settings, variables or {})


def chat_format(
    path: str, tokenizer: PreTrainedTokenizerBase, settings: TrainSettings, variables: Mapping[str, Any]
) -> ChatFormat:
    """Like :func:`load_chat`, with the checkpoint's ``tokenizer`` loaded already."""
    variables, shown = dict(variables), f"student {path!r}"
    text = template_text(tokenizer.chat_template, variables)
    if not text:
        raise CannotTrain(f"{shown}: {WITHOUT_TEMPLATE}")
    variables.pop(TEMPLATE, None)
    turns = probe(_template(path, tokenizer, text, variables), settings, shown)
    chat = ChatFormat(
        tokenizer=tokenizer,
        turns=turns,
        marks=Marks(tokenizer, text, variables) if has_marks(text) else None,
        system=settings.system,
        think=settings.think,
        loss_on=settings.trained_turns,
        splits=_splits(tokenizer, turns),
        hash=_hash(text, settings, variables),
    )
    _check(shown, chat)
    return chat


def _template(path: str, tokenizer: PreTrainedTokenizerBase, text: str, variables: Mapping[str, Any]) -> Template:
    """The template as the tokenizer renders it."""

    def render(turns: Turns, ask: bool) -> str:
        return tokenizer.apply_chat_template(  # pyright: ignore[reportReturnType]
            [dict(turn) for turn in turns], chat_template=text, tokenize=False, add_generation_prompt=ask, **variables
        )

    declared = stop_ids(Path(resolve_path(path, all_but_weights)))
    stops = tokenizer.convert_ids_to_tokens(declared) or [tokenizer.eos_token]  # pyright: ignore[reportOptionalCall]
    added = {*tokenizer.get_added_vocab(), *tokenizer.all_special_tokens}  # pyright: ignore[reportOptionalCall]
    return Template(render, frozenset(added), frozenset(token for token in stops if token))


def _hash(text: str, settings: TrainSettings, variables: Mapping[str, Any]) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for part in (text, settings.system or "", str(settings.think), settings.trained_turns):
        digest.update(part.encode() + b"\0")
    if variables:
        digest.update(json.dumps(variables, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _splits(tokenizer: PreTrainedTokenizerBase, turns: TurnFormat) -> bool:
    """Some tokenizers begin every text with a space of its own."""
    answer = ANSWER + turns.ends.end
    prompt = turns.render([ASK], True)
    encoded = tokenizer([prompt + answer, prompt, answer], add_special_tokens=False, return_attention_mask=False)
    together, before, after = encoded["input_ids"]  # pyright: ignore[reportCallIssue, reportArgumentType]
    return together == before + after


def _check(shown: str, chat: ChatFormat) -> None:
    """Renders a probe with the tokenizer, so that a wrong one is reported before anything starts."""
    if chat.stop_id == chat.tokenizer.unk_token_id or len(chat._ids([chat.ends.token])[0]) != 1:
        raise CannotTrain(
            f"{shown}: its chat template ends a turn with {chat.ends.token!r}, which the tokenizer does not read as "
            "one token, so the student would never stop; add it as a special token, or end turns with another one"
        )
    rendered = chat.render([ASK], ANSWER, REASONING)
    trained = [label for label in rendered.labels if label != IGNORED]
    if not trained:
        raise CannotTrain(f"{shown}: its chat template has generation marks around no token")
    if trained[-1] != chat.stop_id:
        raise CannotTrain(
            f"{shown}: its chat template trains up to {chat.tokenizer.decode(trained[-1:])!r} but not the token that "
            f"ends the turn ({chat.ends.token!r}), so the student would never stop; move {{% endgeneration %}} after it"
        )
