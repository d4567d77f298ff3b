"""Environment variables of vLLM's CPU build, wherever an engine of it starts; set before it is imported."""

from __future__ import annotations

VLLM_ON_CPUS = {
    # With the default, independent engines all bind themselves to the same first core.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    # vLLM compiles its count of likelier tokens even when it runs eagerly, at the first request for log-probabilities:
    # seconds of a C++ compiler, and the engine's death on a machine without `openssl`.
    "TORCH_COMPILE_DISABLE": "1",
}
