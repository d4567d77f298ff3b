"""Right or wrong without asking a model: maths, code, choice, format, language, refusal and truncation.

pool = VerifierPool(workers=4)
verdict = await pool.verify("math", r"... so \boxed{\frac34}", "0.75")
verdict.right, verdict.reason       # True, "\frac34 equals 0.75"
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
