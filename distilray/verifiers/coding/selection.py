"""Which part of a reply is the program: among fenced blocks, in bare text, or as the continuation of a prompt.

A block counts by what it does. The last one that defines what the tests call, completely, is the program; blocks that
define what it uses go with it. Printed output, sessions of the interpreter and examples of use are no program.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from distilray.verifiers.coding.fences import CODE_LINE, Block, blocks_of, longest_module, outside_fences, parse
from distilray.verifiers.coding.names import DEFINED, FUNCTIONS, IMPORTED, STUB, VALUE, Module

_SESSION = re.compile(r"(?m)^[ \t]*(?:>>>|In \[\d+\]:)[ \t]")
_MAGIC = re.compile(r"(?m)^[!%].*$")
_TAG = re.compile(
    r"(?m)^[ \t]*(?:\[/?(?:BEGIN|DONE|END|PYTHON|CODE|ANSWER|SOLUTION)\]"
    r"|</?(?:answer|code|solution|python|pre)>)[ \t]*$"
    r"|\A\s*[Pp]ython3?[ \t]*$"
)
_INLINE = re.compile(r"(`+)([^`\n]+)\1")


_PARTS_TRIED = 40


@dataclass(frozen=True)
class Wanted:
    """What a program is chosen by: the names that its tests use; `script` if it is run for what it prints, `reads` if
    its tests then have an input."""

    names: Collection[str] = ()
    script: bool = False
    reads: bool = False


def program_in(answer: str, prefix: str = "", entry_point: str = "", wanted: Wanted | None = None) -> str:
    """The program that a reply offers, "" if it is empty.

    `prefix` is a prompt that ends in a signature: what does not define `entry_point` continues it. `wanted` says what
    the tests need, by default `entry_point`.
    """
    prefix = code_of_prompt(prefix) if prefix else ""
    entry = re.split(r"\W+", entry_point.rstrip("() "))[-1] if entry_point else function_of_prompt(prefix)
    if wanted is None:
        wanted = Wanted((entry,) if entry else ())
    _, closed, after = answer.rpartition("</think>")
    text = after if closed and after.strip() else answer
    blocks = blocks_of(text)
    modules = _modules([block for block in blocks if block.is_python or not block.language])
    if not _defines_any(modules, wanted) and not (wanted.script and modules):
        modules = _wider(text, blocks, modules, wanted)
    if prefix and entry and not any(_implements(one, entry) for one in modules):
        return _continued(prefix, text, blocks, entry)
    program = _chosen(modules, wanted) or _broken(text, blocks)
    if prefix and entry:
        return joined([_before_last_function(prefix), program])
    return program if not prefix or modules else _continued(prefix, text, blocks, entry)


def joined(parts: Sequence[str]) -> str:
    """Pieces of one program as one module: their future imports go to its top."""
    parts = [part for part in parts if part.strip()]
    if len(parts) < 2:
        return "".join(parts)
    future: list[str] = []
    bodies = []
    for part in parts:
        lines = part.split("\n")
        tree = parse(part)
        for node in tree.body if tree else ():
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                future.append(ast.unparse(node))
                lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
        bodies.append("\n".join(lines))
    return "".join(f"{line}\n" for line in dict.fromkeys(future)) + "\n\n".join(bodies)


def _modules(blocks: Sequence[Block]) -> list[Module]:
    """The blocks that are Python, by their content."""
    found = []
    for block in blocks:
        if _SESSION.search(block.text) and parse(block.text) is None:
            continue
        for code in (block.text, textwrap.dedent(block.text), _MAGIC.sub("", textwrap.dedent(block.text))):
            tree = parse(code)
            if tree is not None:
                module = Module(code, tree)
                if tree.body and (block.is_python or not module.says_nothing):
                    found.append(module)
                break
    return found


def _wider(text: str, blocks: Sequence[Block], modules: list[Module], wanted: Wanted) -> list[Module]:
    """Where no Python block has what is wanted: blocks of other languages, then code outside all fences."""
    others = _modules([block for block in blocks if block.language])
    if _defines_any(others, wanted):
        return others
    bare = bare_code(_TAG.sub("", outside_fences(text)))
    return bare if bare and (not modules or _defines_any(bare, wanted)) else modules


def bare_code(text: str) -> list[Module]:
    """Code that stands in prose without fences: each part from a line that begins like code to where prose goes on."""
    whole = _parsed(text)
    if whole is not None:
        return [] if whole.says_nothing else [whole]
    found = []
    lines = textwrap.dedent(text).split("\n")
    number = tried = 0
    while number < len(lines) and tried < _PARTS_TRIED:
        module = None
        if CODE_LINE.match(lines[number]) and lines[number][:1].strip():
            tried += 1
            module = _parsed(longest_module(lines[number:]))
        number += 1 if module is None else module.code.count("\n") + 1
        if module is not None and not module.says_nothing:
            found.append(module)
    if not found:
        parts = re.findall(
            r"(?m)^(?:(?: {4}|\t).*\n|[ \t]*\n)+", text + "\n"
        )  # code that Markdown marks by its indentation
        found = [one for part in parts if (one := _parsed(textwrap.dedent(part))) is not None and not one.says_nothing]
    if not found:
        snippets = (_parsed(snippet) for _, snippet in _INLINE.findall(text))
        found = [one for one in snippets if one is not None and one.functions]
    return found


def _parsed(code: str) -> Module | None:
    tree = parse(code)
    return Module(code, tree) if tree is not None and tree.body else None


def _offers(module: Module, name: str) -> bool:
    return module.defines.get(name, IMPORTED) != IMPORTED or name in module.methods


def _implements(module: Module, function: str) -> bool:
    """Whether a completion has a function itself, and does not only use its name for a variable inside it."""
    named = re.search(rf"(?m)^{re.escape(function)}\s*=\s*(?:lambda\b|[\w.]+\(|\w+\s*$)", module.code)
    return module.defines.get(function) == DEFINED or function in module.methods or named is not None


def _defines_any(modules: Sequence[Module], wanted: Wanted) -> bool:
    if not wanted.names:
        return any(module.functions or "class" in module.code for module in modules)
    return any(_offers(module, name) for module in modules for name in wanted.names)


def _chosen(modules: list[Module], wanted: Wanted) -> str:
    if not modules:
        return ""
    start = [place for name in wanted.names if (place := _provider(modules, name)) is not None]
    if not start:
        start = [_main_script(modules, wanted)] if wanted.script else [_last_definition(modules)]
    return joined([modules[place].code for place in sorted(_closure(modules, start))])


def _closure(modules: list[Module], start: list[int]) -> set[int]:
    """The blocks of `start` with those that define what they use. A later block that defines a function anew counts."""
    chosen: set[int] = set()
    waiting = list(start)
    while waiting:
        place = waiting.pop()
        if place in chosen:
            continue
        chosen.add(place)
        module = modules[place]
        for name in module.uses:
            provider = _provider(modules, name, place)
            if provider is not None and (
                name in module.needs or (provider > place and _amends(modules[provider], module, name))
            ):
                waiting.append(provider)
    return chosen


def _amends(later: Module, module: Module, name: str) -> bool:
    """Whether a later block defines `name` anew for `module`, and is no program of its own that has one, too."""
    own = {node.name for node in later.tree.body if isinstance(node, (*FUNCTIONS, ast.ClassDef))}
    return name in own and own <= module.uses


def _provider(modules: list[Module], name: str, user: int | None = None) -> int | None:
    """The block that defines `name`: the last with its code, else the last that gives it a value, imports it (for a
    block `user` that needs it), or has a placeholder for it."""
    kinds = (DEFINED, VALUE, STUB) if user is None else (DEFINED, VALUE, IMPORTED, STUB)
    for kind in kinds:
        for place in range(len(modules) - 1, -1, -1):
            if modules[place].defines.get(name) == kind and (kind != IMPORTED or place != user):
                return place
    if user is None:
        return next((p for p in range(len(modules) - 1, -1, -1) if name in modules[p].methods), None)
    return None


def _last_definition(modules: list[Module]) -> int:
    """The last block that defines functions or classes, or failing that the last one."""
    places = [
        place
        for place, module in enumerate(modules)
        if module.functions or any(isinstance(node, ast.ClassDef) for node in module.tree.body)
    ]
    return places[-1] if places else len(modules) - 1


def _main_script(modules: list[Module], wanted: Wanted) -> int:
    """The last block that acts and is a whole script, by itself or with the blocks it uses: it reads the input, if
    there is one, and prints."""
    acting = [place for place, module in enumerate(modules) if module.acts] or list(range(len(modules)))
    for suits in (
        lambda module: module.writes and module.reads == wanted.reads,
        lambda module: module.writes and (module.reads or not wanted.reads),
        lambda module: module.reads if wanted.reads else module.writes,
        lambda module: module.writes,
    ):
        for seen in (modules.__getitem__, lambda place: _together(modules, place)):
            places = [place for place in acting if suits(seen(place))]
            if places:
                return places[-1]
    return _last_definition(modules)


def _together(modules: list[Module], place: int) -> Module:
    code = joined([modules[one].code for one in sorted(_closure(modules, [place]))])
    return _parsed(code) or modules[place]


def _broken(text: str, blocks: Sequence[Block]) -> str:
    """The program of a reply in which nothing parses: the last block in Python, or the whole text."""
    fitting = [block for block in blocks if block.is_python] or [block for block in blocks if not block.language]
    return fitting[-1].text if fitting else text


def _continued(prefix: str, text: str, blocks: Sequence[Block], entry: str) -> str:
    """`prefix` with the body that the reply gives, indented as a body where that alone makes it one."""
    body = _broken(text, blocks)
    whole = prefix + ("" if prefix.endswith("\n") or body.startswith("\n") else "\n") + body
    if parse(whole) is not None:
        return whole
    indented = prefix.rstrip("\n") + "\n" + textwrap.indent(textwrap.dedent(body), "    ")
    if parse(indented) is not None and body.lstrip() == body:
        return indented
    return whole


def code_of_prompt(prompt: str) -> str:
    """The code of a prompt: itself, or its last Python block; "" for one in words."""
    for text in (
        prompt,
        *(block.text for block in reversed(blocks_of(prompt)) if block.is_python or not block.language),
    ):
        for code in (text, text.rstrip() + "\n    pass\n"):
            tree = parse(code)
            if tree is not None and any(
                isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom)) for node in tree.body
            ):
                return text
    return ""


def function_of_prompt(prompt: str) -> str:
    """The last function that a prompt's code begins or defines, "" without one."""
    found = re.findall(r"(?m)^(?:async\s+)?def\s+(\w+)", prompt)
    return found[-1] if found else ""


def _before_last_function(prompt: str) -> str:
    """A prompt's own imports and helpers before the last function: a rewritten solution may rely on them."""
    head = prompt[: prompt.rfind("\ndef ") + 1] if "\ndef " in prompt else ""
    return head if parse(head) is not None else ""
