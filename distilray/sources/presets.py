"""How well-known collections of instructions are laid out: ``preset: openhermes`` in place of their columns.

    {"name": "web", "path": "web/*.parquet", "preset": "webinstruct"}
    -> columns {"instruction": "orig_question", "answer": "orig_answer"}, form "alpaca", language "en"

What a source says itself comes first; its ``columns`` and ``keep`` are added to the preset's. Licenses differ from
release to release, so that each source names its own.
"""

from __future__ import annotations

from typing import Any, Literal

Preset = Literal["magpie", "openhermes", "webinstruct", "alpaca", "belle", "sharegpt"]

PRESETS: dict[Preset, dict[str, Any]] = {
    "magpie": {
        "form": "sharegpt",
        "keep": {"task_category": "string", "input_quality": "string", "instruct_reward": "float"},
    },
    "openhermes": {"form": "sharegpt", "keep": {"category": "string"}},
    "webinstruct": {  # MAmmoTH2's published part
        "form": "alpaca",
        "columns": {"instruction": "orig_question", "answer": "orig_answer"},
        "language": "en",
    },
    "alpaca": {"form": "alpaca"},
    "belle": {"form": "auto", "language": "zh"},  # its releases are of Alpaca's form and of ShareGPT's
    "sharegpt": {"form": "sharegpt"},
}


def with_preset(settings: Any) -> Any:
    """``settings`` of a source with what its preset says; as they are where they name none, or one that is unknown."""
    if not isinstance(settings, dict) or settings.get("preset") not in PRESETS:
        return settings
    given = PRESETS[settings["preset"]]
    merged = {name: {**given[name], **(settings.get(name) or {})} for name in ("columns", "keep") if name in given}
    return {**given, **settings, **merged}
