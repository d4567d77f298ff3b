"""Memory of GPUs as their driver reports it, and by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from distilray.planning import gpu_gib_of, installed_gpu_gib
from distilray.planning.gpus import smallest_gib

GPU = "<gpu>{mig}<fb_memory_usage><total>{total} MiB</total><reserved>{reserved} MiB</reserved></fb_memory_usage></gpu>"
INSTANCE = "<mig_device><fb_memory_usage><total>{total} MiB</total></fb_memory_usage></mig_device>"


def report(*gpus: str) -> str:
    return f"<?xml version='1.0'?>\n<nvidia_smi_log>{''.join(gpus)}</nvidia_smi_log>"


def test_the_smallest_gpu_counts_less_what_its_driver_keeps() -> None:
    a100 = GPU.format(mig="", total=81920, reserved=600)
    h200 = GPU.format(mig="", total=143771, reserved=630)
    assert smallest_gib(report(h200, a100)) == pytest.approx(79.4, abs=0.1)
    assert smallest_gib(report(h200)) == pytest.approx(139.8, abs=0.1)


def test_a_gpu_that_is_cut_into_instances_has_the_memory_of_the_smallest() -> None:
    instances = "".join(INSTANCE.format(total=total) for total in (40192, 19968))
    cut = GPU.format(mig=f"<mig_devices>{instances}</mig_devices>", total=81559, reserved=600)
    assert smallest_gib(report(cut)) == pytest.approx(19.5, abs=0.1)
    none = GPU.format(mig="<mig_devices>None</mig_devices>", total=81559, reserved=600)
    assert smallest_gib(report(none)) == pytest.approx(79.1, abs=0.1)


@pytest.mark.parametrize(
    "text", ["", "NVIDIA-SMI has failed", report(), report(GPU.format(mig="", total="", reserved=""))]
)
def test_no_answer_is_none(text: str) -> None:
    assert smallest_gib(text) is None


def test_the_driver_of_this_machine_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text(
        f"#!/bin/sh\n[ \"$*\" = '-q -x' ] && cat <<'EOF'\n{report(GPU.format(mig='', total=81920, reserved=0))}\nEOF\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert installed_gpu_gib() == 80
    command.write_text("#!/bin/sh\nexit 9\n")
    assert installed_gpu_gib() is None


def test_names_are_for_machines_that_are_not_up() -> None:
    assert gpu_gib_of(["CPU", "GPU", "accelerator_type:A100"]) == 40, "of 40 and 80 GB the smaller"
    assert gpu_gib_of(["CPU", "GPU"]) is None
