"""The student answers held-out prompts while it is trained, and its answers are verified: what a loss does not show.

    {"step": 40, "held_out_loss": 0.61, "held_out_right": 0.72, "held_out_answer_tokens": 181.4}

Prompts are those of held-out rows, the reference is the result that the row's own answer states. All workers generate
together, each a share of the prompts, greedily, with the weights as they lie (sharded ones are gathered layer by layer
for every token, so a few prompts are enough).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from transformers import GenerationConfig

from distilray import verifiers
from distilray.rows import MalformedRecord, split_reasoning
from distilray.storage import read_parquet
from distilray.train.data.training_data import held_out
from distilray.train.errors import StopTraining
from distilray.train.settings import IGNORED, GenerationSettings
from distilray.train.spec import Job


@dataclass(frozen=True)
class Question:
    prompt: list[int]
    reference: str
    """The result that the held-out row's answer states."""
    stop: int
    """The last token of that answer."""


class HeldOutAnswers:
    """Measures how many of the student's answers to held-out prompts are right; every worker has one."""

    def __init__(self, trainer: Any, job: Job, tokenizer: Any) -> None:
        self.trainer, self.tokenizer = trainer, tokenizer
        self.settings: GenerationSettings = job.settings.generate
        self.questions = list(_questions(job, tokenizer, self.settings))
        if not self.questions:
            raise StopTraining(
                f"train {job.settings.name!r}: no held-out row states a result that {self.settings.verifier} reads, so "
                "generate has nothing to verify; choose another verifier, a larger holdout, or generate: null"
            )

    def measure(self) -> dict[str, float]:
        """``right``, a share, and ``answer_tokens``, a mean; alike in all workers, which call it together."""
        trainer, size = self.trainer, self.trainer.args.per_device_eval_batch_size
        world, rank = trainer.accelerator.num_processes, trainer.accelerator.process_index
        share = math.ceil(len(self.questions) / world)
        mine = self.questions[rank * share : (rank + 1) * share]
        # A worker without prompts of its own generates with the others, whose sharded weights it holds.
        asked = [*mine, *self.questions[:1] * (share - len(mine))]
        answers = [answer for k in range(0, share, size) for answer in self._answers(asked[k : k + size])]
        right = sum(self._is_right(q, ids) for q, ids in zip(mine, answers, strict=False))
        tokens = sum(len(ids) for _, ids in zip(mine, answers, strict=False))
        sums = torch.tensor([right, tokens], dtype=torch.float64, device=trainer.args.device)
        if dist.is_initialized():
            dist.all_reduce(sums)
        total = len(self.questions)
        return {"right": sums[0].item() / total, "answer_tokens": sums[1].item() / total}

    def _answers(self, questions: list[Question]) -> list[list[int]]:
        """Greedy answers, without padding."""
        longest = max(len(question.prompt) for question in questions)
        pad, device = self.tokenizer.pad_token_id, self.trainer.args.device
        ids = torch.tensor([[pad] * (longest - len(q.prompt)) + q.prompt for q in questions], device=device)
        mask = torch.tensor([[0] * (longest - len(q.prompt)) + [1] * len(q.prompt) for q in questions], device=device)
        stops = {q.stop for q in self.questions} & set(self.tokenizer.all_special_ids) | {self.tokenizer.eos_token_id}
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        configured = model.get_base_model() if hasattr(model, "peft_config") else model
        own = configured.generation_config  # a checkpoint's own sampling or penalties would be mixed in
        configured.generation_config = GenerationConfig(
            do_sample=False, max_new_tokens=self.settings.max_tokens, eos_token_id=sorted(stops), pad_token_id=pad
        )
        try:
            # Compiled blocks would be compiled again for caches of other kinds and lengths.
            eager = torch.compiler.set_stance("force_eager")
            with eager, torch.no_grad(), self.trainer.compute_loss_context_manager():
                out = model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    use_cache=True,
                    synced_gpus=self.trainer.accelerator.num_processes > 1,
                )
        finally:
            configured.generation_config = own
        return [_until(row, stops) for row in out[:, longest:].tolist()]

    def _is_right(self, question: Question, ids: list[int]) -> bool:
        answer = _answer_in(self.tokenizer.decode(ids, skip_special_tokens=True))
        if answer is None:
            return False
        return bool(asyncio.run(verifiers.grade(self.settings.verifier, answer, question.reference)).right)


def _questions(job: Job, tokenizer: Any, settings: GenerationSettings) -> Iterator[Question]:
    """From the first held-out rows whose answer states a result."""
    left = settings.prompts
    for path in job.tokens:
        for row in read_parquet(job.store, path).to_pylist():
            if not left:
                return
            if row["outcome"] != "kept" or not held_out(row["id"], job.settings.holdout):
                continue
            prompt, answer = _sides(row)
            text = _answer_in(tokenizer.decode(answer, skip_special_tokens=True))
            reference = verifiers.extract_final_answer(text, settings.verifier) if text else None
            if reference is not None:
                left -= 1
                yield Question(prompt, reference, answer[-1])


def _sides(row: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Tokens of the prompt and of the answer: of a pair the chosen one, of a conversation the last."""
    if "prompt_ids" in row:
        return row["prompt_ids"], row["chosen_ids"]
    labels = row["labels"]
    end = max(place for place, label in enumerate(labels) if label != IGNORED) + 1
    start = end
    while start > 0 and labels[start - 1] != IGNORED:
        start -= 1
    return row["input_ids"][:start], row["input_ids"][start:end]


def _answer_in(text: str) -> str | None:
    """What follows the thoughts; None where they have no end."""
    try:
        return split_reasoning(text)[1]
    except MalformedRecord:
        return None


def _until(ids: list[int], stops: set[int]) -> list[int]:
    """``ids`` up to their first stop token, included."""
    end = next((place for place, token in enumerate(ids) if token in stops), len(ids) - 1)
    return ids[: end + 1]
