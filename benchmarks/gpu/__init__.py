"""The stages of benchmarks/gpu_check.py: what a few minutes on one GPU are spent on."""
