"""A student quantised by llm-compressor, which vLLM loads directly (format: compressed-tensors).

llm-compressor pins other versions of transformers and compressed-tensors than training and vLLM do, so it has a
separate environment, ``make setup-compress``, and is called as a process:

* ``int8``: weights and activations (W8A8), weights rounded by GPTQ (Frantar et al. 2022) on calibration rows;
* ``int4``: weights alone, in groups of 128 (W4A16), also by GPTQ;
* ``fp8``: weights and activations, scales by channel and by token; nothing to calibrate.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from distilray.checkpoints import TOKENIZER_FILES
from distilray.storage import Store
from distilray.train import CannotTrain, TrainingFailed, kept_tokens, read_tokens

Scheme = Literal["int8", "fp8", "int4"]
SCHEMES: tuple[Scheme, ...] = ("int8", "fp8", "int4")
PYTHON = "DISTILRAY_COMPRESS_PYTHON"
"""Names the interpreter that has llm-compressor; default: that of ``.venv-compress`` next to this environment."""
ROWS = 256
"""Calibration rows: GPTQ's results change little beyond some hundred."""
GROUP = 128


def compressor_python() -> str:
    """The interpreter that has llm-compressor; otherwise a :class:`CannotTrain` that says how to install it."""
    named = os.environ.get(PYTHON)
    default = f"{sys.prefix.rstrip('/')}-compress/bin/python"
    if named and not Path(named).is_file():
        raise CannotTrain(f"{PYTHON}={named}: no such file; name a Python interpreter that has llmcompressor")
    found = named or (default if Path(default).is_file() else None)
    if found is None:
        raise CannotTrain(
            "compressing needs llm-compressor in an environment of its own: run `make setup-compress`, or install "
            f"the package llmcompressor anywhere and name that Python in {PYTHON}"
        )
    return found


def calibration_rows(store: Store, tokens: str, count: int = ROWS) -> list[list[int]]:
    """Token ids of up to ``count`` rows that a training learned from, evenly taken from the files in ``tokens``."""
    rows: list[list[int]] = []
    paths = read_tokens(store, tokens).paths
    share = -(-count // max(1, len(paths)))
    for path in paths:
        table = kept_tokens(store, path)
        column = "input_ids" if "input_ids" in table.column_names else "chosen_ids"
        rows += table[column].slice(0, share).to_pylist()
    return rows[:count]


def compress(student: str, rows: Sequence[Sequence[int]], scheme: Scheme, out: str) -> None:
    """Writes the checkpoint in the local folder ``student``, quantised, to the local folder ``out``.

    ``rows`` are token ids to calibrate on. Raises :class:`CannotTrain` if it cannot be done and
    :class:`TrainingFailed`, with its last output, if the library ends with an error.
    """
    python = compressor_python()
    config = json.loads((Path(student) / "config.json").read_text("utf-8"))
    for size in ("hidden_size", "intermediate_size") if scheme == "int4" else ():
        if config.get(size, GROUP) % GROUP:
            raise CannotTrain(
                f"int4 quantises groups of {GROUP} weights, {size} {config[size]} is not a multiple; use int8"
            )
    if not rows:
        raise CannotTrain(f"no rows to calibrate {scheme} on")
    script = Path(__file__).with_name("compressor.py")
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "rows.json"
        listed.write_text(json.dumps([list(row) for row in rows]))
        asked = {"student": student, "out": out, "scheme": scheme, "rows": str(listed), "length": max(map(len, rows))}
        # Not this environment's packages: neither its PYTHONPATH nor its current folder's.
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}
        command = [python, "-I", str(script), json.dumps(asked)]
        done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-3:]
        raise TrainingFailed(f"llm-compressor failed on {student}: {' / '.join(last) or done.returncode}")
    for name in TOKENIZER_FILES:  # unchanged: a tokenizer loaded and saved again may have other ids
        source = Path(student) / name
        if source.is_file():
            shutil.copyfile(source, Path(out) / name)
    for path in Path(out).glob("*.safetensors"):
        path.chmod(0o644)
