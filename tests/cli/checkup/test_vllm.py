"""What doctor concludes of vLLM's build."""

from distilray.cli.checkup.vllm import check_vllm


def test_a_cpu_build_leaves_gpus_idle():
    assert "EXTRA=gpu" in check_vllm(True, {"device": "cpu", "kernels": True}).remedy
    assert check_vllm(False, {"device": "cpu", "kernels": True}).mark == "ok"


def test_vllm_without_its_kernels_stops() -> None:
    assert check_vllm(False, {"device": "cpu", "kernels": False}).mark == "stop"
    assert check_vllm(False, {"device": "", "kernels": True}).mark == "stop"
