"""White-box distillation: the student learns what a teacher expects of every next token."""

from distilray.train.distill.kind import Distill
from distilray.train.distill.settings import DistillSettings, OnPolicySettings, TeacherSettings

__all__ = ["Distill", "DistillSettings", "OnPolicySettings", "TeacherSettings"]
