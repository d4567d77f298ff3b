"""What doctor concludes of the GPUs from the driver's list and from torch."""

from distilray.cli.checkup.torch import check_torch

CPU_TORCH = {"cuda": None, "gloo": True, "nccl": False, "gpus": 0, "torchvision": None}
CUDA_TORCH = {"cuda": "13.0", "gloo": True, "nccl": True, "gpus": 1, "torchvision": None}
H200 = ["NVIDIA H200, 143771 MiB, 143000 MiB, 580.82"]


def marks(findings) -> dict[str, str]:
    return {finding.what: finding.mark for finding in findings}


def test_a_gpu_beside_a_cpu_build_is_told_how_to_use_it() -> None:
    gpus, *_ = check_torch(H200, CPU_TORCH)
    assert (gpus.mark, "EXTRA=gpu" in gpus.remedy) == ("look", True)


def test_a_gpu_that_torch_for_cuda_cannot_see_stops() -> None:
    assert marks(check_torch(H200, {**CUDA_TORCH, "gpus": 0}))["GPUs"] == "stop"


def test_gpus_train_over_nccl() -> None:
    assert marks(check_torch(H200, CUDA_TORCH)) == {"GPUs": "ok", "FSDP2": "ok"}
    assert marks(check_torch(H200, {**CUDA_TORCH, "nccl": False}))["FSDP2"] == "stop"


def test_a_broken_torchvision_stops() -> None:
    broken = {**CPU_TORCH, "torchvision": "operator torchvision::nms does not exist"}
    assert marks(check_torch([], broken))["torchvision"] == "stop"
