"""Manifests against the schemas of CRDs, strictly: a field that a CRD does not know, which a cluster drops without a
word, is refused.

Schemas.read("crds").findings(manifest)     # [Finding("spec.rayClusterSpec.headGroupSpec.rayStartParam", ...), ...]
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from distilray.kuberay.documents import ManifestError, documents_in
from distilray.kuberay.fields import Field, Finding

Schema = dict[str, Any]
KEPT = ("enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems", "maxItems")
BOUNDS = {"int32": 2**31, "int64": 2**63}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA: Schema = {
    "type": "object",
    "properties": {
        **{key: {"type": "string"} for key in ("name", "generateName", "namespace")},
        "labels": TEXTS,
        "annotations": TEXTS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": False,
}
"""What a manifest may say of any object; CRDs leave it to the API server."""


@dataclass(frozen=True)
class Schemas:
    """The schemas of CRDs by apiVersion and kind."""

    validators: Mapping[tuple[str, str], Draft202012Validator]

    @classmethod
    def read(cls, folder: str | Path) -> Schemas:
        """Those of the CRDs in ``folder``. Raises :class:`ManifestError` where there is none."""
        found: dict[tuple[str, str], Draft202012Validator] = {}
        for file in sorted(Path(folder).glob("*.yaml")):
            for document in documents_in(file.read_text("utf-8"), str(file)):
                if document.value.get("kind") == "CustomResourceDefinition":
                    found |= _validators(document.value["spec"])
        if not found:
            raise ManifestError(
                f"{folder}: holds no CustomResourceDefinition; give the directory of KubeRay's CRDs "
                "(helm-chart/kuberay-operator/crds of its release)"
            )
        return cls(found)

    def findings(self, manifest: dict[str, Any]) -> list[Finding]:
        """What the schema of the manifest's kind refuses."""
        known = (str(manifest.get("apiVersion")), str(manifest.get("kind")))
        if known not in self.validators:
            kinds = ", ".join(sorted("/".join(pair) for pair in self.validators))
            return [Field(known[1], "kind").refused(f"no CRD defines it in {known[0]}", f"use one of {kinds}")]
        errors = sorted(self.validators[known].iter_errors(manifest), key=lambda error: str(list(error.absolute_path)))
        found: list[Finding] = []
        for finding in (finding for error in errors for finding in _findings(error, manifest)):
            if finding not in found:  # one error for each field that is missing, each with all of them
                found.append(finding)
        return found


def _validators(spec: dict[str, Any]) -> Iterator[tuple[tuple[str, str], Draft202012Validator]]:
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"] = {**schema["properties"], "metadata": METADATA}
        yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), Draft202012Validator(schema)


def strict(schema: Schema) -> Schema:
    """A structural schema of Kubernetes as one of JSON Schema that refuses fields which it does not name."""
    made = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("x-kubernetes-int-or-string"):
        return {**made, "type": ["integer", "string"]}
    if "type" in schema:
        made["type"] = [schema["type"], "null"] if schema.get("nullable") else schema["type"]
    if schema.get("format") in BOUNDS:
        bound = BOUNDS[schema["format"]]
        made = {"minimum": -bound, "maximum": bound - 1, **made}
    if "items" in schema:
        made["items"] = strict(schema["items"])
    if "properties" in schema:
        made["properties"] = {name: strict(inner) for name, inner in schema["properties"].items()}
        made["required"] = [name for name in schema.get("required", []) if "default" not in schema["properties"][name]]
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = strict(schema["additionalProperties"])
    elif schema.get("type") == "object" and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = bool(schema.get("additionalProperties", False))
    return made


def _findings(error: ValidationError, manifest: dict[str, Any]) -> Iterator[Finding]:
    field = Field(manifest).at(*error.absolute_path)
    limit: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        for name in instance:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                remedy = f"did you mean {near[0]}?" if near else "remove it: a cluster would drop it without a word"
                yield field.at(name).refused("the CRD knows no such field", remedy)
    elif error.validator == "required":
        for name in limit:
            if name not in instance:
                yield field.at(name).refused("the CRD requires it", "add it")
    else:
        problem, remedy = WORDS.get(str(error.validator), _other)(str(error.validator), limit)
        yield field.refused(problem, remedy)


def _other(keyword: str, limit: Any) -> tuple[str, str]:
    return f"the CRD's {keyword} is {limit}", "keep to it"


WORDS: dict[str, Callable[[str, Any], tuple[str, str]]] = {
    "type": lambda _, limit: (f"it must be of type {limit if isinstance(limit, str) else ' or '.join(limit)}",
                              "write it so; text that looks like a number or a boolean needs quotes"),
    "enum": lambda _, limit: ("the CRD does not know this value", f"use one of {', '.join(map(str, limit))}"),
}  # fmt: skip
