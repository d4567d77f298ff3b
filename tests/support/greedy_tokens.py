"""Greedy answers of a checkpoint as token ids, in any transformers since 4.37: ``greedy_tokens.py CHECKPOINT
CONVERSATIONS``. Imports nothing from distilray, which older environments do not have."""

from __future__ import annotations

import json
import sys

TOKENS = 24


def main(path: str, conversations: list) -> None:
    import torch
    import transformers
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForCausalLM.from_pretrained(path, torch_dtype="auto")
    loaded_as = str(model.dtype)
    model = model.float().eval()
    prompts, answers = [], []
    for messages in conversations:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False).input_ids
        asked = torch.tensor([ids])
        with torch.no_grad():
            out = model.generate(
                asked, attention_mask=torch.ones_like(asked), max_new_tokens=TOKENS, do_sample=False, eos_token_id=-1
            )
        prompts.append(ids)
        answers.append(out[0, len(ids) :].tolist())
    found = {
        "transformers": transformers.__version__,
        "rope_theta": getattr(AutoConfig.from_pretrained(path), "rope_theta", None),
        "dtype": loaded_as,
        "prompts": prompts,
        "answers": answers,
    }
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
