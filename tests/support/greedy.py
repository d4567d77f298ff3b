"""Greedy answers of a checkpoint, in a process of its own: ``greedy.py transformers|vllm CHECKPOINT CONVERSATIONS``
prints their texts; ``greedy.py transformers|vllm --ids CONVERSATIONS CHECKPOINT...`` their token ids, with the
token that ended each, from one checkpoint after another."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import NamedTuple

TOKENS = 32


class Answer(NamedTuple):
    text: str
    ids: list[int]


def by_transformers(path: str, conversations: list) -> list[Answer]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModelForCausalLM.from_pretrained(path)
    answers = []
    for messages in conversations:
        asked = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        with torch.no_grad():
            out = model.generate(**asked, max_new_tokens=TOKENS, do_sample=False)
        ids = out[0, asked["input_ids"].shape[1] :].tolist()
        answers.append(Answer(tokenizer.decode(ids, skip_special_tokens=True), ids))
    return answers


def by_vllm(path: str, conversations: list) -> list[Answer]:
    os.environ.update(
        VLLM_CPU_KVCACHE_SPACE="1", VLLM_CPU_OMP_THREADS_BIND="nobind", VLLM_ENABLE_V1_MULTIPROCESSING="0"
    )
    from vllm import LLM, SamplingParams

    llm = LLM(path, enforce_eager=True, max_model_len=512, max_num_seqs=8, dtype="float32")
    out = llm.chat(conversations, SamplingParams(temperature=0, max_tokens=TOKENS), use_tqdm=False)
    return [Answer(reply.outputs[0].text, list(reply.outputs[0].token_ids)) for reply in out]


def ids_by_vllm(path: str, conversations: list) -> list[list[int]]:
    """The answers' tokens; nothing of the engine remains, so that another one can be loaded."""
    answers = by_vllm(path, conversations)
    gc.collect()
    from vllm.distributed import cleanup_dist_env_and_memory

    cleanup_dist_env_and_memory()
    return [answer.ids for answer in answers]


def ids_by_transformers(path: str, conversations: list) -> list[list[int]]:
    return [answer.ids for answer in by_transformers(path, conversations)]


if __name__ == "__main__":
    engine, what, *given = sys.argv[1:]
    if what == "--ids":
        ids = {"transformers": ids_by_transformers, "vllm": ids_by_vllm}[engine]
        found = {path: ids(path, json.loads(given[0])) for path in given[1:]}
    else:
        answer = {"transformers": by_transformers, "vllm": by_vllm}[engine]
        found = [answer.text for answer in answer(what, json.loads(given[0]))]
    print("\n" + json.dumps(found))
