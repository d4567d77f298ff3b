"""Right or wrong without asking a model: maths, code, choice, format, language, refusal and truncation.

pool = VerifierPool(workers=4)
verdict = await pool.verify("math", r"... so \\boxed{\\frac34}", "0.75")
verdict.right, verdict.reason       # True, "\\frac34 equals 0.75"
"""

from .command import verify_file
from .extract import extract_final_answer
from .kinds import KINDS, verify_now
from .language import detect_language
from .numeric import numeric_equal
from .pool import VerifierPool
from .refusal import is_refusal, is_truncated
from .sandbox import Limits, Sandbox, protections
from .shared import same_language, verify
from .verdict import Verdict

__all__ = [
    "KINDS",
    "Limits",
    "Sandbox",
    "Verdict",
    "VerifierPool",
    "detect_language",
    "extract_final_answer",
    "is_refusal",
    "is_truncated",
    "numeric_equal",
    "protections",
    "same_language",
    "verify",
    "verify_file",
    "verify_now",
]
