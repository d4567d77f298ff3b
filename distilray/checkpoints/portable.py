"""What transformers 4 reads, beside what transformers 5 writes, so that a checkpoint is the same model in both.

    config.json              torch_dtype beside dtype
                             rope_theta, rope_scaling and partial_rotary_factor beside rope_parameters
    tokenizer_config.json    PreTrainedTokenizerFast in place of TokenizersBackend
                             additional_special_tokens in place of a list of extra_special_tokens
                             chat_template beside the file chat_template.jinja
    tokenizer.json           merges as "a b" in place of ["a", "b"], which tokenizers before 0.20 do not read

A reader that misses a key does not complain: transformers 4 gives a Qwen2.5 without ``rope_theta`` positions of base
10,000 where it was trained with 1,000,000. transformers 5 reads the older names as well and prefers its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

NESTED_THETA = {"full_attention": ("rope_theta", "global_rope_theta"),
                "sliding_attention": ("rope_local_base_freq", "local_rope_theta")}  # fmt: skip
"""Base frequencies of models whose layers differ: Gemma 3's names, and ModernBERT's."""
GENERATION_MARK = re.compile(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}")


def make_portable(folder: str | Path) -> None:
    """Adds to the checkpoint in the local ``folder`` what older readers look for; called again, it changes nothing."""
    root = Path(folder)
    _rewrite(root / "config.json", _with_older_names)
    _rewrite(root / "tokenizer_config.json", lambda config: _tokenizer_config(config, root / "chat_template.jinja"))
    _rewrite(root / "tokenizer.json", _joined_merges)


def _rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    if not path.is_file():
        return
    known = json.loads(path.read_text("utf-8"))
    changed = change(known)
    if changed != known:
        path.write_text(json.dumps(changed, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _with_older_names(config: dict[str, Any]) -> dict[str, Any]:
    """``config.json``, or the part of it about one of several models (``text_config``)."""
    parts = {
        name: _with_older_names(part)
        for name, part in config.items()
        if name.endswith("_config") and name != "quantization_config" and isinstance(part, dict)
    }
    older: dict[str, Any] = {}
    if isinstance(config.get("dtype"), str):
        older["torch_dtype"] = config["dtype"]
    return {**config, **parts, **older, **_older_rope(config)}


def _older_rope(config: Mapping[str, Any]) -> dict[str, Any]:
    rope = config.get("rope_parameters")
    if not rope:
        return {}
    if not any(layers in rope for layers in NESTED_THETA):
        return _older_scaling(rope)
    modern_bert = str(config.get("model_type", "")).startswith("modernbert")
    thetas = {
        names[modern_bert]: rope[layers]["rope_theta"]
        for layers, names in NESTED_THETA.items()
        if rope.get(layers) is not None and "rope_theta" in rope[layers]
    }
    # Older readers scale the layers with full attention alone.
    whole = {} if modern_bert else _older_scaling(rope.get("full_attention") or {})
    return {**whole, **thetas}


def _older_scaling(rope: Mapping[str, Any]) -> dict[str, Any]:
    """From one dictionary of rope_parameters."""
    apart = {name: rope[name] for name in ("rope_theta", "partial_rotary_factor") if rope.get(name) is not None}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default" and "mrope_section" not in rope:
        return {**apart, "rope_scaling": None}
    own = {name: value for name, value in rope.items() if name not in (*apart, "rope_type", "type")}
    if kind in ("linear", "dynamic"):  # before 4.43 these were all, and exactly these two keys were allowed
        return {**apart, "rope_scaling": {"type": kind, "factor": rope["factor"]}}
    return {**apart, "rope_scaling": {"rope_type": kind, "type": kind, **own}}


def _tokenizer_config(config: dict[str, Any], template: Path) -> dict[str, Any]:
    changed = dict(config)
    if changed.get("tokenizer_class") == "TokenizersBackend":
        changed["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(changed.get("extra_special_tokens"), list):
        changed["additional_special_tokens"] = changed.pop("extra_special_tokens")
    if template.is_file() and "chat_template" not in changed:
        changed["chat_template"] = _without_marks(template.read_text("utf-8"))
    return changed


def _without_marks(template: str) -> str:
    """``template`` without generation marks, which readers that know no chat_template.jinja do not know either; a
    condition in their place leaves the white space around them as it is."""
    return GENERATION_MARK.sub(lambda mark: f"{{%{mark[1]} {'endif' if mark[2] else 'if true'} {mark[3]}%}}", template)


def _joined_merges(tokenizer: dict[str, Any]) -> dict[str, Any]:
    model = tokenizer.get("model") or {}
    merges = model.get("merges") or []
    if not merges or not isinstance(merges[0], list) or any(" " in token for pair in merges for token in pair):
        return tokenizer
    return {**tokenizer, "model": {**model, "merges": [" ".join(pair) for pair in merges]}}
