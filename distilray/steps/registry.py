"""Steps by the name that recipes use, built in or supplied by users (``uses: package.module:Class``)."""

from __future__ import annotations

from distilray.imports import import_object
from distilray.steps.align_trace import AlignTrace
from distilray.steps.answer import Answer
from distilray.steps.balance import Balance
from distilray.steps.base import Step
from distilray.steps.best_answer import BestAnswer
from distilray.steps.check import Check
from distilray.steps.classify import Classify
from distilray.steps.classify_task import ClassifyTask
from distilray.steps.cognitive_pairs import CognitivePairs
from distilray.steps.curriculum_draw import CurriculumDraw
from distilray.steps.decontaminate import Decontaminate
from distilray.steps.deduplicate import Deduplicate
from distilray.steps.expand import Expand
from distilray.steps.find_boilerplate import FindBoilerplate
from distilray.steps.follow_up import FollowUp
from distilray.steps.global_step import GlobalStep
from distilray.steps.inline_trace import InlineTrace
from distilray.steps.judge import Judge
from distilray.steps.label import Label
from distilray.steps.localize import Localize
from distilray.steps.preference_pairs import PreferencePairs
from distilray.steps.rate_trace import RateTrace
from distilray.steps.refine import Refine
from distilray.steps.rewrite import Rewrite
from distilray.steps.score_difficulty import ScoreDifficulty
from distilray.steps.score_student import ScoreStudent
from distilray.steps.score_trace import ScoreTrace
from distilray.steps.select import Select
from distilray.steps.separate_trace import SeparateTrace
from distilray.steps.shorten_trace import ShortenTrace
from distilray.steps.synthesize import Synthesize
from distilray.steps.verify_quality import VerifyQuality

StepClass = type[Step] | type[GlobalStep]

STEPS: dict[str, StepClass] = {
    "align_trace": AlignTrace,
    "answer": Answer,
    "score_student": ScoreStudent,
    "balance": Balance,
    "best_answer": BestAnswer,
    "check": Check,
    "classify": Classify,
    "classify_task": ClassifyTask,
    "cognitive_pairs": CognitivePairs,
    "curriculum_draw": CurriculumDraw,
    "decontaminate": Decontaminate,
    "deduplicate": Deduplicate,
    "expand": Expand,
    "find_boilerplate": FindBoilerplate,
    "follow_up": FollowUp,
    "inline_trace": InlineTrace,
    "judge": Judge,
    "label": Label,
    "localize": Localize,
    "preference_pairs": PreferencePairs,
    "rate_trace": RateTrace,
    "refine": Refine,
    "rewrite": Rewrite,
    "score_difficulty": ScoreDifficulty,
    "score_trace": ScoreTrace,
    "select": Select,
    "separate_trace": SeparateTrace,
    "shorten_trace": ShortenTrace,
    "synthesize": Synthesize,
    "verify_quality": VerifyQuality,
}


def step_class(uses: str) -> StepClass:
    """A user's step; :class:`ImportError` or :class:`TypeError` if it is not one."""
    found = import_object(uses)
    if not (isinstance(found, type) and issubclass(found, Step | GlobalStep)):
        raise TypeError(f"{uses} is {found!r}, not a subclass of distilray.steps.Step or GlobalStep")
    return found
