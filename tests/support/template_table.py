"""The table of docs/templates.md: what the chat templates of model families make of conversations.

    python -m tests.support.template_table

It needs the tokenizer in the folder ``DISTILRAY_SHARED``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from distilray.train import template_findings
from tests.support.templates import FAMILIES, real_tokenizer

TITLES = {
    "qwen2": "Qwen2",
    "qwen2.5-base": "Qwen2.5",
    "qwen2.5-instruct": "Qwen2.5-Instruct",
    "qwen2.5-math": "Qwen2.5-Math",
    "qwen3": "Qwen3",
    "qwen3-without-thinking": "Qwen3, `enable_thinking: false`",
    "qwen3-2507": "Qwen3-Instruct-2507",
    "qwen3.5": "Qwen3.5",
    "qwen3.5-without-thinking": "Qwen3.5, without thinking by default",
    "r1-distill": "DeepSeek-R1 distills",
    "r1-distill-first": "DeepSeek-R1 distills, as first published",
    "deepseek-v3": "DeepSeek-V3, as TRL has it",
    "llama3": "Llama 3",
    "llama3.1": "Llama 3.1",
    "llama3.2": "Llama 3.2",
    "mistral": "Mistral Instruct v0.3",
    "gemma": "Gemma",
    "gemma3": "Gemma 3",
    "phi3": "Phi-3",
    "phi3.5": "Phi-3.5",
    "cohere": "Aya Expanse (Cohere)",
    "gpt-oss": "gpt-oss",
    "glm4-moe": "GLM-4 MoE",
}
HEAD = ("models", "template", "turns end with", "system prompt", "one turn", "with a trace", "several turns",
        "with a trace")  # fmt: skip


def table() -> str:
    """In Markdown, a row for each family of the matrix."""
    lines = [HEAD, ("---",) * len(HEAD)]
    with tempfile.TemporaryDirectory() as folder:
        for name, family in FAMILIES.items():
            found = template_findings(real_tokenizer(Path(folder) / name, family), family.variables)
            assert found is not None and found.end is not None
            source = "written here" if "{" in family.template else f"TRL's `{family.template}`"
            cells = (found.one, found.one_trace, found.several, found.several_trace)
            shown = (_code(cell) for cell in cells)
            lines.append(
                (TITLES[name], source, _code(repr(found.end)).replace("'", ""), "yes" if found.system else "no", *shown)
            )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(cell: str) -> str:
    """What a cell quotes, as code."""
    said, quote, text = cell.partition("'")
    return f"{said}`{quote}{text}`".replace("|", "\\|") if quote else cell


if __name__ == "__main__":
    print(table(), end="")
