"""What doctor concludes from what it finds, and one real look at this machine."""

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from distilray.cli.checkup import (
    GB,
    STACK,
    Probe,
    check_compiler,
    check_disk,
    check_memory,
    check_open_files,
    check_shared_memory,
    check_torch,
    check_versions,
    check_vllm,
    everything_asked,
)

INSTALLED: dict[str, str | None] = dict.fromkeys(STACK, "1.0")
CPU_TORCH = {"cuda": None, "gloo": True, "nccl": False, "gpus": 0, "torchvision": None}
CUDA_TORCH = {"cuda": "13.0", "gloo": True, "nccl": True, "gpus": 1, "torchvision": None}
H200 = ["NVIDIA H200, 143771 MiB, 143000 MiB, 580.82"]


def marks(findings) -> dict[str, str]:
    return {finding.what: finding.mark for finding in findings}


@pytest.mark.parametrize(("free", "mark"), [(1, "stop"), (4, "look"), (16, "ok")])
def test_little_memory_is_told(free: int, mark: str) -> None:
    assert check_memory(free * GB, 32 * GB).mark == mark


@pytest.mark.parametrize(("free", "mark"), [(1, "stop"), (10, "look"), (100, "ok")])
def test_a_full_disk_is_told(free: int, mark: str) -> None:
    assert check_disk(free * GB, Path("here")).mark == mark


def test_a_container_with_64_megabytes_of_shared_memory_is_told_how_to_get_more() -> None:
    assert "--shm-size" in check_shared_memory(64 * 1024**2).remedy


@pytest.mark.parametrize(("soft", "mark"), [(1024, "look"), (65536, "ok"), (-1, "ok")])
def test_few_open_files_are_told(soft: int, mark: str) -> None:
    assert check_open_files(soft).mark == mark


def test_a_missing_compiler_stops_nothing() -> None:
    assert check_compiler(None).mark == "look"


def test_a_version_that_another_package_refuses_is_named_with_who_refuses_it() -> None:
    asked = [("vllm", "torch", Requirement("torch==2.0")), ("trl", "torch", Requirement("torch>=1.0"))]
    findings = {finding.what: finding for finding in check_versions(INSTALLED, asked)}
    assert findings["torch"].mark == "stop"
    assert findings["torch"].remedy.startswith("vllm asks for ==2.0: ")
    assert findings["ray"].mark == "ok"


def test_the_cpu_build_of_a_pinned_torch_is_the_pinned_torch() -> None:
    asked = [("distilray", "torch", Requirement("torch==2.13.0"))]
    assert marks(check_versions({**INSTALLED, "torch": "2.13.0+cpu"}, asked))["torch"] == "ok"


def test_a_missing_package_stops() -> None:
    assert marks(check_versions({**INSTALLED, "trl": None}, []))["trl"] == "stop"


def test_the_pins_come_from_the_metadata_of_distilray_and_of_ray() -> None:
    pins = {(asker, name, str(requirement.specifier)) for asker, name, requirement in everything_asked()}
    assert {name for asker, name, pin in pins if asker == "distilray" and "==" in pin} == set(STACK)
    assert {pin for _, name, pin in pins if name == "vllm" and "==" in pin} == {"==0.29.0"}


def test_a_gpu_beside_a_cpu_build_is_told_how_to_use_it() -> None:
    gpus, *_ = check_torch(H200, CPU_TORCH)
    assert (gpus.mark, "EXTRA=gpu" in gpus.remedy) == ("look", True)
    assert "EXTRA=gpu" in check_vllm(True, {"device": "cpu", "kernels": True}).remedy


def test_a_gpu_that_torch_for_cuda_cannot_see_stops() -> None:
    assert marks(check_torch(H200, {**CUDA_TORCH, "gpus": 0}))["GPUs"] == "stop"


def test_gpus_train_over_nccl() -> None:
    assert marks(check_torch(H200, CUDA_TORCH)) == {"GPUs": "ok", "FSDP2": "ok"}
    assert marks(check_torch(H200, {**CUDA_TORCH, "nccl": False}))["FSDP2"] == "stop"


def test_a_broken_torchvision_stops() -> None:
    broken = {**CPU_TORCH, "torchvision": "operator torchvision::nms does not exist"}
    assert marks(check_torch([], broken))["torchvision"] == "stop"


def test_vllm_without_its_kernels_stops() -> None:
    assert check_vllm(False, {"device": "cpu", "kernels": False}).mark == "stop"
    assert check_vllm(False, {"device": "", "kernels": True}).mark == "stop"


def test_an_import_that_fails_is_shown_with_its_error() -> None:
    assert Probe("import no_such_module").facts(60) == ["ModuleNotFoundError: No module named 'no_such_module'"]


def test_an_import_that_dies_without_a_word_is_shown_with_its_status() -> None:
    assert Probe("import os; os.abort()").facts(60) == ["exit status -6"]


def test_what_was_found_before_a_death_is_kept() -> None:
    assert Probe("print('{}')", "import os; os.abort()").facts(60) == [{}, "exit status -6"]


def test_an_import_that_hangs_is_given_up() -> None:
    [found] = Probe("import time; time.sleep(60)").facts(0.2)
    assert str(found).startswith("no answer in 0 s")


@pytest.mark.slow
def test_this_machine_is_usable_and_fits_on_one_screen() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "from distilray.doctor import doctor; raise SystemExit(doctor())"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "this machine can run recipes" in result.stdout
    assert len(result.stdout.splitlines()) <= 40
