"""The process of one stage: imports what all stages need, waits for its turn, then runs the stage.

    python -m benchmarks.gpu.child FD REHEARSED FUNCTION ARGUMENTS [WITHOUT]

It writes JSON lines to the file descriptor FD, so that whatever libraries print does not get between them. While one
stage runs, the process of the next one imports; it touches no GPU before its turn. Packages in WITHOUT (separated by
commas) cannot be imported: a rehearsal shows that a machine without them will do.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any

from benchmarks.gpu.stage import Check

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
"""What PyTorch's allocators say in an error of the general kind."""


class Lacking:
    """A finder of modules to which some packages do not exist."""

    def __init__(self, finder: Any, packages: list[str]) -> None:
        self.finder, self.packages = finder, frozenset(packages)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return None if name.partition(".")[0] in self.packages else self.finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


def main() -> None:
    out, rehearsed, function, arguments, without = sys.argv[1:]
    if without:
        sys.meta_path[:] = [Lacking(finder, without.split(",")) for finder in sys.meta_path]
    lines = os.fdopen(int(out), "w", buffering=1)

    def write(line: str) -> None:
        lines.write(line + "\n")

    began = time.perf_counter()
    try:
        module, _, name = function.partition(":")
        run = getattr(importlib.import_module(module), name)
        for library in ("torch", "transformers", "trl") if module.startswith("benchmarks.gpu.") else ():
            importlib.import_module(library)
    except Exception as error:
        write(json.dumps(_failure(error)))
        sys.exit(1)
    write(json.dumps({"ready": round(time.perf_counter() - began, 2)}))
    if sys.stdin.readline().strip() != "go":  # the check ended before this stage's turn
        return
    try:
        run(Check(rehearsed == "True", write), **json.loads(arguments))
    except Exception as error:
        write(json.dumps(_failure(error)))
        sys.exit(1)


def _failure(error: Exception) -> dict[str, Any]:
    traceback.print_exc()
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {str(error).strip()[:600]}"
    memory = isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY)
    return {"out_of_memory" if memory else "failed": text, "where": f"{os.path.basename(last.filename)}:{last.lineno}"}


if __name__ == "__main__":
    main()
