"""Format: does a reply have the shape that was asked for? JSON and its schema, lists, IFEval's instructions.

A reference is a mapping with a `type`:
  {"type": "json"}                                    the whole reply, or its one fenced block, is JSON
  {"type": "json", "schema": {...}}                   and meets a JSON Schema
  {"type": "list", "items": 5, "style": "numbered"}   that many top-level items ("bulleted", "numbered" or any)
  {"type": "regex", "pattern": "..."}                 the whole reply matches
  {"type": "ifeval", "instruction_id_list": [...], "kwargs": [...]}   IFEval's instructions, followed all
Just "json", or an IFEval row without `type`, is accepted as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from distilray.verifiers.instructions.following import following, instruction_name
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
    """Import what counts sentences and tells languages, which takes a second, where ``reference`` asks for it."""
    if isinstance(reference, Mapping) and "instruction_id_list" in reference:
        following(
            "One sentence.", ["length_constraints:number_sentences"], [{"relation": "at least", "num_sentences": 1}]
        )
        following("One sentence.", ["language:response_language"], [{"language": "en"}])


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
    names = [instruction_name(name) for name in row["instruction_id_list"]]
    try:
        followed = following(answer, names, row.get("kwargs") or [{}] * len(names), loose=loose)
    except ValueError as error:
        return undecided(str(error))
    missed = [name for name, met in zip(names, followed, strict=True) if not met]
    detail = {"followed": followed, "instructions": names}
    if missed:
        return wrong(f"does not follow {', '.join(missed)}", **detail)
    return right(f"follows all {len(names)} instructions", **detail)
