"""How a conversation becomes tokens and labels: the student's own chat template, all but the assistant's tokens masked.

    format = load_chat("checkpoints/student", settings)
    format.render([{"role": "user", "content": "2+3?"}], "5", None)
    # Rendered(input_ids=[..., 20, 151645, 198], labels=[-100, ..., 20, 151645, -100])

A template marks the assistant's text with ``{% generation %}``; the token that ends its turn must be inside, or
the student never learns to stop.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilray.checkpoints import load_tokenizer
from distilray.rows import join_reasoning
from distilray.train.errors import CannotTrain
from distilray.train.settings import IGNORED, TrainSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PROBE = [{"role": "user", "content": "What is 2 + 3?"}]
PROBE_ANSWER = "It is 5."


@dataclass(frozen=True, slots=True)
class Rendered:
    """Two lists of the same length; labels are ``IGNORED`` or the token itself."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class ChatFormat:
    """The student's tokenizer with the template, system prompt and form of answers that it is trained with."""

    tokenizer: PreTrainedTokenizerBase
    template: str
    """With generation marks; renders the same text as the tokenizer's own."""
    system: str | None
    think: bool
    loss_on: str
    stop_ids: frozenset[int]
    hash: str
    """Of the template, the system prompt and the form of answers (12 hex digits)."""

    def render(self, messages: Sequence[dict[str, str]], answer: str, reasoning: str | None) -> Rendered:
        """Tokens of the whole conversation. Raises :class:`jinja2.TemplateError` if the template refuses it."""
        turns = [*self.prompt(messages), {"role": "assistant", "content": self.assistant(answer, reasoning)}]
        encoded = self.tokenizer.apply_chat_template(
            turns, chat_template=self.template, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        ids, mask = encoded["input_ids"], encoded["assistant_masks"]
        start = _last_turn(mask) if self.loss_on == "answer" else 0
        labels = [token if on and i >= start else IGNORED for i, (token, on) in enumerate(zip(ids, mask, strict=True))]
        return Rendered(list(ids), labels)

    def prompt(self, messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
        """The turns up to the answer, with the student's system prompt in place of any other."""
        turns = [dict(turn) for turn in messages]
        if self.system is None:
            return turns
        return [{"role": "system", "content": self.system}, *(turn for turn in turns if turn["role"] != "system")]

    def assistant(self, answer: str, reasoning: str | None) -> str:
        """The assistant's turn; with ``think``, its reasoning in a block before the answer."""
        return join_reasoning(reasoning if self.think else None, answer)

    def stops(self, rendered: Rendered) -> bool:
        """Whether the last trained token is the one that ends the turn."""
        trained = [label for label in rendered.labels if label != IGNORED]
        return bool(trained) and any(label in self.stop_ids for label in trained[-3:])  # some end a turn with a newline


def load_chat(path: str, settings: TrainSettings) -> ChatFormat:
    """The chat format of the checkpoint at ``path``; :class:`CannotTrain` if rows could not be trained on."""
    tokenizer = load_tokenizer(path)
    template = _marked_template(path, tokenizer)
    digest = hashlib.blake2b(digest_size=6)
    for part in (template, settings.system or "", str(settings.think), settings.trained_turns):
        digest.update(part.encode() + b"\0")
    chat = ChatFormat(
        tokenizer=tokenizer,
        template=template,
        system=settings.system,
        think=settings.think,
        loss_on=settings.trained_turns,
        stop_ids=_stop_ids(path, tokenizer),
        hash=digest.hexdigest(),
    )
    _check(path, chat)
    return chat


def _marked_template(path: str, tokenizer: Any) -> str:
    own = tokenizer.chat_template
    if not own:
        raise CannotTrain(
            f"student {path!r}: its tokenizer has no chat template; add one as chat_template.jinja in that folder"
        )
    own = own["default"] if isinstance(own, dict) else own
    if "{% generation" in own or "{%- generation" in own:
        return own
    from trl.chat_template_utils import get_training_chat_template

    try:
        return get_training_chat_template(tokenizer) or own  # the families that TRL knows
    except ValueError as error:
        raise CannotTrain(
            f"student {path!r}: its chat template has no generation marks, which say which tokens the "
            "assistant wrote. Put {% generation %} before what the assistant says and {% endgeneration %} after the "
            "token that ends its turn, in chat_template.jinja"
        ) from error


def _stop_ids(path: str, tokenizer: Any) -> frozenset[int]:
    ids = {tokenizer.eos_token_id}
    generation = Path(path) / "generation_config.json"
    if generation.is_file():
        named = json.loads(generation.read_text("utf-8")).get("eos_token_id")
        ids.update(named if isinstance(named, list) else [named])
    return frozenset(token for token in ids if token is not None)


def _check(path: str, chat: ChatFormat) -> None:
    """Renders a probe, so that a wrong template is reported before anything starts."""
    rendered = chat.render(PROBE, PROBE_ANSWER, None)
    if all(label == IGNORED for label in rendered.labels):
        raise CannotTrain(f"student {path!r}: its chat template has generation marks around no token")
    if not chat.stops(rendered):
        last = chat.tokenizer.decode([label for label in rendered.labels if label != IGNORED][-1:])
        raise CannotTrain(
            f"student {path!r}: its chat template trains up to {last!r} but not the token that ends the turn "
            f"({chat.tokenizer.eos_token!r}), so the student would never stop; move {{% endgeneration %}} after it"
        )
    turns = chat.prompt(PROBE)
    asked = chat.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=True, return_dict=True)
    prompt_ids = list(asked["input_ids"])
    if rendered.input_ids[: len(prompt_ids)] != prompt_ids:
        raise CannotTrain(
            f"student {path!r}: its chat template renders a prompt differently when an answer follows it, so the "
            "student would be prompted in a format that it was not trained on; make the template the same for both"
        )


def _last_turn(mask: Sequence[int]) -> int:
    """Where the last run of ones in ``mask`` begins."""
    end = max((i for i, on in enumerate(mask) if on), default=0)
    start = end
    while start > 0 and mask[start - 1]:
        start -= 1
    return start
