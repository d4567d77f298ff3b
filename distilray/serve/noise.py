"""The output of Ray and vLLM goes to a file; messages for the user stay on the terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def noise_to(path: Path) -> Iterator[TextIO]:
    """Redirect everything that this process and its children write to ``path``; yields the user's stdout.

    The file descriptors themselves are redirected, because much of the noise is written by C++ and by child processes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept_out, kept_err = os.dup(1), os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    user = os.fdopen(os.dup(kept_out), "w", buffering=1, encoding="utf-8")
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        yield user
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        user.close()
        os.dup2(kept_out, 1)
        os.dup2(kept_err, 2)
        for descriptor in (kept_out, kept_err, log):
            os.close(descriptor)
