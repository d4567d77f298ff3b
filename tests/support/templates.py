"""Chat templates of model families on the real Qwen2.5 tokenizer: those that TRL ships, and others written here after
the formats that their makers publish."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.support.recorded_data import SHARED

CHATML = (
    "{%% for message in messages %%}"
    "{%% if loop.first and message.role != 'system' %%}<|im_start|>system\n%s<|im_end|>\n{%% endif %%}"
    "<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{%% endfor %%}"
    "{%% if add_generation_prompt %%}<|im_start|>assistant\n{%% endif %%}"
)
QWEN2 = CHATML % "You are a helpful assistant."
QWEN2_5_MATH = CHATML % "Please reason step by step, and put your final answer within \\boxed{}."
R1_WITHOUT_OPENING = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ message.content }}"
    "{% elif message.role == 'user' %}<｜User｜>{{ message.content }}"
    "{% else %}<｜Assistant｜>{{ message.content.split('</think>')[-1] }}<｜end▁of▁sentence｜>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<｜Assistant｜>{% endif %}"
)
"""As the distilled models were first published: nothing opens the reasoning."""

MISTRAL = (
    "{{ bos_token }}{% set turns = messages %}"
    "{% if messages[0].role == 'system' %}{% set turns = messages[1:] %}{% endif %}"
    "{% for turn in turns %}"
    "{% if (turn.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if turn.role == 'user' %}[INST] "
    "{% if loop.last and messages[0].role == 'system' %}{{ messages[0].content }}\n\n{% endif %}"
    "{{ turn.content }}[/INST]"
    "{% else %} {{ turn.content | trim }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)
"""Version 3: a system prompt is a part of the last question, and no part of anything once that is answered."""

DEEPSEEK = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>")
LLAMA = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
GEMMA = ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>")
PHI = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
END = "<|im_end|>"


@dataclass(frozen=True)
class Family:
    """A template with the tokens that it needs, and what is expected under it."""

    template: str
    """The text, or the name of TRL's file."""
    end: str = END
    control: tuple[str, ...] = ()
    bos: str | None = None
    eos: str | None = None
    """The tokenizer's; by default the token that ends a turn."""
    variables: dict[str, Any] = field(default_factory=dict)
    plain: str | None = "{answer}"
    """What the assistant writes without a trace; None: refused."""
    thinking: str | None = "<think>\n{trace}\n</think>\n\n{answer}"
    """What it writes with one."""
    keeps: bool = True
    """Whether earlier turns stay as they were when they were asked for."""
    system: bool = True

    def text(self) -> str:
        if "{" in self.template:
            return self.template
        return files("trl").joinpath("chat_templates", f"{self.template}.jinja").read_text("utf-8")


HARMONY = "<|channel|>final<|message|>"
EMPTY = "<think>\n\n</think>\n\n{answer}"
FAMILIES: dict[str, Family] = {
    "qwen2": Family(QWEN2),
    "qwen2.5-base": Family("qwen2_5", eos="<|endoftext|>"),
    "qwen2.5-instruct": Family("qwen2_5"),
    "qwen2.5-math": Family(QWEN2_5_MATH),
    "qwen3": Family("qwen3", plain=EMPTY, keeps=False),
    "qwen3-without-thinking": Family("qwen3", variables={"enable_thinking": False}, thinking=None, keeps=False),
    "qwen3-2507": Family("qwen3_instruct_2507"),
    "qwen3.5": Family(
        "qwen3_5_think", plain="\n</think>\n\n{answer}", thinking="{trace}\n</think>\n\n{answer}", keeps=False
    ),
    "qwen3.5-without-thinking": Family("qwen3_5_nothink", thinking=None, keeps=False),
    "r1-distill": Family(
        "deepseek_r1_distill", DEEPSEEK[1], DEEPSEEK, DEEPSEEK[0],
        plain=None, thinking="{trace}\n</think>\n\n{answer}", keeps=False,
    ),
    "r1-distill-first": Family(R1_WITHOUT_OPENING, DEEPSEEK[1], DEEPSEEK, DEEPSEEK[0]),
    "deepseek-v3": Family(
        "deepseekv3", DEEPSEEK[1], DEEPSEEK, DEEPSEEK[0],
        plain=None, thinking="{trace}\n</think>\n\n{answer}", keeps=False,
    ),
    "llama3": Family("llama3", "<|eot_id|>", LLAMA, LLAMA[0]),
    "llama3.1": Family("llama3_1", "<|eot_id|>", LLAMA, LLAMA[0]),
    "llama3.2": Family("llama3_2", "<|eot_id|>", LLAMA, LLAMA[0]),
    "mistral": Family(
        MISTRAL, "</s>", ("<s>", "</s>", "[INST]", "[/INST]"), "<s>", plain=" {answer}",
        thinking=" <think>\n{trace}\n</think>\n\n{answer}", system=False,
    ),
    "gemma": Family("gemma", "<end_of_turn>", GEMMA, "<bos>", "<eos>", system=False),
    "gemma3": Family("gemma3", "<end_of_turn>", GEMMA, "<bos>", "<eos>"),
    "phi3": Family("phi3", "<|end|>", PHI, eos="<|endoftext|>"),
    "phi3.5": Family("phi3_5", "<|end|>", PHI, eos="<|endoftext|>"),
    "cohere": Family(
        "cohere", "<|END_OF_TURN_TOKEN|>",
        ("<BOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>",
         "<|SYSTEM_TOKEN|>"), "<BOS_TOKEN>",
    ),
    "gpt-oss": Family(
        "gptoss", "<|return|>", ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>"),
        plain=HARMONY + "{answer}", thinking=HARMONY + "<think>\n{trace}\n</think>\n\n{answer}", keeps=False,
    ),
    "glm4-moe": Family(
        "glm4moe", "<|user|>", ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
        eos="<|endoftext|>", plain="\n<think></think>\n{answer}", thinking="\n<think>{trace}</think>\n{answer}",
    ),
}  # fmt: skip


def real_tokenizer(folder: Path, family: Family) -> Path:
    """The Qwen2.5 tokenizer with the template and control tokens of ``family``; skips where it is absent."""
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    source = SHARED / "data" / "tokenizer" / "qwen2.5"
    if not source.is_dir():
        pytest.skip(f"needs {source} (set DISTILRAY_SHARED)")
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in family.control])
    tokenizer.eos_token = family.eos or family.end
    tokenizer.pad_token = "<|endoftext|>"
    if family.bos:
        tokenizer.bos_token = family.bos
    tokenizer.chat_template = family.text()
    tokenizer.save_pretrained(folder)
    if family.eos == "<eos>":  # as Gemma's instruction-tuned models declare it
        ids = tokenizer.convert_tokens_to_ids([family.eos, family.end])
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
    shutil.copy(source / "config.json", folder)
    return folder
