"""CLASSIFY_TASK: which of 33 types of task an instruction is, or ``others``; exactly one name comes back.

CLASSIFY_TASK.parse("code debugging") -> "code debugging"

The types are those of the DistilQwen2 post: the 29 skills by which WizardLM rates models, and four more.
"""

from __future__ import annotations

from distilray.models import Constraint
from distilray.prompts.prompt import Prompt

TASKS = (
    "math", "code generation", "writing", "computer science", "reasoning", "complex format", "code debugging",
    "common sense", "counterfactual", "multilingual", "roleplay", "biology", "technology", "ethics", "truthful QA",
    "sport", "law", "medicine", "literature", "entertainment", "art", "music", "economy", "toxicity", "physics",
    "history", "academic writing", "chemistry", "philosophy", "health", "ecology", "grammar", "paraphrase",
)  # fmt: skip
OTHERS = "others"
TASK_TYPES = (*TASKS, OTHERS)


def parse_task(reply: str) -> str:
    """Exactly one of the names; anything around it makes the reply invalid."""
    name = reply.strip()
    if name not in TASK_TYPES:
        raise ValueError(f"expected exactly one of {', '.join(TASK_TYPES)}, found {reply[:80]!r}")
    return name


CLASSIFY_TASK: Prompt[str] = Prompt("classify_task", parse_task, constraint=Constraint("choice", list(TASK_TYPES)))
