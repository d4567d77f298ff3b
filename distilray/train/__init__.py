"""Training: Ray Train launchers that turn kept rows into a student, one Hugging Face checkpoint a training.

Importing this room imports neither torch nor Ray: recipes embed its settings.
"""

from distilray.train.card import model_card
from distilray.train.choose import check_condition
from distilray.train.classify import ClassifySettings
from distilray.train.compress import SCHEMES, calibration_rows, compress
from distilray.train.distill import DistillSettings
from distilray.train.dpo import DPOSettings
from distilray.train.errors import CannotTrain, TrainingFailed
from distilray.train.fit import fit
from distilray.train.kind import Before, Engines, Kind
from distilray.train.kinds import KINDS, kind_of, parse_settings
from distilray.train.memory import MemoryPlan, memory_plan, proposals
from distilray.train.progress import OnProgress, TrainProgress
from distilray.train.published import published_config
from distilray.train.settings import LoraSettings, TrainResources, TrainSettings, worker_counts
from distilray.train.sft import LearnSettings, SFTSettings
from distilray.train.step_by_step import StepByStepSettings
from distilray.train.student import Student, check_shared_attention, checkpoint_address, read_student
from distilray.train.tokens import TokenCounts, TokenManifest, prepare_tokens, read_tokens

__all__ = [
    "KINDS",
    "SCHEMES",
    "Before",
    "CannotTrain",
    "ClassifySettings",
    "DPOSettings",
    "DistillSettings",
    "Engines",
    "Kind",
    "LearnSettings",
    "LoraSettings",
    "MemoryPlan",
    "OnProgress",
    "SFTSettings",
    "StepByStepSettings",
    "Student",
    "TokenCounts",
    "TokenManifest",
    "TrainProgress",
    "TrainResources",
    "TrainSettings",
    "TrainingFailed",
    "calibration_rows",
    "check_condition",
    "check_shared_attention",
    "checkpoint_address",
    "compress",
    "fit",
    "kind_of",
    "memory_plan",
    "model_card",
    "parse_settings",
    "prepare_tokens",
    "proposals",
    "published_config",
    "read_student",
    "read_tokens",
    "worker_counts",
]
