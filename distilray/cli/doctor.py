"""Show on one screen whether this machine can run recipes, and what to change if not.

    Python        3.11.7                                     ok
    GPUs          none                                       ok
    vLLM          0.29.0, cpu build                          ok
    shared memory 0.1 GB                                     look
      -> ... docker run --shm-size=8g

Exits with 0 when this machine can run recipes, and with 1 when something must be changed first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from rich.console import Console

from distilray.cli.checkup.finding import Finding
from distilray.cli.checkup.machine import check_machine
from distilray.cli.checkup.packages import check_packages
from distilray.cli.checkup.probe import Probe
from distilray.cli.checkup.show import show
from distilray.cli.checkup.torch import TORCH_PROBE, check_torch, gpus_of_driver
from distilray.cli.checkup.vllm import VLLM_PROBE, check_vllm

PROBE_SECONDS = 120
"""How long torch and vLLM may take to import: seconds on an idle machine, more on a loaded one."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def call(options: argparse.Namespace) -> int:
    findings = list(examine())
    show(findings, Console())
    stops = [finding.what for finding in findings if finding.mark == "stop"]
    print(f"\nnot usable yet: {', '.join(stops)}" if stops else "\nthis machine can run recipes")
    return 1 if stops else 0


def examine() -> Iterator[Finding]:
    """Everything that doctor checks, in the order of the screen."""
    probe = Probe(TORCH_PROBE, VLLM_PROBE)
    driver = gpus_of_driver()
    yield from check_machine()
    yield from check_packages()
    torch, vllm = probe.facts(PROBE_SECONDS)
    yield from check_torch(driver, torch)
    yield check_vllm(bool(driver), vllm)
