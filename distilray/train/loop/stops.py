"""The token that ends an exported student's turns, declared where its training taught it one that it did not have."""

from __future__ import annotations

from pathlib import Path

from distilray.checkpoints import declare_stop
from distilray.train.data.chat import ChatFormat
from distilray.train.spec import Job


def declare_trained_stop(job: Job, folder: str) -> None:
    """Writes the stop token that was trained into the tokenizer's files and generation_config.json in ``folder``, if
    generation by the untrained student does not stop at it: a base model's eos is that of its pre-training. The chat
    template stays as it is."""
    if not job.method.is_generative:
        return
    chat = job.method.renderer(job.student_path, job.settings, job.template_variables)
    if isinstance(chat, ChatFormat) and not chat.ends.declared:
        declare_stop(Path(folder), chat.ends.token, chat.stop_id)
