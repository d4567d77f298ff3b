"""Format: does a reply have the shape that was asked for? JSON and its schema, lists, IFEval's instructions.

A reference is a mapping with a `type`:
  {"type": "json"}                                    the whole reply, or its one fenced block, is JSON
  {"type": "json", "schema": {...}}                   and meets a JSON Schema
  {"type": "list", "items": 5, "style": "numbered"}   that many top-level items ("bulleted", "numbered" or any)
  {"type": "regex", "pattern": "..."}                 the whole reply matches
  {"type": "ifeval", "instruction_id_list": [...], "kwargs": [...], "prompt": "..."}   lm-evaluation-harness's checks
Just "json", or an IFEval row without `type`, is accepted as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from distilray.verifiers.verdict import Verdict, right, shorten, undecided, wrong

_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)\n?\s*```", re.DOTALL)
_ITEMS = {
    "bulleted": re.compile(r"(?m)^ ?[-*+•·] +\S"),
    "numbered": re.compile(r"(?m)^ ?(?:\d{1,3}[.)、．] ?|[(（]\d{1,3}[)）] ?|[一二三四五六七八九十]{1,3}、)\S"),
}


def verify_format(answer: str, reference: str | Mapping[str, Any], *, loose: bool = False) -> Verdict:
    """Whether `answer` has the shape that `reference` describes (see the module). `loose` is IFEval's: first and last
    line and asterisks may be dropped."""
    wanted: dict[str, Any] = {"type": reference} if isinstance(reference, str) else dict(reference)
    kind = wanted.get("type") or ("ifeval" if "instruction_id_list" in wanted else "")
    if kind == "json":
        return _json(answer, wanted.get("schema"))
    if kind == "list":
        return _list(answer, wanted.get("items"), wanted.get("style", "any"))
    if kind == "regex":
        matched = re.fullmatch(wanted["pattern"], answer.strip(), re.DOTALL)
        return right("matches the pattern") if matched else wrong("does not match the pattern")
    if kind == "ifeval":
        return _ifeval(answer, wanted, loose)
    return undecided(f"format {shorten(kind or reference)!r} is not one of json, list, regex, ifeval")


def load_ifeval(reference: object) -> None:
    """Import lm-evaluation-harness's checks, which take seconds, where ``reference`` asks for them."""
    if isinstance(reference, Mapping) and "instruction_id_list" in reference:
        import lm_eval.tasks.ifeval.utils  # noqa: F401


def _json(answer: str, schema: Mapping[str, Any] | None) -> Verdict:
    fenced = _FENCE.findall(answer)
    text = fenced[0] if len(fenced) == 1 else answer
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return wrong(f"not JSON: {shorten(error)}")
    if schema is not None:
        from jsonschema import Draft202012Validator

        problems = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda problem: problem.json_path)
        if problems:
            listed = [f"{problem.json_path}: {shorten(problem.message, 120)}" for problem in problems]
            return wrong(shorten(listed[0], 160), problems=listed)
        return right("JSON that meets the schema")
    return right("JSON")


def _list(answer: str, items: int | None, style: str) -> Verdict:
    styles = [style] if style in _ITEMS else list(_ITEMS)
    count = max(len(_ITEMS[name].findall(answer)) for name in styles)
    if count == 0:
        return wrong("not a list", items=0)
    if items is not None and count != items:
        return wrong(f"{count} items, not {items}", items=count)
    return right(f"a list of {count} items", items=count)


def _ifeval(answer: str, row: Mapping[str, Any], loose: bool) -> Verdict:
    import langdetect
    from lm_eval.tasks.ifeval import utils
    from lm_eval.tasks.ifeval.instructions_registry import INSTRUCTION_DICT

    langdetect.DetectorFactory.seed = 0  # langdetect draws at random; a verdict must not
    names = [name.removeprefix("en:") for name in row["instruction_id_list"]]
    unknown = [name for name in names if name not in INSTRUCTION_DICT]
    if unknown:
        return undecided(f"lm-evaluation-harness has no IFEval instruction {unknown[0]!r}")
    example = utils.InputExample(
        row.get("key", 0), names, row.get("prompt", ""), row.get("kwargs") or [{}] * len(names)
    )
    check = utils.test_instruction_following_loose if loose else utils.test_instruction_following_strict
    outcome = check(example, answer)
    met = dict(zip(names, outcome.follow_instruction_list, strict=True))
    missed = [name for name, followed in zip(names, outcome.follow_instruction_list, strict=True) if not followed]
    detail = {"followed": list(outcome.follow_instruction_list), "instructions": names}
    if missed:
        return wrong(f"does not follow {', '.join(missed)}", **detail)
    return right(f"follows all {len(met)} instructions", **detail)
