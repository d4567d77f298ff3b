"""The practice world's checkpoints: where they are, what their cards hold, and whether they still fit the prompts.

``card.json`` in a checkpoint holds how the model was made (command, seed, steps), its figures on held-out operands, and
hashes of what it was trained on. Tiny models know only the wordings they were trained on: when a prompt, the chat
template or the world changes, the hashes no longer match and the model has to be trained again.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2ForCausalLM

from distilray.checkpoints import make_portable
from distilray.practice.examples import PROMPTS, ROLES
from distilray.practice.tokenizer import CHAT_TEMPLATE

CHECKPOINTS = Path(__file__).parent / "checkpoints"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def wordings(roles: list[str]) -> dict[str, str]:
    """Hashes of what a model of these roles depends on: each prompt's templates, and a sample of the world's examples
    with the chat template."""
    rng, digest = random.Random("fingerprint"), hashlib.blake2b(CHAT_TEMPLATE.encode(), digest_size=6)
    for role in sorted(roles):
        for _ in range(40):
            example = ROLES[role](rng, "train")
            digest.update(json.dumps([example.messages, example.reply], ensure_ascii=False).encode())
    return {"world": digest.hexdigest()} | {role: PROMPTS[role].wording for role in sorted(roles) if role in PROMPTS}


def save(model: Qwen2ForCausalLM, tokenizer: Any, out: Path, card: dict[str, Any]) -> None:
    """Write an ordinary Hugging Face checkpoint in bf16 with its tokenizer, and the card."""
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(out)  # type: ignore[arg-type]
    learned = Path(tokenizer.name_or_path)
    if learned.resolve() != out.resolve():
        # Copied, not saved: transformers writes another file for each class that it loads the tokenizer as.
        for file in TOKENIZER_FILES:
            shutil.copyfile(learned / file, out / file)
    make_portable(out)
    (out / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")


def load(path: Path) -> Qwen2ForCausalLM:
    """The model in fp32, on the CPU."""
    return Qwen2ForCausalLM.from_pretrained(path, dtype=torch.float32)


def card(path: Path) -> dict[str, Any]:
    return json.loads((path / "card.json").read_text("utf-8"))


def stale(path: Path) -> str | None:
    """Why the checkpoint no longer fits the prompts and the world, with the command that renews it; None if it fits."""
    made = card(path)
    now = wordings(made["roles"])
    changed = sorted(name for name in {*now, *made["wordings"]} if now.get(name) != made["wordings"].get(name))
    if not changed:
        return None
    names = ", ".join(changed)
    return f"{path.name} was trained on other wordings of {names}; train it again: {made['command']}"
