"""PLAIN: the row's own conversation and nothing else, as a student is asked in training, evaluation and
service."""

from __future__ import annotations

from distilray.prompts.answer import parse_answer
from distilray.prompts.prompt import Prompt

PLAIN = Prompt("plain", parse_answer, templates={"en": "\n---\n"})
