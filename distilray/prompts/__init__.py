"""Prompts: templates in English and Chinese, each with the strict parser of its reply."""

from distilray.prompts.answer import ANSWER
from distilray.prompts.judge import CRITERIA, JUDGE, Judgement
from distilray.prompts.plain import PLAIN
from distilray.prompts.prompt import Prompt
from distilray.prompts.traces import EXTEND_TRACE, RATE_TRACE, RATINGS, SHORTEN_TRACE, Rating, trace_steps

__all__ = [
    "ANSWER",
    "CRITERIA",
    "EXTEND_TRACE",
    "JUDGE",
    "PLAIN",
    "RATE_TRACE",
    "RATINGS",
    "SHORTEN_TRACE",
    "Judgement",
    "Prompt",
    "Rating",
    "trace_steps",
]
