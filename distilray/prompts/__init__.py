"""Prompts: templates in English and Chinese, each with the strict parser of its reply."""

from distilray.prompts.answer import ANSWER
from distilray.prompts.judge import CRITERIA, JUDGE, Judgement
from distilray.prompts.label import CLASSIFY, label_prompt, parts_of
from distilray.prompts.plain import PLAIN
from distilray.prompts.prompt import Prompt
from distilray.prompts.trace_scores import SCORE_TRACE, TraceScores
from distilray.prompts.trace_trials import CONTINUE_TRACE, SPOIL_TRACE
from distilray.prompts.traces import EXTEND_TRACE, RATE_TRACE, RATINGS, SHORTEN_TRACE, Rating, trace_steps

__all__ = [
    "ANSWER",
    "CLASSIFY",
    "CONTINUE_TRACE",
    "CRITERIA",
    "EXTEND_TRACE",
    "JUDGE",
    "PLAIN",
    "RATE_TRACE",
    "RATINGS",
    "SCORE_TRACE",
    "SHORTEN_TRACE",
    "SPOIL_TRACE",
    "Judgement",
    "Prompt",
    "Rating",
    "TraceScores",
    "label_prompt",
    "parts_of",
    "trace_steps",
]
