"""What a preference training tells before its first step and while it runs: how the reference ranks the pairs, and
whether chosen answers become less likely.

DPO's loss only asks for a difference, so that both answers' probabilities may fall (Pal et al. 2024, Razin et al.
2024); on held-out pairs this shows that the student forgets rather than learns what is chosen.
"""

from __future__ import annotations

from typing import Any

import torch.distributed as dist
from transformers import TrainerCallback

from distilray.train.progress import keep_warning
from distilray.train.scoring.reference_ranking import RANKING, ranking_warnings, reference_ranking
from distilray.train.spec import Job


def report_reference(job: Job) -> None:
    """The first worker writes the reference's ranking of the pairs next to the tokens, and warns."""
    if dist.get_rank():
        return
    ranking = reference_ranking(job.store, job.tokens)
    job.store.write_json(f"{job.out}/{RANKING}", ranking)
    for text in ranking_warnings(ranking, job.settings):
        warn(job, text)


class ChosenFalls(TrainerCallback):
    """Warns once when held-out chosen answers become less likely than they were: than under the reference, if the
    student began as it, else than at the first evaluation."""

    def __init__(self, job: Job) -> None:
        self.job, self.told, self.first = job, False, None
        self.own = job.settings.reference is None

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        now = (logs or {}).get("eval_logps/chosen")
        if now is None or self.told or not state.is_world_process_zero:
            return
        self.first = now if self.first is None else self.first
        reward = (logs or {}).get("eval_rewards/chosen", 0.0)
        if (reward < 0) if self.own else (now < self.first):
            self.told = True
            before = "before the training" if self.own else "at the first evaluation"
            warn(
                self.job,
                f"step {state.global_step}: held-out chosen answers are less likely than {before} (log-probability "
                f"{now:.4g} a pair); lower learning_rate or the steps, or add sft to the loss: "
                "{sigmoid: 1, sft: 0.2}",
            )


def warn(job: Job, text: str) -> None:
    """Called in one worker: the driver logs ``text``, and it is kept with the training. The same text is said once,
    also by a training that was killed and continues."""
    if keep_warning(job.store, job.out, text) and job.board is not None:  # none where a trainer runs without a launch
        job.board.warn.remote(text)
