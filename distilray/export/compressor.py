"""Quantises a checkpoint with llm-compressor; runs in a separate environment (see
:mod:`distilray.export.compression`).

    python compressor.py '{"student": ..., "out": ..., "scheme": "int8", "rows": "rows.json", "length": 2048}'

``rows`` holds lists of token ids to calibrate on. Imports nothing from distilray, which its environment does not have.
"""

# Its libraries are in that environment only:
# pyright: reportMissingImports=false

from __future__ import annotations

import json
import sys
from typing import Any


def modifiers(scheme: str) -> list[Any]:
    """How llm-compressor quantises the layers' linear maps; embeddings and head are unchanged."""
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier

    kept = {"targets": "Linear", "ignore": ["lm_head"]}
    if scheme == "fp8":  # weights by channel, activations by token at run time: nothing to calibrate
        return [QuantizationModifier(scheme="FP8_DYNAMIC", **kept)]
    return [GPTQModifier(scheme={"int8": "W8A8", "int4": "W4A16"}[scheme], **kept)]


def main(asked: dict[str, Any]) -> None:
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with open(asked["rows"], encoding="utf-8") as file:
        rows = json.load(file)
    model = AutoModelForCausalLM.from_pretrained(asked["student"], dtype="auto")
    if torch.cuda.is_available():
        model = model.to("cuda")
    data = Dataset.from_dict({"input_ids": rows, "attention_mask": [[1] * len(row) for row in rows]})
    oneshot(
        model=model,
        tokenizer=AutoTokenizer.from_pretrained(asked["student"]),
        dataset=data,
        recipe=modifiers(asked["scheme"]),
        max_seq_length=asked["length"],
        num_calibration_samples=len(rows),
        output_dir=asked["out"],
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
